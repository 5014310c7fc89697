"""The documents: links that lead somewhere, things that are there under their name, and defaults of the programs."""

import os
import pathlib
import re
import subprocess

import pytest

from harness import BUILD, TOP

PLACES = ["*.md", "docs/*.md", "docs/*/*.md"]
DOCUMENTS = sorted(path.relative_to(TOP) for place in PLACES for path in TOP.glob(place))
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+/[\w.-]+\.(?:c|h|py|sh|yaml|yml|conf|json)")
ROOMS = [TOP, TOP / "src", TOP / "docs", TOP / "tests", TOP / "tests" / "system"]
LIBRARIES = {"sys/tree.h"}
EVENT = re.compile(r"[a-z]+\.[a-z]+(?:-[a-z]+)*")
NO_EVENTS = {"detail.version", "libcore.a"}
SUFFIXES = (".c", ".h", ".md", ".py", ".sh", ".yml", ".yaml", ".conf", ".json", ".env")
FLAG = re.compile(r"^  (--[a-z-]+)")
DEFAULT = re.compile(r"Default: (.*?)(?:, if it is free)?\.$")
# In the README's table: "16 (api)", "5m (reconciler)", "127.0.0.1:9464 (api)"; two flags of a row: "20 and 100 (reconciler)".
SAID = re.compile(r"(\d[\w.:]*)(?: and (\d\w*))? \((api|reconciler)\)")


def text_of(document):
    """Without what is shown as code: a `#` there is no heading, and brackets are no link."""
    text = (TOP / document).read_text()
    return re.sub(r"^(```.*?^```|    .*?)$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchor(heading):
    """As GitHub makes it of a heading: marks away, lower case, spaces as hyphens."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def anchors_of(document):
    return {anchor(heading) for heading in HEADING.findall(text_of(document))}


def is_dead(document, link):
    path, _, heading = link.partition("#")
    target = pathlib.Path(os.path.normpath(document.parent / path)) if path else document
    if target.is_absolute() or target.parts[0] == ".." or not (TOP / target).exists():
        return True
    return bool(heading) and heading not in anchors_of(target)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document):
    links = [link for link in LINK.findall(text_of(document)) if "://" not in link]
    assert not [link for link in links if is_dead(document, link)]


def test_every_document_can_be_found_from_the_readme():
    seen, new = set(), {pathlib.Path("README.md")}
    while new:
        seen |= new
        links = {(at, link.partition("#")[0]) for at in new for link in LINK.findall(text_of(at)) if "://" not in link}
        targets = {pathlib.Path(os.path.normpath(at.parent / path)) for at, path in links if path.endswith(".md")}
        new = targets - seen
    assert set(DOCUMENTS) <= seen


def test_every_document_is_installed():
    installed = (TOP / "Makefile.am").read_text()
    assert not [path for path in (TOP / "docs").rglob("*.*") if f"\t{path.relative_to(TOP)}" not in installed]


def quoted(document):
    return QUOTED.findall((TOP / document).read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_named_files_are_there(document):
    named = {text for text in quoted(document) if FILE.fullmatch(text)} - LIBRARIES
    assert not [name for name in named if not any((room / name).exists() for room in ROOMS)]


def test_named_tests_are_there():
    path = None
    named = [text.split("::") for text in quoted("docs/streams.md") if "::" in text]
    assert len(named) >= 6
    for place, name in named:
        path = TOP / "tests" / "system" / place if place else path
        assert f"\ndef {name}(" in path.read_text(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_named_events_are_logged(document):
    sources = [path for room in ("src", "lambda-proxy") for path in (TOP / room).rglob("*.c")]
    logged = {event for path in sources for event in re.findall(r'"([a-z]+\.[a-z-]+)"', path.read_text())}
    named = {text for text in quoted(document) if EVENT.fullmatch(text) and not text.endswith(SUFFIXES)}
    assert named - NO_EVENTS <= logged


def defaults_of(program):
    """{"--flag": default or None} as --help tells them."""
    done = subprocess.run([BUILD / program, "--help"], capture_output=True, text=True, timeout=60, check=True)
    found = {}
    for line in done.stdout.splitlines():
        if flag := FLAG.match(line):
            found[flag[1]] = None
        elif default := DEFAULT.search(line):
            found[next(reversed(found))] = default[1]
    return found


def test_the_table_of_settings_tells_the_defaults_of_the_programs():
    programs = {name: defaults_of(f"blox-{name}") for name in ("api", "reconciler")}
    rows = re.findall(r"^\| (`--.*?) \| .*? \| (.*) \|$", (TOP / "README.md").read_text(), re.MULTILINE)
    compared = 0
    for flags, meaning in rows:
        flags = re.findall(r"`(--[a-z-]+)`", flags)
        for flag in flags:
            assert any(flag in defaults for defaults in programs.values()), flag
        for first, second, program in SAID.findall(meaning):
            for flag, said in zip(flags, filter(None, (first, second))):
                assert said == programs[program][flag], (program, flag)
                compared += 1
    assert compared >= 9  # none was missed because its row reads otherwise now


def test_the_limits_of_the_log_are_those_of_the_program():
    defaults = defaults_of("blox-reconciler")
    (row,) = re.findall(r"^\| log of changes \| (.*) \|$", (TOP / "README.md").read_text(), re.MULTILINE)
    assert row == f"{int(defaults['--log-entries']):,} entries, {defaults['--log-age'].removesuffix('h')} h"


def test_the_distribution_names_every_python_file():
    """Nobody runs what a tarball lacks, so nobody would miss it."""
    named = set(re.findall(r"\btests/[\w/.-]+\.py\b", (TOP / "Makefile.am").read_text()))
    there = {str(path.relative_to(TOP)) for path in (TOP / "tests").rglob("*.py")}
    assert there == named
