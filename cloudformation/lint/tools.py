"""The tools which others make: npm packages, installed once, and cfn-lint where some Python has it."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
MIN_NODE = 20
INSTALL_S = 300
RUN_S = 120


class Missing(Exception):
    """A tool is not here; the text says which, and what would help."""


class Broken(Exception):
    """A tool is here and does not work."""


def _node():
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Missing("node and npm are not installed (Debian: nodejs npm, version 20 or later)")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=RUN_S).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < MIN_NODE:
        raise Missing(f"node is {version}; the validator wants {MIN_NODE} or later")
    return node, npm


def install(directory):
    """Installs what package-lock.json pins into a directory, unless it is there already."""
    node, npm = _node()
    directory = pathlib.Path(directory)
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = directory / "installed"
    want = hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != want:
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, directory / name)
        run = subprocess.run([npm, "ci"], cwd=directory, capture_output=True, text=True, timeout=INSTALL_S)
        if run.returncode != 0:
            raise Missing("npm ci failed: " + " ".join(run.stderr.split())[-300:])
        stamp.write_text(want)
    return node


def run_script(directory, script, question):
    """Runs one of our .mjs files, which reads JSON and writes JSON; packages come from the directory."""
    node = install(directory)
    shutil.copy(HERE / script, pathlib.Path(directory) / script) # so that its imports are found
    run = subprocess.run([node, pathlib.Path(directory) / script], input=json.dumps(question), text=True,
                         capture_output=True, timeout=RUN_S)
    if run.returncode != 0:
        raise Broken(f"{script}: " + " ".join((run.stderr or run.stdout).split())[-400:])
    return json.loads(run.stdout)


def cfn_lint():
    """The command of cfn-lint."""
    found = shutil.which("cfn-lint")
    if not found:
        raise Missing("cfn-lint is not installed (Python package cfn-lint)")
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    probe = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=RUN_S, env=env)
    if probe.returncode != 0:
        raise Missing("cfn-lint does not start: " + probe.stderr.strip()[-200:])
    return found
