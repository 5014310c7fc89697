"""./dev itself: what it says, what it starts, and that it ends just that."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import requests

from harness import BUILD, TOP, eventually


def dev(*arguments):
    return subprocess.run([TOP / "dev", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_names_each_command(flag):
    done = dev(flag)
    assert done.returncode == 0 and not done.stderr
    for command in ("up", "down", "status", "logs", "test", "bench", "image", "shell"):
        assert f"\n  {command} " in done.stdout


def test_version():
    done = dev("--version")
    assert done.returncode == 0 and re.fullmatch(r"blox \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["upp"], "upp"),
        (["image", "--bsae=x"], "--bsae=x"),
        (["image", "--base"], "--base"),
        (["up", "--asw"], "--asw"),
        (["up", "--queue"], "--queue"),
        (["up", "--queue="], "--queue"),
        (["up", "--queue", "blox gateway"], "--queue"),
        (["down", "now"], "down"),
        (["logs", "--follow"], "--follow"),
        (["bench", "--jsn"], "--jsn"),
        (["bench", "--json"], "--json"),
        (["bench", "lists", "listz"], '"listz"'),
    ],
)
def test_a_wrong_argument_is_named(arguments, named):
    done = dev(*arguments)
    assert done.returncode == 64 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert named in line and "--help" in line


def test_bench_names_what_it_measures():
    done = dev("bench", "--help")
    assert done.returncode == 0 and not done.stderr
    for name in ("reaction", "lists", "growth", "large-drift"):
        assert re.search(rf"\b{name}\b", done.stdout), name


def test_no_command_is_none():
    done = dev()
    assert done.returncode == 64 and "Usage" in done.stderr


@pytest.fixture
def copy(tmp_path):
    """A copy of the script and its parts, with a .dev of its own."""
    path = tmp_path / "dev"
    shutil.copy(TOP / "dev", path)
    shutil.copytree(TOP / "dev.d", tmp_path / "dev.d")
    return path


def run_copy(copy, *arguments):
    return subprocess.run([copy, *arguments], capture_output=True, text=True, timeout=60)


def test_nothing_runs_before_up(copy):
    assert run_copy(copy, "shell").returncode == 1
    assert run_copy(copy, "logs").returncode == 1
    status = run_copy(copy, "status")
    assert status.returncode == 1 and "running" not in status.stdout
    assert run_copy(copy, "down").returncode == 0


def test_up_with_another_queue_is_refused_before_anything_is_built(copy, tmp_path):
    run = tmp_path / ".dev" / "run"
    run.mkdir(parents=True)
    (tmp_path / ".dev" / "mode").write_text("simulator blox\n")
    began = open(f"/proc/{os.getpid()}/stat").read().rpartition(") ")[2].split()[19]
    (run / "api.pid").write_text(f"{os.getpid()} {began}\n")
    for arguments in (["--queue", "other"], ["--gateway"], ["--aws"]):
        refused = run_copy(copy, "up", *arguments)
        assert refused.returncode == 1 and "building" not in refused.stderr
        assert "simulator blox" in refused.stderr and "./dev down" in refused.stderr


def test_a_program_that_ended_before_its_start_was_noted_is_stopped(copy, tmp_path):
    run = tmp_path / ".dev" / "run"
    run.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (run / "api.pid").write_text(f"{ended.pid} \n")
    assert "running" not in run_copy(copy, "status").stdout
    assert run_copy(copy, "down").returncode == 0


def test_down_ends_what_up_started_and_no_other(copy, tmp_path):
    """A pid in a file may long be another's: the start time tells."""
    run = tmp_path / ".dev" / "run"
    run.mkdir(parents=True)
    ours, other = (subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2))
    try:
        started_at = open(f"/proc/{ours.pid}/stat").read().rpartition(") ")[2].split()[19]
        (run / "api.pid").write_text(f"{ours.pid} {started_at}\n")
        (run / "redis.pid").write_text(f"{other.pid} {int(started_at) - 1}\n")
        assert run_copy(copy, "down").returncode == 0
        assert ours.wait(60) == -15
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_down_ends_what_a_killed_program_left_and_no_other(copy, tmp_path):
    """A killed nginx leaves its workers, with the ports."""
    run = tmp_path / ".dev" / "run"
    run.mkdir(parents=True)
    left = {}
    for name, directory in (("nginx", tmp_path), ("api", "/")):
        leader = subprocess.Popen(
            ["sh", "-c", "sleep 60 >/dev/null & echo $!"],
            cwd=directory,
            start_new_session=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        left[name] = int(leader.communicate(timeout=60)[0])
        (run / f"{name}.pid").write_text(f"{leader.pid} 1\n")
    try:
        assert run_copy(copy, "down").returncode == 0
        eventually(lambda: not lives(left["nginx"]), 5)
        assert lives(left["api"])
    finally:
        for pid in filter(lives, left.values()):
            os.kill(pid, signal.SIGKILL)


def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_shell_points_clients_at_the_running_stack(copy, tmp_path):
    run = tmp_path / ".dev" / "run"
    run.mkdir(parents=True)
    ports = "redis sim scheduler state api_metrics reconciler_metrics".split()
    (tmp_path / ".dev" / "ports").write_text("".join(f"{name}_port={n}\n" for n, name in enumerate(ports, 1)))
    (tmp_path / ".dev" / "mode").write_text("simulator blox\n")
    began = open(f"/proc/{os.getpid()}/stat").read().rpartition(") ")[2].split()[19]
    (run / "api.pid").write_text(f"{os.getpid()} {began}\n")
    names = "BLOX_SCHEDULER_URL BLOX_STATE_URL BLOX_REDIS_URL BLOX_SIM_URL AWS_ENDPOINT_URL AWS_REGION"
    names += " BLOX_METRICS_URL BLOX_RECONCILER_METRICS_URL"
    names += " AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
    script = f'eval "$({copy} shell)"; for n in {names}; do printenv $n || echo none; done; type aws | head -n 1'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert not done.stderr
    assert done.stdout.splitlines() == [
        "http://127.0.0.1:3",
        "http://127.0.0.1:4",
        "redis://127.0.0.1:1",
        "http://127.0.0.1:2/_sim",
        "http://127.0.0.1:2",
        "us-east-1",
        "http://127.0.0.1:5",
        "http://127.0.0.1:6",
        "us-east-1",
        "test",
        "test",
        "aws is a function",
    ]


# ---- the real thing --------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """This working tree by links, with a .dev of its own in which everything is built already."""
    for entry in TOP.iterdir():
        if entry.name not in (".dev", ".git"):
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / ".dev").mkdir()
    (tmp_path / ".dev" / "build").symlink_to(BUILD)
    yield tmp_path
    run_copy(tmp_path / "dev", "down")


def pids(checkout):
    return {path.stem: int(path.read_text().split()[0]) for path in (checkout / ".dev" / "run").glob("*.pid")}


def test_up_shows_a_demonstration_that_lives(checkout):
    script = checkout / "dev"
    up = run_copy(script, "up")
    assert up.returncode == 0, up.stderr
    assert up.stdout.count("agent:1") == 5 and "Every instance has its task" in up.stdout

    exported = run_copy(script, "shell").stdout
    url = dict(re.findall(r"export (BLOX_\w+)=(\S+)", exported))
    added = requests.post(url["BLOX_SIM_URL"] + "/instances", json={"cluster": "demo", "count": 3}, timeout=60)
    assert added.status_code == 200
    tasks = url["BLOX_STATE_URL"] + "/v1/tasks?cluster=demo&status=running"
    eventually(lambda: len(requests.get(tasks, timeout=60).json()["items"]) == 8, within_s=10)
    eventually(lambda: '"uri":"/v1/tasks?cluster=demo' in run_copy(script, "logs", "nginx").stdout, within_s=10)

    before = pids(checkout)
    assert run_copy(script, "up").returncode == 0
    assert pids(checkout) == before and len(before) == 5
    assert run_copy(script, "status").returncode == 0

    assert run_copy(script, "down").returncode == 0
    assert not any(map(lives, before.values()))
    assert run_copy(script, "status").returncode == 1


def test_up_with_the_gateway_shows_signed_calls(checkout):
    script = checkout / "dev"
    up = run_copy(script, "up", "--gateway")
    assert up.returncode == 0, up.stderr
    assert up.stdout.count("agent:1") == 5 and "--aws-sigv4" in up.stdout
    keys = checkout / ".dev" / "keys.json"
    assert keys.stat().st_mode & 0o777 == 0o600
    before, secret = pids(checkout), json.loads(keys.read_text())["secret"]
    assert len(before) == 6 and secret not in up.stdout + up.stderr

    shown = [line for line in up.stdout.splitlines() if line.startswith("  curl")]  # as a person would try them
    answers = [subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60).stdout for line in shown]
    assert json.loads(answers[0])["name"] == "demo" and len(json.loads(answers[1])["items"]) == 5
    assert "403 Forbidden" in answers[2] and "Missing Authentication Token" in answers[2]

    call = f'eval "$({script} shell)"; signed_curl -sS "$BLOX_GATEWAY_URL/v1/environments/demo"; curl -s "$BLOX_STATE_URL/v1/tasks"'
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, timeout=60)
    assert '"name":"demo"' in done.stdout and done.stdout.endswith("403 Forbidden\n") and not done.stderr
    assert "another" in run_copy(script, "up").stderr

    assert run_copy(script, "up", "--gateway").returncode == 0
    assert pids(checkout) == before
    assert "proxy.ready" in run_copy(script, "logs", "proxy").stdout
    assert run_copy(script, "down").returncode == 0
    assert not any(map(lives, before.values())) and not programs_from(checkout)


def programs_from(checkout):
    """The command lines of running programs that name something below the checkout."""
    lines = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass  # it has ended
    return [line for line in lines if f"{checkout}/.dev/" in line]


def test_up_with_aws_shows_where_to_look(checkout):
    """An AWS that cannot be reached is no reason not to start; the log has it a little later."""
    aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"}
    aws |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    script = checkout / "dev"
    up = subprocess.run(
        [script, "up", "--aws", "--queue", "events"], capture_output=True, text=True, timeout=60, env=os.environ | aws
    )
    assert up.returncode == 0, up.stderr
    assert "/v1/clusters" in up.stdout and "./dev logs reconciler" in up.stdout
    assert '"queue":"events"' in run_copy(script, "logs", "reconciler").stdout


def test_an_interrupted_up_leaves_nothing_behind(checkout):
    up = subprocess.Popen(
        [checkout / "dev", "up"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # not ignored, whoever runs us
    )
    for line in up.stderr:
        if line.startswith("starting reconciler"):
            break
    started = pids(checkout)
    assert {"redis", "sim", "api"} <= set(started)
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(60) != 0
    up.stderr.close()
    assert not any(map(lives, started.values()))
    assert not pids(checkout)
    assert not programs_from(checkout)


def test_an_up_whose_reader_goes_away_leaves_nothing_behind(checkout):
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" up 2>&1 | sed "/^starting redis/q"', checkout / "dev"],
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode != 0
    assert not pids(checkout)
    assert not programs_from(checkout)
