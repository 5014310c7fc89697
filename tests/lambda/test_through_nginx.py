"""The function before the product itself: nginx' server for load balancers, and workers behind it."""

import json
import os
import pathlib
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from fake_lambda import CALLER, KEY_ID, SECRET, event  # noqa: E402
from harness import Stack, eventually  # noqa: E402
from raw_http import ask  # noqa: E402
from signer import Key  # noqa: E402

ENVIRONMENT = {"name": "agent", "instanceGroup": {"cluster": "prod"}, "taskDefinition": "agent:1"}


@pytest.fixture(scope="module")
def stack():
    one = Stack(n_api=1, n_reconcilers=1, latency_ms=0, duplicate=0, reorder=0).start()
    one.sim.create_cluster("prod")
    one.sim.register_task_definition("agent")
    yield one
    one.stop()


@pytest.fixture
def function(stack, start):
    """Calls the function, and gives the answer with its JSON."""
    api, _ = start(stack.blox.gateway.url)

    def call(method="GET", path="/v1/environments", deadline_ms=28000, **more):
        return api.invoke(event(method, path, **more), deadline_ms=deadline_ms)

    return call


def test_the_life_of_an_environment(stack, function):
    made = function("POST", body=json.dumps(ENVIRONMENT), headers={"Content-Type": "application/json"})
    assert made.status == 200, made.body
    token = json.loads(made.body)["deploymentToken"]
    assert stack.blox.environment("agent") == json.loads(made.body)
    deployed = function("POST", "/v1/environments/agent/deployments", query={"deploymentToken": token})
    assert deployed.status == 200, deployed.body
    number = json.loads(deployed.body)["id"]
    assert function(path=f"/v1/environments/agent/deployments/{number}").status == 200
    listed = function(query={"cluster": "prod"})
    assert [each["name"] for each in json.loads(listed.body)["items"]] == ["agent"]
    assert function("DELETE", "/v1/environments/agent").status == 200
    gone = function(path="/v1/environments/agent")
    assert (gone.status, gone.body) == (404, "Environment agent does not exist\n")
    assert gone.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_answers_keep_what_clients_need(stack, function):
    got = function(path="/v1/instances")
    direct = stack.blox.gateway.get("/v1/instances")
    assert (got.status, got.body) == (200, direct.text)
    for name in ("Content-Type", "ETag"):
        assert got.headers[name] == direct.headers[name]
    assert int(got.headers["X-Blox-Revision"]) >= 0 and got.headers["X-Request-Id"]
    assert not {"Server", "Date", "Connection", "Transfer-Encoding", "Content-Length"} & set(got.headers)
    again = function(path="/v1/instances", headers={"If-None-Match": got.headers["ETag"]})
    assert (again.status, again.body) == (304, "")
    head = function("HEAD", "/v1/instances")
    assert (head.status, head.body, head.headers["ETag"]) == (200, "", got.headers["ETag"])


@pytest.mark.parametrize("method, path, query, target", [
    ("GET", "/v1/ping", None, "/v1/ping"),
    ("GET", "/v1/nothing", None, "/v1/nothing"),
    ("GET", "/v1/environments/a b%2Fc", None, "/v1/environments/a%20b%2Fc"),
    ("GET", "//v1/../v1//ping/", None, "//v1/../v1//ping/"),
    ("GET", "/v1/environments/", None, "/v1/environments/"),
    ("GET", "/v1/tasks", {"status": "no such"}, "/v1/tasks?status=no+such"),
    ("GET", "/v1/tasks", {"status": ["running", "stopped"]}, "/v1/tasks?status=running&status=stopped"),
    ("GET", "/v1/instances", {"query": "agentConnected == true"}, "/v1/instances?query=agentConnected%20%3D%3D%20true"),
    ("GET", "/v1/instances", {"query": "ü&+%=;#?"}, "/v1/instances?query=%C3%BC%26%2B%25%3D%3B%23%3F"),
    ("GET", "/", None, "/"),
    ("PATCH", "/v1/environments", None, "/v1/environments"),
])
def test_the_same_answer_as_without_the_function(stack, function, method, path, query, target):
    got = function(method, path, query=query)
    direct = ask(stack.blox.gateway, method, target)
    assert (got.status, got.body) == (direct.status, direct.text)
    for name in ("Content-Type", "ETag", "Location"):
        assert got.headers.get(name) == direct.getheader(name)


def test_a_body_nginx_refuses(function):
    got = function("POST", body="x" * 65537)
    assert (got.status, got.body) == (413, "413 Request Entity Too Large\n")


def test_nginx_comes_and_goes(stack, function):
    assert function(path="/v1/ping").status == 200
    stack.nginx.stop()
    assert function(path="/v1/ping").status == 502
    stack.nginx.start()
    eventually(stack.blox.is_ready, 20)
    assert function(path="/v1/ping").status == 200
    stack.nginx.stop()
    stack.nginx.start()
    eventually(stack.blox.is_ready, 20)
    assert function(path="/v1/ping").status == 200, "the connection from before was closed meanwhile"


def test_a_worker_that_hangs(stack, function):
    workers = stack.api[0].children()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        got = function(deadline_ms=3500)
        assert (got.status, got.message()) == (504, "Blox did not answer in time")
        assert 1.8 < time.monotonic() - began < 10  # nginx waits for 20
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    assert function().status == 200


# ---- with keys -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded():
    operator = Key("operator-1", "an-operator's-secret-for-a-test-of-40-ch", "operator", "operator")
    one = Stack(keys=[operator, Key(KEY_ID, SECRET, "proxy", "gateway")], n_api=1, n_reconcilers=1).start()
    one.sim.create_cluster("prod")
    one.sim.register_task_definition("agent")
    yield one
    one.stop()


def create(name, request_id):
    made = event("POST", body=json.dumps(ENVIRONMENT | {"name": name}))
    made["requestContext"]["requestId"] = request_id
    return made


def test_what_it_signs_is_believed(guarded, start):
    """The caller's ARN, as the gateway has verified it, becomes the actor of the audit."""
    api, function = start(guarded.blox.gateway.url)
    assert api.invoke(event(path="/v1/instances", query={"query": "agentConnected == true"})).status == 200
    assert api.invoke(event("HEAD", "/v1/instances")).status == 200
    made = api.invoke(create("mine", "request-1"))
    assert made.status == 200, made.body
    entries = guarded.redis_client().xrevrange("{blox}:audit", count=1)
    assert CALLER in json.dumps(entries), entries
    assert api.invoke(event("DELETE", "/v1/environments/mine")).status == 200


def test_a_call_counts_once(guarded, start):
    api, _ = start(guarded.blox.gateway.url)
    assert api.invoke(create("once", "request-2")).status == 200
    assert api.invoke(create("twice", "request-2")).status == 403
    assert api.invoke(create("twice", "request-3")).status == 200


@pytest.mark.parametrize("wrong", [{"BLOX_KEY_SECRET": SECRET[::-1]}, {"BLOX_KEY_ID": "proxy-2"}])
def test_a_wrong_key_is_refused_and_said_so(guarded, start, wrong):
    api, function = start(guarded.blox.gateway.url, **wrong)
    got = api.invoke(event())
    assert (got.status, got.body) == (403, "403 Forbidden\n")
    assert api.invoke(event(path="/v1/ping")).status == 200
