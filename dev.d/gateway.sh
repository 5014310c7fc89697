# `./dev up --gateway`: the way of a signed call from API Gateway through Lambda to nginx, on this machine.

has_gateway() { [ "$(cut -d ' ' -f 3 "$state/mode")" = gateway ]; }

keys=$state/keys.json key_id=dev-proxy

# One key, which blox-lambda-proxy signs with and the workers know. It stays until .dev goes.
make_keys() {
    local secret
    [ ! -s "$keys" ] || return 0
    secret=$(od -An -N 32 -t x1 /dev/urandom | tr -d ' \n')
    (
        umask 077
        printf '{"id":"%s","secret":"%s","principal":"api-gateway","role":"proxy"}\n' $key_id "$secret" >"$keys.new"
    )
    mv "$keys.new" "$keys"
}

# Simulator, workers and nginx have been told already where it goes: this is the function between them.
start_proxy() {
    if pid_of proxy >/dev/null && [ ! "$build/blox-lambda-proxy" -nt "$state/run/proxy.pid" ]; then
        return 0
    fi
    stop proxy
    BLOX_BACKEND_URL=http://127.0.0.1:$backend_port BLOX_KEY_ID=$key_id \
        BLOX_KEY_SECRET=$(values_of secret <"$keys") AWS_LAMBDA_RUNTIME_API=127.0.0.1:$runtime_port \
        start proxy "$top/dev.d/keep" "$build/blox-lambda-proxy"
    wait_until 20 proxy "an answer through the gateway" ask /v1/ping
}

# A call which every user of the stack could make: `ask PATH [CURL-OPTION...]`. With the gateway it is signed and
# goes there, for then the two ports of nginx want signatures of their own.
ask() {
    local path=$1 url
    shift
    if has_gateway; then
        signed_curl -fsS -m 10 "$@" "$BLOX_GATEWAY_URL$path"
        return
    fi
    case $path in
        /v1/environments*) url=$BLOX_SCHEDULER_URL ;;
        *) url=$BLOX_STATE_URL ;;
    esac
    curl -fsS -m 10 "$@" "$url$path"
}

signed_curl() {
    curl --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
