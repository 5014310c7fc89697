"""How the programs begin and end: flags, what is in the way, and what they say about it."""

import json
import os
import socket
import subprocess

import pytest

from harness import ANY_PORT, BUILD, REGION, START_S, TOP, Program, eventually, free_port

PROGRAMS = ["blox-api", "blox-awssim", "blox-reconciler"]


def run(program, *arguments):
    return subprocess.run([BUILD / program, *arguments], capture_output=True, text=True, timeout=60)


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


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--prefx", "p"], "unknown option --prefx"),
        (["--prefx=p"], "unknown option --prefx"),
        (["--prefix"], "--prefix wants a value"),
        (["--prefix=p"], "--socket-dir is missing"),
        (["--prefix=p", "--socket-dir=s", "--user=nosuch"], 'there is no user "nosuch"'),
        (["p"], 'unexpected argument "p"'),
    ],
    ids=" ".join,
)
def test_a_wrong_argument_of_prepare_is_named(tmp_path, arguments, why):
    done = subprocess.run([TOP / "nginx" / "prepare", *arguments], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 64 and why in done.stderr and not list(tmp_path.iterdir())


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("blox-awssim", "--listen", address)
    assert done.returncode not in (0, 64)
    assert address in done.stderr and "in use" in done.stderr.lower()


def test_the_simulator_listens_beyond_loopback_only_when_told_so(tmp_path):
    done = run("blox-awssim", "--listen", "0.0.0.0:0")
    assert done.returncode == 64 and "0.0.0.0:0" in done.stderr and "--any-address" in done.stderr
    told = Program("awssim", tmp_path, [BUILD / "blox-awssim", "--listen", "0.0.0.0:0", "--any-address"]).start()
    eventually(lambda: "sim.ready" in told.log(), START_S)
    assert told.stop() == 0


@pytest.mark.parametrize("program", ["blox-api", "blox-reconciler"])
def test_a_redis_that_may_evict_is_refused(tmp_path, program):
    port = free_port()
    argv = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--maxmemory-policy", "allkeys-lru"]
    redis = Program("redis", tmp_path, argv).start()
    extra = ("--queue", "blox") if program == "blox-reconciler" else ("--socket-dir", tmp_path)
    argv = [BUILD / program, "--redis-url", f"redis://127.0.0.1:{port}", "--region", REGION]
    refused = Program(program, tmp_path, [*argv, "--metrics-listen", ANY_PORT, *extra], os.environ).start()
    try:
        eventually(lambda: not refused.runs(), START_S, "its end")
        assert refused.process.returncode != 0
        assert "noeviction" in refused.log() and "allkeys-lru" in refused.log()
    finally:
        refused.stop()
        redis.stop()


def test_each_program_ends_in_good_order(stack):
    eventually(lambda: all("reconciler.running" in program.log() for program in stack.reconcilers), START_S)
    for program in [*stack.reconcilers, *stack.api, stack.aws]:
        assert program.stop() == 0, program.log()[-2000:]


SECRET = "s3cret-of-the-test"


@pytest.fixture
def guarded(shared):
    """The URL, with a password, of a database of its own."""
    client = shared.redis_client()
    rules = {"commands": ["+@all"], "keys": ["*"], "channels": ["*"]}
    client.acl_setuser("guarded", enabled=True, passwords=["+" + SECRET], **rules)
    yield f"redis://guarded:{SECRET}@127.0.0.1:{shared.redis_port}/1"
    client.acl_deluser("guarded")


def test_no_secret_is_logged(shared, guarded, tmp_path):
    """Neither while all is well, nor when Redis and AWS refuse what they were given, nor at debug level."""
    secrets = {"BLOX_REDIS_URL": guarded, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SECRET}
    programs = [
        Program("api", tmp_path, [BUILD / "blox-api", "--socket-dir", tmp_path, "--log-level", "debug"]),
        Program("reconciler", tmp_path, [BUILD / "blox-reconciler", "--queue", "blox", "--log-level", "debug"]),
    ]
    try:
        for program in programs:
            program.env = shared.env | secrets
            program.start()
        api, reconciler = programs
        eventually((tmp_path / "state.sock").exists, START_S)
        eventually(lambda: "consumer.trouble" in reconciler.log(), START_S)  # AWS refused the key
        shared.redis_client().acl_setuser("guarded", reset_passwords=True, passwords=["+another"])
        shared.redis_client().execute_command("CLIENT KILL", "USER", "guarded")
        for program in programs:
            eventually(lambda: "WRONGPASS" in program.log(), START_S)
    finally:
        for program in programs:
            program.stop()
    for program in [*programs, *shared.programs()]:
        assert SECRET not in program.log() and "Signature=" not in program.log()


@pytest.mark.parametrize("url", ["http://u:{}@h", "redis://u:{}@h:port", "redis://u:{}/x@h", "unix:///x?password={}"])
def test_a_wrong_url_is_refused_without_its_password(tmp_path, url):
    for program in ("blox-api", "blox-reconciler"):
        argv = [BUILD / program, "--redis-url", url.format(SECRET), "--region", "us-east-1"]
        argv += ["--queue", "blox"] if program == "blox-reconciler" else ["--socket-dir", tmp_path]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and SECRET not in done.stderr
        assert done.stderr.count('"level":"error"') == 1, done.stderr  # no worker repeats it


WRONG_AWS = [
    ({"AWS_REGION": ""}, [], "no AWS region"),
    ({"AWS_REGION": "Mars"}, [], 'AWS region "Mars"'),
    ({"AWS_PROFILE": "nobodys"}, [], 'profile "nobodys"'),
    ({"AWS_ACCESS_KEY_ID": "AKIA"}, [], "AWS_SECRET_ACCESS_KEY is not"),
    ({"AWS_SECRET_ACCESS_KEY": "s3cret"}, [], "AWS_ACCESS_KEY_ID is not"),
    ({"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "x"}, [], "RELATIVE_URI"),
    ({"AWS_ENDPOINT_URL": ""}, ["--aws-endpoint-ecs", "ecs.example"], '"ecs.example"'),
]


@pytest.mark.parametrize("program", ["blox-api", "blox-reconciler"])
@pytest.mark.parametrize("variables, arguments, named", WRONG_AWS, ids=[case[2] for case in WRONG_AWS])
def test_wrong_settings_of_aws_are_told_once(tmp_path, program, variables, arguments, named):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_REGION": REGION} | variables
    argv = [BUILD / program, "--redis-url", "redis://127.0.0.1:1", "--metrics-listen", "off", *arguments]
    argv += ["--queue", "blox"] if program == "blox-reconciler" else ["--socket-dir", tmp_path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 64
    (line,) = [line for line in done.stderr.splitlines() if '"level":"info"' not in line]
    assert named in json.loads(line)["text"]


@pytest.mark.parametrize("queue", ["a b", "sqs://", "a" * 81, "arn:aws:sqs:us-east-1:123456789012:blox"])
def test_a_queue_that_is_none_is_refused_before_redis_is_waited_for(queue):
    arguments = ["--redis-url", "redis://127.0.0.1:1", "--region", REGION, "--metrics-listen", "off", "--queue", queue]
    done = run("blox-reconciler", *arguments)
    assert done.returncode == 64
    (line,) = done.stderr.splitlines()
    assert "want a URL, or a name" in line


@pytest.mark.parametrize("flag", ["--redis-url", "--socket-dir", "--key-file", "--config"])
def test_an_empty_value_is_named(flag):
    done = run("blox-api", flag, "")
    assert done.returncode == 64
    (line,) = done.stderr.splitlines()
    assert f"{flag}: a value is missing" in line


def test_a_file_of_certificates_that_is_not_there_is_named(tmp_path):
    missing = tmp_path / "ca.pem"
    url = ["--redis-url", "rediss://127.0.0.1:1", "--redis-ca-file", missing]
    done = run("blox-api", *url, "--region", REGION, "--socket-dir", tmp_path, "--metrics-listen", "off")
    assert done.returncode == 64
    assert str(missing) in done.stderr and "No such file or directory" in done.stderr
