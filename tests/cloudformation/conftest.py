"""The project as lint sees it, npm's packages, and a fake AWS where this machine has one."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import pytest

from places import HERE, TOP

sys.dont_write_bytecode = True  # cloudformation/ goes into the distribution as it is
sys.path.insert(0, str(HERE / "lint"))

import project as lint_project  # noqa: E402
import tools  # noqa: E402

MOTO_S = 60


@pytest.fixture(scope="session")
def build():
    return os.environ.get("BLOX_BUILD")


@pytest.fixture(scope="session")
def project(build):
    return lint_project.Project(TOP, build)


@pytest.fixture(scope="session")
def packages(build, tmp_path_factory):
    """Where npm's packages are: installed once for a build directory."""
    directory = pathlib.Path(build) / "lint-cloudformation" if build else tmp_path_factory.mktemp("packages")
    try:
        tools.install(directory)
    except tools.Missing as missing:
        pytest.skip(str(missing))
    return directory


def _free_port():
    """A socket which holds a port, and the port: a server may listen there while we do not."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


def _answers(port):
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The address of a fake AWS."""
    program = shutil.which("moto_server")
    if not program:
        pytest.skip("moto_server is not installed (Python package moto)")
    holder, port = _free_port()
    log = open(tmp_path_factory.mktemp("moto") / "log", "w", encoding="utf-8")
    server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    deadline = time.monotonic() + MOTO_S
    while not _answers(port):
        if server.poll() is not None:
            pytest.skip(f"moto_server does not start: {log.name}")
        assert time.monotonic() < deadline, f"moto_server does not listen: {log.name}"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(MOTO_S)
    holder.close()
    log.close()
