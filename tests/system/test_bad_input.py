"""What bad requests get: a clear error, in the bytes of v0.3.0 where it had an answer, and nothing else is harmed."""

import json
import socket

import pytest

from harness import eventually

NAME_RULE = "name in body should match '^[a-zA-Z0-9-_]{1,30}$'"
ALL_REQUIRED = (
    "validation failure list:\ninstanceGroup in body is required\nname in body is required\n"
    "taskDefinition in body is required"
)


@pytest.fixture
def blox(shared):
    return shared.blox


@pytest.fixture(scope="module")
def cluster(shared):
    shared.sim.register_task_definition("input")
    return shared.sim.create_cluster("input")


@pytest.fixture(autouse=True)
def unharmed(blox):
    """After whatever a test did, both APIs answer."""
    yield
    assert blox.is_ready()


def assert_error(response, status, text):
    assert (response.status_code, response.text) == (status, text + "\n")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", '"text"', "3", '{"name":"a"} more', "{'name': 'a'}", '{"a":\x00}'],
    ids=["empty", "cut off", "null", "array", "text", "number", "trailing", "single quotes", "NUL"],
)
def test_a_body_that_is_no_object(blox, body):
    assert_error(blox.scheduler.post("/v1/environments", data=body), 400, ALL_REQUIRED)


@pytest.mark.parametrize("name", ["", "a" * 31, "a b", "ä", "a\n", "a/b"])
def test_a_name_that_is_none(blox, cluster, name):
    assert_error(blox.post_environment(name, cluster, "input"), 400, f"validation failure list:\n{NAME_RULE}")


@pytest.mark.parametrize("field", ["name", "instanceGroup", "taskDefinition"])
@pytest.mark.parametrize("value", [3, True, []], ids=json.dumps)
def test_a_field_of_another_type(blox, cluster, field, value):
    body = {"name": "typed", "instanceGroup": {"cluster": cluster}, "taskDefinition": "input", field: value}
    response = blox.scheduler.post("/v1/environments", json=body)
    assert response.status_code == 400
    assert response.text.startswith("validation failure list:\n") and field in response.text


def test_a_cluster_that_does_not_exist(blox):
    assert_error(blox.post_environment("lost", "nowhere", "input"), 404, "Cluster with name nowhere is missing")


def test_a_task_definition_that_does_not_exist(blox, cluster):
    response = blox.post_environment("lost", cluster, "nothing:7")
    assert response.status_code == 404
    assert response.text.startswith("Error calling DescribeTaskDefinition for taskDefinition nothing:7: ")


def test_a_task_definition_in_awsvpc_mode_is_refused_with_the_reason(shared, blox, cluster):
    shared.sim.register_task_definition("networked", networkMode="awsvpc")
    response = blox.post_environment("networked", cluster, "networked")
    assert response.status_code == 400
    assert "awsvpc" in response.text


def test_a_token_of_somebody_else(blox, cluster):
    blox.delete_environment("token")
    token = blox.create_environment("token", cluster, "input")["deploymentToken"]
    given = "00000000-0000-4000-8000-000000000000"
    assert_error(
        blox.post_deployment("token", given),
        400,
        f"Token '{given}' is outdated and does not match the environment token '{token}'",
    )


def test_a_deployment_of_an_environment_that_does_not_exist(blox):
    response = blox.post_deployment("never", "00000000-0000-4000-8000-000000000000")
    assert_error(response, 404, "Environment with name 'never' does not exist")


@pytest.mark.parametrize("n_bytes, status", [(60 * 1024, 400), (70 * 1024, 413), (3 * 1024 * 1024, 413)])
def test_a_large_body(blox, n_bytes, status):
    response = blox.scheduler.post("/v1/environments", data="x" * n_bytes)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_large_body_in_chunks(blox):
    chunks = (b"x" * 8192 for _ in range(20))
    assert blox.scheduler.post("/v1/environments", data=chunks).status_code == 413


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /v1/environments/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["percent", "words", "version"],
)
def test_a_broken_request(shared, request_text):
    with socket.create_connection(("127.0.0.1", shared.scheduler_port), timeout=60) as connection:
        connection.sendall(request_text)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.split(b"\r\n")[0].split(b" ")[1] in (b"400", b"505")
    assert b"<html" not in answer.lower()


def test_an_event_that_is_none_is_dead_lettered_and_holds_up_nothing(shared, blox):
    before = shared.sim.counters()["queues"]["blox"]["sent"]
    for body in ("nonsense", {"detail-type": "Other"}, {"detail-type": "ECS Task State Change", "detail": {}}):
        shared.sim.call("POST", "events", {"body": body})
    assert shared.sim.counters()["queues"]["blox"]["sent"] >= before + 3
    shared.sim.create_cluster("after-nonsense")
    (arn,) = shared.sim.add_instances("after-nonsense", 1)
    eventually(lambda: [i["containerInstanceARN"] for i in blox.instances(cluster="after-nonsense")] == [arn], 10)
