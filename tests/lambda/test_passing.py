"""What passes through the function, in either direction, and how it is signed."""

import base64
import gzip
import hashlib
import hmac
import json
import time

import pytest

from backends import Backend, answer
from fake_lambda import CALLER, KEY_ID, SECRET, event

IDENTITY = ("Key-Id", "Caller-Arn", "Caller-Account", "Caller-Id", "Source-Ip", "Api-Request-Id")


def signature(request):
    """As the specification has it, from what arrived."""
    lines = ["v1", request.get("X-Blox-Timestamp"), request.method, request.target]
    lines += [hashlib.sha256(request.body).hexdigest()]
    lines += [request.get(f"X-Blox-{name}") or "" for name in IDENTITY]
    text = "".join(line + "\n" for line in lines)
    return "v1=" + hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_a_read(start):
    with Backend(answer(b'{"items":[]}')) as backend:
        api, function = start(backend)
        got = api.invoke(event(query={"status": ["running", "stopped"], "a b": "c&d"}, headers={"Accept": "*/*"}))
    (request,) = backend.requests
    assert request.line == "GET /v1/environments?status=running&status=stopped&a%20b=c%26d HTTP/1.1"
    assert request.get("Host") == backend.url.removeprefix("http://")
    assert request.get("Accept") == "*/*"
    assert request.get("X-Request-Id") == got.request_id
    assert request.get("X-Forwarded-For") == "203.0.113.7"
    assert request.get("X-Forwarded-Host") == "abc123.execute-api.us-east-1.amazonaws.com"
    assert request.get("Content-Length") is None and request.get("Content-Type") is None
    assert (got.status, got.body, got.base64, got.multi) == (200, '{"items":[]}', False, {})
    assert got.headers == {"Content-Type": "application/json; charset=UTF-8"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("body", [None, "", '{"name":"ü"}'])
def test_every_method_with_and_without_a_body_is_signed(start, method, body):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        assert api.invoke(event(method, body=body)).status == 200
    (request,) = backend.requests
    assert request.method == method
    assert request.body == (b"" if method == "HEAD" else (body or "").encode())
    assert request.get("X-Blox-Signature") == signature(request)
    assert abs(int(request.get("X-Blox-Timestamp")) - time.time()) < 60
    assert [request.get(f"X-Blox-{name}") for name in IDENTITY] == [
        KEY_ID, CALLER, "123456789012", "AIDAALICE", "203.0.113.7", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    ]
    if method in ("POST", "PUT", "PATCH"):
        assert request.get("Content-Length") == str(len(request.body))
        assert request.get("Content-Type") is None, "nobody said what it is"


def test_who_is_unknown_is_not_made_up(start):
    anonymous = event()
    anonymous["requestContext"]["identity"] = {"userArn": None, "sourceIp": "203.0.113.7"}
    with Backend(answer()) as backend:
        api, _ = start(backend)
        api.invoke(anonymous)
    (request,) = backend.requests
    assert request.get("X-Blox-Caller-Arn") is None and request.get("X-Blox-Caller-Id") is None
    assert request.get("X-Blox-Signature") == signature(request)


def test_clients_cannot_speak_for_others(start):
    claims = {
        "X-Blox-Caller-Arn": "arn:aws:iam::123456789012:root",
        "x-blox-signature": "v1=00",
        "X_Blox_Key_Id": "operator-1",
        "X-Request-Id": "mine",
        "Authorization": "AWS4-HMAC-SHA256 ...",
        "X-Amz-Security-Token": "token",
        "Connection": "X-Blox-Signature, keep-alive",
        "Transfer-Encoding": "chunked",
        "Content-Length": "1000",
        "Host": "evil.example",
    }
    with Backend(answer()) as backend:
        api, _ = start(backend)
        api.invoke(event("POST", headers=claims, body="{}"))
    (request,) = backend.requests
    assert request.get("X-Blox-Caller-Arn") == CALLER
    assert request.get("X-Blox-Signature") == signature(request)
    assert request.get("Content-Length") == "2" and request.body == b"{}"
    for name in ("X_Blox_Key_Id", "Authorization", "X-Amz-Security-Token", "Connection", "Transfer-Encoding"):
        assert request.all(name) == []
    assert request.get("Host") != "evil.example"


def test_the_path_goes_out_as_it_came(start):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        for path in ("//v1/../v1//ping/", "/v1/tasks/c/arn%3Aaws%2Fecs", "/v1/a b?c#d", "/v1/ü\r\nX: y"):
            api.invoke(event(path=path))
    assert [request.target for request in backend.requests] == [
        "//v1/../v1//ping/", "/v1/tasks/c/arn%3Aaws%2Fecs", "/v1/a%20b%3Fc%23d", "/v1/%C3%BC%0D%0AX:%20y"
    ]
    assert all(request.get("X-Blox-Signature") == signature(request) for request in backend.requests)


def test_headers_with_several_values_and_without_any(start):
    with Backend(answer(headers=("Set-Cookie: a=1", "ETag: \"1\"", "set-cookie: b=2", "X-Empty:"))) as backend:
        api, _ = start(backend)
        got = api.invoke(event(headers={"If-None-Match": ['"a"', '"b"'], "X-None": ""}))
    (request,) = backend.requests
    assert request.all("If-None-Match") == ['"a"', '"b"'] and request.all("X-None") == [""]
    assert got.headers == {"ETag": '"1"', "X-Empty": ""}
    assert got.multi == {"Set-Cookie": ["a=1", "b=2"]}


def test_what_is_the_gateways_to_say_stays_behind(start):
    own = ("Server: nginx", "Date: Fri, 20 Nov 2026 12:00:00 GMT", "X-Accel-Buffering: no", "Keep-Alive: timeout=5",
           "Connection: X-Hop", "X-Hop: 1", "X-Blox-Revision: 42", "Content-Type: text/plain")
    with Backend(answer(b"x", headers=own)) as backend:
        api, _ = start(backend)
        got = api.invoke(event())
    assert got.headers == {"X-Blox-Revision": "42", "Content-Type": "text/plain"} and got.multi == {}


def test_the_trace_is_lambdas(start):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        trace = {"X-Amzn-Trace-Id": "Root=1-the-gateways"}
        api.invoke(event(headers=trace), Lambda_Runtime_Trace_Id="Root=1-lambdas;Sampled=1")
        api.invoke(event(headers=trace))
    traced, untraced = backend.requests
    assert traced.get("X-Amzn-Trace-Id") == "Root=1-lambdas;Sampled=1"
    assert untraced.get("X-Amzn-Trace-Id") == "Root=1-the-gateways"


def test_bodies_that_are_no_text(start):
    packed = gzip.compress(b"many words " * 100)
    with Backend(answer(packed, headers=("Content-Encoding: gzip",))) as backend:
        api, _ = start(backend)
        got = api.invoke(event("POST", body=base64.b64encode(packed).decode(), isBase64Encoded=True))
    assert backend.requests[0].body == packed
    assert backend.requests[0].get("X-Blox-Signature") == signature(backend.requests[0])
    assert got.base64 and base64.b64decode(got.body) == packed
    assert got.headers == {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified", "404 Not Found", "500 Oops", "599 x"])
def test_statuses(start, status):
    empty = status[0:3] in ("204", "304")
    head = f"HTTP/1.1 {status}\r\nETag: \"7\"\r\n" + ("" if empty else "Content-Length: 1\r\n") + "\r\n"
    with Backend(head.encode() + (b"" if empty else b"x")) as backend:
        api, _ = start(backend)
        for _ in range(2):  # the connection is as good as before
            got = api.invoke(event())
            assert (got.status, got.body) == (int(status[0:3]), "" if empty else "x")
    assert backend.connections == 1


def test_head_has_a_length_and_no_body(start):
    with Backend(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: \"7\"\r\n\r\n") as backend:
        api, _ = start(backend)
        got = api.invoke(event("HEAD"))
        assert (got.status, got.body, got.headers) == (200, "", {"ETag": '"7"'})
        assert api.invoke(event("HEAD")).status == 200
    assert backend.connections == 1


def test_chunks_and_a_body_up_to_the_end_of_the_connection(start):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n"

    def until_the_end(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhij")

    with Backend(chunked, until_the_end, b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"k")) as backend:
        api, _ = start(backend)
        got = [api.invoke(event()) for _ in range(3)]
    assert [each.body for each in got] == ["abcdefg", "hij", "k"]
    assert got[0].headers == {} and got[1].headers == {}


def test_five_megabytes_each_way(start):
    body = json.dumps({"text": "ä" * 2_500_000}, ensure_ascii=False)
    with Backend(answer(b"b" * 5_000_000)) as backend:
        api, _ = start(backend)
        got = api.invoke(event("POST", body=body))
    assert backend.requests[0].body == body.encode()
    assert backend.requests[0].get("X-Blox-Signature") == signature(backend.requests[0])
    assert got.body == "b" * 5_000_000


def test_reads_share_a_connection_and_writes_do_not(start):
    with Backend(answer()) as backend:
        api, _ = start(backend)
        for _ in range(3):
            api.invoke(event())
        assert backend.connections == 1
        for n in range(3):
            api.invoke(event("POST", body="{}"))
            assert backend.connections == 2 + n
        api.invoke(event())
        assert backend.connections == 4, "a read may use what a write has opened"
        assert api.connections == 1, "the Runtime API's is kept as well"


def test_one_line_a_request_without_secrets(start):
    with Backend(answer(b"answer-body")) as backend:
        api, function = start(backend)
        got = api.invoke(event("POST", query={"q": "query-secret"}, body="body-secret",
                               headers={"Authorization": "header-secret", "X-Other": "other-secret"}))
        function.stop()
    (line,) = function.log("request")
    assert line["request"] == got.request_id and line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/environments", 200)
    assert line["caller"] == CALLER and line["api_request"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert 0 <= line["backend_us"] <= line["took_us"] < 10_000_000
    assert (line["bytes_in"], line["text"]) == (len("body-secret"), "")
    assert not any(word in "".join(function.lines) for word in ("-secret", "answer-body"))
    assert function.log("proxy.ready")[0]["key"] == KEY_ID
