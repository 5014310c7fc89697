"""How much nginx takes on at once: of lists and of streams, from one address, and for its memory."""

import os
import re
import socket
import subprocess

import pytest

from harness import TOP, Program, eventually, free_port
from raw_fcgi import END, STDOUT, record
from stories import restart_nginx
from stream_client import TASKS, Stream

HELD = b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"  # nginx waits for the body


def limits(directory, *options):
    """What nginx/prepare writes: how many of each."""
    argv = [TOP / "nginx" / "prepare", "--prefix", directory / "nginx", "--socket-dir", directory, *options]
    subprocess.run(list(map(str, argv)), check=True)
    text = (directory / "nginx" / "param" / "limits.conf").read_text()
    return {zone: int(n) for zone, n in re.findall(r"limit_conn (\w+) (\d+);", text)}


def from_address(stack, address, request):
    client = socket.create_connection(("127.0.0.1", stack.state_port), timeout=60, source_address=(address, 0))
    client.sendall(request)
    return client


def status(stack, address, path):
    with from_address(stack, address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as client:
        return int(client.recv(12)[9:])


def refused(response):
    assert (response.status_code, response.text) == (503, "503 Service Unavailable\n")
    assert response.headers["Retry-After"] == "1"


def answer(worker, n_records):
    """What a worker does: takes one request, and writes an answer of so many records of 60 kB. True when all is written."""
    connection, _ = worker.accept()
    with connection:
        connection.settimeout(10)
        connection.recv(65536)
        connection.sendall(record(STDOUT, b"Content-Type: application/json\r\n\r\n"))
        piece = record(STDOUT, b"x" * 60_000)
        try:
            for _ in range(n_records):
                connection.sendall(piece)
            connection.sendall(record(STDOUT) + record(END, bytes(8)))
        except TimeoutError:
            return False
        return True


def test_a_client_that_does_not_read_holds_no_thread_of_a_worker(tmp_path):
    """Nor does one of a list of 100,000 tasks, 110 MB. Some tens of them held up the whole API while nginx took 64."""
    port = free_port()
    limits(tmp_path, "--state", f"127.0.0.1:{port}", "--scheduler", f"127.0.0.1:{free_port()}", "--processes", 1)
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(tmp_path / "state.sock"))
        worker.listen()
        worker.settimeout(10)
        (tmp_path / "state.sock").chmod(0o666)
        prefix = tmp_path / "nginx"
        env = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"}
        nginx = Program("nginx", tmp_path, ["nginx", "-e", "stderr", "-p", prefix, "-c", "nginx.conf"], env).start()
        try:
            with eventually(lambda: connect(port), 20) as client:
                client.sendall(b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\n\r\n")
                assert answer(worker, 110_000_000 // 60_000)
        finally:
            nginx.stop()


def connect(port):
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=10)
    except OSError:
        return None


@pytest.mark.stack(n_reconcilers=0, n_api=1)
def test_streams_above_the_limit_are_told_to_come_back(stack):
    restart_nginx(stack, streams=3)
    streams = [Stream(stack.blox.state, TASKS) for _ in range(3)]
    assert [stream.status for stream in streams] == [200] * 3
    refused(stack.blox.state.get(TASKS))
    assert stack.blox.state.get("/v1/tasks").status_code == 200
    streams.pop().close()
    eventually(lambda: status(stack, "127.0.0.1", TASKS) == 200, 10, "room for another")
    for stream in streams:
        stream.close()


@pytest.mark.stack(n_reconcilers=0, n_api=1)
def test_one_address_does_not_get_all_streams(stack):
    restart_nginx(stack, streams_of_address=2)
    with Stream(stack.blox.state, TASKS), Stream(stack.blox.state, TASKS):
        refused(stack.blox.state.get(TASKS))
        assert status(stack, "127.0.0.2", TASKS) == 200
        assert stack.blox.state.get("/v1/tasks").status_code == 200


@pytest.mark.stack(n_reconcilers=0, n_api=1)
def test_lists_are_counted_apart(stack):
    """On both ports together; what is no list still finds its place."""
    restart_nginx(stack, large_lists=1)
    with from_address(stack, "127.0.0.1", HELD):
        for server, path in ((stack.blox.state, "/v1/tasks"), (stack.blox.gateway, "/v1/instances?status=active")):
            eventually(lambda: server.get(path).status_code == 503, 10)
            refused(server.get(path))
        assert stack.blox.state.get("/v1/clusters").status_code == 200
        assert stack.blox.state.get("/v1/tasks/prod/arn").status_code != 503
        assert status(stack, "127.0.0.1", TASKS) == 200
    eventually(lambda: stack.blox.state.get("/v1/tasks").status_code == 200, 10)


def test_limits_are_parameters(tmp_path):
    usual = limits(tmp_path)
    assert usual == {
        "requests": 1000,
        "requests_of_address": 500,
        "large_lists": 250,
        "streams": 5000,
        "streams_of_address": 4500,
    }
    own = limits(tmp_path, "--requests", 100, "--lists", 20, "--streams=300", "--address-streams", 300)
    assert list(own.values()) == [100, 50, 20, 300, 300]
    assert limits(tmp_path, "--streams", 1)["streams_of_address"] == 1


def test_memory_bounds_them(tmp_path):
    """As it was tried with nginx in a control group of 96 MiB: with these it was not killed, with the usual ones it was."""
    small, medium, plenty = (limits(tmp_path, "--memory", mib) for mib in (96, 256, 8192))
    assert (small["requests"], small["large_lists"], small["streams"]) == (180, 38, 236)
    assert all(small[zone] < medium[zone] < plenty[zone] for zone in small)
    assert plenty == limits(tmp_path)
    assert all(n > 0 for n in limits(tmp_path, "--memory", 1).values())
    assert limits(tmp_path, "--memory", 96, "--streams", 5000)["streams"] == 5000


@pytest.mark.parametrize("value", ["0", "-1", "many", "1;", "65536", "9" * 30, "1 2"])
def test_limits_that_are_none_are_refused(tmp_path, value):
    argv = [TOP / "nginx" / "prepare", "--prefix", tmp_path / "nginx", "--socket-dir", tmp_path, "--streams", value]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 64 and "want a whole number from 1 to 65535" in done.stderr
