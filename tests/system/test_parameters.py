"""Every parameter of every path, wrong in every way: missing, doubled, empty, huge, negative, of the future."""

import json
import re
from urllib.parse import urlencode

import pytest

from harness import TOP, eventually
from stream_client import INSTANCES, TASKS, Stream

TWICE = "At least one of the filters provided is specified multiple times"
UNSUPPORTED = "At least one of the filters provided is unsupported"
HUGE = "9" * 5000
CLUSTER = "parameters"

NAME = "Invalid cluster ARN or name"
VERSION = "Invalid entity version"
AFTER = "Invalid after: want an entity version"
SIZE = "Invalid maxResults: want 1 to 1000"
SECONDS = "Invalid heartbeat: want 1 to 3600 seconds"
TOKEN = "Invalid nextToken"
DEFINITION = "Invalid taskDefinition: want family:revision or an ARN"
INSTANCE = "Invalid containerInstance: want an ARN or an id"
NO_RANGE = "Entity version is out of range"


def flag(name):
    return [(value, f"Invalid {name}: want true or false") for value in ("yes", "1", "-1", "TRUE", "true ", HUGE)]


# What is refused of each parameter, with the text; what is let through.
FILTERS = {
    "status": ([("wrong", "Invalid status"), ("-1", "Invalid status"), (HUGE, "Invalid status")], ["active", "DRAINING"]),
    "cluster": (
        [("a/b", NAME), ("-1", NAME), ("9", NAME), (HUGE, NAME), ("arn:aws:ecs:us-east-1:1:cluster/a", NAME)],
        ["nobody", "arn:aws:ecs:us-east-1:123456789012:cluster/nobody"],
    ),
    "ec2InstanceId": (
        [("a b", "Invalid ec2InstanceId"), ("i/1", "Invalid ec2InstanceId"), (HUGE, "Invalid ec2InstanceId")],
        ["i-nobody", "-1"],
    ),
    "query": (
        [("attribute:", r"Invalid query: column .*"), ("9" * 2001, r"Invalid query: .*"), ("-1", r"Invalid query: .*")],
        ["attribute:stack == prod", "registeredAt < 2999-01-01"],
    ),
}
PAGES = {
    "maxResults": ([(v, SIZE) for v in ("0", "-1", "1001", "abc", "1.5", " 1", "0x1", "18446744073709551617", HUGE)], ["1"]),
    "nextToken": ([(value, TOKEN) for value in ("x", "-1", "00", "9" * 200, HUGE)], []),
}
OF_TASKS = {
    "status": (FILTERS["status"][0], ["running", "STOPPED"]),
    "startedBy": ([], ["nobody", "-1", "9" * 300]),
    "desiredStatus": ([(v, "Invalid desiredStatus") for v in ("x", "-1", HUGE)], ["running", "Stopped"]),
    "family": ([(v, "Invalid family") for v in ("a/b", "a:1", "a b", HUGE)], ["web", "-1"]),
    "taskDefinition": ([(v, DEFINITION) for v in ("web", "web:-1", "web:", ":1", "web:9999999999", HUGE)], ["web:7"]),
    "containerInstance": ([(v, INSTANCE) for v in ("a/b", "a b", HUGE)], ["abc", "-1"]),
}
OF_STREAMS = {
    "entityVersion": (
        [(v, VERSION) for v in ("abc", "-1", "1.5", "9223372036854775808", HUGE)]
        + [(v, NO_RANGE) for v in ("1", "9223372036854775807")],
        ["0"],
    ),
    "after": ([(v, AFTER) for v in ("abc", "-1", "1.5", "9223372036854775808", HUGE)], ["9223372036854775807", "FUTURE"]),
    "snapshot": (flag("snapshot"), ["true", "false"]),
    "deletes": (flag("deletes"), ["true", "false"]),
    "errors": (flag("errors"), ["true", "false"]),
    "heartbeat": ([(v, SECONDS) for v in ("0", "-1", "3601", "1s", "1.5", "4294967297", HUGE)], ["1", "3600"]),
}
ELSEWHERE = "Streams of tasks cannot look at instances, nor those of instances at tasks"
ON_TASK_STREAMS = {
    "ec2InstanceId": (FILTERS["ec2InstanceId"][0] + [("i-1", ELSEWHERE)], []),
    "query": (FILTERS["query"][0] + [("attribute:stack exists", ELSEWHERE)], []),
}
PATHS = {
    "/v1/tasks": FILTERS | OF_TASKS | PAGES,
    "/v1/instances": FILTERS | PAGES,
    TASKS: FILTERS | OF_TASKS | OF_STREAMS | ON_TASK_STREAMS,
    INSTANCES: FILTERS | OF_STREAMS,
}
SCHEDULER = {"/v1/environments": {"cluster": FILTERS["cluster"]} | PAGES, "/v1/environments/there/deployments": PAGES}
PROBLEMS = {"/v1/clusters": PAGES}

ALL = [(service, path, name) for service, paths in (("state", PATHS), ("scheduler", SCHEDULER)) for path in paths for name in paths[path]]


@pytest.fixture(scope="module")
def world(shared):
    """Something in each list, so that a filter which is ignored shows."""
    shared.sim.register_task_definition("parameters")
    shared.sim.create_cluster(CLUSTER)
    shared.sim.add_instances(CLUSTER, 2)
    shared.sim.add_tasks(CLUSTER, count=3, events=True)
    shared.blox.deploy("there", CLUSTER, "parameters")
    eventually(lambda: len(shared.blox.tasks(cluster=CLUSTER)) >= 3, 20)
    yield shared.blox
    shared.blox.delete_environment("there")


def get(blox, service, path, query):
    """The answer, or of a stream its beginning."""
    server = getattr(blox, service)
    if "/stream/" not in path:
        return server.get(path, params=query)
    with Stream(server, path + "?" + urlencode(query), read=False) as stream:
        stream.text = stream.error or ""
        stream.status_code = stream.status
        return stream


def assert_refused(response, text):
    assert response.status_code == 400, response.text
    assert re.fullmatch(text if ".*" in text else re.escape(text), response.text.rstrip("\n"), re.DOTALL), response.text
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("service, path, name", ALL)
def test_wrong(world, service, path, name):
    for value, text in {"state": PATHS, "scheduler": SCHEDULER}[service][path][name][0]:
        assert_refused(get(world, service, path, {name: value}), text)


@pytest.mark.parametrize("service, path, name", ALL)
def test_right(world, service, path, name):
    revision = int(world.state.get("/v1/tasks").headers["X-Blox-Revision"])
    for value in {"state": PATHS, "scheduler": SCHEDULER}[service][path][name][1]:
        value = str(revision + 10**9) if value == "FUTURE" else value
        assert get(world, service, path, {name: value}).status_code == 200, value


@pytest.mark.parametrize("service, path, name", ALL)
def test_doubled(world, service, path, name):
    """Refused, also when both say the same or nothing; but entityVersion's first counts, as v0.3.0 had it."""
    right = ({"state": PATHS, "scheduler": SCHEDULER}[service][path][name][1] or ["i-1"])[0]
    if name == "entityVersion":
        assert get(world, service, path, [(name, "0"), (name, "abc")]).status_code == 200
        return
    for values in ((right, right), ("", ""), (right, ""), ("", right)):
        assert_refused(get(world, service, path, [(name, value) for value in values]), TWICE)


@pytest.mark.parametrize("service, path, name", ALL)
def test_empty_is_absent(world, service, path, name):
    assert get(world, service, path, {name: ""}).status_code == 200


@pytest.mark.parametrize("path, name", [(path, name) for path in PROBLEMS for name in PROBLEMS[path]])
def test_wrong_where_problems_are_documents(world, path, name):
    for value, text in PROBLEMS[path][name][0]:
        response = world.state.get(path, params={name: value})
        assert (response.status_code, response.json()["detail"]) == (400, text)
    response = world.state.get(path, params=[(name, "1"), (name, "1")])
    assert (response.status_code, response.json()["detail"]) == (400, TWICE)
    assert world.state.get(path, params={name: ""}).status_code == 200


def test_the_table_is_complete():
    """Each parameter which the documents name is here."""
    rows = r"^\| ((?:`\w+(?:=[\w.]+)?`(?:, )?)+)"

    def documented(name, heading):
        text = (TOP / "docs" / name).read_text().partition(heading)[2].partition("\n## ")[0]
        return {word for row in re.findall(rows, text, re.MULTILINE) for word in re.findall(r"`(\w+)", row)}

    lists = documented("lists.md", "\n## Filters")
    assert lists >= {"cluster", "query"} and lists | {"maxResults", "nextToken"} == set(PATHS["/v1/tasks"])
    streams = documented("streams.md", "\n## Asking")
    assert streams >= {"after"} and streams | lists == set(PATHS[TASKS])


# ---- ECS' read operations ------------------------------------------------------------------------

SERIALIZATION, PARAMETER, NOBODY = "SerializationException", "InvalidParameterException", "ClusterNotFoundException"
TEXT_FIELDS = {
    "ListContainerInstances": ["cluster", "status", "filter", "nextToken"],
    "ListTasks": ["cluster", "containerInstance", "family", "serviceName", "startedBy", "desiredStatus", "launchType", "nextToken"],
    "DescribeContainerInstances": ["cluster"],
    "DescribeTasks": ["cluster"],
    "ListClusters": ["nextToken"],
}
LIST_FIELDS = {
    "DescribeClusters": ["clusters", "include"],
    "DescribeContainerInstances": ["containerInstances", "include"],
    "DescribeTasks": ["tasks", "include"],
}
HUGE_TEXT = {  # what a value that nobody has is answered with
    "cluster": NOBODY,
    "status": PARAMETER,
    "filter": PARAMETER,
    "nextToken": PARAMETER,
    "containerInstance": PARAMETER,
    "serviceName": "ServiceNotFoundException",
    "desiredStatus": PARAMETER,
    "launchType": None,  # ECS' own enumeration is checked by SDKs; here nothing has it
    "family": None,
    "startedBy": None,
}


def ask(blox, operation, body):
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113." + operation,
    }
    response = blox.state.post("/", data=json.dumps(body), headers=headers)
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    return response.status_code, response.json().get("__type")


def base(operation):
    """What the operation needs to be answered at all."""
    nobody = [32 * "0"]
    needs = {"DescribeContainerInstances": {"containerInstances": nobody}, "DescribeTasks": {"tasks": nobody}}
    return ({} if "Clusters" in operation else {"cluster": CLUSTER}) | needs.get(operation, {})


@pytest.mark.parametrize("operation, field", [(o, f) for o, fields in TEXT_FIELDS.items() for f in fields])
def test_ecs_texts(world, operation, field):
    assert ask(world, operation, base(operation)) == (200, None)
    for value in (7, -1, 1.5, True, [], ["a"], {}, {"a": "b"}):
        assert ask(world, operation, base(operation) | {field: value}) == (400, SERIALIZATION), value
    want = HUGE_TEXT[field]
    for value in ("x" * 5000, "-1", "9" * 30):
        status, error = ask(world, operation, base(operation) | {field: value})
        assert (status, error) == ((400, want) if want else (200, None)), value
    assert ask(world, operation, base(operation) | {field: None})[0] == (200 if field != "cluster" else 400)


@pytest.mark.parametrize("operation, field", [(o, f) for o, fields in LIST_FIELDS.items() for f in fields])
def test_ecs_lists(world, operation, field):
    for value in (7, "a", True, {}, [7], [None], [["a"]], [{}]):
        assert ask(world, operation, base(operation) | {field: value}) == (400, SERIALIZATION), value
    if field != "include":
        assert ask(world, operation, base(operation) | {field: ["x"] * 101}) == (400, PARAMETER)
        assert ask(world, operation, base(operation) | {field: ["x" * 30_000, "-1", ""]})[0] in (200, 400)
        assert ask(world, operation, {"include": 7} | base(operation) | {field: ["x"]}) == (400, SERIALIZATION)


@pytest.mark.parametrize("operation", ["ListClusters", "ListContainerInstances", "ListTasks"])
def test_ecs_numbers(world, operation):
    for value in ("1", 1.5, True, [], {}, 1e300):
        assert ask(world, operation, base(operation) | {"maxResults": value}) == (400, SERIALIZATION), value
    for value in (0, -1, 101, 2**31, 2**63 - 1, -(2**63)):
        assert ask(world, operation, base(operation) | {"maxResults": value}) == (400, PARAMETER), value
    assert ask(world, operation, base(operation) | {"maxResults": 1}) == (200, None)


def test_a_key_given_twice_counts_once(world):
    """As JSON readers have it, the last one."""
    headers = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListTasks"}
    body = '{"cluster":"nobody","cluster":"%s"}' % CLUSTER
    assert world.state.post("/", data=body, headers=headers).status_code == 200
