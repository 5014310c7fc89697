"""The event a function gets, the reply it may give, and the limits of both."""
import base64
import json
import re
import time

import pytest


def event_of(gateway, method, path, body=b"", headers=None):
    function = gateway.functions[0] if gateway.functions else gateway.function()
    answer = gateway.call(method, path, body, headers)
    assert answer.status == 200, answer.text
    return function.events[-1], answer


def test_the_event_has_the_form_1_0(gateway):
    event, answer = event_of(gateway, "POST", "/v1/a%20b/c?x=1&y=%2F%20z&x=2", '{"a":"ü"}',
                             {"X-Twice": "one", "User-Agent": "agent/1"})
    assert event["resource"] == "/{proxy+}" and event["httpMethod"] == "POST"
    assert event["path"] == "/v1/a%20b/c" and event["pathParameters"] == {"proxy": "v1/a b/c"}
    assert event["queryStringParameters"] == {"x": "2", "y": "/ z"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["/ z"]}
    assert event["body"] == '{"a":"ü"}' and event["isBase64Encoded"] is False
    assert event["stageVariables"] is None
    assert event["headers"]["X-Twice"] == "one" and event["multiValueHeaders"]["X-Twice"] == ["one"]
    context = event["requestContext"]
    assert context["path"] == "/blox/v1/a%20b/c" and context["stage"] == "blox"
    assert context["resourcePath"] == "/{proxy+}" and context["httpMethod"] == "POST"
    assert context["protocol"] == "HTTP/1.1" and context["accountId"] == "123456789012"
    assert context["domainName"] == gateway.host and re.fullmatch(r"[a-z0-9]{10}", context["apiId"])
    assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 60
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"])
    assert context["requestId"] == answer.headers["x-amzn-RequestId"]
    assert context["extendedRequestId"] == answer.headers["x-amz-apigw-id"]
    who = context["identity"]
    assert who["sourceIp"] == "127.0.0.1" and who["userAgent"] == "agent/1"
    assert who["cognitoIdentityId"] is None and who["principalOrgId"] is None


def test_what_is_not_there_is_null(gateway):
    event, _ = event_of(gateway, "GET", "/v1/ping")
    for name in ("queryStringParameters", "multiValueQueryStringParameters", "body"):
        assert event[name] is None
    assert event["requestContext"]["identity"]["userAgent"] is None


def test_a_header_given_twice_has_a_list_and_a_last_value(gateway):
    function = gateway.function()
    signed = gateway.sign("GET", "/blox/v1/x")
    gateway.send("GET", "/blox/v1/x", headers=[*signed.items(), ("X-A", "1"), ("x-a", "2")])
    event = function.events[-1]
    assert event["multiValueHeaders"]["X-A"] == ["1", "2"] and event["headers"]["X-A"] == "2"


def test_the_gateway_adds_headers_of_its_own(gateway):
    event, answer = event_of(gateway, "GET", "/v1/x", headers={"X-Forwarded-For": "10.1.1.1", "X-Amzn-Trace-Id": "no"})
    assert event["headers"]["X-Forwarded-For"] == "10.1.1.1, 127.0.0.1"
    assert event["headers"]["X-Forwarded-Port"] == str(gateway.port)
    trace = event["headers"]["X-Amzn-Trace-Id"]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", trace)
    assert trace == answer.headers["X-Amzn-Trace-Id"] == gateway.functions[0].headers[-1]["Lambda-Runtime-Trace-Id"]


def test_bytes_that_are_no_text_are_damaged_unless_bodies_are_binary(gateway):
    event, _ = event_of(gateway, "POST", "/v1/x", b"\xff\x00a")
    assert event["body"] == "\ufffd\0a"
    gateway.sim.settings(binaryBodies=True)
    event, _ = event_of(gateway, "POST", "/v1/x", b"\xff\x00a")
    assert event["isBase64Encoded"] is True and base64.b64decode(event["body"]) == b"\xff\x00a"
    event, _ = event_of(gateway, "GET", "/v1/x?q=%FFz")
    assert event["queryStringParameters"] == {"q": "\ufffdz"}


def test_paths_may_come_decoded(gateway):
    gateway.sim.settings(decodedPaths=True)
    event, _ = event_of(gateway, "GET", "/v1/tasks/c/arn%3Aaws%2Fx")
    assert event["path"] == "/v1/tasks/c/arn:aws/x"
    assert event["requestContext"]["path"] == "/blox/v1/tasks/c/arn%3Aaws%2Fx"


def test_the_stage_has_the_name_it_was_given(open_gateway):
    gateway = open_gateway("--gateway-stage", "prod_2")
    gateway.stage = "prod_2"
    event, _ = event_of(gateway, "GET", "/v1/x")
    assert event["path"] == "/v1/x" and event["requestContext"]["stage"] == "prod_2"


# ---- replies


def answer_to(gateway, reply, **more):
    gateway.function(lambda event: reply)
    return gateway.call("GET", "/v1/x", **more)


def test_a_reply_becomes_the_answer(gateway):
    answer = answer_to(gateway, {"statusCode": 418, "headers": {"X-One": "1", "X-Number": 7, "Content-Type": "a/b"},
                                 "multiValueHeaders": {"X-Many": ["1", "2"], "X-One": ["one"]}, "body": "täxt",
                                 "isBase64Encoded": False})
    assert (answer.status, answer.text) == (418, "täxt")
    assert answer.headers["X-One"] == "one" and answer.headers["X-Number"] == "7"
    assert answer.headers.get_all("X-Many") == ["1", "2"] and answer.headers.get_all("Content-Type") == ["a/b"]


def test_the_least_reply(gateway):
    answer = answer_to(gateway, {"statusCode": 204})
    assert (answer.status, answer.body) == (204, b"")


def test_a_body_without_type_is_called_json(gateway):
    assert answer_to(gateway, {"statusCode": 200, "body": "x"}).headers["Content-Type"] == "application/json"


def test_base64_is_decoded_only_where_bodies_are_binary(gateway):
    reply = {"statusCode": 200, "body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}
    assert answer_to(gateway, reply).body == base64.b64encode(b"\xff\x00")
    gateway.sim.settings(binaryBodies=True)
    assert gateway.call("GET", "/v1/x").body == b"\xff\x00"


def test_headers_of_the_connection_are_the_gateways_own(gateway):
    answer = answer_to(gateway, {"statusCode": 200, "body": "abc", "headers": {
        "Connection": "close", "Content-Length": "99", "Server": "mine", "Date": "today", "Transfer-Encoding": "chunked"}})
    assert answer.text == "abc" and answer.headers["Content-Length"] == "3"
    for name, value in {"Connection": "close", "Content-Length": "99", "Server": "mine", "Date": "today"}.items():
        assert answer.headers[f"x-amzn-Remapped-{name}"] == value


@pytest.mark.parametrize("reply", [
    b"", b"null", b"[]", b"no json", b'"text"', b'{"statusCode":200', {}, {"body": "x"}, {"statusCode": "200"}, {"statusCode": 99},
    {"statusCode": 600}, {"statusCode": 200.5}, {"statusCode": 200, "body": {"a": 1}}, {"statusCode": 200, "body": 1},
    {"statusCode": 200, "headers": []}, {"statusCode": 200, "headers": {"a": ["b"]}},
    {"statusCode": 200, "headers": {"a": {}}}, {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
    {"statusCode": 200, "multiValueHeaders": {"a": [1]}}, {"statusCode": 200, "isBase64Encoded": "true"},
    {"statusCode": 200, "cookies": []}], ids=str)
def test_a_malformed_reply_is_502(gateway, reply):
    answer = answer_to(gateway, reply)
    assert answer.text == '{"message": "Internal server error"}'
    assert answer.error() == (502, "InternalServerErrorException", "Internal server error")
    assert gateway.call("GET", "/v1/x").status == 502, "the function goes on"


# ---- limits


def test_a_body_of_10_mb_is_too_long_for_lambda_and_more_for_the_gateway(gateway):
    gateway.function(lambda event: {"statusCode": 200, "body": str(len(event["body"]))})
    assert gateway.call("POST", "/v1/x", b"a" * 6_000_000).text == "6000000"
    answer = gateway.call("POST", "/v1/x", b"a" * (10 * 1024 * 1024))
    assert answer.error() == (413, "RequestTooLargeException", "Request Too Long")
    answer = gateway.call("POST", "/v1/x", b"a" * (10 * 1024 * 1024 + 1))
    assert answer.error() == (413, "RequestTooLargeException", "HTTP content length exceeded 10485760 bytes.")


def test_headers_have_room_for_10240_bytes(gateway):
    gateway.function()
    signed = gateway.sign("GET", "/blox/v1/x")
    used = len("GET /blox/v1/x HTTP/1.1\r\n") + sum(len(f"{n}: {v}\r\n") for n, v in signed.items())
    used += len(f"Host: {gateway.host}\r\nX-Long: \r\n")
    fits = "a" * (10240 - used)
    assert gateway.send("GET", "/blox/v1/x", headers={**signed, "X-Long": fits}).status == 200
    answer = gateway.send("GET", "/blox/v1/x", headers={**signed, "X-Long": fits + "a"})
    assert answer.error() == (400, "BadRequestException", "HTTP header is larger than 10240 bytes.")


def test_json_of_every_kind_arrives(gateway):
    text = json.dumps({"a": "\"\\\n\u2028 \U0001f600", "b": [None, 1.5, True]})
    event, _ = event_of(gateway, "POST", "/v1/x", text)
    assert event["body"] == text
