"""blox-probe against answers of every kind, and none: what a container's health check goes by."""

import socket
import subprocess
import threading
import time

import pytest

from harness import BUILD, free_port


def probe(*arguments, **environment):
    return subprocess.run(
        [BUILD / "blox-probe", *arguments], capture_output=True, text=True, timeout=60, env=environment or None
    )


@pytest.fixture
def peer():
    """A server which sends what it was given to each client, then closes; None: it says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests, kept = [], []

    def serve(answer):
        def accept():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # the end of the test
                requests.append(client.recv(65536).decode())
                if answer is None:
                    kept.append(client)
                else:
                    client.sendall(answer.encode())
                    client.close()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    serve.requests = requests
    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for client in kept:
        client.close()


def answer(status, body="", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "299 Whatever"])
def test_a_2xx_is_healthy_and_says_nothing(peer, status):
    done = probe(peer(answer(status)) + "/readyz?verbose")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (request,) = peer.requests
    assert request.startswith("GET /readyz?verbose HTTP/1.1\r\n") and "User-Agent: blox-probe/" in request


@pytest.mark.parametrize("status", ["101 Switching", "302 Found", "404 Not Found", "503 Service Unavailable"])
def test_any_other_is_not_and_is_told(peer, status):
    url = peer(answer(status, "" if status[0] == "1" else "view: not loaded\nmore", "Location: /elsewhere\r\n"))
    done = probe(url)
    assert done.returncode == 1 and not done.stdout and len(peer.requests) == 1  # no redirection is followed
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"blox-probe: {url}")
    if status[0] != "1":
        assert line.endswith(f"answers {status[:3]}: view: not loaded")


def test_what_a_peer_says_cannot_move_the_cursor(peer):
    done = probe(peer(answer("500 Oh", "\x1b[2Jgone" + "x" * 5000)))
    assert done.returncode == 1 and "?[2Jgone" in done.stderr and "\x1b" not in done.stderr
    assert len(done.stderr) < 400


def test_nobody_there():
    url = f"http://127.0.0.1:{free_port()}/"
    done = probe(url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert url in line and "connect" in line


@pytest.mark.parametrize("words", [None, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nless", "no HTTP at all\r\n\r\n"])
def test_silence_half_an_answer_and_nonsense(peer, words):
    url = peer(words)
    began = time.monotonic()
    done = probe(url)
    took = time.monotonic() - began
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    if words is None:
        assert 2.9 < took < 15  # the deadline is 3 s


def test_no_proxy_is_asked(peer):
    nobody = f"http://127.0.0.1:{free_port()}"
    assert probe(peer(answer("200 OK")), http_proxy=nobody, all_proxy=nobody, HTTP_PROXY=nobody).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("http://127.0.0.1/", "more"), ("ftp://127.0.0.1/",), ("127.0.0.1:80",), ("",)])
def test_wrong_arguments(arguments):
    done = probe(*arguments)
    assert done.returncode == 64 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert "http://" in line or "one URL" in line


def test_help_and_version():
    for flag, wanted in (("--help", "Usage: blox-probe URL"), ("--version", "blox-probe ")):
        done = probe(flag)
        assert done.returncode == 0 and not done.stderr and wanted in done.stdout


def test_the_programs_health_as_a_container_sees_it(shared):
    """The three listeners that containers are checked by."""
    assert probe(shared.api[0].monitor_url() + "/readyz").returncode == 0
    assert probe(shared.reconcilers[0].monitor_url() + "/livez").returncode == 0
    assert probe(f"http://127.0.0.1:{shared.state_port}/livez").returncode == 0
    assert probe(f"http://127.0.0.1:{shared.state_port}/v1/nothing").returncode == 1
