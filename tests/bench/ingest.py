"""How many events are taken in, from the queue to what is served, with streams open and without."""

import contextlib
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import time

import requests

import measure
from harness import BUILD, eventually
from world import fleet, quiet, CLUSTER

INSTANCES = 2000
EVENTS = 20000  # of a short run
SUSTAINED = 100000  # of a long one
FAMILIES = 100  # that the filtered streams ask for, one each; none but the last has tasks
FAMILY = f"watched-{FAMILIES - 1:02}"
FLOOD = 25000  # events a second: more than can be taken in
STEP_S = 5  # for each rate tried with unfiltered streams
RATES = range(4000, 12001, 250)


class Readers:
    """readers.c: clients of streams, in a process which costs little."""

    def __init__(self, port):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        argv = [BUILD / "tests" / "bench" / "readers", str(port)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def open(self, n, target):
        assert self.ask(f"open {n} {target}"), f"{target} does not open"

    def groups(self):
        """Of each group: streams, how many ended, lines out of order, the least and most lines of one."""
        return json.loads(self.ask("report"))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


# ---- CPU

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    """Seconds of CPU of a process and its children so far."""
    total = 0.0
    with contextlib.suppress(FileNotFoundError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total = sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S  # ended children, too
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += cpu_s(child)
    return total


def cpu_by_program(stack, readers):
    pids = {"redis": stack.redis.pid, "simulator": stack.aws.pid, "reconciler": stack.reconcilers[0].pid}
    pids |= {"api": stack.api[0].pid, "nginx": stack.nginx.pid, "bench": os.getpid()}
    if readers:
        pids["readers"] = readers.process.pid
    used = {name: cpu_s(pid) for name, pid in pids.items()}
    if readers:
        used["bench"] -= used["readers"]  # a child of ours
    used["bench"] -= sum(cpu_s(program.pid) for program in stack.programs())  # children, too
    return used


# ---- one run

class World:
    """A stack with a fleet that has nothing else to do."""

    def __init__(self, sqs_latency_ms=0, **options):
        self.stack = quiet(sqs_latency_ms=sqs_latency_ms, **options).start()
        try:
            stack = self.stack
            fleet(stack, INSTANCES)
            stack.sim.register_task_definition(FAMILY)
            eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == INSTANCES, 120)
            eventually(lambda: queue_length(stack) == 0, 60)
            eventually(lambda: "drift.pass" in stack.reconcilers[0].log(), 60, "the first drift pass")
        except BaseException:
            stack.stop(check=False)
            raise

    def __enter__(self):
        return self.stack

    def __exit__(self, *_):
        self.stack.stop(check=False)


def queue_length(stack):
    queue = stack.sim.counters()["queues"]["blox"]
    return queue["visible"] + queue["inFlight"] + queue["delayed"]


def storm(stack, n_events, rate, watched):
    """Task events; a part of them of the family that a filtered stream watches. Gives how many those are.

    The events of one task are so far apart that no two pollers have some at a time: none is overtaken."""
    n_watched = int(n_events * watched)
    rare = {"cluster": CLUSTER, "events": n_watched, "tasks": max(1, n_watched // 4), "taskDefinition": FAMILY}
    many = {"cluster": CLUSTER, "events": n_events - n_watched, "tasks": 2000}
    for body, part in ((rare, watched), (many, 1 - watched)):
        if body["events"]:
            stack.sim.call("POST", "storm", body | {"rate": int(rate * part)})
    return n_watched


def wait_until_sent(stack, n_before, n_events, within_s):
    """Until all events were sent and none is left in the queue; gives the time at which that was seen."""

    def done():
        queue = stack.sim.counters()["queues"]["blox"]
        left = queue["visible"] + queue["inFlight"] + queue["delayed"]
        return queue["sent"] - n_before == n_events and left == 0

    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"not within {within_s} s: {n_events} events taken in"
        time.sleep(0.1)
    return time.monotonic()


def run(stack, n_events, readers=None, rate=FLOOD, watched=0.0):
    """One storm from its beginning to the last delete: events/s, CPU in us an event by program, lag."""
    before, lag_before = cpu_by_program(stack, readers), lag_histogram(stack)
    n_before = stack.sim.counters()["queues"]["blox"]["sent"]
    began = time.monotonic()
    n_watched = storm(stack, n_events, rate, watched)
    took_s = wait_until_sent(stack, n_before, n_events, 120) - began
    used = {name: (s - before[name]) * 1e6 / n_events for name, s in cpu_by_program(stack, readers).items()}
    lag = {bound: n - lag_before.get(bound, 0) for bound, n in lag_histogram(stack).items()}
    assert max(lag.values()) == n_events, f"not all of {n_events} events were applied:\n{what_became(stack)}"
    return {"rate": n_events / took_s, "cpu": used, "lag": lag, "watched": n_watched}


def metrics(stack):
    return requests.get(stack.reconcilers[0].monitor_url() + "/metrics", timeout=5).text


def what_became(stack):
    """Of the events so far, and what overtakes them: a drift pass, or another holder of the lease."""
    return "\n".join(re.findall(r"^blox_(?:events|drift_passes|lease_changes)_.*", metrics(stack), re.M))


def lag_histogram(stack):
    """Upper bound in seconds -> how many events so far took no longer from the queue to the store."""
    found = re.findall(r'blox_event_lag_seconds_bucket\{le="([^"]+)"\} (\d+)', metrics(stack))
    return {float(bound): int(n) for bound, n in found}


def lag_ms(histogram, percent):
    """As Prometheus' histogram_quantile has it: evenly spread within each bucket."""
    bounds = sorted(histogram)
    wanted, below, n_below = histogram[bounds[-1]] * percent / 100, 0.0, 0
    for bound in bounds:
        if histogram[bound] >= wanted and bound != float("inf"):
            part = (wanted - n_below) / max(1, histogram[bound] - n_below)
            return 1000 * (below + (bound - below) * part)
        below, n_below = bound, histogram[bound]
    return 1000 * bounds[-2]


def compare_with_ecs(stack):
    """None lost: every task is known with the status ECS has."""

    def agrees():
        ours = {task["taskARN"]: task["lastStatus"] for task in stack.blox.tasks(cluster=CLUSTER)}
        theirs = {task["task"]: task["lastStatus"] for task in stack.sim.tasks(CLUSTER)}
        assert ours == theirs, f"{len(ours)} known, {len(theirs)} there"
        return True

    eventually(agrees, 10)


def show_cpu(title, cpu):
    parts = ", ".join(f"{name} {us:.0f}" for name, us in cpu.items() if us >= 0.5)
    print(f"{'  CPU, us an event: ' + title:<58} {sum(cpu.values()):>12,.1f} us         {parts}")


# ---- what is measured


def ingest(results):
    """20,000 events of tasks on 2,000 instances, from the storm's beginning to the last delete."""
    for sqs_latency_ms, target in ((0, 8000), (10, 2000)):
        runs = []
        for _ in range(3):
            with World(sqs_latency_ms) as stack:
                runs.append(run(stack, EVENTS))
                compare_with_ecs(stack)
        results.add(
            f"ingest, {sqs_latency_ms} ms a call (ceiling: SET of 1,200 bytes, 10 at once)",
            statistics.median(one["rate"] for one in runs),
            "events/s",
            f">= {target:,}",
            ceiling=redis_ceiling(),
            samples=3,
            smaller_is_better=False,
        )
        show_cpu("the same", sorted(runs, key=lambda one: one["rate"])[1]["cpu"])


def ingest_streams(results):
    """100,000 events with 100 streams of different filters open, of which one matches 1 % of them."""
    with World() as stack:
        readers = Readers(stack.state_port)
        try:
            for family in range(FAMILIES):
                readers.open(1, f"/v1/stream/tasks?family=watched-{family:02}")
            one = run(stack, SUSTAINED, readers, watched=0.01)
            eventually(lambda: check_filtered(readers, one["watched"]), 10)
            compare_with_ecs(stack)
            results.add("ingest, 100 filtered streams, 100,000 events", one["rate"], "events/s", ">= 10,000")
            show_cpu("the same", one["cpu"])
            rate = int(one["rate"] * 0.8)
            paced = run(stack, SUSTAINED // 2, readers, watched=0.01, rate=rate)
            eventually(lambda: check_filtered(readers, one["watched"] + paced["watched"]), 10)
            for percent in (50, 99):
                name = f"event lag at {rate:,} events/s, 100 filtered streams, p{percent}"
                results.add(name, lag_ms(paced["lag"], percent), "ms", "", samples=SUSTAINED // 2)
        finally:
            readers.stop()


def check_filtered(readers, n_watched):
    groups = readers.groups()
    assert not any(group["ended"] or group["disordered"] for group in groups), groups
    lines = [group["most"] for group in groups]
    assert lines == [0] * (FAMILIES - 1) + [n_watched], lines
    return True


def ingest_unfiltered(results):
    """The highest rate at which none of 100 streams of everything is ended and the queue stays empty."""
    with World() as stack:
        readers = Readers(stack.state_port)
        try:
            readers.open(100, "/v1/stream/tasks")
            best, n_lines = None, 0
            for rate in RATES:
                one = run(stack, rate * STEP_S, readers, rate=rate)
                n_lines += rate * STEP_S
                if one["rate"] < 0.9 * rate or not keeps_up(readers, n_lines):
                    break
                best = one | {"asked": rate}
            assert best, f"100 unfiltered streams do not keep up with {RATES[0]:,} events/s"
            name = "ingest, 100 unfiltered streams, none ended"
            results.add(name, best["asked"], "events/s", "reported", samples=best["asked"] * STEP_S)
            show_cpu("the same", best["cpu"])
        finally:
            readers.stop()


def keeps_up(readers, n_lines, within_s=2):
    """Whether every stream has every line soon, in order, and none has ended."""
    deadline = time.monotonic() + within_s
    while True:
        (group,) = readers.groups()
        assert not group["disordered"] and group["most"] <= n_lines, group
        if group["ended"] or time.monotonic() > deadline:
            return False
        if group["least"] == n_lines:
            return True
        time.sleep(0.05)


def redis_ceiling():
    stack = quiet()
    stack.redis.start()
    try:
        eventually(stack.redis_answers, 10)
        return measure.redis_commands_per_s(stack.redis_port, 10)
    finally:
        stack.stop(check=False)
