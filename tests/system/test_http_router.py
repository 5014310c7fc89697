"""Which path reaches what: the redirects and misses of v0.3.0, through nginx, byte by byte."""

import urllib.parse

import pytest

from raw_http import ask

MISS = (404, "404 page not found\n")
ARN = "arn:aws:ecs:us-east-1:123456789012:task/0f2c8e3a-55aa-4f5b-8e2f-3a6d1c2b4e5f"
LONG_ARN = "arn:aws:ecs:us-east-1:123456789012:task/prod/0f2c8e3a55aa4f5b8e2f3a6d1c2b4e5f"
TOKEN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def scheduler(shared):
    return shared.blox.scheduler


@pytest.fixture
def state(shared):
    return shared.blox.state


@pytest.mark.parametrize(
    "target, location",
    [
        ("//v1/ping", "/v1/ping"),
        ("/v1//ping", "/v1/ping"),
        ("/v1%2F%2Fping", "/v1/ping"),
        ("/v1/./ping", "/v1/ping"),
        ("/v1/ping/.", "/v1/ping"),
        ("/v1/%2e/ping", "/v1/ping"),
        ("/v1/x/../ping", "/v1/ping"),
        ("/v1/x/%2e%2E/ping", "/v1/ping"),
        ("/v1/environments/..", "/v1"),
        ("/nowhere//", "/nowhere/"),
        ("/v1//environments?cluster=a%20b&c=%2F", "/v1/environments?cluster=a%20b&c=%2F"),
        ("/v1//a%20%C3%A4%3F", "/v1/a%20%C3%A4%3F"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unclean_path_is_redirected(scheduler, method, target, location):
    response = ask(scheduler, method, target)
    assert (response.status, response.getheader("Location"), response.text) == (301, location, "")
    assert response.getheader("Content-Type") is None


@pytest.mark.parametrize(
    "target, location",
    [
        ("/v1/ping/", "/v1/ping"),
        ("/v1/ping%2F", "/v1/ping"),
        ("/v1/environments/?cluster=x", "/v1/environments?cluster=x"),
        ("/v1/environments/a%20b/", "/v1/environments/a%20b"),
        ("/v1/environments/a/deployments/b/", "/v1/environments/a/deployments/b"),
    ],
)
def test_a_trailing_slash_is_redirected(scheduler, target, location):
    response = ask(scheduler, "GET", target)
    assert (response.status, response.getheader("Location")) == (301, location)
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    assert response.text == f'<a href="{location}">Moved Permanently</a>.\n\n'


def test_a_trailing_slash_behind_an_arn(state):
    response = ask(state, "GET", f"/v1/tasks/prod/{ARN}/")
    assert (response.status, response.getheader("Location")) == (301, f"/v1/tasks/prod/{ARN}")
    assert ask(state, "GET", "/v1/tasks/prod/nonsense/").status == 404


def test_a_trailing_slash_on_a_write_is_served(scheduler):
    """A redirect would make most clients turn their POST into a GET."""
    response = ask(scheduler, "POST", "/v1/environments/", body="{}")
    assert (response.status, response.text[:23]) == (400, "validation failure list")
    assert ask(scheduler, "DELETE", "/v1/environments/never-was/").status == 200


@pytest.mark.parametrize(
    "method, target",
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v1/environment"),
        ("GET", "/v1/environments/a/b"),
        ("GET", "/v1/tasks"),
        ("DELETE", "/v1/environments"),
        ("DELETE", "/v1/environments/"),
        ("PUT", "/v1/environments/a"),
        ("OPTIONS", "/v1/ping"),
        ("TRACE", "/v1/ping"),
        ("HEAD", "/v1/nothing"),
        ("POST", "/v1/ping"),
        ("POST", "/v1/environments/a/deployments"),
        ("POST", "/v1/environments/a/deployments/"),
        ("POST", f"/v1/environments/a/deployments?deploymentToken=x{TOKEN}"),
        ("POST", f"/v1/environments/a/deployments?deploymentToken={TOKEN}%0A"),
        ("POST", f"/v1/environments/a/deployments?deploymentToken=x&deploymentToken={TOKEN}"),
        ("POST", f"/v1/environments/a/deployments?deploymenttoken={TOKEN}"),
        ("GET", "/v1/;a"),
        ("GET", "/nginx-error/404"),
    ],
)
def test_what_the_scheduler_does_not_know(scheduler, method, target):
    response = ask(scheduler, method, target)
    assert (response.status, response.text or MISS[1]) == MISS
    assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Allow") is None


@pytest.mark.parametrize(
    "target",
    [
        "/v1/ping",
        "/v1/environments",
        "/v1/stream",
        "/v1/stream/",
        "/v1/tasks/prod",
        "/v1/tasks/prod/nonsense",
        f"/v1/tasks/p/{ARN}",
        f"/v1/tasks/1prod/{ARN}",
        f"/v1/tasks/{ARN}/{ARN}",
        f"/v1/tasks/prod/{ARN}%0A",
        f"/v1/instances/prod/{ARN}",
        f"/v1/tasks/prod/{ARN.replace('task/', 'container-instance/')}",
    ],
)
def test_what_the_cluster_state_service_does_not_know(state, target):
    response = ask(state, "GET", target)
    assert (response.status, response.text) == MISS


@pytest.mark.parametrize(
    "target",
    [
        f"/v1/tasks/prod/{ARN}",
        f"/v1/tasks/prod/{ARN.replace('/', '%2F')}",
        f"/v1/tasks/prod/{LONG_ARN}",
        f"/v1/tasks/prod/{LONG_ARN.replace('aws:', 'aws-us-gov:', 1)}",
        f"/v1/tasks/prod/{ARN}?anything=goes",
    ],
)
def test_an_arn_in_a_path(state, target):
    response = ask(state, "GET", target)
    assert (response.status, response.text) == (404, "Task not found\n")


@pytest.mark.parametrize("target", ["/v1/%zz", "/v1/%", "/v1/environments/a%00b", "/v1/environments?cluster=%00"])
def test_a_broken_escape(scheduler, target):
    response = ask(scheduler, "GET", target)
    assert (response.status, response.text) == (400, "400 Bad Request")
    assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert response.getheader("X-Content-Type-Options") is None


def test_a_path_above_the_root(scheduler):
    """v0.3.0 redirected it; nginx refuses it."""
    assert ask(scheduler, "GET", "/../v1/ping").status == 400


def test_a_path_of_7000_characters(scheduler):
    name = "x" * 7000
    response = ask(scheduler, "GET", f"/v1/environments/{name}")
    assert (response.status, response.text) == (404, f"Environment {name} does not exist\n")


@pytest.mark.parametrize("name", ["a b<&>\"'", "ä", "a;b=c", "%s%n"])
def test_a_name_in_a_path_is_decoded(scheduler, name):
    response = ask(scheduler, "GET", "/v1/environments/" + urllib.parse.quote(name, safe=""))
    assert (response.status, response.text) == (404, f"Environment {name} does not exist\n")


@pytest.mark.parametrize("target", ["/v1/ping", "/v1/environments", "/v1/environments/never-was", "/v1/ping/"])
def test_head_is_get_without_the_body(scheduler, target):
    head, get = ask(scheduler, "HEAD", target), ask(scheduler, "GET", target)
    varying = {"Date", "X-Request-Id", "X-Blox-Revision"}

    def headers(response):
        return sorted((k, v) for k, v in response.getheaders() if k not in varying)

    assert (head.status, headers(head), head.text) == (get.status, headers(get), "")
