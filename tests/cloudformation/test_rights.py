"""What the task's role may do, as a simulation of IAM's evaluation sees it."""

import pytest

import statements
import tools

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/"
TASK_DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:1"
TASK = "arn:aws:ecs:us-east-1:123456789012:task/c/0123456789abcdef0"
ROLE = "arn:aws:iam::123456789012:role/daemon"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:name"

CASES = [
    ("starts on the managed cluster", "ecs:StartTask", TASK_DEFINITION, {"ecs:cluster": CLUSTER + "managed"}, "Allowed"),
    ("starts on no other", "ecs:StartTask", TASK_DEFINITION, {"ecs:cluster": CLUSTER + "other"}, "ImplicitlyDenied"),
    ("starts on none that is not said", "ecs:StartTask", TASK_DEFINITION, {}, "ImplicitlyDenied"),
    ("stops on the managed cluster", "ecs:StopTask", TASK, {"ecs:cluster": CLUSTER + "managed"}, "Allowed"),
    ("stops on no other", "ecs:StopTask", TASK, {"ecs:cluster": CLUSTER + "other"}, "ImplicitlyDenied"),
    ("describes the managed cluster", "ecs:DescribeClusters", CLUSTER + "managed", {}, "Allowed"),
    ("describes no other", "ecs:DescribeClusters", CLUSTER + "other", {}, "ImplicitlyDenied"),
    ("tags what it starts", "ecs:TagResource", TASK, {"ecs:CreateAction": "StartTask"}, "Allowed"),
    ("tags nothing else", "ecs:TagResource", TASK, {"ecs:CreateAction": "CreateService"}, "ImplicitlyDenied"),
    ("passes roles to tasks", "iam:PassRole", ROLE, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, "Allowed"),
    ("passes none to others", "iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}, "ImplicitlyDenied"),
    ("receives from its queue", "sqs:ReceiveMessage", QUEUE, {}, "Allowed"),
    ("receives from no other", "sqs:ReceiveMessage", QUEUE + "2", {}, "ImplicitlyDenied"),
    ("sends nothing", "sqs:SendMessage", QUEUE, {}, "ImplicitlyDenied"),
    ("registers no task definitions", "ecs:RegisterTaskDefinition", "*", {}, "ImplicitlyDenied"),
]


@pytest.fixture(scope="session")
def answers(project, packages):
    before = statements.TEXTS["ManagedClusters"]
    statements.TEXTS["ManagedClusters"] = "managed"
    try:
        policy = statements.policy_of_role(project.blox, "TaskRole")
    finally:
        statements.TEXTS["ManagedClusters"] = before
    question = [{"policy": policy, "action": action, "resource": resource, "context": context}
                for _, action, resource, context, _ in CASES]
    return dict(zip([case[0] for case in CASES], tools.run_script(packages, "simulate.mjs", question)))


@pytest.mark.parametrize("what,want", [(case[0], case[4]) for case in CASES], ids=[case[0] for case in CASES])
def test_the_task(what, want, answers):
    assert answers[what] == want
