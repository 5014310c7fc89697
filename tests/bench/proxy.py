"""blox-lambda-proxy between a Runtime API and a backend that cost as little as they can."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

from measure import BUILD, TOP, Program, eventually, free_port, percentile, requests_answer

sys.path.insert(0, str(TOP / "tests" / "lambda"))

from fake_lambda import KEY_ID, SECRET, event  # noqa: E402

WARM_UP, EVENTS = 300, 3000
MANY_EVENTS = 10_000
STARTS = 30
BODY_LEN = 5_000_000
BUFFER = 1 << 20


class Connection:
    """HTTP/1.1 with nothing but lengths, read by hand: http.server would cost more than what is measured."""

    def __init__(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self.rest = b""

    def message(self):
        """Head and body of the next message."""
        data = self.rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            piece = self.socket.recv(BUFFER)
            assert piece, "the peer has gone"
            data += piece
        head, body = data[:end], data[end + 4:]
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(length.group(1)) if length else 0
        if len(body) < length:
            pieces, have = [body], len(body)
            while have < length:
                pieces.append(self.socket.recv(BUFFER))
                have += len(pieces[-1])
            body = b"".join(pieces)
        self.rest = body[length:]
        return head, body[:length]


class Lambda:
    """One function and its Runtime API."""

    def __init__(self, backend_url):
        self.listener = socket.create_server(("127.0.0.1", 0))
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.listener.getsockname()[1]}",
            "BLOX_BACKEND_URL": backend_url,
            "BLOX_KEY_ID": KEY_ID,
            "BLOX_KEY_SECRET": SECRET,
        }
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [BUILD / "blox-lambda-proxy"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.connection = Connection(self.listener.accept()[0])
        self.connection.message()
        self.start_ms = (time.perf_counter() - began) * 1000

    def invoke(self, text):
        """Milliseconds from the event's first byte to the answer's last, and the answer."""
        head = (
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 28000}\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        message = head.encode() + text
        began = time.perf_counter()
        self.connection.socket.sendall(message)
        _, body = self.connection.message()
        taken = time.perf_counter() - began
        self.connection.socket.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{"status":"OK"}')
        self.connection.message()  # it asks for the next
        return taken * 1000, body

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return [int(re.search(rf"^{name}:\s+(\d+) kB", status, re.M).group(1)) / 1024 for name in ("VmRSS", "VmHWM")]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.connection.socket.close()
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Backend(Program):
    """nginx with an answer of its configuration's, another of BODY_LEN bytes, and bodies of any length taken."""

    def __init__(self, directory):
        super().__init__("backend", directory, ["nginx", "-e", "stderr", "-p", directory, "-c", "backend.conf"])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        temporary = " ".join(f"{kind}_temp_path tmp;" for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        user = "user root;" if os.getuid() == 0 else ""
        (directory / "large").write_bytes(b"x" * BODY_LEN)
        (directory / "backend.conf").write_text(f"""
            daemon off; pid backend.pid; error_log stderr warn; worker_processes 1; {user}
            events {{ worker_connections 64; }}
            http {{
                access_log off; keepalive_requests 1000000; {temporary} client_max_body_size 8m; tcp_nodelay on;
                server {{
                    listen 127.0.0.1:{self.port};
                    root .;
                    location /v1/ {{ return 200 '{{"items":[]}}'; }}
                    location = /large {{ # answered when the body is there, as with FastCGI
                        proxy_pass http://127.0.0.1:{self.port}/file; proxy_method GET; proxy_buffering off;
                        proxy_pass_request_body off; proxy_set_header Content-Length "";
                    }}
                    location = /file {{ alias large; }}
                }}
            }}""")

    def __enter__(self):
        self.start()
        eventually(lambda: requests_answer(self.port, "/v1/"), 10, "an answer of the backend")
        return self

    def __exit__(self, *_):
        self.stop()

    def direct_ms(self, method, body, kept):
        """The same request without the function between."""
        connection, times = None, []
        head = f"{method} /v1/environments HTTP/1.1\r\nHost: backend\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for _ in range(WARM_UP + EVENTS):
            began = time.perf_counter()
            if not (connection and kept):
                connection = Connection(socket.create_connection(("127.0.0.1", self.port)))
            connection.socket.sendall(head + body)
            connection.message()
            times.append((time.perf_counter() - began) * 1000)
            if not kept:
                connection.socket.close()
        return times[WARM_UP:]


def encoded(*args, **more):
    return json.dumps(event(*args, **more), ensure_ascii=False).encode()


def overhead(results, backend, function, name, method, body):
    """The 99th percentile pays for the backend's ordinary time only: its outliers count as ours."""
    direct = percentile(backend.direct_ms(method, (body or "").encode(), kept=method == "GET"), 50)
    text = encoded(method, body=body, headers={"Accept": "*/*", "User-Agent": "curl/7.88.1"})
    taken = [function.invoke(text)[0] for _ in range(WARM_UP + EVENTS)][WARM_UP:]
    for percent, target in ((50, "<= 0.5"), (99, "<= 2")):
        value = percentile(taken, percent) - direct
        results.add(f"proxy: {name}, overhead, p{percent}", value, "ms", target, samples=EVENTS)


def proxy(results):
    with tempfile.TemporaryDirectory(prefix="blox-") as directory, Backend(pathlib.Path(directory)) as backend:
        starts = []
        for _ in range(STARTS):
            with Lambda(backend.url) as function:
                starts.append(function.start_ms)
        results.add("proxy: from exec to the first `next`, median", percentile(starts, 50), "ms", "<= 20", samples=STARTS)
        results.add("proxy: the slowest of them", max(starts), "ms", "<= 20", samples=STARTS)
        with Lambda(backend.url) as function:
            results.add("proxy: resident at the start", function.memory_mb()[0], "MB", "<= 20")
            overhead(results, backend, function, "a read", "GET", None)
            overhead(results, backend, function, "a write of 1 KB", "POST", "b" * 1000)
            small = encoded()
            for _ in range(MANY_EVENTS - 2 * (WARM_UP + EVENTS)):
                function.invoke(small)
            results.add("proxy: resident after 10,000 events", function.memory_mb()[0], "MB", "<= 20")
            large = encoded("POST", "/large", body="b" * BODY_LEN)
            taken, answer = function.invoke(large)
            assert len(answer) > BODY_LEN, answer
            results.add("proxy: 5 MB in and 5 MB out", taken, "ms", "")
            function.invoke(small)
            resident, most = function.memory_mb()
            results.add("proxy: resident after that", resident, "MB", "<= 20")
            results.add("proxy: most it ever was", most, "MB", "<= 20")
