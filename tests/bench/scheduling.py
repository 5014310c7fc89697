"""How fast the scheduler is: instances that join, deployments to many."""

import statistics
import time

import measure
from harness import eventually
from world import deploy, fleet, quiet, CLUSTER


def reaction(results):
    """A new instance registers; StartTask arrives."""
    with_stack = quiet().start()
    try:
        fleet(with_stack, 5)
        deploy(with_stack)
        eventually(lambda: len(with_stack.sim.live_tasks(CLUSTER)) == 5, 30)
        taken = []
        for _ in range(200):
            before = with_stack.sim.last_call()
            answer = with_stack.sim.call("POST", "instances", {"cluster": CLUSTER})
            arn = answer["containerInstanceArns"][0]
            call = eventually(
                lambda: next(
                    (c for c in with_stack.sim.calls("StartTask", before) if arn in c["instanceArns"]), None
                ),
                30,
                f"a StartTask for {arn}",
            )
            taken.append((call["mono_us"] - answer["mono_us"]) / 1000)
        results.add("instance registered -> StartTask, p50", statistics.median(taken), "ms", "<= 20", samples=200)
        results.add(
            "instance registered -> StartTask, p99", measure.percentile(taken, 99), "ms", "<= 150", samples=200
        )
    finally:
        with_stack.stop(check=False)


def deployment(results):
    """1,000 instances, 20 ms of AWS latency; all have been asked for a task, none has two."""
    taken, doubled = [], 0
    for _ in range(3):
        stack = quiet(latency_ms=20).start()
        try:
            arns = set(fleet(stack, 1000))
            eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == 1000, 60)
            before = stack.sim.last_call()
            began = time.monotonic()
            deploy(stack)
            calls = eventually(lambda: calls_for_all(stack, before, arns), 60, "a StartTask for every instance")
            taken.append(max(call["mono_us"] for call in calls) / 1e6 - began)
            eventually(lambda: stack.blox.deployments("agents")[0]["status"] == "completed", 60)
            started = [t["instance"] for t in stack.sim.tasks(CLUSTER)]
            doubled += len(started) - len(set(started))
        finally:
            stack.stop(check=False)
    results.add("deployment created -> StartTask for all of 1,000", max(taken), "s", "<= 1", samples=3)
    results.add("... instances that got two tasks", doubled, "", "0", samples=3)


def calls_for_all(stack, before, arns):
    calls = stack.sim.calls("StartTask", before)
    return calls if {arn for call in calls for arn in call["instanceArns"]} >= arns else None
