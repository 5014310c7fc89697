"""Words the stories share: a fleet of instances under one daemon, and what must be true of it in the end."""

import re

import checker
from harness import eventually

CLUSTER = "fleet"
DAEMON = "agent"  # the task definition's family and the environment's name


def deploy(stack, n_instances, **definition):
    """A cluster of n_instances and the daemon's deployment; gives the instances and the deployment."""
    stack.sim.create_cluster(CLUSTER)
    stack.sim.register_task_definition(DAEMON, **definition)
    instances = stack.sim.add_instances(CLUSTER, n_instances) if n_instances else []
    return instances, stack.blox.deploy(DAEMON, CLUSTER, DAEMON)


def covered(stack, cluster=CLUSTER, family=DAEMON):
    """The instances with a living task of the daemon, one entry a task."""
    tasks = stack.sim.live_tasks(cluster)
    return sorted(task["instance"] for task in tasks if checker.family(task) == family)


def wait_until_covered(stack, instances, within_s):
    """Each instance has exactly one task at the simulator; and there never were two."""
    eventually(lambda: covered(stack) == sorted(instances), within_s, f"one task on each of {len(instances)}")
    assert_sound(stack, instances)


def assert_sound(stack, instances, family=DAEMON):
    history = stack.sim.history()
    checker.assert_never_two(history, family)
    checker.assert_exactly_one(history, family, instances)


def wait_until_seen(stack, instances, within_s=10):
    """The cluster state service shows each instance with its RUNNING daemon."""

    def seen():
        tasks = stack.blox.tasks(cluster=CLUSTER, status="running")
        return sorted(task["containerInstanceARN"] for task in tasks) == sorted(instances)

    eventually(seen, within_s, "a RUNNING task on each instance in the cluster state")


def daemon_on(stack, instance):
    """The ARN of the daemon's living task there."""
    (task,) = [task for task in stack.sim.live_tasks(CLUSTER, instance) if checker.family(task) == DAEMON]
    return task["task"]


def restart_nginx(stack, **changed):
    """With other limits: zone=number."""
    stack.nginx.stop()
    file = stack.dir / "nginx" / "param" / "limits.conf"
    text = file.read_text()
    for zone, n in changed.items():
        text, found = re.subn(rf"limit_conn {zone} \d+;", f"limit_conn {zone} {n};", text)
        assert found == 1
    file.write_text(text)
    stack.nginx.start()
    eventually(stack.blox.is_ready, 20)
