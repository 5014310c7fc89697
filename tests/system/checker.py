"""Judges what happened by the simulator's history alone; shares no code with the product.

A transition is one change of one task, in the order ECS knew them."""

from collections import Counter, defaultdict


def is_live(transition):
    return transition["desiredStatus"] == "RUNNING" and transition["lastStatus"] != "STOPPED"


def family(transition):
    return transition["taskDefinition"].rpartition("/")[2].rpartition(":")[0]


def most_at_once(transitions, only=lambda transition: True):
    """The largest number of tasks that ever lived at the same time, for each instance."""
    live = defaultdict(set)
    most = Counter()
    for transition in transitions:
        if not only(transition):
            continue
        tasks = live[transition["instance"]]
        if is_live(transition):
            tasks.add(transition["task"])
        else:
            tasks.discard(transition["task"])
        most[transition["instance"]] = max(most[transition["instance"]], len(tasks))
    return most


def live_at_end(transitions, only=lambda transition: True):
    """How many tasks live in the end, for each instance that ever had one."""
    last = {transition["task"]: transition for transition in transitions if only(transition)}
    return Counter(transition["instance"] for transition in last.values() if is_live(transition))


def starts(transitions, only=lambda transition: True):
    """How many tasks were ever started."""
    return len({transition["task"] for transition in transitions if only(transition)})


def assert_never_two(transitions, name):
    """No instance ever had two living tasks of the family."""
    most = most_at_once(transitions, lambda transition: family(transition) == name)
    doubled = {instance: n for instance, n in most.items() if n > 1}
    assert not doubled, f"{len(doubled)} instances had more than one {name} at a time: {doubled}"


def assert_exactly_one(transitions, name, instances):
    """In the end each of these instances has one living task of the family, and no other instance has."""
    live = live_at_end(transitions, lambda transition: family(transition) == name)
    wrong = {instance: live[instance] for instance in instances if live[instance] != 1}
    assert not wrong, f"instances without exactly one {name}: {wrong}"
    assert set(+live) == set(instances), f"{name} elsewhere: {set(+live) - set(instances)}"
