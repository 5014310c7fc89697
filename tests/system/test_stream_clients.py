"""What clients of streams do, and what failures do to them."""

import itertools
import json
import os
import pathlib
import shutil
import socket
import time

import pytest
import raw_fcgi
from harness import eventually
from prometheus import Scrape
from stream_client import BROKEN, COMPLETE, INSTANCES, OUT_OF_RANGE, TASKS, Cluster, Stream, is_bookmark, refused, version

numbers = itertools.count()


@pytest.fixture
def cluster(calm):
    return Cluster(calm, f"clients-{next(numbers)}")


# ---- clients


def descriptors(api):
    (worker,) = api.children()
    return len(list(pathlib.Path(f"/proc/{worker}/fd").iterdir()))


def test_a_hang_up_is_noticed_at_once(calm):
    before = None
    while before != (before := sum(map(descriptors, calm.api))):  # until those of earlier tests have gone
        time.sleep(0.5)
    streams = [Stream(calm.blox.state, TASKS) for _ in range(20)]
    eventually(lambda: sum(map(descriptors, calm.api)) == before + 20, 5)
    began = time.monotonic()
    for stream in streams:
        stream.close()
    eventually(lambda: sum(map(descriptors, calm.api)) == before, 5, "the worker's descriptors to go")
    assert time.monotonic() - began < 10


@pytest.mark.stack(n_api=1, n_reconcilers=1, duplicate=0, reorder=0)
def test_streams_are_counted(stack):
    cluster = Cluster(stack, "counted")

    def count(name, **labels):
        return Scrape(stack.api[0].monitor_url()).sum(name, **labels)

    streams = [cluster.stream(), cluster.stream(), cluster.stream(INSTANCES)]
    eventually(lambda: (count("blox_streams", kind="task"), count("blox_streams", kind="instance")) == (2, 1), 5)
    before = count("blox_stream_lines_total")
    cluster.start_task()
    eventually(lambda: count("blox_stream_lines_total") >= before + 2, 10)
    for stream in streams:
        stream.close()
    eventually(lambda: (count("blox_stream_ends_total", reason="hang_up"), count("blox_streams")) == (3, 0), 5)


class RawStream:
    """A stream without nginx in between, which would read ahead."""

    def __init__(self, stack, path, api=0, receive_bytes=4096):
        self.text, self.has_headers, self.lines = b"", False, []
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.connection.settimeout(60)
        self.connection.connect(str(stack.dir / stack.api[api].name / "stream.sock"))
        self.connection.sendall(raw_fcgi.request({"REQUEST_METHOD": "GET", "REQUEST_URI": path}))

    def read(self, until):
        """Reads on until until(lines) or the end; gives what kind of end it was, or None."""
        try:
            while not until(self.lines):
                version_, kind, content = raw_fcgi.read_record(self.connection)
                if version_ != 1:
                    return BROKEN
                if kind == raw_fcgi.END:
                    return COMPLETE
                self._take(content)
        except EOFError:
            return BROKEN
        return None

    def _take(self, content):
        self.text += content
        if not self.has_headers:
            self.has_headers = b"\r\n\r\n" in self.text
            self.text = self.text.partition(b"\r\n\r\n")[2] if self.has_headers else self.text
        if self.has_headers:
            *whole, self.text = self.text.split(b"\n")
            self.lines += map(json.loads, whole)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def test_a_stopped_reader_costs_the_others_nothing(cluster, calm):
    stopped = [RawStream(calm, TASKS, api) for api in (0, 1)]
    with cluster.stream(query=f"cluster={cluster.name}") as reader:
        n = 0
        for _ in range(10):
            calm.sim.add_tasks(cluster.name, count=100, events=True)
            n += 100
            reader.wait(n, 10)
        for stream in stopped:
            with stream:
                assert stream.read(lambda lines: len(lines) >= n) is None
                versions = [version(line) for line in stream.lines]
                assert versions == sorted(set(versions))
                assert stream.lines == reader.lines, "the stopped one lost nothing either"


SMALL = dict(n_api=1, n_reconcilers=1, duplicate=0, reorder=0, api_options=("--stream-buffer", "1"))


@pytest.mark.stack(**SMALL)
def test_one_that_fell_behind_the_buffer_is_fed_from_the_log(stack):
    cluster = Cluster(stack, "behind")
    with RawStream(stack, TASKS) as slow, cluster.stream(query=f"cluster={cluster.name}") as reader:
        stack.sim.add_tasks(cluster.name, count=3000, events=True)  # 3 MB
        reader.wait(3000, 60)
        assert slow.read(lambda lines: len(lines) >= 3000) is None
        assert slow.lines == reader.lines
        task = cluster.start_task()
        assert slow.read(lambda lines: len(lines) >= 3001) is None
        assert slow.lines[-1]["entity"]["taskARN"] == task, "and it is live again"


@pytest.mark.stack(**SMALL)
def test_one_that_fell_behind_the_log_is_ended(stack):
    cluster = Cluster(stack, "behind")
    with RawStream(stack, TASKS) as silent, RawStream(stack, TASKS + "?errors=true") as told, cluster.stream(
        query=f"cluster={cluster.name}"
    ) as reader:
        stack.sim.add_tasks(cluster.name, count=3000, events=True)
        reader.wait(3000, 60)
        stack.redis_client().xtrim("{blox}:log", maxlen=10, approximate=False)
        assert silent.read(lambda lines: len(lines) >= 3000) == BROKEN
        assert silent.lines == reader.lines[: len(silent.lines)] and 0 < len(silent.lines) < 3000
        assert told.read(lambda lines: len(lines) >= 3000) == COMPLETE
        last = told.lines.pop()
        assert (last["error"], version(last)) == ("behind", version(told.lines[-1]))
        assert told.lines == reader.lines[: len(told.lines)]
        for name in ("after", "entityVersion"):
            refused(stack.blox.state.get(f"{TASKS}?{name}={version(last)}"), OUT_OF_RANGE)


# ---- failures

ONE = pytest.mark.stack(n_api=1, n_reconcilers=1, duplicate=0, reorder=0)


@ONE
def test_a_worker_that_stops_says_so(stack):
    cluster = Cluster(stack, "stopping")
    with cluster.stream() as plain, cluster.stream(query="errors=true") as told:
        task = cluster.start_task()
        told.wait_for(lambda line: line["entity"]["taskARN"] == task)
        assert stack.api[0].stop() == 0
        assert plain.wait_end() == COMPLETE and told.wait_end() == COMPLETE
        assert (told.lines[-1]["error"], version(told.lines[-1])) == ("stopping", version(told.lines[-2]))
        assert plain.lines == told.lines[:-1]


def test_a_worker_that_dies(cluster, calm):
    """The stream breaks off; whoever goes on after its last version, at any other worker, misses nothing."""
    streams = [cluster.stream(query=f"cluster={cluster.name}") for _ in calm.api]
    for api in calm.api:
        os.kill(api.children()[0], 9)
    for stream in streams:
        assert stream.wait_end() == BROKEN
    tasks = [cluster.start_task() for _ in range(3)]
    eventually(calm.blox.is_ready, 10)
    for stream in streams:
        resumed = eventually(lambda: answering(cluster, f"cluster={cluster.name}&after={stream.position}"), 10)
        with resumed:
            assert [line["entity"]["taskARN"] for line in resumed.wait(3)] == tasks


def answering(cluster, query):
    stream = cluster.stream(query=query)
    return stream if stream.status == 200 else None


@ONE
def test_redis_restarts_under_a_stream(stack):
    """The revision jumps, the stream goes on, and positions from before are still positions."""
    cluster = Cluster(stack, "restart")
    with cluster.stream(query="heartbeat=1") as stream:
        first = cluster.start_task()
        line = stream.wait_for(lambda line: "entity" in line and line["entity"]["taskARN"] == first)
        stack.redis.kill()
        with cluster.stream(query="") as live:
            assert live.status == 200, "without a position Redis is not asked"
        refused(stack.blox.state.get(f"{TASKS}?after={version(line)}"), "Unexpected internal server error\n", 500)
        stack.redis.start()
        eventually(stack.blox.is_ready, 20)
        second = cluster.start_task()
        stream.wait_for(lambda line: "entity" in line and line["entity"]["taskARN"] == second, 20)
        assert stream.ended is None
        versions = [version(line) for line in stream.lines]
        assert versions == sorted(versions)
    with cluster.stream(query=f"after={version(line)}&cluster={cluster.name}") as resumed:
        assert resumed.wait(1)[0]["entity"]["taskARN"] == second


@ONE
def test_redis_comes_back_empty(stack):
    """What the streams have shown is lost: they are broken off, and their positions are out of range."""
    cluster = Cluster(stack, "empty")
    with cluster.stream() as silent, cluster.stream(query="errors=true") as told:
        task = cluster.start_task()
        shown = told.wait_for(lambda line: line["entity"]["taskARN"] == task)
        stack.redis.kill()
        shutil.rmtree(stack.dir / "redis")
        (stack.dir / "redis").mkdir()
        stack.redis.start()
        assert silent.wait_end(20) == BROKEN
        assert told.wait_end(20) == COMPLETE
        assert told.lines[-1]["error"] == "behind"
    eventually(stack.blox.is_ready, 20)
    for name in ("after", "entityVersion"):
        refused(stack.blox.state.get(f"{TASKS}?{name}={version(shown)}"), OUT_OF_RANGE)
    with cluster.stream(query=f"snapshot=true&cluster={cluster.name}") as stream:
        stream.wait_for(is_bookmark)


@pytest.mark.stack(n_reconcilers=0, n_api=1)
def test_only_so_many_different_queries_are_watched(stack):
    """Each may cost all streams of the worker something at every change. Equal ones count once, and filters not at all."""

    def watch(n):
        return Stream(stack.blox.state, f"{INSTANCES}?query=attribute:rack=={n}", read=False)

    def streams():
        return Scrape(stack.api[0].monitor_url()).sum("blox_streams")

    watched = [watch(n // 2) for n in range(511)]
    eventually(lambda: streams() == 511, 20, "all of them")
    refused = watch(256)
    assert (refused.status, refused.error) == (503, "Too many different queries are watched: try again later\n")
    assert refused.headers["Retry-After"] == "1"
    with Stream(stack.blox.state, INSTANCES + "?status=active") as other:
        assert other.status == 200
    for stream in watched[:2]:
        stream.close()
    eventually(lambda: watch(256).status == 200, 10, "room for another")
    for stream in watched[2:]:
        stream.close()
