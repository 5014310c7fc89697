"""What the tests speak to: the product's two APIs through nginx, and the simulator's control API."""

import requests

TIMEOUT_S = 60  # no request of a test may hang


class Server:
    """One HTTP server; every request on a connection of its own, as another client's would be."""

    def __init__(self, url, key=None):
        self.url = url
        self.key = key  # signs each request, unless it has another `auth`

    def request(self, method, path, **options):
        options.setdefault("timeout", TIMEOUT_S)
        options.setdefault("auth", self.key)
        return requests.request(method, self.url + path, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)


def answer(response):
    """The JSON of an answer that must be a success."""
    assert response.status_code == 200, f"{response.request.url}: {response.status_code} {response.text}"
    return response.json()


class Blox:
    """The product: `scheduler`, `state` and `gateway` (what a load balancer sees) for raw requests, methods for
    what tests often want."""

    def __init__(self, scheduler_url, state_url, gateway_url, key=None):
        self.scheduler = Server(scheduler_url, key)
        self.state = Server(state_url, key)
        self.gateway = Server(gateway_url, key)

    def is_ready(self):
        try:
            return (
                self.scheduler.get("/v1/environments", timeout=TIMEOUT_S).status_code == 200
                and self.state.get("/v1/instances", timeout=TIMEOUT_S).status_code == 200
            )
        except requests.RequestException:
            return False

    # ---- scheduler

    def post_environment(self, name, cluster, task_definition):
        body = {"name": name, "instanceGroup": {"cluster": cluster}, "taskDefinition": task_definition}
        return self.scheduler.post("/v1/environments", json=body)

    def create_environment(self, name, cluster, task_definition):
        return answer(self.post_environment(name, cluster, task_definition))

    def environment(self, name):
        return answer(self.scheduler.get(f"/v1/environments/{name}"))

    def environments(self, **query):
        return answer(self.scheduler.get("/v1/environments", params=query))["items"]

    def delete_environment(self, name):
        response = self.scheduler.delete(f"/v1/environments/{name}")
        assert response.status_code == 200, response.text

    def post_deployment(self, name, token):
        return self.scheduler.post(f"/v1/environments/{name}/deployments", params={"deploymentToken": token})

    def create_deployment(self, name, token):
        return answer(self.post_deployment(name, token))

    def deployment(self, name, deployment_id):
        return answer(self.scheduler.get(f"/v1/environments/{name}/deployments/{deployment_id}"))

    def deployments(self, name):
        return answer(self.scheduler.get(f"/v1/environments/{name}/deployments"))["items"]

    def deploy(self, name, cluster, task_definition):
        """A new environment and its deployment; gives the deployment."""
        environment = self.create_environment(name, cluster, task_definition)
        return self.create_deployment(name, environment["deploymentToken"])

    # ---- cluster state; the entities alone

    def pages(self, path, max_results, server=None, **query):
        """All items of a list, page by page, and the revision of the first page."""
        items, revision = [], None
        query = query | {"maxResults": max_results}
        while True:
            response = (server or self.state).get(path, params=query)
            page = answer(response)
            revision = revision or int(response.headers["X-Blox-Revision"])
            items += page["items"]
            if "nextToken" not in page:
                return items, revision
            assert len(page["items"]) == max_results
            query["nextToken"] = page["nextToken"]

    def clusters(self):
        return answer(self.state.get("/v1/clusters"))["items"]

    def tasks(self, **query):
        return [item["entity"] for item in answer(self.state.get("/v1/tasks", params=query))["items"]]

    def instances(self, **query):
        return [item["entity"] for item in answer(self.state.get("/v1/instances", params=query))["items"]]


class Sim(Server):
    """The simulator's control API (docs/awssim.md)."""

    def call(self, method, path, body=None, **query):
        response = self.request(method, f"/_sim/{path}", json=body, params=query)
        assert response.ok, f"{method} {path} {body}: {response.status_code} {response.text}"
        return response.json()

    def answers(self):
        try:
            return self.get("/_sim/healthz", timeout=TIMEOUT_S).ok
        except requests.RequestException:
            return False

    def set(self, **settings):
        return self.call("PUT", "settings", settings)

    def fault(self, kind, **options):
        """kind may be that of a call (with operation=) or of an event; count= and rate= limit it."""
        self.call("POST", "faults", {"kind": kind, **options})

    def no_faults(self):
        self.call("DELETE", "faults")

    # ---- the world

    def create_cluster(self, name):
        return self.call("POST", "clusters", {"name": name})["clusterArn"]

    def register_task_definition(self, family, **options):
        return self.call("POST", "task-definitions", {"family": family, **options})["taskDefinitionArn"]

    def add_instances(self, cluster, count=1, **options):
        return self.call("POST", "instances", {"cluster": cluster, "count": count, **options})["containerInstanceArns"]

    def instances(self, cluster):
        return self.call("GET", "instances", cluster=cluster)["instances"]

    def change_instance(self, arn, **changes):
        self.call("PATCH", "instance", {"arn": arn, **changes})

    def remove_instance(self, arn):
        self.call("DELETE", "instance", arn=arn)

    def vanish_instance(self, arn):
        self.call("POST", "instance/vanish", {"arn": arn})

    def add_tasks(self, cluster, **options):
        """Tasks of somebody else, RUNNING at once."""
        return self.call("POST", "tasks", {"cluster": cluster, **options})["taskArns"]

    def crash_task(self, arn, **options):
        self.call("POST", "task/crash", {"task": arn, **options})

    # ---- what happened

    def tasks(self, cluster, instance=None):
        """Every task of a cluster (or instance) as it is now, the stopped ones too."""
        return self.call("GET", "tasks", cluster=cluster, **({"instance": instance} if instance else {}))["tasks"]

    def live_tasks(self, cluster, instance=None):
        return [
            task
            for task in self.tasks(cluster, instance)
            if task["desiredStatus"] == "RUNNING" and task["lastStatus"] != "STOPPED"
        ]

    def history(self, after=0):
        """Every change of every task, in order."""
        transitions = []
        while True:
            page = self.call("GET", "history", after=after)
            if not page["transitions"]:
                return transitions
            transitions += page["transitions"]
            after = page["last"]

    def calls(self, operation, after=0):
        return self.call("GET", "calls", operation=operation, after=after)["calls"]

    def last_call(self):
        """The number to ask calls(after=) with, for those from now on."""
        return self.call("GET", "calls", operation="none")["last"]

    def counters(self):
        return self.call("GET", "counters")


def task_arns(blox, **query):
    return sorted(task["taskARN"] for task in blox.tasks(**query))


def instance_arns(blox, **query):
    return sorted(instance["containerInstanceARN"] for instance in blox.instances(**query))
