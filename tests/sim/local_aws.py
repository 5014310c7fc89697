"""Runs blox-awssim and drives it with botocore, raw signed requests and the aws CLI."""
import json
import os
import pathlib
import socket
import subprocess
import time

import botocore.session
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

TOP = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
KEY, SECRET = "AKIDTEST", "secret-of-the-test"
TARGETS = {"ecs": ("AmazonEC2ContainerServiceV20141113", "1.1"), "sqs": ("AmazonSQS", "1.0")}


def binary():
    build = pathlib.Path(os.environ.get("BLOX_BUILD", TOP / ".dev" / "build"))
    path = pathlib.Path(os.environ.get("BLOX_AWSSIM", build / "blox-awssim"))
    if not path.exists():
        pytest.exit(f"{path} is not there: build it, or set BLOX_AWSSIM", 1)
    return str(path)


ports_held = []


def free_port():
    """As tests/system/harness.py has it: nobody else is given it, and a server may listen there."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    ports_held.append(holder)
    return holder.getsockname()[1]


def give_ports_back():
    while ports_held:
        ports_held.pop().close()


def eventually(condition, within_s=30):
    """The first true value of the condition."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def sign(service, url, headers, body, key=KEY, secret=SECRET, token=None, region=REGION):
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return request.prepare()


class Sim:
    def __init__(self, *flags, token=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.queue_url = f"{self.url}/{ACCOUNT}/blox"
        self.token = token
        self.http = requests.Session()
        env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "PATH": os.environ["PATH"]}
        if token:
            env["AWS_SESSION_TOKEN"] = token
        self.env = env
        args = [binary(), "--listen", f"127.0.0.1:{self.port}", "--log-level", "warn",
                "--start-delay-ms", "30", "--stop-timeout-ms", "60", *flags]
        self.process = subprocess.Popen(args, env=env, stderr=subprocess.PIPE)
        eventually(self.answers, 60)
        self.ecs, self.sqs = self.client("ecs"), self.client("sqs")

    def answers(self):
        try:
            return requests.get(f"{self.url}/_sim/healthz", timeout=60).ok
        except requests.ConnectionError:
            assert self.process.poll() is None, self.process.stderr.read()
            return False

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.process.stderr.read().decode()

    # ---- AWS

    def client(self, service, read_timeout=60, **overrides):
        credentials = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET,
                       "aws_session_token": self.token, "region_name": REGION, **overrides}
        return botocore.session.get_session().create_client(
            service, endpoint_url=self.url,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False,
                          read_timeout=read_timeout),
            **credentials)

    def call(self, service, operation, body, http=None, **signing):
        """A hand-made JSON call: the answer as requests gives it."""
        target, version = TARGETS[service]
        headers = {"X-Amz-Target": f"{target}.{operation}",
                   "Content-Type": f"application/x-amz-json-{version}"}
        request = sign(service, self.url + "/", headers, json.dumps(body),
                       **{"token": self.token, **signing})
        return (http or self.http).post(request.url, data=request.body, headers=dict(request.headers))

    def aws(self, *args):
        """The aws CLI: its parsed output."""
        done = subprocess.run(["aws", "--endpoint-url", self.url, "--output", "json", *args],
                              env={**self.env, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""},
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout) if done.stdout.strip() else {}

    # ---- the control API

    def control(self, method, path, body=None, **query):
        answer = self.http.request(method, f"{self.url}/_sim{path}", json=body, params=query)
        assert answer.ok, answer.text
        return answer.json()

    def cluster(self, name="c"):
        self.control("POST", "/clusters", {"name": name})
        return name

    def instances(self, count=1, cluster="c", **more):
        made = self.control("POST", "/instances", {"cluster": cluster, "count": count, **more})
        return made["containerInstanceArns"]

    def definition(self, family="d", **more):
        return self.control("POST", "/task-definitions", {"family": family, **more})["taskDefinitionArn"]

    def settings(self, **more):
        return self.control("PUT", "/settings", more)

    def fault(self, **more):
        return self.control("POST", "/faults", more)

    # ---- shortcuts

    def start(self, instance, definition="d", cluster="c", **more):
        done = self.ecs.start_task(cluster=cluster, taskDefinition=definition,
                                   containerInstances=[instance], **more)
        assert not done["failures"], done
        return done["tasks"][0]["taskArn"]

    def task(self, arn, cluster="c"):
        return self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]

    def instance(self, arn, cluster="c"):
        return self.ecs.describe_container_instances(
            cluster=cluster, containerInstances=[arn])["containerInstances"][0]

    def wait_for(self, arn, status, cluster="c"):
        return eventually(lambda: (t := self.task(arn, cluster))["lastStatus"] == status and t)

    def messages(self, **more):
        return self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10,
                                        **more).get("Messages", [])

    def bodies(self):
        """Takes all there is to be had now."""
        found = []
        while batch := self.messages():
            found += [m["Body"] for m in batch]
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=[
                {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(batch)])
        return found

    def events(self):
        return [json.loads(body) for body in self.bodies()]
