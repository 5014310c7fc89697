"""Lists: large ones, filtered ones, pages, and who has it already; and how all of it grows."""

import http.client
import re
import statistics
import subprocess
import time
import urllib.parse

import measure
from harness import BUILD, eventually
from world import quiet

CLUSTER_ARN = "arn:aws:ecs:us-east-1:123456789012:cluster/bench"
TASKS = "/v1/tasks"
ROUNDS = 5  # of what is measured in turn with its ceiling
PER_COMMIT, BODY_BYTES = 256, 1040  # of the seed: 10,000 tasks are a list of 11 MB
FROM_WORKER = {"If-None-Match": '"another"'}  # nginx sends such a request no copy of its own

# Filters which no task passes, one for each way to find that out.
EMPTY = {
    "status=pending": "a status nobody has",
    "startedBy=nobody": "a starter nobody has",
    "family=nothing": "a family nobody has",
    "startedBy=deployment-7&family=family-8": "two values that exclude each other",
    "query=attribute:stack==prod": "a query, and no instance",
}


def seeded(n_tasks):
    """A stack with so many tasks, and the rate at which they were committed."""
    stack = quiet(n_reconcilers=0).start()
    argv = [BUILD / "tests" / "bench" / "seed", stack.redis_url, CLUSTER_ARN, str(n_tasks)]
    argv += [str(PER_COMMIT), str(BODY_BYTES)]
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    eventually(lambda: count(stack) == n_tasks, 60, f"{n_tasks} tasks")
    return stack, int(re.search(r"(\d+) a second", output).group(1))


def count(stack):
    clusters = stack.blox.clusters()
    return clusters[0]["tasks"]["count"] if clusters else 0


def ready_ms(stack, n_tasks):
    """From the start of blox-api to the first answer with all tasks."""
    (api,) = stack.api
    api.stop()
    began = time.monotonic()
    api.start()
    eventually(lambda: is_ready(stack, n_tasks), 120, "a worker that is ready")
    return (time.monotonic() - began) * 1000


def is_ready(stack, n_tasks):
    try:
        return stack.blox.state.get("/v1/clusters", timeout=3).status_code == 200 and count(stack) == n_tasks
    except OSError:
        return False


def url(stack, query=""):
    return stack.blox.state.url + TASKS + ("?" + urllib.parse.quote(query, "=&") if query else "")


def beside_a_file(stack, ceilings, runs):
    """Milliseconds, measured in turn, for the whole list from the worker and out of nginx' copy, and for a file
    of its size by read and by sendfile; and the size."""
    _, n_bytes = measure.fetch_ms(url(stack), runs=3)  # the second answer is the one that makes the copy
    ways = {
        "worker": lambda: measure.fetch_ms(url(stack), runs, FROM_WORKER)[0],
        "copy": lambda: measure.fetch_ms(url(stack), runs)[0],
        "file": lambda: ceilings.file_ms(n_bytes, runs),
        "sendfile": lambda: ceilings.file_ms(n_bytes, runs, sendfile=True),
    }
    taken = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(times) for name, times in taken.items()}, n_bytes


def empty_ms(stack):
    """The slowest of the filters which let nothing through."""
    return max(measure.fetch_ms(url(stack, query), runs=51)[0] for query in EMPTY)


def middle_of(stack, size=100):
    """The query of a page in the middle of the list."""
    page = stack.blox.state.get(TASKS, params={"maxResults": 1000}).json()
    for _ in range(4):
        if "nextToken" in page:
            token = page["nextToken"]
            page = stack.blox.state.get(TASKS, params={"maxResults": 1000, "nextToken": token}).json()
    return f"maxResults={size}" + (f"&nextToken={page['nextToken']}" if "nextToken" in page else "")


def tag_of(stack, query):
    parts = urllib.parse.urlsplit(url(stack, query))
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    response.read()
    return response.getheader("ETag")


def lists(results):
    """10,000 tasks beside a file; then 100,000."""
    stack, _ = seeded(10000)
    try:
        with measure.Ceilings(stack.dir) as ceilings:
            taken, n_bytes = beside_a_file(stack, ceilings, 9)
            name = f"list of 10,000 tasks, {n_bytes / 1e6:.1f} MB"
            for way, target in (("copy", "ratio >= 0.69"), ("worker", "")):
                said = "unchanged since (ceiling: a file)" if way == "copy" else "after a change"
                results.add(f"{name}, {said}", taken[way], "ms", target, ceiling=taken["file"], samples=9 * ROUNDS)
            results.add("a file of that size, sendfile on", taken["sendfile"], "ms", "", samples=9 * ROUNDS)
            nothing = ceilings.responder_per_s()
            rate = measure.requests_per_s(url(stack, "maxResults=100"))
            results.add("page of 100 of 10,000", rate, "req/s", ">= 3,000", samples=3, smaller_is_better=False)
            header = "If-None-Match: " + tag_of(stack, "maxResults=100")
            rate = measure.requests_per_s(url(stack, "maxResults=100"), header=header)
            results.add(
                "304 (ceiling: the responder)",
                rate,
                "req/s",
                "ratio >= 0.5",
                ceiling=nothing,
                samples=3,
                smaller_is_better=False,
            )
    finally:
        stack.stop(check=False)
    many(results)


def many(results):
    stack, _ = seeded(100000)
    try:
        results.add("100,000 tasks: blox-api started -> ready", ready_ms(stack, 100000), "ms", "<= 1,000")
        worker = stack.api[0].children()[0]
        before = measure.memory_mb(worker)
        results.add("100,000 tasks: memory of the worker", before, "MB", "<= 250")
        for query, name in EMPTY.items():
            taken = measure.fetch_ms(url(stack, query), runs=51)[0]
            results.add(f"... {name}", taken, "ms", "<= 2", samples=51)
        for query, name in (("maxResults=100", "first page of 100"), (middle_of(stack), "later page of 100")):
            rate = measure.requests_per_s(url(stack, query))
            results.add(f"... {name}", rate, "req/s", ">= 3,000", samples=3, smaller_is_better=False)
        with measure.Ceilings(stack.dir) as ceilings:
            taken, n_bytes = beside_a_file(stack, ceilings, 3)
        name = f"... list of all, {n_bytes / 1e6:.0f} MB (ceiling: a file)"
        results.add(name, taken["worker"], "ms", "linear", ceiling=taken["file"], samples=3 * ROUNDS)
        results.add("... memory the lists took for good", measure.memory_mb(worker) - before, "MB", "flat")
    finally:
        stack.stop(check=False)


def growth(results):
    """The same with ten times as many, and again. The last one needs about 4 GB for Redis and a worker."""
    for n_tasks in (1000, 10000, 100000, 1000000):
        stack, rate = seeded(n_tasks)
        try:
            row = f"{n_tasks:,} tasks: "
            results.add(row + "committed", rate, "tasks/s", "")
            results.add(row + "ready", ready_ms(stack, n_tasks), "ms", "")
            results.add(row + "memory of the worker", measure.memory_mb(stack.api[0].children()[0]), "MB", "")
            results.add(row + "memory of Redis", measure.memory_mb(stack.redis.pid), "MB", "")
            taken, n_bytes = measure.fetch_ms(url(stack), 5, FROM_WORKER)
            results.add(row + f"the list, {n_bytes / 1e6:,.0f} MB", taken, "ms", "", samples=5)
            results.add(row + "a filter with no match", empty_ms(stack), "ms", "", samples=51)
            results.add(row + "a page of 100", measure.fetch_ms(url(stack, middle_of(stack)), runs=51)[0], "ms", "", samples=51)
        finally:
            stack.stop(check=False)
