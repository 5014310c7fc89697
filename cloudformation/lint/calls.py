"""Compares the AWS calls in the code with what the task's role allows."""

import re

import statements

# What we call: operations in the sources, which stand there as texts.
OPERATION = re.compile(r'"((?:Change|Delete|Describe|Get|List|Put|Receive|Send|Start|Stop|Tag|Untag)[A-Z][A-Za-z]+)"')
SOURCES = {"src/aws/ecs.c": "ecs", "src/aws/sqs.c": "sqs"}
# The action of IAM, where it has another name than the operation.
ACTIONS = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage", "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility"}
# What the role may do although no call in the code asks for it.
EXTRAS = {
    "ecs:PutAttributes": "marks of daemons on instances, which other schedulers' placement constraints can read",
    "ecs:DeleteAttributes": "takes such marks away",
    "ecs:TagResource": "a StartTask that tags its tasks, as one with propagated tags does, needs it",
    "iam:PassRole": "StartTask needs it for the roles in the daemons' task definitions",
    "sqs:ChangeMessageVisibility": "gives messages back before their time",
    "elasticfilesystem:ClientMount": "Fargate mounts /data in the name of the task",
    "elasticfilesystem:ClientWrite": "Redis writes there",
}


def _called(project):
    found = set()
    for name, service in SOURCES.items():
        for operation in OPERATION.findall(project.text(name) or ""):
            action = f"{service}:{operation}"
            found.add(ACTIONS.get(action, action))
    return found


def check(project):
    allowed = set()
    for statement in statements.of_template("blox.yaml", project.blox):
        if statement["where"].startswith("TaskRole.") and statement["effect"] == "Allow" and not statement["trust"]:
            allowed |= set(statement["actions"])
    called = _called(project)
    for action in sorted(called - allowed):
        yield "blox.yaml", "TaskRole", f"the code calls {action}, which is not allowed"
    for action in sorted(allowed - called - set(EXTRAS)):
        yield "blox.yaml", "TaskRole", f"allows {action}, which the code does not call and cloudformation/lint/calls.py does not explain"
    for action in sorted(set(EXTRAS) & called):
        yield "blox.yaml", "TaskRole", f"cloudformation/lint/calls.py explains {action}, which the code does call"
