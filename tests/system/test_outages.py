"""What clients and daemons notice when Redis, AWS or an API worker goes away: a clear answer in time, nothing lost."""

import os
import shutil
import signal
import threading
import time

import pytest
import requests

from harness import START_S, eventually
from stories import CLUSTER, DAEMON, assert_sound, covered, deploy, wait_until_covered, wait_until_seen

ANSWER_S = 5  # the longest a client waits for "no" when Redis is away
WITHOUT_AWS_S = 10  # and when AWS is
LATE_S = 8  # what a busy machine adds; nginx would end a request after 20 s


def timed(request):
    began = time.monotonic()
    response = request()
    return response, time.monotonic() - began


class Load:
    """A client that keeps asking, in a thread of its own, and remembers what it was told."""

    def __init__(self, ask):
        self.ask = ask
        self.answers = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        number = 0
        while not self.ending.is_set():
            number += 1
            began = time.monotonic()
            try:
                status = self.ask(number).status_code
            except requests.RequestException as error:
                status = type(error).__name__
            self.answers.append((number, status, time.monotonic() - began))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def count(self, status):
        return sum(1 for answer in self.answers if answer[1] == status)


# ---- Redis -----------------------------------------------------------------------------------


def test_redis_restarted_under_load_loses_nothing_that_was_promised(stack):
    instances, _ = deploy(stack, 20)
    wait_until_covered(stack, instances, 10)
    with Load(lambda n: stack.blox.post_environment(f"load-{n}", CLUSTER, "load")) as writes:
        stack.sim.register_task_definition("load")
        with Load(lambda n: stack.blox.state.get(f"/v1/tasks?cluster={CLUSTER}")) as reads:
            for _ in range(2):
                eventually(lambda: writes.count(200) > 5, 20)
                instances += stack.sim.add_instances(CLUSTER, 20)
                stack.redis.kill()
                stack.redis.start()
                eventually(stack.redis_answers, START_S)
                promised = writes.count(200)
                eventually(lambda: writes.count(200) > promised + 5, 30, "writes after the restart")
    assert reads.count(200) == len(reads.answers)
    assert {status for _, status, _ in writes.answers} <= {200, 400, 500}
    assert max(took_s for _, _, took_s in writes.answers) < ANSWER_S + LATE_S
    found = {environment["name"] for environment in stack.blox.environments()}
    assert {f"load-{n}" for n, status, _ in writes.answers if status == 200} <= found
    wait_until_covered(stack, instances, 90)


def test_an_empty_redis_stops_nothing(stack):
    """All keys are gone: that is a loss, and not the wish for no daemons."""
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 10)
    stack.redis.kill()
    shutil.rmtree(stack.dir / "redis" / "appendonlydir")
    stack.redis.start()
    eventually(lambda: len(stack.blox.instances(cluster=CLUSTER, status="active")) == 5, 60, "a drift pass")
    wait_until_seen(stack, instances, 30)
    assert_sound(stack, instances)
    assert not stack.sim.calls("StopTask")


def test_an_older_redis_starts_no_second_task(stack):
    """A backup comes back that does not know half of the tasks."""
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 10)
    wait_until_seen(stack, instances)
    data = stack.dir / "redis" / "appendonlydir"
    stack.redis.stop()
    shutil.copytree(data, stack.dir / "backup")
    stack.redis.start()
    instances += stack.sim.add_instances(CLUSTER, 5)
    eventually(lambda: covered(stack) == sorted(instances), 40)
    stack.redis.kill()
    shutil.rmtree(data)
    shutil.copytree(stack.dir / "backup", data)
    stack.redis.start()
    wait_until_seen(stack, instances, 60)
    instances += stack.sim.add_instances(CLUSTER, 1)  # placed, so the others were looked at
    wait_until_covered(stack, instances, 60)


# ---- AWS -------------------------------------------------------------------------------------


def test_without_aws_what_is_known_is_served_and_a_create_is_refused_in_time(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, 10)
    wait_until_seen(stack, instances)
    stack.sim.fault("close", operation="*")
    response, took_s = timed(lambda: stack.blox.post_environment("other", CLUSTER, DAEMON))
    assert response.status_code in (500, 503) and took_s < WITHOUT_AWS_S + LATE_S
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert stack.blox.environment(DAEMON)["name"] == DAEMON
    wait_until_seen(stack, instances, within_s=2)
    assert all(program.runs() for program in stack.reconcilers)

    stack.sim.no_faults()
    stack.blox.create_environment("other", CLUSTER, DAEMON)
    instances += stack.sim.add_instances(CLUSTER, 2)
    wait_until_covered(stack, instances, 60)


def test_an_aws_that_hangs_makes_nobody_hang(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, 10)
    wait_until_seen(stack, instances)
    os.kill(stack.aws.pid, signal.SIGSTOP)
    try:
        response, took_s = timed(lambda: stack.blox.post_environment("other", CLUSTER, DAEMON))
        assert response.status_code in (500, 503) and took_s < WITHOUT_AWS_S + LATE_S
        wait_until_seen_without_sim = stack.blox.tasks(cluster=CLUSTER, status="running")
        assert len(wait_until_seen_without_sim) == 3
    finally:
        os.kill(stack.aws.pid, signal.SIGCONT)
    instances += stack.sim.add_instances(CLUSTER, 2)
    wait_until_covered(stack, instances, 90)


@pytest.mark.stack(queue="not-yet", n_reconcilers=1)
def test_a_missing_queue_is_named_and_waited_for(stack):
    (reconciler,) = stack.reconcilers
    sqs = stack.aws_client("sqs")
    reconciler.stop()
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="not-yet")["QueueUrl"])
    begin = len(reconciler.log())
    reconciler.start()
    eventually(lambda: "not-yet" in reconciler.log()[begin:], 15, "the queue's name in the log")
    sqs.create_queue(QueueName="not-yet")
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, 60)
    wait_until_seen(stack, instances, 60)


# ---- API workers -----------------------------------------------------------------------------


@pytest.mark.stack(n_api=1, workers=2)
def test_an_api_worker_killed_under_load_costs_only_its_own_requests(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, 10)
    (api,) = stack.api
    paths = (f"/v1/environments/{DAEMON}", "/v1/ping", "/v1/environments")
    with Load(lambda n: stack.blox.scheduler.get(paths[n % 3])) as one:
        with Load(lambda n: stack.blox.state.get(f"/v1/tasks?cluster={CLUSTER}")) as other:
            for _ in range(4):
                workers = eventually(lambda: len(api.children()) == 2 and api.children(), 10)
                asked = len(one.answers)
                eventually(lambda: len(one.answers) > asked + 20, 10)
                os.kill(workers[0], signal.SIGKILL)
                eventually(lambda: workers[0] not in api.children() and len(api.children()) == 2, 10, "a new worker")
    for load in (one, other):
        assert {status for _, status, _ in load.answers} <= {200, 502}
        assert load.count(502) <= 4  # at most the one request each dead worker held
        assert max(took_s for _, _, took_s in load.answers) < ANSWER_S + LATE_S
