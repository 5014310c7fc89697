"""What the client is told when the backend, or the event, is not as it should be."""

import json
import socket
import ssl
import subprocess
import time

import pytest

from backends import Backend, answer, close, reset, then
from fake_lambda import event

UNREACHABLE = "Blox cannot be reached, or its answer is unusable"
LATE = "Blox did not answer in time"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


def failed(got, status, message):
    assert (got.status, got.message()) == (status, message)


def test_nobody_listens(start):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # held, so that nobody else listens there
        api, function = start(f"http://127.0.0.1:{unused.getsockname()[1]}")
        for method in ("GET", "POST"):
            failed(api.invoke(event(method)), 502, UNREACHABLE)
        function.stop()
    lines = function.log("request")
    assert [line["level"] for line in lines] == ["warn", "warn"] and "connect" in lines[0]["text"]


def test_no_such_name(start):
    api, _ = start("http://nobody.invalid")
    failed(api.invoke(event()), 502, UNREACHABLE)


@pytest.mark.parametrize("end", [close, reset])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_is_sent_once_more(start, method, end):
    with Backend(end, answer(b"")) as backend:
        api, _ = start(backend)
        assert api.invoke(event(method)).status == 200
    assert len(backend.requests) == 2 and backend.connections == 2


@pytest.mark.parametrize("end", [close, reset])
def test_a_read_is_sent_once_more_and_not_twice(start, end):
    with Backend(end) as backend:
        api, _ = start(backend)
        failed(api.invoke(event()), 502, UNREACHABLE)
        assert len(backend.requests) == 2


@pytest.mark.parametrize("end", [close, reset])
@pytest.mark.parametrize("body", [None, "{}"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_anything_else_is_sent_once(start, method, body, end):
    with Backend(end, answer(b"")) as backend:
        api, _ = start(backend)
        failed(api.invoke(event(method, body=body)), 502, UNREACHABLE)
        assert len(backend.requests) == 1


@pytest.mark.parametrize("end", [close, reset])
def test_a_kept_connection_that_dies(start, end):
    """The server reads the request and goes, which libcurl would make up for by itself, also for a POST."""
    with Backend(answer(b"1"), end, answer(b"2")) as backend:
        api, _ = start(backend)
        assert [api.invoke(event()).body for _ in range(2)] == ["1", "2"]
        assert len(backend.requests) == 3
    with Backend(answer(b"1"), end) as backend:
        api, _ = start(backend)
        assert api.invoke(event()).body == "1"
        failed(api.invoke(event()), 502, UNREACHABLE)
        assert len(backend.requests) == 3, "the first, one on the kept connection, one on a new one"
    with Backend(answer(b"1"), end, answer(b"2")) as backend:
        api, _ = start(backend)
        assert api.invoke(event()).body == "1"
        failed(api.invoke(event("POST", body="{}")), 502, UNREACHABLE)
        assert len(backend.requests) == 2


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\n", HEAD, HEAD + b"12345"])
@pytest.mark.parametrize("end", [close, reset])
def test_an_answer_that_breaks_off(start, begun, end):
    with Backend(then(begun, end), answer(b"")) as backend:
        api, _ = start(backend)
        got = api.invoke(event())
        failed(got, 502, UNREACHABLE)
        assert len(backend.requests) == 1, "an answer had begun"


@pytest.mark.parametrize("nonsense", [
    b"HELLO\r\n\r\n",
    b"\0\0\0\0\r\n\r\n",
    b"HTTP/1.1 2x0 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    b"HTTP/1.1 200 OK\r\nX-A: \x01\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-Many: b\r\n" * 101 + b"Content-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Long: " + b"b" * 20000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Long: " + b"b" * 200000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 999 Beyond\r\nContent-Length: 0\r\n\r\n",
])
def test_what_is_no_answer(start, nonsense):
    with Backend(then(nonsense, close)) as backend:
        api, _ = start(backend)
        got = api.invoke(event())
        assert got.status == 502 and "unusable" in got.message()


def test_slow_answers(start):
    def late(connection, request):
        time.sleep(1)
        return answer(b"late")

    with Backend(late) as backend:
        api, _ = start(backend)
        assert api.invoke(event()).body == "late"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", HEAD, HEAD + b"12345"])
def test_no_answer_in_time(start, method, begun):
    """1.5 s before Lambda's deadline is when we give up."""
    with Backend(answer()) as backend:
        backend.script = [then(begun, backend.wait)]
        api, function = start(backend)
        began = time.monotonic()
        failed(api.invoke(event(method), deadline_ms=3000), 504, LATE)
        assert 0.8 < time.monotonic() - began < 10  # not the 25 s it may wait otherwise
        assert len(backend.requests) == 1
        backend.script = [answer(b"again")]
        assert api.invoke(event()).body == "again"


def test_the_second_attempt_has_what_time_is_left(start):
    def slow_end(connection, request):
        time.sleep(0.7)

    with Backend(answer()) as backend:
        backend.script = [slow_end, backend.wait]
        api, _ = start(backend)
        began = time.monotonic()
        failed(api.invoke(event(), deadline_ms=4000), 504, LATE)
        assert time.monotonic() - began < 10
        assert len(backend.requests) == 2


def test_nobody_accepts(start):
    """A listener whose queue is full drops what comes: a host that is gone looks like this."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        time.sleep(0.1)
        api, _ = start(f"http://127.0.0.1:{address[1]}")
        began = time.monotonic()
        failed(api.invoke(event()), 504, LATE)
        assert 1.8 < time.monotonic() - began < 15  # not the 25 s of an answer
        for each in waiting:
            each.close()


def test_a_deadline_that_is_over(start):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        for deadline_ms in (1400, 0, -100_000):
            failed(api.invoke(event(), deadline_ms=deadline_ms), 504, "there is no time left to ask Blox")
        assert backend.requests == []


@pytest.mark.parametrize("deadline", [None, "soon", "99999999999999999999999"])
def test_a_deadline_nobody_understands(start, deadline):
    with Backend(answer(b"x")) as backend:
        api, _ = start(backend)
        assert api.invoke(event(), Lambda_Runtime_Deadline_Ms=deadline).body == "x"


@pytest.mark.parametrize("body", [b"a" * 6_300_000, b'"' * 3_200_000, b"\xff" * 4_800_000], ids=["plain", "quotes", "binary"])
def test_answers_too_large(start, body):
    with Backend(answer(body), answer(b"small")) as backend:
        api, function = start(backend)
        got = api.invoke(event())
        assert got.status == 502 and "maxResults" in got.message()
        assert len(json.dumps(got.raw)) < 1000
        assert api.invoke(event()).body == "small"
        function.stop()
    assert "6 MiB" in function.log("request")[0]["text"]


def test_an_answer_without_end(start):
    def endless(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with Backend(endless) as backend:
        api, _ = start(backend)
        assert api.invoke(event()).status == 502


def test_https_with_a_certificate_nobody_vouches_for(start, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Backend(answer(b"secret")) as backend:
        backend.wrap = context
        url = backend.url.replace("http:", "https:")
        api, function = start(url)
        failed(api.invoke(event()), 502, UNREACHABLE)
        assert backend.requests == []
        function.stop()
        assert "certificate" in function.log("request")[0]["text"]


@pytest.mark.parametrize("path", ["/v1/stream/tasks", "/v1/stream/instances", "/v1//stream/tasks", "/v1/%73tream/tasks"])
def test_streams_are_told_where_to_go(start, path):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        got = api.invoke(event(path=path))
        assert got.status == 501 and "inside the VPC" in got.message() and "3000" in got.message()
        assert backend.requests == []


@pytest.mark.parametrize("text, message", [
    (b"", "JSON, line 1 column 1"),
    (b"[]", "no object"),
    (b'{"Records":[{"body":"body-secret"}]}', "none of API Gateway's"),
    (b'{"version":"2.0","rawPath":"/v1","requestContext":{"http":{"method":"GET"}}}', "payload format 1.0"),
    (b'{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","body":"body-secret"}', "load balancer"),
])
def test_events_of_others(start, text, message):
    with Backend(answer()) as backend:
        api, function = start(backend)
        got = api.invoke(text)
        assert got.status == 400 and message in got.message()
        assert api.invoke(event()).status == 200, "the next one is served"
        function.stop()
    assert "body-secret" not in "".join(function.lines)
    (line,) = function.log("request.refused")
    assert line["request"] == got.request_id and message in line["text"]
    if text.startswith(b"{"):
        assert line["keys"] == ",".join(json.loads(text))


def test_headers_that_would_become_others(start):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        for headers in ({"X-A": "b\r\nX-C: d"}, {"X-A": "b\nc"}, {"X-A\r\nX-C": "d"}, {"X-A": "b\0c"}):
            assert api.invoke(event(headers=headers)).status == 400
        assert backend.requests == []
