"""What the programs say: lines of JSON or logfmt, and one request id from nginx to the audit."""

import json
import os
import pty
import re
import subprocess

import pytest

from harness import BUILD, eventually

PROGRAMS = ["blox-api", "blox-awssim", "blox-reconciler"]
USUAL = ["time", "level", "program", "event"]
BYTES = "%FF%00\"%0A%1B[31m level=error {\u00e4"


def lines_of(program):
    return [json.loads(line) for line in program.log().splitlines()]


def test_every_line_of_a_busy_stack_is_json(stack):
    created = stack.blox.scheduler.get("/v1/environments/" + BYTES)
    assert created.status_code in (400, 404)
    stack.sim.create_cluster("prod")
    stack.sim.add_instances("prod", 2)
    eventually(lambda: len(stack.blox.instances()) == 2, 10)
    stack.redis.stop()
    assert stack.blox.scheduler.get("/v1/environments").status_code == 500
    for program in (*stack.api, *stack.reconcilers, stack.aws):
        lines = lines_of(program)
        assert lines and all(list(line)[: len(USUAL)] == USUAL for line in lines)
        assert {line["level"] for line in lines} <= {"debug", "info", "warn", "error"}
    (started, *_) = [line for line in lines_of(stack.api[0]) if line["event"] == "worker.started"]
    assert started["threads"] == 16 and started["program"] == "blox-api"


@pytest.mark.stack(n_api=1, n_reconcilers=0)
def test_a_request_keeps_its_id_from_nginx_to_the_audit(stack):
    stack.sim.register_task_definition("agent")
    stack.sim.create_cluster("prod")
    created = stack.blox.post_environment("agent", "prod", "agent")
    assert created.status_code == 200
    request = created.headers["X-Request-Id"]

    def methods():
        """As nginx logs them, after the answer."""
        access = (stack.dir / "nginx" / "logs" / "access.log").read_text().splitlines()
        return [line["method"] for line in map(json.loads, access) if line["request"] == request]

    eventually(lambda: methods() == ["POST"], 5)
    (line,) = [line for line in lines_of(stack.api[0]) if line.get("request") == request]
    assert (line["event"], line["name"]) == ("environment.created", "agent")
    audit = [entry for _, entry in stack.redis_client().xrange("{blox}:audit")]
    assert [entry["what"] for entry in audit if entry["request"] == request] == ["create-environment"]


@pytest.mark.stack(n_api=1, n_reconcilers=0)
def test_a_failed_request_is_logged_with_its_id_and_its_target(stack):
    stack.redis.stop()
    target = "/v1/environments/a%22%20level=info%20b"
    failed = stack.blox.scheduler.get(target)
    assert failed.status_code == 500
    (line,) = [line for line in lines_of(stack.api[0]) if line["event"] == "request.failed"]
    assert line["request"] == failed.headers["X-Request-Id"]
    assert line["target"] == target and line["level"] == "warn"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_format_can_be_chosen(program):
    wrong = ["--log-format", "xml"]
    done = subprocess.run([BUILD / program, *wrong], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and "auto, logfmt or json" in done.stderr
    bad = {
        "blox-api": ["--socket-dir", "/dev/null/x"],
        "blox-awssim": ["--listen", "10.0.0.1:1"],
        "blox-reconciler": ["--settle-after", "2s"],
    }[program]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BLOX_"))}
    for chosen, form in (("logfmt", r"time=\S+ level=error program=\S+ event=exit code="), ("json", r'\{"time":"')):
        argv = [BUILD / program, "--log-format", chosen, *bad]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
        assert done.returncode != 0
        assert re.match(form, done.stderr.splitlines()[-1])


def test_on_a_terminal_it_is_logfmt():
    ours, theirs = pty.openpty()
    done = subprocess.run([BUILD / "blox-awssim"], stderr=theirs, timeout=60)
    os.close(theirs)
    text = os.read(ours, 4096).decode()
    os.close(ours)
    assert done.returncode == 64
    assert re.match(r"time=\S+Z level=error program=blox-awssim event=exit code=invalid text=\"", text)
