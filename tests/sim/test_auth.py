"""Signatures are verified on every call, in both protocols."""
import json

import pytest
import requests
from botocore.exceptions import ClientError
from local_aws import KEY, SECRET, sign

HEADERS = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
           "Content-Type": "application/x-amz-json-1.1"}


def send(sim, change=lambda headers: None, body="{}", path="/", **signing):
    request = sign("ecs", sim.url + path, dict(HEADERS), body, **signing)
    headers = dict(request.headers)
    body = change(headers) or request.body
    return requests.post(request.url, data=body, headers=headers)


def code(answer):
    assert answer.status_code == 400, answer.text
    return answer.json()["__type"]


def test_a_good_signature_passes(sim):
    assert send(sim).status_code == 200
    assert send(sim, path="/a/../b%20c//?z=1&a=%2F").status_code == 200


def test_a_wrong_secret_is_refused(sim):
    assert code(send(sim, secret="wrong")) == "InvalidSignatureException"


def test_an_unknown_key_is_refused(sim):
    assert code(send(sim, key="AKIDOTHER")) == "UnrecognizedClientException"


def test_a_changed_body_is_refused(sim):
    assert code(send(sim, lambda h: '{"maxResults":1}')) == "InvalidSignatureException"


def test_a_changed_header_is_refused(sim):
    def change(headers):
        headers["X-Amz-Target"] = "AmazonEC2ContainerServiceV20141113.ListTasks"
    assert code(send(sim, change)) == "InvalidSignatureException"


def test_a_call_without_signature_is_refused(sim):
    assert code(send(sim, lambda h: h.pop("Authorization") and None)) == \
        "MissingAuthenticationTokenException"


@pytest.mark.parametrize("value", ["Basic abc", "AWS4-HMAC-SHA256 Credential=a/b/c",
                                   "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
                                   "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"])
def test_half_a_signature_is_refused(sim, value):
    assert code(send(sim, lambda h: h.update(Authorization=value))) == "IncompleteSignatureException"


@pytest.mark.parametrize("minutes, passes", [(-6, False), (-4, True), (4, True), (6, False)])
def test_the_clock_may_be_five_minutes_off(sim, set_clock, minutes, passes):
    set_clock(minutes)
    answer = send(sim)
    assert answer.ok == passes
    if not passes:
        assert code(answer) == "InvalidSignatureException"
        assert ("expired" if minutes < 0 else "not yet current") in answer.json()["message"]


def test_the_scope_has_to_be_right(sim):
    assert code(send(sim, region="eu-west-1")) == "InvalidSignatureException"
    request = sign("sqs", sim.url + "/", dict(HEADERS), "{}")
    answer = requests.post(request.url, data=request.body, headers=dict(request.headers))
    assert code(answer) == "InvalidSignatureException"


def test_a_session_token_is_asked_for_when_there_is_one(start_sim):
    sim = start_sim(token="the-token")
    assert sim.ecs.list_clusters()["clusterArns"] == []
    assert send(sim, token="the-token").status_code == 200
    assert code(send(sim)) == "UnrecognizedClientException"
    assert code(send(sim, token="another")) == "UnrecognizedClientException"


def test_a_session_token_nobody_knows_is_refused(sim):
    assert code(send(sim, token="any")) == "UnrecognizedClientException"


@pytest.mark.parametrize("overrides, expected", [
    ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
    ({"aws_access_key_id": "OTHER"}, "InvalidClientTokenId"),
    ({"aws_session_token": "any"}, "InvalidClientTokenId"),
    ({"region_name": "eu-west-1"}, "SignatureDoesNotMatch"),
])
def test_the_query_protocol_is_refused_in_its_own_words(sim, overrides, expected):
    with pytest.raises(ClientError) as caught:
        sim.client("sqs", **overrides).list_queues()
    assert caught.value.response["Error"]["Code"] == expected
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_json_protocol_of_sqs_is_refused_too(sim):
    answer = sim.call("sqs", "ListQueues", {}, secret="wrong")
    assert answer.status_code == 403 and answer.json()["__type"].endswith("#InvalidSignatureException")


def test_what_was_refused_took_no_effect(sim):
    instance = sim.instances()[0]
    answer = sim.call("ecs", "StartTask", {"cluster": "c", "taskDefinition": "d",
                                           "containerInstances": [instance]}, secret="wrong")
    assert code(answer) == "InvalidSignatureException"
    assert sim.control("GET", "/tasks", cluster="c")["tasks"] == []
    assert json.loads(answer.text) and KEY not in answer.text and SECRET not in answer.text
