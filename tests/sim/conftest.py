"""The fixtures: a simulator of one's own."""
import datetime

import botocore.auth
import pytest
from function import Function
from gateway_client import Gateway
from local_aws import KEY, SECRET, Sim, free_port, give_ports_back


@pytest.fixture
def start_sim():
    started = []

    def start(*flags, **more):
        started.append(Sim(*flags, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()
    give_ports_back()


@pytest.fixture
def sim(start_sim):
    """A simulator with cluster "c" and the task definition "d"."""
    one = start_sim()
    one.cluster()
    one.definition()
    return one


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the signer's clock off by some minutes."""

    def shift(minutes):
        class Shifted(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return datetime.datetime.utcnow() + datetime.timedelta(minutes=minutes)

        class Module:
            datetime = Shifted

        monkeypatch.setattr(botocore.auth, "datetime", Module)

    return shift


class FrontDoor(Gateway):
    """A simulator's gateway, and the functions behind it."""

    def __init__(self, start_sim, *flags, **more):
        port, self.runtime_port = free_port(), free_port()
        self.sim = start_sim("--gateway-listen", f"127.0.0.1:{port}",
                             "--runtime-api-listen", f"127.0.0.1:{self.runtime_port}", *flags, **more)
        super().__init__(port, KEY, SECRET, more.get("token"))
        self.functions = []

    def idle_function(self, environment=""):
        return Function(self.runtime_port, environment=environment)

    def function(self, handle=None, environment=""):
        self.functions.append(Function(self.runtime_port, handle, environment).start())
        return self.functions[-1]

    def user(self, key, secret, arn, **more):
        made = self.sim.control("POST", "/users",
                                {"accessKeyId": key, "secretAccessKey": secret, "arn": arn, **more})
        return made["userId"]


@pytest.fixture
def open_gateway(start_sim):
    return lambda *flags, **more: FrontDoor(start_sim, *flags, **more)


@pytest.fixture
def gateway(open_gateway):
    return open_gateway()
