"""Who is let in, on every port of nginx: signatures, roles, callers, replays."""

import json
import socket
import time
import urllib.parse
import uuid

import botocore.exceptions
import pytest
import requests

import raw_fcgi
from harness import TOP, Stack, eventually
from keyholders import ANN, BOB, PROXY, SECRETS, fcgi_parameters, lines, secret
from prometheus import Scrape
from raw_http import ask
from signer import Key, signed_text

CALLER = "arn:aws:sts::123456789012:assumed-role/Deployer/ci-7"
TEXT = "403 Forbidden\n"
PATHS = {
    "scheduler": "/v1/environments",
    "state": "/v1/tasks",
    "gateway": "/v1/instances",
}


@pytest.fixture(scope="module")
def guarded():
    stack = Stack(keys=[ANN, BOB, PROXY], n_reconcilers=1).start()
    stack.sim.register_task_definition("agent")
    stack.sim.create_cluster("prod")
    yield stack
    stack.stop()


@pytest.fixture
def servers(guarded):
    return {name: getattr(guarded.blox, name) for name in PATHS}


def refused(stack):
    """The refusals counted, by reason."""
    total = {}
    for program in stack.api:
        scrape = Scrape(program.monitor_url())
        for reason in scrape.labels("blox_requests_refused_total", "reason"):
            total[reason] = total.get(reason, 0) + scrape.sum("blox_requests_refused_total", reason=reason)
    return total


def is_forbidden(response):
    assert (response.status_code, response.text) == (403, TEXT), (response.status_code, response.text)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "X-Blox-Revision" not in response.headers
    return True


def environment(name):
    return json.dumps({"name": name, "instanceGroup": {"cluster": "prod"}, "taskDefinition": "agent"}).encode()


# ---- the signer itself


def test_the_signer_makes_what_the_vectors_say():
    """They were made with openssl; the C code is held against the same files."""
    vectors = sorted((TOP / "tests" / "vectors" / "signature").iterdir())
    assert len(vectors) >= 10
    for vector in vectors:
        request = json.loads((vector / "request.json").read_text())
        members = {"Caller-Arn": "callerArn", "Caller-Account": "callerAccount", "Caller-Id": "callerId"}
        members |= {"Source-Ip": "sourceIp", "Api-Request-Id": "apiRequestId"}
        identity = {name: request.get(member, "") for name, member in members.items()}
        body = bytes.fromhex(request.get("bodyHex", ""))
        target, method = request["target"], request["method"]
        text = signed_text(request["timestamp"], method, target, body, request.get("keyId", ""), identity)
        assert text == (vector / "signed-text").read_text(), vector.name
        key = Key(request.get("keyId", ""), request["secret"])
        key.identity = identity
        headers = key.headers(method, target, body, timestamp=request["timestamp"])
        assert headers["X-Blox-Signature"].decode() + "\n" == (vector / "signature").read_text(), vector.name


# ---- who is refused, on every port


@pytest.mark.parametrize("name", PATHS)
def test_unsigned_requests_are_refused_on_every_port(guarded, servers, name):
    before = refused(guarded)
    assert servers[name].get(PATHS[name]).status_code == 200
    assert is_forbidden(servers[name].get(PATHS[name], auth=None))
    for method, path in (("GET", "/"), ("GET", "/v1/nowhere"), ("POST", "/v1/environments"), ("DELETE", "/x")):
        if name != "gateway" or path == "/v1/environments":
            assert is_forbidden(requests.request(method, servers[name].url + path))
    assert refused(guarded)["unsigned"] - before["unsigned"] == (2 if name == "gateway" else 5)


def test_what_a_refusal_looks_like(guarded, servers):
    """In the form of the path's other errors, and without a reason."""
    for server in (servers["state"], servers["gateway"]):
        for method, path in (("GET", "/v1/clusters"), ("POST", "/v1/reconcile")):
            response = requests.request(method, server.url + path)
            assert response.status_code == 403
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json() == {"type": "about:blank", "title": "Forbidden", "status": 403}
    target = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListTasks"}
    response = requests.post(servers["state"].url + "/", headers=target, data="{}")
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.json() == {"__type": "AccessDeniedException", "message": "Forbidden"}
    head = requests.head(servers["scheduler"].url + "/v1/environments")
    assert (head.status_code, head.text) == (403, "")


@pytest.mark.parametrize("path", ["/v1/stream/tasks", "/v1/stream/instances?snapshot=true"])
def test_streams_are_guarded(servers, path):
    url = servers["state"].url + path
    assert is_forbidden(requests.get(url, timeout=60))
    assert is_forbidden(requests.get(url, timeout=60, auth=Key("bob", secret("eve guesses"))))
    with requests.get(url, stream=True, timeout=60, auth=BOB) as stream:
        assert stream.status_code == 200


def test_probes_need_no_signature(guarded, servers):
    for name in ("scheduler", "state", "gateway"):
        for path in ("/livez", "/readyz", "/readyz?verbose"):
            assert requests.get(servers[name].url + path).status_code == 200
    for name in ("scheduler", "gateway"):
        assert requests.get(servers[name].url + "/v1/ping").status_code == 200
        assert requests.head(servers[name].url + "/v1/ping").status_code == 200
        assert requests.get(servers[name].url + "/v1/ping", auth=Key("eve", secret("eve"))).status_code == 200
        assert is_forbidden(requests.post(servers[name].url + "/v1/ping"))
    for path in ("/v1/ping/", "/V1/ping", "/v1//ping", "/readyz/x", "/v1/pin%67", "/livez%3Fx"):
        assert ask(servers["scheduler"], "GET", path).status == 403, path


def test_ecs_own_reads_are_guarded(guarded, servers):
    url = servers["state"].url + "/"
    target = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}
    for key, status in ((ANN, 200), (BOB, 200), (Key("bob", secret("wrong")), 403)):
        assert requests.post(url, headers=target, data="{}", auth=key).status_code == status
    headers = BOB.headers("POST", "/", b"{}", api_request_id="") | target
    for _ in range(2):  # a read needs no request id, and may come again
        assert requests.post(url, headers=headers, data="{}").status_code == 200


def test_botocore_reads_with_a_signature_of_ours_beside_its_own(guarded):
    """As docs/ecs-reads.md shows it."""
    ecs = guarded.aws_client("ecs", guarded.blox.state.url)
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        ecs.list_clusters()
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    def add(request, **_):
        request.headers.update(BOB.headers("POST", "/", request.body))

    ecs.meta.events.register("before-send.ecs", add)
    eventually(lambda: any(arn.endswith(":cluster/prod") for arn in ecs.list_clusters()["clusterArns"]), 10)


# ---- what is signed


@pytest.mark.parametrize("name", PATHS)
def test_a_signature_is_for_one_request_of_one_key(guarded, servers, name):
    server, path = servers[name], PATHS[name]
    good = BOB.headers("GET", path + "?cluster=prod")
    before = refused(guarded)["signature"]
    assert requests.get(server.url + path + "?cluster=prod", headers=good).status_code == 200
    wrong = [
        requests.get(server.url + path, headers=good),
        requests.get(server.url + path + "?cluster=prod&", headers=good),
        requests.get(server.url + path + "/x?cluster=prod", headers=good),
        requests.head(server.url + path + "?cluster=prod", headers=good),
        requests.delete(server.url + path + "?cluster=prod", headers=good),
        requests.get(server.url + path + "?cluster=prod", headers=good, data="x"),
        requests.get(server.url + path + "?cluster=prod", headers=good | {"X-Blox-Key-Id": "ann"}),
        requests.get(server.url + path + "?cluster=prod", headers=good | {"X-Blox-Api-Request-Id": "1"}),
        requests.get(server.url + path + "?cluster=prod", headers=good | {"X-Blox-Caller-Arn": CALLER}),
        requests.get(server.url + path + "?cluster=prod", headers=good | {"X-Blox-Source-Ip": "192.0.2.1"}),
        requests.get(server.url + path, auth=Key("bob", secret("eve guesses"))),
    ]
    assert {response.status_code for response in wrong} == {403}
    assert {response.text for response in wrong} == {TEXT, ""}  # HEAD has none
    assert refused(guarded)["signature"] - before == len(wrong)


def test_the_body_is_signed(guarded, servers):
    body = environment("signed-body")
    headers = ANN.headers("POST", "/v1/environments", body)
    url = servers["scheduler"].url + "/v1/environments"
    assert is_forbidden(requests.post(url, headers=headers, data=body.replace(b"agent", b"agenz")))
    assert is_forbidden(requests.post(url, headers=headers, data=body + b" "))
    assert is_forbidden(requests.post(url, headers=headers))
    assert requests.post(url, headers=headers, data=body).status_code == 200  # nothing was used up


def test_the_path_is_signed_as_it_is_sent(servers):
    for target in ("/v1/environments/a%2Fb?x=%zz", "/v1//environments", "/v1/environments?a=%20+&b", "/v1/%70ing"):
        headers = ANN.headers("GET", target)
        assert ask(servers["scheduler"], "GET", target, headers=headers).status != 403, target
        other = target.replace("%2F", "%2f").replace("//", "/./").replace("%20", "+").replace("%70ing", "ping/")
        assert ask(servers["scheduler"], "GET", other, headers=headers).status == 403, other


@pytest.mark.parametrize("age_s, status", [(0, 200), (290, 200), (-290, 200), (310, 403), (-310, 403)])
def test_clocks_may_differ_by_five_minutes(guarded, servers, age_s, status):
    before = refused(guarded)["timestamp"]
    headers = BOB.headers("GET", "/v1/tasks", timestamp=int(time.time()) - age_s)
    assert requests.get(servers["state"].url + "/v1/tasks", headers=headers).status_code == status
    assert refused(guarded)["timestamp"] - before == (status == 403)


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "99999999999999999999", "-1", "+1"])
def test_a_timestamp_is_a_number(servers, timestamp):
    headers = BOB.headers("GET", "/v1/tasks", timestamp=timestamp)
    assert is_forbidden(requests.get(servers["state"].url + "/v1/tasks", headers=headers))


@pytest.mark.parametrize("header", ["Signature", "Timestamp", "Key-Id"])
@pytest.mark.parametrize("value", [None, "", "x", "v1=", "v2=" + "0" * 64, "\xff\xfe", "A" * 8000])
def test_headers_of_any_kind_are_refused_and_harm_nothing(servers, header, value):
    headers = BOB.headers("GET", "/v1/tasks")
    headers.pop(f"X-Blox-{header}")
    if value is not None:
        headers[f"X-Blox-{header}"] = value.encode("latin-1")
    assert is_forbidden(requests.get(servers["state"].url + "/v1/tasks", headers=headers))


# ---- headers that come twice


def send(server, method, target, headers):
    """A request with its headers exactly as given, doubled ones too; gives the status."""
    place = urllib.parse.urlsplit(server.url)
    head = [f"{method} {target} HTTP/1.1".encode(), b"Host: blox", b"Connection: close"]
    head += [name.encode() + b": " + value for name, value in headers]
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("name", PATHS)
def test_a_doubled_header_never_speaks_for_somebody_else(guarded, servers, name):
    """nginx 1.22 passes the first of two on, 1.23 and later join them: what was not signed never counts."""
    method, target = "GET", PATHS[name]
    eve = CALLER.replace("Deployer", "Eve")
    for spelling in ("X-Blox-Caller-Arn", "x-blox-caller-arn", "X-BLOX-CALLER-ARN"):
        good = PROXY.headers(method, target, caller_arn=CALLER)
        arn = good.pop("X-Blox-Caller-Arn")
        first = [(spelling, eve.encode()), ("X-Blox-Caller-Arn", arn), *good.items()]
        assert send(servers[name], method, target, first)[0] == 403
        second = [("X-Blox-Caller-Arn", arn), (spelling, eve.encode()), *good.items()]
        assert send(servers[name], method, target, second)[0] in (200, 403)
    assert not any("Eve" in line.get("actor", "") for line in lines(guarded))
    for header in ("Signature", "Timestamp", "Key-Id", "Api-Request-Id"):
        good = PROXY.headers(method, target, caller_arn=CALLER)
        doubled = [(f"X-Blox-{header}", b"0"), *good.items()]
        assert send(servers[name], method, target, doubled)[0] == 403
    smuggled = [("X_Blox_Caller_Arn", eve.encode()), ("X-Blox-Caller_Arn", eve.encode())]
    good = BOB.headers(method, target)
    assert send(servers[name], method, target, [*good.items(), *smuggled])[0] == 200  # nginx drops those


def test_a_worker_refuses_a_doubled_parameter(guarded):
    sock = guarded.dir / "api-0" / "state.sock"
    good = fcgi_parameters("GET", "/v1/tasks", PROXY.headers("GET", "/v1/tasks", caller_arn=CALLER))
    assert raw_fcgi.ask(sock, good)[0] == 200
    before = refused(guarded)["doubled"]
    names = [name for name in good if name.startswith("HTTP_X_BLOX_")]
    assert len(names) == 5
    for name in names:
        assert raw_fcgi.ask(sock, [*good.items(), (name, good[name])]) == (403, TEXT)
        assert raw_fcgi.ask(sock, [(name, ""), *good.items()]) == (403, TEXT)
    assert refused(guarded)["doubled"] - before == 2 * len(names)


def test_joined_headers_are_no_signed_ones(guarded):
    """As nginx 1.23 and later would hand two of one name on."""
    sock = guarded.dir / "api-0" / "state.sock"
    good = fcgi_parameters("GET", "/v1/tasks", PROXY.headers("GET", "/v1/tasks", caller_arn=CALLER))
    for name in [name for name in good if name.startswith("HTTP_X_BLOX_")]:
        for joined in (f"{good[name]}, {good[name]}", f"{good[name]}, x", f"x, {good[name]}"):
            assert raw_fcgi.ask(sock, good | {name: joined}) == (403, TEXT), name


# ---- roles


def test_roles_of_keys(guarded, servers):
    scheduler = servers["scheduler"]
    assert scheduler.get("/v1/environments", auth=BOB).status_code == 200
    before = refused(guarded)
    assert is_forbidden(scheduler.post("/v1/environments", data=environment("by-bob"), auth=BOB))
    assert is_forbidden(scheduler.delete("/v1/environments/by-bob", auth=BOB))
    assert servers["state"].post("/v1/reconcile", auth=BOB).status_code == 403
    assert is_forbidden(scheduler.get("/v1/environments", auth=PROXY))
    assert is_forbidden(scheduler.get("/v1/environments", auth=BOB.speaking_for(CALLER)))
    assert is_forbidden(scheduler.get("/v1/environments", auth=Key(ANN.id, ANN.secret, source_ip="192.0.2.1")))
    assert is_forbidden(scheduler.get("/v1/environments", auth=Key("eve", ANN.secret)))
    assert scheduler.post("/v1/environments", data=environment("by-ann"), auth=ANN).status_code == 200
    assert scheduler.get("/v1/environments", auth=PROXY.speaking_for(CALLER)).status_code == 200
    after = refused(guarded)
    seen = {reason: after[reason] - before[reason] for reason in after if after[reason] != before[reason]}
    assert seen == {"role": 3, "no_caller": 1, "speaks_for": 2, "key": 1}


RULES = [
    "--operators",
    "arn:aws:sts::123456789012:assumed-role/Deployer/*,arn:aws:iam::*:user/root*",
    "--viewers",
    "arn:aws:sts::123456789012:assumed-role/*",
]


@pytest.mark.stack(keys=[ANN, PROXY], n_api=1, n_reconcilers=0, api_options=RULES)
def test_callers_by_arn(stack):
    stack.sim.register_task_definition("agent")
    stack.sim.create_cluster("prod")

    def tries(arn):
        key = PROXY.speaking_for(arn)
        read = stack.blox.gateway.get("/v1/environments", auth=key).status_code
        write = stack.blox.gateway.delete("/v1/environments/none", auth=key).status_code
        return read, write, stack.blox.state.get("/v1/tasks", auth=key).status_code

    assert tries(CALLER) == (200, 200, 200)
    assert tries("arn:aws:iam::210987654321:user/root-2") == (200, 200, 200)
    assert tries("arn:aws:sts::123456789012:assumed-role/Reader/x") == (200, 403, 200)
    assert tries("arn:aws:sts::210987654321:assumed-role/Deployer/ci") == (403, 403, 403)
    assert tries("arn:aws:iam::123456789012:user/eve") == (403, 403, 403)
    reasons = {reason: n for reason, n in refused(stack).items() if n}
    assert reasons == {"role": 1, "caller": 6}
    assert stack.blox.scheduler.delete("/v1/environments/none", auth=ANN).status_code == 200  # no caller


# ---- replays


def test_a_change_cannot_be_sent_again(guarded, servers):
    """nginx alternates between two workers with nothing in common but Redis."""
    headers = ANN.headers("DELETE", "/v1/environments/none")
    url = servers["scheduler"].url + "/v1/environments/none"
    before = refused(guarded)["replayed"]
    assert requests.delete(url, headers=headers).status_code == 200
    for _ in range(4):
        assert is_forbidden(requests.delete(url, headers=headers))
    assert refused(guarded)["replayed"] - before == 4
    request_id = headers["X-Blox-Api-Request-Id"].decode()
    seconds = guarded.redis_client().ttl(f"{{blox}}:request:ann:{request_id}")
    assert 580 < seconds <= 600
    reads = BOB.headers("GET", "/v1/environments")
    for _ in range(4):
        assert requests.get(servers["scheduler"].url + "/v1/environments", headers=reads).status_code == 200


def test_a_request_id_is_used_up_for_one_key(servers):
    scheduler, same = servers["scheduler"], str(uuid.uuid4())
    path = "/v1/environments/none"
    one = ANN.headers("DELETE", path, api_request_id=same)
    other = PROXY.headers("DELETE", path, api_request_id=same, caller_arn=CALLER)
    assert requests.delete(scheduler.url + path, headers=one).status_code == 200
    assert requests.delete(scheduler.url + path, headers=other).status_code == 200
    again = ANN.headers("POST", "/v1/environments", b"{}", api_request_id=same)
    assert is_forbidden(requests.post(scheduler.url + "/v1/environments", headers=again, data=b"{}"))


@pytest.mark.parametrize("request_id", ["", "a b", "\u00e4", "x" * 129])
def test_a_change_needs_a_request_id(servers, request_id):
    headers = ANN.headers("DELETE", "/v1/environments/none", api_request_id=request_id)
    assert is_forbidden(requests.delete(servers["scheduler"].url + "/v1/environments/none", headers=headers))


@pytest.mark.stack(keys=[ANN, BOB], n_reconcilers=0)
def test_without_redis_nothing_is_changed_and_reads_go_on(stack):
    stack.redis.stop()
    body = environment("blind")
    for method, path in (("POST", "/v1/environments"), ("DELETE", "/v1/environments/none"), ("POST", "/v1/reconcile")):
        server = stack.blox.state if "reconcile" in path else stack.blox.scheduler
        response = server.request(method, path, data=body)
        assert response.status_code == 503 and response.headers["Retry-After"] == "1"
        problem = "reconcile" in path
        assert response.headers["Content-Type"] == ("application/problem+json" if problem else "text/plain; charset=utf-8")
        assert is_forbidden(requests.request(method, stack.blox.scheduler.url + path, data=body))
    assert stack.blox.state.get("/v1/tasks", auth=BOB).status_code == 200
    assert is_forbidden(requests.get(stack.blox.state.url + "/v1/tasks"))
    assert {line["event"] for line in lines(stack)} >= {"request.unverified", "request.refused"}
    stack.redis.start()
    eventually(lambda: stack.blox.scheduler.delete("/v1/environments/none").status_code == 200, 10)


# ---- who did it


def test_the_caller_is_in_the_audit_and_in_the_log(guarded, servers):
    request_id = str(uuid.uuid4())
    key = PROXY.speaking_for(CALLER, caller_account="123456789012", source_ip="203.0.113.9", api_request_id=request_id)
    created = servers["gateway"].post("/v1/environments", data=environment("audited"), auth=key)
    assert created.status_code == 200
    nginx_id = created.headers["X-Request-Id"]
    audit = [entry for _, entry in guarded.redis_client().xrange("{blox}:audit")]
    (entry,) = [entry for entry in audit if entry["request"] == nginx_id]
    assert (entry["actor"], entry["apiRequest"], entry["what"]) == (CALLER, request_id, "create-environment")
    (line,) = [line for line in lines(guarded, "environment.created") if line["name"] == "audited"]
    assert (line["request"], line["actor"], line["api_request"]) == (nginx_id, CALLER, request_id)

    def access():
        log = (guarded.dir / "nginx" / "logs" / "access.log").read_text().splitlines()
        return [line for line in map(json.loads, log) if line["request"] == nginx_id]

    (logged,) = eventually(access, 5)
    assert (logged["api_request"], logged["service"]) == (request_id, "gateway")
    token = created.json()["deploymentToken"]
    path = f"/v1/environments/audited/deployments?deploymentToken={token}"
    assert servers["scheduler"].post(path, auth=ANN).status_code == 200
    assert servers["gateway"].delete("/v1/environments/audited", auth=key.speaking_for(CALLER)).status_code == 200
    audit = [entry for _, entry in guarded.redis_client().xrange("{blox}:audit")]
    acts = [(entry["what"], entry["actor"]) for entry in audit if entry["environment"] == "audited"]
    assert acts == [
        ("create-environment", CALLER),
        ("create-deployment", "Ann Other"),
        ("delete-environment", CALLER),
    ]
    logged = [entry["actor"] for _, entry in guarded.redis_client().xrange("{blox}:log") if entry["cause"] == "api"]
    assert {CALLER, "Ann Other"} <= set(logged)


def test_refusals_are_logged_with_their_reason(guarded, servers):
    target = "/v1/environments?who=" + str(uuid.uuid4())
    response = requests.get(servers["gateway"].url + target, headers=ANN.headers("GET", "/", caller_arn=CALLER))
    assert response.status_code == 403

    def line():
        return [line for line in lines(guarded, "request.refused") if line["target"] == target]

    if not line():  # a flood of other tests' refusals: lines of the next ten seconds are written again
        time.sleep(10)
        response = requests.get(servers["gateway"].url + target, headers=ANN.headers("GET", "/", caller_arn=CALLER))
    (told,) = line()
    assert told["request"] == response.headers["X-Request-Id"]
    assert (told["reason"], told["level"], told["service"]) == ("signature", "warn", "scheduler")
    assert (told["key"], told["caller"]) == ("ann", CALLER)


@pytest.mark.stack(keys=[ANN], n_api=1, n_reconcilers=0)
def test_a_flood_of_refusals_is_counted_and_not_logged(stack):
    began = time.monotonic()
    for _ in range(60):
        assert is_forbidden(requests.get(stack.blox.state.url + "/v1/tasks"))
    windows = 1 + int((time.monotonic() - began) // 10)
    assert refused(stack)["unsigned"] == 60
    assert 20 <= len(lines(stack, "request.refused")) <= 20 * windows


def test_no_secret_is_ever_logged(guarded):
    """After all the tests before, with wrong and right signatures."""
    everything = [path for path in guarded.dir.rglob("*.log")]
    assert len(everything) >= 6
    for path in everything:
        text = path.read_text(errors="replace")
        for word in (*SECRETS, "v1="):
            assert word not in text, f"{word} in {path}"


# ---- without keys


def test_without_keys_identity_headers_say_nothing(shared):
    name = "anon-" + uuid.uuid4().hex[:8]
    shared.sim.register_task_definition("agent-of-" + name)
    shared.sim.create_cluster("c" + name)
    body = {"name": name, "instanceGroup": {"cluster": "c" + name}, "taskDefinition": "agent-of-" + name}
    headers = PROXY.headers("POST", "/v1/environments", b"", caller_arn=CALLER)
    created = shared.blox.scheduler.post("/v1/environments", json=body, headers=headers)
    assert created.status_code == 200
    audit = [entry for _, entry in shared.redis_client().xrange("{blox}:audit")]
    (entry,) = [entry for entry in audit if entry["request"] == created.headers["X-Request-Id"]]
    assert (entry["actor"], entry["apiRequest"]) == ("anonymous", ""), "nobody has verified them"
    assert CALLER not in "".join(program.log() for program in shared.api)
