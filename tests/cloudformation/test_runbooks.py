"""Every alarm, of CloudWatch and of Prometheus, leads to a section that says what to do."""

import re

import pytest
import yaml

import template
from places import TOP

RUNBOOKS = TOP / "docs" / "operations" / "runbooks.md"
PAGE = "docs/operations/runbooks.md"
SECTION_MIN = 200  # characters: less is no help


def _sections():
    parts = re.split(r"^## (.+)$", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def _rules():
    groups = yaml.safe_load((TOP / "docs" / "operations" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


RULES = _rules()


@pytest.mark.parametrize("name", RULES)
def test_an_alert_names_its_section(name):
    assert RULES[name]["annotations"].get("runbook") == f"{PAGE}#{name.lower()}"
    assert len(_sections().get(name, "")) >= SECTION_MIN


def test_an_alarm_names_its_section(project):
    sections = _sections()
    alarms = template.of_type(project.blox, "AWS::CloudWatch::Alarm")
    assert len(alarms) >= 10
    for key, alarm in alarms.items():
        name = key.removesuffix("Alarm")
        assert alarm["Properties"]["AlarmDescription"].endswith(f"runbooks.md#{name.lower()}"), key
        assert len(sections.get(name, "")) >= SECTION_MIN, f"{PAGE} says too little of {name}"


def test_the_outputs_that_commands_ask_for_are_the_stacks(project):
    asked = set(re.findall(r"\$\(out (\w+)\)", RUNBOOKS.read_text(encoding="utf-8")))
    assert asked and asked <= set(project.blox["Outputs"])


def test_no_section_is_of_an_alarm_that_is_gone(project):
    alarms = {key.removesuffix("Alarm") for key in template.of_type(project.blox, "AWS::CloudWatch::Alarm")}
    named = {name for name in _sections() if re.fullmatch(r"[A-Z][A-Za-z]+", name)}
    assert named <= alarms | set(RULES)
