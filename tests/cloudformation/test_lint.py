"""`make lint-cloudformation`: nothing is wrong, and it would find each of many seeded mistakes."""

import functools
import pathlib
import shutil
import subprocess
import sys

import pytest

import assertions
import calls
import lint
import project as lint_project
import statements
import tools
from places import HERE, TOP
from mistakes import MISTAKES

CALL_S = 120
KINDS_MIN = 25
OF_THE_FILE = {"own", "calls"}


@functools.lru_cache(maxsize=None)
def _project(kind, build):
    mistake = next(one for one in MISTAKES if one.kind == kind)
    text = (HERE / mistake.file).read_text(encoding="utf-8")
    assert mistake.old in text, f"{mistake.kind}: {mistake.file} has changed, there is no {mistake.old!r} any more"
    return lint_project.Project(TOP, build, {mistake.file: text.replace(mistake.old, mistake.new)})


def test_there_are_enough_mistakes_of_different_kinds():
    assert len({mistake.kind for mistake in MISTAKES}) == len(MISTAKES) >= KINDS_MIN


def test_nothing_is_wrong_without_npm(project):
    assert [*lint.own(project), *calls.check(project)] == []


def test_nothing_is_wrong_with_npm(project, packages):
    files = {name: HERE / name for name in project.templates}
    assert [*lint.validator(files, packages), *lint.iam(project, packages)] == []


def test_nothing_is_wrong_for_cfn_lint(project):
    try:
        found = list(lint.cfn_lint({name: HERE / name for name in project.templates}))
    except tools.Missing as missing:
        pytest.skip(str(missing))
    assert found == []


def test_every_assertion_has_a_mistake_which_it_finds(project, build):
    """An assertion that no mistake trips could be one that cannot fail."""
    tripped = set()
    for mistake in MISTAKES:
        if mistake.check == "own":
            changed = _project(mistake.kind, build)
            tripped |= {check.__name__ for check in assertions.ALL if list(check(changed))}
    assert {check.__name__ for check in assertions.ALL} == tripped


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.check in OF_THE_FILE], ids=lambda m: m.kind)
def test_finds(mistake, build):
    changed = _project(mistake.kind, build)
    found = list(lint.own(changed) if mistake.check == "own" else calls.check(changed))
    assert any(mistake.message in message for _, _, message in found), found


@pytest.fixture(scope="session")
def validated(packages, build, tmp_path_factory):
    """All mistakes for the validator in one run of it, which takes longer to start than to look."""
    directory = tmp_path_factory.mktemp("mistakes")
    files = {}
    for mistake in (m for m in MISTAKES if m.check == "validator"):
        files[mistake.kind] = directory / f"{len(files)}-{pathlib.Path(mistake.file).name}"
        text = (HERE / mistake.file).read_text(encoding="utf-8")
        assert mistake.old in text, mistake.kind
        files[mistake.kind].write_text(text.replace(mistake.old, mistake.new), encoding="utf-8")
    found = {}
    for kind, where, message in lint.validator(files, packages):
        found.setdefault(kind, []).append(f"{where}: {message}")
    return found


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.check == "validator"], ids=lambda m: m.kind)
def test_validator_finds(mistake, validated):
    assert any(mistake.message in text for text in validated.get(mistake.kind, [])), validated.get(mistake.kind)


@pytest.fixture(scope="session")
def walked(packages, build):
    """The same for IAM's tables; `file` carries the kind."""
    question = []
    for mistake in (m for m in MISTAKES if m.check == "iam"):
        changed = _project(mistake.kind, build)
        of = statements.of_document if mistake.file in changed.documents else statements.of_template
        document = changed.documents.get(mistake.file) or changed.templates[mistake.file]
        question += of(mistake.kind, document)
    found = {}
    for one in tools.run_script(packages, "iam.mjs", question):
        found.setdefault(one["file"], []).append(one["message"])
    return found


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.check == "iam"], ids=lambda m: m.kind)
def test_iam_finds(mistake, walked):
    assert any(mistake.message in text for text in walked.get(mistake.kind, [])), walked.get(mistake.kind)


def test_a_key_that_stands_there_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        lint_project.Project(TOP, None, {"local.yaml": "Resources: {}\nResources: {}\n"})


def test_the_program_ends_with_one_when_something_is_wrong(tmp_path):
    """Run as a person would, on a copy with a mistake."""
    for name in ("cloudformation", "container", "lambda-proxy", "nginx", "src", "docs"):
        shutil.copytree(TOP / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    command = [sys.executable, tmp_path / "cloudformation" / "lint" / "lint.py", "--offline"]
    run = functools.partial(subprocess.run, command, capture_output=True, text=True, timeout=CALL_S, env={"PATH": "/usr/bin:/bin"})
    good = run()
    assert good.returncode == 0, good.stdout
    assert "own assertions: good" in good.stdout
    template = tmp_path / "cloudformation" / "local.yaml"
    template.write_text(template.read_text().replace("      SqsManagedSseEnabled: true\n", "", 1))
    bad = run()
    assert bad.returncode == 1
    assert "local.yaml: Queue: is not encrypted" in bad.stdout


def test_the_lock_file_names_no_registry():
    text = (HERE / "lint" / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in text and '"integrity"' in text
