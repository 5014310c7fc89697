"""One function for the tests that only look at one event after the other, and one for each that does more."""

import pytest

from fake_lambda import running


@pytest.fixture
def start():
    """start(backend, **environment) gives the Runtime API and the function; both end with the test."""
    contexts = []

    def one(backend, **environment):
        url = backend if isinstance(backend, str) else backend.url
        contexts.append(running(url, **environment))
        return contexts[-1].__enter__()

    yield one
    for context in reversed(contexts):
        context.__exit__(None, None, None)
