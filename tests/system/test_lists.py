"""Lists: pages, filters, cluster queries, clusters."""

import re
import threading
import urllib.parse

import pytest

from clients import answer, instance_arns, task_arns
from harness import eventually
from list_client import fetch, have_looked_at, tag, token_of
from stream_client import Stream

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=UTF-8"
PROBLEM = "application/problem+json"
CLUSTER = "lists"
OTHER = "lists-other"
N_INSTANCES = 5
N_TASKS = 60


@pytest.fixture(scope="module")
def fleet(shared):
    """Two clusters with instances of two zones, and tasks of two families which nobody changes."""
    sim = shared.sim
    for cluster in (CLUSTER, OTHER):
        sim.create_cluster(cluster)
    for family in ("lists-web", "lists-batch"):
        sim.register_task_definition(family)
    zones = {zone: sim.add_instances(CLUSTER, n, attributes={"zone": zone}) for zone, n in (("a", 3), ("b", 2))}
    web = sim.add_tasks(CLUSTER, count=40, taskDefinition="lists-web", startedBy="deployer", group="web", events=True)
    batch = sim.add_tasks(
        CLUSTER, count=20, taskDefinition="lists-batch", group="batch", instances=zones["a"], events=True
    )
    other = sim.add_instances(OTHER, 1)
    foreign = sim.add_tasks(OTHER, count=3, taskDefinition="lists-web", startedBy="deployer", events=True)
    eventually(
        lambda: len(shared.blox.tasks(cluster=CLUSTER)) == 60
        and len(shared.blox.tasks(cluster=OTHER)) == 3
        and len(shared.blox.instances(cluster=CLUSTER)) == N_INSTANCES
        and len(shared.blox.instances(cluster=OTHER)) == 1,
        20,
    )
    have_looked_at(shared.blox, CLUSTER, OTHER)
    return {"zones": zones, "web": web, "batch": batch, "other": other, "foreign": foreign}


@pytest.fixture
def blox(shared, fleet):
    return shared.blox


def arns_of(items):
    return [item["entity"].get("taskARN") or item["entity"]["containerInstanceARN"] for item in items]


# ---- filters ---------------------------------------------------------------------------------


def test_tasks_by_family(blox, fleet):
    assert task_arns(blox, cluster=CLUSTER, family="lists-web") == sorted(fleet["web"])
    assert task_arns(blox, family="lists-web") == sorted(fleet["web"] + fleet["foreign"])
    assert task_arns(blox, family="lists") == []


def test_tasks_by_definition(blox, fleet):
    (definition,) = {task["taskDefinitionARN"] for task in blox.tasks(family="lists-batch")}
    assert task_arns(blox, taskDefinition=definition) == sorted(fleet["batch"])
    assert task_arns(blox, taskDefinition="lists-batch:1") == sorted(fleet["batch"])
    assert task_arns(blox, taskDefinition="lists-batch:2") == []


def test_tasks_by_instance(blox, fleet):
    for arn in fleet["zones"]["a"]:
        there = [t["taskARN"] for t in blox.tasks(cluster=CLUSTER) if t["containerInstanceARN"] == arn]
        (instance,) = [i for i in blox.instances(cluster=CLUSTER) if i["containerInstanceARN"] == arn]
        assert there and sorted(there) == task_arns(blox, containerInstance=arn)
        assert sorted(there) == task_arns(blox, containerInstance=arn.split("/")[-1])
        assert sorted(there) == task_arns(blox, ec2InstanceId=instance["EC2InstanceID"])
        assert [arn] == instance_arns(blox, ec2InstanceId=instance["EC2InstanceID"])
    assert task_arns(blox, ec2InstanceId="i-nobody") == []


def test_tasks_by_desired_status(blox, fleet):
    assert len(blox.tasks(cluster=CLUSTER, desiredStatus="RUNNING")) == N_TASKS
    assert blox.tasks(cluster=CLUSTER, desiredStatus="stopped") == []


def test_filters_together(blox, fleet):
    query = {"cluster": CLUSTER, "status": "running", "desiredStatus": "running", "startedBy": "deployer"}
    assert task_arns(blox, **query, family="lists-web") == sorted(fleet["web"])
    assert task_arns(blox, **query, family="lists-batch") == []


@pytest.mark.parametrize(
    "query, zones",
    [
        ("attribute:zone == a", "a"),
        ("attribute:zone in [a, b]", "ab"),
        ("attribute:zone !exists", ""),
        ("not (attribute:zone =~ a|c)", "b"),
        ("task:group == batch", "a"),
        ("not (task:group == batch)", "b"),
        ("runningTasksCount > 8", "a"),
        ("runningTasksCount == 0", ""),
        ("agentConnected == true and attribute:zone == b", "b"),
        ("agentVersion >= 1.0.0", "ab"),
        ("agentVersion < 1.0.0", ""),
        ("registeredAt > 2017-01-01", "ab"),
    ],
)
def test_cluster_queries(blox, fleet, query, zones):
    want = sorted(arn for zone in zones for arn in fleet["zones"][zone])
    eventually(lambda: instance_arns(blox, cluster=CLUSTER, query=query) == want, 10, query)
    tasks = [t["taskARN"] for t in blox.tasks(cluster=CLUSTER) if t["containerInstanceARN"] in want]
    assert task_arns(blox, cluster=CLUSTER, query=query) == sorted(tasks)


def test_a_query_and_other_filters(blox, fleet):
    want = fleet["zones"]["a"]
    some = blox.tasks(cluster=CLUSTER, query="attribute:zone == a", family="lists-web")
    assert {task["containerInstanceARN"] for task in some} == set(want)
    assert {task["taskDefinitionARN"].split("/")[-1] for task in some} == {"lists-web:1"}
    paged, _ = blox.pages("/v1/tasks", 7, cluster=CLUSTER, query="attribute:zone == a", family="lists-web")
    assert sorted(arns_of(paged)) == sorted(task["taskARN"] for task in some)
    paged, _ = blox.pages("/v1/instances", 1, cluster=CLUSTER, query="attribute:zone == a")
    assert sorted(arns_of(paged)) == sorted(want)


def test_a_broken_query_is_shown_where(blox):
    for path in ("/v1/instances", "/v1/tasks"):
        response = blox.state.get(path, params={"query": "attribute:stack prod"})
        assert (response.status_code, response.headers["Content-Type"]) == (400, TEXT)
        first, expression, caret = response.text.splitlines()
        assert first.startswith("Invalid query: column 17: ")
        assert (expression, caret) == ("attribute:stack prod", " " * 16 + "^")


TOO_HARD = (
    "Invalid query: its regular expressions are too hard for so many instances: make them simpler, or name a cluster"
)
HARD = " or ".join([f"attribute:rack =~ '(a+)+{c}'" for c in "bcdefghi"])  # all the patterns a query may have


@pytest.fixture(scope="module")
def racks(shared, fleet):
    """300 instances with an attribute on which some patterns never end: 8 x 2000 steps on each."""
    shared.sim.create_cluster("racks")
    arns = shared.sim.add_instances("racks", 300, attributes={"rack": "a" * 60 + "bcdefghi!"})
    eventually(lambda: len(shared.blox.instances(cluster="racks")) == len(arns), 30)
    eventually(lambda: len(shared.blox.instances(cluster="racks", query="attribute:rack exists")) == len(arns), 30)
    return sorted(arns)


@pytest.mark.parametrize("path", ["instances", "tasks", "stream/instances"])
def test_a_query_that_is_too_hard(blox, racks, path):
    """It costs what its limit is, and is told so; the same query of fewer instances is answered."""
    for more in ({}, {"cluster": "racks"}):
        query = {"query": HARD, **more} | ({"snapshot": "true"} if "stream" in path else {})
        response = blox.state.get(f"/v1/{path}", params=query)
        assert (response.status_code, response.text) == (400, TOO_HARD + "\n")
        assert response.elapsed.total_seconds() < 10  # on a busy machine; else some 0.2
    if "stream" not in path:
        assert answer(blox.state.get(f"/v1/{path}", params={"query": HARD, "cluster": CLUSTER}))["items"] == []


def test_a_filter_that_is_too_hard(shared, racks):
    ecs = shared.aws_client("ecs", shared.blox.state.url)
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="too hard for so many instances"):
        ecs.list_container_instances(cluster="racks", filter=HARD)


def test_a_query_that_is_not_too_hard(blox, racks):
    """Eight patterns of an ordinary sort, on every instance."""
    easy = " or ".join([f"attribute:rack =~ '{c}.*|[xyz]+{c}?a(b|c)*'" for c in "bcdefgh"] + ["attribute:rack =~ 'a+bc.+!'"])
    assert instance_arns(blox, cluster="racks", query=easy) == racks


def test_a_change_on_a_stream_costs_little(shared, blox, racks):
    """Without a snapshot nobody is there to refuse: what is too hard for one change matches nothing."""
    hard = Stream(blox.state, "/v1/stream/instances?" + urllib.parse.urlencode({"query": HARD, "cluster": "racks"}))
    with hard, Stream(blox.state, "/v1/stream/instances?cluster=racks") as all_of_it:
        for arn in racks[:50]:
            shared.sim.change_instance(arn, agentConnected=False)
        eventually(lambda: {*racks[:50]} <= {line["entity"]["containerInstanceARN"] for line in all_of_it.lines}, 20)
        assert hard.lines == [] and hard.ended is None


# ---- what is refused --------------------------------------------------------------------------

UNSUPPORTED = "At least one of the filters provided is unsupported"
NOT_SUPPORTED = "At least one of the filters provided is not supported"
TWICE = "At least one of the filters provided is specified multiple times"
SIZE = "Invalid maxResults: want 1 to 1000"
TOKEN = "Invalid nextToken"
HUGE = "x" * 5000

REFUSED = [
    ("tasks", "desiredStatus=x", "Invalid desiredStatus"),
    ("tasks", "desiredStatus=running&desiredStatus=running", TWICE),
    ("tasks", "desiredStatus=" + HUGE, "Invalid desiredStatus"),
    ("tasks", "family=a/b", "Invalid family"),
    ("tasks", "family=" + HUGE, "Invalid family"),
    ("tasks", "family=a&family=b", TWICE),
    ("tasks", "taskDefinition=web", "Invalid taskDefinition: want family:revision or an ARN"),
    ("tasks", "taskDefinition=web:-1", "Invalid taskDefinition: want family:revision or an ARN"),
    ("tasks", "taskDefinition=" + HUGE, "Invalid taskDefinition: want family:revision or an ARN"),
    ("tasks", "taskDefinition=a:1&taskDefinition=a:1", TWICE),
    ("tasks", "containerInstance=a/b", "Invalid containerInstance: want an ARN or an id"),
    ("tasks", "containerInstance=" + HUGE, "Invalid containerInstance: want an ARN or an id"),
    ("tasks", "containerInstance=a&containerInstance=b", TWICE),
    ("tasks", "ec2InstanceId=i%201", "Invalid ec2InstanceId"),
    ("tasks", "ec2InstanceId=" + HUGE, "Invalid ec2InstanceId"),
    ("tasks", "query=agentConnected==true&query=agentConnected==true", TWICE),
    ("tasks", "maxResult=1", UNSUPPORTED),
    ("instances", "family=a", UNSUPPORTED),
    ("instances", "ec2InstanceId=a&ec2InstanceId=a", TWICE),
]
for path in ("tasks", "instances"):
    REFUSED += [(path, f"maxResults={size}", SIZE) for size in ("0", "-1", "1001", "abc", "1.0", "%2B1", "99999999999", "+1")]
    REFUSED += [(path, f"nextToken={token}", TOKEN) for token in ("x", "00", "-1", "zz", HUGE)]
    REFUSED += [(path, "maxResults=1&maxResults=1", TWICE), (path, "nextToken=a&nextToken=b", TWICE)]
    REFUSED += [(path, "maxResults=1&unknown=1", UNSUPPORTED)]


@pytest.mark.parametrize("path, query, text", REFUSED, ids=lambda value: value[:40])
def test_refused(blox, path, query, text):
    response = blox.state.get(f"/v1/{path}?{query}")
    assert (response.status_code, response.text) == (400, text + "\n")
    assert response.headers["Content-Type"] == TEXT
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "query, text",
    [
        ("maxResults=0", SIZE),
        ("maxResults=1001", SIZE),
        ("maxResults=1&maxResults=2", TWICE),
        ("nextToken=x", TOKEN),
        ("nextToken=x&nextToken=y", TWICE),
        ("maxResults=1&color=red", NOT_SUPPORTED),
    ],
)
def test_environment_pages_refused(blox, query, text):
    response = blox.scheduler.get(f"/v1/environments?{query}")
    assert (response.status_code, response.text) == (400, text + "\n")


@pytest.mark.parametrize("query", ["status", "maxResults=", "nextToken", "query=", "family=&containerInstance=&ec2InstanceId="])
def test_empty_parameters_are_absent(blox, query):
    response = blox.state.get(f"/v1/tasks?cluster={CLUSTER}&{query}")
    assert len(answer(response)["items"]) == N_TASKS and "nextToken" not in response.json()


# ---- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 59, 60, 61, 1000])
def test_pages_are_the_whole_list(blox, size):
    whole = blox.state.get("/v1/tasks", params={"cluster": CLUSTER}).json()["items"]
    paged, _ = blox.pages("/v1/tasks", size, cluster=CLUSTER)
    assert paged == whole

    def are_all_of_them():  # of all clusters here, and nothing came in between
        return blox.pages("/v1/instances", size)[0] == blox.state.get("/v1/instances").json()["items"]

    eventually(are_all_of_them, 5)


def test_the_rest_in_one(blox):
    whole = answer(blox.state.get("/v1/tasks", params={"cluster": CLUSTER}))
    first = answer(blox.state.get("/v1/tasks", params={"cluster": CLUSTER, "maxResults": 10}))
    rest = answer(blox.state.get("/v1/tasks", params={"cluster": CLUSTER, "nextToken": first["nextToken"]}))
    assert first["items"] + rest["items"] == whole["items"]
    assert "nextToken" not in rest


def test_a_list_without_pages_is_as_it_ever_was(blox):
    response = blox.state.get("/v1/instances", params={"cluster": OTHER})
    assert re.fullmatch(r'\{"items":\[\{"entity":\{.*\},"metadata":\{"entityVersion":"\d+"\}\}\]\}\n', response.text)
    assert blox.state.get("/v1/tasks?cluster=nobody").text == '{"items":[]}\n'


def test_environments_and_deployments_by_pages(shared, blox):
    names = sorted(f"lists-page-{i:02}" for i in range(7))
    for name in names:
        environment = blox.create_environment(name, OTHER, "lists-web")
        blox.create_deployment(name, environment["deploymentToken"])
    everything = blox.environments(cluster=OTHER)
    assert [e["name"] for e in everything] == names
    for size in (1, 3, 7, 8):
        paged, _ = blox.pages("/v1/environments", size, blox.scheduler, cluster=OTHER)
        assert [e["name"] for e in paged] == names
    path = f"/v1/environments/{names[0]}/deployments"
    assert [d["id"] for d in blox.pages(path, 1, blox.scheduler)[0]] == [d["id"] for d in blox.deployments(names[0])]
    assert blox.scheduler.get(path + "?maxResults=0").text == SIZE + "\n"
    assert blox.scheduler.get(path + "?whatever=1&whatever=2").status_code == 200
    for name in names:
        blox.delete_environment(name)


def test_tokens_of_other_lists_are_refused(blox):
    token = token_of(blox, "/v1/tasks", cluster=CLUSTER)
    assert blox.state.get("/v1/tasks", params={"cluster": CLUSTER, "nextToken": token}).status_code == 200
    other_lists = [
        ("/v1/tasks", {}),
        ("/v1/tasks", {"cluster": OTHER}),
        ("/v1/tasks", {"cluster": CLUSTER, "status": "running"}),
        ("/v1/tasks", {"cluster": CLUSTER, "query": "attribute:zone == a"}),
        ("/v1/instances", {"cluster": CLUSTER}),
    ]
    for path, query in other_lists:
        response = blox.state.get(path, params=query | {"nextToken": token})
        assert (response.status_code, response.text) == (400, TOKEN + "\n"), (path, query)
    assert blox.scheduler.get("/v1/environments", params={"nextToken": token}).status_code == 400
    assert blox.state.get("/v1/clusters", params={"nextToken": token}).status_code == 400


def test_forged_tokens_are_refused(blox):
    token = token_of(blox, "/v1/tasks", cluster=CLUSTER)
    forged = [token[:-1], token[:-2], token[2:], token + "00", token * 2, token.upper(), " " + token]
    forged += [token[:i] + ("0" if token[i] != "0" else "1") + token[i + 1 :] for i in range(0, len(token), 9)]
    for text in forged:
        response = blox.state.get("/v1/tasks", params={"cluster": CLUSTER, "nextToken": text})
        assert (response.status_code, response.text) == (400, TOKEN + "\n"), text


def test_a_token_of_another_installation_is_refused(shared, blox):
    """The key is in the store; whoever has another one is somebody else."""
    token = token_of(blox, "/v1/tasks", cluster=CLUSTER)
    key = shared.redis_client().hget("{blox}:meta", "page_key")
    assert len(key) == 64 and key not in token


def change_for_ever(sim, over):
    while not over.is_set():
        added = sim.add_tasks(CLUSTER, count=5, startedBy="passer-by", events=True)
        for task in added[:3]:
            sim.crash_task(task)


def test_pages_under_change(shared, blox, fleet):
    """What is there all the time is in the pages once; the changes since the first page's revision are
    all that is missing."""
    staying = sorted(fleet["web"] + fleet["batch"])
    over = threading.Event()
    changer = threading.Thread(target=change_for_ever, args=(shared.sim, over))
    changer.start()
    try:
        for size in (3, 10, 25) * 2:
            paged, revision = blox.pages("/v1/tasks", size, cluster=CLUSTER)
            arns = arns_of(paged)
            assert sorted(arn for arn in arns if arn in set(staying)) == staying
            assert len(arns) == len(set(arns)) and arns == sorted(arns)
            now = {item["entity"]["taskARN"]: item for item in answer(blox.state.get("/v1/tasks?cluster=" + CLUSTER))["items"]}
            for item in paged:
                current = now.get(item["entity"]["taskARN"])
                if current and current != item:
                    assert int(current["metadata"]["entityVersion"]) > revision
            for arn in set(now) - set(arns):
                assert int(now[arn]["metadata"]["entityVersion"]) > revision
    finally:
        over.set()
        changer.join()
    eventually(lambda: all(t["lastStatus"] == "RUNNING" for t in blox.tasks(cluster=CLUSTER, family="lists-web")), 10)


# ---- clusters ----------------------------------------------------------------------------------


def test_clusters(shared, blox, fleet):
    def described(name):
        return next(c for c in blox.clusters() if c["clusterARN"].endswith("/" + name))

    assert blox.state.post(f"/v1/reconcile?cluster={CLUSTER}").status_code == 202  # or it waits for the interval
    cluster = eventually(lambda: (c := described(CLUSTER))["synced"] and c, 20)
    assert cluster["status"] == "ACTIVE"
    assert cluster["instances"] == {"count": N_INSTANCES, "byStatus": {"ACTIVE": N_INSTANCES}}

    def counts_add_up():
        counted = len(blox.tasks(cluster=CLUSTER))
        return described(CLUSTER)["tasks"]["count"] == counted == sum(described(CLUSTER)["tasks"]["byStatus"].values())

    eventually(counts_add_up, 10)
    newest = max(
        int(item["metadata"]["entityVersion"])
        for path in ("tasks", "instances")
        for item in blox.state.get(f"/v1/{path}?cluster={CLUSTER}").json()["items"]
    )
    eventually(lambda: int(described(CLUSTER)["revision"]) >= newest, 10)
    assert 0 <= cluster["lastDriftAgeMs"] < 600_000
    assert 0 < int(cluster["lastDriftRevision"])
    heard_ms = eventually(lambda: (age := described(CLUSTER)["lastEventAgeMs"]) > 1000 and age, 10)
    shared.sim.add_tasks(CLUSTER, count=1, startedBy="fourth", events=True)
    eventually(lambda: described(CLUSTER)["lastEventAgeMs"] < heard_ms, 10)
    names = [c["clusterARN"] for c in blox.clusters()]
    assert names == sorted(names)
    assert [c["clusterARN"] for c in blox.pages("/v1/clusters", 1)[0]] == names


@pytest.mark.parametrize(
    "query, detail",
    [
        ("maxResults=0", SIZE),
        ("nextToken=x", TOKEN),
        ("maxResults=1&maxResults=1", TWICE),
        ("status=active", "Unknown parameter: want maxResults or nextToken"),
    ],
)
def test_problems(blox, query, detail):
    response = blox.state.get(f"/v1/clusters?{query}")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == PROBLEM
    assert response.json() == {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": detail}


def test_clusters_elsewhere(blox):
    assert blox.state.get("/v1/clusters/").status_code == 200  # redirected
    assert blox.state.post("/v1/clusters").status_code == 404
    assert blox.scheduler.get("/v1/clusters").status_code == 404


# ---- an epoch change ----------------------------------------------------------------------------


@pytest.mark.stack(n_reconcilers=1)
def test_tokens_and_tags_do_not_outlive_lost_writes(stack):
    """After Redis came back as another server nobody knows what was lost: pages begin again, and what
    clients keep is fetched again."""
    stack.sim.create_cluster("epoch")
    stack.sim.add_instances("epoch", 3)
    path = "/v1/instances"
    eventually(lambda: len(stack.blox.instances(cluster="epoch")) == 3, 20)
    token = token_of(stack.blox, path, cluster="epoch")
    etag = eventually(lambda: tag(stack.blox, path), 5)
    stack.redis.kill()
    stack.redis.start()

    def is_refused():
        response = stack.blox.state.get(path, params={"cluster": "epoch", "nextToken": token})
        return response.status_code == 400 and response.text.startswith(TOKEN + ": it has expired")

    eventually(is_refused, 20)
    eventually(lambda: fetch(stack.blox, path, etag).status_code == 200, 20)
    paged, _ = stack.blox.pages(path, 1, cluster="epoch")
    assert len(paged) == 3
