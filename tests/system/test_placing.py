"""Never two and in the end exactly one, whatever happens to the reconciler, its calls and their answers."""

import random
import time

import pytest

import checker
from harness import eventually
from stories import CLUSTER, DAEMON, assert_sound, covered, deploy, wait_until_covered

TAKEOVER_S = 10  # a lease is free 3.5 s after its holder's death


def place_under_kills(stack, seed, settle_s):
    """200 instances join in four groups; while each is being placed both reconcilers die."""
    chance = random.Random(seed)
    instances, _ = deploy(stack, 0)
    for _ in range(4):
        instances += stack.sim.add_instances(CLUSTER, 1)  # once it has its task, somebody holds the lease
        eventually(lambda: instances[-1] in covered(stack), settle_s + TAKEOVER_S)
        instances += stack.sim.add_instances(CLUSTER, 49)
        time.sleep(chance.uniform(0, 0.06))  # before the calls, their effect, their answer, or while that is stored
        for program in stack.reconcilers:
            program.kill()
        for program in stack.reconcilers:
            program.start()
    wait_until_covered(stack, instances, settle_s + 40)
    assert checker.starts(stack.sim.history()) == 200


@pytest.mark.stack(settle_after="6s", listing_lag_ms=3000)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_reconciler_never_places_twice(stack, seed):
    place_under_kills(stack, seed, settle_s=6)


def test_a_killed_reconciler_never_places_twice_with_the_default_settle_time(stack):
    place_under_kills(stack, seed=4, settle_s=60)


def test_a_thousand_instances_get_a_thousand_tasks(stack):
    instances, deployment = deploy(stack, 1000)
    wait_until_covered(stack, instances, 30)
    assert checker.starts(stack.sim.history()) == 1000
    eventually(lambda: stack.blox.deployment(DAEMON, deployment["id"])["status"] == "completed", 20)


def test_an_answer_lost_on_a_kept_connection_is_not_asked_for_again(stack):
    """An HTTP client repeats a request whose kept connection dies; StartTask must not be repeated."""
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 10)  # the connections are open now
    stack.sim.fault("lost-answer", operation="StartTask", count=1)
    instances += stack.sim.add_instances(CLUSTER, 10)
    wait_until_covered(stack, instances, 20)
    eventually(lambda: stack.sim.counters()["calls"]["StartTask"]["lost"] == 1, 5)  # counted when it is over
    assert checker.starts(stack.sim.history()) == 15


@pytest.mark.stack(settle_after="6s", listing_lag_ms=3000)
def test_a_lost_answer_is_settled_by_a_listing_when_its_events_are_lost_too(stack):
    def shown():
        return [task["containerInstanceARN"] for task in stack.blox.tasks(cluster=CLUSTER)]

    instances, _ = deploy(stack, 2)
    wait_until_covered(stack, instances, 10)
    new = stack.sim.add_instances(CLUSTER, 5, agentConnected=False)  # not yet eligible
    stack.sim.set(latencyMs=3000)  # StartTask takes effect 1.5 s after its arrival
    stack.sim.fault("lost-answer", operation="StartTask", count=1)
    for arn in new:
        stack.sim.change_instance(arn, agentConnected=True)
    eventually(lambda: all(entity["agentConnected"] for entity in stack.blox.instances(cluster=CLUSTER)), 10)
    stack.sim.fault("event-lost", rate=1)
    eventually(lambda: stack.sim.counters()["calls"]["StartTask"]["lost"] == 1, 10)
    stack.sim.set(latencyMs=20)
    eventually(lambda: sorted(shown()) == sorted(instances + new), 60, "the tasks, by answers and a listing alone")
    assert_sound(stack, instances + new)
    assert checker.starts(stack.sim.history()) == 7


@pytest.mark.stack(settle_after="6s", listing_lag_ms=3000)
def test_a_call_that_never_arrived_is_made_again_once_that_is_certain(stack):
    stack.sim.fault("close", operation="StartTask", count=1)  # as a lost answer looks, but nothing took effect
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 40)
    assert checker.starts(stack.sim.history()) == 5


@pytest.mark.stack(settle_after="6s", listing_lag_ms=3000)
def test_throttling_and_failures_only_delay(stack):
    instances, _ = deploy(stack, 10)
    stack.sim.fault("throttle", operation="StartTask", rate=0.5)
    stack.sim.fault("error500", operation="StartTask", count=3)
    instances += stack.sim.add_instances(CLUSTER, 40)
    eventually(lambda: any("fault" in call for call in stack.sim.calls("StartTask")), 20)
    wait_until_covered(stack, instances, 90)


@pytest.mark.stack(listing_lag_ms=3000)
def test_a_second_reconciler_takes_over(stack):
    """One of the two holds the lease: whichever it is, it dies once."""
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 10)
    for program in stack.reconcilers:
        program.kill()
        instances += stack.sim.add_instances(CLUSTER, 5)
        wait_until_covered(stack, instances, TAKEOVER_S)
        program.start()


def test_a_reconciler_that_is_told_to_stop_hands_over_at_once(stack):
    instances, _ = deploy(stack, 5)
    wait_until_covered(stack, instances, 10)
    for program in stack.reconcilers:
        assert program.stop() == 0
        instances += stack.sim.add_instances(CLUSTER, 5)
        wait_until_covered(stack, instances, TAKEOVER_S)
        program.start()
