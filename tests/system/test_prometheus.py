"""The alert rules and the dashboard, in the hands of a real Prometheus: it scrapes a running stack."""

import json
import re
import shutil
import subprocess
import time

import pytest
import requests

from harness import START_S, TOP, Program, eventually, free_port
from stories import CLUSTER, deploy, wait_until_covered
from stream_client import TASKS, Stream

OPERATIONS = TOP / "docs" / "operations"
RULES = OPERATIONS / "alerts.yml"
WINDOW = "2m"  # what Grafana would put for $__rate_interval; the trouble is in it to the end
ABSENT = {"blox_keys_valid"}  # as metrics.md says, where there are no keys


class Prometheus:
    """A server which looks at the programs once a second, with our rules."""

    def __init__(self, stack):
        port = free_port()
        home = stack.dir / "prometheus"
        home.mkdir()
        targets = [program.monitor_url().partition("//")[2] for program in (*stack.api, *stack.reconcilers)]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "blox", "static_configs": [{"targets": targets}]}],
        }
        (home / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        argv = ["prometheus", "--config.file", home / "prometheus.yml", "--storage.tsdb.path", home / "data"]
        argv += ["--web.listen-address", f"127.0.0.1:{port}"]
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.program = Program("prometheus", stack.dir, argv)

    def __enter__(self):
        self.program.start()
        eventually(self.has_started, START_S, "an answer of Prometheus")
        return self

    def __exit__(self, *_):
        self.program.stop()

    def has_started(self):
        try:
            return requests.get(self.url + "status/runtimeinfo", timeout=60).ok
        except requests.ConnectionError:
            return False

    def ask(self, path, **query):
        answer = requests.get(self.url + path, params=query, timeout=60).json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        assert not answer.get("warnings"), answer["warnings"]
        return answer["data"]

    def query(self, expression):
        """The samples, without those which are not a number: a quantile of nothing is none."""
        return [s for s in self.ask("query", query=expression)["result"] if s["value"][1] != "NaN"]


def dashboard_expressions():
    panels = json.loads((OPERATIONS / "dashboard.json").read_text())["panels"]
    texts = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
    return [(title, text.replace("$job", "blox").replace("$__rate_interval", WINDOW)) for title, text in texts]


def without_thresholds(expression):
    """What an alert looks at, whether or not it is alarming."""
    return re.sub(r"(==|>|<)\s*[0-9.]+(?=\s|$|\))", " ", expression)


def trouble(stack):
    """A little of everything that is counted."""
    stack.sim.fault("throttle", operation="StartTask", count=1)
    stack.sim.fault("access-denied", operation="ListClusters", rate=0.5)
    sqs = stack.aws_client("sqs")
    url = sqs.get_queue_url(QueueName="blox")["QueueUrl"]
    instances, _ = deploy(stack, 2)
    wait_until_covered(stack, instances, 30)
    for task in [task["task"] for task in stack.sim.live_tasks(CLUSTER)]:
        stack.sim.crash_task(task)
    for _ in range(4):  # a counter's first value is no increase
        sqs.send_message(QueueUrl=url, MessageBody="poison")
        for path in ("/v1/tasks", "/v1/instances?query=", "/nowhere"):
            stack.blox.state.get(path)
        time.sleep(1)
    stack.redis.stop()
    for _ in range(3):
        assert stack.blox.scheduler.get("/v1/environments").status_code == 500
    stack.redis.start()
    eventually(stack.blox.is_ready, 20)


@pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus here")
@pytest.mark.stack(n_api=1, workers=2, n_reconcilers=1, reconciler_options=("--drift-interval", "1s"))
def test_every_panel_and_rule_says_something(stack):
    with Prometheus(stack) as prometheus, Stream(stack.blox.state, TASKS):
        eventually(lambda: len(prometheus.query("up == 1")) == 2, 20, "two scraped targets")
        trouble(stack)
        for title, expression in dashboard_expressions():
            eventually(lambda e=expression: prometheus.query(e), 15, f"{title}: {expression}")
        (group,) = prometheus.ask("rules")["groups"]
        for rule in group["rules"]:
            assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
            looks_at = without_thresholds(rule["query"])
            if looks_at.strip() not in ABSENT:
                eventually(lambda e=looks_at: prometheus.query(e), 15, f"{rule['name']}: {looks_at}")
        firing = eventually(lambda: alerts(prometheus, "BloxEventsRejected"), 15)
        assert firing[0]["state"] == "firing"
        assert re.match(r"[0-9.]+ messages were rejected as not_json$", firing[0]["annotations"]["summary"])


def alerts(prometheus, name):
    return [alert for alert in prometheus.ask("alerts")["alerts"] if alert["labels"]["alertname"] == name]


# ---- thresholds ----------------------------------------------------------------------------------

TABLE = [
    # alert, what it looks at in an alarming state, and in one that is just not; values as promtool writes them
    ("BloxDown", {"up": "0x60"}, {"up": "1x60"}),
    (
        "BloxLoopStalled",
        {'blox_loop_age_seconds{loop="aws"}': "130x60"},
        {'blox_loop_age_seconds{loop="aws"}': "110x60", 'blox_loop_age_seconds{loop="drift"}': "590x60"},
    ),
    ("BloxLoopStalled", {'blox_loop_age_seconds{loop="drift"}': "610x60"}, {}),
    ("BloxRedisAway", {"blox_view_age_seconds": "20x60"}, {"blox_view_age_seconds": "10x60"}),
    (
        "BloxRecordsDamaged",
        {'blox_view_damaged_total{kind="task"}': "0 1x59"},
        {'blox_view_damaged_total{kind="task"}': "1x60"},
    ),
    ("BloxNobodySchedules", {"blox_lease_held": "0x60"}, {"blox_lease_held": "1x60"}),
    (
        "BloxLeaseChangesHands",
        {'blox_lease_changes_total{change="taken"}': "0+1x60"},
        {'blox_lease_changes_total{change="taken"}': "1x60"},
    ),
    ("BloxWorkersRestart", {"blox_worker_restarts_total": "0+1x60"}, {"blox_worker_restarts_total": "0x30 1x30"}),
    (
        "BloxErrors",
        {'blox_http_requests_total{code="500"}': "0+6x60", 'blox_http_requests_total{code="200"}': "0+94x60"},
        {'blox_http_requests_total{code="500"}': "0+4x60", 'blox_http_requests_total{code="200"}': "0+96x60"},
    ),
    (
        "BloxSlow",
        {
            'blox_http_request_duration_seconds_bucket{method="GET",le="0.5"}': "0+97x60",
            'blox_http_request_duration_seconds_bucket{method="GET",le="1"}': "0+100x60",
            'blox_http_request_duration_seconds_bucket{method="GET",le="+Inf"}': "0+100x60",
        },
        {
            'blox_http_request_duration_seconds_bucket{method="GET",le="0.5"}': "0+100x60",
            'blox_http_request_duration_seconds_bucket{method="GET",le="+Inf"}': "0+100x60",
        },
    ),
    (
        "BloxQueueGrows",
        {'blox_queue_messages{state="visible"}': "1001x60"},
        {'blox_queue_messages{state="visible"}': "999x60"},
    ),
    (
        "BloxEventsLate",
        {
            'blox_event_lag_seconds_bucket{le="5"}': "0+80x60",
            'blox_event_lag_seconds_bucket{le="10"}': "0+100x60",
            'blox_event_lag_seconds_bucket{le="+Inf"}': "0+100x60",
        },
        {
            'blox_event_lag_seconds_bucket{le="5"}': "0+95x60",
            'blox_event_lag_seconds_bucket{le="+Inf"}': "0+100x60",
        },
    ),
    (
        "BloxEventsRejected",
        {'blox_events_rejected_total{reason="foreign"}': "0 1x59"},
        {'blox_events_rejected_total{reason="foreign"}': "1x60"},
    ),
    (
        "BloxDriftLate",
        {"blox_drift_round_age_seconds": "1900x60", "blox_lease_held": "1x60"},
        {"blox_drift_round_age_seconds": "1900x60", "blox_lease_held": "0x60"},
    ),
    (
        "BloxEventsLost",
        {'blox_drift_repairs_total{kind="missed"}': "0+2x60"},
        {'blox_drift_repairs_total{kind="changed"}': "0+100x60"},
    ),
    (
        "BloxThrottled",
        {'blox_aws_throttles_total{bucket="reads"}': "0+12x60"},
        {'blox_aws_throttles_total{bucket="reads"}': "0+5x60"},
    ),
    (
        "BloxCallsRefused",
        {'blox_aws_calls_total{api="StartTask",code="AccessDeniedException"}': "0+1x60"},
        {'blox_aws_calls_total{api="StartTask",code="ThrottlingException"}': "0+1x60"},
    ),
    (
        "BloxStartsFail",
        {'blox_scheduler_failures_total{reason="RESOURCE:MEMORY"}': "0+1x60"},
        {'blox_scheduler_failures_total{reason="UNAVAILABLE"}': "0+9x60"},
    ),
    (
        "BloxStartsInDoubt",
        {'blox_scheduler_starts_total{result="in_doubt"}': "0+1x60"},
        {'blox_scheduler_starts_total{result="in_doubt"}': "0x30 5x30"},
    ),
    ("BloxKeysBroken", {"blox_keys_valid": "0x60"}, {"blox_keys_valid": "1x60"}),
    (
        "BloxRequestsRefused",
        {'blox_requests_refused_total{reason="signature"}': "0+3x60"},
        {'blox_requests_refused_total{reason="signature"}': "0+1x60"},
    ),
    (
        "BloxStreamsCutOff",
        {'blox_stream_ends_total{reason="behind"}': "0+1x60"},
        {'blox_stream_ends_total{reason="hang_up"}': "0+100x60"},
    ),
]


def labelled(series):
    name, _, labels = series.partition("{")
    common = 'job="blox",instance="one"'
    return f"{name}{{{common}}}" if not labels else f"{name}{{{common},{labels}"


def case(name, values, fires):
    """An hour of a value a minute; at its end the alert fires or does not."""
    return {
        "interval": "1m",
        "input_series": [{"series": labelled(series), "values": value} for series, value in values.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": "50m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path):
    cases = [case(name, alarming, True) for name, alarming, _ in TABLE]
    cases += [case(name, calm, False) for name, _, calm in TABLE if calm]
    tests = tmp_path / "alerts.test.yml"
    tests.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}))
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert sorted(set(names)) == sorted({name for name, _, _ in TABLE})


def test_every_threshold_has_its_reason():
    rules = re.split(r"\n      - alert: ", RULES.read_text())[1:]
    assert rules
    for rule in rules:
        assert re.search(r"\n {8}annotations:\n", rule), rule
        assert re.search(r"\n {10}summary: ", rule) and re.search(r"\n {10}threshold: ", rule), rule
