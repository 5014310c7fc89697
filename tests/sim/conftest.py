"""The fixtures: a simulator of one's own."""
import pytest
from local_aws import Sim


@pytest.fixture
def start_sim():
    started = []

    def start(*flags, **more):
        started.append(Sim(*flags, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def sim(start_sim):
    """A simulator with cluster "c" and the task definition "d"."""
    one = start_sim()
    one.cluster()
    one.definition()
    return one
