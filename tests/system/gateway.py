"""The whole path of a signed call: API Gateway and Lambda's Runtime API (the simulator), blox-lambda-proxy, a tap in
the place of the load balancer, nginx, workers with keys."""

import contextlib
import re
import select
import socket
import socketserver
import sys
import threading
import time

from harness import ACCESS_KEY, BUILD, SECRET_KEY, START_S, TOP, Stack, eventually, free_port, give_back
from signer import Key

sys.path.append(str(TOP / "tests" / "sim"))
from gateway_client import Gateway  # noqa: E402  (the simulator's tests have it)

PROXY_KEY = Key("proxy-1", "what-the-proxy-and-the-workers-know-1", role="proxy")
PERSON_KEY = Key("ann", "what-ann-and-the-workers-know-1234567", role="operator")


class Tap:
    """Passes connections on to nginx, and remembers what came. It can be slow, or be gone."""

    def __init__(self, port, backend_port):
        self.address, self.backend = ("127.0.0.1", port), ("127.0.0.1", backend_port)
        self.received = []  # the bytes of each connection
        self.wait_s = 0  # before an answer's bytes go back
        self.server = None
        self.clients = set()

    def open(self):
        tap = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                tap.clients.add(self.request)
                try:
                    tap.pass_on(self.request)
                except OSError:
                    pass  # somebody has gone
                finally:
                    tap.clients.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(self.address, Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()
        return self

    def close(self):
        """Nobody listens any more, and every connection ends."""
        if self.server:
            for client in list(self.clients):
                with contextlib.suppress(OSError):  # it may have gone by itself
                    client.shutdown(socket.SHUT_RDWR)
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def pass_on(self, client):
        mine = bytearray()
        self.received.append(mine)
        with socket.create_connection(self.backend, timeout=60) as backend:
            while True:
                readable, _, _ = select.select([client, backend], [], [], 60)
                for end in readable:
                    piece = end.recv(65536)
                    if end is client:
                        mine += piece
                    elif piece:
                        time.sleep(self.wait_s)
                    if not piece:
                        return
                    (backend if end is client else client).sendall(piece)
                if not readable:
                    return

    def requests(self):
        """The requests, whole, as they came: a kept connection has several."""
        found = []
        for mine in list(self.received):
            rest = bytes(mine)
            while rest:
                head, _, rest = rest.partition(b"\r\n\r\n")
                length = int((re.findall(rb"(?i)\r\ncontent-length: *(\d+)", head) or [0])[0])
                found.append(head + b"\r\n\r\n" + rest[:length])
                rest = rest[length:]
        return found


def send_raw(port, request):
    """Sends these bytes; the status line of what comes back, and all of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer


class GatewayStack(Stack):
    """`caller` makes signed calls as arn:aws:iam::123456789012:user/test."""

    def __init__(self, *, keys=(PERSON_KEY, PROXY_KEY), n_proxies=1, sim_options=(), **differences):
        self.door_port, self.runtime_port = free_port(), free_port()
        listen = ["--gateway-listen", f"127.0.0.1:{self.door_port}"]
        listen += ["--runtime-api-listen", f"127.0.0.1:{self.runtime_port}"]
        super().__init__(keys=keys, sim_options=[*listen, *sim_options], **differences)
        self.tap = Tap(free_port(), self.gateway_port)
        self.proxies = [self.proxy(f"proxy-{i}", PROXY_KEY, f"/{i}" if i else "") for i in range(n_proxies)]
        self.caller = Gateway(self.door_port, ACCESS_KEY, SECRET_KEY)

    def proxy(self, name, key, environment=""):
        """A function's environment: what runs blox-lambda-proxy again whenever it ends."""
        program = self._program(name, TOP / "dev.d" / "keep", BUILD / "blox-lambda-proxy")
        program.env = program.env | {
            "BLOX_BACKEND_URL": f"http://127.0.0.1:{self.tap.address[1]}",
            "BLOX_KEY_ID": key.id,
            "BLOX_KEY_SECRET": key.secret,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.runtime_port}{environment}",
        }
        return program

    def programs(self):
        return [*super().programs(), *getattr(self, "proxies", [])]

    def start(self):
        self.tap.open()
        super().start()
        for program in self.proxies:
            program.start()
        eventually(lambda: self.caller.call("GET", "/v1/ping").status == 200, START_S, "an answer through the gateway")
        return self

    def stop(self, check=True):
        super().stop(check)
        self.tap.close()
        give_back(self.door_port, self.runtime_port, self.tap.address[1])

    def user(self, key, secret, arn, **more):
        """One more caller, with an access key of his own."""
        body = {"accessKeyId": key, "secretAccessKey": secret, "arn": arn, **more}
        self.sim.call("POST", "users", body)
        return Gateway(self.door_port, key, secret, more.get("sessionToken"))
