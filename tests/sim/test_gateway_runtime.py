"""The Runtime API: who gets which event, when an answer counts, and what the caller hears when none does."""
import subprocess
import threading
import time

import pytest
from local_aws import binary, eventually

BROKEN = (502, "InternalServerErrorException", "Internal server error")
LATE = (504, "InternalServerErrorException", "Endpoint request timed out")
REPLY = {"statusCode": 200, "body": "fine"}


class Call(threading.Thread):
    """A call of the gateway under way."""

    def __init__(self, gateway, path="/v1/x"):
        super().__init__(daemon=True)
        self.gateway, self.path, self.answer = gateway, path, None
        self.start()

    def run(self):
        self.answer = self.gateway.call("GET", self.path)

    def done(self):
        self.join(60)
        return self.answer


def test_next_has_what_a_runtime_needs(gateway):
    function, call = gateway.idle_function(), Call(gateway)
    headers, event = function.next()
    assert event["path"] == "/v1/x" and headers["Content-Type"] == "application/json"
    left_s = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    assert 10 < left_s <= 28
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == \
        "arn:aws:lambda:us-east-1:123456789012:function:blox-lambda-proxy"
    assert headers["Lambda-Runtime-Trace-Id"] == event["headers"]["X-Amzn-Trace-Id"]
    status, _, body = function.respond(headers, REPLY)
    assert (status, body) == (202, b'{"status":"OK"}')
    assert call.done().text == "fine"


def test_an_event_is_answered_once(gateway):
    function, call = gateway.idle_function(), Call(gateway)
    headers, _ = function.next()
    assert function.respond({"Lambda-Runtime-Aws-Request-Id": "other"}, REPLY)[0] == 400
    assert function.respond(headers, REPLY)[0] == 202
    status, _, body = function.respond(headers, REPLY)
    assert status == 403 and b"InvalidStateTransition" in body
    assert function.fail(headers, "A", "b")[0] == 403
    assert call.done().status == 200


@pytest.mark.parametrize("name", ["", "other", "0" * 36, "0" * 500])
def test_an_unknown_event(gateway, name):
    status, _, body = gateway.idle_function().respond({"Lambda-Runtime-Aws-Request-Id": name}, REPLY)
    assert status == 400 and b"InvalidRequestID" in body


@pytest.mark.parametrize("method, path", [("GET", "/invocation/x/response"), ("POST", "/invocation/next"),
                                          ("POST", "/invocation/x/other"), ("GET", "/"), ("POST", "/init/other")])
def test_there_are_no_other_calls(gateway, method, path):
    assert gateway.idle_function().call(method, path)[0] == 404


def test_a_function_error_is_502_and_logged(gateway):
    function, call = gateway.idle_function(), Call(gateway)
    headers, _ = function.next()
    assert function.fail(headers, "Some.Kind", "what went wrong")[0] == 202
    assert call.done().error() == BROKEN
    gateway.sim.process.terminate()
    assert b"Some.Kind: what went wrong" in gateway.sim.process.stderr.read()


def test_an_answer_of_6_mib_and_100_bytes_is_the_largest(gateway):
    function = gateway.idle_function()
    frame = len(b'{"statusCode":200,"body":""}')
    for size, status in ((6 * 1024 * 1024 + 100, 202), (6 * 1024 * 1024 + 101, 413)):
        call = Call(gateway)
        headers, _ = function.next()
        body = b'{"statusCode":200,"body":"' + b"a" * (size - frame) + b'"}'
        answer = function.respond(headers, body)
        assert answer[0] == status
        if status == 413:
            assert b"RequestEntityTooLarge" in answer[2] and call.done().error() == BROKEN
            assert function.fail(headers, "A", "b")[0] == 403, "the invocation is closed"
        else:
            assert len(call.done().body) == size - frame


def test_a_function_that_takes_too_long_is_502(gateway):
    gateway.sim.settings(functionTimeoutMs=300)
    function, call = gateway.idle_function(), Call(gateway)
    began = time.monotonic()
    headers, _ = function.next()
    assert call.done().error() == BROKEN and 0.25 < time.monotonic() - began < 15
    assert function.respond(headers, REPLY)[0] == 403


def test_a_gateway_that_waited_too_long_says_504_and_the_function_goes_on(gateway):
    gateway.sim.settings(integrationTimeoutMs=2000)
    function, call = gateway.idle_function(), Call(gateway)
    headers, _ = function.next()
    assert call.done().text == '{"message": "Endpoint request timed out"}'
    assert call.answer.error() == LATE
    assert function.respond(headers, REPLY)[0] == 202
    assert gateway.sim.control("GET", "/function") == {"invocations": 1, "failed": 0, "late": 1, "idle": 0}


def test_without_any_environment_it_is_504(gateway):
    gateway.sim.settings(integrationTimeoutMs=200)
    assert gateway.call("GET", "/v1/x").error() == LATE
    function = gateway.function()
    gateway.sim.settings(integrationTimeoutMs=29000)
    assert gateway.call("GET", "/v1/y").status == 200
    assert [event["path"] for event in function.events] == ["/v1/y"], "nobody waits for the first any more"


def test_an_event_whose_process_ended_fails_when_the_next_process_asks(gateway):
    call = Call(gateway)
    gateway.idle_function().next()
    time.sleep(0.1)
    assert call.answer is None
    gateway.function()  # what restarts it has started the next one
    assert call.done().error() == BROKEN
    assert gateway.call("GET", "/v1/x").status == 200


def test_a_process_that_ended_while_it_waited_takes_no_event(gateway):
    waiting = subprocess.Popen(["curl", "-sS", f"http://127.0.0.1:{gateway.runtime_port}/2018-06-01/runtime/invocation/next"],
                               stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    waiting.kill()
    waiting.wait()
    call = Call(gateway)
    gateway.function()
    assert call.done().status == 200


def test_an_init_error_fails_those_who_wait(gateway):
    function, call = gateway.idle_function(), Call(gateway)
    eventually(lambda: call.ident)
    time.sleep(1.5)  # it waits by then
    status, _, _ = function.call("POST", "/init/error", b'{"errorType":"Init","errorMessage":"no key","stackTrace":[]}')
    assert status == 202 and call.done().error() == BROKEN


def test_environments_work_side_by_side(gateway):
    both = threading.Barrier(2, timeout=60)

    def handle(event):
        both.wait()  # passes only when both have an event
        return REPLY

    for name in ("/one", "/two"):
        gateway.function(handle, name)
    calls = [Call(gateway), Call(gateway)]
    assert [call.done().status for call in calls] == [200, 200]
    assert all(len(function.events) == 1 for function in gateway.functions)


def test_many_calls_through_one_environment(gateway):
    function = gateway.function(lambda event: {"statusCode": 200, "body": event["path"]})
    calls = [Call(gateway, f"/v1/{n}") for n in range(20)]
    assert [call.done().text for call in calls] == [f"/v1/{n}" for n in range(20)]
    assert {verdict[0] for verdict in function.verdicts} == {202}


def test_the_end_of_the_simulator_ends_all_waiting(open_gateway):
    gateway = open_gateway()
    function = gateway.function()
    time.sleep(0.1)
    gateway.sim.process.terminate()
    assert gateway.sim.process.wait(60) == 0
    function.thread.join(60)
    assert not function.thread.is_alive()


@pytest.mark.parametrize("flags, named", [
    (["--gateway-listen", "127.0.0.1:0"], "--runtime-api-listen"),
    (["--runtime-api-listen", "127.0.0.1:0"], "--gateway-listen"),
    (["--gateway-listen", "0.0.0.0:1", "--runtime-api-listen", "127.0.0.1:0"], "loopback"),
    (["--gateway-listen", "127.0.0.1:0", "--runtime-api-listen", "0.0.0.0:1"], "--runtime-api-listen 0.0.0.0:1"),
    (["--gateway-stage", "a/b"], "--gateway-stage a/b"), (["--gateway-stage", ""], "--gateway-stage"),
    (["--account", "1"], "account 1")])
def test_wrong_flags_are_named(flags, named):
    done = subprocess.run([binary(), "--listen", "127.0.0.1:0", *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and named in done.stderr
