"""Starts the whole product on free ports, with the simulator for AWS, and ends it again."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import botocore.config
import botocore.session
import redis as redis_client

import raw_fcgi
from clients import Blox, Sim
from signer import write_keys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BLOX_BUILD", TOP / ".dev" / "build"))
REGION = "us-east-1"
ACCESS_KEY = SECRET_KEY = "test"
QUEUE = "blox"

ANY_PORT = "127.0.0.1:0"
START_S = 20  # until a program must be ready
STOP_S = 60  # until it must have ended after SIGTERM
LOADED = 4  # as many times longer may everything take on a machine which does other things, too


def eventually(condition, within_s, what=None):
    """Waits until condition() is true (or has a true value, which is returned). `within_s` is for a machine of one's
    own.

    An assertion that fails in it counts as "not yet"; the last one is shown when time is over."""
    within_s *= LOADED
    deadline = time.monotonic() + within_s
    while True:
        why = None
        try:
            value = condition()
            if value:
                return value
        except AssertionError as error:
            why = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or why or 'the condition'}")
        time.sleep(0.02)


ports_held = {}


def free_port():
    """A port nobody listens on. We hold it: who asks for any port does not get it, but who wants it with SO_REUSEADDR,
    as all servers here do, may listen there, because we do not."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    ports_held[port] = holder
    return port


def give_back(*ports):
    """Once or more often: what failed to start is stopped twice."""
    for port in ports:
        if port in ports_held:
            ports_held.pop(port).close()


class Program:
    """One process of ours, its log and its end."""

    def __init__(self, name, directory, argv, env=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.env = env
        self.log_path = directory / f"{name}.log"
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL, as a crash would have it."""
        self.process.kill()
        self.process.wait(STOP_S)

    def stop(self):
        """SIGTERM; gives the exit code, and insists on an orderly end."""
        if not self.runs():
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {STOP_S} s of SIGTERM")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def monitor_url(self):
        """Where it has /metrics, /livez and /readyz: it says so when it starts."""

        def ports():
            return re.findall(r'"event":"metrics.ready","port":(\d+)', self.log())

        return f"http://127.0.0.1:{eventually(ports, START_S)[-1]}"

    def children(self):
        """The pids of its child processes: the workers of a supervisor."""
        listing = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in listing.read_text().split()]


class Stack:
    """Redis, the simulator, nginx, two blox-api of one worker each, between which nginx alternates, and
    two blox-reconciler: each test's world. Keyword arguments are the differences a story wants."""

    def __init__(
        self,
        *,
        n_api=2,
        workers=1,
        n_reconcilers=2,
        settle_after=None,
        latency_ms=20,
        sqs_latency_ms=0,
        stop_timeout_ms=100,
        duplicate=0.02,
        reorder=0.05,
        listing_lag_ms=0,
        queue=QUEUE,
        redis_options=(),
        api_options=(),
        reconciler_options=(),
        sim_options=(),
        keys=(),
    ):
        self.keep = False  # the logs, after the end
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="blox-", dir="/tmp"))
        self.redis_port, self.sim_port = free_port(), free_port()
        self.scheduler_port, self.state_port, self.gateway_port = free_port(), free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.redis_port}"
        self.aws_url = f"http://127.0.0.1:{self.sim_port}"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BLOX_"))}
        self.env |= {
            "PATH": os.environ["PATH"] + ":/usr/sbin",  # where Debian has nginx
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        self.settings = {
            "latencyMs": latency_ms,
            "sqsLatencyMs": sqs_latency_ms,
            "listingLagMs": listing_lag_ms,
            "stopTimeoutMs": stop_timeout_ms,
        }
        self.event_faults = {"event-duplicate": duplicate, "event-reorder": reorder}
        self.key_file = self.dir / "keys.json"
        if keys:  # the tests sign with the first
            write_keys(self.key_file, *keys)
            api_options = ["--key-file", self.key_file, *api_options]
        self.redis = self._redis(redis_options)
        self.aws = self._program(
            "awssim", BUILD / "blox-awssim", "--listen", f"127.0.0.1:{self.sim_port}", "--queue", queue, *sim_options
        )
        self.api = [self._api(f"api-{i}", workers, api_options) for i in range(n_api)]
        self.nginx = self._program("nginx", "nginx", "-e", "stderr", "-p", self.dir / "nginx", "-c", "nginx.conf")
        settle = () if settle_after is None else ("--settle-after", settle_after)
        self.reconcilers = [
            self.reconciler(f"reconciler-{i}", "--queue", queue, *settle, *reconciler_options)
            for i in range(n_reconcilers)
        ]
        self.sim = Sim(self.aws_url)
        ports = (self.scheduler_port, self.state_port, self.gateway_port)
        self.blox = Blox(*(f"http://127.0.0.1:{port}" for port in ports), key=keys[0] if keys else None)

    # ---- its programs

    def _program(self, name, *argv):
        return Program(name, self.dir, argv, self.env)

    def _redis(self, options):
        data = self.dir / "redis"
        data.mkdir()
        argv = ["redis-server", "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", data]
        argv += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        argv += ["--rdbcompression", "no", "--auto-aof-rewrite-min-size", "256mb"]
        argv += ["--maxmemory-policy", "noeviction", *options]
        return self._program("redis", *argv)

    def _api(self, name, workers, options):
        sockets = self.dir / name
        sockets.mkdir()
        argv = ["--redis-url", self.redis_url, "--socket-dir", sockets, "--workers", workers]
        argv += ["--metrics-listen", ANY_PORT, *options]
        return self._program(name, BUILD / "blox-api", *argv)

    def reconciler(self, name, *options):
        """One more blox-reconciler, not started."""
        argv = ["--redis-url", self.redis_url, "--metrics-listen", ANY_PORT, *options]
        return self._program(name, BUILD / "blox-reconciler", *argv)

    def programs(self):
        return [self.redis, self.aws, *self.api, self.nginx, *self.reconcilers]

    # ---- its life

    def start(self):
        try:
            self.redis.start()
            eventually(self.redis_answers, START_S, "an answer of Redis")
            self.aws.start()
            eventually(self.sim.answers, START_S, "an answer of the simulator")
            self.sim.set(**self.settings)
            for kind, rate in self.event_faults.items():
                self.sim.fault(kind, rate=rate)
            for program in self.api:
                program.start()
                eventually((self.dir / program.name / "state.sock").exists, START_S, f"the sockets of {program.name}")
            self.prepare_nginx()
            self.nginx.start()
            for program in self.reconcilers:
                program.start()
            eventually(self.blox.is_ready, START_S, "an answer of both APIs through nginx")
        except BaseException:
            print(self.last_logs(), file=sys.stderr)
            self.keep = True
            self.stop(check=False)
            raise
        return self

    def stop(self, check=True):
        """Ends everything, the clients of a program before the program."""
        problems = []
        for program in reversed(self.programs()):
            try:
                program.stop()
            except AssertionError as error:
                problems.append(str(error))
        reports = [program.name for program in self.programs() if "runtime error:" in program.log()]
        give_back(self.redis_port, self.sim_port, self.scheduler_port, self.state_port, self.gateway_port)
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)
        if check:
            assert not problems, problems
            assert not reports, f"sanitizer reports of {reports}"

    def last_logs(self, n_lines=25):
        parts = [f"all in {self.dir}"]
        for program in self.programs():
            parts += [f"---- {program.name}", *program.log().splitlines()[-n_lines:]]
        return "\n".join(parts)

    def prepare_nginx(self):
        """nginx/prepare, and then one upstream of all our blox-api, which nginx takes in turn and never gives up."""
        prefix = self.dir / "nginx"
        argv = [TOP / "nginx" / "prepare", "--prefix", prefix, "--socket-dir", self.dir / "api-0"]
        argv += ["--scheduler", f"127.0.0.1:{self.scheduler_port}", "--state", f"127.0.0.1:{self.state_port}"]
        argv += ["--gateway", f"127.0.0.1:{self.gateway_port}", "--processes", "1"]
        subprocess.run(argv, check=True)
        parameters = prefix / "param" / "http.conf"
        lines = []
        for line in parameters.read_text().splitlines():
            line = line.replace('.sock";', '.sock" max_fails=0;')
            others = range(1, len(self.api)) if "/api-0/" in line else ()
            lines += [line, *(line.replace("/api-0/", f"/api-{i}/") for i in others)]
        parameters.write_text("\n".join(lines) + "\n")

    # ---- looking in from outside

    def redis_client(self):
        return redis_client.Redis(port=self.redis_port, decode_responses=True)

    def level(self):
        """Every blox-api has seen what Redis has now: whichever answers next, it knows of that."""
        revision = int(self.redis_client().get("{blox}:revision"))
        question = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/v1/clusters"}

        def is_level(api):
            status, headers, _ = raw_fcgi.ask_all(self.dir / api.name / "state.sock", question)
            return status == 200 and int(headers["X-Blox-Revision"]) >= revision

        for api in self.api:
            eventually(lambda api=api: is_level(api), 10, f"revision {revision} in {api.name}")

    def redis_answers(self):
        try:
            return self.redis_client().ping()
        except redis_client.exceptions.ConnectionError:
            return False
        except redis_client.exceptions.BusyLoadingError:
            return False

    def aws_client(self, service, url=None):
        """botocore's client, of the simulator or of another endpoint: what AWS' own tools would do."""
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=url or self.aws_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=botocore.config.Config(retries={"max_attempts": 1}),
        )
