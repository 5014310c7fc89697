"""Instances that join, drain, lose their agent and leave; tasks that crash; environments that meet or come again."""

import pytest

import checker
from harness import eventually
from stories import CLUSTER, DAEMON, assert_sound, covered, daemon_on, deploy, wait_until_covered, wait_until_seen

SOON_S = 10


def test_an_instance_that_joins_gets_the_daemon(stack):
    instances, deployment = deploy(stack, 3)
    wait_until_covered(stack, instances, SOON_S)
    for count in (1, 3, 15):
        instances += stack.sim.add_instances(CLUSTER, count)
        wait_until_covered(stack, instances, SOON_S)
    wait_until_seen(stack, instances)
    assert {task["startedBy"] for task in stack.blox.tasks(cluster=CLUSTER)} == {deployment["id"]}


def test_a_deployment_on_an_empty_cluster_completes_and_acts_later(stack):
    _, deployment = deploy(stack, 0)
    eventually(lambda: stack.blox.deployment(DAEMON, deployment["id"])["status"] == "completed", SOON_S)
    instances = stack.sim.add_instances(CLUSTER, 3)
    wait_until_covered(stack, instances, SOON_S)


def test_instances_that_leave_are_forgotten(stack):
    instances, _ = deploy(stack, 4)
    wait_until_covered(stack, instances, SOON_S)
    for arn in instances[:2]:
        stack.sim.remove_instance(arn)
    wait_until_covered(stack, instances[2:], SOON_S)
    eventually(lambda: len(stack.blox.instances(cluster=CLUSTER, status="active")) == 2, SOON_S)


def test_a_task_that_ends_is_replaced(stack):
    instances, _ = deploy(stack, 4)
    wait_until_covered(stack, instances, SOON_S)
    wait_until_seen(stack, instances)
    stack.sim.crash_task(daemon_on(stack, instances[0]))
    stack.aws_client("ecs").stop_task(cluster=CLUSTER, task=daemon_on(stack, instances[1]))
    eventually(lambda: checker.starts(stack.sim.history()) == 6, 30, "two new tasks")
    wait_until_covered(stack, instances, SOON_S)


def test_a_task_that_crashes_again_and_again_is_started_ever_more_slowly(stack):
    instances, deployment = deploy(stack, 1)
    wait_until_covered(stack, instances, SOON_S)
    for _ in range(4):
        (arn,) = eventually(lambda: [task["task"] for task in stack.sim.live_tasks(CLUSTER)], 60)
        stack.sim.crash_task(arn)
    wait_until_covered(stack, instances, 60)
    starts = [call["mono_us"] for call in stack.sim.calls("StartTask")]
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    assert gaps[-1] > gaps[0]


def test_a_daemon_leaves_a_draining_instance_last(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, SOON_S)
    drained = instances[0]
    (foreign,) = stack.sim.add_tasks(CLUSTER, instances=[drained], events=True)
    ours = daemon_on(stack, drained)
    eventually(lambda: foreign in [task["taskARN"] for task in stack.blox.tasks(cluster=CLUSTER)], SOON_S)
    stack.sim.change_instance(drained, status="DRAINING")
    eventually(lambda: len(stack.blox.instances(cluster=CLUSTER, status="draining")) == 1, SOON_S)
    instances += stack.sim.add_instances(CLUSTER, 1)  # when this one has its task, the draining one was decided on
    eventually(lambda: covered(stack) == sorted(instances), SOON_S)
    assert daemon_on(stack, drained) == ours
    stack.sim.crash_task(foreign)
    wait_until_covered(stack, instances[1:], SOON_S)

    def stopped():
        changes = [change for change in stack.sim.history() if change["lastStatus"] == "STOPPED"]
        return [change["task"] for change in changes if change["task"] in (ours, foreign)]

    eventually(lambda: stopped() == [foreign, ours], SOON_S)


def test_an_instance_whose_agent_is_away_keeps_its_task_and_gets_no_new_one(stack):
    instances, _ = deploy(stack, 2)
    wait_until_covered(stack, instances, SOON_S)
    wait_until_seen(stack, instances)
    stack.sim.change_instance(instances[0], agentConnected=False)
    (away,) = stack.sim.add_instances(CLUSTER, 1, agentConnected=False)
    instances += stack.sim.add_instances(CLUSTER, 2)
    wait_until_covered(stack, instances, SOON_S)
    assert not stack.sim.live_tasks(CLUSTER, away)
    stack.sim.change_instance(away, agentConnected=True)
    wait_until_covered(stack, [*instances, away], SOON_S)
    assert checker.starts(stack.sim.history()) == 5


def test_an_instance_without_room_is_reported_and_does_not_hold_up_the_others(stack):
    (small,) = make_cluster_with_a_small_instance(stack)
    instances, deployment = deploy(stack, 3, memory=1024)
    wait_until_covered(stack, instances, SOON_S)

    def reported():
        return stack.blox.deployment(DAEMON, deployment["id"])["failedInstances"] == [small]

    eventually(reported, SOON_S, "the instance in failedInstances")
    assert stack.blox.environment(DAEMON)["health"] == "unhealthy"
    stack.sim.remove_instance(small)
    eventually(lambda: stack.blox.environment(DAEMON)["health"] == "healthy", SOON_S)
    assert stack.blox.deployment(DAEMON, deployment["id"])["failedInstances"] == []


def make_cluster_with_a_small_instance(stack):
    stack.sim.create_cluster(CLUSTER)
    return stack.sim.add_instances(CLUSTER, 1, memory=512)


def test_two_environments_on_one_cluster(stack):
    instances, _ = deploy(stack, 5)
    stack.sim.register_task_definition("shipper")
    stack.blox.deploy("shipper", CLUSTER, "shipper")
    wait_until_covered(stack, instances, SOON_S)
    eventually(lambda: covered(stack, family="shipper") == sorted(instances), SOON_S)
    assert_sound(stack, instances, family="shipper")
    instances += stack.sim.add_instances(CLUSTER, 5)
    wait_until_covered(stack, instances, SOON_S)
    eventually(lambda: covered(stack, family="shipper") == sorted(instances), SOON_S)


def test_tasks_that_are_not_ours_are_never_stopped(stack):
    stack.sim.create_cluster(CLUSTER)
    definition = stack.sim.register_task_definition(DAEMON)
    instances = stack.sim.add_instances(CLUSTER, 3)
    foreign = stack.sim.add_tasks(CLUSTER, count=3, taskDefinition=definition, startedBy="somebody", events=True)
    deployment = stack.blox.deploy(DAEMON, CLUSTER, DAEMON)

    def ours():
        live = stack.sim.live_tasks(CLUSTER)
        return sorted(task["instance"] for task in live if task["startedBy"] == deployment["id"])

    eventually(lambda: ours() == sorted(instances), SOON_S)
    stack.blox.delete_environment(DAEMON)
    assert set(foreign) <= {task["task"] for task in stack.sim.live_tasks(CLUSTER)}
    assert not stack.sim.calls("StopTask")


def test_a_deleted_environment_leaves_its_tasks_and_starts_no_more(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, SOON_S)
    stack.blox.delete_environment(DAEMON)
    stack.sim.add_instances(CLUSTER, 2)
    stack.sim.register_task_definition("witness")  # once it is everywhere, all the rest was decided on
    stack.blox.deploy("witness", CLUSTER, "witness")
    eventually(lambda: len(covered(stack, family="witness")) == 5, SOON_S)
    assert_sound(stack, instances)


def test_an_environment_that_comes_again_on_another_cluster_forgets_the_first(stack):
    instances, _ = deploy(stack, 3)
    wait_until_covered(stack, instances, SOON_S)
    stack.blox.delete_environment(DAEMON)
    stack.sim.create_cluster("second")
    others = stack.sim.add_instances("second", 4)
    deployment = stack.blox.deploy(DAEMON, "second", DAEMON)
    eventually(lambda: covered(stack, "second") == sorted(others), SOON_S)
    stack.sim.add_instances(CLUSTER, 1)
    eventually(lambda: len(stack.blox.instances(cluster=CLUSTER)) == 4, SOON_S)
    others += stack.sim.add_instances("second", 1)
    eventually(lambda: covered(stack, "second") == sorted(others), SOON_S)
    assert covered(stack) == sorted(instances)

    def targets():
        calls = [call for call in stack.sim.calls("StartTask") if call["startedBy"] == deployment["id"]]
        return {arn for call in calls for arn in call["instanceArns"]}

    eventually(lambda: targets() == set(others), SOON_S)
    assert [found["id"] for found in stack.blox.deployments(DAEMON)] == [deployment["id"]]


@pytest.mark.stack(duplicate=0.5, reorder=0.5)
def test_a_storm_of_doubled_and_reordered_events_ends_in_the_truth(stack):
    stack.sim.create_cluster(CLUSTER)
    stack.sim.add_instances(CLUSTER, 20)
    stack.sim.call("POST", "storm", {"cluster": CLUSTER, "tasks": 200, "events": 2000})

    def shown():
        return {task["taskARN"]: (task["lastStatus"], task["desiredStatus"]) for task in stack.blox.tasks()}

    def truth():
        return {task["task"]: (task["lastStatus"], task["desiredStatus"]) for task in stack.sim.tasks(CLUSTER)}

    eventually(lambda: shown() == truth(), 30, "the state of every task")
    assert len(shown()) >= 200
