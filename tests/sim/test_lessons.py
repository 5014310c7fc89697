"""What the simulator must teach rightly about ECS."""
import re
import time

import pytest
from botocore.exceptions import ClientError
from local_aws import ACCOUNT, REGION, eventually

TASK, INSTANCE = "ECS Task State Change", "ECS Container Instance State Change"


def of(events, kind):
    return [e["detail"] for e in events if e["detail-type"] == kind]


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


# ---- events


def test_a_life_is_reported_step_by_step_with_growing_versions(sim):
    [instance] = sim.instances()
    sim.bodies()
    task = sim.start(instance, startedBy="me")
    sim.wait_for(task, "RUNNING")
    sim.ecs.stop_task(cluster="c", task=task, reason="enough")
    sim.wait_for(task, "STOPPED")
    events = sim.events()
    steps = [(d["lastStatus"], d["desiredStatus"], d["version"]) for d in of(events, TASK)]
    assert steps == [("PENDING", "RUNNING", 1), ("RUNNING", "RUNNING", 2),
                     ("RUNNING", "STOPPED", 3), ("STOPPED", "STOPPED", 4)]
    # Taking resources and giving them back are changes of the instance; RUNNING is not.
    assert [d["version"] for d in of(events, INSTANCE)] == [2, 3]
    last = of(events, TASK)[-1]
    assert (last["stopCode"], last["stoppedReason"]) == ("UserInitiated", "enough")
    assert last["startedBy"] == "me" and last["group"] == "family:d"
    assert sim.task(task)["version"] == 4 and sim.instance(instance)["version"] == 3


def test_the_envelope_is_eventbridges(sim):
    [instance] = sim.instances()
    [event] = sim.events()
    assert list(event) == ["version", "id", "detail-type", "source", "account", "time", "region",
                           "resources", "detail"]
    assert event["version"] == "0" and event["source"] == "aws.ecs"
    assert event["account"] == ACCOUNT and event["region"] == REGION
    assert event["resources"] == [instance] == [event["detail"]["containerInstanceArn"]]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["detail"]["updatedAt"])


def test_the_details_are_those_aws_publishes(sim):
    """The keys of the samples in the ECS Developer Guide, for the EC2 launch type."""
    sim.definition("ports", hostPorts=[8080])
    [instance] = sim.instances()
    task = sim.start(instance, "ports", startedBy="me")
    sim.wait_for(task, "RUNNING")
    events = sim.events()
    assert set(of(events, INSTANCE)[-1]) == {
        "agentConnected", "attributes", "clusterArn", "containerInstanceArn", "ec2InstanceId",
        "registeredResources", "remainingResources", "status", "version", "versionInfo",
        "updatedAt"}
    remaining = {r["name"]: r for r in of(events, INSTANCE)[-1]["remainingResources"]}
    assert remaining["CPU"] == {"name": "CPU", "type": "INTEGER", "integerValue": 4096 - 64}
    assert "8080" in remaining["PORTS"]["stringSetValue"]
    detail = of(events, TASK)[-1]
    assert set(detail) == {
        "attachments", "attributes", "availabilityZone", "clusterArn", "connectivity",
        "connectivityAt", "containerInstanceArn", "containers", "cpu", "createdAt",
        "desiredStatus", "enableExecuteCommand", "group", "lastStatus", "launchType", "memory",
        "overrides", "pullStartedAt", "pullStoppedAt", "startedAt", "startedBy", "taskArn",
        "taskDefinitionArn", "updatedAt", "version"}
    [container] = detail["containers"]
    assert container["networkBindings"] == [
        {"bindIP": "0.0.0.0", "containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]
    assert detail["overrides"] == {"containerOverrides": [{"name": "ports"}]}
    assert detail["createdAt"].endswith("Z")


def test_attributes_report_nothing_and_keep_the_version(sim):
    [instance] = sim.instances()
    sim.bodies()
    sim.ecs.put_attributes(cluster="c", attributes=[
        {"name": "stack", "value": "prod", "targetId": instance}])
    assert {"name": "stack", "value": "prod"} in sim.instance(instance)["attributes"]
    sim.ecs.delete_attributes(cluster="c", attributes=[{"name": "stack", "targetId": instance}])
    assert "stack" not in [a["name"] for a in sim.instance(instance)["attributes"]]
    assert sim.instance(instance)["version"] == 1
    assert sim.bodies() == []


def test_health_reports_nothing_and_keeps_the_version(sim):
    sim.settings(autoHealth=False)
    sim.definition("checked", healthCheck=True)
    [instance] = sim.instances()
    task = sim.start(instance, "checked")
    assert sim.wait_for(task, "RUNNING")["healthStatus"] == "UNKNOWN"
    events = sim.events()
    sim.control("POST", "/task/health", {"task": task, "health": "UNHEALTHY"})
    assert sim.task(task)["healthStatus"] == "UNHEALTHY"
    assert sim.task(task)["containers"][0]["healthStatus"] == "UNHEALTHY"
    assert sim.task(task)["version"] == 2
    assert sim.bodies() == []
    assert all("healthStatus" not in d and "healthStatus" not in d["containers"][0]
               for d in of(events, TASK))


def test_health_checks_pass_by_themselves(sim):
    sim.definition("checked", healthCheck=True)
    task = sim.start(sim.instances()[0], "checked")
    eventually(lambda: sim.task(task)["healthStatus"] == "HEALTHY")


# ---- stopping


@pytest.mark.parametrize("seconds", [0, 1])
def test_stop_takes_the_containers_stop_timeout(sim, seconds):
    sim.settings(stopTimeoutMs=-1)
    sim.definition("slow", stopTimeout=seconds)
    task = sim.start(sim.instances()[0], "slow")
    sim.wait_for(task, "RUNNING")
    began = time.monotonic()
    stopping = sim.ecs.stop_task(cluster="c", task=task)["task"]
    assert (stopping["lastStatus"], stopping["desiredStatus"]) == ("RUNNING", "STOPPED")
    stopped = sim.wait_for(task, "STOPPED")
    assert seconds <= time.monotonic() - began < seconds + 15
    assert stopped["containers"][0]["exitCode"] == 137


def test_a_task_without_stop_timeout_takes_ecs_default_of_30_s(sim):
    sim.settings(stopTimeoutMs=-1)
    task = sim.start(sim.instances()[0])
    sim.wait_for(task, "RUNNING")
    sim.ecs.stop_task(cluster="c", task=task)
    time.sleep(0.5)
    assert sim.task(task)["lastStatus"] == "RUNNING"


def test_stopping_twice_reports_once(sim):
    task = sim.start(sim.instances()[0])
    sim.wait_for(task, "RUNNING")
    sim.settings(stopTimeoutMs=60000)
    sim.ecs.stop_task(cluster="c", task=task, reason="first")
    sim.bodies()
    assert sim.ecs.stop_task(cluster="c", task=task, reason="second")["task"]["version"] == 3
    assert sim.bodies() == [] and sim.task(task)["stoppedReason"] == "first"


def test_nothing_stops_or_starts_while_the_agent_is_away(sim):
    [instance] = sim.instances()
    running = sim.start(instance)
    sim.wait_for(running, "RUNNING")
    sim.settings(startDelayMs=1500, stopTimeoutMs=1500)
    pending = sim.start(instance)
    sim.control("PATCH", "/instance", {"arn": instance, "agentConnected": False})
    sim.ecs.stop_task(cluster="c", task=running)
    time.sleep(1.8)
    assert sim.task(running)["lastStatus"] == "RUNNING"
    assert sim.task(pending)["lastStatus"] == "PENDING"
    sim.control("PATCH", "/instance", {"arn": instance, "agentConnected": True})
    sim.wait_for(running, "STOPPED")
    sim.wait_for(pending, "RUNNING")


def test_a_crash_is_an_exit_of_an_essential_container(sim):
    [instance] = sim.instances()
    task = sim.start(instance)
    sim.wait_for(task, "RUNNING")
    sim.bodies()
    sim.control("POST", "/task/crash", {"task": task, "exitCode": 3, "reason": "OutOfMemoryError"})
    stopped = sim.task(task)
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["containers"][0]["exitCode"] == 3
    assert stopped["containers"][0]["reason"] == "OutOfMemoryError"
    events = sim.events()
    assert len(of(events, TASK)) == 1 and len(of(events, INSTANCE)) == 1


# ---- draining, leaving


def test_draining_is_reported_and_leaves_tasks_of_start_task_alone(sim):
    [instance] = sim.instances()
    task = sim.start(instance)
    sim.wait_for(task, "RUNNING")
    sim.bodies()
    done = sim.ecs.update_container_instances_state(
        cluster="c", containerInstances=[instance, "nobody"], status="DRAINING")
    assert done["containerInstances"][0]["status"] == "DRAINING"
    assert done["failures"][0]["reason"] == "MISSING"
    time.sleep(0.3)
    assert sim.task(task)["desiredStatus"] == "RUNNING"
    assert [d["status"] for d in of(sim.events(), INSTANCE)] == ["DRAINING"]
    assert sim.start(instance)
    sim.ecs.update_container_instances_state(
        cluster="c", containerInstances=[instance], status="DRAINING")
    assert not [d for d in of(sim.events(), INSTANCE) if d["status"] != "DRAINING"]


def test_inactive_instances_are_described_and_not_listed(sim):
    gone, stays = sim.instances(2)
    task = sim.start(gone)
    sim.wait_for(task, "RUNNING")
    assert refused(sim.ecs.deregister_container_instance, cluster="c",
                   containerInstance=gone) == "InvalidParameterException"
    sim.bodies()
    sim.ecs.deregister_container_instance(cluster="c", containerInstance=gone, force=True)
    assert sim.ecs.list_container_instances(cluster="c")["containerInstanceArns"] == [stays]
    assert sim.instance(gone)["status"] == "INACTIVE"
    assert sim.task(task)["lastStatus"] == "STOPPED"
    events = sim.events()
    assert [d["status"] for d in of(events, INSTANCE)] == ["INACTIVE"]
    assert [d["lastStatus"] for d in of(events, TASK)] == ["STOPPED"]
    assert sim.ecs.describe_clusters(clusters=["c"])["clusters"][0][
        "registeredContainerInstancesCount"] == 1


def test_a_vanished_instance_says_nothing(sim):
    [instance] = sim.instances()
    task = sim.start(instance)
    sim.wait_for(task, "RUNNING")
    sim.bodies()
    sim.control("POST", "/instance/vanish", {"arn": instance})
    assert sim.bodies() == []
    found = sim.ecs.describe_container_instances(cluster="c", containerInstances=[instance])
    assert found["failures"] == [{"arn": instance, "reason": "MISSING"}]
    assert sim.ecs.describe_tasks(cluster="c", tasks=[task])["failures"][0]["reason"] == "MISSING"
    assert sim.control("GET", "/history")["transitions"][-1]["lastStatus"] == "STOPPED"


def test_described_instances_have_no_cluster_arn_but_their_events_do(sim):
    [instance] = sim.instances()
    raw = sim.call("ecs", "DescribeContainerInstances",
                   {"cluster": "c", "containerInstances": [instance]}).json()
    assert "clusterArn" not in raw["containerInstances"][0]
    assert sim.events()[0]["detail"]["clusterArn"].endswith(":cluster/c")


# ---- listings


def test_list_tasks_by_started_by_stands_alone_and_shows_desired_running(sim):
    [instance] = sim.instances()
    running = sim.start(instance, startedBy="me")
    stopped = sim.start(instance, startedBy="me")
    sim.start(instance, startedBy="other")
    sim.settings(stopTimeoutMs=60000)
    sim.ecs.stop_task(cluster="c", task=stopped)
    assert sim.ecs.list_tasks(cluster="c", startedBy="me")["taskArns"] == [running]
    for other in ({"containerInstance": instance}, {"family": "d"}, {"desiredStatus": "STOPPED"},
                  {"launchType": "EC2"}, {"serviceName": "s"}):
        code = refused(sim.ecs.list_tasks, cluster="c", startedBy="me", **other)
        assert code in ("InvalidParameterException", "ServiceNotFoundException")


def test_list_tasks_filters(sim):
    sim.definition("other")
    one, two = sim.instances(2)
    a, b = sim.start(one), sim.start(two, "other")
    list_tasks = lambda **f: sim.ecs.list_tasks(cluster="c", **f)["taskArns"]
    assert sorted(list_tasks()) == sorted([a, b])
    assert list_tasks(containerInstance=one) == [a]
    assert list_tasks(family="other") == [b]
    assert list_tasks(desiredStatus="PENDING") == []
    assert list_tasks(launchType="FARGATE") == []
    sim.ecs.stop_task(cluster="c", task=a)
    assert list_tasks(desiredStatus="STOPPED") == list_tasks(desiredStatus="stopped") == [a]
    assert list_tasks() == [b]


def test_pages_have_a_hundred_elements(sim):
    sim.instances(5)
    sim.control("POST", "/tasks", {"cluster": "c", "count": 250})
    pages = list(sim.ecs.get_paginator("list_tasks").paginate(cluster="c"))
    assert [len(p["taskArns"]) for p in pages] == [100, 100, 50]
    assert len({arn for p in pages for arn in p["taskArns"]}) == 250
    pages = list(sim.ecs.get_paginator("list_tasks").paginate(
        cluster="c", PaginationConfig={"PageSize": 30}))
    assert [len(p["taskArns"]) for p in pages] == [30] * 8 + [10]
    assert refused(sim.ecs.list_tasks, cluster="c", maxResults=101) == "InvalidParameterException"
    assert refused(sim.ecs.list_tasks, cluster="c", nextToken="x") == "InvalidParameterException"
    arns = [arn for p in pages for arn in p["taskArns"]]
    assert len(sim.ecs.describe_tasks(cluster="c", tasks=arns[:100])["tasks"]) == 100
    assert refused(sim.ecs.describe_tasks, cluster="c",
                   tasks=arns[:101]) == "InvalidParameterException"
    assert refused(sim.ecs.describe_container_instances, cluster="c",
                   containerInstances=["x"] * 101) == "InvalidParameterException"


def test_attribute_and_definition_pages(sim):
    sim.instances(12)
    pages = list(sim.ecs.get_paginator("list_attributes").paginate(
        cluster="c", targetType="container-instance"))
    found = [(a["targetId"], a["name"]) for p in pages for a in p["attributes"]]
    assert [len(p["attributes"]) for p in pages[:-1]] == [100] * (len(pages) - 1)
    assert len(set(found)) == len(found) == 12 * 15
    for n in range(11):
        sim.definition("many")
    for sort, first in (("ASC", ":1"), ("DESC", ":11")):
        pages = list(sim.ecs.get_paginator("list_task_definitions").paginate(
            familyPrefix="many", sort=sort, PaginationConfig={"PageSize": 4}))
        arns = [arn for p in pages for arn in p["taskDefinitionArns"]]
        assert len(set(arns)) == len(arns) == 11 and arns[0].endswith(first)


def test_listings_and_describe_lag_by_the_time_that_is_set(sim):
    [instance] = sim.instances()
    old = sim.start(instance)
    sim.wait_for(old, "RUNNING")
    sim.settings(listingLagMs=2000)
    time.sleep(2.1)
    began = time.monotonic()
    new = sim.start(instance)
    sim.ecs.stop_task(cluster="c", task=old)
    list_tasks = lambda: sim.ecs.list_tasks(cluster="c")["taskArns"]
    assert list_tasks() == [old]
    assert sim.ecs.describe_tasks(cluster="c", tasks=[new])["failures"][0]["reason"] == "MISSING"
    assert sim.task(old)["desiredStatus"] == "RUNNING"
    assert sim.instance(instance)["runningTasksCount"] == 1
    eventually(lambda: list_tasks() == [new])
    assert time.monotonic() - began >= 1.99
    [fresh] = sim.instances()
    assert fresh not in sim.ecs.list_container_instances(cluster="c")["containerInstanceArns"]
    eventually(lambda: len(
        sim.ecs.list_container_instances(cluster="c")["containerInstanceArns"]) == 2)


# ---- StartTask


def test_start_task_says_why_not(sim):
    attributes = {f"a{n}": "v" for n in range(3)}
    [fine] = sim.instances(attributes=attributes)
    [no_agent] = sim.instances(agentConnected=False)
    [inactive] = sim.instances()
    sim.control("DELETE", "/instance", arn=inactive)
    [no_cpu], [no_memory] = sim.instances(cpu=10), sim.instances(memory=10)
    done = sim.ecs.start_task(cluster="c", taskDefinition="d", containerInstances=[
        fine, no_agent, inactive, no_cpu, no_memory, "nobody"])
    assert [t["containerInstanceArn"] for t in done["tasks"]] == [fine]
    prefix = fine.rsplit("/", 1)[0]
    assert done["failures"] == [
        {"arn": no_agent, "reason": "AGENT"}, {"arn": inactive, "reason": "INACTIVE"},
        {"arn": no_cpu, "reason": "RESOURCE:CPU"}, {"arn": no_memory, "reason": "RESOURCE:MEMORY"},
        {"arn": f"{prefix}/nobody", "reason": "MISSING"}]


def test_ports_and_attributes_are_accounted_for(sim):
    sim.definition("ports", hostPorts=[8080])
    sim.definition("ssh", hostPorts=[22])
    sim.definition("splunk", requiresAttributes=["com.amazonaws.ecs.capability.logging-driver.splunk"])
    [instance] = sim.instances()
    start = lambda family: sim.ecs.start_task(
        cluster="c", taskDefinition=family, containerInstances=[instance])
    task = start("ports")["tasks"][0]["taskArn"]
    assert start("ports")["failures"][0]["reason"] == "RESOURCE:PORTS"
    assert start("ssh")["failures"][0]["reason"] == "RESOURCE:PORTS"
    assert start("splunk")["failures"][0]["reason"] == "ATTRIBUTE"
    sim.ecs.stop_task(cluster="c", task=task)
    sim.wait_for(task, "STOPPED")
    assert start("ports")["tasks"]
    remaining = {r["name"]: r for r in sim.instance(instance)["remainingResources"]}
    assert remaining["CPU"]["integerValue"] == 4096 - 64
    assert remaining["MEMORY"]["integerValue"] == 16384 - 128


def test_resources_run_out(sim):
    sim.definition("big", cpu=1500, memory=128)
    [instance] = sim.instances()
    done = [sim.ecs.start_task(cluster="c", taskDefinition="big", containerInstances=[instance])
            for _ in range(3)]
    assert [len(d["tasks"]) for d in done] == [1, 1, 0]
    assert done[2]["failures"][0]["reason"] == "RESOURCE:CPU"


def test_start_task_limits(sim):
    start = lambda **more: refused(sim.ecs.start_task, **{
        "cluster": "c", "taskDefinition": "d", "containerInstances": ["x"], **more})
    assert start(containerInstances=["x"] * 11) == "InvalidParameterException"
    assert start(containerInstances=[]) == "InvalidParameterException"
    assert start(cluster="nowhere") == "ClusterNotFoundException"
    assert start(taskDefinition="nothing") == "ClientException"
    assert start(startedBy="a b") == "InvalidParameterException"
    assert start(startedBy="a" * 129) == "InvalidParameterException"
    sim.definition("eni", networkMode="awsvpc")
    assert start(taskDefinition="eni") == "InvalidParameterException"
    assert refused(sim.ecs.stop_task, cluster="c", task="none") == "InvalidParameterException"


# ---- ARNs, clusters


@pytest.mark.parametrize("form, task", [("long", r"task/c/[0-9a-f]{32}"),
                                        ("old", r"task/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")])
def test_both_arn_formats(start_sim, form, task):
    sim = start_sim("--arn-format", form)
    sim.cluster()
    sim.definition()
    [instance] = sim.instances()
    arn = sim.start(instance)
    assert re.fullmatch(rf"arn:aws:ecs:{REGION}:{ACCOUNT}:{task}", arn)
    assert sim.task(arn.rsplit("/", 1)[1])["taskArn"] == arn
    assert sim.instance(instance.rsplit("/", 1)[1])["containerInstanceArn"] == instance


def test_clusters_are_deleted_when_empty(sim):
    [instance] = sim.instances()
    assert refused(sim.ecs.delete_cluster,
                   cluster="c") == "ClusterContainsContainerInstancesException"
    sim.control("DELETE", "/instance", arn=instance)
    assert sim.ecs.delete_cluster(cluster="c")["cluster"]["status"] == "INACTIVE"
    assert sim.ecs.list_clusters()["clusterArns"] == []
    assert refused(sim.ecs.list_tasks, cluster="c") == "ClusterNotFoundException"
    assert sim.ecs.describe_clusters(clusters=["c"])["clusters"][0]["status"] == "INACTIVE"
    assert sim.ecs.describe_clusters()["failures"][0]["reason"] == "MISSING"


def test_too_many_attributes_are_refused(sim):
    [instance] = sim.instances()
    put = lambda first, n: sim.ecs.put_attributes(cluster="c", attributes=[
        {"name": f"a{i}", "targetId": instance} for i in range(first, first + n)])
    put(0, 10)
    put(0, 10)
    assert refused(put, first=10, n=1) == "AttributeLimitExceededException"
    assert refused(put, first=0, n=11) == "InvalidParameterException"
    assert refused(sim.ecs.put_attributes, cluster="c", attributes=[
        {"name": "a", "targetId": "nobody", "targetType": "container-instance"}
    ]) == "TargetNotFoundException"
