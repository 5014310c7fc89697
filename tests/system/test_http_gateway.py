"""nginx' server for a load balancer: both APIs on one port by path, and nothing else."""

import subprocess

import pytest

from harness import TOP, free_port
from raw_http import ask

MISS = (404, "404 page not found\n")
ARN = "arn:aws:ecs:us-east-1:123456789012:task/prod/0f2c8e3a55aa4f5b8e2f3a6d1c2b4e5f"


@pytest.fixture
def gateway(shared):
    return shared.blox.gateway


def same(one, other):
    return (one.status, one.text, one.getheader("Content-Type")) == (
        other.status,
        other.text,
        other.getheader("Content-Type"),
    )


@pytest.mark.parametrize(
    "method, target",
    [
        ("GET", "/v1/ping"),
        ("GET", "/v1/environments"),
        ("GET", "/v1/environments?cluster=none"),
        ("POST", "/v1/environments"),
        ("GET", "/v1/environments/none"),
        ("DELETE", "/v1/environments/none"),
        ("POST", "/v1/environments/none/deployments?deploymentToken=00000000-0000-4000-8000-000000000000"),
        ("GET", "/v1/environments/none/deployments"),
        ("GET", "/v1/environments/none/deployments/none"),
        ("GET", "/v1/environments/a%20b%2Fc"),
        ("GET", "/v1/environments//x"),
        ("GET", "/v1/environments/x/"),
    ],
)
def test_the_scheduler_s_paths_go_to_the_scheduler(shared, gateway, method, target):
    assert same(ask(gateway, method, target), ask(shared.blox.scheduler, method, target))


@pytest.mark.parametrize(
    "method, target",
    [
        ("GET", "/v1/clusters?cluster=none"),
        ("GET", "/v1/tasks?cluster=none"),
        ("HEAD", "/v1/tasks?cluster=none"),
        ("GET", "/v1/tasks?cluster=none&status=nothing"),
        ("GET", f"/v1/tasks/prod/{ARN}"),
        ("GET", f"/v1/tasks/prod/{ARN.replace('/', '%2F').replace(':', '%3A')}"),
        ("GET", "/v1/instances?cluster=none"),
        ("GET", f"/v1/instances/prod/{ARN.replace(':task/', ':container-instance/')}"),
        ("POST", "/v1/reconcile?cluster=none"),
    ],
)
def test_the_cluster_state_s_paths_go_there(shared, gateway, method, target):
    assert same(ask(gateway, method, target), ask(shared.blox.state, method, target))


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_load_balancer_asks_by_address(shared, gateway, path):
    for host in ("10.0.1.17:8080", "anything.example"):
        response = ask(gateway, "GET", path, headers={"Host": host})
        assert (response.status, response.text) == (200, "ok\n")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/metrics",
        "/v1",
        "/v1/",
        "/v1/stream/tasks",
        "/v1/stream/instances?snapshot=true",
        "/v1/tasks/../stream/tasks",
        "/v1/tasks/%2e%2e/stream/tasks",
        "/v1/tasks%2F..%2Fstream%2Ftasks",
        "//v1/stream/tasks",
        "/livez/",
        "/nginx-error/500",
        "/V1/tasks",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_is_there(gateway, method, target):
    response = ask(gateway, method, target, headers={"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListTasks"})
    assert (response.status, response.text) == MISS
    assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert response.getheader("X-Request-Id")


def test_no_spelling_of_a_path_reaches_a_stream(gateway):
    """Where nginx reads a path otherwise than a worker, the worker answers a redirect at most."""
    for target in ("/v1/tasks#/../stream/tasks", "/v1/tasks/%252e%252e/stream/tasks", "/v1/tasks/..;/stream/tasks"):
        response = ask(gateway, "GET", target)
        assert response.status in (301, 400, 404), target


def test_answers_are_never_compressed(shared, gateway):
    headers = {"Accept-Encoding": "gzip"}
    assert gateway.get("/v1/tasks", headers=headers).headers.get("Content-Encoding") is None


def test_the_body_has_the_same_limit(gateway):
    assert gateway.post("/v1/environments", data=b"x" * 65537).status_code == 413


def test_without_the_option_there_is_no_such_server(tmp_path):
    """Also where there was one before."""
    argv = [TOP / "nginx" / "prepare", "--prefix", tmp_path / "p", "--socket-dir", tmp_path]
    ports = ["--scheduler", f"127.0.0.1:{free_port()}", "--state", f"127.0.0.1:{free_port()}"]
    for more, there in ((["--gateway", f"127.0.0.1:{free_port()}"], True), ([], False)):
        subprocess.run([*argv, *ports, *more], check=True)
        nginx = ["/usr/sbin/nginx", "-e", "stderr", "-p", tmp_path / "p", "-c", "nginx.conf", "-T"]
        done = subprocess.run(nginx, check=True, capture_output=True, text=True)
        assert ("server_name gateway" in done.stdout) == there
