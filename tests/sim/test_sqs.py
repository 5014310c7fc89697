"""Queues: both protocols, visibility, receipts, long polls, dead letters."""
import hashlib
import threading
import time

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from local_aws import ACCOUNT
from test_protocol import check_shape


@pytest.fixture
def queue(sim):
    return sim.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]


class Json:
    """The newer protocol, as the operations' own words have it."""

    def __init__(self, sim, url):
        self.sim, self.url = sim, url

    def __call__(self, operation, **body):
        answer = self.sim.call("sqs", operation, {"QueueUrl": self.url, **body})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"
        return answer.json()


class Query:
    def __init__(self, sim, url):
        self.sim, self.url = sim, url

    def __call__(self, operation, **body):
        method = "".join("_" + c.lower() if c.isupper() else c for c in operation).strip("_")
        answer = getattr(self.sim.sqs, method)(QueueUrl=self.url, **body)
        answer.pop("ResponseMetadata")
        return answer


@pytest.fixture(params=[Json, Query])
def q(request, sim, queue):
    return request.param(sim, queue)


BODY = 'π & <b> "quoted" \\ \n\ttabbed'


def test_a_message_goes_through_unchanged(q):
    sent = q("SendMessage", MessageBody=BODY)
    assert sent["MD5OfMessageBody"] == hashlib.md5(BODY.encode()).hexdigest()
    [got] = q("ReceiveMessage", AttributeNames=["All"])["Messages"]
    assert got["Body"] == BODY and got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert set(got["Attributes"]) == {"SenderId", "SentTimestamp", "ApproximateReceiveCount",
                                      "ApproximateFirstReceiveTimestamp"}
    q("DeleteMessage", ReceiptHandle=got["ReceiptHandle"])
    assert "Messages" not in q("ReceiveMessage")


def test_a_hidden_message_comes_back_with_a_new_receipt_and_a_higher_count(q):
    q("SendMessage", MessageBody="x")
    [first] = q("ReceiveMessage", VisibilityTimeout=2)["Messages"]
    assert "Messages" not in q("ReceiveMessage")
    [again] = q("ReceiveMessage", WaitTimeSeconds=20, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert again["MessageId"] == first["MessageId"]
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    q("DeleteMessage", ReceiptHandle=first["ReceiptHandle"])  # succeeds, and deletes nothing
    q("ChangeMessageVisibility", ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=0)
    assert q("ReceiveMessage")["Messages"]


def test_batches(q):
    sent = q("SendMessageBatch", Entries=[{"Id": str(i), "MessageBody": f"m{i}"} for i in range(10)])
    assert [s["Id"] for s in sent["Successful"]] == [str(i) for i in range(10)]
    got = q("ReceiveMessage", MaxNumberOfMessages=10)["Messages"]
    assert len(got) == 10
    entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(got)]
    entries[3]["ReceiptHandle"] = "nonsense"
    done = q("DeleteMessageBatch", Entries=entries)
    assert len(done["Successful"]) == 9
    [failed] = done["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == (
        "3", "ReceiptHandleIsInvalid", True)
    attributes = q("GetQueueAttributes", AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_json_answers_have_the_models_shape(sim, queue):
    q, model = Json(sim, queue), sim.sqs.meta.service_model
    for operation, body in [
            ("SendMessage", {"MessageBody": "x"}),
            ("SendMessageBatch", {"Entries": [{"Id": "1", "MessageBody": "x"}]}),
            ("ReceiveMessage", {"AttributeNames": ["All"], "MaxNumberOfMessages": 10}),
            ("GetQueueAttributes", {"AttributeNames": ["All"]}),
            ("GetQueueUrl", {"QueueName": "q"}), ("ListQueues", {}),
            ("CreateQueue", {"QueueName": "r"})]:
        shape = model.operation_model(operation).output_shape
        for key, value in q(operation, **body).items():
            check_shape(shape.members[key], value, key)


def test_a_long_poll_ends_with_the_first_message(sim, q):
    began = time.monotonic()
    threading.Timer(0.5, lambda: Query(sim, q.url)("SendMessage", MessageBody="x")).start()
    assert q("ReceiveMessage", WaitTimeSeconds=20)["Messages"]
    assert 0.4 < time.monotonic() - began < 15


def test_a_long_poll_ends_empty_when_its_time_is_over(q):
    began = time.monotonic()
    assert "Messages" not in q("ReceiveMessage", WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - began < 15


def test_a_poller_that_went_away_takes_no_message_with_it(sim, queue):
    impatient = sim.client("sqs", read_timeout=0.3)
    with pytest.raises(ReadTimeoutError):
        impatient.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    impatient.close()
    sim.sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert sim.sqs.receive_message(QueueUrl=queue)["Messages"]


def test_poison_goes_to_the_dead_letters(sim):
    grave = sim.sqs.get_queue_url(QueueName="blox-dlq")["QueueUrl"]
    policy = sim.sqs.get_queue_attributes(
        QueueUrl=sim.queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    assert '"maxReceiveCount":5' in policy and ":blox-dlq" in policy
    sim.control("POST", "/events", {"body": "poison"})
    for _ in range(5):
        assert sim.messages(VisibilityTimeout=0)
    assert not sim.messages()
    [dead] = sim.sqs.receive_message(QueueUrl=grave)["Messages"]
    assert dead["Body"] == "poison"
    counters = sim.control("GET", "/counters")["queues"]
    assert counters["blox"]["deadLettered"] == 1 and counters["blox-dlq"]["inFlight"] == 1


def test_delays_and_purges(sim, queue):
    sim.sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=2)
    assert "Messages" not in sim.sqs.receive_message(QueueUrl=queue)
    assert sim.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    sim.sqs.send_message(QueueUrl=queue, MessageBody="x")
    sim.sqs.purge_queue(QueueUrl=queue)
    assert "Messages" not in sim.sqs.receive_message(QueueUrl=queue)


@pytest.mark.parametrize("operation, body, json_code, query_code", [
    ("ReceiveMessage", {"QueueUrl": "http://h/1/none"}, "QueueDoesNotExist",
     "AWS.SimpleQueueService.NonExistentQueue"),
    ("GetQueueUrl", {"QueueName": "none"}, "QueueDoesNotExist",
     "AWS.SimpleQueueService.NonExistentQueue"),
    ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValue", "InvalidParameterValue"),
    ("ReceiveMessage", {"WaitTimeSeconds": 21}, "InvalidParameterValue", "InvalidParameterValue"),
    ("DeleteMessage", {"ReceiptHandle": "x"}, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    ("DeleteMessageBatch", {"Entries": []}, "EmptyBatchRequest",
     "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("DeleteMessageBatch", {"Entries": [{"Id": str(i), "ReceiptHandle": "x"} for i in range(11)]},
     "TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("DeleteMessageBatch", {"Entries": [{"Id": "1", "ReceiptHandle": "x"}] * 2},
     "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
])
def test_errors_in_both_protocols(sim, queue, operation, body, json_code, query_code):
    body = {"QueueUrl": queue, **body}
    answer = sim.call("sqs", operation, body)
    assert answer.status_code == 400
    assert answer.json()["__type"] == f"com.amazonaws.sqs#{json_code}"
    assert answer.headers["x-amzn-query-error"] == f"{query_code};Sender"
    if operation == "GetQueueUrl":
        body.pop("QueueUrl")
    method = "".join("_" + c.lower() if c.isupper() else c for c in operation).strip("_")
    with pytest.raises(ClientError) as caught:
        getattr(sim.sqs, method)(**body)
    assert caught.value.response["Error"]["Code"] == query_code
    assert caught.value.response["Error"]["Type"] == "Sender"


def test_queue_urls_name_the_account_and_the_host_that_was_asked(sim, queue):
    assert queue == f"{sim.url}/{ACCOUNT}/q"


def test_pollers_share_the_messages(sim, queue):
    for i in range(30):
        sim.sqs.send_message(QueueUrl=queue, MessageBody=str(i))
    seen = []

    def poll():
        client = sim.client("sqs")
        while batch := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=3).get("Messages"):
            seen.extend(m["Body"] for m in batch)

    threads = [threading.Thread(target=poll) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seen, key=int) == [str(i) for i in range(30)]
