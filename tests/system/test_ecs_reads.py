"""ECS' read operations, asked of Blox as of ECS: after a drift pass both give the same answer."""

import functools
import json
import subprocess

import botocore.exceptions
import pytest

from harness import REGION, Stack, eventually

PASS_S = 15  # within which a pass is over
TARGET = "AmazonEC2ContainerServiceV20141113."
PLACE = f"arn:aws:ecs:{REGION}:123456789012"
NOBODY = "0123456789abcdef0123456789abcdef"  # the id of nothing
UUID = "01234567-89ab-cdef-0123-456789abcdef"  # an older one


# ---- the world ---------------------------------------------------------------------------------


class World:
    """A stack in which everything happened that an answer can show; nothing changes any more."""

    def __init__(self, stack):
        self.stack = stack
        self.ecs = stack.aws_client("ecs")
        self.blox = stack.aws_client("ecs", stack.blox.state.url)
        self.make()
        self.wait_for_pass()

    def make(self):
        sim = self.stack.sim
        for name in ("default", "empty", "prod", "gone"):
            sim.create_cluster(name)
        self.ecs.delete_cluster(cluster="gone")
        self.add_instances(sim)
        self.add_tasks(sim)

    def add_instances(self, sim):
        add = functools.partial(sim.add_instances, "prod")
        self.prod, self.dev, self.plain, self.left = (
            *add(attributes={"stack": "prod", "rack": "1"}),
            *add(attributes={"stack": "dev", "rack": "12"}),
            *add(count=2),
        )
        self.instances = [self.prod, self.dev, self.plain]
        self.others = sim.add_instances("default", 2)
        sim.change_instance(self.dev, status="DRAINING")
        sim.change_instance(self.plain, agentConnected=False)
        sim.remove_instance(self.left)

    def add_tasks(self, sim):
        sim.register_task_definition("agent", healthCheck=True, hostPorts=[8126])
        sim.register_task_definition("web", cpu=128)
        web = functools.partial(sim.add_tasks, "prod", taskDefinition="web", group="service:web", events=True)
        self.tasks = web(count=5, instances=[self.prod, self.dev])
        self.tasks += sim.add_tasks("prod", count=2, startedBy="me", instances=[self.prod], events=True)
        self.tasks += sim.add_tasks("prod", count=2, group="database", instances=[self.dev], events=True)
        sim.crash_task(self.tasks[0], exitCode=137, reason="OutOfMemoryError: <killed> & gone")
        self.tasks.append(self.start("agent", startedBy="agents/1", tags=[{"key": "team", "value": "a<b"}]))
        self.ecs.stop_task(cluster="prod", task=self.tasks[1], reason="enough")
        sim.set(startDelayMs=600_000)
        self.tasks.append(
            self.start("web", overrides={"containerOverrides": [{"name": "web", "command": ["sleep", "9"]}]})
        )
        sim.add_tasks("default", count=3, events=True)

    def start(self, family, **options):
        answer = self.ecs.start_task(
            cluster="prod", taskDefinition=family, containerInstances=[self.prod], **options
        )
        return answer["tasks"][0]["taskArn"]

    def wait_for_pass(self):
        """Every event is in, and every cluster has been passed once since."""
        redis = self.stack.redis_client()
        sim = self.stack.sim
        eventually(lambda: all(t["lastStatus"] in ("STOPPED", "PENDING", "RUNNING") for t in sim.tasks("prod")), PASS_S)
        eventually(lambda: self.tasks[-2] in self.running(), PASS_S, "the agent runs")

        def is_drained():
            queue = sim.counters()["queues"]["blox"]
            return queue["visible"] == queue["inFlight"] == 0

        eventually(is_drained, PASS_S, "an empty queue")
        revision = int(redis.get("{blox}:revision"))

        def is_synced():
            records = [value.split("\n")[1].split("\t") for value in redis.hgetall("{blox}:cluster").values()]
            return len(records) >= 3 and all(int(fields[2]) >= revision for fields in records)

        eventually(is_synced, PASS_S, "a pass over every cluster")
        last = int(redis.get("{blox}:revision"))

        def has_seen(server):
            return int(server.get("/v1/instances").headers["X-Blox-Revision"]) >= last

        for _ in self.stack.api:  # nginx asks them in turn
            eventually(lambda: has_seen(self.stack.blox.state), PASS_S)

    def running(self):
        return [task["task"] for task in self.stack.sim.tasks("prod") if task["lastStatus"] == "RUNNING"]

    def both(self, operation, parameters):
        return outcome(self.ecs, operation, parameters), outcome(self.blox, operation, parameters)


@pytest.fixture(scope="module")
def world():
    stack = Stack(
        reconciler_options=("--drift-interval", "2s"),
        n_reconcilers=1,
        latency_ms=0,
        sim_options=("--stop-timeout-ms", "50"),
    ).start()
    try:
        yield World(stack)
    finally:
        stack.stop()


def outcome(client, operation, parameters):
    """What a caller sees: the answer, or which error it is. Tokens are anybody's own business."""
    try:
        answer = getattr(client, operation)(**parameters)
    except botocore.exceptions.ClientError as error:
        answer = error.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
    del answer["ResponseMetadata"]
    if "nextToken" in answer:
        answer["nextToken"] = "..."
    return answer


# ---- the same answers --------------------------------------------------------------------------

FILTERS = {
    "list_clusters": [{}, {"maxResults": 1}, {"maxResults": 100}],
    "list_container_instances": [
        {},
        {"cluster": "prod"},
        {"cluster": f"{PLACE}:cluster/prod"},
        {"cluster": "empty"},
        {"cluster": "prod", "status": "ACTIVE"},
        {"cluster": "prod", "status": "DRAINING"},
        {"cluster": "prod", "status": "draining"},
        {"cluster": "prod", "status": "INACTIVE"},
        {"cluster": "prod", "status": "REGISTERING"},
        {"cluster": "prod", "status": "NONSENSE"},
        {"cluster": "prod", "status": ""},
        {"cluster": "prod", "filter": ""},
        {"cluster": "prod", "maxResults": 2},
        {"cluster": "prod", "maxResults": 3},
    ],
    "list_tasks": [
        {},
        {"cluster": "prod"},
        {"cluster": f"{PLACE}:cluster/prod"},
        {"cluster": "empty"},
        {"cluster": "prod", "desiredStatus": "RUNNING"},
        {"cluster": "prod", "desiredStatus": "STOPPED"},
        {"cluster": "prod", "desiredStatus": "stopped"},
        {"cluster": "prod", "desiredStatus": "PENDING"},
        {"cluster": "prod", "desiredStatus": "NONSENSE"},
        {"cluster": "prod", "family": "web"},
        {"cluster": "prod", "family": "we"},
        {"cluster": "prod", "family": "web:1"},
        {"cluster": "prod", "family": "web", "desiredStatus": "STOPPED"},
        {"cluster": "prod", "startedBy": "me"},
        {"cluster": "prod", "startedBy": "agents/1"},
        {"cluster": "prod", "startedBy": "nobody"},
        {"cluster": "prod", "startedBy": "me", "maxResults": 1},
        {"cluster": "prod", "startedBy": "me", "family": "foreign"},
        {"cluster": "prod", "startedBy": "me", "desiredStatus": "RUNNING"},
        {"cluster": "prod", "startedBy": "me", "launchType": "EC2"},
        {"cluster": "prod", "launchType": "EC2"},
        {"cluster": "prod", "launchType": "FARGATE"},
        {"cluster": "prod", "launchType": "EXTERNAL"},
        {"cluster": "prod", "serviceName": "nobody"},
        {"cluster": "prod", "containerInstance": NOBODY},
        {"cluster": "prod", "containerInstance": f"{PLACE}:container-instance/prod/{NOBODY}"},
        {"cluster": "prod", "startedBy": ""},
        {"cluster": "prod", "family": ""},
        {"cluster": "prod", "launchType": ""},
        {"cluster": "prod", "serviceName": ""},
        {"cluster": "prod", "containerInstance": ""},
        {"cluster": "prod", "maxResults": 4},
        {"cluster": "prod", "family": "web", "maxResults": 2},
    ],
    "describe_clusters": [
        {},
        {"clusters": []},
        {"clusters": ["prod"]},
        {"clusters": ["prod", "nobody", "empty", f"{PLACE}:cluster/default", f"{PLACE}:cluster/nobody", "x"]},
        {"clusters": ["prod", "prod"]},
        {"clusters": ["prod"], "include": ["TAGS", "SETTINGS", "STATISTICS", "ATTACHMENTS", "CONFIGURATIONS"]},
        {"clusters": [f"cluster{i}" for i in range(101)]},
    ],
    "describe_container_instances": [
        {"cluster": "prod", "containerInstances": []},
        {"cluster": "prod", "containerInstances": [NOBODY, f"{PLACE}:container-instance/prod/{NOBODY}"]},
        {"cluster": "prod", "containerInstances": [NOBODY] * 101},
        {"cluster": "prod", "containerInstances": [f"{PLACE}:task/prod/{NOBODY}"]},
        {"cluster": "prod", "containerInstances": [f"{PLACE}:container-instance/{NOBODY}", UUID]},
    ],
    "describe_tasks": [
        {"cluster": "prod", "tasks": []},
        {"cluster": "prod", "tasks": [NOBODY, f"{PLACE}:task/prod/{NOBODY}", f"{PLACE}:task/{NOBODY}", UUID]},
        {"cluster": "prod", "tasks": [NOBODY] * 100},
        {"cluster": "prod", "tasks": [NOBODY] * 101},
    ],
}
CASES = [(operation, parameters) for operation, cases in FILTERS.items() for parameters in cases]


@pytest.mark.parametrize("operation, parameters", CASES, ids=[f"{o}-{p}" for o, p in CASES])
def test_every_filter(world, operation, parameters):
    want, got = world.both(operation, parameters)
    assert got == want


def id_of(arn):
    return arn.rsplit("/", 1)[1]


def test_tasks_of_an_instance(world):
    for instance in [*world.instances, world.left]:
        for reference in (instance, id_of(instance)):
            for more in ({}, {"desiredStatus": "STOPPED"}, {"family": "web"}, {"maxResults": 1}):
                want, got = world.both("list_tasks", {"cluster": "prod", "containerInstance": reference, **more})
                assert got == want, (reference, more)
    want, got = world.both("list_tasks", {"cluster": "prod", "containerInstance": world.others[0]})
    assert got == want == (400, "InvalidParameterException")


def test_every_task(world):
    assert len(world.tasks) == 11
    for tags in ({}, {"include": ["TAGS"]}):
        want, got = world.both("describe_tasks", {"cluster": "prod", "tasks": world.tasks, **tags})
        assert len(got["tasks"]) == len(world.tasks)
        assert got == want
    seen = {task["lastStatus"] for task in got["tasks"]}
    assert seen == {"PENDING", "RUNNING", "STOPPED"}
    assert [task["tags"] for task in got["tasks"] if task["tags"]] == [[{"key": "team", "value": "a<b"}]]


def test_references_of_every_kind(world):
    tasks = [id_of(world.tasks[0]), world.tasks[1], NOBODY, world.tasks[1]]
    want, got = world.both("describe_tasks", {"cluster": "prod", "tasks": tasks})
    assert got == want
    assert len(got["tasks"]) == 3 and len(got["failures"]) == 1
    want, got = world.both("describe_tasks", {"cluster": "default", "tasks": [id_of(arn) for arn in world.tasks[:4]]})
    assert got == want
    assert got["tasks"] == [] and len(got["failures"]) == 4


NO_ID = r"length should be one of \[32,36\]"


@pytest.mark.parametrize(
    "reference, why",
    [
        ("", NO_ID),
        ("None", NO_ID),  # what scripts make of an empty listing
        (NOBODY + "0", NO_ID),
        ("arn:nonsense", NO_ID),
        (f"{PLACE}:task/prod/1", NO_ID),
        (f"{PLACE}:task/prod/", NO_ID),
        (f"{PLACE}:task/default/{NOBODY}", "Identifier is for cluster default. Your cluster is prod"),
        (f"{PLACE}:task/pro/{NOBODY}", "Identifier is for cluster pro. Your cluster is prod"),
        (f"default/{NOBODY}", "Identifier is for cluster default. Your cluster is prod"),
        (f"{PLACE}:task/prod/a/{NOBODY}", "Unexpected number of separators"),
        (f"prod/a/{NOBODY}", "Unexpected number of separators"),
    ],
)
def test_one_impossible_reference_refuses_all(world, reference, why):
    for operation, key, kind in (
        ("describe_tasks", "tasks", "task"),
        ("describe_container_instances", "containerInstances", "container-instance"),
    ):
        parameters = {"cluster": "prod", key: [NOBODY, reference.replace("task", kind)]}
        for client in (world.ecs, world.blox):
            with pytest.raises(client.exceptions.InvalidParameterException, match=why):
                getattr(client, operation)(**parameters)


def test_every_instance(world):
    for references in (world.instances, [id_of(world.plain), world.left, NOBODY], world.others):
        for include in ({}, {"include": ["TAGS"]}, {"include": ["TAGS", "CONTAINER_INSTANCE_HEALTH"]}):
            want, got = world.both(
                "describe_container_instances", {"cluster": "prod", "containerInstances": references, **include}
            )
            assert got == want


def test_counts_are_those_of_our_tasks(world):
    (prod,) = world.blox.describe_clusters(clusters=["prod"])["clusters"]
    assert (prod["runningTasksCount"], prod["pendingTasksCount"]) == (8, 1)
    assert prod["registeredContainerInstancesCount"] == 3
    answer = world.blox.describe_container_instances(cluster="prod", containerInstances=world.instances)
    counts = [(one["runningTasksCount"], one["pendingTasksCount"]) for one in answer["containerInstances"]]
    assert counts == [(5, 1), (3, 0), (0, 0)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "operation, key, parameters",
    [
        ("list_clusters", "clusterArns", {}),
        ("list_container_instances", "containerInstanceArns", {"cluster": "prod"}),
        ("list_container_instances", "containerInstanceArns", {"cluster": "prod", "status": "ACTIVE"}),
        ("list_tasks", "taskArns", {"cluster": "prod"}),
        ("list_tasks", "taskArns", {"cluster": "prod", "family": "web"}),
    ],
)
def test_pages(world, operation, key, parameters, size):
    def pages(client):
        paginator = client.get_paginator(operation)
        return [page[key] for page in paginator.paginate(**parameters, PaginationConfig={"PageSize": size})]

    got = pages(world.blox)
    assert got == pages(world.ecs)
    assert all(len(page) <= size for page in got)


def test_a_token_belongs_to_its_listing(world):
    token = world.blox.list_tasks(cluster="prod", maxResults=1)["nextToken"]
    world.blox.list_tasks(cluster="prod", maxResults=5, nextToken=token)
    refused = (400, "InvalidParameterException")
    assert outcome(world.blox, "list_tasks", {"cluster": "default", "nextToken": token}) == refused
    assert outcome(world.blox, "list_tasks", {"cluster": "prod", "family": "web", "nextToken": token}) == refused
    assert outcome(world.blox, "list_container_instances", {"cluster": "prod", "nextToken": token}) == refused
    for forged in (token[:-1] + ("0" if token[-1] != "0" else "1"), token + "00", "nonsense", "", "x" * 9000):
        assert outcome(world.blox, "list_tasks", {"cluster": "prod", "nextToken": forged}) == refused, forged


# ---- filter expressions, which the simulator has not -------------------------------------------


@pytest.mark.parametrize(
    "expression, names",
    [
        ("attribute:stack == prod", ["prod"]),
        ("attribute:stack != prod", ["dev"]),
        ("attribute:stack exists", ["prod", "dev"]),
        ("not (attribute:stack == prod)", ["dev", "plain"]),
        ("attribute:rack > 5", ["dev"]),
        ("attribute:stack =~ p.* and attribute:rack in [1, 2]", ["prod"]),
        ("attribute:ecs.os-type == linux", ["prod", "dev", "plain"]),
        ("agentConnected == false", ["plain"]),
        ("agentVersion >= 1.75.0", ["prod", "dev", "plain"]),
        ("agentVersion > 1.75.0", []),
        ("registeredAt > 2020-01-01", ["prod", "dev", "plain"]),
        ("registeredAt < 2020-01-01", []),
        ("runningTasksCount == 0", ["plain"]),
        ("runningTasksCount == 3", ["dev"]),
        ("task:group == database", ["dev"]),
        ("task:group == service:web", ["prod", "dev"]),
        ("not (task:group == database)", ["prod", "plain"]),
        ("ec2InstanceId exists", None),
    ],
)
def test_filter_expressions(world, expression, names):
    parameters = {"cluster": "prod", "filter": expression}
    if names is None:
        assert outcome(world.blox, "list_container_instances", parameters) == (400, "InvalidParameterException")
        return
    want = sorted(getattr(world, name) for name in names)
    assert world.blox.list_container_instances(**parameters)["containerInstanceArns"] == want
    paginator = world.blox.get_paginator("list_container_instances")
    pages = [p["containerInstanceArns"] for p in paginator.paginate(**parameters, PaginationConfig={"PageSize": 1})]
    assert [page for page in pages if page] == [[arn] for arn in want]


def test_a_filter_and_a_status(world):
    answer = world.blox.list_container_instances(cluster="prod", filter="attribute:stack exists", status="ACTIVE")
    assert answer["containerInstanceArns"] == [world.prod]


def test_a_filter_by_ec2_instance_id(world):
    (dev,) = world.blox.describe_container_instances(cluster="prod", containerInstances=[world.dev])["containerInstances"]
    answer = world.blox.list_container_instances(cluster="prod", filter=f"ec2InstanceId == {dev['ec2InstanceId']}")
    assert answer["containerInstanceArns"] == [world.dev]


def test_a_wrong_filter_says_where(world):
    with pytest.raises(world.blox.exceptions.InvalidParameterException, match="column 17"):
        world.blox.list_container_instances(cluster="prod", filter="attribute:stack prod")


# ---- services, of which only the tasks tell ----------------------------------------------------


def test_tasks_of_a_service(world):
    by_service = world.blox.list_tasks(cluster="prod", serviceName="web")["taskArns"]
    by_arn = world.blox.list_tasks(cluster="prod", serviceName=f"{PLACE}:service/prod/web")["taskArns"]
    assert by_service == by_arn == sorted(world.tasks[2:5])
    stopped = world.blox.list_tasks(cluster="prod", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    assert stopped == sorted(world.tasks[:2])
    assert outcome(world.blox, "list_tasks", {"cluster": "default", "serviceName": "web"}) == (
        400,
        "ServiceNotFoundException",
    )


# ---- clusters which are not there --------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["nobody", f"{PLACE}:cluster/nobody", "", "x", f"{PLACE}:task/prod/1", "a/prod"])
@pytest.mark.parametrize(
    "operation, parameters",
    [
        ("list_tasks", {}),
        ("list_container_instances", {}),
        ("describe_tasks", {"tasks": [NOBODY]}),
        ("describe_container_instances", {"containerInstances": []}),
    ],
)
def test_unknown_clusters(world, operation, parameters, cluster):
    want, got = world.both(operation, {"cluster": cluster, **parameters})
    assert got == want == (400, "ClusterNotFoundException")


def test_an_inactive_cluster(world):
    assert outcome(world.blox, "list_tasks", {"cluster": "gone"}) == (400, "ClusterNotFoundException")
    assert f"{PLACE}:cluster/gone" not in world.blox.list_clusters()["clusterArns"]


# ---- what is refused ---------------------------------------------------------------------------


def test_writes_are_denied_and_told_why(world):
    calls = [
        ("stop_task", {"task": world.tasks[2]}),
        ("start_task", {"taskDefinition": "web", "containerInstances": [world.prod]}),
        ("run_task", {"taskDefinition": "web"}),
        ("update_container_instances_state", {"containerInstances": [world.prod], "status": "DRAINING"}),
        ("put_attributes", {"attributes": [{"name": "a"}]}),
        ("delete_cluster", {"cluster": "empty"}),
        ("register_task_definition", {"family": "a", "containerDefinitions": []}),
        ("tag_resource", {"resourceArn": "a", "tags": []}),
        ("execute_command", {"command": "a", "interactive": True, "task": "a"}),
    ]
    for operation, parameters in calls:
        with pytest.raises(botocore.exceptions.ClientError, match="Blox only reads.*to Amazon ECS itself") as refused:
            getattr(world.blox, operation)(**parameters)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_we_do_not_hold_is_an_unknown_operation(world):
    for operation, parameters in [
        ("describe_services", {"services": ["web"]}),
        ("describe_task_definition", {"taskDefinition": "web"}),
        ("list_services", {}),
    ]:
        with pytest.raises(botocore.exceptions.ClientError, match="Amazon ECS itself") as refused:
            getattr(world.blox, operation)(**parameters)
        assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


def post(world, body, target=TARGET + "ListTasks", **headers):
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **headers}
    return world.stack.blox.state.post("/", data=body, headers=headers)


@pytest.mark.parametrize(
    "body, code",
    [
        ("", "SerializationException"),
        ("nonsense", "SerializationException"),
        ("[]", "SerializationException"),
        ('{"cluster":"prod"', "SerializationException"),
        ('{"cluster":7}', "SerializationException"),
        ('{"cluster":["prod"]}', "SerializationException"),
        ('{"cluster":"prod","maxResults":"1"}', "SerializationException"),
        ('{"cluster":"prod","maxResults":1.5}', "SerializationException"),
        ('{"cluster":"prod","family":{}}', "SerializationException"),
        ('{"cluster":"prod","maxResults":0}', "InvalidParameterException"),
        ('{"cluster":"prod","maxResults":-1}', "InvalidParameterException"),
        ('{"cluster":"prod","maxResults":101}', "InvalidParameterException"),
        ('{"cluster":"prod","maxResults":4294967297}', "InvalidParameterException"),
        ('{"cluster":"prod\\u0000"}', "InvalidParameterException"),
    ],
)
def test_malformed_bodies(world, body, code):
    response = post(world, body)
    assert (response.status_code, response.json()["__type"]) == (400, code)
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.headers["x-amzn-RequestId"] == response.headers["X-Request-Id"]


def test_lists_of_references_have_texts(world):
    for body in ('{"cluster":"prod","tasks":[7]}', '{"cluster":"prod","tasks":"a"}', '{"cluster":"prod","tasks":[null]}'):
        assert post(world, body, TARGET + "DescribeTasks").json()["__type"] == "SerializationException"
    response = post(world, '{"cluster":"prod","tasks":null}', TARGET + "DescribeTasks")
    assert response.json()["__type"] == "InvalidParameterException"


def test_nulls_are_absent(world):
    response = post(world, '{"cluster":null,"family":null,"maxResults":null,"nextToken":null}')
    assert len(response.json()["taskArns"]) == 3


def test_nobody_has_to_sign_yet(world):
    assert len(post(world, '{"cluster":"default"}').json()["taskArns"]) == 3
    assert len(post(world, '{"cluster":"default"}', Authorization="nonsense").json()["taskArns"]) == 3


@pytest.mark.parametrize("target", [TARGET + "Nonsense", TARGET, "AmazonSQS.ListQueues", "nonsense", TARGET + "listTasks"])
def test_unknown_targets(world, target):
    response = post(world, "{}", target)
    assert (response.status_code, response.json()["__type"]) == (400, "UnknownOperationException")


def test_the_root_is_only_there_for_ecs(world):
    state = world.stack.blox.state
    for response in (state.post("/", data="{}"), state.get("/", headers={"X-Amz-Target": TARGET + "ListTasks"})):
        assert (response.status_code, response.text) == (404, "404 page not found\n")
    scheduler = world.stack.blox.scheduler.post("/", data="{}", headers={"X-Amz-Target": TARGET + "ListTasks"})
    assert scheduler.status_code == 404


def test_a_body_beyond_the_limit(world):
    assert post(world, " " * (64 * 1024 - 2) + "{}").status_code == 200
    assert post(world, " " * (64 * 1024 - 1) + "{}").status_code == 413


# ---- the command line --------------------------------------------------------------------------


def cli(world, url, *words):
    env = world.stack.env | {"AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}
    argv = ["aws", "--endpoint-url", url, "--output", "json", "ecs", *words]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip()


@pytest.mark.parametrize(
    "words",
    [
        ["list-clusters"],
        ["describe-clusters", "--clusters", "prod", "nobody"],
        ["list-container-instances", "--cluster", "prod", "--status", "ACTIVE", "--page-size", "1"],
        ["list-tasks", "--cluster", "prod", "--family", "web", "--page-size", "2"],
        ["list-tasks", "--cluster", "prod", "--max-items", "20", "--desired-status", "STOPPED"],
        ["list-tasks", "--cluster", "nobody"],
    ],
    ids=lambda words: words[0],
)
def test_the_aws_cli_prints_the_same(world, words):
    assert cli(world, world.stack.blox.state.url, *words) == cli(world, world.stack.aws_url, *words)


def test_the_aws_cli_describes_the_same(world):
    for words in (
        ["describe-tasks", "--cluster", "prod", "--include", "TAGS", "--tasks", *world.tasks, NOBODY],
        ["describe-container-instances", "--cluster", "prod", "--container-instances", *world.instances, world.left],
    ):
        code, out, problems = cli(world, world.stack.blox.state.url, *words)
        assert (code, out, problems) == cli(world, world.stack.aws_url, *words)
        assert json.loads(out)


# ---- without the store -------------------------------------------------------------------------


@pytest.mark.stack(n_reconcilers=1, latency_ms=0, n_api=1)
def test_without_redis_lists_go_on(stack):
    stack.sim.create_cluster("prod")
    (arn,) = stack.sim.add_instances("prod")
    blox = stack.aws_client("ecs", stack.blox.state.url)
    eventually(lambda: outcome(blox, "list_container_instances", {"cluster": "prod"}) == {"containerInstanceArns": [arn]}, PASS_S)
    stack.redis.kill()
    assert blox.list_container_instances(cluster="prod")["containerInstanceArns"] == [arn]
    assert blox.describe_clusters(clusters=["prod"])["clusters"][0]["registeredContainerInstancesCount"] == 1
    parameters = {"cluster": "prod", "containerInstances": [arn]}
    assert outcome(blox, "describe_container_instances", parameters) == (500, "ServerException")
    stack.redis.start()
    eventually(lambda: "containerInstances" in outcome(blox, "describe_container_instances", parameters), PASS_S)
