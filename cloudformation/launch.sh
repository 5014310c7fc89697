#!/bin/bash
# From nothing to Blox on AWS: repository, image, stack. Prints RestApiUrl at the end.
set -euo pipefail

usage() {
    cat <<'END'
Usage: cloudformation/launch.sh [STACK] [OPTION...] [Parameter=Value...]

Launches Blox on AWS: makes a repository, builds the image, pushes it, creates the stack (default name:
blox), waits, and prints its outputs, RestApiUrl first. Repeating it is harmless: what is there stays as
it is. Parameters are those of cloudformation/blox.yaml, for example StateStore=elasticache.

  --update             build, push, and change the stack that is there; parameters not given keep their values
  --image URI          use this image (ECR, this Region, by tag or digest) instead of building one
  --architecture ARCH  x86_64 or arm64, what the image is for (default: this machine's)
  --rotate-key         give the Lambda function a new key to sign with; both are valid meanwhile
  --delete             delete the stack and say what stays behind
  --yes                with --delete: do not ask
  --region REGION      the AWS Region (default: that of your AWS configuration)
  --dry-run            show every call it would make, change nothing; needs no credentials
  --help               print this

It needs bash, the AWS CLI (1 or 2) with credentials for which cloudformation/policies/installer.json is
enough, and for building podman, buildah or docker. Exit status: 0 done, 1 failed, 64 wrong usage.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(dirname "$here")
stack=blox action=launch image='' architecture='' region='' dry='' yes='' named=''
parameters=()

say() { printf '%s\n' "$*" >&2; }
die() { say "launch.sh: $*"; exit 1; }
wrong() { say "launch.sh: $*; see --help"; exit 64; }

# ---- what is wanted --------------------------------------------------------------------------

choose() { # ACTION
    [ "$action" = launch ] || wrong "--$action and --$1 exclude each other"
    action=$1
}

read_arguments() {
    local value
    while [ $# -gt 0 ]; do
        case $1 in
            --update | --delete | --rotate-key) choose "${1#--}"; shift; continue ;;
            --dry-run) dry=yes; shift; continue ;;
            --yes) yes=yes; shift; continue ;;
            -h | --help) usage; exit 0 ;;
            --image=* | --architecture=* | --region=*) value=${1#*=}; set -- "${1%%=*}" "$value" "${@:2}" ;;
            --image | --architecture | --region) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
            -*) wrong "what is $1?" ;;
            *=*) parameters+=("$1"); shift; continue ;;
            *) [ -z "$named" ] || wrong "two names of stacks: $stack and $1"
                stack=$1 named=yes; shift; continue ;;
        esac
        [ -n "$2" ] || wrong "$1 wants a value"
        printf -v "${1#--}" %s "$2"
        shift 2
    done
}

allowed_values() { # PARAMETER ; "one, two", or nothing where any value will do
    sed -n "/^  $1:\$/,/^  [A-Z]/s/^    AllowedValues: \[\(.*\)\]/\1/p" "$here/blox.yaml" | sed "s/'//g"
}

check_arguments() {
    local item allowed
    [[ ${#stack} -le 30 && $stack =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ ]] || # also the repository's
        wrong "a stack's name is 1 to 30 of a-z, 0-9 and single -, and begins with a letter: \"$stack\""
    [ -z "$architecture" ] || [[ $architecture =~ ^(x86_64|arm64)$ ]] || wrong "--architecture: x86_64 or arm64"
    [ -z "$image" ] || [[ $image =~ ^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$ ]] ||
        wrong "--image wants ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG or ...@sha256:DIGEST"
    case $action in
        delete | rotate-key)
            [ -z "$image${parameters[*]-}" ] || wrong "--$action takes no image and no parameters" ;;
    esac
    [ -z "$yes" ] || [ "$action" = delete ] || wrong "--yes goes with --delete"
    for item in ${parameters[@]+"${parameters[@]}"}; do
        case ${item%%=*} in
            ImageUri) wrong "ImageUri: say --image" ;;
            Architecture) wrong "Architecture: say --architecture" ;;
        esac
        grep -q "^  ${item%%=*}:\$" <(sed -n '/^Parameters:/,/^Rules:/p' "$here/blox.yaml") ||
            wrong "blox.yaml has no parameter ${item%%=*}"
        allowed=$(allowed_values "${item%%=*}")
        case ", ${allowed:-${item#*=}}, " in
            *", ${item#*=}, "*) ;; # CloudFormation would say no, too, but only after the image was built
            *) wrong "${item%%=*} is one of $allowed" ;;
        esac
    done
    if [ -z "$architecture" ]; then
        case $(uname -m) in
            aarch64 | arm64) architecture=arm64 ;;
            *) architecture=x86_64 ;;
        esac
    fi
}

# ---- calls, shown or made --------------------------------------------------------------------

show() { # COMMAND... ; as one would type it
    local word
    printf '+'
    for word; do
        [[ $word =~ ^[A-Za-z0-9_.,:=/@-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        printf ' %s' "$word"
    done
    echo
}

run() { # COMMAND... ; a call that changes something
    if [ -n "$dry" ]; then show "$@"; else "$@"; fi
}

ask() { # VARIABLE PLACEHOLDER COMMAND... ; a call that only reads: its answer, or in a dry run the placeholder
    local variable=$1 placeholder=$2 answer
    shift 2
    if [ -n "$dry" ]; then
        show "$@"
        answer=$placeholder
    else
        answer=$("$@" 2>"$errors") || return 1
    fi
    printf -v "$variable" %s "$answer"
}

why() { tail -n 1 "$errors"; }

# ---- the machine and the account ---------------------------------------------------------------

look_around() {
    if [ -n "$dry" ]; then
        [ -n "$region" ] || region=${AWS_REGION:-${AWS_DEFAULT_REGION:-REGION}}
        aws=(aws --region "$region")
    else
        command -v aws >/dev/null || die "the AWS CLI is missing (Debian: awscli)"
        [ -n "$region" ] || region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
        [ -n "$region" ] || die "no AWS Region: say --region, or set AWS_REGION"
        aws=(aws --region "$region")
    fi
    if ! ask account ACCOUNT "${aws[@]}" sts get-caller-identity --query Account --output text; then
        die "AWS does not know you: $(why)"
    fi
    if [ -n "$image" ] && [ -z "$dry" ] && [[ $image != *".dkr.ecr.$region."* ]]; then
        die "the image is in another Region than $region, from which Lambda takes none: $image"
    fi
}

status_of() { # STACK ; sets `status`, empty when there is no such stack
    if ! ask status '' "${aws[@]}" cloudformation describe-stacks --stack-name "$1" \
        --query 'Stacks[0].StackStatus' --output text; then
        grep -q 'does not exist' "$errors" || die "$(why)"
        status=''
    fi
}

output_of() { # VARIABLE PLACEHOLDER STACK OUTPUT
    ask "$1" "$2" "${aws[@]}" cloudformation describe-stacks --stack-name "$3" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$4'].OutputValue" || die "$(why)"
}

# What to do about a stack which is in no state to be changed.
check_status() { # STACK
    case $status in
        '' | CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE | IMPORT_COMPLETE) ;;
        ROLLBACK_COMPLETE | ROLLBACK_FAILED | CREATE_FAILED | DELETE_FAILED)
            show_failures "$1"
            die "stack $1 is in $status, from which it cannot go on; delete it, then launch again:" \
                "$(if [ "$1" = "$stack" ]; then echo "launch.sh $1 --delete"; else echo "aws cloudformation delete-stack --stack-name $1"; fi)" ;;
        UPDATE_ROLLBACK_FAILED)
            show_failures "$1"
            die "stack $1 is in $status: repair what failed, then aws cloudformation continue-update-rollback --stack-name $1" ;;
        *_IN_PROGRESS)
            die "stack $1 is in $status: somebody is at work on it; wait" ;;
        *) die "stack $1 is in $status" ;;
    esac
}

show_failures() { # STACK
    local failures
    ask failures '' "${aws[@]}" cloudformation describe-stack-events --stack-name "$1" --output text \
        --query "reverse(StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason])[:10]" ||
        return 0
    [ -z "$failures" ] || say "$failures"
}

wait_for() { # WHAT STACK
    [ -n "$dry" ] || say "waiting for stack $2 ($1), which takes some minutes"
    run "${aws[@]}" cloudformation wait "stack-$1-complete" --stack-name "$2" && return 0
    show_failures "$2"
    die "stack $2: $1 failed; the first lines above tell why"
}

# ---- the image ---------------------------------------------------------------------------------

make_repository() {
    status_of "$stack-repository"
    check_status "$stack-repository"
    if [ -z "$status" ]; then
        quiet "${aws[@]}" cloudformation create-stack --stack-name "$stack-repository" \
            --template-body "file://$here/repository.yaml" \
            --parameters "ParameterKey=RepositoryName,ParameterValue=$stack" || die "$(why)"
        wait_for create "$stack-repository"
    fi
    output_of repository "ACCOUNT.dkr.ecr.$region.amazonaws.com/$stack" "$stack-repository" RepositoryUri
}

choose_builder() {
    local name
    builder=''
    for name in podman buildah docker; do
        if command -v $name >/dev/null; then
            builder=$name
            break
        fi
    done
    if [ -z "$builder" ]; then
        [ -n "$dry" ] || die "to build the image podman, buildah or docker is needed; or say --image URI"
        builder=podman
    fi
}

# Lambda takes images for one architecture only: no index, and none of the attestations which
# docker's builder adds by itself.
build_and_push() {
    local tag platform=linux/amd64
    [ $architecture = x86_64 ] || platform=linux/arm64
    choose_builder
    make_repository
    if [ -n "$dry" ]; then tag=TAG; else tag=$(date -u +%Y%m%dT%H%M%SZ); fi
    if [ -z "$dry" ] && [ $builder = docker ]; then
        docker info >/dev/null 2>"$errors" || die "docker does not work here: $(why)"
    fi
    case $builder in
        podman) run podman build --format docker --platform $platform --file "$top/Containerfile" --tag "$repository:$tag" "$top" ;;
        buildah) run buildah build --format docker --platform $platform --file "$top/Containerfile" --tag "$repository:$tag" "$top" ;;
        docker) run docker build --provenance=false --sbom=false --platform $platform --file "$top/Containerfile" --tag "$repository:$tag" "$top" ;;
    esac || die "the image could not be built"
    log_in
    run $builder push "$repository:$tag" || die "the image could not be pushed to $repository"
    image=$repository:$tag
}

log_in() {
    if [ -n "$dry" ]; then
        printf '%s | %s\n' "$(show "${aws[@]}" ecr get-login-password)" \
            "$builder login --username AWS --password-stdin ${repository%%/*}"
        return
    fi
    "${aws[@]}" ecr get-login-password 2>"$errors" |
        "$builder" login --username AWS --password-stdin "${repository%%/*}" >&2 || die "no login to $repository: $(why)"
}

resolve_digest() { # a tag can be moved, a digest cannot
    local name tag digest
    case $image in *@sha256:*) return ;; esac
    name=${image#*/} tag=${image##*:}
    name=${name%:*}
    ask digest sha256:DIGEST "${aws[@]}" ecr describe-images --registry-id "${image%%.*}" --repository-name "$name" \
        --image-ids "imageTag=$tag" --query 'imageDetails[0].imageDigest' --output text ||
        die "no image $image: $(why)"
    image=${image%:*}@$digest
}

# ---- the stack ---------------------------------------------------------------------------------

api_gateway_writes_logs() {
    local role
    ask role None "${aws[@]}" apigateway get-account --query cloudwatchRoleArn --output text || die "$(why)"
    [ -n "$role" ] && [ "$role" != None ]
}

# Sets `arguments`: what was given, and when the stack is changed the values it has for the rest.
gather_parameters() { # NEW-OR-OLD
    local item name value given=' ImageUri Architecture ' known
    arguments=("ParameterKey=ImageUri,ParameterValue=$image" "ParameterKey=Architecture,ParameterValue=${architecture^^}")
    for item in ${parameters[@]+"${parameters[@]}"}; do
        value=${item#*=}
        arguments+=("ParameterKey=${item%%=*},ParameterValue=${value//,/\\,}") # a comma would end the value
        given+="${item%%=*} "
    done
    if [ "$1" = new ]; then
        if [[ $given != *' CreateApiGatewayAccount '* ]] && api_gateway_writes_logs; then
            arguments+=("ParameterKey=CreateApiGatewayAccount,ParameterValue=false")
        fi
        return
    fi
    ask known 'EVERY-OTHER-PARAMETER' "${aws[@]}" cloudformation describe-stacks --stack-name "$stack" --output text \
        --query 'Stacks[0].Parameters[].ParameterKey' || die "$(why)"
    for name in $known; do
        [[ $given == *" $name "* ]] || arguments+=("ParameterKey=$name,UsePreviousValue=true")
    done
}

create() {
    [ -n "$dry" ] || say "creating stack $stack"
    gather_parameters new
    quiet "${aws[@]}" cloudformation create-stack --stack-name "$stack" --template-body "file://$here/blox.yaml" \
        --capabilities CAPABILITY_IAM --parameters "${arguments[@]}" || die "$(why)"
    wait_for create "$stack"
}

update() {
    [ -n "$dry" ] || say "updating stack $stack"
    gather_parameters old
    if ! quiet "${aws[@]}" cloudformation update-stack --stack-name "$stack" --template-body "file://$here/blox.yaml" \
        --capabilities CAPABILITY_IAM --parameters "${arguments[@]}"; then
        grep -q 'No updates are to be performed' "$errors" || die "$(why)"
        say "nothing has changed"
        return
    fi
    wait_for update "$stack"
}

# A call whose answer nobody wants to see.
quiet() {
    if [ -n "$dry" ]; then show "$@"; else "$@" >/dev/null 2>"$errors"; fi
}

show_outputs() {
    local outputs
    ask outputs '' "${aws[@]}" cloudformation describe-stacks --stack-name "$stack" --output text \
        --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' || die "$(why)"
    [ -z "$outputs" ] || printf '%s\n' "$outputs"
}

launch() {
    local exists
    status_of "$stack"
    check_status "$stack"
    [ -z "$dry" ] || [ "$action" = launch ] || status=CREATE_COMPLETE
    exists=$status
    if [ "$action" = update ] && [ -z "$exists" ]; then
        die "there is no stack $stack in $region; without --update it is created"
    fi
    if [ "$action" = launch ] && [ -n "$exists" ]; then
        say "stack $stack is there; --update changes it"
        [ -z "$image${parameters[*]-}" ] || die "parameters and images are for --update now"
    else
        [ -n "$image" ] || build_and_push
        resolve_digest
        if [ -n "$exists" ]; then update; else create; fi
    fi
    show_outputs
}

# ---- a new key ---------------------------------------------------------------------------------

# First Blox learns the new key beside the old one, then the function signs with it. Where that was
# broken off in between it goes on: a third key would leave the function with one that is neither the
# current nor the one before.
rotate_key() {
    local secret cluster service function own_keys signing current version
    status_of "$stack"
    [ -n "$dry" ] || [ -n "$status" ] || die "there is no stack $stack in $region"
    check_status "$stack"
    ask own_keys '' "${aws[@]}" cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Parameters[?ParameterKey=='KeysSecretArn'].ParameterValue" || die "$(why)"
    case $own_keys in arn:*) die "the keys of $stack are in a secret of yours, where the new one must be put: $own_keys;" \
        'docs/security.md tells how, in "Exchanging a key"' ;; esac
    output_of secret SECRET "$stack" ProxyKeyArn
    output_of cluster CLUSTER "$stack" ClusterName
    output_of service SERVICE "$stack" ServiceName
    output_of function FUNCTION "$stack" FunctionName
    ask current $'VERSION\t{"id":"OLD","secret":"OLD"}' "${aws[@]}" secretsmanager get-secret-value --secret-id "$secret" \
        --query '[VersionId,SecretString]' --output text || die "$(why)"
    ask signing OLD "${aws[@]}" lambda get-function-configuration --function-name "$function" \
        --query Environment.Variables.BLOX_KEY_ID --output text || die "$(why)"
    version=${current%%$'\t'*} current=${current#*$'\t'}
    if [ "$(key_member id "$current")" = "$signing" ]; then
        put_new_key "$secret" "$current"
    else
        say "an exchange of keys was broken off; it goes on"
    fi
    quiet "${aws[@]}" ecs update-service --cluster "$cluster" --service "$service" --force-new-deployment || die "$(why)"
    run "${aws[@]}" ecs wait services-stable --cluster "$cluster" --services "$service" ||
        die "the service does not become stable; the function still signs with the old key, which is valid;" \
            "repair the service, then say --rotate-key again"
    set_key_version "$version"
    [ -n "$dry" ] || say "the function signs with the new key; the old one stays valid until the next rotation"
}

put_new_key() { # SECRET OLD-JSON ; sets `version`
    local new document=$work/key
    ask new NEW "${aws[@]}" secretsmanager get-random-password --password-length 64 --exclude-punctuation \
        --query RandomPassword --output text || die "$(why)"
    key_document "$2" "$new" >"$document"
    [ -z "$dry" ] || document=KEY-FILE
    ask version VERSION "${aws[@]}" secretsmanager put-secret-value --secret-id "$1" \
        --secret-string "file://$document" --query VersionId --output text || die "$(why)"
    rm -f "$work/key"
}

key_document() { # OLD-JSON NEW-SECRET ; ids and secrets have no characters which JSON would escape
    local id secret now=TIME
    id=$(key_member id "$1") secret=$(key_member secret "$1")
    if [ -z "$id" ] || [ -z "$secret" ]; then
        die "the secret of $stack is no key with an id and a secret"
    fi
    [ -n "$dry" ] || now=$(date -u +%Y%m%dT%H%M%SZ)
    printf '{"id":"proxy-%s","secret":"%s","principal":"*","role":"proxy","previous":{"id":"%s","secret":"%s"}}' \
        "$now" "$2" "$id" "$secret"
}

key_member() { # NAME KEY-JSON ; the text which the key itself has, not the one before it
    printf '%s\n' "$2" | sed 's/"previous" *: *{[^}]*}//' | grep -oE "\"$1\" *: *\"[^\"]+\"" | cut -d '"' -f 4 || true
}

set_key_version() { # VERSION
    local name known
    arguments=("ParameterKey=KeyVersionId,ParameterValue=$1")
    ask known 'EVERY-OTHER-PARAMETER' "${aws[@]}" cloudformation describe-stacks --stack-name "$stack" --output text \
        --query 'Stacks[0].Parameters[].ParameterKey' || die "$(why)"
    for name in $known; do
        [ "$name" = KeyVersionId ] || arguments+=("ParameterKey=$name,UsePreviousValue=true")
    done
    quiet "${aws[@]}" cloudformation update-stack --stack-name "$stack" --use-previous-template \
        --capabilities CAPABILITY_IAM --parameters "${arguments[@]}" || die "$(why)"
    wait_for update "$stack"
}

# ---- the end -----------------------------------------------------------------------------------

# Said before and after: what deletion leaves, because it holds data, or because others may use it.
what_stays() {
    local state account_role repository=''
    output_of state STATE "$stack" State
    ask account_role ROLE "${aws[@]}" apigateway get-account --query cloudwatchRoleArn --output text || account_role=''
    case $state in
        None) ;;
        fs-* | STATE) stays+=("EFS file system $state with the environments; RestoreFileSystemId=$state launches with it, aws efs delete-file-system --file-system-id $state deletes it") ;;
        ?*) stays+=("the last snapshot of ElastiCache replication group $state (aws elasticache describe-snapshots --replication-group-id $state); RestoreSnapshotName=NAME launches with it") ;;
    esac
    if [ -n "$account_role" ] && [ "$account_role" != None ]; then
        stays+=("API Gateway's right to write logs in $region, role $account_role")
    fi
    status_of "$stack-repository"
    if [ -n "$status$dry" ]; then
        output_of repository "ACCOUNT.dkr.ecr.$region.amazonaws.com/$stack" "$stack-repository" RepositoryUri
        stays+=("the repository $repository with its images; aws cloudformation delete-stack --stack-name $stack-repository deletes it")
    fi
    stays+=("backups of the file system, if AWS Backup made any: aws backup list-recovery-points-by-resource")
}

confirm() {
    local answer
    [ -z "$yes$dry" ] || return 0
    [ -t 0 ] || wrong "--delete without a terminal wants --yes"
    read -r -p "Type the stack's name to delete $stack in $region: " answer
    [ "$answer" = "$stack" ] || die "nothing was deleted"
}

delete() {
    local item
    stays=()
    status_of "$stack"
    if [ -z "$status$dry" ]; then
        say "there is no stack $stack in $region"
        return
    fi
    case $status in *_IN_PROGRESS) check_status "$stack" ;; esac
    what_stays
    confirm
    quiet "${aws[@]}" cloudformation delete-stack --stack-name "$stack" || die "$(why)"
    run "${aws[@]}" cloudformation wait stack-delete-complete --stack-name "$stack" || {
        show_failures "$stack"
        die "stack $stack was not deleted; network interfaces of the function may take 20 minutes: try again"
    }
    echo "Stays behind:"
    for item in "${stays[@]}"; do echo "  $item"; done
}

# ------------------------------------------------------------------------------------------------

read_arguments "$@"
check_arguments
work=$(mktemp -d) # mode 0700
errors=$work/errors
: >"$errors"
trap 'rm -rf "$work"' EXIT
look_around
case $action in
    launch | update) launch ;;
    rotate-key) rotate_key ;;
    delete) delete ;;
esac
