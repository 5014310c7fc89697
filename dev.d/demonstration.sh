# What `./dev up` shows in the end: a cluster, an environment, and a task on every instance.

cluster=demo n_instances=5

sim() { # METHOD PATH [JSON]
    curl -fsS -m 10 -X "$1" "$BLOX_SIM_URL/$2" ${3:+-d "$3"}
}

values_of() { grep -o "\"$1\":\"[^\"]*\"" | cut -d '"' -f 4; } # KEY ; its values in a JSON text

demonstrate() {
    local token
    if ! ask /v1/environments/demo >/dev/null 2>&1; then
        say "creating cluster, environment and deployment \"$cluster\""
        sim POST clusters "{\"name\":\"$cluster\"}" >/dev/null
        sim POST task-definitions '{"family":"agent","stopTimeout":2}' >/dev/null
        sim POST instances "{\"cluster\":\"$cluster\",\"count\":$n_instances}" >/dev/null
        token=$(ask /v1/environments -d \
            "{\"name\":\"demo\",\"instanceGroup\":{\"cluster\":\"$cluster\"},\"taskDefinition\":\"agent\"}" |
            values_of deploymentToken)
        ask "/v1/environments/demo/deployments?deploymentToken=$token" -X POST >/dev/null
    fi
    wait_until 30 reconciler "a task on every instance" every_instance_has_its_task
    show_demonstration
}

instances() { ask "/v1/instances?cluster=$cluster&status=active"; }
tasks() { ask "/v1/tasks?cluster=$cluster&status=running"; }

every_instance_has_its_task() {
    local all have
    all=$(instances | values_of containerInstanceARN | sort)
    have=$(tasks | values_of containerInstanceARN | sort)
    [ "$(wc -l <<<"$all")" -ge $n_instances ] && [ -z "$(comm -23 <(echo "$all") <(echo "$have"))" ]
}

show_demonstration() {
    local answer
    answer=$(tasks)
    echo
    paste <(echo instance; values_of containerInstanceARN <<<"$answer" | sed 's|.*/||') \
        <(echo task; values_of taskARN <<<"$answer" | sed 's|.*/||') \
        <(echo "task definition"; values_of taskDefinitionARN <<<"$answer" | sed 's|.*/||') |
        while IFS=$(printf "\t") read -r a b c; do printf "%-40s %-40s %s\n" "$a" "$b" "$c"; done
    echo
    echo "Every instance has its task. Try:"
    if has_gateway; then
        show_signed_calls
    else
        show_calls
    fi
    cat <<END
  curl -s $BLOX_SIM_URL/instances -d '{"cluster":"$cluster","count":3}'   # three more instances
END
}

show_calls() {
    cat <<END
  curl -s $BLOX_SCHEDULER_URL/v1/environments/demo
  curl -s '$BLOX_STATE_URL/v1/tasks?cluster=$cluster&status=running'
END
}

show_aws() { # nothing is created there, and whether AWS lets us in is known a little later
    cat <<END

Blox looks at the AWS of your environment. Try:
  curl -s $BLOX_STATE_URL/v1/clusters   # what it knows of your clusters
  ./dev logs reconciler   # what AWS refused, if anything
END
}

show_signed_calls() {
    local sign="curl -s --aws-sigv4 aws:amz:$AWS_REGION:execute-api --user $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
    cat <<END
  $sign $BLOX_GATEWAY_URL/v1/environments/demo
  $sign '$BLOX_GATEWAY_URL/v1/tasks?cluster=$cluster&status=running'
  curl -si $BLOX_GATEWAY_URL/v1/environments/demo   # without a signature: 403
The ports of nginx answer none but health checks without a signature either: docs/security.md.
END
}
