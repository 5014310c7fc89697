"""Too much of what is wrong: messages nobody can use, and connections nobody uses."""

import json
import os
import pathlib
import random
import re
import resource
import socket
import struct
import time

import pytest

from clients import answer
from harness import eventually
from prometheus import Scrape
from stream_client import TASKS, Stream

REGION, ACCOUNT = "us-east-1", "123456789012"
CLUSTER = "flooded"
MIB = 1024 * 1024


def resident_kib(pid, peak=False):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)[1])


# ---- messages ----------------------------------------------------------------------------------


def event(name, **differences):
    """A task's event as ECS would send it now; `detail` in differences is merged."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    place = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    detail = {
        "clusterArn": f"{place}:cluster/{CLUSTER}",
        "taskArn": f"{place}:task/{CLUSTER}/{name}",
        "taskDefinitionArn": f"{place}:task-definition/flood:1",
        "containers": [],
        "overrides": {},
        "createdAt": now,
        "desiredStatus": "RUNNING",
        "lastStatus": "RUNNING",
        "version": 2,
    } | differences.pop("detail", {})
    envelope = {
        "version": "0",
        "id": "9bcdac79-b31f-4d3d-9410-fbd727c29fab",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": ACCOUNT,
        "region": REGION,
        "time": now,
        "resources": [],
    }
    return json.dumps(envelope | differences | {"detail": detail})


def moved(**place):
    """An event which is of one piece, but of another account or region."""
    text = event("forged")
    return text.replace(REGION, place.get("region", REGION)).replace(ACCOUNT, place.get("account", ACCOUNT))


def truncated(dice):
    text = event("truncated")
    return text[: dice.randrange(1, len(text) - 1)]


def sns_wrapped():
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": event("wrapped")})


KINDS = [  # each with the reason it is rejected for
    ("not_json", lambda dice: dice.choice(["nonsense", "{", "\t", "[1,]", '"\\x"'])),
    ("not_json", truncated),
    ("not_json", lambda dice: "[" * dice.randrange(600, 20_000)),
    ("not_json", lambda dice: '{"detail":' * 2000 + "{}" + "}" * 2000),
    ("unrecognized", lambda dice: sns_wrapped()),
    ("unrecognized", lambda dice: json.dumps({"detail-type": "ECS Service Action", "detail": {}})),
    ("unrecognized", lambda dice: dice.choice(["[]", "{}", "7", "null"])),
    ("malformed", lambda dice: event("malformed", detail={"version": "2"})),
    ("malformed", lambda dice: event("malformed", detail={"taskArn": "arn:aws:s3:::bucket"})),
    ("incomplete", lambda dice: event("incomplete", detail={"lastStatus": None})),
    ("foreign", lambda dice: event("forged", source="my.app")),
    ("foreign", lambda dice: event("forged", account="999999999999")),
    ("foreign", lambda dice: event("forged", region="eu-west-1")),
    ("foreign", lambda dice: moved(account="999999999999")),
    ("foreign", lambda dice: moved(region="eu-west-1")),
]
LARGE = [
    ("not_json", lambda dice: "x" * MIB),
    ("not_json", lambda dice: '"' * MIB),  # twice as long on the wire
    ("not_json", lambda dice: "[" * MIB),
    ("unrecognized", lambda dice: json.dumps({"detail-type": "x" * (MIB - 100)})),
    ("incomplete", lambda dice: event("large", detail={"startedBy": "x" * (MIB - 2000)})),
]


def send(sqs, url, bodies):
    for i in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[i : i + 10])]
        sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert "Failed" not in sent, sent["Failed"]


def is_empty(stack, queue):
    now = stack.sim.counters()["queues"][queue]
    return now["visible"] == now["inFlight"] == 0


@pytest.mark.stack(n_reconcilers=0, duplicate=0, reorder=0)
def test_a_flood_of_bad_messages_holds_up_no_good_one(stack):
    """Each is counted by its reason; without a dead-letter queue it is dropped, with one it ends there."""
    dice = random.Random(5)
    sqs = stack.aws_client("sqs")
    url = sqs.create_queue(QueueName="flood")["QueueUrl"]
    grave = sqs.get_queue_url(QueueName="blox-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=grave, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    poisoned = sqs.create_queue(QueueName="poisoned", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    stack.sim.create_cluster(CLUSTER)
    send(sqs, poisoned, [make(dice) for _, make in KINDS])  # first: its visibility timeout is 30 s
    patient = stack.reconciler("patient", "--queue", "poisoned")
    stack.reconcilers.append(patient.start())  # so that it ends with the others

    want = {reason: 0 for reason, _ in KINDS}
    bodies, large = [], []
    for target, kinds, n in ((bodies, KINDS, 2100), (large, LARGE, 60)):
        for i in range(n):
            reason, make = kinds[i % len(kinds)]
            want[reason] += 1
            target.append(make(dice))
    good = [event(f"good-{i}") for i in range(500)]
    mixed = bodies + good
    dice.shuffle(mixed)
    send(sqs, url, mixed)
    for body in large:
        stack.sim.call("POST", "events", {"body": body, "queue": "flood"})
    last = event("good-last")
    send(sqs, url, [last])

    consumer = stack.reconciler("flooded", "--queue", "flood")
    consumer.env = consumer.env | {"ASAN_OPTIONS": "quarantine_size_mb=1:" + consumer.env.get("ASAN_OPTIONS", "")}
    began = time.monotonic()
    stack.reconcilers.append(consumer.start())

    def counted(program):
        found = Scrape(program.monitor_url())
        return {reason: found.sum("blox_events_rejected_total", reason=reason) for reason in want}

    eventually(lambda: is_empty(stack, "flood"), 60, "an empty queue")
    eventually(lambda: counted(consumer) == want, 10)
    names = {f"good-{i}" for i in range(500)} | {"good-last"}
    eventually(lambda: {task["taskARN"].rpartition("/")[2] for task in stack.blox.tasks()} == names, 20)
    assert answer(stack.blox.state.get("/v1/clusters"))["items"][0]["tasks"]["count"] == len(names)
    assert resident_kib(consumer.pid, peak=True) < 400 * 1024
    lines = consumer.log().count("event.rejected")
    assert 1 <= lines <= 20 * (1 + (time.monotonic() - began) // 30), "the log is flooded"

    eventually(lambda: sum(counted(patient).values()) == len(KINDS), 10)
    eventually(lambda: stack.sim.counters()["queues"]["poisoned"]["deadLettered"] == len(KINDS), 45)
    assert is_empty(stack, "poisoned")
    assert sum(counted(patient).values()) == len(KINDS), "logged and counted once"


# ---- connections -------------------------------------------------------------------------------

N_IDLE = 3000  # connections of which nothing comes
N_SLOW = 1200  # requests of which the body never comes
N_STREAMS = 1200


@pytest.fixture
def many_descriptors():
    """Ours, too, are limited."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(port, text=b""):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(text)
    return connection


def vanish(connection):
    """Without a word of farewell: what comes now finds nobody."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def workers(stack):
    return [pid for api in stack.api for pid in api.children()]


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def slowest(stack, n=30):
    """The longest of n requests on connections of their own."""
    times = []
    for _ in range(n):
        response = stack.blox.state.get("/v1/instances")
        assert response.status_code == 200
        times.append(response.elapsed.total_seconds())
    return max(times)


@pytest.mark.stack(n_reconcilers=0)
def test_thousands_who_connect_and_say_nothing(stack, many_descriptors):
    """nginx keeps them from the workers, for its ten seconds; everybody else is served as before."""
    nginx = [stack.nginx.pid, *stack.nginx.children()]
    before = descriptors(nginx), descriptors(workers(stack)), sum(map(resident_kib, nginx))
    halves = (b"", b"GET /v1/tasks HT", b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    idle = [connect(stack.state_port, halves[i % 3]) for i in range(N_IDLE)]
    eventually(lambda: descriptors(nginx) >= N_IDLE, 10, "all connections accepted")
    assert slowest(stack) < 5  # the others wait ten
    assert descriptors(workers(stack)) <= before[1] + 2
    assert sum(map(resident_kib, nginx)) < before[2] + 64 * 1024
    for connection in idle[: N_IDLE // 2]:
        vanish(connection)
    eventually(lambda: descriptors(nginx) <= before[0] + N_IDLE // 2 + 2, 5, "those who vanished are forgotten")
    eventually(lambda: descriptors(nginx) <= before[0] + 2, 15, "the others after client_header_timeout")
    assert slowest(stack) < 5  # the others wait ten
    for connection in idle[N_IDLE // 2 :]:
        connection.close()


@pytest.mark.stack(n_reconcilers=0)
def test_who_sends_bodies_drop_by_drop_keeps_nobody_else_out(stack, many_descriptors):
    """nginx waits for each drop. One address may wait so for half of what it takes at once; the other half is for others."""
    head = b"POST /v1/reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    slow = [connect(stack.state_port, head) for _ in range(N_SLOW)]
    eventually(lambda: stack.blox.state.get("/v1/tasks").status_code == 503, 10, "this address has its share")
    others = socket.create_connection(("127.0.0.1", stack.state_port), timeout=60, source_address=("127.0.0.2", 0))
    others.sendall(b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert others.recv(12) == b"HTTP/1.1 200"
    assert stack.blox.state.get("/livez").status_code == 200
    for connection in [others, *slow]:
        vanish(connection)
    eventually(lambda: stack.blox.state.get("/v1/tasks").status_code == 200, 5)


@pytest.mark.stack(n_reconcilers=0)
def test_thousands_of_streams_which_vanish(stack, many_descriptors):
    pids = workers(stack)
    before = descriptors(pids), sum(map(resident_kib, pids))
    request = b"GET /v1/stream/tasks?heartbeat=1 HTTP/1.1\r\nHost: x\r\n\r\n"

    def streams():
        return sum(Scrape(api.monitor_url()).sum("blox_streams") for api in stack.api)

    for _ in range(2):
        open_ones = [connect(stack.state_port, request) for _ in range(N_STREAMS)]
        for connection in open_ones[::2]:
            assert connection.recv(12) == b"HTTP/1.1 200"
        eventually(lambda: streams() == N_STREAMS, 20, "all streams")
        assert slowest(stack) < 5  # the others wait ten
        for connection in open_ones:
            vanish(connection)
        eventually(lambda: streams() == 0, 20, "no stream")
        eventually(lambda: descriptors(pids) <= before[0] + 2, 10, "the workers' descriptors")
    assert pids == workers(stack), "nobody was restarted"
    assert sum(map(resident_kib, pids)) < before[1] + 96 * 1024  # freed memory which the sanitizer keeps included


def opens(stack):
    with Stream(stack.blox.state, TASKS) as stream:
        return stream.status == 200


@pytest.mark.stack(n_reconcilers=0, n_api=1)
def test_a_worker_without_descriptors_goes_on(stack):
    """More streams than it may have: those it has live on, the others get an error or wait, and lists are served."""
    (worker,) = workers(stack)
    used = descriptors([worker])
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + 20, used + 20))
    request = b"GET /v1/stream/tasks?heartbeat=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    crowd = [connect(stack.state_port, request) for _ in range(60)]
    eventually(lambda: descriptors([worker]) >= used + 18, 10, "hardly a descriptor left")
    began = time.process_time(), cpu_s(worker)
    time.sleep(1)
    assert cpu_s(worker) - began[1] < 0.5, "it does not spin"
    for connection in crowd:
        vanish(connection)
    eventually(lambda: descriptors([worker]) <= used + 2, 15, "the descriptors")
    eventually(lambda: stack.blox.state.get("/v1/tasks").status_code == 200, 15)
    eventually(lambda: opens(stack), 15)
    assert workers(stack) == [worker], "it was not restarted"


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
