# `./dev down`, `status`, `logs` and `shell`.

down() {
    stop_all $programs
    say "stopped"
}

belongs() { # PROGRAM ; it is one of those which the last `up` wanted
    [ -f "$state/mode" ] || return 0
    case $1 in
        sim) [ "$(mode)" = simulator ] ;;
        proxy) has_gateway ;;
    esac
}

status() {
    local name pid rc=0
    for name in $programs; do
        if pid=$(pid_of "$name"); then
            printf '%-12s running  pid %s\n' "$name" "$pid"
        elif belongs "$name"; then
            printf '%-12s stopped\n' "$name"
            rc=1
        fi
    done
    if any_runs; then
        echo
        environment | sed -n 's/^export \(BLOX_.*\)=\(.*\)/\1  \2/p'
        echo "logs in $state/log"
    fi
    return $rc
}

logs() {
    local follow=''
    if [ "${1-}" = -f ]; then
        follow=-F
        shift
    fi
    [ $# -le 1 ] || wrong "logs: one program at a time"
    [[ ${1-} != -* ]] || wrong "logs: what is $1?"
    [ -z "${1-}" ] || [ -f "$state/log/$1.log" ] || die "no log of \"$1\"; programs: $programs"
    cd "$state/log" 2>/dev/null || die "no logs yet: ./dev up"
    if [ -n "${1-}" ]; then
        tail -n 100 $follow "$1.log"
    else
        tail -n 10 $follow $(for name in $programs; do ls "$name.log" 2>/dev/null; done)
    fi
}

shell() {
    any_runs || die "nothing runs: ./dev up"
    environment
    ! has_gateway || declare -f signed_curl
    [ "$(mode)" = aws ] || echo "aws() { command aws --endpoint-url \"\$AWS_ENDPOINT_URL\" \"\$@\"; }"
}
