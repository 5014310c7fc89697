"""What the measurements share: the table, and the worlds they are taken in."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "system"))

from harness import Stack  # noqa: E402

CLUSTER = "bench"


class Results:
    """The rows of the table."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, target, ceiling=None, samples=1, smaller_is_better=True):
        """`ceiling` is the same thing measured without us; the ratio is what we reach of it."""
        ratio = None
        if ceiling:
            ratio = round(ceiling / value if smaller_is_better else value / ceiling, 3)
        row = {"name": name, "value": round(value, 3), "unit": unit}
        row |= {"ceiling": None if ceiling is None else round(ceiling, 3), "ratio": ratio, "samples": samples}
        self.rows.append(row)
        print(f"{name:<58} {value:>12,.2f} {unit:<9} ", end="")
        print(f"{'' if ceiling is None else format(ceiling, ',.1f'):>12} {'' if ratio is None else ratio:>7}  {target}")


def quiet(**options):
    """A stack with one of each and nothing in its way."""
    settings = dict(n_api=1, workers=1, n_reconcilers=1, latency_ms=0, duplicate=0, reorder=0)
    return Stack(**(settings | options))


def fleet(stack, n_instances):
    stack.sim.create_cluster(CLUSTER)
    stack.sim.register_task_definition("agent")
    return stack.sim.add_instances(CLUSTER, n_instances) if n_instances else []


def deploy(stack, name="agents"):
    return stack.blox.deploy(name, CLUSTER, "agent")
