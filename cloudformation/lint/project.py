"""What is looked at: the templates, the policy documents, and the code they must agree with."""

import json
import pathlib
import re
import subprocess

import template

TEMPLATES = ("blox.yaml", "local.yaml", "repository.yaml")
SOURCES = ("src/cmd/*.c", "src/util/config.h", "lambda-proxy/*.c", "container/*") # where variables are named
RUN_S = 10


class Project:
    """`top` is the project; `changed` gives files another text, by their name in cloudformation/."""

    def __init__(self, top, build=None, changed=None):
        self.top = pathlib.Path(top)
        self.build = pathlib.Path(build) if build else None
        self.texts, self.templates, self.documents = {}, {}, {}
        here = self.top / "cloudformation"
        names = [*TEMPLATES, *(f"policies/{path.name}" for path in sorted((here / "policies").glob("*.json")))]
        for name in names:
            self.texts[name] = (changed or {}).get(name) or (here / name).read_text(encoding="utf-8")
            if name.endswith(".json"):
                self.documents[name] = json.loads(self.texts[name])
            else:
                self.templates[name] = template.parse(self.texts[name])

    @property
    def blox(self):
        return self.templates["blox.yaml"]

    def properties(self, name):
        return self.blox["Resources"][name]["Properties"]

    def containers(self):
        return {item["Name"]: item for item in template.branches(self.properties("TaskDefinition")["ContainerDefinitions"])}

    # ---- the code

    def text(self, name):
        path = self.top / name
        return path.read_text(encoding="utf-8") if path.exists() else None

    def number(self, name, pattern):
        """A number in a file of the project; None where the file is not there."""
        text = self.text(name)
        if text is None:
            return None
        found = re.search(pattern, text, re.MULTILINE)
        return float(found.group(1)) if found else None

    def variables(self):
        """The environment variables which our programs know, by their --help where they are built."""
        found = set()
        for program in ("blox-api", "blox-reconciler", "blox-lambda-proxy"):
            path = self.build / program if self.build else None
            if path and path.exists():
                run = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=RUN_S)
                found |= set(re.findall(r"\b(?:BLOX|AWS)_[A-Z_]+", run.stdout))
        for path in [path for name in SOURCES for path in self.top.glob(name)]:
            found |= set(re.findall(r"\b(?:BLOX|AWS)_[A-Z_]+", path.read_text(encoding="utf-8", errors="replace")))
            for option in re.findall(r'^ +(?:\{|LOG_OPTION\()"([a-z-]+)", OPTION', path.read_text(errors="replace"), re.MULTILINE):
                found.add("BLOX_" + option.upper().replace("-", "_"))
        return found

    def roles(self):
        """The roles which the image has; None without it."""
        text = self.text("container/blox-container")
        return set(re.findall(r"^([a-z-]+)\)", text, re.MULTILINE)) if text else None
