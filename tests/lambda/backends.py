"""Backends that answer by a script, byte for byte: what a broken, slow or odd server would do."""

import contextlib
import socket
import struct
import threading


class Request:
    def __init__(self, raw_head, body):
        self.line, *lines = raw_head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = self.line.split(" ")
        self.headers = [tuple(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")) for line in lines if line]
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        """The header's only value, or None."""
        values = self.all(name)
        assert len(values) < 2, values
        return values[0] if values else None


class Backend:
    """Each request is answered by the next step of the script, the last of which stays.

    A step is bytes to send, or a function of (connection, request) that does what it likes; it may return bytes.
    What it returns or is ends with the connection kept, unless the function returns None: then it is closed."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []
        self.connections = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.wrap = None  # an SSLContext
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), self._wrapped(connection) as connection, connection.makefile("rb") as stream:
            while (request := read_request(stream)) is not None:
                with self.lock:
                    self.requests.append(request)
                    step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                answer = step(connection, request) if callable(step) else step
                if answer is None:
                    return
                connection.sendall(answer)

    def _wrapped(self, connection):
        return self.wrap.wrap_socket(connection, server_side=True) if self.wrap else connection

    def close(self):
        self.stopping.set()
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait(self, connection, request):
        """A step: no answer, until the test has ended."""
        self.stopping.wait()


def read_request(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.readline()
        if not byte:
            return None
        head += byte
    request = Request(head[:-4], b"")
    request.body = stream.read(int(request.get("Content-Length") or 0))
    return request


def answer(body=b"", status="200 OK", headers=("Content-Type: application/json; charset=UTF-8",)):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def close(connection, _request):
    """A step: an orderly end of the connection."""


def reset(connection, _request):
    """A step: RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def then(data, step):
    """A step: these bytes, and then that."""

    def both(connection, request):
        connection.sendall(data)
        return step(connection, request)

    return both
