"""botocore's models and Debian's aws CLI judge the protocol: each operation is driven by both."""
import datetime
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from local_aws import ACCOUNT, REGION

NOBODY = "0123456789abcdef0123456789abcdef"  # the id of nothing
CONTAINER = {"name": "app", "image": "example/app:1", "memory": 64, "cpu": 32, "stopTimeout": 1,
             "portMappings": [{"containerPort": 80}],
             "environment": [{"name": "A", "value": "b"}]}
SCALARS = {"string": str, "integer": int, "long": int, "double": (int, float), "boolean": bool,
           "timestamp": (int, float)}


def check_shape(shape, value, where="answer"):
    """Every member is one the model knows, with the type it says."""
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), where
        for key, member in value.items():
            assert key in shape.members, f"{where}: the model has no {key}"
            check_shape(shape.members[key], member, f"{where}.{key}")
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{where}: {missing} missing"
    elif kind == "list":
        assert isinstance(value, list), where
        for each in value:
            check_shape(shape.member, each, f"{where}[]")
    elif kind == "map":
        assert isinstance(value, dict), where
        for each in value.values():
            check_shape(shape.value, each, f"{where}{{}}")
    else:
        assert isinstance(value, SCALARS[kind]), f"{where}: {value!r} is no {kind}"
        if kind == "string" and getattr(shape, "enum", None):
            assert value in shape.enum, f"{where}: {value}"


def ecs_script(sim):
    """Each ECS operation with an input, in an order that makes sense."""
    sim.cluster("p")
    one, two = sim.instances(2, "p", attributes={"stack": "prod"})
    family = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/app"
    yield "CreateCluster", {"clusterName": "q"}
    yield "DescribeClusters", {"clusters": ["q", "nowhere"]}
    yield "ListClusters", {}
    yield "RegisterTaskDefinition", {"family": "app", "containerDefinitions": [CONTAINER]}
    yield "RegisterTaskDefinition", {"family": "app", "networkMode": "host", "cpu": "64",
                                     "memory": "128", "containerDefinitions": [CONTAINER]}
    yield "DescribeTaskDefinition", {"taskDefinition": "app"}
    yield "ListTaskDefinitions", {"familyPrefix": "app"}
    yield "ListTaskDefinitionFamilies", {"status": "ALL"}
    yield "ListContainerInstances", {"cluster": "p", "status": "ACTIVE"}
    yield "DescribeContainerInstances", {"cluster": "p", "containerInstances": [one, NOBODY]}
    yield "PutAttributes", {"cluster": "p", "attributes": [
        {"name": "zone", "value": "z", "targetId": one}]}
    yield "ListAttributes", {"cluster": "p", "targetType": "container-instance",
                             "attributeName": "zone"}
    yield "DeleteAttributes", {"cluster": "p", "attributes": [{"name": "zone", "targetId": one}]}
    yield "UpdateContainerInstancesState", {"cluster": "p", "containerInstances": [two],
                                            "status": "DRAINING"}
    yield "StartTask", {"cluster": "p", "taskDefinition": f"{family}:1",
                        "containerInstances": [one, "nobody"], "startedBy": "me", "group": "g",
                        "overrides": {"containerOverrides": [{"name": "app", "command": ["x"]}]},
                        "tags": [{"key": "k", "value": "v"}]}
    task = sim.control("GET", "/tasks", cluster="p")["tasks"][0]["task"]
    sim.wait_for(task, "RUNNING", "p")
    yield "ListTasks", {"cluster": "p", "family": "app"}
    yield "DescribeTasks", {"cluster": "p", "tasks": [task, NOBODY], "include": ["TAGS"]}
    yield "StopTask", {"cluster": "p", "task": task, "reason": "enough"}
    sim.wait_for(task, "STOPPED", "p")
    yield "DescribeTasks", {"cluster": "p", "tasks": [task]}
    yield "DeregisterContainerInstance", {"cluster": "p", "containerInstance": two, "force": True}
    yield "DeregisterTaskDefinition", {"taskDefinition": "app:1"}
    yield "DescribeTaskDefinition", {"taskDefinition": "app:1"}
    yield "DeleteCluster", {"cluster": "q"}


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")


def test_every_ecs_answer_has_the_models_shape(sim):
    model = sim.ecs.meta.service_model
    driven = set()
    for operation, body in ecs_script(sim):
        answer = sim.call("ecs", operation, body)
        assert answer.status_code == 200, (operation, answer.text)
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
        assert answer.headers["x-amzn-RequestId"]
        check_shape(model.operation_model(operation).output_shape, answer.json(), operation)
        driven.add(operation)
    assert len(driven) == 20


def test_botocore_drives_every_ecs_operation(sim):
    for operation, body in ecs_script(sim):
        answer = getattr(sim.ecs, snake(operation))(**body)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert len(answer) > 1, operation
    task = sim.control("GET", "/tasks", cluster="p")["tasks"][0]["task"]
    found = sim.ecs.describe_tasks(cluster="p", tasks=[task], include=["TAGS"])["tasks"][0]
    assert isinstance(found["createdAt"], datetime.datetime)
    assert found["createdAt"] <= found["startedAt"] <= found["stoppingAt"] <= found["stoppedAt"]
    assert found["overrides"]["containerOverrides"][0]["command"] == ["x"]
    assert found["tags"] == [{"key": "k", "value": "v"}] and found["group"] == "g"
    [binding] = found["containers"][0]["networkBindings"]
    assert binding["containerPort"] == 80 and binding["hostPort"] >= 32768
    described = sim.ecs.describe_task_definition(taskDefinition="app:2")["taskDefinition"]
    assert described["revision"] == 2 and described["status"] == "ACTIVE"
    assert described["containerDefinitions"][0]["environment"] == CONTAINER["environment"]
    gone = sim.ecs.describe_task_definition(taskDefinition="app:1")["taskDefinition"]
    assert gone["status"] == "INACTIVE" and gone["deregisteredAt"]
    assert sim.ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"] == [
        gone["taskDefinitionArn"]]


def dashes(name):
    return snake(name).replace("_", "-")


def cli_flags(body):
    for key, value in body.items():
        if isinstance(value, bool):
            yield f"--{'' if value else 'no-'}{dashes(key)}"
            continue
        yield f"--{dashes(key)}"
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            yield from value
        else:
            yield value if isinstance(value, str) else json.dumps(value)


def keys(value):
    """The structure without the values."""
    if isinstance(value, dict):
        return {k: keys(v) for k, v in value.items()}
    return [keys(v) for v in value] if isinstance(value, list) else None


READS = ("Describe", "List")


def test_the_aws_cli_drives_every_ecs_operation_and_sees_what_botocore_sees(sim):
    with ThreadPoolExecutor(4) as pool:
        waiting = []

        def join():
            for operation, body, cli in waiting:
                answer = getattr(sim.ecs, snake(operation))(**body)
                answer.pop("ResponseMetadata")
                assert keys(cli.result()) == keys(answer), operation
            waiting.clear()

        for operation, body in ecs_script(sim):
            flags = list(cli_flags(body))
            if operation.startswith(READS):
                waiting.append((operation, body, pool.submit(
                    sim.aws, "ecs", dashes(operation), *flags)))
            else:
                join()
                sim.aws("ecs", dashes(operation), *flags)
        join()


def test_the_aws_cli_drives_every_sqs_operation(sim):
    aws = lambda operation, *flags: sim.aws("sqs", operation, *flags)
    url = aws("create-queue", "--queue-name", "q", "--attributes", "VisibilityTimeout=5")["QueueUrl"]
    assert url == aws("get-queue-url", "--queue-name", "q")["QueueUrl"]
    at = ("--queue-url", url)
    sent = aws("send-message", *at, "--message-body", "hello <&> \"world\"")
    [got] = aws("receive-message", *at, "--attribute-names", "All", "--wait-time-seconds", "1")["Messages"]
    assert got["Body"] == "hello <&> \"world\"" and got["MessageId"] == sent["MessageId"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    handle = ("--receipt-handle", got["ReceiptHandle"])
    aws("change-message-visibility", *at, *handle, "--visibility-timeout", "30")
    aws("delete-message", *at, *handle)
    aws("send-message-batch", *at, "--entries", "Id=1,MessageBody=a", "Id=2,MessageBody=b")
    [a, b] = aws("receive-message", *at, "--max-number-of-messages", "10")["Messages"]
    entries = [f"Id={i},ReceiptHandle={m['ReceiptHandle']}" for i, m in enumerate((a, b))]
    done = aws("change-message-visibility-batch", *at, "--entries",
               *(f"{e},VisibilityTimeout=20" for e in entries))
    assert len(done["Successful"]) == 2
    assert len(aws("delete-message-batch", *at, "--entries", *entries)["Successful"]) == 2
    aws("set-queue-attributes", *at, "--attributes", "VisibilityTimeout=7")
    with ThreadPoolExecutor(4) as pool:
        attributes = pool.submit(aws, "get-queue-attributes", *at, "--attribute-names", "All")
        listed = pool.submit(aws, "list-queues", "--queue-name-prefix", "q")
        purged = pool.submit(aws, "purge-queue", *at)
        assert attributes.result()["Attributes"]["VisibilityTimeout"] == "7"
        assert listed.result()["QueueUrls"] == [url] and purged.result() == {}
    assert aws("delete-queue", *at) == {}


@pytest.mark.parametrize("operation, body, code", [
    ("StartTask", {"cluster": "c", "containerInstances": "x", "taskDefinition": "d"},
     "SerializationException"),
    ("StartTask", {"cluster": "c", "containerInstances": [1], "taskDefinition": "d"},
     "SerializationException"),
    ("ListTasks", {"cluster": "c", "maxResults": "ten"}, "SerializationException"),
    ("ListTasks", {"cluster": "nowhere"}, "ClusterNotFoundException"),
    ("DescribeTasks", {"cluster": "c", "tasks": [NOBODY, "None"]}, "InvalidParameterException"),
    ("DescribeContainerInstances", {"cluster": "c", "containerInstances": [f"d/{NOBODY}"]},
     "InvalidParameterException"),
    ("RunTask", {}, "UnknownOperationException"),
    ("RegisterTaskDefinition", {"family": "x", "containerDefinitions": []},
     "InvalidParameterException"),
    ("RegisterTaskDefinition", {"family": "x", "containerDefinitions": [{"name": "a", "image": "i"}]},
     "ClientException"),
])
def test_errors_are_aws_shaped(sim, operation, body, code):
    answer = sim.call("ecs", operation, body)
    assert answer.status_code == 400 and answer.json()["__type"] == code
    assert answer.json()["message"] and answer.headers["x-amzn-RequestId"]


def test_a_body_that_is_no_json_is_refused(sim):
    answer = sim.call("ecs", "ListTasks", [1])
    assert answer.json()["__type"] == "SerializationException"
    assert sim.http.post(sim.url, data="x").status_code == 404


def test_a_body_that_is_too_large_gets_413(sim):
    assert sim.http.post(sim.url, data="x" * (5 << 20)).status_code == 413
