"""Scripted faults: of calls, of events, and the call quotas."""
import json
import time

import pytest
import requests
from botocore.exceptions import ClientError, ConnectionClosedError
from local_aws import eventually


def start_one(sim, instance, http=None):
    return sim.call("ecs", "StartTask", {"cluster": "c", "taskDefinition": "d",
                                         "containerInstances": [instance]}, http)


def tasks(sim):
    return sim.control("GET", "/tasks", cluster="c")["tasks"]


@pytest.mark.parametrize("kind, status, code", [
    ("throttle", 400, "ThrottlingException"), ("error500", 500, "ServerException"),
    ("access-denied", 400, "AccessDeniedException"),
    ("invalid", 400, "InvalidParameterException")])
def test_refusals_strike_as_often_as_told_and_take_no_effect(sim, kind, status, code):
    [instance] = sim.instances()
    sim.fault(operation="StartTask", kind=kind, count=2)
    for _ in range(2):
        answer = start_one(sim, instance)
        assert (answer.status_code, answer.json()["__type"]) == (status, code)
    assert tasks(sim) == [] and sim.ecs.list_tasks(cluster="c")
    assert start_one(sim, instance).status_code == 200
    errors = [c.get("error") for c in sim.control("GET", "/calls", operation="StartTask")["calls"]]
    assert errors == [code, code, None]


@pytest.mark.parametrize("kind, effect", [("lost-answer", 1), ("close", 0)])
def test_connections_that_die_without_a_byte(sim, kind, effect):
    """The connection is a kept one: it served a call before."""
    [instance] = sim.instances()
    http = requests.Session()
    assert sim.call("ecs", "ListClusters", {}, http).ok
    sim.fault(operation="StartTask", kind=kind, count=1)
    with pytest.raises(requests.ConnectionError):
        start_one(sim, instance, http)
    assert len(tasks(sim)) == effect
    [call] = sim.control("GET", "/calls", operation="StartTask")["calls"]
    assert (call["httpStatus"], call["fault"], call["instanceArns"]) == (0, kind, [instance])
    assert sim.control("GET", "/counters")["calls"]["StartTask"]["lost"] == 1
    with pytest.raises(ConnectionClosedError):
        sim.fault(operation="ListClusters", kind=kind, count=1)
        sim.ecs.list_clusters()
    assert start_one(sim, instance, http).ok


def test_latency_is_spent_around_the_effect(sim):
    sim.fault(operation="ListClusters", kind="latency", latencyMs=1500, count=1)
    for expected in (1.49, 0):
        began = time.monotonic()
        sim.ecs.list_clusters()
        assert expected <= time.monotonic() - began < expected + 1.3
    sim.settings(latencyMs=100, sqsLatencyMs=200)
    for call, expected in ((sim.ecs.list_clusters, 0.1), (sim.sqs.list_queues, 0.2)):
        began = time.monotonic()
        call()
        assert expected <= time.monotonic() - began < expected + 2


def test_faults_name_services_have_rates_and_are_forgotten(sim):
    sim.fault(operation="sqs:*", kind="throttle")
    sim.ecs.list_clusters()
    with pytest.raises(ClientError) as caught:
        sim.sqs.list_queues()
    assert caught.value.response["Error"]["Code"] == "RequestThrottled"
    assert sim.control("GET", "/faults")["faults"][0]["operation"] == "sqs:*"
    sim.control("DELETE", "/faults")
    sim.sqs.list_queues()
    sim.fault(operation="*", kind="error500", rate=0.3)
    failed = sum(not sim.call("ecs", "ListClusters", {}).ok for _ in range(200))
    assert 30 < failed < 90


def test_bad_faults_are_refused(sim):
    for bad in ({"kind": "none"}, {"kind": "earthquake"}, {}, {"kind": "throttle", "rate": 2},
                {"kind": "throttle", "count": "x"}):
        assert sim.http.post(f"{sim.url}/_sim/faults", json=bad).status_code == 400


# ---- events


def versions(sim):
    return [json.loads(b)["detail"]["version"] for b in sim.bodies()]


def toggle(sim, instance, times):
    for n in range(times):
        sim.control("PATCH", "/instance", {"arn": instance, "agentConnected": n % 2 == 1})


def test_lost_events(sim):
    [instance] = sim.instances()
    sim.bodies()
    sim.fault(kind="event-lost", count=1)
    toggle(sim, instance, 3)
    assert versions(sim) == [3, 4]


def test_duplicated_events(sim):
    [instance] = sim.instances()
    sim.bodies()
    sim.fault(kind="event-duplicate")
    toggle(sim, instance, 3)
    found = []
    eventually(lambda: len(found.extend(versions(sim)) or found) == 6)
    assert sorted(found) == [2, 2, 3, 3, 4, 4]


def test_reordered_events(sim):
    [instance] = sim.instances()
    sim.bodies()
    sim.fault(kind="event-reorder", count=1)
    toggle(sim, instance, 3)
    found = []
    eventually(lambda: len(found.extend(versions(sim)) or found) == 3)
    assert found == [3, 4, 2]


def test_malformed_events(sim):
    [instance] = sim.instances()
    sim.bodies()
    sim.fault(kind="event-malformed", count=20)
    toggle(sim, instance, 21)

    def readable(body):
        try:
            return isinstance(json.loads(body)["detail"], dict)
        except ValueError:
            return False

    assert [readable(b) for b in sim.bodies()] == [False] * 20 + [True]
    assert sim.control("GET", "/counters")["events"]["malformed"] == 20


# ---- quotas


def test_quotas_throttle_reads_and_writes_apart(sim):
    def burst(operation, body, n):
        answers = [sim.call("ecs", operation, body) for _ in range(n)]
        assert all(a.ok or a.json()["__type"] == "ThrottlingException" for a in answers)
        return sum(a.ok for a in answers)

    assert burst("ListClusters", {}, 120) == 120
    sim.settings(quotas=True)
    began = time.monotonic()
    reads = burst("ListClusters", {}, 160)
    assert 100 <= reads <= 101 + 20 * (time.monotonic() - began)
    assert burst("CreateCluster", {"clusterName": "c"}, 50) == 50
    sim.sqs.list_queues()  # has no such quota
