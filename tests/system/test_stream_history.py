"""Nothing is lost, repeated or reordered on streams, whatever dies: 50 clients watch a storm. And the judge judges."""

import os
import random
import threading
import time

import pytest
from harness import eventually
from stream_checker import Change, Watcher, commit_ends, expected, history, now

STORM_S = 20
CLUSTER = "history"


def make_watchers(port):
    """50 of all sorts."""
    sorts = [
        dict(kind="task"),
        dict(kind="task", inclusive=True),
        dict(kind="task", snapshot=True, deletes=True, heartbeat=True),
        dict(kind="task", status="pending", heartbeat=True),  # sees nothing: bookmarks all the time
        dict(kind="task", status="running", deletes=True),
        dict(kind="task", status="running", snapshot=True, deletes=True, heartbeat=True),
        dict(kind="task", status="stopped"),
        dict(kind="instance"),
        dict(kind="instance", inclusive=True),
        dict(kind="instance", snapshot=True, deletes=True),
    ]
    return [Watcher(port, **sort) for sort in sorts for _ in range(5)]


def change_things(stack, tasks, until):
    """Tasks start, run and stop, and instances change, some hundred times a second."""
    instances = stack.sim.add_instances(CLUSTER, 10)
    while time.monotonic() < until:
        living = stack.sim.add_tasks(CLUSTER, count=20, events=True)
        tasks += living
        for task in random.sample(living, 12):
            stack.sim.crash_task(task)
        stack.sim.change_instance(random.choice(instances), agentConnected=random.random() < 0.5)
        time.sleep(0.1)


def kill_things(stack, until):
    """API workers with SIGKILL, a whole blox-api with SIGTERM, Redis with both."""
    n = 0
    while time.monotonic() < until:
        time.sleep(1.2)
        n += 1
        if n % 5 == 0:
            (stack.redis.kill if n % 2 else stack.redis.stop)()
            time.sleep(0.3)
            stack.redis.start()
        elif n % 5 == 3:
            api = random.choice(stack.api)
            assert api.stop() == 0
            api.start()
        else:
            for pid in random.choice(stack.api).children():
                os.kill(pid, 9)


@pytest.mark.stack(redis_options=("--appendfsync", "always"), api_options=("--stream-buffer", "1"))
def test_no_gap_no_repeat_no_reordering(stack):
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances(CLUSTER, 5)
    eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == 5, 10)
    watchers = make_watchers(stack.state_port)
    for watcher in watchers:
        watcher.start()
    until, tasks = time.monotonic() + STORM_S, []
    storm = threading.Thread(target=change_things, args=(stack, tasks, until), daemon=True)
    storm.start()
    kill_things(stack, until)
    storm.join(30)
    eventually(stack.redis_answers, 20)
    eventually(lambda: len(history(stack.redis_client())) > 300, 30)
    quiet(stack)
    changes = history(stack.redis_client())
    for watcher in watchers:
        eventually(lambda watcher=watcher: watcher.is_at_end(changes), 30, f"{watcher.target()} to be at the end")
    time.sleep(1)  # what comes too much comes now
    for watcher in watchers:
        watcher.done.set()
    changes, ends = history(stack.redis_client()), commit_ends(stack.redis_client())
    assert sum(len(watcher.bookmarks) for watcher in watchers) > len(watchers)
    assert sum(watcher.connections for watcher in watchers) > 2 * len(watchers), "they had to resume"
    for watcher in watchers:
        watcher.judge(changes, ends)


def quiet(stack):
    """Waits until the queue is empty and nothing is committed to what streams show."""
    last = None
    while last != (last := len(history(stack.redis_client()))):
        eventually(lambda: not any(stack.sim.counters()["queues"]["blox"][n] for n in ("visible", "inFlight", "delayed")), 30)
        time.sleep(2)


# ---- the judge, with histories made by hand


def entry(revision, key, status, deleted="0", cause="event"):
    value = f'{revision} 1 0 {"0" * 32}\nc\n{{"taskARN":"{key}","lastStatus":"{status}"}}'
    return Change(f"{revision}-0", dict(kind="task", key=key, value=value, deleted=deleted, cause=cause))


CHANGES = [entry(1, "a", "RUNNING"), entry(2, "b", "RUNNING"), entry(3, "a", "STOPPED"), entry(4, "a", "STOPPED", "1")]


def watched(lines, began=0, **options):
    watcher = Watcher(0, "task", **options)
    watcher.began, watcher.lines = began, lines
    return watcher


def test_the_judge_knows_filters_and_deletes():
    assert expected(CHANGES, "task", 0) == [(1, "a", None), (2, "b", None), (3, "a", None)]
    assert expected(CHANGES, "task", 1, "running", deletes=True) == [(2, "b", None), (3, "a", "unmatched")]
    assert expected(CHANGES, "task", 0, "stopped", deletes=True) == [(3, "a", None), (4, "a", "event")]
    assert expected(CHANGES, "instance", 0) == []
    assert now(CHANGES, "task") == {"b": 2}


def test_the_judge_refuses_a_bookmark_within_a_commit():
    watcher = watched([(1, "a", None), (2, "b", None), (3, "a", None)])
    watcher.bookmarks = {2, 3}
    watcher.judge(CHANGES, ends={2, 3})
    with pytest.raises(AssertionError, match="within"):
        watcher.judge(CHANGES, ends={3})


def test_the_judge_accepts_what_is_right():
    watched([(1, "a", None), (2, "b", None), (3, "a", None)]).judge(CHANGES)
    watched([(3, "a", None)], began=2).judge(CHANGES)


@pytest.mark.parametrize(
    "lines, verdict",
    [
        ([(1, "a", None), (3, "a", None)], "missing"),
        ([(1, "a", None), (2, "b", None)], "missing"),
        ([(1, "a", None), (2, "b", None), (2, "b", None), (3, "a", None)], "repeated"),
        ([(2, "b", None), (1, "a", None), (3, "a", None)], "reordered"),
        ([(1, "a", None), (2, "b", None), (3, "a", None), (4, "a", "event")], "never happened"),
        ([(1, "a", None), (2, "a", None), (3, "a", None)], "missing"),
    ],
)
def test_the_judge_refuses_what_is_wrong(lines, verdict):
    with pytest.raises(AssertionError, match=verdict):
        watched(lines).judge(CHANGES)
