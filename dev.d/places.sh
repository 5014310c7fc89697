# Where things are: ports, and the variables which clients and our programs get.

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT

load_ports() {
    # shellcheck source=/dev/null
    [ ! -f "$state/ports" ] || . "$state/ports"
}

# The ports of the last time, unless something else has taken one of them.
choose_ports() {
    local name
    load_ports
    for name in redis_port sim_port scheduler_port state_port api_metrics_port \
        reconciler_metrics_port backend_port gateway_port runtime_port; do
        until [ -n "${!name-}" ] && ! answers "${!name}"; do
            printf -v "$name" %d $((20000 + RANDOM % 10000)) # below what the kernel hands out
        done
        printf '%s=%s\n' "$name" "${!name}"
    done >"$state/ports.new"
    mv "$state/ports.new" "$state/ports"
}

mode() { cut -d ' ' -f 1 "$state/mode"; } # simulator or aws

environment() { # the variables of `dev shell` and of our programs
    load_ports
    cat <<END
export BLOX_SCHEDULER_URL=http://127.0.0.1:$scheduler_port
export BLOX_STATE_URL=http://127.0.0.1:$state_port
export BLOX_REDIS_URL=redis://127.0.0.1:$redis_port
export BLOX_METRICS_URL=http://127.0.0.1:$api_metrics_port
export BLOX_RECONCILER_METRICS_URL=http://127.0.0.1:$reconciler_metrics_port
END
    [ "$(mode)" = simulator ] || return 0
    cat <<END
export BLOX_SIM_URL=http://127.0.0.1:$sim_port/_sim
export AWS_ENDPOINT_URL=http://127.0.0.1:$sim_port
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL_ECS AWS_ENDPOINT_URL_SQS
END
    has_gateway || return 0
    echo "export BLOX_GATEWAY_URL=http://127.0.0.1:$gateway_port/blox"
}
