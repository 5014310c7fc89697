"""The checker finds what it is for, and nothing else."""

import pytest

import checker


def history(*changes):
    """Each change: task, instance, desired and last status."""
    return [
        {
            "task": task,
            "instance": instance,
            "desiredStatus": desired,
            "lastStatus": last,
            "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:1",
        }
        for task, instance, desired, last in changes
    ]


REPLACED = history(
    ("a", "i-1", "RUNNING", "PENDING"),
    ("a", "i-1", "RUNNING", "RUNNING"),
    ("a", "i-1", "STOPPED", "RUNNING"),
    ("a", "i-1", "STOPPED", "STOPPED"),
    ("b", "i-1", "RUNNING", "PENDING"),
)
DOUBLED = history(
    ("a", "i-1", "RUNNING", "PENDING"),
    ("b", "i-2", "RUNNING", "PENDING"),
    ("c", "i-1", "RUNNING", "PENDING"),
    ("c", "i-1", "STOPPED", "STOPPED"),
)


def test_one_after_the_other_is_not_two():
    checker.assert_never_two(REPLACED, "agent")
    checker.assert_exactly_one(REPLACED, "agent", ["i-1"])


def test_two_at_once_are_found_even_when_one_has_gone():
    checker.assert_exactly_one(DOUBLED, "agent", ["i-1", "i-2"])
    with pytest.raises(AssertionError, match="i-1"):
        checker.assert_never_two(DOUBLED, "agent")


def test_another_family_does_not_count():
    checker.assert_never_two(DOUBLED, "other")


def test_a_missing_task_is_found():
    with pytest.raises(AssertionError, match="i-3"):
        checker.assert_exactly_one(DOUBLED, "agent", ["i-1", "i-2", "i-3"])


def test_a_task_elsewhere_is_found():
    with pytest.raises(AssertionError, match="elsewhere"):
        checker.assert_exactly_one(DOUBLED, "agent", ["i-1"])


def test_starts_are_counted_by_task():
    assert checker.starts(DOUBLED) == 3
