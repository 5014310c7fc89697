"""Keys: how they are given, exchanged while requests go on, and refused at the start."""

import json
import pathlib
import re
import subprocess

import pytest

import raw_fcgi
from harness import BUILD, eventually
from keyholders import ANN, BOB, PROXY, SECRETS, fcgi_parameters, lines, secret
from prometheus import Scrape
from signer import Key, write_keys
from stream_client import BROKEN, TASKS, Stream


@pytest.mark.stack(keys=[ANN], workers=2, n_reconcilers=0)
def test_keys_are_exchanged_while_requests_go_on(stack):
    old, new = ANN, Key("ann-2", secret("ann's new one"), "operator", "Ann Other")

    def works(key):
        """With every worker: nginx and the kernel choose."""
        answers = [stack.blox.scheduler.get("/v1/environments", auth=key).status_code for _ in range(12)]
        return set(answers) == {200}

    def fails(key):
        answers = [stack.blox.scheduler.get("/v1/environments", auth=key).status_code for _ in range(12)]
        return set(answers) == {403}

    assert works(old) and fails(new)
    both = Key(new.id, new.secret, "operator", "Ann Other", previous=old)
    write_keys(stack.key_file, both)
    eventually(lambda: works(new), 10)
    assert works(old)
    write_keys(stack.key_file, new)
    eventually(lambda: fails(old), 10)
    assert works(new)
    for program in stack.api:
        eventually(lambda: '"keys":"ann-2 (operator)"' in program.log(), 10)
    starts = [line for line in lines(stack) if line["event"] == "worker.started"]
    assert len(starts) == 4  # two of each: nobody was started again


@pytest.mark.stack(keys=[ANN], n_api=1, n_reconcilers=0)
def test_a_broken_key_file_changes_nothing(stack):
    (program,) = stack.api
    other = Key("ann-2", secret("ann's new one"))

    def valid():
        (value,) = Scrape(program.monitor_url()).values("blox_keys_valid")
        return value

    def works(key):
        return stack.blox.scheduler.get("/v1/environments", auth=key).status_code == 200

    assert valid() == 1
    stack.key_file.write_text('[{"id": "ann-2", "secret": "' + other.secret)
    eventually(lambda: valid() == 0, 15)
    assert works(ANN)
    (pid,) = program.children()
    subprocess.run(["kill", "-9", str(pid)], check=True)  # its successor begins with the last good keys
    eventually(lambda: program.children() not in ([], [pid]) and works(ANN), 15)
    line, *_ = lines(stack, "keys.refused")  # once a minute
    assert line["level"] == "error" and "this is not JSON" in line["text"] and "stay in force" in line["text"]
    stack.key_file.unlink()
    eventually(lambda: "No such file" in program.log(), 15)
    assert works(ANN)
    write_keys(stack.key_file, other)
    eventually(lambda: works(other), 15)
    assert not works(ANN)
    eventually(lambda: valid() == 1, 15)
    assert other.secret not in program.log()


@pytest.mark.stack(keys=[ANN, BOB], workers=2, n_reconcilers=0)
def test_a_stream_ends_with_the_key_that_opened_it(stack):
    """Without any further request: the workers look for themselves. Others go on."""

    def stream(key, query=""):
        return Stream(stack.blox.state, TASKS + query, auth=key)

    newer = Key(ANN.id, secret("ann's new one"), "operator", "Ann Other", previous=ANN)
    with stream(BOB, "?heartbeat=1") as other, stream(ANN) as plain, stream(ANN, "?errors=true") as told:
        write_keys(stack.key_file, newer, BOB)
        seen = len(other.lines)
        other.wait(seen + 3)
        assert not plain.ended and not told.ended  # the former secret is still valid
        write_keys(stack.key_file, Key(newer.id, newer.secret, "operator", "Ann Other"), BOB)
        assert plain.wait_end() == BROKEN
        told.wait_end()
        assert told.lines[-1]["error"] == "revoked"
        seen = len(other.lines)
        other.wait(seen + 2)
        assert not other.ended
    assert Stream(stack.blox.state, TASKS, auth=ANN).status == 403

    def ends():
        return sum(Scrape(program.monitor_url()).sum("blox_stream_ends_total", reason="revoked") for program in stack.api)

    eventually(lambda: ends() == 2, 10)


@pytest.mark.stack(keys=[ANN, PROXY], n_api=1, n_reconcilers=0)
def test_a_stream_ends_when_its_key_becomes_one_that_speaks_for_others(stack):
    with Stream(stack.blox.state, TASKS, auth=ANN) as stream:
        write_keys(stack.key_file, Key(ANN.id, ANN.secret, "viewer", "Ann Other"), PROXY)
        eventually(lambda: "ann (viewer)" in stack.api[0].log(), 20)
        assert stack.blox.state.get("/v1/tasks", auth=ANN).status_code == 200
        assert not stream.ended
        write_keys(stack.key_file, Key(ANN.id, ANN.secret, "proxy", "Ann Other"), PROXY)
        assert stream.wait_end() == BROKEN


def start_api(directory, *options, **env):
    argv = [BUILD / "blox-api", "--socket-dir", directory / "s", "--metrics-listen", "off", *options]
    argv += ["--redis-url", f"unix://{directory}/none.sock", "--log-format", "logfmt"]
    environment = {"PATH": "/usr/bin", "AWS_REGION": "us-east-1", **env}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)


WRONG = [
    ("", "this is not JSON"),
    (json.dumps(ANN.entry() | {"secret": "too short"}), '"secret" must have 32 to 1024 bytes, not 9'),
    (json.dumps(ANN.entry() | {"role": "root"}), "want proxy, operator or viewer"),
    (json.dumps(ANN.entry() | {"scret": secret("misspelt")}), "a member other than"),
    (json.dumps([ANN.entry(), ANN.entry()]), "an id which key 1 has"),
]


@pytest.mark.parametrize("text, why", WRONG)
def test_keys_that_are_wrong_stop_the_start(tmp_path, text, why):
    file = tmp_path / "keys.json"
    file.write_text(text)
    file.chmod(0o600)
    for done in (start_api(tmp_path, "--key-file", file), text and start_api(tmp_path, BLOX_KEYS=text)):
        if done:
            assert done.returncode == 64
            assert why in done.stderr.replace('\\"', '"') and ("keys.json" in done.stderr or "BLOX_KEYS" in done.stderr)
            assert not any(word in done.stderr for word in (*SECRETS, secret("misspelt"), "too short"))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o606, 0o660, 0o777, 0o601])
def test_a_key_file_which_others_can_use_is_refused(tmp_path, mode):
    file = tmp_path / "keys.json"
    write_keys(file, ANN, mode=mode)
    done = start_api(tmp_path, "--key-file", file)
    assert done.returncode == 64 and f"its mode is {mode:04o}" in done.stderr and "chmod" in done.stderr


def test_settings_that_make_no_sense(tmp_path):
    file = tmp_path / "keys.json"
    write_keys(file, ANN)
    keys = json.dumps(ANN.entry())
    for options, env, why in (
        (["--key-file", file], {"BLOX_KEYS": keys}, "not both"),
        (["--key-file", tmp_path / "none"], {}, "No such file"),
        (["--key-file", tmp_path], {}, "not a file"),
        ([], {"BLOX_KEYS": ""}, "BLOX_KEYS"),
        (["--operators", "*"], {}, "need --key-file or BLOX_KEYS"),
        ([], {"BLOX_VIEWERS": "*"}, "need --key-file or BLOX_KEYS"),
        (["--operators", "Deployer"], {"BLOX_KEYS": keys}, "--operators: want ARNs"),
        (["--viewers", "*,"], {"BLOX_KEYS": keys}, "--viewers: pattern 2 is empty"),
    ):
        done = start_api(tmp_path, *options, **env)
        assert done.returncode == 64 and why in done.stderr.replace('\\"', '"'), done.stderr
        assert ANN.secret not in done.stderr


def test_keys_of_the_environment_leave_it(tmp_path):
    """They work, and /proc shows them to nobody afterwards."""
    sockets = tmp_path / "s"
    argv = [BUILD / "blox-api", "--socket-dir", sockets, "--metrics-listen", "off", "--workers", "1"]
    argv += ["--redis-url", f"unix://{tmp_path}/none.sock"]
    env = {"PATH": "/usr/bin", "AWS_REGION": "us-east-1", "BLOX_KEYS": json.dumps(ANN.entry())}
    process = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
    try:
        def status(headers):
            return raw_fcgi.ask(sockets / "state.sock", fcgi_parameters("GET", "/v1/tasks", headers))[0]

        eventually(lambda: (sockets / "state.sock").exists() and status({}) == 403, 20)
        assert status(ANN.headers("GET", "/v1/tasks")) == 503  # let in, and nothing is loaded
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (process.pid, *children):
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            assert b"AWS_REGION" in environ and ANN.secret.encode() not in environ
            argv_seen = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not re.search(rb"ann", argv_seen.replace(str(tmp_path).encode(), b""))
    finally:
        process.terminate()
        process.wait(20)
