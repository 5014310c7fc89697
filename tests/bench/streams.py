"""How soon a stream tells what happened, and what streams cost."""

import statistics
import time

import measure
from harness import eventually
from world import fleet, quiet, CLUSTER


def reach(stack, clients, n_matching, n_events):
    """Milliseconds from n_events events in the queue to their lines on n_matching streams each."""
    taken = []
    for _ in range(n_events):
        (task,) = stack.sim.add_tasks(CLUSTER, count=1, events=True, startedBy="somebody")
        times = clients.arrivals(n_matching)
        queued = next(t["mono_us"] for t in reversed(stack.sim.history()) if t["task"] == task) / 1e6
        taken += [(at - queued) * 1000 for at in times]
    return taken


def streams(results):
    """From an event in SQS to the line, for one reader and for 1,000; memory of 4,000."""
    every, other = f"/v1/stream/tasks?cluster={CLUSTER}", "/v1/stream/tasks?startedBy=nobody"
    stack = quiet().start()
    clients = measure.StreamClients(stack.blox.state.url)
    try:
        fleet(stack, 10)
        eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == 10, 30)
        time.sleep(2)  # the first drift pass
        clients.open(1, every)
        reach(stack, clients, 1, 20)
        alone = reach(stack, clients, 1, 300)
        results.add("event in SQS -> line on the only stream, p50", statistics.median(alone), "ms", "<= 1.5", samples=300)
        clients.open(999, other)
        one = reach(stack, clients, 1, 300)
        results.add("... on one of 1,000 streams, p50", statistics.median(one), "ms", "<= 3", samples=300)
        clients.close()
        clients.open(1000, every)
        reach(stack, clients, 1000, 5)
        all_of_them = reach(stack, clients, 1000, 50)
        p50, p99 = statistics.median(all_of_them), measure.percentile(all_of_them, 99)
        results.add("... on each of 1,000 streams, p50", p50, "ms", "<= 12", samples=50000)
        results.add("... on each of 1,000 streams, p99", p99, "ms", "<= 40", samples=50000)
        clients.close()
        (worker,) = stack.api[0].children()
        time.sleep(1)
        before = measure.memory_mb(worker)
        clients.open(4000, every)
        time.sleep(1)
        taken = (measure.memory_mb(worker) - before) * 1024 / 4000
        results.add("memory of an idle stream in the worker, 4,000 open", taken, "KB", "<= 2", samples=4000)
        reach(stack, clients, 4000, 1)
    finally:
        clients.close()
        stack.stop(check=False)
