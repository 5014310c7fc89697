"""Cluster queries over 5,000 container instances: what an ordinary one costs, and what one can be made to cost."""

import statistics
import time

from harness import eventually
from world import quiet, CLUSTER

PATH = "/v1/instances"
RUNS = 5
# No value of "path" matches, and there are many ways to find that out: each match takes all the steps it may. (A
# letter instead of the last set would be missed before the first step.)
HOSTILE = "(a+)+[x{}]"
QUERIES = {
    "attribute:stack == prod": "a comparison",
    "attribute:stack =~ pr.*": "a regular expression",
    "attribute:stack == nobody": "a comparison",
    "attribute:stack =~ nob.*": "a regular expression",
    f"attribute:path =~ '{HOSTILE.format(0)}'": "one that backtracks to its limit",
    " or ".join(f"attribute:path =~ '{HOSTILE.format(i)}'" for i in range(8)): "eight of them",
}


def queries(results):
    """Half of the instances match the first two, none the others: what those two cost more is sending."""
    stack = quiet().start()
    try:
        stack.sim.create_cluster(CLUSTER)
        for stack_name in ("prod", "test"):
            stack.sim.add_instances(CLUSTER, 2500, attributes={"stack": stack_name, "path": "a" * 100})
        eventually(lambda: "5,000 match" in ask(stack, "attribute:path exists")[1], 120, "5,000 instances with attributes")
        for query, name in QUERIES.items():
            answers = [ask(stack, query) for _ in range(RUNS)]
            taken = statistics.median(took_ms for took_ms, _ in answers)
            results.add(f"5,000 instances, {answers[0][1]}: {name}", taken, "ms", "", samples=RUNS)
    finally:
        stack.stop(check=False)


def ask(stack, query):
    """Milliseconds to the end of the answer, and what it says."""
    began = time.perf_counter()
    answer = stack.blox.state.get(PATH, params={"query": query})
    took_ms = (time.perf_counter() - began) * 1000
    if answer.status_code == 400 and "too hard" in answer.text:
        return took_ms, "refused"
    assert answer.status_code == 200, answer.text
    return took_ms, f"{len(answer.json()['items']):,} match"
