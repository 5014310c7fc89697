#!/usr/bin/python3
"""Looks for mistakes in the templates and policy documents; ends with 1 when it found some."""

import argparse
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import assertions
import calls
import project
import statements
import tools

TOP = pathlib.Path(__file__).resolve().parents[2]
CFN_LINT_S = 120

# A value for every parameter, so that the validator has one combination to look at instead of thousands.
PARAMETERS = {
    "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/blox@sha256:" + 64 * "a",
    "Architecture": "ARM64", "TaskSize": "small", "DesiredCount": "2", "LogLevel": "info", "LogRetentionDays": "30",
    "ContainerInsights": "enabled", "ManagedClusters": "*", "PassableRoles": "*",
    "Operators": "arn:aws:iam::123456789012:role/ops", "Viewers": "arn:aws:iam::123456789012:role/*",
    "KeysSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-abcdef",
    "StateStore": "sidecar", "CacheNodeType": "cache.m7g.large", "RestoreFileSystemId": "fs-0123456789abcdef0",
    "RestoreSnapshotName": "blox", "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1", "VpcPrefix": "10.0", "Outbound": "nat",
    "ClientAccess": "true", "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/a1b2",
    "BackendName": "blox.example.com", "DeletionProtection": "true", "AccessLogBucket": "balancer-logs",
    "QueueName": "blox", "ApiStageName": "blox", "ThrottleRate": "100", "ThrottleBurst": "200",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/blox/a1b2",
    "CreateApiGatewayAccount": "true", "ProxyConcurrency": "5", "KeyVersionId": "",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms", "RepositoryName": "blox", "KeepImages": "20",
}
SEVERE = {"FATAL", "ERROR"}
SEVERE_RULES = {"W3030"}  # a value which is none of those allowed
# (rule, logical id): why it is none.
ACCEPTED = {
    ("E3687", "BalancerFromProxy"): "the validator takes a port behind Fn::If for a missing one",
    ("E3687", "StateFromTask"): "the same",
}
# W1030, W1035: parameters that are empty by default, behind conditions which see to that.
CFN_LINT_IGNORES = ("W1030", "W1035")


def validator(files, packages):
    """AWS' own validator; files are those on the disk, by name."""
    names = {str(path): name for name, path in files.items()}
    found = tools.run_script(packages, "validate.mjs", {"files": list(names), "parameters": PARAMETERS})
    for one in found:
        if one["severity"] not in SEVERE and one["rule"] not in SEVERE_RULES:
            continue
        if (one["rule"], one["where"]) not in ACCEPTED:
            yield names[one["file"]], one["where"], f"{one['rule']} {one['message']}"


def iam(looked_at, packages):
    question = []
    for name, document in looked_at.templates.items():
        question += statements.of_template(name, document)
    for name, document in looked_at.documents.items():
        question += statements.of_document(name, document)
    for one in tools.run_script(packages, "iam.mjs", question):
        yield one["file"], one["where"], one["message"]


def cfn_lint(files):
    command = [tools.cfn_lint(), "--format", "parseable", "--ignore-checks", *CFN_LINT_IGNORES, "--template"]
    names = {str(path): name for name, path in files.items()}
    run = subprocess.run([*command, *names], capture_output=True, text=True, timeout=CFN_LINT_S)
    for line in run.stdout.splitlines():
        if line.count(":") >= 6:
            path, row, _, _, _, rule, message = line.split(":", 6)
            yield names[path], f"line {row}", f"{rule} {message}"
    if run.returncode not in (0, 2, 4, 6, 8, 10, 12, 14):
        raise tools.Broken("cfn-lint: " + run.stderr.strip()[-300:])


def own(looked_at):
    for check in assertions.ALL:
        yield from check(looked_at)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", default=TOP / ".dev" / "lint", help="where npm's packages are, or are installed")
    parser.add_argument("--build", default=os.environ.get("BLOX_BUILD"), help="where our programs are, for their --help")
    parser.add_argument("--offline", action="store_true", help="leave out what needs npm")
    options = parser.parse_args()
    looked_at = project.Project(TOP, options.build)
    files = {name: TOP / "cloudformation" / name for name in looked_at.templates}
    checks = {
        "own assertions": lambda: own(looked_at),
        "calls and rights": lambda: calls.check(looked_at),
        "cfn-lint": lambda: cfn_lint(files),
    }
    if not options.offline:
        checks["validator"] = lambda: validator(files, options.packages)
        checks["iam"] = lambda: iam(looked_at, options.packages)
    failed = False
    for name, check in checks.items():
        try:
            found = list(check())
        except tools.Missing as missing:
            print(f"{name}: left out: {missing}")
            continue
        except tools.Broken as broken:
            found = [("", "", str(broken))]
        for file, where, message in found:
            print(f"{file}: {where}: {message} ({name})")
        print(f"{name}: {len(found)} mistakes" if found else f"{name}: good")
        failed |= bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
