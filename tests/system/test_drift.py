"""What no event tells, or told in vain: ECS' state and ours meet again at the next pass."""

import json

import pytest

from harness import eventually
from stories import CLUSTER

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


def wait_for_passes(stack, count):
    """Until so many passes more have begun, and the last but one is over."""
    before = len(stack.sim.calls("ListClusters"))
    eventually(lambda: len(stack.sim.calls("ListClusters")) >= before + count, count * PASS_S, f"{count} passes")


def deletions(stack):
    """The keys of the log's deletions, with their causes."""
    entries = stack.redis_client().xrange("{blox}:log")
    return [(fields["key"], fields["cause"]) for _, fields in entries if fields.get("deleted") == "1"]


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
