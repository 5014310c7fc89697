"""What the two APIs answer beyond the acceptance scenarios: bytes, headers, the order of their checks."""

import json
import re
import threading
import uuid

import pytest

from harness import eventually
from raw_http import ask

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
JSON = "application/json; charset=UTF-8"


@pytest.fixture
def blox(shared):
    return shared.blox


@pytest.fixture
def name():
    return f"http-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cluster(shared, name):
    shared.sim.register_task_definition(name)
    return shared.sim.create_cluster(name)


def assert_error(response, status, text):
    assert (response.status_code, response.text) == (status, text + "\n")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


# ---- every answer ----------------------------------------------------------------------------


def test_ping_has_no_body(blox):
    response = blox.scheduler.get("/v1/ping?anything")
    assert (response.status_code, response.content) == (200, b"")
    assert (response.headers["Content-Type"], response.headers["Content-Length"]) == (JSON, "0")


def test_every_answer_has_a_request_id_of_its_own(shared, blox):
    ids = [blox.scheduler.get("/v1/ping").headers["X-Request-Id"] for _ in range(2)]
    ids += [blox.state.get("/v1/nothing").headers["X-Request-Id"]]
    assert len(set(ids)) == 3 and all(re.fullmatch("[0-9a-f]{32}", i) for i in ids)
    log = shared.dir / "nginx" / "logs" / "access.log"
    eventually(lambda: set(ids) <= {json.loads(line)["request"] for line in log.read_text().splitlines()}, 5)


def test_a_clients_headers_do_not_reach_the_worker(blox):
    given = {"X-Request-Id": "mine", "X-Blox-Principal": "root"}
    assert blox.scheduler.get("/v1/ping", headers=given).headers["X-Request-Id"] != "mine"


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_in_a_browser_changes_nothing(blox, cluster, name, origin):
    """It can send what it likes to whatever the browser reaches, and with a name that moves read the answer, too."""
    headers = {"Origin": origin, "Content-Type": "text/plain", "X-Blox-Signature": "x"}
    body = json.dumps({"name": name, "instanceGroup": {"cluster": name}, "taskDefinition": name})
    assert_error(blox.scheduler.post("/v1/environments", data=body, headers=headers), 403, "403 Forbidden")
    assert_error(blox.scheduler.delete(f"/v1/environments/{name}", headers=headers), 403, "403 Forbidden")
    assert_error(blox.state.post("/v1/reconcile", headers=headers), 403, "403 Forbidden")
    assert blox.state.get("/v1/tasks", headers=headers).status_code == 200
    assert blox.gateway.post("/v1/environments", data=body, headers=headers).status_code == 200


def test_answers_tell_their_revision(blox, cluster, name):
    created = blox.post_environment(name, cluster, name)
    read = blox.scheduler.get(f"/v1/environments/{name}")
    assert int(read.headers["X-Blox-Revision"]) >= int(created.headers["X-Blox-Revision"]) > 0
    listed = blox.state.get("/v1/tasks")
    assert int(listed.headers["X-Blox-Revision"]) > 0
    assert "X-Blox-Age-Ms" not in listed.headers


# ---- environments ----------------------------------------------------------------------------


def test_an_environment_byte_by_byte(shared, blox, cluster, name):
    response = blox.post_environment(name, name, name)
    definition = shared.aws_client("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"]
    token = response.json()["deploymentToken"]
    assert UUID.fullmatch(token)
    want = (
        f'{{"deploymentToken":"{token}","health":"healthy","instanceGroup":{{"cluster":"{cluster}"}},'
        f'"name":"{name}","taskDefinition":"{definition["taskDefinitionArn"]}"}}'
    )
    assert (response.status_code, response.text) == (200, want + "\n")
    assert response.headers["Content-Type"] == JSON
    assert blox.scheduler.get(f"/v1/environments/{name}").text == want + "\n"
    assert blox.scheduler.get(f"/v1/environments?cluster={name}").text == f'{{"items":[{want}]}}\n'


def test_an_empty_list(blox):
    for server, path in ((blox.scheduler, "environments"), (blox.state, "tasks"), (blox.state, "instances")):
        response = server.get(f"/v1/{path}?cluster=nobody-knows-it")
        assert (response.status_code, response.text) == (200, '{"items":[]}\n')
        assert response.headers["Content-Type"] == JSON


def test_a_delete_has_neither_body_nor_type(blox, cluster, name):
    blox.create_environment(name, cluster, name)
    for _ in range(2):
        response = blox.scheduler.delete(f"/v1/environments/{name}")
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["Content-Length"] == "0" and "Content-Type" not in response.headers


def test_a_name_is_free_after_its_delete(blox, cluster, name):
    first = blox.create_environment(name, cluster, name)
    blox.delete_environment(name)
    second = blox.create_environment(name, cluster, name)
    assert first["deploymentToken"] != second["deploymentToken"]
    assert blox.deployments(name) == []


def test_the_content_type_of_a_create_does_not_matter(blox, cluster, name):
    body = json.dumps({"NAME": name, "instancegroup": {"Cluster": cluster}, "taskDefinition": name, "more": [1]})
    response = blox.scheduler.post("/v1/environments?ignored=1", data=body, headers={"Content-Type": "text/html"})
    assert (response.status_code, response.json()["name"]) == (200, name)


def test_two_environments_may_overlap_and_the_log_says_it(shared, blox, cluster, name):
    again = name + "-again"
    blox.create_environment(name, cluster, name)
    for _ in shared.api:
        assert blox.environment(name)  # each worker knows it now
    blox.create_environment(again, cluster, name)
    lines = [line for api in shared.api for line in api.log().splitlines() if "environment.overlaps" in line]
    said = [(line["name"], line["with"]) for line in map(json.loads, lines)]
    assert [pair for pair in said if name in pair] == [(again, name)]


def test_ecs_is_asked_before_the_name_is_looked_at(blox, cluster, name):
    blox.create_environment(name, cluster, name)
    assert_error(blox.post_environment(name, "nowhere", name), 404, "Cluster with name nowhere is missing")
    assert_error(blox.post_environment(name, "", name), 404, "Cluster with name  is missing")


def test_the_words_of_ecs_are_passed_on(blox, cluster, name):
    response = blox.post_environment(name, cluster, "nothing:7")
    assert response.status_code == 404
    assert re.fullmatch(
        r"Error calling DescribeTaskDefinition for taskDefinition nothing:7: ClientException: [^\n]+\n"
        r"\tstatus code: 400, request id: \S+\n",
        response.text,
    )


@pytest.mark.parametrize(
    "query, text",
    [
        ("nextTokens=x", "At least one of the filters provided is not supported"),
        ("cluster=a/b&color=red", "At least one of the filters provided is not supported"),
        ("Cluster=prod", "At least one of the filters provided is not supported"),
        ("cluster&cluster", "At least one of the filters provided is specified multiple times"),
        ("cluster=a", "Invalid cluster ARN or name"),
        ("cluster=prod%0A", "Invalid cluster ARN or name"),
    ],
)
def test_filters_of_environments(blox, query, text):
    assert_error(blox.scheduler.get(f"/v1/environments?{query}"), 400, text)


@pytest.mark.parametrize("query", ["cluster", "cluster=", "cluster=%zz", "&&"])
def test_no_filter_lists_all_environments_by_name(blox, cluster, name, query):
    for letter in "bca":
        blox.create_environment(f"{name}-{letter}", cluster, name)
    names = [e["name"] for e in json.loads(ask(blox.scheduler, "GET", f"/v1/environments?{query}").text)["items"]]
    assert names == sorted(names)
    assert {f"{name}-{letter}" for letter in "abc"} <= set(names)


# ---- deployments -----------------------------------------------------------------------------


def test_a_deployment_byte_by_byte(blox, cluster, name):
    environment = blox.create_environment(name, cluster, name)
    response = blox.post_deployment(name, environment["deploymentToken"])
    deployment_id = response.json()["id"]
    assert UUID.fullmatch(deployment_id)
    assert response.text == (
        f'{{"environmentName":"{name}","failedInstances":[],"id":"{deployment_id}","status":"pending",'
        f'"taskDefinition":"{environment["taskDefinition"]}"}}\n'
    )
    assert response.headers["Content-Type"] == JSON


def test_a_second_token_in_the_query_is_ignored(blox, cluster, name):
    token = blox.create_environment(name, cluster, name)["deploymentToken"]
    path = f"/v1/environments/{name}/deployments?deploymentToken={token}&deploymentToken=x&more=1"
    assert blox.scheduler.post(path).status_code == 200


def at_once(n, request):
    """The status codes of n equal requests sent at the same time."""
    codes = []
    start = threading.Barrier(n)

    def run():
        start.wait()
        codes.append(request().status_code)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(codes)


def test_of_ten_equal_creates_one_succeeds(blox, cluster, name):
    assert at_once(10, lambda: blox.post_environment(name, cluster, name)) == [200] + 9 * [400]
    token = blox.environment(name)["deploymentToken"]
    assert at_once(10, lambda: blox.post_deployment(name, token)) == [200] + 9 * [400]
    assert len(blox.deployments(name)) == 1


# ---- tasks and instances ---------------------------------------------------------------------


def test_an_entity_is_the_same_alone_and_in_a_list(shared, blox, cluster, name):
    (arn,) = shared.sim.add_instances(name, 1)
    path = f"/v1/instances?cluster={name}"
    eventually(lambda: blox.state.get(path).json()["items"], 10)
    alone = eventually(lambda: (r := blox.state.get(f"/v1/instances/{name}/{arn}")).status_code == 200 and r, 10)
    assert alone.headers["Content-Type"] == JSON
    assert alone.text.startswith('{"entity":{"EC2InstanceID":"') and alone.text.endswith('"}}\n')
    eventually(
        lambda: blox.state.get(path).text
        == '{"items":[' + blox.state.get(f"/v1/instances/{name}/{arn}").text.rstrip("\n") + "]}\n",
        10,
    )


def test_a_right_arn_under_a_wrong_cluster(shared, blox, cluster, name):
    (arn,) = shared.sim.add_instances(name, 1)
    eventually(lambda: blox.state.get(f"/v1/instances/{name}/{arn}").status_code == 200, 10)
    assert_error(blox.state.get(f"/v1/instances/{name}-other/{arn}"), 404, "Instance not found")


def test_instances_are_in_order_of_their_arns(shared, blox, cluster, name):
    arns = sorted(shared.sim.add_instances(name, 5))
    eventually(lambda: [i["containerInstanceARN"] for i in blox.instances(cluster=name)] == arns, 10)


@pytest.mark.parametrize(
    "path, text",
    [
        ("tasks?group=x&status=nonsense", "At least one of the filters provided is unsupported"),
        ("tasks?Status=running", "At least one of the filters provided is unsupported"),
        ("tasks?status=nonsense&status=running", "At least one of the filters provided is specified multiple times"),
        ("tasks?startedBy&startedBy", "At least one of the filters provided is specified multiple times"),
        ("tasks?status=nonsense&cluster=a/b", "Invalid status"),
        ("tasks?status=draining", "Invalid status"),
        ("tasks?cluster=a/b", "Invalid cluster ARN or name"),
        ("instances?startedBy=x", "At least one of the filters provided is unsupported"),
        ("instances?status=running", "Invalid status"),
        ("instances?status=active&cluster=x", "Invalid cluster ARN or name"),
    ],
)
def test_filters_of_entities(blox, path, text):
    assert_error(blox.state.get(f"/v1/{path}"), 400, text)


def test_draining_instances_can_be_listed(shared, blox, cluster, name):
    first, second = shared.sim.add_instances(name, 2)
    shared.aws_client("ecs").update_container_instances_state(
        cluster=name, containerInstances=[first], status="DRAINING"
    )

    def listed(status):
        return [i["containerInstanceARN"] for i in blox.instances(cluster=name, status=status)]

    eventually(lambda: (listed("DRAINING"), listed("active")) == ([first], [second]), 10)


def test_a_cluster_arn_of_another_region_is_another_cluster(shared, blox, cluster, name):
    shared.sim.add_instances(name, 1)
    eventually(lambda: blox.instances(cluster=cluster), 10)
    assert blox.instances(cluster=cluster.replace("us-east-1", "eu-west-1")) == []
