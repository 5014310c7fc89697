"""blox-api's processes: what survives the end of a worker, of Redis, of ECS, and what is refused."""

import os
import signal
import stat
import subprocess
import time

import pytest

import raw_fcgi
from harness import BUILD, Program, eventually
from prometheus import Scrape


@pytest.fixture
def cluster(stack):
    stack.sim.register_task_definition("http")
    return stack.sim.create_cluster("http")


@pytest.mark.stack(n_reconcilers=0)
def test_a_killed_worker_is_replaced(stack):
    for api in stack.api:
        (worker,) = api.children()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda api=api, worker=worker: api.children() not in ([], [worker]), 5)
    eventually(stack.blox.is_ready, 10)


@pytest.mark.stack(n_reconcilers=0)
def test_the_sockets_are_private_and_go_with_the_program(stack):
    api = stack.api[0]
    sockets = [stack.dir / api.name / f"{name}.sock" for name in ("scheduler", "state")]
    for path in sockets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert api.stop() == 0
    assert not any(path.exists() for path in sockets)


@pytest.mark.stack(n_reconcilers=0)
def test_a_second_supervisor_is_refused(stack):
    api = stack.api[0]
    second = subprocess.run(api.argv, env=stack.env, capture_output=True, text=True, timeout=60)
    assert second.returncode == 69
    assert str(api.pid) in second.stderr
    assert stack.blox.is_ready()


@pytest.mark.stack(n_reconcilers=0)
def test_sockets_of_a_killed_supervisor_are_taken_over(stack):
    for api in stack.api:
        workers = api.children()
        api.kill()
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), 10, "its workers' end")
        api.start()
    eventually(stack.blox.is_ready, 10)


@pytest.mark.stack(n_reconcilers=0)
def test_a_file_in_the_place_of_a_socket_is_left_alone(stack):
    directory = stack.dir / "occupied"
    directory.mkdir()
    (directory / "state.sock").write_text("precious")
    argv = [BUILD / "blox-api", "--redis-url", stack.redis_url, "--socket-dir", directory]
    done = subprocess.run(argv, env=stack.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 64
    assert "state.sock" in done.stderr
    assert (directory / "state.sock").read_text() == "precious"


@pytest.mark.stack(n_reconcilers=0)
def test_before_the_first_load_only_ping_answers(stack):
    stack.redis.stop()
    for api in stack.api:
        assert api.stop() == 0
        api.start()
    eventually(lambda: stack.blox.scheduler.get("/v1/ping").status_code == 200, 10)
    for response in (stack.blox.scheduler.get("/v1/environments"), stack.blox.state.get("/v1/tasks")):
        assert response.status_code == 503
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert int(response.headers["Retry-After"]) > 0
    assert stack.blox.state.get("/livez").text == "ok\n" and stack.blox.state.get("/readyz").status_code == 503
    stack.redis.start()
    eventually(stack.blox.is_ready, 20)


@pytest.mark.parametrize("hangs", [False, True], ids=["killed", "hanging"])
def test_without_redis_users_are_told_and_entities_are_shown_with_their_age(stack, cluster, hangs):
    stack.blox.create_environment("kept", cluster, "http")
    stack.sim.add_instances("http", 1)
    eventually(lambda: stack.blox.instances(cluster="http"), 10)
    if hangs:
        os.kill(stack.redis.pid, signal.SIGSTOP)
    else:
        stack.redis.kill()
    for request in (
        lambda: stack.blox.scheduler.get("/v1/environments/kept"),
        lambda: stack.blox.scheduler.get("/v1/environments"),
        lambda: stack.blox.scheduler.delete("/v1/environments/kept"),
        lambda: stack.blox.post_environment("new", cluster, "http"),
    ):
        began = time.monotonic()
        response = request()
        assert (response.status_code, response.text) == (500, "Server Error\n")
        assert time.monotonic() - began < 13  # five on a machine of one's own; nginx would wait for 20
    wish = stack.blox.state.post("/v1/reconcile?cluster=http")
    assert wish.status_code == 503 and "try again" in wish.json()["detail"]
    assert stack.blox.scheduler.get("/v1/ping").status_code == 200

    def old():
        response = stack.blox.state.get("/v1/instances?cluster=http")
        assert response.status_code == 200 and len(response.json()["items"]) == 1
        return int(response.headers.get("X-Blox-Age-Ms", 0)) >= 2000

    eventually(old, 10)
    eventually(lambda: all("view.redis-away" in api.log() for api in stack.api), 10)
    if hangs:
        os.kill(stack.redis.pid, signal.SIGCONT)
    else:
        stack.redis.start()
    eventually(lambda: stack.blox.environment("kept"), 20)
    eventually(lambda: all("view.redis-back" in api.log() for api in stack.api), 10)
    eventually(lambda: "X-Blox-Age-Ms" not in stack.blox.state.get("/v1/instances").headers, 10)


@pytest.mark.stack(n_reconcilers=0)
@pytest.mark.parametrize(
    "fault, status, text",
    [
        ({"kind": "throttle"}, 503, "ECS is busy: try DescribeClusters again later\n"),
        ({"kind": "error500"}, 503, "ECS is not available: try DescribeClusters again later\n"),
    ],
    ids=["throttled", "broken"],
)
def test_a_failing_ecs_is_not_the_clients_fault(stack, cluster, fault, status, text):
    stack.sim.fault(operation="DescribeClusters", **fault)
    began = time.monotonic()
    response = stack.blox.post_environment("new", cluster, "http")
    assert (response.status_code, response.text) == (status, text)
    assert int(response.headers["Retry-After"]) > 0
    assert time.monotonic() - began < 18  # ten on a machine of one's own; nginx would wait for 20


@pytest.mark.stack(n_reconcilers=0)
def test_an_unreachable_ecs(stack, cluster):
    stack.aws.stop()
    response = stack.blox.post_environment("new", cluster, "http")
    assert (response.status_code, response.text) == (503, "ECS is not available: try DescribeClusters again later\n")


@pytest.mark.stack(n_reconcilers=0)
def test_requests_under_way_are_finished_at_a_stop(stack, cluster):
    """A create which waits for ECS gets its answer although its worker was told to stop."""
    stack.sim.set(latencyMs=3000)
    client = Program(
        "client",
        stack.dir,
        ["curl", "-s", "-w", "%{http_code}", "-d", '{"name":"late","instanceGroup":{"cluster":"http"},'
         '"taskDefinition":"http"}', stack.blox.scheduler.url + "/v1/environments"],
    ).start()
    in_progress = [api.monitor_url() for api in stack.api]
    eventually(lambda: sum(Scrape(url).sum("blox_http_requests_in_progress") for url in in_progress) == 1, 10)
    assert [api.stop() for api in stack.api] == [0, 0]
    assert client.process.wait(60) == 0
    assert client.log().endswith("200")


def test_a_worker_does_not_rely_on_nginx(shared):
    """It has its own limit for bodies, and survives a peer which says nothing."""
    path = shared.dir / shared.api[0].name / "scheduler.sock"
    create = {"REQUEST_METHOD": "POST", "REQUEST_URI": "/v1/environments"}
    assert raw_fcgi.ask(path, create, b"x" * 65536)[0] == 400
    assert raw_fcgi.ask(path, create, b"x" * 65537) == (413, "413 Request Entity Too Large\n")
    assert raw_fcgi.ask(path, create, b"x" * 200000)[0] == 413
    assert raw_fcgi.ask(path, {}) == (400, "400 Bad Request")


@pytest.mark.stack(n_reconcilers=0)
def test_a_signal_which_libfcgi_would_take_for_a_stop(stack):
    """SIGUSR1 ends a worker, as it does any program; it must not leave one that answers nothing."""
    api = stack.api[0]
    (worker,) = api.children()
    os.kill(worker, signal.SIGUSR1)
    eventually(lambda: api.children() not in ([], [worker]), 5)
    ping = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/v1/ping"}
    assert raw_fcgi.ask(stack.dir / api.name / "scheduler.sock", ping) == (200, "")
