"""The control API, the command line, and a large world."""
import contextlib
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from local_aws import binary


def test_history_tells_every_transition_in_order(sim):
    [instance] = sim.instances()
    task = sim.start(instance, startedBy="me")
    sim.wait_for(task, "RUNNING")
    sim.ecs.stop_task(cluster="c", task=task)
    sim.wait_for(task, "STOPPED")
    answer = sim.control("GET", "/history")
    steps = answer["transitions"]
    assert [(s["lastStatus"], s["desiredStatus"]) for s in steps] == [
        ("PENDING", "RUNNING"), ("RUNNING", "RUNNING"), ("RUNNING", "STOPPED"),
        ("STOPPED", "STOPPED")]
    assert {s["task"] for s in steps} == {task} and {s["instance"] for s in steps} == {instance}
    assert {s["startedBy"] for s in steps} == {"me"}
    assert [s["seq"] for s in steps] == [1, 2, 3, 4] and answer["last"] == 4
    page = sim.control("GET", "/history", after=1, limit=2)
    assert [s["seq"] for s in page["transitions"]] == [2, 3] and page["last"] == 3


def test_calls_are_recorded_with_the_time_of_their_arrival(sim):
    [instance] = sim.instances()
    sim.settings(latencyMs=100)
    before = time.monotonic_ns() // 1000
    sim.start(instance, startedBy="me")
    after = time.monotonic_ns() // 1000
    answer = sim.control("GET", "/calls", operation="StartTask")
    [call] = answer["calls"]
    assert before <= call["mono_us"] <= after - 100_000 and call["took_us"] >= 100_000
    assert (call["httpStatus"], call["instances"], call["startedBy"]) == (200, 1, "me")
    assert sim.control("GET", "/calls", after=answer["last"])["calls"] == []


def test_settings_are_shown_and_checked(sim):
    shown = sim.settings(latencyMs=5, quotas=True)
    assert shown == sim.control("GET", "/settings")
    assert shown["latencyMs"] == 5 and shown["quotas"] is True
    for bad in ({"latencyMs": -1}, {"latencyMs": "x"}, {"quotas": 1}, {"nothing": 1},
                {"arnFormat": "short"}):
        assert sim.http.put(f"{sim.url}/_sim/settings", json=bad).status_code == 400


def test_bad_requests(sim):
    url = f"{sim.url}/_sim"
    assert sim.http.get(f"{url}/nothing").status_code == 404
    assert sim.http.delete(f"{url}/clusters").status_code == 405
    assert sim.http.post(f"{url}/clusters", data="{").status_code == 400
    assert sim.http.post(f"{url}/instances", json={"cluster": "nowhere"}).status_code == 404
    assert sim.http.post(f"{url}/instances", json={"cluster": "c", "count": -1}).status_code == 400
    assert "error" in sim.http.patch(f"{url}/instance", json={"arn": "x"}).json()


def test_foreign_tasks_are_seeded_silently_or_not(sim):
    instances = sim.instances(3)
    sim.bodies()
    made = sim.control("POST", "/tasks", {"cluster": "c", "count": 6, "group": "service:web"})
    assert len(made["taskArns"]) == 6 and sim.bodies() == []
    assert sim.task(made["taskArns"][0])["group"] == "service:web"
    assert [sim.instance(i)["runningTasksCount"] for i in instances] == [2, 2, 2]
    sim.control("POST", "/tasks", {"cluster": "c", "count": 2, "events": True,
                                   "instances": instances[:1]})
    assert len(sim.events()) == 2 and sim.instance(instances[0])["runningTasksCount"] == 4
    some = sim.control("GET", "/tasks", cluster="c", instance=instances[0])["tasks"]
    assert len(some) == 4 and {t["lastStatus"] for t in some} == {"RUNNING"}


def test_a_storm_is_of_genuine_lives_and_describe_agrees(sim):
    sim.instances(3)
    sim.bodies()
    done = sim.control("POST", "/storm", {"cluster": "c", "tasks": 4, "events": 50})
    events = sim.events()
    assert done["events"] == len(events) == 50
    last = {}
    for detail in (e["detail"] for e in events):
        assert detail["version"] == last.get(detail["taskArn"], {"version": 0})["version"] + 1
        last[detail["taskArn"]] = detail
    assert len(last) == done["tasks"] == 14
    for arn, detail in last.items():
        task = sim.task(arn)
        assert (task["version"], task["lastStatus"]) == (detail["version"], detail["lastStatus"])


def test_a_storm_with_a_rate_takes_its_time(sim):
    sim.instances(3)
    sim.bodies()
    began = time.monotonic()
    done = sim.control("POST", "/storm", {"cluster": "c", "tasks": 10, "events": 100, "rate": 200})
    assert done["tasks"] == 30 and done["took_ms"] < 400  # the events take 500
    events = []
    while len(events) < 100 and time.monotonic() < began + 60:
        events += sim.events()
    assert len(events) == 100 and time.monotonic() - began > 0.45
    assert len({e["detail"]["taskArn"] for e in events}) == 30


def test_raw_messages(sim):
    sim.bodies()
    assert sim.control("POST", "/events", {"body": "no {json"})["messageId"]
    sim.control("POST", "/events", {"body": {"a": 1}})
    assert sim.bodies() == ["no {json", '{"a":1}']


# ---- the command line


def run(*flags):
    return subprocess.run([binary(), *flags], capture_output=True, text=True, timeout=60,
                          check=False)


def test_a_port_in_use_is_refused_clearly(sim):
    done = run("--listen", f"127.0.0.1:{sim.port}")
    assert done.returncode == 69
    assert f"127.0.0.1:{sim.port}" in done.stderr and "in use" in done.stderr


@pytest.mark.parametrize("flags", [[], ["--listen", "0.0.0.0:1"], ["--listen", "x"], ["--lisen", "x"],
                                   ["--listen", "127.0.0.1:99999"],
                                   ["--listen", "127.0.0.1:0", "--arn-format", "x"]])
def test_bad_flags_end_with_64_and_one_line(flags):
    done = run(*flags)
    assert done.returncode == 64 and len(done.stderr.splitlines()) == 1


def test_a_waiting_poller_does_not_hold_up_the_end(sim):

    def poll():
        with contextlib.suppress(ConnectionClosedError, EndpointConnectionError):
            sim.client("sqs").receive_message(QueueUrl=sim.queue_url, WaitTimeSeconds=20)

    waiting = threading.Thread(target=poll)
    waiting.start()
    time.sleep(1)  # it waits by then
    began = time.monotonic()
    sim.process.terminate()
    assert sim.process.wait(60) == 0 and time.monotonic() - began < 15
    waiting.join(60)


# ---- size


def test_a_large_world_stays_quick(sim):
    """5,000 instances and 100,000 tasks; the sanitizers are in this figure."""
    sim.instances(5000)
    made = sim.control("POST", "/tasks", {"cluster": "c", "count": 100_000})["taskArns"]
    assert len(set(made)) == 100_000
    began = time.monotonic()
    for n in range(50):
        instance = sim.control("GET", "/history", after=n, limit=1)["transitions"][0]["instance"]
        task = sim.start(instance)
        sim.task(task)
        sim.ecs.stop_task(cluster="c", task=task)
        sim.ecs.list_tasks(cluster="c", containerInstance=instance)
        sim.ecs.list_tasks(cluster="c")
    per_call_ms = (time.monotonic() - began) * 1000 / 300
    assert per_call_ms < 60  # on a busy machine, too
