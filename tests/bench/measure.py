"""Load, clocks and ceilings: what the measurements share."""

import http.client
import os
import pathlib
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "system"))

from harness import BUILD, Program, eventually, free_port  # noqa: E402

WRK_S = 3  # of one run of wrk
CONNECTIONS = 16  # of wrk


def percentile(samples, percent):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def requests_per_s(url, runs=3, header=None):
    """wrk's figure, the median of some runs; every answer must be a 200 or 304."""
    rates = []
    for _ in range(runs):
        argv = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{WRK_S}s", url]
        argv += ["-H", header] if header else []
        output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in output, f"{url}: {output}"
        rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)))
    return statistics.median(rates)


def fetch_ms(url, runs=9, headers={}):
    """Milliseconds for one whole answer on a kept connection: the median, and its length in bytes."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    buffer = bytearray(1 << 20)
    taken, n_bytes = [], 0
    for _ in range(runs):
        began = time.perf_counter()
        connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""), headers=headers)
        response = connection.getresponse()
        assert response.status == 200, f"{url}: {response.status}"
        n_bytes = 0
        while n := response.readinto(buffer):
            n_bytes += n
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), n_bytes


def memory_mb(pid):
    """Resident memory, of which what forked processes share counts once (PSS)."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M).group(1)) / 1024


def redis_commands_per_s(port, pipeline):
    """redis-benchmark's SET of 1,200 bytes, the size of a task's body."""
    argv = ["redis-benchmark", "-p", str(port), "-t", "set", "-d", "1200", "-n", "100000", "-c", "4"]
    argv += ["-P", str(pipeline), "-q"]
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return float(re.findall(r"([\d.]+) requests per second", output)[-1])


class StreamClients:
    """Clients of streams by the thousand, in one thread: each knows when something came."""

    def __init__(self, url):
        self.place = urllib.parse.urlsplit(url)
        self.epoll = select.epoll()
        self.sockets = {}
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def open(self, n, target):
        """n more streams, each with its headers read."""
        for _ in range(n):
            connection = socket.create_connection((self.place.hostname, self.place.port), timeout=30)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200"), head
            connection.setblocking(False)
            self.sockets[connection.fileno()] = connection
            self.epoll.register(connection, select.EPOLLIN)

    def arrivals(self, n, within_s=10):
        """The times, by time.monotonic(), at which something came at n of the streams."""
        times, deadline = {}, time.monotonic() + within_s
        while len(times) < n and time.monotonic() < deadline:
            for fd, _ in self.epoll.poll(0.1):
                assert self.sockets[fd].recv(65536), "a stream ended"
                times.setdefault(fd, time.monotonic())
        assert len(times) >= n, f"{len(times)} of {n} streams heard of it"
        return list(times.values())

    def close(self):
        for connection in self.sockets.values():
            connection.close()
        self.sockets.clear()


class Ceilings:
    """nginx alone, and our nginx.conf in front of a libfcgi program that does nothing."""

    def __init__(self, directory):
        self.dir = directory / "ceilings"
        (self.dir / "logs").mkdir(parents=True)
        (self.dir / "html").mkdir()
        self.plain_port, self.scheduler_port, self.state_port = free_port(), free_port(), free_port()
        self.file = self.dir / "html" / "static"
        self.file.write_text("")
        (self.dir / "plain.conf").write_text(self._plain_conf())
        sockets = self.dir / "sockets"
        sockets.mkdir()
        responder = BUILD / "tests" / "bench" / "responder"
        prefix = self.dir / "nginx"
        argv = [TOP / "nginx" / "prepare", "--prefix", prefix, "--socket-dir", sockets, "--processes", "1"]
        argv += ["--scheduler", f"127.0.0.1:{self.scheduler_port}", "--state", f"127.0.0.1:{self.state_port}"]
        subprocess.run(argv, check=True)
        self.programs = [
            Program("responder", self.dir, [responder, sockets / "scheduler.sock", 16]),
            Program("plain", self.dir, ["nginx", "-e", "stderr", "-p", self.dir, "-c", "plain.conf"]),
            Program("front", self.dir, ["nginx", "-e", "stderr", "-p", prefix, "-c", "nginx.conf"]),
        ]

    def _plain_conf(self):
        user = "user root;" if os.getuid() == 0 else ""
        return f"""
            daemon off; pid plain.pid; error_log stderr warn; worker_processes 1; {user}
            events {{ worker_connections 1024; }}
            http {{
                access_log off; sendfile off; client_body_temp_path logs; fastcgi_temp_path logs;
                proxy_temp_path logs; scgi_temp_path logs; uwsgi_temp_path logs;
                server {{
                    listen 127.0.0.1:{self.plain_port};
                    root html;
                    location = /return {{ return 200 "nothing at all\\n"; }}
                    location /sendfile/ {{ alias html/; sendfile on; }}
                }}
            }}"""

    def __enter__(self):
        for program in self.programs:
            program.start()
        eventually(lambda: requests_answer(self.plain_port, "/return"), 10, "an answer of the plain nginx")
        eventually(lambda: requests_answer(self.scheduler_port, "/"), 10, "an answer of the responder")
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()  # a killed nginx would leave its worker process behind

    def nginx_per_s(self):
        return requests_per_s(f"http://127.0.0.1:{self.plain_port}/return")

    def responder_per_s(self):
        return requests_per_s(f"http://127.0.0.1:{self.scheduler_port}/")

    def file_ms(self, n_bytes, runs=9, sendfile=False):
        """With sendfile off, as nginx has it by default and our nginx.conf too, or on, as Debian's has it."""
        if self.file.stat().st_size != n_bytes:
            self.file.write_bytes(b"x" * n_bytes)
        path = "sendfile/static" if sendfile else "static"
        return fetch_ms(f"http://127.0.0.1:{self.plain_port}/{path}", runs)[0]


def requests_answer(port, path):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
