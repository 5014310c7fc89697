"""Measures the product beside the ceilings of its parts: ./dev bench [--json FILE] [NAME...]

Every figure is taken in one run on one machine; ratios mean more than values."""

import argparse
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import measure  # noqa: E402
from harness import Stack, eventually  # noqa: E402

CLUSTER = "bench"


class Results:
    """The rows of the table."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, target, ceiling=None, samples=1, smaller_is_better=True):
        """`ceiling` is the same thing measured without us; the ratio is what we reach of it."""
        ratio = None
        if ceiling:
            ratio = round(ceiling / value if smaller_is_better else value / ceiling, 3)
        row = {"name": name, "value": round(value, 3), "unit": unit}
        row |= {"ceiling": None if ceiling is None else round(ceiling, 3), "ratio": ratio, "samples": samples}
        self.rows.append(row)
        print(f"{name:<58} {value:>12,.2f} {unit:<9} ", end="")
        print(f"{'' if ceiling is None else format(ceiling, ',.1f'):>12} {'' if ratio is None else ratio:>7}  {target}")


def quiet(**options):
    """A stack with one of each and nothing in its way."""
    settings = dict(n_api=1, workers=1, n_reconcilers=1, latency_ms=0, duplicate=0, reorder=0)
    return Stack(**(settings | options))


def fleet(stack, n_instances):
    stack.sim.create_cluster(CLUSTER)
    stack.sim.register_task_definition("agent")
    return stack.sim.add_instances(CLUSTER, n_instances) if n_instances else []


def deploy(stack, name="agents"):
    return stack.blox.deploy(name, CLUSTER, "agent")


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
                eventually(lambda: "drift.pass " in stack.reconcilers[0].log(), 60, "the first drift pass")
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


def api(results):
    """Reads through nginx with 10,000 tasks; then the memory with 25,000."""
    stack = quiet().start()
    try:
        fleet(stack, 1000)
        task = stack.sim.add_tasks(CLUSTER, count=10000, events=True)[0]
        eventually(lambda: len(stack.blox.tasks(cluster=CLUSTER)) == 10000, 120)
        stack.blox.create_environment("agents", CLUSTER, "agent")
        with measure.Ceilings(stack.dir) as ceilings:
            nothing = ceilings.responder_per_s()
            results.add("nginx, return 200", ceilings.nginx_per_s(), "req/s", "", samples=3)
            results.add("trivial libfcgi responder behind our nginx.conf", nothing, "req/s", "", samples=3)
            for name, url in (
                ("one task", f"{stack.blox.state.url}/v1/tasks/{CLUSTER}/{task}"),
                ("one environment", f"{stack.blox.scheduler.url}/v1/environments/agents"),
            ):
                rate = measure.requests_per_s(url)
                results.add(
                    f"{name} through nginx (ceiling: the responder)",
                    rate,
                    "req/s",
                    "ratio >= 0.7",
                    ceiling=nothing,
                    samples=3,
                    smaller_is_better=False,
                )
            taken, n_bytes = measure.fetch_ms(f"{stack.blox.state.url}/v1/tasks")
            results.add(
                f"list of 10,000 tasks, {n_bytes / 1e6:.1f} MB (ceiling: a file from nginx)",
                taken,
                "ms",
                "<= 30",
                ceiling=ceilings.file_ms(n_bytes),
                samples=9,
            )
        stack.sim.add_tasks(CLUSTER, count=15000, events=True)
        eventually(lambda: len(stack.blox.tasks(cluster=CLUSTER)) == 25000, 120)
        results.add("memory of an API worker, 25,000 tasks", measure.memory_mb(stack.api[0].children()[0]), "MB", "<= 80")
        results.add("memory of the reconciler, 25,000 tasks", measure.memory_mb(stack.reconcilers[0].pid), "MB", "<= 80")
    finally:
        stack.stop(check=False)


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


MEASUREMENTS = {"reaction": reaction, "deployment": deployment, "ingest": ingest, "api": api, "streams": streams}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="also write the figures as a list of objects")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; default: all")
    options = parser.parse_args()
    unknown = set(options.names) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    results = Results()
    print(f"{'':<58} {'value':>12} {'':<9} {'ceiling':>12} {'ratio':>7}  target")
    for name in options.names or MEASUREMENTS:
        MEASUREMENTS[name](results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
