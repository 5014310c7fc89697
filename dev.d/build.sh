# The build, and commands whose output is a log.

logged() { # NAME COMMAND... ; the output goes to a log, of which a failure shows the end
    local name=$1
    shift
    "$@" >"$state/log/$name.log" 2>&1 || show_log "$name" "this failed: $*"
}

build_programs() {
    say "building"
    mkdir -p "$build" "$state/log"
    cd "$top"
    [ -x configure ] || logged autoreconf autoreconf -i
    cd "$build"
    [ -f Makefile ] || logged configure "$top/configure"
    logged make make -s -j "$(nproc)"
    cd "$top"
}
