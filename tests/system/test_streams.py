"""Streams of tasks and instances: v0.3.0's behaviour, and what can be asked for besides."""

import itertools
import time
import uuid

import pytest
from harness import eventually
from stream_client import INSTANCES, OUT_OF_RANGE, TASKS, Cluster, Stream, is_bookmark, of, refused, statuses, version

BOTH = pytest.mark.parametrize("path", [TASKS, INSTANCES])
numbers = itertools.count()


@pytest.fixture
def cluster(calm):
    return Cluster(calm, f"streams-{next(numbers)}")


# ---- the acceptance scenarios of Blox v0.3.0, by their numbers


def test_31_an_instance_stream_delivers_the_instance_that_gets_a_task(cluster, calm):
    with cluster.stream(INSTANCES) as stream:
        ecs = calm.aws_client("ecs")
        family = calm.sim.register_task_definition("acceptance", memory=64)
        ecs.start_task(cluster=cluster.arn, taskDefinition=family, containerInstances=[cluster.instance])
        stream.wait_for(lambda line: line["entity"]["containerInstanceARN"] == cluster.instance)


def test_32_an_instance_stream_from_an_earlier_version(cluster, calm):
    before = answer_version(calm, f"/v1/instances/{cluster.name}/{cluster.instance}")
    calm.sim.change_instance(cluster.instance, agentConnected=False)
    eventually(lambda: not calm.blox.instances(cluster=cluster.name)[0]["agentConnected"], 10)
    with cluster.stream(INSTANCES, f"entityVersion={before}") as stream:
        eventually(lambda: len(of(stream, cluster.instance)) >= 2, 10)
        connected = [line["entity"]["agentConnected"] for line in of(stream, cluster.instance)]
        assert connected[0] is True and connected[-1] is False


def test_48_a_task_stream_delivers_a_task_that_starts(cluster):
    with cluster.stream() as stream:
        task = cluster.start_task()
        stream.wait_for(lambda line: line["entity"]["taskARN"] == task and line["entity"]["desiredStatus"] == "RUNNING")


def test_49_a_stream_from_the_running_record_delivers_it_and_the_stopped_one(cluster, calm):
    task = cluster.start_task()
    eventually(lambda: calm.blox.tasks(cluster=cluster.name, status="running"), 10)
    running = answer_version(calm, f"/v1/tasks/{cluster.name}/{task}")
    cluster.crash(task)
    eventually(lambda: calm.blox.tasks(cluster=cluster.name, status="stopped"), 10)
    with cluster.stream(query=f"entityVersion={running}") as stream:
        eventually(lambda: of(stream, task) and statuses(of(stream, task))[-1] == "STOPPED", 10)
        assert statuses(of(stream, task))[0] == "RUNNING"
        assert version(of(stream, task)[0]) == running


def answer_version(stack, path):
    stack.level()
    response = stack.blox.state.get(path)
    assert response.status_code == 200
    return version(response.json())


# ---- v0.3.0's defaults


@BOTH
def test_the_headers_come_at_once(calm, path):
    began = time.monotonic()
    with Stream(calm.blox.state, path) as stream:
        assert time.monotonic() - began < 15
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "application/octet-stream"
        assert stream.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Length" not in stream.headers
        assert "X-Accel-Buffering" not in stream.headers
        assert stream.position > 0


def test_an_idle_stream_says_nothing(cluster):
    with cluster.stream(INSTANCES, "cluster=no-such-cluster") as stream:
        cluster.start_task()
        time.sleep(1.5)
        assert (stream.lines, stream.ended) == ([], None)


def test_a_line_is_what_get_answers(cluster, calm):
    with cluster.stream(read=False) as stream:
        task = cluster.start_task()
        eventually(lambda: calm.blox.tasks(cluster=cluster.name, status="running"), 10)
        calm.level()
        got = calm.blox.state.get(f"/v1/tasks/{cluster.name}/{task}").content
        while task.encode() not in (line := stream.read_line()):
            pass
        assert line == got


def test_live_only_without_a_version(cluster):
    old = cluster.start_task()
    cluster.changes(old, 1)
    for query in ("", "entityVersion=", "entityVersion=0", "entityVersion=-0", "entityVersion=%2B0"):
        with cluster.stream(query=query) as stream:
            new = cluster.start_task()
            stream.wait_for(lambda line: line["entity"]["taskARN"] == new)
            assert of(stream, old) == []


def test_replay_is_inclusive_ordered_and_complete(cluster):
    """Every change of the task, none left out, the first one included, whichever way the version is written."""
    task = cluster.start_task()
    cluster.changes(task, 1)
    cluster.crash(task)
    changes = cluster.changes(task, 2)
    assert statuses(changes) == ["RUNNING", "STOPPED"]
    first = version(changes[0])
    for text in (f"{first}", f"%2B{first}", f"000{first}", f"{first}&entityVersion=abc", f"{first}&unknown=1&unknown=2"):
        with cluster.stream(query=f"entityVersion={text}") as stream:
            assert stream.status == 200, stream.error
            stream.wait_for(lambda line: version(line) == version(changes[-1]))
            assert stream.lines[0] == changes[0]
            assert of(stream, task) == changes
            versions = [version(line) for line in stream.lines]
            assert versions == sorted(set(versions))


@BOTH
@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "9223372036854775808", "1e3", "%2B", "+1", "0x1", "1_0", "1%20", "9" * 4000])
def test_an_entity_version_that_is_none(calm, path, text):
    refused(calm.blox.state.get(f"{path}?entityVersion={text}"), "Invalid entity version\n")


@BOTH
def test_an_entity_version_out_of_range(calm, path):
    def next_one_is_refused():  # unless it came just now
        current = int(calm.redis_client().get("{blox}:revision"))
        response = calm.blox.state.get(f"{path}?entityVersion={current + 1}", stream=True)
        return [response] if response.status_code == 400 else None  # a refusal is not true

    refused(eventually(next_one_is_refused, 10)[0], OUT_OF_RANGE)
    for value in (1, 9223372036854775807):
        refused(calm.blox.state.get(f"{path}?entityVersion={value}"), OUT_OF_RANGE)


def test_the_current_version_is_in_range(cluster):
    task = cluster.start_task()
    last = version(cluster.changes(task, 1)[0])
    with cluster.stream(query=f"entityVersion={last}") as stream:
        assert version(stream.wait(1)[0]) == last


@BOTH
def test_other_methods_and_paths(calm, path):
    assert calm.blox.state.post(path).status_code == 404
    assert calm.blox.state.get(path + "s").status_code == 404
    redirect = calm.blox.state.get(path + "/", allow_redirects=False)
    assert (redirect.status_code, redirect.headers["Location"]) == (301, path)
    head = calm.blox.state.request("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == "application/octet-stream"
    assert calm.blox.state.request("HEAD", path + "?entityVersion=abc").status_code == 400


def test_stale_and_doubled_events_say_nothing(cluster, calm):
    task = cluster.start_task()
    cluster.changes(task, 1)
    with cluster.stream() as stream:
        calm.sim.fault("event-duplicate", rate=1)
        cluster.crash(task)
        eventually(lambda: of(stream, task), 10)
        calm.sim.no_faults()
        time.sleep(0.5)
        assert statuses(of(stream, task)) == ["STOPPED"]


# ---- parameters v0.3.0 did not have


@BOTH
@pytest.mark.parametrize(
    "query, text",
    [
        ("after=abc", "Invalid after: want an entity version"),
        ("after=-1", "Invalid after: want an entity version"),
        ("after=1.5", "Invalid after: want an entity version"),
        ("after=9223372036854775808", "Invalid after: want an entity version"),
        ("after=" + "9" * 4000, "Invalid after: want an entity version"),
        ("heartbeat=0", "Invalid heartbeat: want 1 to 3600 seconds"),
        ("heartbeat=-1", "Invalid heartbeat: want 1 to 3600 seconds"),
        ("heartbeat=3601", "Invalid heartbeat: want 1 to 3600 seconds"),
        ("heartbeat=1s", "Invalid heartbeat: want 1 to 3600 seconds"),
        ("heartbeat=99999999999999999999", "Invalid heartbeat: want 1 to 3600 seconds"),
        ("deletes=yes", "Invalid deletes: want true or false"),
        ("deletes=TRUE", "Invalid deletes: want true or false"),
        ("snapshot=1", "Invalid snapshot: want true or false"),
        ("errors=on", "Invalid errors: want true or false"),
        ("after=1&after=1", "At least one of the filters provided is specified multiple times"),
        ("heartbeat=1&heartbeat=2", "At least one of the filters provided is specified multiple times"),
        ("deletes=true&deletes=", "At least one of the filters provided is specified multiple times"),
        ("cluster=aa&cluster=bb", "At least one of the filters provided is specified multiple times"),
        ("cluster=&cluster=", "At least one of the filters provided is specified multiple times"),
        ("status=invalidStatus", "Invalid status"),
        ("cluster=cluster/cluster", "Invalid cluster ARN or name"),
        ("after=5&entityVersion=5", "Only one of entityVersion, after and snapshot can be given"),
        ("after=5&snapshot=true", "Only one of entityVersion, after and snapshot can be given"),
        ("entityVersion=5&snapshot=true", "Only one of entityVersion, after and snapshot can be given"),
    ],
)
def test_wrong_parameters(calm, path, query, text):
    refused(calm.blox.state.get(f"{path}?{query}"), text + "\n")


def test_a_filter_of_tasks_is_refused_for_instances(calm):
    text = "At least one of the filters provided is unsupported\n"
    refused(calm.blox.state.get(f"{INSTANCES}?startedBy=me"), text)


@BOTH
def test_empty_parameters_are_none(calm, path):
    names = ("after", "heartbeat", "deletes", "snapshot", "errors", "status", "cluster")
    with Stream(calm.blox.state, path + "?" + "&".join(name + "=" for name in names)) as stream:
        assert stream.status == 200, stream.error
        time.sleep(0.5)
        assert not any(is_bookmark(line) for line in stream.lines)


def test_after_is_exclusive(cluster):
    task = cluster.start_task()
    first = version(cluster.changes(task, 1)[0])
    cluster.crash(task)
    cluster.changes(task, 2)
    with cluster.stream(query=f"after={first}") as stream:
        eventually(lambda: of(stream, task), 10)
        assert statuses(of(stream, task)) == ["STOPPED"]
        assert stream.position == first


def test_after_may_wait_for_the_future(cluster, calm):
    current = int(calm.redis_client().get("{blox}:revision"))
    with cluster.stream(query=f"after={current + 2}") as stream, cluster.stream(query=f"after={current}") as all_of_it:
        assert stream.status == 200
        for _ in range(4):
            cluster.start_task()
        eventually(lambda: len(all_of_it.lines) >= 4, 10)
        want = [version(line) for line in all_of_it.lines if version(line) > current + 2]
        eventually(lambda: [version(line) for line in stream.lines] == want, 10)


def test_after_far_in_the_future_is_quiet(cluster):
    with cluster.stream(query="after=9223372036854775807&heartbeat=1") as stream:
        cluster.start_task()
        assert version(stream.wait(1)[0]) == 9223372036854775807
        assert is_bookmark(stream.lines[0])


def test_a_heartbeat_tells_the_current_version(cluster, calm):
    began = time.monotonic()
    with cluster.stream(query="heartbeat=1&cluster=no-such-cluster") as stream:
        task = cluster.start_task()
        latest = version(cluster.changes(task, 1)[0])
        eventually(lambda: stream.lines and version(stream.lines[-1]) >= latest, 5)
        assert all(line == {"metadata": line["metadata"], "bookmark": True} for line in stream.lines)
        stream.wait(len(stream.lines) + 2, 5)
        assert len(stream.lines) <= time.monotonic() - began + 1, "one a second"
    assert calm.blox.state.get(f"{TASKS}?entityVersion={latest + 10**6}").status_code == 400


def test_a_bookmark_is_a_position(cluster):
    with cluster.stream(query=f"heartbeat=1&cluster={cluster.name}") as stream:
        cluster.crash(cluster.start_task())
        stopped = stream.wait_for(lambda line: "entity" in line and line["entity"]["lastStatus"] == "STOPPED")
        mark = stream.wait_for(lambda line: is_bookmark(line) and version(line) >= version(stopped), 5)
    task = cluster.start_task()
    with cluster.stream(query=f"after={version(mark)}&cluster={cluster.name}") as stream:
        eventually(lambda: of(stream, task), 10)
        assert {line["entity"]["taskARN"] for line in stream.lines} == {task}


def test_without_asking_a_delete_says_nothing(cluster, calm):
    with cluster.stream(INSTANCES) as plain, cluster.stream(INSTANCES, "deletes=true") as asked:
        delete_instance(cluster, calm)
        tombstone = asked.wait_for(lambda line: line.get("deleted"))
        time.sleep(0.3)
        assert not any(line.get("deleted") for line in plain.lines)
        assert version(tombstone) > max([0, *(version(line) for line in of(plain, cluster.instance))])


def delete_instance(cluster, stack):
    """As a drift pass or upkeep would: the entity's value becomes a tombstone, and the log tells of it."""
    redis = stack.redis_client()
    key = "{blox}:instance"
    value = redis.hget(key, cluster.instance)
    head, fields, _ = value.split("\n", 2)
    commit = uuid.uuid4().hex
    script = """
        local rev = string.format('%.0f', redis.call('INCR', KEYS[1]))
        redis.call('HSET', KEYS[3], ARGV[1], rev .. ' 99 ' .. ARGV[5] .. ' ' .. ARGV[2] .. '\\n' .. ARGV[3] .. '\\n')
        redis.call('XADD', KEYS[2], rev .. '-0', 'at', ARGV[5], 'commit', ARGV[2], 'kind', 'instance', 'key', ARGV[1],
            'value', ARGV[4], 'old', '', 'deleted', '1', 'cause', 'drift', 'actor', '', 'following', '0')
        return rev"""
    keys = ["{blox}:revision", "{blox}:log", key]
    at = str(int(time.time() * 1000))
    return int(redis.eval(script, 3, *keys, cluster.instance, commit, fields, value, at))


def test_a_tombstone_has_the_last_body_and_the_cause(cluster, calm):
    last = calm.blox.state.get(f"/v1/instances/{cluster.name}/{cluster.instance}").json()
    with cluster.stream(INSTANCES, f"deletes=true&cluster={cluster.name}") as live:
        revision = delete_instance(cluster, calm)
        want = {
            "entity": last["entity"],
            "metadata": {"entityVersion": str(revision)},
            "deleted": True,
            "reason": "drift",
        }
        assert live.wait(1) == [want]
    with cluster.stream(INSTANCES, f"deletes=true&cluster={cluster.name}&entityVersion={revision}") as replayed:
        assert replayed.wait(1) == [want]


def test_filters_let_through_what_matches(cluster):
    with cluster.stream(query=f"cluster={cluster.name}&status=RUNNING&startedBy=me") as stream, cluster.stream(
        query=f"cluster={cluster.arn}"
    ) as all_of_it:
        mine, other = cluster.start_task(startedBy="me"), cluster.start_task(startedBy="you")
        all_of_it.wait(2)  # an event that is overtaken by the next is no change
        cluster.crash(mine)
        cluster.crash(other)
        eventually(lambda: len(all_of_it.lines) == 4, 10)
        want = [line for line in of(all_of_it, mine) if line["entity"]["lastStatus"] == "RUNNING"]
        eventually(lambda: stream.lines == want, 10)
        time.sleep(0.2)
        assert stream.lines == want, "and no more"


def test_what_leaves_the_filter_is_a_delete(cluster):
    query = f"cluster={cluster.name}&status=running&deletes=true"
    with cluster.stream(query=query) as live:
        task = cluster.start_task()
        live.wait(1)
        cluster.crash(task)
        first, second = live.wait(2)
    assert (first["entity"]["lastStatus"], first.get("deleted")) == ("RUNNING", None)
    assert (second["entity"]["lastStatus"], second["deleted"], second["reason"]) == ("STOPPED", True, "unmatched")
    with cluster.stream(query=f"{query}&entityVersion={version(first)}") as replayed:
        assert replayed.wait(2) == [first, second]


@BOTH
def test_a_snapshot_then_a_bookmark_then_live(cluster, calm, path):
    old = [cluster.start_task() for _ in range(3)]
    cluster.changes(old[-1], 1)
    cluster.settle()
    kind = path.rpartition("/")[2]
    listed = calm.blox.state.get(f"/v1/{kind}?cluster={cluster.name}").json()["items"]
    with cluster.stream(path, f"snapshot=true&cluster={cluster.name}") as stream:
        lines = stream.wait(len(listed) + 1)
        assert lines[:-1] == listed
        assert is_bookmark(lines[-1]) and version(lines[-1]) == stream.position
        if path == TASKS:
            new = cluster.start_task()
            assert stream.wait(len(listed) + 2)[-1]["entity"]["taskARN"] == new


def test_a_snapshot_of_nothing(cluster):
    with cluster.stream(query="snapshot=true&cluster=no-such-cluster") as stream:
        assert is_bookmark(stream.wait(1)[0])
