"""launch.sh: what it would call, how it takes wrong arguments, and how far it comes with a fake AWS."""

import json
import os
import shutil
import subprocess

import botocore.session
import pytest

import template
from places import HERE, REGION
from test_stack import modelled

LAUNCH = HERE / "launch.sh"
LAUNCH_S = 120
DIGEST = "sha256:" + 64 * "b"
IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/blox@{DIGEST}"


def _run(*arguments, **env):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return subprocess.run([LAUNCH, *arguments], capture_output=True, text=True, timeout=LAUNCH_S,
                          stdin=subprocess.DEVNULL, env={**clean, **env})


def _calls(run):
    assert run.returncode == 0, run.stderr
    return [line for line in run.stdout.splitlines() if line.startswith("+ ")]


def _changes(calls):
    reads = (" describe-", " get-", " wait ", " login ")
    return [call for call in calls if not any(word in call for word in reads)]


def test_help_names_every_option():
    run = _run("--help")
    assert run.returncode == 0
    for option in ("--update", "--image", "--architecture", "--rotate-key", "--delete", "--yes", "--region", "--dry-run"):
        assert option in run.stdout


@pytest.mark.parametrize("arguments,why", [
    (["--frobnicate"], "what is --frobnicate?"),
    (["--image"], "--image wants a value"),
    (["--image="], "--image wants a value"),
    (["--image", "blox:latest"], "--image wants ACCOUNT"),
    (["--region"], "--region wants a value"),
    (["--architecture", "sparc"], "x86_64 or arm64"),
    (["Blox"], "a stack's name is"),
    (["blox-"], "a stack's name is"),
    (["blox--two"], "a stack's name is"),
    (["b" * 31], "a stack's name is"),
    (["one", "two"], "two names of stacks"),
    (["--delete", "--update"], "exclude each other"),
    (["--delete", "TaskSize=large"], "takes no image and no parameters"),
    (["--yes"], "--yes goes with --delete"),
    (["Tasksize=large"], "no parameter Tasksize"),
    (["StateStore=valkey"], "StateStore is one of sidecar, elasticache"),
    (["StateStore="], "StateStore is one of sidecar, elasticache"),
    (["ClientAccess=yes"], "ClientAccess is one of true, false"),
    (["ImageUri=x"], "say --image"),
    (["Architecture=x"], "say --architecture"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_arguments_end_with_64(arguments, why):
    run = _run(*arguments)
    assert (run.returncode, run.stdout) == (64, "")
    assert why in run.stderr and "--help" in run.stderr


def test_a_dry_run_shows_every_change_in_order_and_needs_nothing(tmp_path):
    """The path has neither aws nor a container tool, and there are no credentials."""
    for name in ("bash", "dirname", "mktemp", "rm", "uname", "sed", "grep", "tail", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    calls = _calls(_run("--dry-run", "--region", "eu-west-1", "--architecture", "x86_64", "StateStore=elasticache", PATH=str(tmp_path)))
    assert all("--region eu-west-1" in call for call in calls if " aws " in call)
    verbs = [" ".join(call.split()[1:5]) if " aws " not in call else " ".join(call.split()[4:6]) for call in _changes(calls)]
    assert verbs == ["cloudformation create-stack", "podman build --format docker", "podman push ACCOUNT.dkr.ecr.eu-west-1.amazonaws.com/blox:TAG",
                     "cloudformation create-stack"]
    assert "ParameterKey=StateStore,ParameterValue=elasticache" in calls[-3]
    assert "blox@sha256:DIGEST" in calls[-3] and "CAPABILITY_IAM" in calls[-3]


def test_a_dry_run_takes_the_region_that_is_set():
    assert all(f"--region {REGION} " in call for call in _calls(_run("--dry-run", "--image", IMAGE, AWS_REGION=REGION)))


def test_a_dry_run_with_an_image_builds_nothing():
    calls = _calls(_run("--dry-run", "--region", REGION, "--image", IMAGE))
    assert len(_changes(calls)) == 1 and IMAGE in _changes(calls)[0]


def test_a_dry_run_of_an_update_keeps_parameters():
    calls = _calls(_run("--dry-run", "--update", "--image", IMAGE, "DesiredCount=3"))
    change, = _changes(calls)
    assert "update-stack" in change and "DesiredCount,ParameterValue=3" in change and "UsePreviousValue=true" in change


def test_a_dry_run_of_a_deletion_says_what_stays():
    run = _run("--dry-run", "--delete")
    assert len(_changes(_calls(run))) == 1 and " delete-stack " in _changes(_calls(run))[0]
    for stays in ("EFS file system", "API Gateway's right", "the repository", "backups"):
        assert stays in run.stdout


def test_a_dry_run_of_a_new_key_shows_no_key():
    calls = _calls(_run("--dry-run", "--rotate-key"))
    verbs = [call.split()[5] for call in _changes(calls)]
    assert verbs == ["put-secret-value", "update-service", "update-stack"]
    assert "--secret-string file://" in _changes(calls)[0]


def test_lists_survive_the_command_line():
    change = _changes(_calls(_run("--dry-run", "--image", IMAGE, "SubnetIds=subnet-1,subnet-2")))[-1]
    assert r"ParameterValue=subnet-1\,subnet-2" in change


def test_the_shell_script_is_clean():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    run = subprocess.run(["shellcheck", LAUNCH], capture_output=True, text=True, timeout=LAUNCH_S)
    assert run.returncode == 0, run.stdout


# ---- when AWS or the machine is not as it should be ----------------------------------------------


@pytest.fixture
def answering(tmp_path):
    """Runs launch.sh with an aws that answers from a table of the words it is called with, and nothing else but
    what the script needs of a machine."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("bash", "cat", "cut", "date", "dirname", "grep", "head", "mktemp", "rm", "sed", "sh", "tail", "uname"):
        (bin_dir / name).symlink_to(shutil.which(name))

    def run(*arguments, **answers):
        cases = "".join(f"*{words.replace('_', '-')}*) {answer} ;;\n" for words, answer in answers.items())
        (bin_dir / "aws").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\ncase "$*" in\n{cases}esac\n')
        (bin_dir / "aws").chmod(0o755)
        done = _run("--region", REGION, *arguments, PATH=str(bin_dir))
        done.calls = (tmp_path / "calls").read_text() if (tmp_path / "calls").exists() else ""
        return done

    return run


@pytest.mark.parametrize("status,advice", [
    ("ROLLBACK_COMPLETE", "launch.sh blox --delete"),
    ("CREATE_FAILED", "launch.sh blox --delete"),
    ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ("UPDATE_IN_PROGRESS", "wait"),
])
def test_a_stack_that_cannot_be_changed(answering, status, advice):
    run = answering("--image", IMAGE, describe_stacks=f"echo {status}", describe_stack_events="echo Service too-bad")
    assert run.returncode == 1
    assert status in run.stderr and advice in run.stderr
    assert "create-stack" not in run.calls and "update-stack" not in run.calls
    if "IN_PROGRESS" not in status:
        assert "too-bad" in run.stderr, "what failed was not said"


def test_no_container_tool(answering):
    run = answering(describe_stacks="echo 'Stack with id blox does not exist' >&2; exit 254")
    assert run.returncode == 1 and "podman, buildah or docker is needed; or say --image" in run.stderr
    assert "create-stack" not in run.calls


def test_no_right_to_look(answering):
    run = answering("--image", IMAGE, describe_stacks="echo 'AccessDenied: no' >&2; exit 254")
    assert run.returncode == 1 and "AccessDenied: no" in run.stderr


def test_nothing_to_update(answering):
    run = answering("--update", "--image", IMAGE, describe_stacks="echo UPDATE_COMPLETE",
                    update_stack="echo 'No updates are to be performed.' >&2; exit 254")
    assert run.returncode == 0 and "nothing has changed" in run.stderr


OLD_KEY = '{"id":"proxy","principal":"*","role":"proxy","secret":"OLD","previous":{"id":"x","secret":"OLDER"}}'


def _rotation(tmp_path, signing="proxy", keys=""):
    """What a stack answers of which the function signs with this key."""
    return {
        "get_secret_value": f"printf 'v1\\t%s\\n' '{OLD_KEY}'",
        "get_random_password": "echo NEW",
        "put_secret_value": f'for a; do case $a in file://*) cat "${{a#file://}}" >{tmp_path}/put ;; esac; done; echo v2',
        "get_function_configuration": f"echo {signing}",
        "KeysSecretArn": f"echo '{keys}'",
        "describe_stacks": "echo UPDATE_COMPLETE",
    }


def test_a_new_key_keeps_the_old_one(answering, tmp_path):
    run = answering("--rotate-key", **_rotation(tmp_path))
    assert run.returncode == 0, run.stderr
    key = json.loads((tmp_path / "put").read_text())
    assert (key["secret"], key["role"], key["previous"]) == ("NEW", "proxy", {"id": "proxy", "secret": "OLD"})
    assert key["id"] != "proxy"
    assert "ParameterKey=KeyVersionId,ParameterValue=v2" in run.calls
    assert "NEW" not in run.calls + run.stdout + run.stderr and "OLD" not in run.calls + run.stdout + run.stderr
    order = [run.calls.index(word) for word in ("put-secret-value", "update-service", "services-stable", "update-stack")]
    assert order == sorted(order), "the function would sign with a key which Blox does not know yet"


def test_an_exchange_of_keys_that_was_broken_off_goes_on(answering, tmp_path):
    """A third key would leave the function with one that is neither the current nor the one before."""
    run = answering("--rotate-key", **_rotation(tmp_path, signing="x"))
    assert run.returncode == 0 and "broken off" in run.stderr, run.stderr
    assert "put-secret-value" not in run.calls
    assert "ParameterKey=KeyVersionId,ParameterValue=v1" in run.calls
    assert run.calls.index("services-stable") < run.calls.index("update-stack")


def test_keys_in_a_secret_of_ones_own_are_not_exchanged(answering, tmp_path):
    """Blox would never hear of the new one."""
    run = answering("--rotate-key", **_rotation(tmp_path, keys="arn:aws:secretsmanager:r:1:secret:mine"))
    assert run.returncode == 1 and "secret:mine" in run.stderr
    assert not any(word in run.calls for word in ("put-secret-value", "update-service", "update-stack"))


# ---- with a fake AWS ----------------------------------------------------------------------------


@pytest.fixture
def fake(moto, tmp_path):
    """Runs launch.sh with the fake AWS; the container tool is a script that says what it was asked for, and
    puts what it is to push into the fake repository, because there is no registry behind it."""
    # The template as the fake AWS understands it: test_stack.py tells the differences.
    top = tmp_path / "blox"
    shutil.copytree(HERE, top / "cloudformation", ignore=shutil.ignore_patterns("lint"))
    document = top / "cloudformation" / "blox.yaml"
    order = document.read_text(encoding="utf-8")
    parameters = order[order.index("Parameters:"):order.index("Rules:")]
    body = json.dumps(modelled(template.parse(order)))
    document.write_text("# " + parameters.replace("\n", "\n# ") + "\n" + body, encoding="utf-8")
    (top / "cloudformation" / "launch.sh").write_text(
        LAUNCH.read_text(encoding="utf-8").replace("'/^Parameters:/,/^Rules:/p'", "'s/^# //; /^Parameters:/,/^Rules:/p'"))
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    log = tmp_path / "tool.log"
    aws = shutil.which("aws")
    (bin_dir / "aws").write_text(f'#!/bin/sh\nexec {aws} --endpoint-url {moto} "$@"\n')
    (bin_dir / "podman").write_text(f"""#!/bin/sh
echo "$*" >>{log}
case $1 in
login) cat >/dev/null ;;
push) {aws} --endpoint-url {moto} --region {REGION} ecr put-image --repository-name "$(echo "${{2%:*}}" | cut -d/ -f2-)" \\
    --image-tag "${{2##*:}}" --image-manifest '{{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {{"digest": "{DIGEST}"}}}}' >/dev/null ;;
esac
""")
    for each in bin_dir.iterdir():
        each.chmod(0o755)

    def run(*arguments):
        return subprocess.run(
            [top / "cloudformation" / "launch.sh", *arguments], capture_output=True, text=True, timeout=LAUNCH_S,
            stdin=subprocess.DEVNULL, env={
                "PATH": f"{bin_dir}:{os.environ['PATH']}", "HOME": str(tmp_path), "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PAGER": ""})

    run.log = log
    return run


def test_from_nothing_to_the_address_and_again(fake):
    first = fake("nothing")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0].split()[0] == "RestApiUrl"
    asked = [line.split()[0] for line in fake.log.read_text().splitlines()]
    assert asked == ["build", "login", "push"]
    again = fake("nothing")
    assert again.returncode == 0 and "--update changes it" in again.stderr
    assert again.stdout == first.stdout
    assert [line.split()[0] for line in fake.log.read_text().splitlines()] == asked, "it built once more"


def test_an_update_needs_a_stack(fake):
    run = fake("nowhere", "--update", "--image", IMAGE)
    assert run.returncode == 1 and "there is no stack nowhere" in run.stderr


def test_an_image_that_is_not_there(fake):
    run = fake("other", "--image", f"123456789012.dkr.ecr.{REGION}.amazonaws.com/unknown:1")
    assert run.returncode == 1 and "no image" in run.stderr


def test_an_image_of_another_region(fake):
    run = fake("other", "--image", f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/blox@{DIGEST}")
    assert run.returncode == 1 and "another Region" in run.stderr


@pytest.fixture
def network(moto):
    """A network of one's own: the fake AWS cannot delete those of a stack in the order they need."""
    ec2 = botocore.session.get_session().create_client("ec2", region_name=REGION, endpoint_url=moto, aws_access_key_id="test",
                                                       aws_secret_access_key="test")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
               for i, zone in enumerate("ab")]
    return [f"VpcId={vpc}", f"SubnetIds={','.join(subnets)}"]


def test_a_deletion_wants_to_be_meant_and_says_what_stays(fake, network):
    assert fake("gone", "--image", IMAGE, *network).returncode == 0
    refused = fake("gone", "--delete")
    assert refused.returncode == 64 and "--yes" in refused.stderr
    run = fake("gone", "--delete", "--yes")
    assert run.returncode == 0, run.stderr
    assert "EFS file system fs-" in run.stdout
    assert "there is no stack gone" in fake("gone", "--delete", "--yes").stderr


def test_without_credentials(tmp_path):
    if not shutil.which("aws"):
        pytest.skip("the AWS CLI is not installed")
    run = _run("--region", REGION, HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    assert run.returncode == 1 and "AWS does not know you" in run.stderr
