"""Reads Prometheus' text format, as far as the tests need it, and asks promtool about the rest."""

import re
import subprocess

import requests

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Scrape:
    """What one program said of itself at one time."""

    def __init__(self, url):
        answer = requests.get(url + "/metrics", timeout=60)
        answer.raise_for_status()
        self.content_type = answer.headers["Content-Type"]
        self.text = answer.text
        self.samples = []
        self.types = {}
        for line in self.text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def values(self, name, **labels):
        """Of all samples which have (at least) these labels."""
        return [value for n, have, value in self.samples if n == name and labels.items() <= have.items()]

    def sum(self, name, **labels):
        return sum(self.values(name, **labels))

    def labels(self, name, label):
        return {have.get(label) for n, have, _ in self.samples if n == name}

    def lint(self):
        """What `promtool check metrics` finds to say; nothing, when all is well."""
        done = subprocess.run(["promtool", "check", "metrics"], input=self.text, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
