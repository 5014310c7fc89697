"""The acceptance scenarios of Blox v0.3.0, one test an item, by their numbers; streams (31, 32, 48, 49) are in test_streams.py."""

import uuid
from types import SimpleNamespace

import pytest

from harness import eventually

WITHIN_S = 10  # until an event must be seen, a task be placed


@pytest.fixture
def blox(shared):
    return shared.blox


@pytest.fixture
def sim(shared):
    return shared.sim


@pytest.fixture(scope="session")
def ecs(shared):
    return shared.aws_client("ecs")


@pytest.fixture
def world(shared, request):
    """A cluster and a task definition of the test's own, and a name for its environment."""
    name = f"{request.node.name[:7]}-{uuid.uuid4().hex[:8]}"
    return SimpleNamespace(
        name=name, cluster=shared.sim.create_cluster(name), definition=shared.sim.register_task_definition(name)
    )


@pytest.fixture
def environment(blox, world):
    """An environment as each scenario makes it: whatever had its name is deleted first."""
    blox.delete_environment(world.name)
    return blox.create_environment(world.name, world.cluster, world.definition)


@pytest.fixture
def deployment(blox, world, environment):
    return blox.create_deployment(world.name, environment["deploymentToken"])


@pytest.fixture
def instances(sim, world):
    """Two registered instances."""
    return sim.add_instances(world.name, 2)


def start_task(ecs, world, instance, **options):
    started = ecs.start_task(
        cluster=world.cluster, taskDefinition=world.definition, containerInstances=[instance], **options
    )
    assert not started["failures"]
    return started["tasks"][0]["taskArn"]


def assert_error(response, status, text):
    """An error as v0.3.0 writes it: one line of plain text."""
    assert (response.status_code, response.text) == (status, text + "\n")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def arns(entities, key):
    return sorted(entity[key] for entity in entities)


def names(environments):
    return [environment["name"] for environment in environments]


# ---- scheduler -------------------------------------------------------------------------------


def test_01_ping(blox):
    response = blox.scheduler.get("/v1/ping")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_02_create_environment(blox, world):
    blox.delete_environment(world.name)
    created = blox.create_environment(world.name, world.name, world.name)
    assert created == {
        "deploymentToken": created["deploymentToken"],
        "health": "healthy",
        "instanceGroup": {"cluster": world.cluster},
        "name": world.name,
        "taskDefinition": world.definition,
    }
    assert blox.environment(world.name) == created


def test_03_create_environment_twice(blox, world, environment):
    assert_error(
        blox.post_environment(world.name, world.cluster, world.definition),
        400,
        f"Error saving environment {world.name} to store: An environment with name {world.name} already exists",
    )


def test_04_create_environment_on_an_inactive_cluster(blox, ecs, world):
    ecs.delete_cluster(cluster=world.cluster)
    assert_error(blox.post_environment(world.name, world.cluster, world.definition), 404, "Cluster is inactive")


def test_05_create_environment_with_an_inactive_task_definition(blox, ecs, world):
    ecs.deregister_task_definition(taskDefinition=world.definition)
    response = blox.post_environment(world.name, world.cluster, world.definition)
    assert_error(response, 404, "TaskDefinition is inactive")


def test_06_create_environment_with_a_blank_name(blox, world):
    assert blox.scheduler.delete("/v1/environments/%20").status_code == 200
    assert_error(
        blox.post_environment(" ", world.cluster, world.definition),
        400,
        "validation failure list:\nname in body should match '^[a-zA-Z0-9-_]{1,30}$'",
    )


def test_07_get_environment(blox, world, environment):
    response = blox.scheduler.get(f"/v1/environments/{world.name}")
    assert response.json() == environment
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_08_get_environment_that_never_was(blox):
    assert_error(blox.scheduler.get("/v1/environments/never"), 404, "Environment never does not exist")


def test_09_list_environments(blox, environment):
    assert environment in blox.environments()


def test_10_list_environments_by_cluster_arn(blox, world, environment):
    assert blox.environments(cluster=world.cluster) == [environment]


def test_11_list_environments_by_cluster_name(blox, world, environment):
    assert blox.environments(cluster=world.name) == [environment]


def test_12_list_environments_of_an_invalid_cluster(blox):
    response = blox.scheduler.get("/v1/environments?cluster=cluster/cluster")
    assert_error(response, 400, "Invalid cluster ARN or name")


def test_13_list_environments_with_cluster_twice(blox):
    response = blox.scheduler.get("/v1/environments?cluster=one&cluster=two")
    assert_error(response, 400, "At least one of the filters provided is specified multiple times")


def test_14_delete_environment(blox, world, environment):
    response = blox.scheduler.delete(f"/v1/environments/{world.name}")
    assert (response.status_code, response.content) == (200, b"")
    assert blox.scheduler.get(f"/v1/environments/{world.name}").status_code == 404
    assert world.name not in names(blox.environments())


def test_15_delete_environment_twice(blox, world, environment):
    blox.delete_environment(world.name)
    blox.delete_environment(world.name)


def test_16_create_deployment(blox, world, deployment):
    assert deployment == {
        "environmentName": world.name,
        "failedInstances": [],
        "id": deployment["id"],
        "status": "pending",
        "taskDefinition": world.definition,
    }
    assert blox.deployment(world.name, deployment["id"])["id"] == deployment["id"]


def test_17_create_deployment_twice(blox, world, environment, deployment):
    token = environment["deploymentToken"]
    assert_error(blox.post_deployment(world.name, token), 400, f"Deployment with token '{token}' already exists")


def test_18_get_deployment(blox, world, deployment):
    found = blox.deployment(world.name, deployment["id"])
    assert found["status"] in ("pending", "running", "completed")
    assert {**found, "status": "pending"} == deployment


def test_19_get_deployment_of_a_missing_environment(blox, deployment):
    response = blox.scheduler.get(f"/v1/environments/never/deployments/{deployment['id']}")
    assert_error(response, 404, "Environment never does not exist")


def test_20_get_deployment_that_never_was(blox, world, environment):
    response = blox.scheduler.get(f"/v1/environments/{world.name}/deployments/never")
    assert_error(response, 404, f"Deployment never does not exist for environment {world.name}")


def test_21_list_deployments(blox, world, deployment):
    assert [found["id"] for found in blox.deployments(world.name)] == [deployment["id"]]


def test_22_list_deployments_of_a_missing_environment(blox):
    assert_error(blox.scheduler.get("/v1/environments/never/deployments"), 404, "Environment never does not exist")


def test_23_one_task_on_every_instance_end_to_end(blox, sim, ecs, world):
    def started():
        pages = ecs.get_paginator("list_tasks").paginate(cluster=world.cluster, startedBy=deployment["id"])
        return [arn for page in pages for arn in page["taskArns"]]

    def has_tasks(count):
        active = blox.instances(cluster=world.cluster, status="ACTIVE")
        return len(active) == count and len(started()) == count

    instances = sim.add_instances(world.name, 1)
    deployment = blox.deploy(world.name, world.cluster, world.definition)
    eventually(lambda: has_tasks(1), WITHIN_S, "a task on one instance")
    eventually(
        lambda: blox.deployment(world.name, deployment["id"])["status"] == "completed", WITHIN_S, "its completion"
    )
    instances += sim.add_instances(world.name, 1)
    eventually(lambda: has_tasks(2), WITHIN_S, "tasks on two instances")

    stopped = set(started())
    for arn in stopped:
        ecs.stop_task(cluster=world.cluster, task=arn)
    eventually(lambda: has_tasks(2) and stopped.isdisjoint(started()), WITHIN_S, "two new tasks for two stopped ones")

    instances += sim.add_instances(world.name, 8)
    eventually(lambda: has_tasks(10), WITHIN_S, "tasks on ten instances")
    for arn in instances:
        sim.remove_instance(arn)
    eventually(lambda: has_tasks(0), WITHIN_S, "no instance and no task")


# ---- cluster state: instances ----------------------------------------------------------------


def test_24_get_instance(blox, world, instances):
    path = f"/v1/instances/{world.name}/{instances[0]}"
    response = eventually(lambda: (r := blox.state.get(path)).status_code == 200 and r, WITHIN_S)
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    entity, version = response.json()["entity"], response.json()["metadata"]["entityVersion"]
    assert (entity["containerInstanceARN"], entity["status"]) == (instances[0], "ACTIVE")
    assert entity["clusterARN"] == world.cluster
    assert int(version) > 0


def test_25_get_instance_that_never_was(blox, world):
    arn = world.cluster.replace(":cluster/", ":container-instance/") + "/00000000000000000000000000000000"
    moved = blox.state.get(f"/v1/instances//{arn}", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/v1/instances/{arn}")
    assert blox.state.get(f"/v1/instances//{arn}").status_code == 404
    assert_error(blox.state.get(f"/v1/instances/{world.name}/{arn}"), 404, "Instance not found")


def test_26_list_instances(blox, instances):
    eventually(lambda: set(instances) <= set(arns(blox.instances(), "containerInstanceARN")), WITHIN_S)


def test_27_list_instances_by_cluster(blox, world, instances):
    def listed(cluster):
        return blox.instances(cluster=cluster)

    eventually(lambda: arns(listed(world.name), "containerInstanceARN") == sorted(instances), WITHIN_S)
    assert {entity["status"] for entity in listed(world.name)} == {"ACTIVE"}
    eventually(lambda: listed(world.cluster) == listed(world.name), WITHIN_S)


def test_28_list_instances_with_an_invalid_status(blox):
    assert_error(blox.state.get("/v1/instances?status=invalidStatus"), 400, "Invalid status")


def test_29_list_instances_of_an_invalid_cluster(blox):
    assert_error(blox.state.get("/v1/instances?cluster=cluster/cluster"), 400, "Invalid cluster ARN or name")


def test_30_list_instances_with_cluster_twice(blox):
    response = blox.state.get("/v1/instances?cluster=one&cluster=two")
    assert_error(response, 400, "At least one of the filters provided is specified multiple times")


# ---- cluster state: tasks --------------------------------------------------------------------


def test_33_get_task(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    path = f"/v1/tasks/{world.name}/{arn}"
    entity = eventually(lambda: (r := blox.state.get(path)).status_code == 200 and r.json()["entity"], WITHIN_S)
    assert (entity["taskARN"], entity["clusterARN"]) == (arn, world.cluster)
    assert entity["containerInstanceARN"] == instances[0]


def test_34_get_task_that_never_was(blox, world):
    arn = world.cluster.replace(":cluster/", ":task/") + "/00000000000000000000000000000000"
    assert blox.state.get(f"/v1/tasks//{arn}").status_code == 404
    assert_error(blox.state.get(f"/v1/tasks/{world.name}/{arn}"), 404, "Task not found")


def test_35_list_tasks(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    eventually(lambda: arn in arns(blox.tasks(), "taskARN"), WITHIN_S)


def test_36_list_three_tasks(blox, ecs, world, instances):
    started = {start_task(ecs, world, instances[0]) for _ in range(3)}
    eventually(lambda: started <= set(arns(blox.tasks(), "taskARN")), WITHIN_S)


def test_37_list_tasks_by_cluster_name(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    eventually(lambda: arns(blox.tasks(cluster=world.name), "taskARN") == [arn], WITHIN_S)


def test_38_list_stopped_tasks(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    ecs.stop_task(cluster=world.cluster, task=arn)
    eventually(lambda: arn in arns(blox.tasks(status="stopped"), "taskARN"), WITHIN_S)


def test_39_list_stopped_tasks_in_capitals(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    ecs.stop_task(cluster=world.cluster, task=arn)
    eventually(lambda: arn in arns(blox.tasks(status="STOPPED"), "taskARN"), WITHIN_S)


def test_40_list_running_tasks(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    eventually(lambda: arn in arns(blox.tasks(status="running"), "taskARN"), WITHIN_S)


def test_41_list_tasks_by_who_started_them(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0], startedBy="e2eTester")
    other = start_task(ecs, world, instances[1], startedBy="somebody")
    eventually(lambda: arn in arns(blox.tasks(startedBy="e2eTester"), "taskARN"), WITHIN_S)
    eventually(lambda: other in arns(blox.tasks(), "taskARN"), WITHIN_S)
    assert {entity["startedBy"] for entity in blox.tasks(startedBy="e2eTester")} == {"e2eTester"}


def test_42_list_tasks_by_everything(blox, ecs, world, instances):
    wanted = start_task(ecs, world, instances[0], startedBy="e2eTester")
    for startedby, stop in (("somebody", False), ("e2eTester", True)):
        arn = start_task(ecs, world, instances[1], startedBy=startedby)
        if stop:
            ecs.stop_task(cluster=world.cluster, task=arn)
    eventually(lambda: len(blox.tasks(cluster=world.name)) == 3, WITHIN_S)

    def found():
        return arns(blox.tasks(status="running", cluster=world.name, startedBy="e2eTester"), "taskARN")

    eventually(lambda: found() == [wanted], WITHIN_S)


def test_43_list_tasks_by_status_and_cluster(blox, ecs, world, instances):
    running, stopped = (start_task(ecs, world, instance) for instance in instances)
    ecs.stop_task(cluster=world.cluster, task=stopped)
    for status, arn in (("running", running), ("stopped", stopped)):
        eventually(lambda: arns(blox.tasks(status=status, cluster=world.name), "taskARN") == [arn], WITHIN_S)


def test_44_list_tasks_of_another_cluster(blox, ecs, world, instances):
    arn = start_task(ecs, world, instances[0])
    eventually(lambda: arn in arns(blox.tasks(status="running"), "taskARN"), WITHIN_S)
    assert blox.state.get("/v1/tasks?status=running&cluster=someCluster").text == '{"items":[]}\n'


def test_45_list_tasks_with_an_invalid_status(blox):
    assert_error(blox.state.get("/v1/tasks?status=invalidStatus"), 400, "Invalid status")


def test_46_list_tasks_of_an_invalid_cluster(blox):
    assert_error(blox.state.get("/v1/tasks?cluster=cluster/cluster"), 400, "Invalid cluster ARN or name")


def test_47_list_tasks_with_cluster_twice(blox):
    response = blox.state.get("/v1/tasks?cluster=one&cluster=two")
    assert_error(response, 400, "At least one of the filters provided is specified multiple times")
