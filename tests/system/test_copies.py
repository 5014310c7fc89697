"""nginx' copies of large lists: sent only when a worker says of this very request that nothing has changed."""

import json
import time

import pytest

from harness import eventually

N = 400  # tasks: more than a list must have to be worth a copy
ALONE = pytest.mark.stack(n_api=1, n_reconcilers=1, duplicate=0, reorder=0)
PLAIN = {"Accept-Encoding": "identity"}
OWN = PLAIN | {"If-None-Match": '"other"'}  # who asks with a condition gets the worker's own answer


def get(stack, path, headers=PLAIN, method="GET"):
    """The answer, and what the worker said to nginx for it."""
    response = stack.blox.state.request(method, path, headers=headers)
    return response, said(stack, response.headers["X-Request-Id"])


def said(stack, request_id):
    log = stack.dir / "nginx" / "logs" / "access.log"
    lines = eventually(lambda: [line for line in log.read_text().splitlines() if request_id in line], 5, "a line in nginx' log")
    return int(json.loads(lines[0])["worker_status"])


def copied(stack, path):
    """An answer out of a copy, once nginx has one. (Every ten minutes they begin anew.)"""

    def answer():
        response, worker = get(stack, path)
        assert response.status_code == 200
        return response if worker == 304 else None

    return eventually(answer, 40, f"a copy of {path}")


@pytest.fixture
def path(stack):
    """A large list that does not change by itself."""
    stack.sim.create_cluster("large")
    stack.sim.add_instances("large", 4)
    stack.sim.add_tasks("large", count=N, events=True)
    eventually(lambda: len(stack.blox.tasks(cluster="large", status="running")) == N, 60)
    eventually(lambda: all(cluster["synced"] for cluster in stack.blox.clusters()), 20)
    last = None
    while last != (last := stack.redis_client().get("{blox}:revision")):
        time.sleep(0.7)
    return "/v1/tasks?cluster=large"


@ALONE
def test_a_copy_is_the_worker_s_answer(stack, path):
    own, worker = get(stack, path, OWN)
    assert worker == 200 and len(own.json()["items"]) == N
    copy = copied(stack, path)
    assert copy.content == own.content
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert copy.headers[name] == own.headers[name]
    assert "X-Accel-Expires" not in copy.headers
    assert int(copy.headers["X-Blox-Revision"]) <= int(own.headers["X-Blox-Revision"])
    # Compressed, conditional and HEAD requests are what they are without a copy.
    assert stack.blox.state.get(path, headers={"Accept-Encoding": "gzip"}).content == own.content
    for etag in (own.headers["ETag"], "W/" + own.headers["ETag"]):
        same, worker = get(stack, path, PLAIN | {"If-None-Match": etag})
        assert (same.status_code, same.content, worker) == (304, b"", 304)
    head, worker = get(stack, path, method="HEAD")
    assert (head.status_code, head.content, worker) == (200, b"", 200)
    assert head.headers["Content-Length"] == own.headers["Content-Length"]
    part, worker = get(stack, path + "&maxResults=1000")
    assert worker == 200 and len(part.json()["items"]) == N


@ALONE
def test_a_copy_is_never_old(stack, path):
    for _ in range(5):
        old = copied(stack, path)
        (task,) = stack.sim.add_tasks("large", count=1, events=True)
        new = eventually(lambda old=old: (answer := get(stack, path, OWN)[0]).content != old.content and answer, 10)
        assert task in new.text
        for _ in range(5):
            assert task in get(stack, path)[0].text
        eventually(lambda task=task: running(stack, task), 10)


def running(stack, arn):
    return any(t["taskARN"] == arn and t["lastStatus"] == "RUNNING" for t in stack.blox.tasks(cluster="large"))


@ALONE
def test_without_redis_the_age_is_told(stack, path):
    copied(stack, path)
    stack.redis.kill()
    aged = eventually(lambda: "X-Blox-Age-Ms" in (a := get(stack, path))[0].headers and a, 10)
    assert aged[1] == 200 and len(aged[0].json()["items"]) == N


@ALONE
def test_a_position_that_streams_can_go_on_from(stack, path):
    """A copy has the X-Blox-Revision it was made at: it is given up before the log could lose that."""
    copied(stack, path)
    redis = stack.redis_client()
    stack.sim.create_cluster("busy")
    stack.sim.add_instances("busy", 1)
    began = int(redis.get("{blox}:revision"))
    while int(redis.get("{blox}:revision")) - began < 5100:
        stack.sim.call("POST", "storm", {"cluster": "busy", "tasks": 100, "events": 2000})
        time.sleep(0.2)
    eventually(lambda: get(stack, path)[1] == 200, 10)
    fresh, worker = get(stack, path)
    assert worker == 200 and int(fresh.headers["X-Blox-Revision"]) >= began + 5000
