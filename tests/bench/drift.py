"""How long a drift pass takes where ECS' quotas are the limit, and what it needs meanwhile."""

import time

import measure
from harness import eventually
from world import fleet, quiet, CLUSTER

READS = ("ListClusters", "ListContainerInstances", "ListTasks", "DescribeContainerInstances", "DescribeTasks")
READ_BURST, READS_PER_S = 100, 20  # ECS' quota
PAGE = 100  # ARNs in one answer of a listing, and in one Describe


def synced_at(stack):
    """When the last completed pass ended, in seconds; 0: there was none."""
    values = stack.redis_client().hvals("{blox}:cluster")
    return max((int(value.split("\n")[1].split("\t")[3]) / 1000 for value in values), default=0)


def one_pass(stack, n_calls):
    """Starts the reconciler with a full bucket and waits for its first pass: the seconds from its first call to
    its end, the calls beyond those needed, and the largest memory meanwhile."""
    reconciler = stack.reconcilers[0]
    time.sleep(READ_BURST / READS_PER_S + 1)
    began, before, peaks = time.time(), stack.sim.last_call(), [0]

    def is_over():
        peaks.append(measure.memory_mb(reconciler.pid))
        time.sleep(0.1)
        return synced_at(stack) > began

    reconciler.start()
    eventually(is_over, 10 * n_calls / READS_PER_S, "a drift pass")
    ended = synced_at(stack)
    calls = [call for name in READS for call in stack.sim.calls(name, before)]
    reconciler.stop()
    return ended - min(call["at_us"] for call in calls) / 1e6, len(calls) - n_calls, max(peaks)


def passes(results, n_tasks, memory_target):
    """5,000 instances under ECS' quotas, 20 ms a call: first everything is new, then nothing is."""
    n_calls = 1 + 2 * 5000 // PAGE + 2 * n_tasks // PAGE + 1  # the last: no STOPPED task is listed
    stack = quiet(latency_ms=20).start()
    try:
        stack.reconcilers[0].stop()
        stack.sim.fault("event-lost", rate=1)
        stack.sim.set(quotas=True)
        fleet(stack, 0)
        for _ in range(5):
            stack.sim.add_instances(CLUSTER, 1000)
        for _ in range(n_tasks // 5000):
            stack.sim.add_tasks(CLUSTER, count=5000)
        for what in ("new", "known"):
            taken, surplus, peak = one_pass(stack, n_calls)
            name = f"drift pass, {n_tasks:,} tasks, all {what} (ceiling: the quota)"
            results.add(name, taken, "s", "ratio >= 0.87", ceiling=(n_calls - READ_BURST) / READS_PER_S)
            results.add("... calls beyond those needed", surplus, "", "")
            results.add("... memory of the reconciler at most", peak, "MB", memory_target)
    finally:
        stack.stop(check=False)


def drift(results):
    passes(results, 25000, "<= 80")


def large_drift(results):
    passes(results, 100000, "")
