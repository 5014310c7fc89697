"""The function and Lambda: starting, waiting, being refused, being stopped."""

import base64
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import zipfile

import pytest

from backends import Backend, answer, close
from fake_lambda import BUILD, SECRET, WAIT_S, Function, RuntimeApi, event


@pytest.fixture
def api():
    one = RuntimeApi()
    yield one
    one.close()


@pytest.mark.parametrize("settings, names", [
    ({"BLOX_BACKEND_URL": None}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "blox.internal"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "ftp://blox.internal"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://blox.internal/v1"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://blox.internal:0"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://blox.internal:99999"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://me:pass@blox.internal"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://[::1"}, "BLOX_BACKEND_URL"),
    ({"BLOX_BACKEND_URL": "http://blox internal"}, "BLOX_BACKEND_URL"),
    ({"BLOX_KEY_ID": None}, "BLOX_KEY_ID"),
    ({"BLOX_KEY_ID": "a\r\nX-B: c"}, "BLOX_KEY_ID"),
    ({"BLOX_KEY_ID": "a:b"}, "BLOX_KEY_ID"),  # as blox-api would refuse it in its keys
    ({"BLOX_KEY_ID": "a" * 65}, "BLOX_KEY_ID"),
    ({"BLOX_KEY_SECRET": None}, "BLOX_KEY_SECRET"),
    ({"BLOX_KEY_SECRET": SECRET * 30}, "BLOX_KEY_SECRET"),
    ({"BLOX_KEY_SECRET": SECRET[:31]}, "BLOX_KEY_SECRET"),
    ({"BLOX_LOG_LEVEL": "loud"}, "BLOX_LOG_LEVEL"),
])
def test_wrong_settings_are_init_errors(api, settings, names):
    function = Function(api.address, **{"backend_url": "http://127.0.0.1:1", **settings})
    path, headers, body = api.posts.get(timeout=WAIT_S)
    assert function.wait() == 1
    assert path == "/2018-06-01/runtime/init/error"
    assert headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.InvalidConfiguration"
    said = json.loads(body)
    assert said["errorType"] == "Runtime.InvalidConfiguration" and said["stackTrace"] == []
    assert names in said["errorMessage"] and SECRET[:31] not in said["errorMessage"]
    (line,) = function.log("exit")
    assert line["text"] == said["errorMessage"]
    assert not api.waiting.is_set()


@pytest.mark.parametrize("url", ["http://blox.internal", "https://blox.internal/", "http://10.0.0.1:8080",
                                 "http://[::1]:8080", "http://internal-blox-123.us-east-1.elb.amazonaws.com:80/"])
def test_right_addresses(start, url):
    start(url)


def test_without_lambda():
    function = Function(None, "http://127.0.0.1:1", AWS_LAMBDA_RUNTIME_API=None)
    assert function.wait() == 64
    assert "AWS_LAMBDA_RUNTIME_API" in function.log("exit")[0]["text"]


def test_an_init_error_nobody_takes():
    function = Function("127.0.0.1:1", "nonsense")
    assert function.wait() == 1
    assert function.log("exit") and function.log("runtime.init-error")


def test_nobody_is_there_to_ask():
    function = Function("127.0.0.1:1", "http://127.0.0.1:1")
    assert function.wait() not in (0, None)
    assert "/runtime/invocation/next" in function.log("exit")[0]["text"]


def test_the_runtime_api_goes_away(start):
    api, function = start("http://127.0.0.1:1")
    api.close()
    assert function.wait() not in (0, None)
    assert "/runtime/invocation/next" in function.log("exit")[0]["text"]


@pytest.mark.parametrize("status", [403, 500])
def test_the_runtime_api_fails(start, status):
    api, function = start("http://127.0.0.1:1")
    api.next_status = status
    api.give(event())
    assert function.wait() not in (0, None)
    assert f"status {status}" in function.log("exit")[0]["text"]


@pytest.mark.parametrize("name", [None, "", "../../init/error", "a b", "x" * 200])
def test_an_event_without_a_usable_id(start, name):
    api, function = start("http://127.0.0.1:1")
    api.give(event(), Lambda_Runtime_Aws_Request_Id=name)
    assert function.wait() not in (0, None)
    assert "Request-Id" in function.log("exit")[0]["text"]
    assert api.posts.empty()


@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_an_answer_that_is_refused_is_not_the_end(start, status):
    with Backend(answer(b"x")) as backend:
        api, function = start(backend)
        api.post_status = status
        name = api.give(event())
        assert api.posts.get(timeout=WAIT_S)[0].endswith(f"{name}/response")
        api.post_status = 202
        assert api.invoke(event()).body == "x"
        assert api.posts.empty(), "no error was posted after it: the invocation is closed"
        function.stop()
    (line,) = function.log("runtime.refused")
    assert line["request"] == name and f"status {status}" in line["text"]


def test_a_fault_of_our_own_is_an_error_and_not_the_end(start):
    """An address that looks right but is none: only libcurl finds out."""
    api, function = start("http://[::::::::::]:80")
    for _ in range(2):
        name = api.give(event())
        path, headers, body = api.posts.get(timeout=WAIT_S)
        assert path == f"/2018-06-01/runtime/invocation/{name}/error"
        assert headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.InternalFault"
        assert json.loads(body) == {"errorMessage": "internal fault, see the log",
                                    "errorType": "Runtime.InternalFault", "stackTrace": []}
    function.stop()
    assert len(function.log("request.fault")) == 2


def test_no_process_ends_with_an_event(start):
    """Every kind of event and of answer, one after the other, and it is still the same process."""
    with Backend(answer(b"x"), close) as backend:
        api, function = start(backend)
        for text in (b"", b"{}", b"null", b'"' * 1000, b"[" * 100_000, b"\xff\xfe", b'{"a":' * 600):
            assert api.invoke(text).status == 400
        assert api.invoke(event()).body == "x"
        assert api.invoke(event()).status == 502
        assert function.process.poll() is None


def test_a_wait_of_any_length(start):
    """There is no timeout on `next`; three seconds stand for all, as libcurl's own would be no longer than its default
    for connecting."""
    with Backend(answer(b"x")) as backend:
        api, function = start(backend)
        time.sleep(3.5)
        assert api.invoke(event()).body == "x"
        assert api.connections == 1


def test_a_stop_while_waiting(start):
    api, function = start("http://127.0.0.1:1")
    began = time.monotonic()
    assert function.stop() == 0
    assert time.monotonic() - began < 15
    assert function.log("proxy.stopping")


def test_a_stop_during_an_event(start):
    """What was begun is answered, then it ends without asking for more."""

    told = threading.Event()

    def slow(connection, request):
        told.wait(WAIT_S)
        time.sleep(0.2)  # the signal has arrived
        return answer(b"x")

    with Backend(slow) as backend:
        api, function = start(backend)
        name = api.give(event())
        deadline = time.monotonic() + WAIT_S
        while not backend.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        function.process.terminate()
        told.set()
        api.give(event())
        path, _, body = api.posts.get(timeout=WAIT_S)
        assert path.endswith(f"{name}/response") and json.loads(body)["body"] == "x"
        assert function.wait() == 0
        assert api.events.qsize() == 1, "the other event is still there for another function"


TEXT = "b" * 5_000_000
JSON = json.dumps([{"a": "ü\n"}] * 250_000, ensure_ascii=False)  # a quarter of it is escaped
BYTES = bytes(range(256)) * 16_000


@pytest.mark.parametrize(
    "given, taken, encoded",
    [(TEXT, TEXT.encode(), False), (JSON, JSON.encode(), False), (base64.b64encode(BYTES).decode(), BYTES, True)],
    ids=["text", "JSON", "bytes"],
)
def test_large_bodies_lie_in_memory_once_and_leave_nothing(start, given, taken, encoded):
    def kilobytes(name):
        with open(f"/proc/{function.process.pid}/status") as status:
            return int(re.search(rf"^{name}:\s+(\d+) kB", status.read(), re.MULTILINE)[1])

    with Backend(answer(b"x"), answer(taken), answer(b"x")) as backend:
        api, function = start(backend)
        api.invoke(event())
        before = kilobytes("VmRSS")
        got = api.invoke(event("POST", body=given, isBase64Encoded=encoded))
        assert (got.status, got.base64, got.body == given) == (200, encoded, True)
        assert backend.requests[-1].body == taken
        api.invoke(event())
        if not any("ASAN" in name for name in os.environ) and b"__asan_" not in function_image(function):
            assert kilobytes("VmHWM") < 20_000
            assert kilobytes("VmRSS") - before < 2_000


def test_it_runs_from_a_zip(start, tmp_path):
    """make bootstrap.zip, for Lambda without an image: nothing but what is in it is used, not even a C library."""
    subprocess.run(["make", "-C", BUILD, "bootstrap.zip"], check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(BUILD / "bootstrap.zip") as archive:
        for member in archive.infolist():
            path = pathlib.Path(archive.extract(member, tmp_path))
            path.chmod(member.external_attr >> 16 & 0o777)
    with Backend(answer(b"x")) as backend:
        api, function = start(backend, program=tmp_path / "bootstrap", PATH="/nowhere")
        assert api.invoke(event("POST", body="y")).body == "x"
        maps = pathlib.Path(f"/proc/{function.process.pid}/maps").read_text()
    mapped = {line.split()[-1] for line in maps.splitlines() if "/" in line}
    assert len(mapped) > 10 and all(name.startswith(f"{tmp_path}/") for name in mapped), mapped


def function_image(function):
    with open(f"/proc/{function.process.pid}/exe", "rb") as image:
        return image.read()
