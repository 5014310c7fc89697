"""Cluster queries over 5,000 container instances: what an ordinary one costs, and what one can be made to cost."""

import urllib.parse

import measure
from harness import eventually
from world import quiet, CLUSTER

PATH = "/v1/instances"
# No value of "path" ends in it, and there are many ways to find that out: each match takes all the steps it may.
HOSTILE = "(a+)+" + "x"
QUERIES = {
    "attribute:stack == prod": "a comparison",
    "attribute:stack =~ pr.*": "a regular expression",
    f"attribute:path =~ '{HOSTILE}'": "a regular expression that backtracks to its limit",
    " or ".join(f"attribute:path =~ '{HOSTILE}{i}'" for i in range(8)): "eight of them",
}


def queries(results):
    """Half of the instances match the first two, none the others."""
    stack = quiet().start()
    try:
        stack.sim.create_cluster(CLUSTER)
        for stack_name in ("prod", "test"):
            stack.sim.add_instances(CLUSTER, 2500, attributes={"stack": stack_name, "path": "a" * 100})
        eventually(lambda: matches(stack, "attribute:path exists") == 5000, 120, "5,000 instances with their attributes")
        for query, name in QUERIES.items():
            taken, _ = measure.fetch_ms(url(stack, query), runs=5)
            n = matches(stack, query)
            results.add(f"5,000 instances, {n:,} match: {name}", taken, "ms", "", samples=5)
    finally:
        stack.stop(check=False)


def url(stack, query):
    return stack.blox.state.url + PATH + "?query=" + urllib.parse.quote(query)


def matches(stack, query):
    answer = stack.blox.state.get(PATH, params={"query": query})
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])
