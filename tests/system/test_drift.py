"""What no event tells, or told in vain: ECS' state and ours meet again at the next pass."""

import json
import os
import signal
import time

import pytest

import checker
from clients import answer
from harness import eventually
from stories import CLUSTER, DAEMON, deploy, wait_until_covered

INTERVAL_S = 2
PASS_S = 15  # within which a pass must have repaired something, on a slow machine too
AGREE_S = 10  # two passes closer to each other are one opinion

quiet = pytest.mark.stack(
    reconciler_options=("--drift-interval", f"{INTERVAL_S}s"), n_reconcilers=1, latency_ms=0, duplicate=0, reorder=0
)


def arns(entities, key):
    return {entity[key] for entity in entities}


def stored_instances(stack):
    return arns(stack.blox.instances(cluster=CLUSTER), "containerInstanceARN")


def stored_tasks(stack):
    return arns(stack.blox.tasks(cluster=CLUSTER), "taskARN")


def synced(stack, cluster=CLUSTER):
    """The revision at which the last completed pass of the cluster began; 0: there was none."""
    for key, value in stack.redis_client().hgetall("{blox}:cluster").items():
        if key.endswith(f"/{cluster}"):
            return int(value.split("\n")[1].split("\t")[2])
    return 0


def passes(stack, cluster=CLUSTER):
    """How many passes of the cluster have ended."""
    entries = stack.redis_client().xrange("{blox}:log")
    keys = [fields["key"] for _, fields in entries if fields["kind"] == "cluster"]
    return sum(key.endswith(f"/{cluster}") for key in keys)


def wait_for_passes(stack, count):
    """Until so many passes have begun and ended: one more may have been under way."""
    before = passes(stack)
    eventually(lambda: passes(stack) > before + count, (count + 1) * PASS_S, f"{count} passes")


def deletions(stack):
    """The tasks and instances which the log tells were deleted, with the causes."""
    entries = [fields for _, fields in stack.redis_client().xrange("{blox}:log")]
    gone = [fields for fields in entries if fields["kind"] in ("task", "instance") and fields.get("deleted") == "1"]
    return [(fields["key"], fields["cause"]) for fields in gone]


def instance(stack, arn):
    (found,) = [one for one in stack.blox.instances(cluster=CLUSTER) if one["containerInstanceARN"] == arn]
    return found


@quiet
def test_an_attribute_no_event_told_of_is_seen(stack):
    stack.sim.create_cluster(CLUSTER)
    (arn,) = stack.sim.add_instances(CLUSTER)
    eventually(lambda: stored_instances(stack) == {arn}, PASS_S)
    wait_for_passes(stack, 1)
    stack.aws_client("ecs").put_attributes(
        cluster=CLUSTER,
        attributes=[{"name": "stack", "value": "prod", "targetType": "container-instance", "targetId": arn}],
    )
    eventually(lambda: {"name": "stack", "value": "prod"} in instance(stack, arn)["attributes"], PASS_S)


@quiet
def test_a_new_instance_is_described_soon(stack):
    """An event does not say when it registered; Describe does."""
    stack.sim.create_cluster(CLUSTER)
    stack.sim.fault("access-denied", operation="ListClusters")  # drift sees nothing
    (arn,) = stack.sim.add_instances(CLUSTER)
    raw = lambda: stack.redis_client().hget("{blox}:raw:instance", arn) or ""
    eventually(lambda: '"registeredAt"' in raw(), 10)


@quiet
def test_lost_events_are_repaired(stack):
    stack.sim.create_cluster(CLUSTER)
    known = stack.sim.add_instances(CLUSTER, 2)
    running = stack.sim.add_tasks(CLUSTER, count=2, events=True)
    eventually(lambda: stored_tasks(stack) == set(running), PASS_S)
    wait_for_passes(stack, 1)
    stack.sim.fault("event-lost", rate=1)
    (unheard,) = stack.sim.add_instances(CLUSTER)
    more = stack.sim.add_tasks(CLUSTER, count=150, events=True)
    stack.sim.crash_task(running[0])
    stack.sim.change_instance(known[0], status="DRAINING")
    eventually(lambda: stored_instances(stack) == {*known, unheard}, PASS_S)
    eventually(lambda: stored_tasks(stack) == {*running, *more}, PASS_S)
    eventually(lambda: arns(stack.blox.tasks(status="stopped"), "taskARN") == {running[0]}, PASS_S)
    eventually(lambda: instance(stack, known[0])["status"] == "DRAINING", PASS_S)
    assert deletions(stack) == []


@quiet
def test_what_vanished_goes_when_two_passes_agree(stack):
    stack.sim.create_cluster(CLUSTER)
    instances = stack.sim.add_instances(CLUSTER, 4)
    tasks = stack.sim.add_tasks(CLUSTER, count=4, instances=instances)
    eventually(lambda: stored_tasks(stack) == set(tasks), PASS_S)
    stack.sim.vanish_instance(instances[0])
    wait_for_passes(stack, 2)
    assert stored_instances(stack) == set(instances)  # it is young: one pass is not believed
    eventually(lambda: stored_instances(stack) == set(instances[1:]), AGREE_S + PASS_S)
    eventually(lambda: len(stored_tasks(stack)) == 3, PASS_S)
    assert {cause for _, cause in deletions(stack)} == {"drift"}


@quiet
def test_what_ecs_refuses_to_describe_fails_no_pass(stack):
    """One id that ECS takes for none, and it refuses the hundred that are asked for with it."""
    stack.sim.create_cluster(CLUSTER)
    instances = stack.sim.add_instances(CLUSTER, 6)
    eventually(lambda: stored_instances(stack) == set(instances), PASS_S)
    sqs = stack.aws_client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="blox")["QueueUrl"], MessageBody=event(stack, version=1))
    eventually(lambda: len(stored_instances(stack)) == 7, PASS_S)
    wait_for_passes(stack, 1)
    eventually(lambda: stored_instances(stack) == set(instances), AGREE_S + PASS_S)
    ((gone, cause),) = deletions(stack)
    assert gone.endswith("/somebody") and cause == "drift"


@quiet
def test_what_ecs_refuses_for_no_reason_we_see_is_kept(stack):
    """Every Describe is refused; who took that for "missing" would forget everything, and start it anew."""
    stack.sim.create_cluster(CLUSTER)
    instances = stack.sim.add_instances(CLUSTER, 2)
    tasks = stack.sim.add_tasks(CLUSTER, count=4, events=True)
    eventually(lambda: stored_tasks(stack) == set(tasks) and stored_instances(stack) == set(instances), PASS_S)
    wait_for_passes(stack, 1)
    for operation in ("DescribeTasks", "DescribeContainerInstances"):
        stack.sim.fault("invalid", operation=operation)
    (reconciler,) = stack.reconcilers
    eventually(lambda: reconciler.log().count("drift.failed") >= 3, 4 * PASS_S)
    stack.sim.no_faults()
    wait_for_passes(stack, 2)
    assert deletions(stack) == []


@quiet
def test_a_deregistered_instance_is_no_loss(stack):
    """Its event is lost; Describe still knows it as INACTIVE, and nothing is deleted."""
    stack.sim.create_cluster(CLUSTER)
    instances = stack.sim.add_instances(CLUSTER, 2)
    eventually(lambda: stored_instances(stack) == set(instances), PASS_S)
    wait_for_passes(stack, 1)
    stack.sim.fault("event-lost", rate=1)
    for arn in instances:
        stack.sim.remove_instance(arn)
    eventually(lambda: len(stack.blox.instances(status="inactive")) == 2, PASS_S)
    assert deletions(stack) == []


@pytest.mark.stack(
    reconciler_options=("--drift-interval", f"{INTERVAL_S}s"), n_reconcilers=1, latency_ms=0, listing_lag_ms=4000
)
def test_what_a_listing_does_not_show_yet_is_not_deleted(stack):
    stack.sim.create_cluster(CLUSTER)
    instances = stack.sim.add_instances(CLUSTER, 3)
    tasks = stack.sim.add_tasks(CLUSTER, count=30, events=True)
    eventually(lambda: stored_tasks(stack) == set(tasks), PASS_S)
    wait_for_passes(stack, 4)
    assert stored_tasks(stack) == set(tasks) and stored_instances(stack) == set(instances)
    assert deletions(stack) == []


@quiet
def test_a_cluster_that_fails_holds_up_no_other(stack):
    """Passes begin with the first cluster ECS lists, and its calls are refused."""
    stack.sim.create_cluster("broken")
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances("broken")
    eventually(lambda: len(stack.blox.instances()) == 1, PASS_S)
    wait_for_passes(stack, 1)
    stack.sim.fault("event-lost", rate=1)
    stack.sim.fault("access-denied", operation="ListContainerInstances", count=1)
    stack.sim.add_instances(CLUSTER, 2)
    eventually(lambda: len(stored_instances(stack)) == 2, PASS_S)


# ---- lost for long


def ecs_tasks(stack):
    return {task["task"]: task["lastStatus"] for task in stack.sim.tasks(CLUSTER)}


def our_tasks(stack):
    return {task["taskARN"]: task["lastStatus"] for task in stack.blox.tasks(cluster=CLUSTER)}


def active(stack):
    return sorted(one["arn"] for one in stack.sim.instances(CLUSTER) if one["status"] == "ACTIVE")


def living(stack, family):
    return [task["task"] for task in stack.sim.live_tasks(CLUSTER) if checker.family(task) == family]


def trouble(stack, somebody):
    """One turn of everything that happens in a fleet: joins, leaves, crashes, starts and stops."""
    stack.sim.add_instances(CLUSTER, 2)
    stack.sim.remove_instance(active(stack)[0])
    for task in living(stack, DAEMON)[:2]:
        stack.sim.crash_task(task)
    for task in living(stack, "foreign")[:3]:
        stack.sim.crash_task(task)
    stack.sim.add_tasks(CLUSTER, count=5, events=True)
    victims = living(stack, DAEMON)[-1:] + living(stack, "foreign")[-1:]
    for task in victims:
        somebody.stop_task(cluster=CLUSTER, task=task)
    return victims


@pytest.mark.stack(
    reconciler_options=("--drift-interval", f"{INTERVAL_S}s"), duplicate=0, reorder=0, settle_after="6s"
)
def test_a_long_loss_of_events_ends_repaired(stack):
    """No event comes any more, and none comes later: drift alone keeps one daemon everywhere."""
    instances, _ = deploy(stack, 8)
    wait_until_covered(stack, instances, 30)
    somebody = stack.aws_client("ecs")
    stack.sim.fault("event-lost", rate=1)
    victims = []
    for _ in range(6):
        victims += trouble(stack, somebody)
        wait_for_passes(stack, 1)
    lost = stack.sim.counters()["events"]["lost"]
    assert lost > 60, lost
    wait_until_covered(stack, active(stack), 60)
    eventually(lambda: our_tasks(stack) == ecs_tasks(stack), PASS_S, "the tasks as ECS has them")
    assert {call["task"] for call in stack.sim.calls("StopTask")} == set(victims)  # no stop is ours
    assert deletions(stack) == []


# ---- when passes run


def ask(stack, **query):
    return stack.blox.state.post("/v1/reconcile", params=query)


def last_drift(stack):
    """What the API says; `synced` is what the store says."""
    (cluster,) = answer(stack.blox.state.get("/v1/clusters"))["items"]
    return int(cluster["lastDriftRevision"] or 0)


rare = pytest.mark.stack(reconciler_options=("--drift-interval", "1h"), latency_ms=0, duplicate=0, reorder=0)


@rare
def test_a_pass_on_request(stack):
    """Whichever process answers and whichever holds the lease; by name, by ARN, and for all."""
    cluster = stack.sim.create_cluster(CLUSTER)
    eventually(lambda: synced(stack) > 0, PASS_S)
    stack.sim.fault("event-lost", rate=1)
    for query, answered in ({"cluster": CLUSTER}, cluster), ({"cluster": cluster}, cluster), ({}, "all"):
        stack.sim.add_instances(CLUSTER)
        response = ask(stack, **query)
        assert response.status_code == 202, response.text
        assert response.headers["Content-Type"].startswith("application/json")
        asked = response.json()
        assert asked["cluster"] == answered
        eventually(lambda: last_drift(stack) >= int(asked["revision"]), PASS_S)
        eventually(lambda: stored_instances(stack) == {one["arn"] for one in stack.sim.instances(CLUSTER)}, PASS_S)


@rare
def test_a_request_for_all_finds_new_clusters(stack):
    eventually(lambda: len(stack.sim.calls("ListClusters")) > 0, PASS_S)
    stack.sim.fault("event-lost", rate=1)
    stack.sim.create_cluster("young")
    stack.sim.add_instances("young")
    assert ask(stack).status_code == 202
    eventually(lambda: len(stack.blox.instances(cluster="young")) == 1, PASS_S)


@rare
def test_a_cluster_first_heard_of_by_an_event_is_passed_soon(stack):
    """Whichever process heard of it; and once, however many events come."""
    stack.sim.create_cluster("known")
    stack.sim.add_instances("known")
    eventually(lambda: synced(stack, "known") > 0, PASS_S)
    before = stack.sim.last_call()
    names = [f"young-{i}" for i in range(6)]
    for name in names:
        stack.sim.create_cluster(name)
        stack.sim.add_instances(name, 3)
        stack.sim.add_tasks(name, count=30, events=True)
    eventually(lambda: [stack.blox.instances(cluster=name) for name in names].count([]) < len(names), PASS_S)
    eventually(lambda: all(synced(stack, name) for name in names), PASS_S)
    eventually(lambda: all(one["synced"] for one in stack.blox.clusters()), PASS_S)
    assert stack.sim.calls("ListClusters", before) == []
    assert all(passes(stack, name) <= 2 for name in names)  # two: both heard of it before either was done


@rare
def test_requests_that_are_wrong(stack):
    eventually(lambda: synced(stack, "default") >= 0, PASS_S)
    for url, status in (
        ("/v1/reconcile?cluster=nobody", 404),
        ("/v1/reconcile?cluster=no%20name", 400),
        ("/v1/reconcile?cluster=a&cluster=b", 400),
        ("/v1/reconcile?clutser=a", 400),
    ):
        response = stack.blox.state.post(url)
        assert response.status_code == status, url
        assert response.headers["Content-Type"] == "application/problem+json", url
        assert response.json()["status"] == status and response.json()["detail"], url
    assert stack.blox.state.get("/v1/reconcile").status_code == 404


@pytest.mark.stack(
    reconciler_options=("--aws-reads-per-second", "5", "--aws-reads-burst", "1"),
    n_reconcilers=1,
    latency_ms=0,
    duplicate=0,
    reorder=0,
)
def test_a_large_cluster_holds_up_no_small_one(stack):
    stack.reconcilers[0].stop()
    stack.sim.create_cluster("a-large-one")
    stack.sim.add_instances("a-large-one", 100)
    stack.sim.add_tasks("a-large-one", count=3000)
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances(CLUSTER)
    stack.reconcilers[0].start()
    eventually(lambda: synced(stack) > 0, PASS_S)
    assert synced(stack, "a-large-one") == 0
    eventually(lambda: synced(stack, "a-large-one") > 0, 4 * PASS_S)


@pytest.mark.stack(
    reconciler_options=("--aws-reads-burst", "20"), n_reconcilers=1, duplicate=0, reorder=0  # ECS' own: 100
)
def test_a_pass_takes_as_long_as_its_quota(stack):
    """1 + 5 + 30 + 1 listings and 5 + 30 descriptions: 20 at once, 52 at 20 a second."""
    stack.reconcilers[0].stop()
    stack.sim.set(quotas=True)
    stack.sim.fault("event-lost", rate=1)  # an event's instance would be described besides
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances(CLUSTER, 500)
    stack.sim.add_tasks(CLUSTER, count=3000)
    before = stack.sim.last_call()
    stack.reconcilers[0].start()
    eventually(lambda: synced(stack) > 0, 60)
    names = ("ListClusters", "ListContainerInstances", "ListTasks", "DescribeContainerInstances", "DescribeTasks")
    calls = [call for name in names for call in stack.sim.calls(name, before) if call["httpStatus"] == 200]
    assert len(calls) == 72
    took_s = (max(call["mono_us"] for call in calls) - min(call["mono_us"] for call in calls)) / 1e6
    floor_s = (len(calls) - 20) / 20
    assert took_s < 1.15 * floor_s + 0.5
    assert len(our_tasks(stack)) == 3000


# ---- beginning


EVENTS = 6000  # in the log, and again in the queue


@pytest.mark.stack(n_reconcilers=1, latency_ms=0, duplicate=0, reorder=0)
def test_a_start_waits_for_no_history(stack):
    """A long log, and a long queue: passes begin, and the API answers, at once."""
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances(CLUSTER, 50)

    def storm():
        stack.sim.call("POST", "storm", {"cluster": CLUSTER, "tasks": 200, "events": EVENTS})

    def waiting():
        queue = stack.sim.counters()["queues"]["blox"]
        return queue["visible"] + queue["inFlight"]

    storm()
    eventually(lambda: waiting() == 0, 120)
    assert stack.redis_client().xlen("{blox}:log") > EVENTS / 4
    (reconciler,) = stack.reconcilers
    reconciler.stop()
    storm()
    before = synced(stack)
    reconciler.start()
    began = time.monotonic()
    (worker, *_) = stack.api[0].children()
    os.kill(worker, signal.SIGKILL)
    while time.monotonic() < began + 3:
        for api in (stack.blox.state.get("/v1/instances"), stack.blox.scheduler.get("/v1/environments")):
            assert api.status_code == 200 and api.elapsed.total_seconds() < 2, api.text
    eventually(lambda: synced(stack) > before, 10, "the first pass")
    eventually(lambda: stack.api[0].log().count("worker.started") == 2, 5)
    eventually(lambda: waiting() == 0, 120)
    eventually(lambda: our_tasks(stack) == ecs_tasks(stack), PASS_S)


@pytest.mark.stack(n_reconcilers=0)
def test_poison_is_dropped_where_there_is_no_dead_letter_queue(stack):
    sqs = stack.aws_client("sqs")
    url = sqs.create_queue(QueueName="plain")["QueueUrl"]
    stack.sim.create_cluster(CLUSTER)
    good = event(stack, version=1)
    for body in ("poison", "{}", json.dumps({"detail-type": "ECS Service Action"}), good):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    consumer = stack.reconciler("consumer", "--queue", "plain").start()
    stack.reconcilers.append(consumer)  # so that it ends with the others
    eventually(lambda: stack.blox.instances() != [], PASS_S)

    def is_empty():
        queue = stack.sim.counters()["queues"]["plain"]
        return queue["visible"] == 0 and queue["inFlight"] == 0

    eventually(is_empty, PASS_S)
    assert consumer.log().count("event.rejected") == 3


def event(stack, version):
    """An instance's event, from nobody the simulator knows."""
    place = "arn:aws:ecs:us-east-1:123456789012"
    return json.dumps(
        {
            "detail-type": "ECS Container Instance State Change",
            "detail": {
                "clusterArn": f"{place}:cluster/{CLUSTER}",
                "containerInstanceArn": f"{place}:container-instance/{CLUSTER}/somebody",
                "agentConnected": True,
                "status": "ACTIVE",
                "registeredResources": [],
                "remainingResources": [],
                "versionInfo": {},
                "version": version,
            },
        }
    )
