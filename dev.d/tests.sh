# `./dev test` and `./dev bench`.

passed=0 failed=0

# Runs one part of the tests, shows what it prints, and adds up what `counts` finds in that.
run_tests() { # NAME COUNTS COMMAND...
    local name=$1 counts=$2 log=$state/log/$1.log before=$failed rc=0
    shift 2
    say "==== $name"
    "$@" 2>&1 | tee "$log" || rc=$?
    read -r good bad < <("$counts" <"$log")
    passed=$((passed + good)) failed=$((failed + bad))
    if [ $rc != 0 ] && [ $failed = $before ]; then
        failed=$((failed + 1)) # it failed outside a test
    fi
}

counts_of_automake() {
    awk '/^# PASS:/ { good += $3 } /^# (FAIL|XPASS|ERROR):/ { bad += $3 } END { print good + 0, bad + 0 }'
}

counts_of_pytest() {
    grep -E '^=+ .* in [0-9.]+s' | tail -n 1 | awk '{
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) good += $(i - 1)
            if ($i ~ /^(failed|error)/) bad += $(i - 1)
        } } END { print good + 0, bad + 0 }'
}

names_of_failed() {
    say "==== what failed"
    grep -hE '^(FAIL|ERROR|XPASS): |^(FAILED|ERROR) ' "$state"/log/{check,system}.log | sort -u || true
}

# A distribution is made, built with the sanitizers, and its unit and store tests run; then come the
# simulator's own tests, and those of the whole product as it is shipped.
tests() {
    install_missing "$run_needs$test_needs"
    build_programs
    run_tests check counts_of_automake make -s -C "$build" -j "$(nproc)" distcheck VERBOSE=1 \
        DISTCHECK_CONFIGURE_FLAGS="--enable-developer CFLAGS='-g -O1'"
    BLOX_BUILD=$build run_tests system counts_of_pytest \
        /usr/bin/python3 -m pytest -p no:cacheprovider --durations=10 -rfEs tests/cloudformation \
        tests/lambda tests/sim tests/system
    [ "$failed" = 0 ] || names_of_failed
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

# ---- bench -----------------------------------------------------------------------------------

measurements=$top/tests/bench/run.py

names_in() { # TABLE ; the names in one of its tables, without Python, which may not be there yet
    sed -n "/^$1 = {/,/}/p" "$measurements" | grep -oE '"[a-z-]+"' | tr -d '"' | paste -sd ' '
}

bench_usage() {
    cat <<END
Usage: ./dev bench [--json FILE] [NAME...]

Builds Blox and measures it beside the ceilings of its parts, for some minutes.

  --json FILE   also write the figures as a list of objects

NAME is one of: $(names_in MEASUREMENTS)
Only when named, because they take long: $(names_in SLOW)
END
}

check_bench_arguments() {
    local names
    names=$(names_in MEASUREMENTS)
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) bench_usage; exit 0 ;;
            --json) [ $# -gt 1 ] || wrong "bench: --json wants a file"; shift ;;
            --json=?*) ;;
            -*) wrong "bench: what is $1?" ;;
            *) case " $names " in
                *" $1 "*) ;;
                *) wrong "bench: no measurement \"$1\"; there are: $names" ;;
            esac ;;
        esac
        shift
    done
}

bench() {
    check_bench_arguments "$@"
    install_missing "$run_needs$test_needs
wrk cmd wrk"
    build_programs
    logged make make -s -C "$build" tests/bench/readers tests/bench/responder tests/bench/seed
    BLOX_BUILD=$build exec /usr/bin/python3 "$measurements" "$@"
}
