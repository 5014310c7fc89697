"""The container image: its entry point by itself, and the image as `./dev image` builds and tries it."""

import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.parse

import pytest
import redis as redis_client
import yaml

from clients import Blox, Sim
from harness import BUILD, START_S, TOP, Program, eventually, free_port

NO_CONTAINERS = 69  # what ./dev image ends with where podman cannot run
IMAGE_S = 900
UP_S = 60
COMMAND_S = 300  # of podman, which has much to do at first
PASSWORD = 'a "quoted" $word\\ with 100 % and é'


@pytest.fixture
def entry(tmp_path):
    """The entry point as it is installed in the image, with our programs in the path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "share" / "blox").mkdir(parents=True)
    (tmp_path / "share" / "blox" / "nginx").symlink_to(TOP / "nginx")
    path = tmp_path / "bin" / "blox-container"
    path.symlink_to(TOP / "container" / "blox-container")
    return path


def environment(tmp_path, **more):
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}:/usr/sbin", "TMPDIR": str(tmp_path)}
    return env | {name: str(value) for name, value in more.items()}


def run(entry, *arguments, **env):
    env = environment(entry.parent, **env)
    return subprocess.run([entry, *arguments], env=env, capture_output=True, text=True, timeout=60)


def refused(done, status, *words):
    assert done.returncode == status and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("blox-container: ") and all(word in line for word in words), line


# ---- what is asked of it ---------------------------------------------------------------------


def test_no_role_and_an_unknown_one_are_told_the_roles(entry):
    for arguments in ([], [""], ["postgres"], ["nginxx"]):
        refused(run(entry, *arguments), 64, "nginx, api, reconciler, redis, lambda-proxy or probe", "--help")


def test_help_names_each_role_and_variable(entry):
    done = run(entry, "--help")
    assert done.returncode == 0 and not done.stderr
    roles = re.findall(r"^  ([a-z-]+)", done.stdout, re.MULTILINE)
    assert roles == ["nginx", "api", "reconciler", "redis", "lambda-proxy", "probe"]
    read = set(re.findall(r"\$\{(BLOX_\w+)", (TOP / "container" / "blox-container").read_text()))
    assert read - {"BLOX_METRICS_LISTEN", "BLOX_REDIS_URL"} <= set(re.findall(r"BLOX_\w+", done.stdout))


def test_a_program_that_is_not_in_the_image_is_named(entry):
    for role, program in (("awssim", "blox-awssim"), ("lambda-proxy", "blox-lambda-proxy")):
        refused(run(entry, role, PATH="/usr/bin:/bin"), 69, program, "not in this image")


def test_the_roles_options_are_those_of_their_program(entry):
    done = run(entry, "api", "--wrokers=3")
    assert done.returncode == 64 and "--workers" in done.stderr
    done = run(entry, "reconciler", "--region", "us-east-1")
    assert done.returncode == 64 and "--queue" in done.stderr


# ---- Redis -----------------------------------------------------------------------------------


@pytest.fixture
def redis_role(entry, tmp_path):
    """Starts the role on a free port, with data that stays."""
    started = []
    (tmp_path / "data").mkdir()

    def start(**variables):
        port = free_port()
        settings = {"BLOX_REDIS_PORT": port, "BLOX_REDIS_DIR": tmp_path / "data", **variables}
        program = Program("redis", tmp_path, [entry, "redis"], environment(tmp_path, **settings)).start()
        started.append(program)
        password = variables.get("BLOX_REDIS_PASSWORD")
        client = redis_client.Redis(port=port, password=password, decode_responses=True)

        def answers():
            try:
                return client.ping()
            except redis_client.exceptions.ConnectionError:
                return False

        eventually(answers, START_S, "an answer of Redis")
        program.port = port
        return program, client

    yield start
    for program in started:
        program.stop()


def test_redis_is_one_that_blox_accepts(redis_role):
    _, client = redis_role(BLOX_REDIS_MAXMEMORY="128mb", BLOX_REDIS_FSYNC="always")
    settings = client.config_get("*")
    assert settings["bind"] == "127.0.0.1" and settings["save"] == ""
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert (settings["maxmemory-policy"], settings["maxmemory"]) == ("noeviction", str(128 << 20))


def test_redis_keeps_its_data(redis_role):
    program, client = redis_role()
    client.set("kept", 1)
    assert client.config_get("appendfsync")["appendfsync"] == "everysec"
    assert program.stop() == 0
    assert redis_role()[1].get("kept") == "1"


def test_redis_asks_for_a_password_that_nobody_can_see(redis_role, entry):
    program, _ = redis_role(BLOX_REDIS_PASSWORD=PASSWORD)
    for name in ("cmdline", "environ"):
        seen = pathlib.Path(f"/proc/{program.pid}/{name}").read_bytes()
        assert b"quoted" not in seen and b"\\x61\\x20" not in seen
    assert PASSWORD not in program.log()
    with pytest.raises(redis_client.exceptions.AuthenticationError):
        redis_client.Redis(port=program.port).ping()
    assert run(entry, "probe", "redis", BLOX_REDIS_PORT=program.port, BLOX_REDIS_PASSWORD=PASSWORD).returncode == 0
    refused(run(entry, "probe", "redis", BLOX_REDIS_PORT=program.port), 1, "NOAUTH")


@pytest.mark.parametrize(
    "variable, value",
    [
        ("BLOX_REDIS_BIND", "127.0.0.1\nport 1"),
        ("BLOX_REDIS_BIND", "redis.example"),
        ("BLOX_REDIS_DIR", "data"),
        ("BLOX_REDIS_FSYNC", "no"),
        ("BLOX_REDIS_MAXMEMORY", "400"),
        ("BLOX_REDIS_MAXMEMORY", "1gb\nmaxmemory-policy allkeys-lru"),
        ("BLOX_REDIS_PORT", "redis"),
    ],
)
def test_a_wrong_setting_of_redis_is_named(entry, tmp_path, variable, value):
    done = run(entry, "redis", **{"BLOX_REDIS_DIR": tmp_path, variable: value})
    assert done.returncode == 64 and f'{variable}="{value}": want' in done.stderr


@pytest.mark.parametrize("bind", ["0.0.0.0", "127.0.0.1 10.0.0.1", "*", "::"])
def test_redis_beyond_loopback_needs_a_password(entry, tmp_path, bind):
    refused(run(entry, "redis", BLOX_REDIS_BIND=bind, BLOX_REDIS_DIR=tmp_path), 64, "BLOX_REDIS_PASSWORD must be set")


def test_a_volume_that_cannot_be_written_is_named(entry):
    refused(run(entry, "redis", BLOX_REDIS_DIR="/nowhere"), 73, "/nowhere", f"uid {os.getuid()}")


def test_api_logs_in_with_the_password(entry, redis_role, tmp_path):
    redis, _ = redis_role(BLOX_REDIS_PASSWORD=PASSWORD)
    settings = {"BLOX_REDIS_PASSWORD": PASSWORD, "BLOX_REDIS_PORT": redis.port, "BLOX_SOCKET_DIR": tmp_path / "run"}
    metrics = f"127.0.0.1:{free_port()}"
    settings |= {"BLOX_METRICS_LISTEN": metrics, "AWS_REGION": "us-east-1"}
    settings |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    api = Program("api", tmp_path, [entry, "api", "--workers", "1"], environment(tmp_path, **settings)).start()
    try:
        eventually(lambda: run(entry, "probe", "api", BLOX_METRICS_LISTEN=metrics).returncode == 0, START_S, api.log())
        assert PASSWORD not in api.log() and "quoted" not in pathlib.Path(f"/proc/{api.pid}/cmdline").read_text()
    finally:
        assert api.stop() == 0
    refused(run(entry, "probe", "api", BLOX_METRICS_LISTEN="off"), 1, "BLOX_METRICS_LISTEN=off")
    refused_probe = run(entry, "probe", "api", BLOX_METRICS_LISTEN=metrics)
    assert refused_probe.returncode == 1 and metrics in refused_probe.stderr


@pytest.mark.parametrize(
    "url, wanted",
    [
        (None, "redis://:{}@127.0.0.1:6379"),
        ("rediss://cache.example:6380/2", "rediss://:{}@cache.example:6380/2"),
        ("rediss://blox@cache.example", "rediss://blox:{}@cache.example"),
        ("redis://[::1]:6379", "redis://:{}@[::1]:6379"),
        ("redis+sentinel://a:26379,b/main", "redis+sentinel://:{}@a:26379,b/main"),
    ],
)
def test_where_the_password_goes_in_a_url(entry, url, wanted):
    teller = entry.parent / "blox-api"
    teller.write_text('#!/bin/sh\necho "$BLOX_REDIS_URL ${BLOX_REDIS_PASSWORD-none}"\n')
    teller.chmod(0o755)
    given = {} if url is None else {"BLOX_REDIS_URL": url}
    path = f"{entry.parent}:/usr/bin:/bin"
    done = run(entry, "api", PATH=path, BLOX_REDIS_PASSWORD="p@:/%\n", **given)
    told, password = done.stdout.split()
    assert password == "none"
    assert urllib.parse.unquote(told) == wanted.format("p@:/%\n")
    assert run(entry, "api", PATH=path, **given).stdout.split()[0] == (url or "none")


@pytest.mark.parametrize("url", ["redis://:old@h", "redis://u:old@h", "unix:///run/redis.sock"])
def test_a_password_that_cannot_go_into_the_url_is_refused(entry, url):
    done = run(entry, "reconciler", BLOX_REDIS_URL=url, BLOX_REDIS_PASSWORD=PASSWORD)
    refused(done, 64, "BLOX_REDIS_PASSWORD")
    assert "old" not in done.stderr and "quoted" not in done.stderr


# ---- nginx -----------------------------------------------------------------------------------


@pytest.fixture
def nginx_role(entry, tmp_path):
    ports = {name: free_port() for name in ("SCHEDULER", "STATE", "GATEWAY")}
    variables = {f"BLOX_NGINX_{name}": f"127.0.0.1:{port}" for name, port in ports.items()}
    variables |= {"BLOX_NGINX_PROCESSES": 1, "BLOX_NGINX_MEMORY": 96}
    env = environment(tmp_path, BLOX_SOCKET_DIR=tmp_path / "run", **variables)
    nginx = Program("nginx", tmp_path, [entry, "nginx"], env).start()
    nginx.ports = ports
    eventually(lambda: all(map(listens, ports.values())), START_S, "its three ports")
    yield nginx
    nginx.stop()


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_what_nginx_spools_lies_on_the_volume(nginx_role, tmp_path):
    """Answers which clients are slow to take would fill a tmpfs, and its memory is the container's."""
    assert (tmp_path / "run" / "nginx" / "temp" / "fastcgi").is_dir()
    assert not (tmp_path / "nginx").exists()


def test_its_memory_bounds_what_nginx_takes_on(nginx_role, tmp_path):
    assert "limit_conn large_lists 38;" in (tmp_path / "run" / "nginx" / "param" / "limits.conf").read_text()


def test_nginx_is_told_its_memory_in_whole_mebibytes(entry, tmp_path):
    done = run(entry, "nginx", BLOX_SOCKET_DIR=tmp_path, BLOX_NGINX_MEMORY="96m")
    assert done.returncode == 64 and "--memory 96m: want a whole number" in done.stderr


def test_nginx_told_to_end_by_term_finishes_a_request(nginx_role):
    """At TERM nginx itself would drop it: the entry point makes QUIT of it."""
    with socket.create_connection(("127.0.0.1", nginx_role.ports["SCHEDULER"]), timeout=60) as client:
        client.sendall(b"POST /v1/environments HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n0123456789")
        eventually(lambda: nginx_role.children(), START_S)
        time.sleep(0.5)  # until a worker has read it: nobody says when
        nginx_role.process.terminate()
        eventually(lambda: not listens(nginx_role.ports["SCHEDULER"]), START_S, "that it takes no new ones")
        assert nginx_role.runs()
        client.sendall(b"0123456789")
        assert client.recv(100).startswith(b"HTTP/1.1 502 ")  # there is no blox-api here
    assert nginx_role.process.wait(START_S) == 0


def test_a_second_term_changes_nothing(nginx_role):
    for _ in range(3):
        nginx_role.process.terminate()
    assert nginx_role.process.wait(START_S) == 0


def test_nginx_which_ends_by_itself_ends_the_container(entry, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        others = {name: f"127.0.0.1:{free_port()}" for name in ("BLOX_NGINX_STATE", "BLOX_NGINX_GATEWAY")}
        others["BLOX_SOCKET_DIR"] = tmp_path
        done = run(entry, "nginx", BLOX_NGINX_SCHEDULER=address, **others)
    assert done.returncode == 1 and address in done.stderr and "in use" in done.stderr


def test_the_probe_of_nginx_asks_the_load_balancers_port(entry, nginx_role):
    port = nginx_role.ports["GATEWAY"]
    for address in (port, f"0.0.0.0:{port}", f"127.0.0.1:{port}"):
        done = run(entry, "probe", "nginx", BLOX_NGINX_GATEWAY=address)
        assert done.returncode == 1 and f"http://127.0.0.1:{port}/livez answers 502" in done.stderr
    assert run(entry, "probe", "nothing").returncode == 64


# ---- the image -------------------------------------------------------------------------------


def test_the_version_in_the_label_is_the_products():
    version = subprocess.run([TOP / "dev", "--version"], capture_output=True, text=True, timeout=60).stdout.split()[1]
    assert f"\nARG VERSION={version}\n" in (TOP / "Containerfile").read_text()


def test_compose_gives_no_service_more_than_it_needs():
    services = yaml.safe_load((TOP / "compose.yaml").read_text())["services"]
    assert set(services) == {"nginx", "api", "reconciler", "redis", "awssim"}
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service["command"][0] == name
    assert services["nginx"]["depends_on"]["api"]["condition"] == "service_healthy"
    assert services["api"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert services["awssim"]["profiles"] == ["simulator"]


@pytest.fixture(scope="module")
def image():
    """What ./dev image printed."""
    done = subprocess.run([TOP / "dev", "image"], capture_output=True, text=True, timeout=IMAGE_S)
    if done.returncode == NO_CONTAINERS:
        pytest.skip([line for line in done.stderr.splitlines() if line.startswith("dev: ")][-1])
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    return done.stdout


def test_the_image_is_built_and_runs(image):
    """All of it: container/smoke tells what is tried."""
    assert len(re.findall(r"^ok - ", image, re.MULTILINE)) >= 11 and "not ok" not in image


# ---- compose.yaml ----------------------------------------------------------------------------


class Composed:
    """compose.yaml with the simulator, under a name and on ports of its own."""

    def __init__(self):
        self.name = f"blox-test-{os.getpid()}"
        ports = {name: free_port() for name in ("BLOX_SCHEDULER_PORT", "BLOX_STATE_PORT", "BLOX_AWSSIM_PORT")}
        scheduler, state, sim = (f"http://127.0.0.1:{port}" for port in ports.values())
        self.blox, self.sim = Blox(scheduler, state, None), Sim(sim)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BLOX_"))}
        simulator = (TOP / "container" / "simulator.env").read_text()
        self.env |= dict(re.findall(r"^(\w+)=(.*)", simulator, re.MULTILINE))
        self.env |= {name: str(port) for name, port in ports.items()}
        settings = TOP / ".dev" / "image" / "containers.conf"  # where ./dev image found that podman needs them
        if settings.exists():
            self.env["CONTAINERS_CONF"] = str(settings)

    def run(self, *command):
        """What it prints."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, cwd=TOP, env=self.env, text=True, timeout=COMMAND_S, **streams).stdout

    def up(self):
        print(self.run("podman-compose", "-p", self.name, "up", "-d"))

    def containers(self):
        label = f"label=io.podman.compose.project={self.name}"
        return re.findall(r"^[0-9a-f]{12}$", self.run("podman", "ps", "-aq", "--filter", label), re.MULTILINE)

    def show_logs(self):
        for one in self.containers():
            print(self.run("podman", "logs", "--names", "--tail", "15", one))

    def remove(self):
        if containers := self.containers():
            self.run("podman", "rm", "-fv", "-t", "0", *containers)
        self.run("podman", "volume", "rm", "-f", f"{self.name}_data", f"{self.name}_sockets")
        self.run("podman", "network", "rm", "-f", f"{self.name}_default")


@pytest.fixture
def composed(image):
    one = Composed()
    try:
        one.up()
        yield one
    finally:
        one.show_logs()
        one.remove()


def test_compose_brings_everything_up(composed):
    """As docs/containers.md has it, with podman-compose: daemons are placed, and seen through nginx."""
    eventually(composed.blox.is_ready, UP_S, "an answer through nginx")
    composed.sim.create_cluster("composed")
    composed.sim.register_task_definition("agent")
    composed.sim.add_instances("composed", 2)
    composed.blox.deploy("daemons", "composed", "agent")
    running = {"cluster": "composed", "status": "running"}
    eventually(lambda: len(composed.blox.tasks(**running)) == 2, UP_S, "a daemon on each instance")
