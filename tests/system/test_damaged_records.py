"""Records which cannot be shown: somebody wrote into the store, or half a restore did."""

import pytest

from clients import answer, instance_arns, task_arns
from harness import eventually
from prometheus import Scrape

DAMAGE = (  # what somebody's hand, or half a restore, may make of a record
    lambda value: "nonsense",
    lambda value: "",
    lambda value: value[:20],
    lambda value: value[:-9],
    lambda value: value.replace("{", "{\n", 1),
)


def counted(programs, kind):
    return [Scrape(program.monitor_url()).sum("blox_view_damaged_total", kind=kind) for program in programs]


@pytest.mark.stack(n_reconcilers=1, duplicate=0, reorder=0, reconciler_options=("--drift-interval", "1h"))
def test_records_which_cannot_be_shown_are_left_out_counted_and_repaired(stack):
    redis, sim, blox = stack.redis_client(), stack.sim, stack.blox
    sim.create_cluster("hurt")
    instances = sim.add_instances("hurt", 6)
    tasks = sim.add_tasks("hurt", count=6, instances=instances, events=True)
    blox.state.post("/v1/reconcile?cluster=hurt")
    eventually(lambda: len(blox.tasks()) == 6 and blox.clusters()[0]["synced"], 20)
    programs = [*stack.api, *stack.reconcilers]
    for program in programs:
        program.stop()
    for kind, keys in (("task", tasks), ("instance", instances)):
        for key, damage in zip(keys[1:], DAMAGE):
            redis.hset(f"{{blox}}:{kind}", key, damage(redis.hget(f"{{blox}}:{kind}", key)))
    redis.hset("{blox}:environment", "ghost", "nonsense")
    sim.fault("access-denied", operation="ListClusters")  # no pass repairs anything yet
    for program in programs:
        program.start()
    eventually(blox.is_ready, 20)
    assert answer(blox.state.get("/v1/tasks/hurt/" + tasks[0]))["entity"]["taskARN"] == tasks[0]
    for api in stack.api:  # nginx asks them in turn
        assert [task["taskARN"] for task in blox.tasks()] == tasks[:1]
        assert [one["containerInstanceARN"] for one in blox.instances()] == instances[:1]
        assert blox.environments() == []
        assert blox.state.get("/v1/tasks/hurt/" + tasks[1]).status_code == 404
        assert api.log().count("view.damaged") == 11
    eventually(lambda: all(n >= 5 for kind in ("task", "instance") for n in counted(programs, kind)), 20)
    eventually(lambda: all(n == 1 for n in counted(programs, "environment")), 20)

    for instance, task in zip(instances[:4], tasks[:4]):  # an event repairs, and one of a whole record is not held up
        sim.change_instance(instance, agentConnected=False)
        sim.crash_task(task)
    eventually(lambda: (task_arns(blox), instance_arns(blox)) == (sorted(tasks[:4]), sorted(instances[:4])), 20)
    sim.no_faults()
    assert blox.state.post("/v1/reconcile?cluster=hurt").status_code == 202  # and a pass repairs the rest
    eventually(lambda: (task_arns(blox), instance_arns(blox)) == (sorted(tasks), sorted(instances)), 20)
