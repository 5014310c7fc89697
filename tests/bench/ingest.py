"""How many events are taken in, from the queue to what is served."""

import statistics
import time

import measure
from harness import eventually
from world import fleet, quiet, CLUSTER


def ingest(results):
    """20,000 events of tasks on 2,000 instances, from the storm's beginning to the last delete."""
    for sqs_latency_ms, target in ((0, 8000), (10, 2000)):
        rates = []
        for _ in range(3):
            stack = quiet(sqs_latency_ms=sqs_latency_ms).start()
            try:
                fleet(stack, 2000)
                eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == 2000, 120)
                eventually(lambda: queue_is_empty(stack), 60)
                eventually(lambda: "drift.pass" in stack.reconcilers[0].log(), 60, "the first drift pass")
                began = time.monotonic()
                storm = stack.sim.call("POST", "storm", {"cluster": CLUSTER, "tasks": 2000, "events": 20000})
                eventually(lambda: queue_is_empty(stack), 120)
                rates.append(storm["events"] / (time.monotonic() - began))
                compare_with_ecs(stack)
            finally:
                stack.stop(check=False)
        redis = redis_ceiling()
        results.add(
            f"ingest, {sqs_latency_ms} ms a call (ceiling: SET of 1,200 bytes, 10 at once)",
            statistics.median(rates),
            "events/s",
            f">= {target:,}",
            ceiling=redis,
            samples=3,
            smaller_is_better=False,
        )


def queue_is_empty(stack):
    queue = stack.sim.counters()["queues"]["blox"]
    return queue["visible"] + queue["inFlight"] + queue["delayed"] == 0


def compare_with_ecs(stack):
    """None lost: every task is known with the status ECS has."""

    def agrees():
        ours = {task["taskARN"]: task["lastStatus"] for task in stack.blox.tasks(cluster=CLUSTER)}
        theirs = {task["task"]: task["lastStatus"] for task in stack.sim.tasks(CLUSTER)}
        assert ours == theirs, f"{len(ours)} known, {len(theirs)} there"
        return True

    eventually(agrees, 10)


def redis_ceiling():
    stack = quiet()
    stack.redis.start()
    try:
        eventually(stack.redis_answers, 10)
        return measure.redis_commands_per_s(stack.redis_port, 10)
    finally:
        stack.stop(check=False)
