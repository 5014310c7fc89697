"""A client of a stream: reads it in a thread of its own, line by line, and knows how it ended."""

import http.client
import json
import threading
import time
import urllib.parse

from harness import eventually

COMPLETE, BROKEN, CLOSED = "complete", "broken", "closed"  # how a stream ended; by us


class Stream:
    """GET path on a server; `lines` are the objects so far, `ended` is None while it goes on."""

    def __init__(self, server, path, read=True):
        place = urllib.parse.urlsplit(server.url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers
        self.text = b""
        self.lines, self.times = [], []
        self.ended = None
        self.error = None
        if self.status != 200:
            self.error = self.response.read().decode()
        self.thread = threading.Thread(target=self._read, daemon=True)
        if read:
            self.start()

    def start(self):
        self.thread.start()

    def read_line(self):
        """The next line, b"" at the end. http.client's own reading takes a broken transfer for a complete one."""
        while b"\n" not in self.text:
            size = int(self.response.fp.readline() or b"broken", 16)
            chunk = self.response.fp.read(size)
            if len(chunk) < size or self.response.fp.readline() != b"\r\n":
                raise EOFError
            if size == 0:
                return b""
            self.text += chunk
        line, _, self.text = self.text.partition(b"\n")
        return line + b"\n"

    def _read(self):
        try:
            while line := self.read_line():
                self.times.append(time.monotonic())
                self.lines.append(json.loads(line))
            self.ended = self.ended or COMPLETE
        except (EOFError, OSError, ValueError, AttributeError):
            self.ended = self.ended or BROKEN

    def close(self):
        """Hangs up."""
        self.ended = CLOSED
        if self.connection.sock:
            self.connection.sock.shutdown(2)
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def position(self):
        """The version to go on `after` when no line has come."""
        return int(self.headers["X-Blox-Revision"])

    def wait(self, n, within_s=10):
        """The first n lines, once they are there."""
        eventually(lambda: len(self.lines) >= n, within_s, f"{n} lines; there are {len(self.lines)}: {self.lines[-3:]}")
        return self.lines[:n]

    def wait_for(self, wanted, within_s=10):
        """The first line for which wanted() is true."""
        return eventually(lambda: next((line for line in list(self.lines) if wanted(line)), None), within_s)

    def wait_end(self, within_s=10):
        return eventually(lambda: self.ended, within_s, "the end of the stream")


def version(line):
    return int(line["metadata"]["entityVersion"])


def is_bookmark(line):
    return line.get("bookmark") is True
