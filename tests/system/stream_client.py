"""A client of a stream, which reads in a thread of its own and knows how it ended; and words the stories share."""

import http.client
import json
import threading
import time
import urllib.parse

from harness import eventually

TASKS, INSTANCES = "/v1/stream/tasks", "/v1/stream/instances"
OUT_OF_RANGE = "Entity version is out of range\n"
COMPLETE, BROKEN, CLOSED = "complete", "broken", "closed"  # how a stream ended; by us


class Stream:
    """GET path on a server; `lines` are the objects so far, `ended` is None while it goes on."""

    def __init__(self, server, path, read=True, auth=None):
        place = urllib.parse.urlsplit(server.url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        self.connection.request("GET", path, headers=auth.headers("GET", path) if auth else {})
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


class Cluster:
    """A cluster of the test's own with one instance, which the API knows."""

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        self.arn = stack.sim.create_cluster(name)
        (self.instance,) = stack.sim.add_instances(name)
        eventually(lambda: len(stack.blox.instances(cluster=name)) == 1, 15)
        eventually(self.is_synced, 15)
        self.settle()

    def is_synced(self):
        return any(cluster["synced"] for cluster in self.stack.blox.clusters() if cluster["clusterARN"] == self.arn)

    def settle(self):
        """Waits until nothing is committed any more: a new instance is described, and drift looks at its cluster."""
        redis, last = self.stack.redis_client(), None
        while last != (last := redis.get("{blox}:revision")):
            time.sleep(0.7)
        self.stack.level()

    def start_task(self, **options):
        (task,) = self.stack.sim.add_tasks(self.name, count=1, events=True, **options)
        return task

    def crash(self, task):
        self.stack.sim.crash_task(task)

    def stream(self, path=TASKS, query="", **options):
        return Stream(self.stack.blox.state, path + ("?" + query if query else ""), **options)

    def changes(self, task, n):
        """The lines which show the first n changes of a task, from the log's beginning."""
        with self.stream(query="after=0") as stream:
            eventually(lambda: len(of(stream, task)) >= n, 10)
            self.stack.level()
            return of(stream, task)[:n]


def of(stream, arn):
    """Its lines on the entity."""
    keys = ("taskARN", "containerInstanceARN")
    return [
        line
        for line in list(stream.lines)
        if "entity" in line and arn == next((line["entity"][key] for key in keys if key in line["entity"]), None)
    ]


def statuses(lines):
    return [line["entity"]["lastStatus"] for line in lines]


def refused(response, text, status=400):
    assert (response.status_code, response.text) == (status, text)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
