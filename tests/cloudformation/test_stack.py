"""The templates launched: against a fake AWS, as far as that goes."""

import json

import botocore.session
import pytest

from places import REGION

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/blox@sha256:" + 64 * "a"
# Attributes which the fake AWS does not have; they are in no output.
NOT_MODELLED = {
    "AccessPoint.Arn": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0",
    "PrivateRoute1.CidrBlock": "0.0.0.0/0",
    "PrivateRoute2.CidrBlock": "0.0.0.0/0",
}


def modelled(node):
    """A template as the fake AWS understands it."""
    if isinstance(node, dict):
        if list(node) == ["Fn::GetAtt"]:
            return NOT_MODELLED.get(".".join(node["Fn::GetAtt"]), node)
        if list(node) == ["Fn::Sub"] and isinstance(node["Fn::Sub"], str):
            text = node["Fn::Sub"]
            for name, value in NOT_MODELLED.items():
                text = text.replace("${" + name + "}", value)
            return {"Fn::Sub": text}
        return {key: modelled(value) for key, value in node.items()}
    return [modelled(item) for item in node] if isinstance(node, list) else node


@pytest.fixture
def client(moto):
    session = botocore.session.get_session()

    def make(service):
        return session.create_client(service, region_name=REGION, endpoint_url=moto, aws_access_key_id="test",
                                     aws_secret_access_key="test")

    return make


def _launch(client, name, document, **parameters):
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(modelled(document)), Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()])
    stack, = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return [(output["OutputKey"], output["OutputValue"]) for output in stack["Outputs"]]


def test_the_whole_stack(client, project):
    outputs = _launch(client, "whole", project.blox, ImageUri=IMAGE)
    assert outputs[0][0] == "RestApiUrl"
    found = dict(outputs)
    assert found["RestApiUrl"] == f"https://{found['RestApiId']}.execute-api.{REGION}.amazonaws.com/blox"
    definition = client("ecs").describe_services(cluster=found["ClusterName"], services=[found["ServiceName"]])
    service, = definition["services"]
    assert service["desiredCount"] == 1
    task = client("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert [one["name"] for one in task["containerDefinitions"]] == ["redis", "api", "nginx", "reconciler"]
    assert {one["image"] for one in task["containerDefinitions"]} == {IMAGE}
    queue = client("sqs").get_queue_attributes(QueueUrl=found["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 5
    api = client("apigateway")
    resource, = [one for one in api.get_resources(restApiId=found["RestApiId"])["items"] if one["path"] == "/{proxy+}"]
    method = api.get_method(restApiId=found["RestApiId"], resourceId=resource["id"], httpMethod="ANY")
    assert (method["authorizationType"], method["methodIntegration"]["type"]) == ("AWS_IAM", "AWS_PROXY")


def test_another_network_makes_none(client, project):
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
               for i, zone in enumerate("ab")]
    before = len(ec2.describe_vpcs()["Vpcs"])
    outputs = dict(_launch(client, "guest", project.blox, ImageUri=IMAGE, VpcId=vpc, SubnetIds=",".join(subnets)))
    assert len(ec2.describe_vpcs()["Vpcs"]) == before
    assert outputs["State"].startswith("fs-")


def test_the_queue_alone(client, project):
    outputs = dict(_launch(client, "local", project.templates["local.yaml"], QueueName="mine"))
    assert outputs["QueueName"] == "mine" and outputs["QueueUrl"].endswith("/mine")
    events = client("events")
    for detail_type in ("ECS Task State Change", "ECS Service Action"):
        events.put_events(Entries=[{"Source": "aws.ecs", "DetailType": detail_type, "Detail": "{}"}])
    messages = client("sqs").receive_message(QueueUrl=outputs["QueueUrl"], MaxNumberOfMessages=10).get("Messages", [])
    assert [json.loads(message["Body"])["detail-type"] for message in messages] == ["ECS Task State Change"]


def test_the_repository(client, project):
    outputs = dict(_launch(client, "repository", project.templates["repository.yaml"], RepositoryName="team/blox"))
    assert outputs["RepositoryUri"].endswith("/team/blox")
    repository, = client("ecr").describe_repositories(repositoryNames=["team/blox"])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
