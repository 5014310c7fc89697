"""The worlds tests live in: one they share, as long as they do not disturb each other, or one of their own."""

import pytest

from harness import Stack


def pytest_configure(config):
    config.addinivalue_line("markers", "stack(**differences): what the test's own stack has differently")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if not report.failed:
        return
    for value in getattr(item, "funcargs", {}).values():
        for stack in getattr(value, "stacks", [value]):
            if isinstance(stack, Stack):
                stack.keep = True
                report.sections.append(("the logs of the stack", stack.last_logs()))


@pytest.fixture(scope="session")
def shared():
    stack = Stack().start()
    yield stack
    stack.stop()


@pytest.fixture
def stack(request):
    marker = request.node.get_closest_marker("stack")
    own = Stack(**(marker.kwargs if marker else {})).start()
    yield own
    own.stop()


@pytest.fixture(scope="session")
def calm():
    """A stack whose events come once and in order, so that every change is seen exactly once; what a drift pass fills
    in would be another."""
    stack = Stack(n_reconcilers=1, duplicate=0, reorder=0, reconciler_options=("--drift-interval", "1h")).start()
    yield stack
    stack.stop()
