"""A signed call from API Gateway to a worker and back: who is let in, who is believed to have called, and what each
failure on the way looks like to the caller."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import raw_fcgi
from gateway import PERSON_KEY, PROXY_KEY, GatewayStack, send_raw
from harness import ACCESS_KEY, SECRET_KEY, eventually
from raw_http import ask
from signer import Key, write_keys

TEST_ARN = "arn:aws:iam::123456789012:user/test"
BROKEN = (502, "InternalServerErrorException", "Internal server error")
INSIDE = 10  # s, for what the product does by itself


@pytest.fixture(scope="module")
def path():
    """The whole path, which the stories share."""
    stack = GatewayStack(n_reconcilers=1).start()
    stack.sim.create_cluster("prod")
    stack.sim.register_task_definition("agent")
    yield stack
    stack.stop()


@pytest.fixture
def own():
    """One that a story may break."""

    def start(**differences):
        start.stacks.append(GatewayStack(n_reconcilers=1, **differences))
        return start.stacks[-1].start()

    start.stacks = []
    yield start
    for stack in start.stacks:
        stack.stop()


@pytest.fixture(autouse=True)
def as_it_was(request):
    yield
    if "path" in request.fixturenames:
        stack = request.getfixturevalue("path")
        stack.tap.wait_s = 0
        stack.sim.set(integrationTimeoutMs=29000, functionTimeoutMs=28000, binaryBodies=False, decodedPaths=False)


def curl(stack, path, *flags, service="execute-api"):
    sign = ["--user", f"{ACCESS_KEY}:{SECRET_KEY}", "--aws-sigv4", f"aws:amz:us-east-1:{service}"]
    argv = ["curl", "-sS", "-m", "30", "-g", "-w", "\n%{http_code}", *sign, *flags, stack.caller.url + path]
    body, _, status = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(status), body


def make(caller, name, cluster="prod"):
    """An environment, through the gateway; the answer."""
    body = {"name": name, "instanceGroup": {"cluster": cluster}, "taskDefinition": "agent"}
    return caller.call("POST", "/v1/environments", json.dumps(body), {"Content-Type": "application/json"})


def is_there(stack, name):
    return stack.caller.call("GET", f"/v1/environments/{name}").status == 200


def in_background(call, times=1, while_true=None):
    """Calls it in a thread, `times` or while the condition holds; gives what waits for all its answers."""
    answers = []

    def run():
        if while_true is None:
            answers.extend(call() for _ in range(times))
        while while_true is not None and while_true():
            answers.append(call())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait():
        thread.join(40)
        assert not thread.is_alive()
        return answers

    wait.so_far = answers
    return wait


def audited(stack, name):
    """Who did what to an environment, by the audit."""
    entries = [fields for _, fields in stack.redis_client().xrange("{blox}:audit")]
    return [entry["actor"] for entry in entries if name in json.dumps(entry)]


# ---- calls that succeed


def test_curl_gets_lists_and_creates(path):
    assert curl(path, "/v1/ping") == (200, "")
    status, body = curl(path, "/v1/tasks?cluster=prod&status=running")
    assert status == 200 and json.loads(body) == {"items": []}
    body = '{"name":"by-curl","instanceGroup":{"cluster":"prod"},"taskDefinition":"agent"}'
    status, answer = curl(path, "/v1/environments", "-H", "Content-Type: application/json", "-d", body)
    assert status == 200 and json.loads(answer)["name"] == "by-curl"
    assert curl(path, "/v1/environments/by-curl")[0] == 200
    assert curl(path, "/v1/environments/by-curl", "-X", "DELETE")[0] == 200
    assert curl(path, "/v1/environments/by-curl")[0] == 404


def test_curl_says_why_an_arn_in_a_path_does_not_pass(path):
    """Debian's (7.88) signs a path as it stands, where AWS wants it encoded: API Gateway refuses it, too."""
    status, body = curl(path, "/v1/tasks/prod/arn:aws:ecs:us-east-1:123456789012:task/prod/x")
    assert status == 403 and "does not match the signature" in json.loads(body)["message"]
    assert "arn%3Aaws%3Aecs" in json.loads(body)["message"], "what should have been signed"


def test_headers_of_the_body_may_be_signed(path):
    """As aws4 for JavaScript does."""
    body = '{"name":"like-aws4","instanceGroup":{"cluster":"prod"},"taskDefinition":"agent"}'
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "X-Other": "a  b"}
    signed = path.caller.sign("POST", "/blox/v1/environments", body, headers)
    assert "SignedHeaders=content-length;content-type;host;x-amz-date;x-other" in signed["Authorization"]
    assert path.caller.send("POST", "/blox/v1/environments", body.encode(), signed).status == 200
    assert path.caller.call("DELETE", "/v1/environments/like-aws4").status == 200


def test_queries_arrive_as_they_were_meant(path):
    """Encoded once more on every leg; repeated parameters stay repeated: v0.3.0 refuses them."""
    for query, status in (
        ("cluster=prod&query=ec2InstanceId%20%3D%3D%20a%2Fb%20or%20runningTasksCount%20%3E%200", 200),
        ("query=nonsense%20here", 400),
        ("cluster=prod&cluster=other", 400),
        ("cluster=prod%2Fother", 400),
        ("", 200),
    ):
        direct = path.blox.state.get(f"/v1/instances?{query}")
        answer = path.caller.call("GET", f"/v1/instances?{query}")
        assert (answer.status, answer.text) == (direct.status_code, direct.text), query
        assert answer.status == status, query


@pytest.mark.parametrize("decoded", [False, True])
def test_an_arn_in_the_path_finds_its_entity(path, decoded):
    """Whichever way API Gateway writes the path into its event."""
    path.sim.set(decodedPaths=decoded)
    (arn,) = path.sim.add_tasks("prod", instances=path.sim.add_instances("prod"), events=True)
    for written in (arn, arn.replace(":", "%3A").replace("/", "%2F")):
        target = f"/v1/tasks/prod/{written}"
        eventually(lambda: path.caller.call("GET", target).status == 200, INSIDE, target)  # noqa: B023
        assert path.caller.call("GET", target).json()["entity"]["taskARN"] == arn


def test_answers_arrive_whole(path):
    direct = path.blox.state.get("/v1/instances", headers={"Accept-Encoding": "identity"})
    answer = path.caller.call("GET", "/v1/instances", headers={"Accept-Encoding": "gzip"})
    assert answer.text == direct.text and answer.headers["Content-Type"] == direct.headers["Content-Type"]
    assert answer.headers["ETag"] == direct.headers["ETag"]
    assert int(answer.headers["X-Blox-Revision"]) >= int(direct.headers["X-Blox-Revision"])
    for header in ("X-Request-Id", "x-amzn-RequestId", "X-Amzn-Trace-Id"):
        assert answer.headers[header], header
    assert "Content-Encoding" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("x-amzn-remapped")], "the proxy removes them"
    again = path.caller.call("GET", "/v1/instances", headers={"If-None-Match": direct.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_errors_arrive_as_blox_words_them(path):
    direct = path.blox.scheduler.get("/v1/environments/none")
    answer = path.caller.call("GET", "/v1/environments/none")
    assert (answer.status, answer.text) == (direct.status_code, direct.text)
    assert answer.headers["Content-Type"] == direct.headers["Content-Type"]
    assert path.caller.call("GET", "/v2/nothing").status == 404


def test_bodies_may_travel_as_base64(path):
    """An API with binary media types sends every body so."""
    path.sim.set(binaryBodies=True)
    assert make(path.caller, "by-base64").status == 200
    assert path.caller.call("GET", "/v1/environments/by-base64").json()["name"] == "by-base64"


def test_a_deployment_through_the_gateway_places_tasks(path):
    path.sim.create_cluster("placing")
    arns = path.sim.add_instances("placing", count=3)
    made = make(path.caller, "placing", "placing")
    assert made.status == 200, made.text
    token = made.json()["deploymentToken"]
    deployed = path.caller.call("POST", f"/v1/environments/placing/deployments?deploymentToken={token}")
    assert deployed.status == 200, deployed.text
    eventually(lambda: len(path.sim.live_tasks("placing")) == 3, INSIDE, "a task on every instance")

    def seen():
        items = path.caller.call("GET", "/v1/tasks?cluster=placing&status=running").json()["items"]
        return {item["entity"]["containerInstanceARN"] for item in items} == set(arns)

    eventually(seen, INSIDE)
    done = path.caller.call("GET", f"/v1/environments/placing/deployments/{deployed.json()['id']}")
    assert done.json()["status"] in ("running", "completed")
    assert set(audited(path, "placing")) == {TEST_ARN}


# ---- who called


def test_the_audit_names_the_session_of_a_role(path):
    arn = "arn:aws:sts::210987654321:assumed-role/Deployer/jane"
    jane = path.user("ASIAJANE", "jane's", arn, sessionToken="the/token+of=jane")
    assert make(jane, "of-jane").status == 200
    assert audited(path, "of-jane") == [arn]
    jane.token = "another"
    assert jane.call("GET", "/v1/ping").error()[1] == "UnrecognizedClientException"


def test_one_id_leads_from_the_answer_to_every_log(path):
    """The gateway's, which the proxy logs with Lambda's, and nginx' own, which is in the worker's lines."""
    answer = path.caller.call("DELETE", "/v1/environments/nobody-made-it")

    def told(log):
        """nginx writes its line when all has been said."""
        return eventually(lambda: [json.loads(line) for line in log().splitlines() if "nobody-made-it" in line], INSIDE)

    (line,) = told(path.proxies[0].log)
    assert line["api_request"] == answer.headers["x-amzn-RequestId"] and line["caller"] == TEST_ARN
    (line,) = told((path.dir / "nginx" / "logs" / "access.log").read_text)
    assert line["request"] == answer.headers["X-Request-Id"] and line["service"] == "gateway"


def test_identity_headers_of_the_client_are_not_believed(path):
    lies = {
        "X-Blox-Caller-Arn": "arn:aws:iam::123456789012:user/somebody-else",
        "x-blox-caller-account": "999999999999",
        "X-BLOX-KEY-ID": "ann",
        "X-Blox-Signature": "v1=" + "0" * 64,
        "X-Blox-Timestamp": "1",
        "X-Blox-Api-Request-Id": "mine",
        "X-Blox-Source-Ip": "10.0.0.1",
    }
    body = '{"name":"liar","instanceGroup":{"cluster":"prod"},"taskDefinition":"agent"}'
    assert path.caller.call("POST", "/v1/environments", body, lies).status == 200
    assert audited(path, "liar") == [TEST_ARN]
    sent = path.tap.requests()[-1].decode()
    assert "somebody-else" not in sent and "10.0.0.1" not in sent
    assert sent.lower().count("x-blox-caller-arn:") == sent.lower().count("x-blox-key-id:") == 1


def test_what_the_client_signed_with_stays_outside(path):
    joe = path.user("JOE", "joe's", "arn:aws:sts::210987654321:assumed-role/Deployer/joe", sessionToken="tokentoken")
    assert joe.call("GET", "/v1/clusters").status == 200
    sent = path.tap.requests()[-1].decode().lower()
    assert sent.startswith("get /v1/clusters http/1.1\r\n")
    for word in ("aws4-hmac", "tokentoken", "x-amz-", PROXY_KEY.secret, "authorization"):
        assert word not in sent
    logs = "".join(program.log() for program in path.programs())
    for secret in (PROXY_KEY.secret, PERSON_KEY.secret, "tokentoken", "joe's"):
        assert secret not in logs


def test_callers_are_let_in_by_their_arns(own):
    operators, viewers = "arn:aws:sts::*:assumed-role/Deployer/*", f"{TEST_ARN},arn:aws:iam::*:user/reader-*"
    stack = own(api_options=["--operators", operators, "--viewers", viewers])
    stack.sim.create_cluster("prod")
    stack.sim.register_task_definition("agent")
    deployer = stack.user("A", "a", "arn:aws:sts::123456789012:assumed-role/Deployer/ci")
    reader = stack.user("B", "b", "arn:aws:iam::123456789012:user/reader-1")
    stranger = stack.user("C", "c", "arn:aws:sts::123456789012:assumed-role/DeployerOfOthers/ci")

    assert make(deployer, "x").status == 200
    for caller in (stack.caller, reader):
        assert caller.call("GET", "/v1/environments/x").status == 200
        refused = make(caller, "y")
        assert (refused.status, refused.text) == (403, "403 Forbidden\n")
        assert caller.call("DELETE", "/v1/environments/x").status == 403
    for method, target in (("GET", "/v1/environments/x"), ("GET", "/v1/tasks"), ("DELETE", "/v1/environments/x")):
        assert stranger.call(method, target).status == 403
    assert stranger.call("GET", "/v1/ping").status == 200, "what everybody may"
    assert is_there(stack, "x") and not is_there(stack, "y")


# ---- calls that must not arrive


@pytest.mark.parametrize("method, target, body, headers", [
    ("GET", "/blox/v1/environments?x=1", b"", {}), ("DELETE", "/blox/v1/environments", b"", {}),
    ("GET", "/blox/v1/clusters", b"", {}), ("GET", "/blox/v1/environments", b"x", {}),
    ("GET", "/blox/v1/environments", b"", {"X-Amz-Date": "20200101T000000Z"}),
    ("GET", "/blox/v1/environments", b"", {"Host": "other"}), ("GET", "/blox/v1/environments", b"", {"Accept": "b"})])  # fmt: skip
def test_a_tampered_call_ends_at_the_gateway(path, method, target, body, headers):
    signed = path.caller.sign("GET", "/blox/v1/environments", headers={"Accept": "a"})
    assert path.caller.send("GET", "/blox/v1/environments", headers=signed).status == 200
    n_before = len(path.tap.requests())
    status, kind, _ = path.caller.send(method, target, body, {**signed, **headers}).error()
    assert (status, kind) in [(403, "InvalidSignatureException"), (403, "IncompleteSignatureException")]
    assert len(path.tap.requests()) == n_before


@pytest.mark.parametrize("call, kind, says", [
    (lambda c: c.send("GET", "/blox/v1/ping"), "MissingAuthenticationTokenException", "Missing Authentication Token"),
    (lambda c: c.call("GET", "/v1/ping", secret="other"), "InvalidSignatureException", "Check your AWS Secret Access Key"),
    (lambda c: c.call("GET", "/v1/ping", key="OTHER"), "UnrecognizedClientException", "security token included"),
    (lambda c: c.call("GET", "/v1/ping", service="ecs"), "InvalidSignatureException", "correct service: 'execute-api'"),
    (lambda c: c.call("GET", "/v1/ping", region="eu-west-1"), "InvalidSignatureException", "valid region"),
    (lambda c: c.send("GET", "/prod/v1/ping", headers=c.sign("GET", "/prod/v1/ping")), "ForbiddenException", "Forbidden"),
    (lambda c: c.send("GET", "/blox/", headers=c.sign("GET", "/blox/")), "MissingAuthenticationTokenException", "Missing")])  # fmt: skip
def test_what_a_refused_caller_reads(path, call, kind, says):
    status, got, message = call(path.caller).error()
    assert (status, got) == (403, kind) and says in message


def test_an_expired_call_says_so(path):
    signed = path.caller.sign("GET", "/blox/v1/ping")
    signed["Authorization"] = re.sub(r"/\d{8}/", "/20200101/", signed["Authorization"])
    signed["X-Amz-Date"] = "20200101T000000Z"
    status, _, message = path.caller.send("GET", "/blox/v1/ping", headers=signed).error()
    assert status == 403 and message.startswith("Signature expired: 20200101T000000Z is now earlier than ")


def test_a_captured_request_cannot_be_sent_again(path):
    """To either worker, by either server of nginx."""
    assert make(path.caller, "once").status == 200
    captured = path.tap.requests()[-1]
    assert captured.startswith(b"POST /v1/environments HTTP/1.1\r\n")
    assert path.caller.call("DELETE", "/v1/environments/once").status == 200
    for port in [path.gateway_port] * 4 + [path.scheduler_port]:
        status, answer = send_raw(port, captured)
        assert status == 403 and answer.endswith(b"403 Forbidden\n"), answer
    assert not is_there(path, "once")


@pytest.mark.parametrize("old, new", [
    (b"/v1/environments ", b"/v1/environments?a=1 "), (b"forged-1", b"forged-2"), (b":user/test", b":user/root"),
    (b"X-Blox-Key-Id: proxy-1", b"X-Blox-Key-Id: ann"), (b"POST ", b"PUT ")])  # fmt: skip
def test_a_captured_request_cannot_be_changed(path, old, new):
    """Held back on its way, so that its request id is a fresh one."""
    path.tap.close()
    grabbed = b""
    with socket.create_server(path.tap.address) as listener:
        answers = in_background(lambda: make(path.caller, "forged-1"))
        connection, _ = listener.accept()
        with connection:
            while b"forged-1" not in grabbed:
                grabbed += connection.recv(65536)
        assert answers()[0].status == 502
    path.tap.open()
    assert old in grabbed
    assert send_raw(path.gateway_port, grabbed.replace(old, new))[0] == 403
    assert send_raw(path.gateway_port, grabbed)[0] == 200, "as it was signed it still passes, once"
    assert path.caller.call("DELETE", "/v1/environments/forged-1").status == 200


def test_behind_the_gateway_nobody_passes_unsigned(path):
    for server in (path.blox.gateway, path.blox.scheduler, path.blox.state):
        path_of = "/v1/tasks" if server is path.blox.state else "/v1/environments"
        assert ask(server, "GET", path_of).status == 403
        assert ask(server, "GET", "/readyz").status == 200


# ---- limits and failures


def test_a_large_body(path):
    assert path.caller.call("POST", "/v1/environments", b"a" * (64 * 1024 + 1)).status == 413
    answer = path.caller.call("POST", "/v1/environments", b"a" * (10 * 1024 * 1024 + 1))
    assert answer.error() == (413, "RequestTooLargeException", "HTTP content length exceeded 10485760 bytes.")


def test_streams_are_refused_with_advice(path):
    for target in ("/v1/stream/tasks", "/v1/stream/instances?heartbeat=1"):
        answer = path.caller.call("GET", target)
        assert answer.status == 501 and "VPC" in answer.json()["message"] and "3000" in answer.json()["message"]


def test_a_slow_backend_is_504(path):
    path.tap.wait_s = 12
    path.sim.set(functionTimeoutMs=3000)  # the proxy gives up 1.5 s before
    began = time.monotonic()
    answer = path.caller.call("GET", "/v1/environments")
    assert answer.status == 504 and answer.json()["message"] == "Blox did not answer in time", answer.text
    assert time.monotonic() - began < 10
    path.tap.wait_s = 0
    assert path.caller.call("GET", "/v1/environments").status == 200


def test_a_backend_that_is_away_is_502(path):
    path.tap.close()
    try:
        answer = path.caller.call("GET", "/v1/environments")
        assert answer.status == 502 and "cannot be reached" in answer.json()["message"], answer.text
    finally:
        path.tap.open()
    eventually(lambda: path.caller.call("GET", "/v1/environments").status == 200, INSIDE)


def test_a_function_that_hangs_is_502_and_a_gateway_without_patience_504(own):
    stack = own()
    (pid,) = stack.proxies[0].children()
    for times, status, says in (
        ({"functionTimeoutMs": 1000}, 502, "Internal server error"),
        ({"integrationTimeoutMs": 500, "functionTimeoutMs": 28000}, 504, "Endpoint request timed out"),
    ):
        stack.sim.set(**times)
        eventually(lambda: stack.sim.call("GET", "function")["idle"] == 1, INSIDE)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert stack.caller.call("GET", "/v1/ping").error() == (status, "InternalServerErrorException", says)
        finally:
            os.kill(pid, signal.SIGCONT)
    stack.sim.set(integrationTimeoutMs=29000)
    eventually(lambda: stack.caller.call("GET", "/v1/ping").status == 200, INSIDE)


def test_an_answer_above_6_mb_is_502_with_advice(own):
    stack = own(stop_timeout_ms=50, duplicate=0, reorder=0)
    stack.sim.create_cluster("large")
    stack.sim.add_instances("large", count=10)
    stack.sim.add_tasks("large", count=9000)
    stack.blox.state.post("/v1/reconcile", params={"cluster": "large"})
    eventually(lambda: len(stack.blox.state.get("/v1/tasks").content) > 6 * 1024 * 1024, 60, "9,000 tasks")
    answer = eventually(lambda: (a := stack.caller.call("GET", "/v1/tasks?cluster=large")).status == 502 and a, INSIDE)
    assert "maxResults" in answer.json()["message"]
    answer = stack.caller.call("GET", "/v1/tasks?cluster=large&maxResults=1000")
    assert answer.status == 200 and len(answer.json()["items"]) == 1000


def test_a_proxy_that_is_killed_is_started_again(own):
    stack = own()
    (pid,) = stack.proxies[0].children()
    stack.tap.wait_s = 20
    n_before = len(stack.tap.requests())
    began = time.monotonic()
    answers = in_background(lambda: stack.caller.call("GET", "/v1/environments"))
    eventually(lambda: len(stack.tap.requests()) > n_before, INSIDE)
    os.kill(pid, signal.SIGKILL)
    assert answers()[0].error() == BROKEN
    assert time.monotonic() - began < 18, "and not after the function's 28 s"
    stack.tap.wait_s = 0
    eventually(lambda: stack.caller.call("GET", "/v1/environments").status == 200, INSIDE)


def test_workers_that_are_killed_cost_at_most_a_502(own):
    stack = own(n_proxies=2)
    going = threading.Event()
    going.set()

    def call():
        return stack.caller.call("GET", "/v1/clusters").status

    calls = [in_background(call, while_true=going.is_set) for _ in range(2)]
    for program in stack.api:
        (worker,) = program.children()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: program.children() not in ([], [worker]), INSIDE)  # noqa: B023
        n_seen = len(calls[0].so_far)
        eventually(lambda: len(calls[0].so_far) > n_seen + 10, INSIDE)  # noqa: B023
    going.clear()
    answers = [status for wait in calls for status in wait()]
    assert set(answers) <= {200, 502}, set(answers)
    assert answers.count(502) <= 4 and answers.count(200) > 10
    assert stack.caller.call("GET", "/v1/clusters").status == 200


def test_keys_are_exchanged_while_calls_go_on(own):
    """First the workers know both, then the proxy changes, then the old one ends."""
    stack = own(n_proxies=1)
    stack.sim.create_cluster("prod")
    stack.sim.register_task_definition("agent")
    fresh = Key("proxy-2", "another-secret-for-the-proxy-12345678", role="proxy", previous=PROXY_KEY)
    going, under_way = threading.Event(), threading.Lock()
    going.set()

    def call():
        with under_way:
            return stack.caller.call("DELETE", "/v1/environments/none").status

    calls = in_background(call, while_true=going.is_set)

    def goes_on():
        n_seen = len(calls.so_far)
        eventually(lambda: len(calls.so_far) > n_seen + 20, INSIDE)

    def who_takes(key):
        """The number of workers, asked without nginx, which would choose one."""
        headers = key.speaking_for(TEST_ARN).headers("GET", "/v1/tasks")
        parameters = {f"HTTP_{name.upper().replace('-', '_')}": value.decode() for name, value in headers.items()}
        parameters |= {"REQUEST_METHOD": "GET", "REQUEST_URI": "/v1/tasks", "REQUEST_ID": "raw"}
        sockets = [stack.dir / program.name / "state.sock" for program in stack.api]
        return sum(raw_fcgi.ask(path, parameters)[0] == 200 for path in sockets)

    goes_on()
    write_keys(stack.key_file, PERSON_KEY, fresh)
    eventually(lambda: (who_takes(fresh), who_takes(PROXY_KEY)) == (2, 2), INSIDE, "all workers know both")
    second = stack.proxy("proxy-new", fresh, "/new")
    stack.proxies.append(second.start())
    eventually(lambda: "proxy.ready" in second.log(), INSIDE)
    with under_way:  # Lambda ends environments that are idle
        stack.proxies[0].stop()
    goes_on()
    write_keys(stack.key_file, PERSON_KEY, Key(fresh.id, fresh.secret, role="proxy"))
    eventually(lambda: (who_takes(fresh), who_takes(PROXY_KEY)) == (2, 0), INSIDE, "the old key has ended")
    goes_on()
    going.clear()
    answers = calls()
    assert set(answers) == {200}, {status: answers.count(status) for status in set(answers)}


def test_a_proxy_without_a_usable_key_fails_at_once(own):
    """Init errors are told to Lambda, so nobody waits for 29 s."""
    stack = own()
    (program,) = stack.proxies
    program.stop()
    program.env["BLOX_KEY_SECRET"] = "short"
    program.start()
    began = time.monotonic()
    assert stack.caller.call("GET", "/v1/ping").error() == BROKEN
    assert time.monotonic() - began < 18
    assert "32 to 1024 bytes" in program.log() and "short" not in re.sub("shorter", "", program.log())
