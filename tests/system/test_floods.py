"""Too much of what is wrong: messages nobody can use, and connections nobody uses."""

import json
import pathlib
import random
import re
import time

import pytest

from clients import answer
from harness import eventually
from prometheus import Scrape

REGION, ACCOUNT = "us-east-1", "123456789012"
CLUSTER = "flooded"
MIB = 1024 * 1024


def resident_kib(pid, peak=False):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)[1])


# ---- messages ----------------------------------------------------------------------------------


def event(name, **differences):
    """A task's event as ECS would send it; `detail` in differences is merged."""
    place = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    detail = {
        "clusterArn": f"{place}:cluster/{CLUSTER}",
        "taskArn": f"{place}:task/{CLUSTER}/{name}",
        "taskDefinitionArn": f"{place}:task-definition/flood:1",
        "containers": [],
        "overrides": {},
        "createdAt": "2026-11-20T12:00:00.000Z",
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
        "time": "2026-11-20T12:00:00Z",
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
    stack.reconcilers.append(consumer.start())
    began = time.monotonic()

    def counted(program):
        found = Scrape(program.monitor_url())
        return {reason: found.sum("blox_events_rejected_total", reason=reason) for reason in want}

    eventually(lambda: is_empty(stack, "flood"), 60, "an empty queue")
    assert counted(consumer) == want
    names = {f"good-{i}" for i in range(500)} | {"good-last"}
    eventually(lambda: {task["taskARN"].rpartition("/")[2] for task in stack.blox.tasks()} == names, 20)
    assert answer(stack.blox.state.get("/v1/clusters"))["items"][0]["tasks"]["count"] == len(names)
    assert resident_kib(consumer.pid, peak=True) < 400 * 1024
    lines = consumer.log().count("event.rejected")
    assert 1 <= lines <= 20 * (1 + (time.monotonic() - began) // 30), "the log is flooded"

    assert sum(counted(patient).values()) == len(KINDS)
    eventually(lambda: stack.sim.counters()["queues"]["poisoned"]["deadLettered"] == len(KINDS), 45)
    assert is_empty(stack, "poisoned")
    assert sum(counted(patient).values()) == len(KINDS), "logged and counted once"
