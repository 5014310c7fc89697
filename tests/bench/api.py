"""Single reads and one list, beside nginx and libfcgi that do nothing."""

import lists
import measure
from harness import eventually
from world import fleet, quiet, CLUSTER


def api(results):
    """Reads through nginx with 10,000 tasks; then the memory with 25,000."""
    stack = quiet().start()
    try:
        fleet(stack, 1000)
        task = stack.sim.add_tasks(CLUSTER, count=10000, events=True)[0]
        eventually(lambda: len(stack.blox.tasks(cluster=CLUSTER)) == 10000, 120)
        stack.blox.create_environment("agents", CLUSTER, "agent")
        with measure.Ceilings(stack.dir) as ceilings:
            nothing = ceilings.responder_per_s()
            results.add("nginx, return 200", ceilings.nginx_per_s(), "req/s", "", samples=3)
            results.add("trivial libfcgi responder behind our nginx.conf", nothing, "req/s", "", samples=3)
            for name, url in (
                ("one task", f"{stack.blox.state.url}/v1/tasks/{CLUSTER}/{task}"),
                ("one environment", f"{stack.blox.scheduler.url}/v1/environments/agents"),
            ):
                rate = measure.requests_per_s(url)
                results.add(
                    f"{name} through nginx (ceiling: the responder)",
                    rate,
                    "req/s",
                    "ratio >= 0.7",
                    ceiling=nothing,
                    samples=3,
                    smaller_is_better=False,
                )
            taken, n_bytes = measure.fetch_ms(f"{stack.blox.state.url}/v1/tasks", 9, lists.FROM_WORKER)
            results.add(
                f"list of 10,000 tasks, {n_bytes / 1e6:.1f} MB (ceiling: a file from nginx)",
                taken,
                "ms",
                "<= 30",
                ceiling=ceilings.file_ms(n_bytes),
                samples=9,
            )
        stack.sim.add_tasks(CLUSTER, count=15000, events=True)
        eventually(lambda: len(stack.blox.tasks(cluster=CLUSTER)) == 25000, 120)
        results.add("memory of an API worker, 25,000 tasks", measure.memory_mb(stack.api[0].children()[0]), "MB", "<= 80")
        results.add("memory of the reconciler, 25,000 tasks", measure.memory_mb(stack.reconcilers[0].pid), "MB", "<= 80")
    finally:
        stack.stop(check=False)
