"""The gateway lets nobody in but who signed, and says what API Gateway says."""
import re
import subprocess

import pytest
import requests
from local_aws import KEY, SECRET

MISMATCH = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.")
NO_TOKEN = (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.fixture
def door(gateway):
    gateway.function()
    return gateway


def curl(door, path, *flags, key=KEY, secret=SECRET, region="us-east-1", service="execute-api"):
    done = subprocess.run(["curl", "-sS", "-m", "30", "-g", "-w", "\n%{http_code}", "--user", f"{key}:{secret}",
                           "--aws-sigv4", f"aws:amz:{region}:{service}", *flags, door.url + path],
                          capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


# Debian's curl (7.88) signs parameters in the order they are given: they have to come sorted.
@pytest.mark.parametrize("path", ["/v1/ping", "/v1/tasks?cluster=a&cluster=b", "/v1/tasks?cluster=c&status=running",
                                  "/v1/tasks?query=a%20b%2Fc", "/v1/x?empty="])
def test_curl_may_come_in(door, path):
    assert curl(door, path) == (200, "fine")
    assert door.functions[0].events[-1]["path"] == path.partition("?")[0]


def test_curl_may_send_a_body(door):
    assert curl(door, "/v1/environments", "-d", '{"name":"x"}') == (200, "fine")
    assert door.functions[0].events[-1]["body"] == '{"name":"x"}'


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/v1/ping", b""), ("GET", "/v1/tasks?b=2&a=%2F&a=1&c=%20", b""), ("POST", "/v1/environments", b'{"a":"b"}'),
    ("DELETE", "/v1/environments/x", b""), ("PUT", "/v1//a/../b%20c/", b"\xff\x00"),
    ("GET", "/v1/tasks/c/arn%3Aaws%3Aecs", b"")])
def test_botocore_may_come_in(door, method, path, body):
    assert door.call(method, path, body).status == 200


def test_which_headers_are_signed_is_the_clients_choice(door):
    """aws4 for one signs nearly every header; botocore signs those of the request it was given."""
    many = {"Content-Type": "application/json", "X-Custom": "  two   words ", "Accept": "a/b, c/d"}
    assert door.call("POST", "/v1/x", b"{}", many).status == 200
    signed = door.sign("POST", "/blox/v1/x", b"{}", many)
    assert "accept;content-type;host;x-amz-date;x-custom" in signed["Authorization"]
    signed["X-Custom"] = "other words"
    assert door.send("POST", "/blox/v1/x", b"{}", signed).status == 403
    signed["X-Custom"] = "two words"
    signed["X-Another"] = "was not signed"
    assert door.send("POST", "/blox/v1/x", b"{}", signed).status == 200


def test_a_header_given_twice_is_signed_as_one_list(door):
    signed = door.sign("GET", "/blox/v1/x", headers={"X-Twice": "a,b"})
    pairs = [(name, value) for name, value in signed.items() if name != "X-Twice"]
    assert door.send("GET", "/blox/v1/x", headers=[*pairs, ("X-Twice", "a"), ("X-Twice", "b")]).status == 200
    assert door.send("GET", "/blox/v1/x", headers=[*pairs, ("X-Twice", "b"), ("X-Twice", "a")]).status == 403


def test_unsigned(door):
    answer = door.send("GET", "/blox/v1/ping")
    assert answer.error() == NO_TOKEN
    assert answer.text == '{"message":"Missing Authentication Token"}'
    assert answer.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-RequestId"])
    assert re.fullmatch(r"[\w+/]{15}=", answer.headers["x-amz-apigw-id"])


def test_a_wrong_secret_is_told_what_should_have_been_signed(door):
    status, kind, message = door.call("GET", "/v1/x?b=1&a=2", secret="wrong").error()
    assert (status, kind) == (403, "InvalidSignatureException")
    assert message.startswith(MISMATCH + "\n\nThe Canonical String for this request should have been\n"
                              f"'GET\n/blox/v1/x\na=2&b=1\nhost:{door.host}\n")
    assert "\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in message
    assert SECRET not in message


@pytest.mark.parametrize("method, target, body", [
    ("GET", "/blox/v1/tasks/other?a=1", b""), ("GET", "/blox/v1/tasks?a=2", b""), ("POST", "/blox/v1/tasks?a=1", b""),
    ("GET", "/blox/v1/tasks", b""), ("GET", "/blox/v1/tasks?a=1", b"a body")])
def test_nothing_of_a_request_can_be_exchanged(door, method, target, body):
    signed = door.sign("GET", "/blox/v1/tasks?a=1")
    assert door.send("GET", "/blox/v1/tasks?a=1", headers=signed).status == 200
    status, kind, message = door.send(method, target, body, signed).error()
    assert (status, kind) == (403, "InvalidSignatureException") and message.startswith(MISMATCH)


def test_a_changed_body_or_host(door):
    signed = door.sign("POST", "/blox/v1/x", b"one")
    assert door.send("POST", "/blox/v1/x", b"two", signed).status == 403
    assert door.send("POST", "/blox/v1/x", b"one", {**signed, "Host": "elsewhere"}).status == 403


def test_an_unknown_key(door):
    assert door.call("GET", "/v1/x", key="AKIDOTHER").error() == \
        (403, "UnrecognizedClientException", "The security token included in the request is invalid.")


@pytest.mark.parametrize("other, message", [
    ({"service": "ecs"}, "Credential should be scoped to correct service: 'execute-api'."),
    ({"region": "eu-west-1"}, "Credential should be scoped to a valid region.")])
def test_a_wrong_scope(door, other, message):
    assert door.call("GET", "/v1/x", **other).error() == (403, "InvalidSignatureException", message)


@pytest.mark.parametrize("minutes, begin", [
    (-6, "Signature expired: "), (-4, None), (4, None), (6, "Signature not yet current: ")])
def test_the_clock_may_be_five_minutes_off(door, set_clock, minutes, begin):
    set_clock(minutes)
    answer = door.call("GET", "/v1/x")
    if not begin:
        assert answer.status == 200
        return
    status, kind, message = answer.error()
    assert (status, kind) == (403, "InvalidSignatureException")
    word = "earlier" if minutes < 0 else "later"
    assert re.fullmatch(begin + r"\d{8}T\d{6}Z is now " + word + r" than \d{8}T\d{6}Z \(\d{8}T\d{6}Z [-+] 5 min.\)",
                        message)


@pytest.mark.parametrize("value", ["Basic abc", "AWS4-HMAC-SHA256 Credential=a/b/c", "AWS4-HMAC-SHA256", "Bearer x"])
def test_half_a_signature(door, value):
    status, kind, _ = door.send("GET", "/blox/v1/x", headers={"Authorization": value}).error()
    assert (status, kind) == (403, "IncompleteSignatureException")


@pytest.mark.parametrize("target", ["/other/v1/ping", "/", "/bloxx/v1/ping", "/blo/v1"])
def test_there_is_one_stage(door, target):
    answer = door.send("GET", target, headers=door.sign("GET", target))
    assert answer.error() == (403, "ForbiddenException", "Forbidden")


@pytest.mark.parametrize("target", ["/blox", "/blox/"])
def test_the_stage_itself_has_no_method(door, target):
    assert door.send("GET", target, headers=door.sign("GET", target)).error() == NO_TOKEN


def test_nobody_reached_the_function_uninvited(door):
    door.send("GET", "/blox/v1/x")
    door.call("GET", "/v1/x", secret="wrong")
    assert not door.functions[0].events and door.sim.control("GET", "/function")["invocations"] == 0


# ---- users


def identity(door):
    return door.functions[0].events[-1]["requestContext"]["identity"]


def test_the_first_key_is_a_user_named_test(door):
    assert door.call("GET", "/v1/x").status == 200
    who = identity(door)
    assert who["userArn"] == "arn:aws:iam::123456789012:user/test" and who["accessKey"] == KEY
    assert who["accountId"] == "123456789012" and re.fullmatch(r"AIDA[0-9A-F]{17}", who["caller"])
    assert who["user"] == who["caller"]


def test_a_role_that_was_assumed(door):
    arn = "arn:aws:sts::210987654321:assumed-role/Operators/jane"
    caller = door.user("ASIAJANE", "s3cret", arn, sessionToken="the-token")
    assert re.fullmatch(r"AROA[0-9A-F]{17}:jane", caller)
    jane = {"key": "ASIAJANE", "secret": "s3cret"}
    assert door.call("GET", "/v1/x", token="the-token", **jane).status == 200
    assert (identity(door)["userArn"], identity(door)["accountId"]) == (arn, "210987654321")
    assert identity(door)["caller"] == caller
    for token in (None, "another"):
        assert door.call("GET", "/v1/x", token=token, **jane).error()[1] == "UnrecognizedClientException"
    assert door.user("X", "s", arn.replace("jane", "joe")).partition(":")[0] == caller.partition(":")[0]


def test_a_key_may_get_another_owner_or_end(door):
    door.user("AKIDONE", "one", "arn:aws:iam::123456789012:user/one")
    assert door.call("GET", "/v1/x", key="AKIDONE", secret="one").status == 200
    door.user("AKIDONE", "two", "arn:aws:iam::123456789012:user/path/two")
    assert door.call("GET", "/v1/x", key="AKIDONE", secret="one").status == 403
    assert door.call("GET", "/v1/x", key="AKIDONE", secret="two").status == 200
    assert identity(door)["userArn"].endswith("/two")
    listed = door.sim.control("GET", "/users")["users"]
    assert {user["accessKeyId"] for user in listed} == {KEY, "AKIDONE"} and "two" not in str(listed[0])
    door.sim.control("DELETE", "/users", accessKeyId="AKIDONE")
    assert door.call("GET", "/v1/x", key="AKIDONE", secret="two").error()[1] == "UnrecognizedClientException"


def test_users_may_call_the_rest_of_aws_too(door):
    door.user("AKIDONE", "one", "arn:aws:iam::123456789012:user/one")
    assert door.sim.call("ecs", "ListClusters", {}, key="AKIDONE", secret="one").status_code == 200
    door.sim.fault(kind="access-denied", operation="ListClusters")
    refused = door.sim.call("ecs", "ListClusters", {}, key="AKIDONE", secret="one").json()
    assert refused["message"].startswith("User: arn:aws:iam::123456789012:user/one is not authorized")


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:iam::1:user/x", "arn:aws:iam::123456789012:user/",
                                 "arn:aws:iam::123456789012:group/x", "arn:aws:sts::123456789012:assumed-role/r",
                                 "arn:aws:sts::123456789012:assumed-role//s"])
def test_an_arn_of_nobody_is_refused(door, arn):
    answer = requests.post(f"{door.sim.url}/_sim/users", timeout=60,
                           json={"accessKeyId": "A", "secretAccessKey": "B", "arn": arn})
    assert answer.status_code == 400 and "arn" in answer.json()["error"]


def test_the_other_partitions_have_users_too(door):
    assert door.user("A", "B", "arn:aws-cn:iam::123456789012:user/x").startswith("AIDA")
