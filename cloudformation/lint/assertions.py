"""What no other tool looks at: that the parts of the templates fit each other and the code."""

import hashlib
import json
import re

import statements
import template

BODY_MAX = 51200  # of a template without a bucket
POLICY_MAX = 6144
OUTPUTS = {
    "blox.yaml": ["RestApiUrl", "RestApiId", "InvokeArn", "QueueUrl", "QueueName", "DeadLetterQueueUrl", "ClusterName",
                  "ServiceName", "FunctionName", "LogGroup", "ProxyKeyArn", "State", "ClientHost", "ClientSecurityGroupId"],
    "local.yaml": ["QueueName", "QueueUrl", "DeadLetterQueueUrl", "RuleArn"],
    "repository.yaml": ["RepositoryUri", "RepositoryName"],
}
SECRET_NAME = re.compile(r"SECRET|PASSWORD|KEYS|TOKEN", re.IGNORECASE)
RESOLVED = "{{resolve:secretsmanager:"
# Actions which IAM lets nobody narrow to a resource, or whose condition does that.
WITHOUT_RESOURCE = {
    "ecs:ListClusters", "ecs:DescribeTaskDefinition", "ecr:GetAuthorizationToken",
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
}
RULE_FUNCTIONS = {"Ref", *(f"Fn::{name}" for name in (
    "And", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "Not", "Or", "RefAll", "ValueOf", "ValueOfAll"))}
# What EFS does in the name of who makes a mount target, and CloudFormation's schema does not tell.
FOR_MOUNT_TARGETS = {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"}
IN_THE_CLUSTERS = {"ecs:StartTask", "ecs:StopTask", "ecs:ListTasks", "ecs:DescribeTasks",
                   "ecs:DescribeContainerInstances", "ecs:PutAttributes", "ecs:DeleteAttributes"}
REDIS_MIN_MB = 512
LOADING_S = 180 # so long Fargate lets the containers wait that want Redis to be well
GATEWAY_PORT, SCHEDULER_PORT, STATE_PORT = 8080, 2000, 3000


def size(project):
    for name in project.templates:
        length = len(project.texts[name].encode())
        if length >= BODY_MAX:
            yield name, "", f"{length} bytes: CloudFormation takes less than {BODY_MAX} without a bucket"


def parameters(project):
    for name, document in project.templates.items():
        for key, parameter in document.get("Parameters", {}).items():
            if not parameter.get("Description"):
                yield name, key, "a parameter without a description"


def rules(project):
    """Those of parameters, which have functions of their own."""
    for path, node in template.walk(project.blox["Rules"]):
        for name in node if isinstance(node, dict) else ():
            if (name == "Ref" or name.startswith("Fn::")) and name not in RULE_FUNCTIONS:
                yield "blox.yaml", ".".join(map(str, path)), f"CloudFormation knows no {name} in Rules"


def outputs(project):
    for name, want in OUTPUTS.items():
        have = list(project.templates[name]["Outputs"])
        if missing := [key for key in want if key not in have]:
            yield name, "Outputs", f"missing: {', '.join(missing)}"
        elif have[0] != want[0]:
            yield name, "Outputs", f"{want[0]} must be the first, which clients read by its number"


def reference_names(project):
    """v0.3.0's demonstration looks for these two by their logical ids."""
    resources = project.blox["Resources"]
    for key, kind in (("RestApi", "AWS::ApiGateway::RestApi"), ("ApiResource", "AWS::ApiGateway::Resource")):
        if resources.get(key, {}).get("Type") != kind:
            yield "blox.yaml", key, f"v0.3.0's clients look for a {kind} by this name"


def authorisation(project):
    for key, method in template.of_type(project.blox, "AWS::ApiGateway::Method").items():
        if method["Properties"].get("AuthorizationType") != "AWS_IAM":
            yield "blox.yaml", key, "a method which anybody may call: want AuthorizationType AWS_IAM"


def load_balancers(project):
    containers = project.containers()
    for entry in template.branches(project.properties("Service")["LoadBalancers"]):
        container = containers.get(entry["ContainerName"])
        if not container:
            yield "blox.yaml", "Service", f"the load balancer's container {entry['ContainerName']} is not in the task"
        elif entry["ContainerPort"] not in [port["ContainerPort"] for port in container.get("PortMappings", [])]:
            yield "blox.yaml", "Service", f"{entry['ContainerName']} has no port {entry['ContainerPort']}"


def ports(project):
    listens = {int(text) for text in re.findall(r"BLOX_NGINX_(?:SCHEDULER|STATE|GATEWAY):-(\d+)\}", project.text("container/blox-container") or "")}
    have = {port["ContainerPort"] for port in project.containers()["nginx"]["PortMappings"]}
    if listens and have != listens:
        yield "blox.yaml", "TaskDefinition", f"nginx has the ports {sorted(have)}, the image listens on {sorted(listens)}"
    for key, group in template.of_type(project.blox, "AWS::ElasticLoadBalancingV2::TargetGroup").items():
        group = group["Properties"]
        if group["Port"] != GATEWAY_PORT:
            yield "blox.yaml", key, f"port {group['Port']}: nginx serves load balancers at {GATEWAY_PORT}"
        locations = re.findall(r"location (?:= )?(\S+)", project.text("nginx/gateway.conf") or "")
        if group["HealthCheckPath"] not in locations:
            yield "blox.yaml", key, f"nginx/gateway.conf has no {group['HealthCheckPath']}"
    for key, want in (("TaskFromBalancer", GATEWAY_PORT), ("SchedulerFromClient", SCHEDULER_PORT), ("StateFromClient", STATE_PORT)):
        rule = project.properties(key)
        if (rule["FromPort"], rule["ToPort"]) != (want, want):
            yield "blox.yaml", key, f"opens {rule['FromPort']} to {rule['ToPort']}, nginx listens on {want}"


def security_groups(project):
    for key, resource in project.blox["Resources"].items():
        for path, node in template.walk(resource):
            if isinstance(node, dict) and ("CidrIp" in node or "CidrIpv6" in node):
                ingress = "SecurityGroupIngress" in path or resource["Type"] == "AWS::EC2::SecurityGroupIngress"
                if ingress:
                    yield "blox.yaml", key, f"lets {node.get('CidrIp') or node['CidrIpv6']} in: want a security group"
    if project.properties("LoadBalancer").get("Scheme") != "internal":
        yield "blox.yaml", "LoadBalancer", "can be reached from the internet: want Scheme internal"
    if project.properties("Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] != "DISABLED":
        yield "blox.yaml", "Service", "its tasks have public addresses"


def queues(project):
    for name in ("blox.yaml", "local.yaml"):
        document = project.templates[name]
        queue, dead = (document["Resources"][key]["Properties"] for key in ("Queue", "DeadLetterQueue"))
        for key, properties in (("Queue", queue), ("DeadLetterQueue", dead)):
            if properties.get("SqsManagedSseEnabled") is not True:
                yield name, key, "is not encrypted"
        if "RedrivePolicy" not in queue:
            yield name, "Queue", "has no dead-letter queue: a message nobody can read comes back for days"
        if dead["MessageRetentionPeriod"] <= queue["MessageRetentionPeriod"]:
            yield name, "DeadLetterQueue", "forgets before the queue does"
        policy = document["Resources"]["QueuePolicy"]["Properties"]
        for queue_url in policy["Queues"]:
            if list(queue_url) != ["Ref"]:
                yield name, "QueuePolicy", "Queues wants URLs, that is Ref, and got something else"
        tls = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny" and "Bool" in s.get("Condition", {})]
        if not tls or len(policy["Queues"]) != 2:
            yield name, "QueuePolicy", "does not refuse calls without TLS to both queues"
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Resource"] != "*":
                yield name, "QueuePolicy", "SQS takes one resource a statement: want *, which is each queue that has the policy"
            if statement["Effect"] == "Allow" and "aws:SourceArn" not in json.dumps(statement.get("Condition", {})):
                yield name, "QueuePolicy", "lets every rule of every account send: want a condition aws:SourceArn"
        for target in document["Resources"]["Rule"]["Properties"]["Targets"]:
            if "DeadLetterConfig" not in target or "RetryPolicy" not in target:
                yield name, "Rule", "an event that cannot be delivered is lost: want DeadLetterConfig and RetryPolicy"


def timeouts(project):
    """Whoever waits must wait longer than whom he waits for; nginx closes idle connections after the balancer."""
    attributes = {item["Key"]: item["Value"] for item in template.branches(project.properties("LoadBalancer")["LoadBalancerAttributes"])}
    idle = float(attributes["idle_timeout.timeout_seconds"])
    budget = project.number("lambda-proxy/budget.h", r"define BUDGET_MS\s+(\d+)")
    chain = [
        ("API Gateway", project.properties("ApiMethod")["Integration"]["TimeoutInMillis"] / 1000),
        ("Lambda", project.properties("ProxyFunction")["Timeout"]),
        ("the proxy", budget / 1000 if budget else None),
        ("nginx", project.number("nginx/gateway.conf", r"fastcgi_read_timeout\s+(\d+)s")),
    ]
    known = [(who, seconds) for who, seconds in chain if seconds is not None]
    for (one, longer), (other, shorter) in zip(known, known[1:]):
        if longer <= shorter:
            yield "blox.yaml", "timeouts", f"{one} gives up after {longer:g} s, before {other} after {shorter:g} s"
    if budget and idle <= budget / 1000:
        yield "blox.yaml", "LoadBalancer", f"breaks off after {idle:g} s, before the proxy after {budget / 1000:g} s"
    keepalive = project.number("nginx/nginx.conf", r"^\s*keepalive_timeout\s+(\d+)s")
    if keepalive and keepalive <= idle:
        yield "blox.yaml", "LoadBalancer", f"keeps idle connections {idle:g} s, nginx {keepalive:g} s: nginx must be the last to close"
    stop = project.containers()["nginx"]["StopTimeout"]
    shutdown = project.number("nginx/nginx.conf", r"worker_shutdown_timeout\s+(\d+)s")
    if shutdown and stop <= shutdown:
        yield "blox.yaml", "TaskDefinition", f"nginx is killed after {stop} s, its workers have {shutdown:g} s to finish"


def secrets(project):
    resources = project.blox["Resources"]
    for key, parameter in project.blox["Parameters"].items():
        if parameter.get("NoEcho") and "Default" in parameter:
            yield "blox.yaml", key, "a secret with a default"
    for key, secret in template.of_type(project.blox, "AWS::SecretsManager::Secret").items():
        if "GenerateSecretString" not in secret["Properties"]:
            yield "blox.yaml", key, "a secret which is not generated"
        elif secret["Properties"]["GenerateSecretString"].get("PasswordLength", 32) < 32:
            yield "blox.yaml", key, "a secret of fewer than 32 characters, which blox-api refuses"
    for container in project.containers().values():
        for variable in template.branches(container.get("Environment", [])):
            if SECRET_NAME.search(variable["Name"]):
                yield "blox.yaml", f"TaskDefinition.{container['Name']}", f"{variable['Name']} stands in the open: want it among Secrets"
        for variable in container.get("Secrets", []):
            targets = {resources[name]["Type"] for name in template.references(variable["ValueFrom"]) if name in resources}
            if targets != {"AWS::SecretsManager::Secret"}:
                yield "blox.yaml", f"TaskDefinition.{container['Name']}", f"{variable['Name']} comes from no secret of this stack"
    for name, value in project.properties("ProxyFunction")["Environment"]["Variables"].items():
        if (SECRET_NAME.search(name) or "KEY" in name) and RESOLVED not in template.text_of(value):
            yield "blox.yaml", "ProxyFunction", f"{name} stands in the open: want a dynamic reference"
    if RESOLVED not in template.text_of(project.properties("Cache").get("AuthToken", "")):
        yield "blox.yaml", "Cache", "AuthToken: want a dynamic reference"


def containers(project):
    roles, containers = project.roles(), project.containers()
    for name, container in containers.items():
        where = f"TaskDefinition.{name}"
        for ok, what in (
            (container.get("ReadonlyRootFilesystem") is True, "can write to its own files"),
            (container.get("User") == "10001:10001", "runs as another user than the image is made for"),
            (container.get("LinuxParameters", {}).get("Capabilities") == {"Drop": ["ALL"]}, "keeps capabilities"),
            (container.get("LogConfiguration", {}).get("LogDriver") == "awslogs", "has no log"),
            ("HealthCheck" in container, "has no health check"),
            ("Memory" in container, "has no memory limit"),
        ):
            if not ok:
                yield "blox.yaml", where, what
        if roles is not None and container["Command"][0] not in roles:
            yield "blox.yaml", where, f"the image has no role {container['Command'][0]}"
        check = container.get("HealthCheck", {}).get("Command", [])
        if check and check != ["CMD", "/usr/local/bin/blox-container", "probe", name]:
            yield "blox.yaml", where, "asks for the health of something else"
        if name == "redis" and container["HealthCheck"]["StartPeriod"] < LOADING_S:
            yield "blox.yaml", where, f"may be killed while it reads its file: want StartPeriod {LOADING_S}"
        for needed in template.branches(container.get("DependsOn", [])):
            if needed["ContainerName"] not in containers:
                yield "blox.yaml", where, f"waits for {needed['ContainerName']}, which is not in the task"
    entry = project.properties("ProxyFunction")["ImageConfig"]["EntryPoint"]
    if entry != ["/usr/local/bin/blox-lambda-proxy"]:
        yield "blox.yaml", "ProxyFunction", f"the image has no {entry[0]}"


def variables(project):
    known = project.variables()
    named = [(f"TaskDefinition.{c['Name']}", v["Name"]) for c in project.containers().values()
             for v in [*template.branches(c.get("Environment", [])), *c.get("Secrets", [])]]
    named += [("ProxyFunction", name) for name in project.properties("ProxyFunction")["Environment"]["Variables"]]
    for where, name in named:
        if name not in known:
            yield "blox.yaml", where, f"no program knows {name}"


def sizes(project):
    for size_name, values in project.blox["Mappings"]["Sizes"].items():
        used = sum(values[role] for role in ("Redis", "Api", "Nginx", "Reconciler"))
        if used > int(values["Memory"]):
            yield "blox.yaml", f"Sizes.{size_name}", f"its containers may take {used} MiB, the task has {values['Memory']}"
        if values["Redis"] < REDIS_MIN_MB:
            yield "blox.yaml", f"Sizes.{size_name}", f"Redis has {values['Redis']} MiB: want {REDIS_MIN_MB}"
        if int(values["RedisMax"].removesuffix("mb")) > values["Redis"] * 3 / 4:
            yield "blox.yaml", f"Sizes.{size_name}", "Redis must leave a quarter for the rewrite of its file"


def one_redis(project):
    """With the sidecar there is never a second task, not even while a new one takes an old one's place."""
    service = project.properties("Service")
    deployment = service["DeploymentConfiguration"]
    for where, node, want in (("DesiredCount", service["DesiredCount"], 1),
                              ("MaximumPercent", deployment["MaximumPercent"], 100),
                              ("MinimumHealthyPercent", deployment["MinimumHealthyPercent"], 0)):
        if not (isinstance(node, dict) and node.get("Fn::If", [])[:2] == ["Sidecar", want]):
            yield "blox.yaml", "Service", f"{where}: with the sidecar two Redis would write one file; want {want}"
    if deployment.get("DeploymentCircuitBreaker") != {"Enable": True, "Rollback": True}:
        yield "blox.yaml", "Service", "without the circuit breaker a bad image keeps the stack waiting for hours"


def waits(project):
    """What a task cannot start without is there before the service is; DependsOn may not name what is conditional."""
    service = template.references(project.properties("Service").get("Tags", []))
    needed = {"PrivateRoute1", "PrivateRoute2", *template.of_type(project.blox, "AWS::EFS::MountTarget")}
    needed |= {key for key, endpoint in template.of_type(project.blox, "AWS::EC2::VPCEndpoint").items()
               if endpoint["Properties"].get("VpcEndpointType") == "Interface"}
    if missing := needed - service:
        yield "blox.yaml", "Service", f"does not wait for {', '.join(sorted(missing))}: name it in its tags"


def state(project):
    for key, want in (("FileSystem", "Retain"), ("Cache", "Snapshot")):
        resource = project.blox["Resources"][key]
        if resource.get("DeletionPolicy") != want or resource.get("UpdateReplacePolicy") != want:
            yield "blox.yaml", key, f"the state goes with the stack: want {want}"
    if project.properties("FileSystem").get("Encrypted") is not True:
        yield "blox.yaml", "FileSystem", "is not encrypted"
    cache = project.properties("Cache")
    for name in ("TransitEncryptionEnabled", "AtRestEncryptionEnabled", "MultiAZEnabled"):
        if cache.get(name) is not True:
            yield "blox.yaml", "Cache", f"want {name}"
    if cache.get("Durability") != "sync":
        yield "blox.yaml", "Cache", "an acknowledged write could be lost: want Durability sync"
    if project.properties("CacheParameters")["Properties"].get("maxmemory-policy") != "noeviction":
        yield "blox.yaml", "CacheParameters", "the state could be evicted, so that Blox refuses to start: want noeviction"


def rights(project):
    found = list(statements.of_template("blox.yaml", project.blox))
    for statement in found:
        if statement["effect"] != "Allow" or statement["trust"]:
            continue
        where, actions, keys = statement["where"], set(statement["actions"]), statement["keys"]
        if any("*" in action for action in actions):
            yield "blox.yaml", where, f"allows more than it names: {', '.join(sorted(actions))}"
        if "iam:PassRole" in actions and "iam:PassedToService" not in keys:
            yield "blox.yaml", where, "passes roles to any service: want a condition iam:PassedToService"
        if actions & IN_THE_CLUSTERS and "ecs:cluster" not in keys:
            yield "blox.yaml", where, "acts in every cluster: want a condition ecs:cluster"
        if statement["principal"]: # a resource's own policy, for itself
            continue
        if "*" in statement["resources"] and not actions <= WITHOUT_RESOURCE | IN_THE_CLUSTERS:
            yield "blox.yaml", where, f"wants a resource: {', '.join(sorted(actions - WITHOUT_RESOURCE - IN_THE_CLUSTERS))}"


def documents(project):
    for name, text in project.texts.items():
        if name in project.documents and (length := len("".join(text.split()))) > POLICY_MAX:
            yield name, "", f"{length} characters without spaces: a managed policy has at most {POLICY_MAX}"


def installer(project):
    """CloudFormation names a secret after its logical id, not after the stack."""
    want = {f"secret:{key}-*" for key in template.of_type(project.blox, "AWS::SecretsManager::Secret")}
    for statement in project.documents["policies/installer.json"]["Statement"]:
        if statement["Sid"] == "Secrets" and (has := {arn.split(":", 5)[5] for arn in statement["Resource"]}) != want:
            yield "policies/installer.json", "Secrets", f"reads {', '.join(sorted(has))}: want {', '.join(sorted(want))}"
        if statement["Sid"] == "Network" and (missing := FOR_MOUNT_TARGETS - set(statement["Action"])):
            yield "policies/installer.json", "Network", f"EFS cannot make mount targets: want {', '.join(sorted(missing))}"


def deployment(project):
    """A deployment is a snapshot of the API; only another logical id makes CloudFormation take a new one."""
    resources = project.blox["Resources"]
    api = {key: resources.get(key) for key in ("RestApi", "ApiResource", "ApiMethod")}
    digest = hashlib.sha256(json.dumps(api, sort_keys=True).encode()).hexdigest()[:8]
    for key in template.of_type(project.blox, "AWS::ApiGateway::Deployment"):
        if key != f"ApiDeployment{digest}":
            yield "blox.yaml", key, f"the API has changed: call it ApiDeployment{digest}"


def alarms(project):
    runbooks = project.text("docs/operations/runbooks.md") or ""
    headings = {line[3:].strip().lower() for line in runbooks.splitlines() if line.startswith("## ")}
    for key, alarm in template.of_type(project.blox, "AWS::CloudWatch::Alarm").items():
        anchor = key.removesuffix("Alarm").lower()
        if f"runbooks.md#{anchor}" not in alarm["Properties"]["AlarmDescription"]:
            yield "blox.yaml", key, f"its description does not name runbooks.md#{anchor}"
        if anchor not in headings:
            yield "blox.yaml", key, f"docs/operations/runbooks.md has no section {key.removesuffix('Alarm')}"
        if "AlarmActions" not in alarm["Properties"]:
            yield "blox.yaml", key, "tells nobody: want AlarmActions"


ALL = (size, parameters, rules, outputs, reference_names, authorisation, load_balancers, ports, security_groups, queues, timeouts,
       secrets, containers, variables, sizes, one_redis, waits, state, rights, documents, installer, deployment, alarms)
