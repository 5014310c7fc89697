"""Which events the rule lets into the queue: both templates' patterns against real event bodies."""

import json

import pytest

from places import TOP

VECTORS = TOP / "tests" / "vectors" / "events"
ACCEPTED = sorted(path.parent.name for path in VECTORS.glob("*/event.json") if not path.parent.name.startswith("rejected-"))


def matches(pattern, event):
    """EventBridge's rule for the patterns we use: each member of the pattern lists the values it may have."""
    for key, want in pattern.items():
        if key not in event:
            return False
        have = event[key]
        if isinstance(want, dict):
            if not isinstance(have, dict) or not matches(want, have):
                return False
        elif not any(one in want for one in (have if isinstance(have, list) else [have])):
            return False
    return True


@pytest.fixture(params=["blox.yaml", "local.yaml"])
def pattern(request, project):
    found = project.templates[request.param]["Resources"]["Rule"]["Properties"]["EventPattern"]
    for _, want in found.items():
        assert isinstance(want, list) and all(isinstance(one, str) for one in want), "a pattern which `matches` does not know"
    return found


def _event(name):
    return json.loads((VECTORS / name / "event.json").read_text(encoding="utf-8"))


def test_there_are_real_events():
    assert {"task-sample", "task-sample-fargate", "instance-sample"} <= set(ACCEPTED)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_blox_applies_passes(pattern, name):
    assert matches(pattern, _event(name))


@pytest.mark.parametrize("change", [
    {"detail-type": "ECS Service Action"},
    {"detail-type": "ECS Deployment State Change"},
    {"detail-type": "AWS API Call via CloudTrail"},
    {"detail-type": "ecs task state change"},
    {"source": "aws.ec2"},
    {"source": "my.test"},
    {"source": "aws.ecs.copy"},
], ids=str)
def test_other_events_do_not_pass(pattern, change):
    assert not matches(pattern, {**_event("task-sample"), **change})


@pytest.mark.parametrize("missing", ["source", "detail-type"])
def test_an_event_without_a_member_does_not_pass(pattern, missing):
    event = _event("task-sample")
    del event[missing]
    assert not matches(pattern, event)


def test_a_service_action_as_ecs_sends_it_does_not_pass(pattern):
    assert not matches(pattern, _event("rejected-service-action"))


def test_both_templates_let_the_same_in(project):
    one, other = (project.templates[name]["Resources"]["Rule"]["Properties"]["EventPattern"] for name in ("blox.yaml", "local.yaml"))
    assert one == other
