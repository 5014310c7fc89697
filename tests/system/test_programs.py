"""How the programs begin and end: flags, what is in the way, and what they say about it."""

import socket
import subprocess

import pytest

from harness import BUILD, START_S, Program, eventually

PROGRAMS = ["blox-api", "blox-awssim", "blox-reconciler"]


def run(program, *arguments):
    return subprocess.run([BUILD / program, *arguments], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(program):
    for flag, wanted in (("--help", "--log-level"), ("--version", program)):
        done = run(program, flag)
        assert done.returncode == 0 and not done.stderr
        assert wanted in done.stdout


@pytest.mark.parametrize(
    "program, wrong, right",
    [
        ("blox-api", "--redis-ulr=redis://127.0.0.1", "--redis-url"),
        ("blox-api", "--wrokers=2", "--workers"),
        ("blox-awssim", "--lisen=127.0.0.1:1", "--listen"),
        ("blox-reconciler", "--settle-afer=60s", "--settle-after"),
    ],
)
def test_a_bad_flag_names_the_nearest_right_one(program, wrong, right):
    done = run(program, wrong)
    assert done.returncode == 64 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert wrong.split("=")[0] in line and right in line


@pytest.mark.parametrize(
    "program, argument",
    [("blox-api", "--workers=none"), ("blox-api", "--workers=0"), ("blox-awssim", "stray")],
)
def test_a_bad_value_is_named(program, argument):
    done = run(program, argument)
    assert done.returncode == 64
    (line,) = done.stderr.splitlines()
    assert argument.split("=")[0] in line


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("blox-awssim", "--listen", address)
    assert done.returncode not in (0, 64)
    assert address in done.stderr and "in use" in done.stderr.lower()


@pytest.mark.parametrize("program", ["blox-api", "blox-reconciler"])
def test_a_redis_that_may_evict_is_refused(shared, program):
    client = shared.redis_client()
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        extra = ("--queue", "blox") if program == "blox-reconciler" else ("--socket-dir", str(shared.dir / "nginx"))
        refused = Program(f"refused-{program}", shared.dir, [BUILD / program, "--redis-url", shared.redis_url, *extra])
        refused.env = shared.env
        refused.start()
        eventually(lambda: not refused.runs(), START_S, "its end")
        assert refused.process.returncode != 0
        assert "noeviction" in refused.log() and "allkeys-lru" in refused.log()
    finally:
        client.config_set("maxmemory-policy", "noeviction")


def test_each_program_ends_in_good_order(stack):
    eventually(lambda: all("reconciler.running" in program.log() for program in stack.reconcilers), START_S)
    for program in [*stack.reconcilers, *stack.api, stack.aws]:
        assert program.stop() == 0, program.log()[-2000:]


def test_no_secret_is_logged(shared):
    shared.blox.is_ready()
    for program in shared.programs():
        assert "Signature=" not in program.log()
