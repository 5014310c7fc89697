# `./dev up`: everything is started, in order.

up() {
    local mode=simulator queue=blox gateway=
    while [ $# -gt 0 ]; do
        case $1 in
            --aws) mode=aws ;;
            --gateway) gateway=' gateway' ;;
            --queue) [ $# -gt 1 ] || wrong "--queue wants a name"; queue=$2; shift ;;
            --queue=*) queue=${1#*=} ;;
            *) wrong "up: what is $1?" ;;
        esac
        shift
    done
    [ "$mode$gateway" != 'aws gateway' ] || wrong "up: --gateway is simulated, --aws has a real one"
    [[ $queue =~ ^[A-Za-z0-9_-]{1,80}$ || $mode-$queue =~ ^aws-https?://[^[:space:]]+$ ]] ||
        wrong "up: --queue wants a name of 1 to 80 of A-Z a-z 0-9 - _"
    if any_runs && [ "$(cat "$state/mode")" != "$mode $queue$gateway" ]; then
        die "it runs with another AWS, queue or gateway ($(cat "$state/mode")): ./dev down first"
    fi
    install_missing "$run_needs"
    build_programs

    mkdir -p "$state/run" "$state/redis-$mode"
    trap 'exit 130' HUP INT PIPE TERM
    trap 'stop_started' EXIT
    if [ $mode = simulator ] && ! runs_as sim "$build/blox-awssim"; then
        ! any_runs || say "the simulator has ended or was built anew, and its clusters are gone: everything begins again"
        stop_all $programs # what they know is of that simulator
        rm -rf "$state/redis-simulator"/*
    fi
    if ! any_runs; then
        choose_ports
        echo "$mode $queue$gateway" >"$state/mode"
        for name in $programs; do rm -f "$state/log/$name.log"; done
    fi
    eval "$(environment)"
    start_programs $mode "$queue"
    if [ $mode = aws ]; then show_aws; else demonstrate; fi
    trap - EXIT
    say ""
    say "./dev status, ./dev logs, ./dev down"
}

# Ctrl-C or a failure leaves nothing behind of what this run started.
stop_started() {
    trap '' HUP INT PIPE TERM
    [ -z "${started-}" ] || say "dev: ending what was started"
    for name in ${started-}; do stop "$name"; done
}

start_programs() { # MODE QUEUE
    local sim_gateway='' api_keys='' # words
    load_ports
    if has_gateway; then
        make_keys
        sim_gateway="--gateway-listen 127.0.0.1:$gateway_port --runtime-api-listen 127.0.0.1:$runtime_port"
        api_keys="--key-file $keys"
    fi
    start redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$state/redis-$1" \
        --appendonly yes --appendfsync everysec --save '' --maxmemory-policy noeviction \
        --rdbcompression no --auto-aof-rewrite-min-size 256mb
    wait_until 10 redis "an answer of Redis" redis_is_ready
    if [ "$1" = simulator ]; then
        start sim "$build/blox-awssim" --listen "127.0.0.1:$sim_port" --queue "$2" $sim_gateway
        wait_until 10 sim "an answer of the simulator" sim GET healthz
    fi
    start api "$build/blox-api" --redis-url "$BLOX_REDIS_URL" --socket-dir "$state/run" \
        --metrics-listen "127.0.0.1:$api_metrics_port" $api_keys
    start reconciler "$build/blox-reconciler" --redis-url "$BLOX_REDIS_URL" --queue "$2" \
        --metrics-listen "127.0.0.1:$reconciler_metrics_port"
    start_nginx
    wait_until 20 api "the scheduler API, through nginx" curl -fsS -m 2 "$BLOX_SCHEDULER_URL/readyz"
    wait_until 20 api "the cluster state API, through nginx" curl -fsS -m 2 "$BLOX_STATE_URL/readyz"
    ! has_gateway || start_proxy
}

redis_is_ready() { [ "$(timeout 2 redis-cli -p "$redis_port" ping)" = PONG ]; }

start_nginx() {
    pid_of nginx >/dev/null && return 0
    logged nginx "$top/nginx/prepare" --prefix "$state/nginx" --socket-dir "$state/run" \
        --scheduler "127.0.0.1:$scheduler_port" --state "127.0.0.1:$state_port" \
        --access-log "$state/log/nginx.log" \
        $(! has_gateway || echo "--gateway 127.0.0.1:$backend_port")
    start nginx nginx -e stderr -p "$state/nginx" -c nginx.conf
}
