"""Seeing inside: metrics of both programs, right across workers and their restarts; /livez and /readyz."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest
import requests

from harness import ANY_PORT, BUILD, REGION, START_S, TOP, Program, eventually, free_port
from prometheus import Scrape
from stories import CLUSTER, deploy, restart_nginx, wait_until_covered

OPERATIONS = TOP / "docs" / "operations"
DEGRADED_S = 5  # HEALTH_DEGRADED_MS
PING = {"service": "scheduler", "method": "GET", "route": "/v1/ping", "code": "200"}


def scrape(program):
    return Scrape(program.monitor_url())


def scrapes(stack):
    return [scrape(program) for program in (*stack.api, *stack.reconcilers)]


# ---- form ------------------------------------------------------------------------------------


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=1)
def test_promtool_has_nothing_to_say(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, 20)
    for found in scrapes(stack):
        assert found.lint() == (0, "")
        assert found.content_type == "text/plain; version=0.0.4; charset=utf-8"
        (version,) = found.labels("blox_build_info", "version")
        assert version in subprocess.run([BUILD / "blox-api", "--version"], capture_output=True, text=True).stdout
        assert found.sum("process_start_time_seconds") > 1.5e9


def documented():
    """The tables of metrics.md: name -> (type, labels)."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", (OPERATIONS / "metrics.md").read_text(), re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_every_metric_is_documented_and_no_other(shared):
    exported = {name: kind for found in scrapes(shared) for name, kind in found.types.items()}
    assert exported == {name: kind for name, (kind, _) in documented().items()}


def test_every_label_is_documented(shared):
    shared.blox.is_ready()
    table = documented()
    for found in scrapes(shared):
        for name, labels, _ in found.samples:
            family = name if name in table else re.sub("_(bucket|sum|count)$", "", name)
            assert set(labels) - {"le", "worker"} == table[family][1], name


def names_in(expression):
    return set(re.findall(r"\b(?:blox_\w+|process_start_time_seconds)\b", expression))


def assert_exported(expressions, found):
    series = {name for scrape in found for name in scrape.types}
    series |= {f"{n}_{s}" for n in series for s in ("bucket", "sum", "count")}
    used = set().union(*(names_in(expression) for expression in expressions))
    assert used and used <= series


def test_the_alert_rules_are_rules_of_metrics_there_are(shared):
    rules = OPERATIONS / "alerts.yml"
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_exported(re.findall(r"expr:(.*(?:\n {10,}.*)*)", rules.read_text()), scrapes(shared))


def test_the_dashboard_shows_metrics_there_are(shared):
    dashboard = json.loads((OPERATIONS / "dashboard.json").read_text())
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert_exported(targets, scrapes(shared))
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


# ---- HTTP, with two workers behind one socket ------------------------------------------------


def ping(stack, n):
    for _ in range(n):
        assert stack.blox.scheduler.get("/v1/ping").ok


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=0)
def test_requests_count_once_whichever_worker_answers_and_survive_it(stack):
    (api,) = stack.api
    before = scrape(api).sum("blox_http_requests_total", **PING)
    ping(stack, 40)
    first = scrape(api)
    assert first.sum("blox_http_requests_total", **PING) == before + 40
    assert first.labels("blox_view_revision", "worker") == {"0", "1"}

    for worker in api.children():
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: scrape(api).sum("blox_worker_restarts_total") == 2, 10)
    eventually(lambda: scrape(api).values("blox_worker_up") == [1, 1], 10)
    eventually(lambda: len(scrape(api).values("blox_view_revision")) == 2, 10)
    eventually(stack.blox.is_ready, 10)
    ping(stack, 10)
    after = scrape(api)
    assert after.sum("blox_http_requests_total", **PING) == before + 50
    assert after.sum("blox_http_request_duration_seconds_count", route="/v1/ping") == before + 50
    assert after.lint() == (0, "")


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=0)
def test_routes_have_their_pattern_and_not_what_was_asked_for(stack):
    for path in ("/v1/environments/one", "/v1/environments/two", "/nowhere/at/all", "/v1/environments/%22%0A"):
        assert stack.blox.scheduler.get(path).status_code == 404
    found = scrape(stack.api[0])
    by_route = {"service": "scheduler", "code": "404"}
    assert found.sum("blox_http_requests_total", route="/v1/environments/{name}", **by_route) == 3
    assert found.sum("blox_http_requests_total", route="none", method="other", **by_route) == 1
    assert not any("one" in route for route in found.labels("blox_http_requests_total", "route") - {"none"})


def series_and_values(text):
    """Without ages and other gauges: what may only grow."""
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if re.match(r"\w+_(total|bucket|count|sum)\b", line)
    }


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=1)
def test_counters_never_go_back(stack):
    instances, _ = deploy(stack, 2)
    wait_until_covered(stack, instances, 20)
    for program in (stack.api[0], stack.reconcilers[0]):
        before = series_and_values(scrape(program).text)
        ping(stack, 5)
        for child in program.children():
            os.kill(child, signal.SIGKILL)
        eventually(stack.blox.is_ready, 10)
        after = series_and_values(scrape(program).text)
        assert all(after[series] >= value for series, value in before.items())


# ---- what the reconciler does ----------------------------------------------------------------


@pytest.mark.stack(n_api=1, n_reconcilers=1, duplicate=0, reorder=0, reconciler_options=("--drift-interval", "1s"))
def test_the_work_of_a_day_is_counted(stack):
    (program,) = stack.reconcilers
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 20)
    eventually(lambda: scrape(program).sum("blox_view_objects", kind="task") == 5, 10)

    eventually(lambda: scrape(program).sum("blox_scheduler_starts_total") == 5, 10)
    found = scrape(program)
    assert found.sum("blox_scheduler_starts_total", result="ok") == 5
    assert found.sum("blox_scheduler_decisions_total", act="start") == 5
    assert found.sum("blox_aws_calls_total", api="StartTask", code="ok") >= 1
    assert found.sum("blox_aws_call_duration_seconds_count", api="StartTask") >= 1
    assert found.sum("blox_lease_held") == 1 and found.sum("blox_lease_changes_total", change="taken") == 1
    assert found.sum("blox_view_objects", kind="instance") == 5
    assert 0 < found.sum("blox_governor_tokens", bucket="writes") <= 100

    def events_add_up():
        now = scrape(program)
        handled = [now.sum(f"blox_events_{end}_total") for end in ("applied", "stale", "too_old", "rejected", "kept")]
        assert now.sum("blox_events_received_total") == sum(handled) >= 10
        assert now.sum("blox_event_lag_seconds_count") == handled[0]
        return True

    eventually(events_add_up, 10)
    assert found.sum("blox_redis_calls_total", command="EVALSHA") > 0
    assert found.sum("blox_redis_connects_total", result="ok") > 0
    eventually(lambda: scrape(program).sum("blox_drift_passes_total", result="ok") > 1, 10)
    eventually(lambda: scrape(program).labels("blox_queue_messages", "state") == {"visible", "in_flight"}, 10)


@pytest.mark.stack(n_api=1, n_reconcilers=1, settle_after="2s", reconciler_options=("--drift-interval", "1s"))
def test_what_goes_wrong_is_counted_by_its_reason(stack):
    (program,) = stack.reconcilers
    sqs = stack.aws_client("sqs")
    url = sqs.get_queue_url(QueueName="blox")["QueueUrl"]
    for body in ("poison", "{}", json.dumps({"detail-type": "ECS Task State Change", "detail": 5})):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for reason in ("not_json", "unrecognized", "malformed"):
        eventually(lambda r=reason: scrape(program).sum("blox_events_rejected_total", reason=r) >= 1, 10)

    arn = "arn:aws:ecs:us-east-1:123456789012:container-instance/elsewhere/0b4cf1a27a574c0e9d5e2f1d3c4b5a69"
    for version in (3, 3, 2):
        detail = {"clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/elsewhere", "containerInstanceArn": arn}
        detail |= {"agentConnected": True, "status": "ACTIVE", "version": version, "versionInfo": {}}
        detail |= {"registeredResources": [], "remainingResources": []}
        event = {"detail-type": "ECS Container Instance State Change", "source": "aws.ecs", "detail": detail}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
        eventually(lambda: stack.redis_client().hexists("{blox}:instance", arn), 10)
    for reason in ("repeated", "overtaken"):
        eventually(lambda r=reason: scrape(program).sum("blox_events_stale_total", reason=r) >= 1, 10)

    stack.sim.fault("throttle", operation="StartTask", count=1)
    instances, _ = deploy(stack, 1)

    def is_throttled():  # and slowed down for some seconds
        found = scrape(program)
        calls = found.sum("blox_aws_calls_total", api="StartTask", code="ThrottlingException")
        slow = found.sum("blox_governor_tokens_per_second", bucket="writes") < 40
        return calls == found.sum("blox_aws_throttles_total", bucket="writes") == 1 and slow

    eventually(is_throttled, 20)
    wait_until_covered(stack, instances, 20)

    stack.sim.fault("lost-answer", operation="StartTask", count=1)
    instances += stack.sim.add_instances(CLUSTER, 1)
    wait_until_covered(stack, instances, 20)
    eventually(lambda: scrape(program).sum("blox_scheduler_starts_total", result="in_doubt") == 1, 10)
    assert scrape(program).sum("blox_aws_calls_total", api="StartTask", code="no_answer") == 1

    stack.sim.fault("event-lost", rate=1)
    (task,) = [task["task"] for task in stack.sim.live_tasks(CLUSTER, instances[0])]
    stack.sim.crash_task(task)
    eventually(lambda: scrape(program).sum("blox_scheduler_failures_total", reason="CRASHED") >= 1, 20)
    eventually(lambda: scrape(program).sum("blox_drift_repairs_total", kind="outdated") >= 1, 10)  # when the pass is over


# ---- probes ----------------------------------------------------------------------------------


def get(url):
    return requests.get(url, timeout=60)


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=1)
def test_probes_say_ok_and_verbosely_why(stack):
    through_nginx = [f"http://127.0.0.1:{port}" for port in (stack.scheduler_port, stack.state_port)]
    own = [stack.api[0].monitor_url(), stack.reconcilers[0].monitor_url()]
    for base in (*through_nginx, *own):
        for probe in ("livez", "readyz"):
            plain = eventually(lambda url=f"{base}/{probe}": (a := get(url)).text == "ok\n" and a, 10)
            assert plain.status_code == 200 and plain.headers["Content-Type"] == "text/plain; charset=utf-8"
            verbose = get(f"{base}/{probe}?verbose").text
            assert verbose.endswith("\nok\n") and all(line.startswith("[+] ") for line in verbose.splitlines()[:-1])
    eventually(lambda: "[+] worker 1 follower: turned" in get(f"{own[0]}/livez?verbose").text, 10)
    eventually(lambda: "[+] scheduler: turned" in get(f"{own[1]}/livez?verbose").text, 10)
    eventually(lambda: "[+] lease: is ours" in get(f"{own[1]}/readyz?verbose").text, 10)


@pytest.mark.stack(n_api=1, n_reconcilers=1)
def test_without_redis_it_is_ready_but_degraded(stack):
    bases = [f"http://127.0.0.1:{stack.scheduler_port}", f"http://127.0.0.1:{stack.state_port}"]
    bases += [stack.api[0].monitor_url(), stack.reconcilers[0].monitor_url()]
    for base in bases:
        eventually(lambda b=base: get(f"{b}/readyz").text == "ok\n", 10)
    stack.redis.stop()
    for base in bases:
        answer = eventually(lambda b=base: (a := get(f"{b}/readyz")).text.startswith("degraded: ") and a, DEGRADED_S + 5)
        assert answer.status_code == 200
        age_s = float(re.search(r"is ([0-9.]+) s old", answer.text)[1])
        assert DEGRADED_S <= age_s < 60
        assert get(f"{base}/livez").status_code == 200
    assert scrape(stack.api[0]).sum("blox_view_age_seconds") >= DEGRADED_S
    errors = scrape(stack.api[0])
    assert errors.sum("blox_redis_errors_total") + errors.sum("blox_redis_connects_total", result="failed") > 0
    stack.redis.start()
    for base in bases:
        eventually(lambda b=base: get(f"{b}/readyz").text == "ok\n", 20)


@pytest.mark.parametrize("program", ["blox-api", "blox-reconciler"])
def test_before_the_first_load_it_is_alive_but_not_ready(tmp_path, program):
    argv = [BUILD / program, "--redis-url", f"redis://127.0.0.1:{free_port()}", "--region", "us-east-1"]
    argv += ["--metrics-listen", ANY_PORT]
    argv += ["--queue", "blox"] if program == "blox-reconciler" else ["--socket-dir", tmp_path]
    lonely = Program(program, tmp_path, argv, {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})
    lonely.start()
    try:
        assert get(lonely.monitor_url() + "/livez").ok
        answer = get(lonely.monitor_url() + "/readyz")
        assert answer.status_code == 503 and answer.text.startswith("failed: ")
        assert "not loaded yet" in answer.text
    finally:
        assert lonely.stop() == 0


@pytest.mark.stack(n_api=1, n_reconcilers=0)
def test_probes_are_not_counted_by_nginx(stack):
    """Even where nginx takes no more requests at all, those who watch are answered."""
    restart_nginx(stack, requests=1)
    base = f"http://127.0.0.1:{stack.scheduler_port}"
    eventually(lambda: answers(base + "/v1/environments") == 200, START_S)
    with occupy(stack.scheduler_port):
        eventually(lambda: answers(base + "/v1/environments") == 503, 10)
        assert [answers(f"{base}/{probe}") for probe in ("livez", "readyz", "v1/ping")] == [200, 200, 200]


def answers(url):
    """The status, on a connection of its own; None when nobody listens."""
    try:
        return get(url).status_code
    except requests.ConnectionError:
        return None


def occupy(port):
    """A request whose body never comes."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"POST /v1/environments HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    return connection


# ---- the listener ----------------------------------------------------------------------------


def test_the_listener_knows_three_paths_and_reading(shared):
    url = shared.reconcilers[0].monitor_url()
    assert get(url + "/anything").status_code == 404
    assert requests.post(url + "/metrics", data="x", timeout=60).status_code == 405
    head = requests.head(url + "/metrics", timeout=60)
    assert head.status_code == 200 and head.content == b""
    assert get(url + "/").text.startswith("# HELP ")


@pytest.mark.parametrize(
    "address, status, word",
    [("9464", 64, "ADDRESS:PORT"), ("localhost:1", 64, "numeric"), ("127.0.0.1:99999", 64, "ADDRESS:PORT")],
)
def test_a_bad_address_is_refused(tmp_path, address, status, word):
    argv = [BUILD / "blox-api", "--region", REGION, "--socket-dir", tmp_path, "--metrics-listen", address]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert "--metrics-listen" in done.stderr and word in done.stderr


def test_an_address_in_use_is_named(shared, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        argv = [BUILD / "blox-api", "--region", REGION, "--socket-dir", tmp_path, "--metrics-listen", address]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 69
    assert address in done.stderr and "in use" in done.stderr


@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=0)
def test_a_restarted_worker_does_not_hold_the_listener(stack):
    """Workers are forked while a scraper is connected; the address is free as soon as the supervisor is gone."""
    (api,) = stack.api
    with requests.Session() as scraper:
        assert scraper.get(api.monitor_url() + "/metrics", timeout=60).ok
        (victim, _) = api.children()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(api.children()) == 2 and victim not in api.children(), 10)
        assert scraper.get(api.monitor_url() + "/metrics", timeout=60).ok
        port = int(api.monitor_url().rpartition(":")[2])
        sockets = sockets_on(port)
        assert sockets & open_sockets(api.pid)
        eventually(lambda: not any(sockets & open_sockets(child) for child in api.children()), 10)  # a child's first deed


def sockets_on(port):
    """The inodes of all TCP sockets with this local port."""
    rows = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
    return {row[9] for row in rows if int(row[1].split(":")[1], 16) == port}


def open_sockets(pid):
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
