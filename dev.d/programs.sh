# Programs: start, look, stop.

show_log() { # NAME WHAT-HAPPENED ; ends the script
    local log=$state/log/$1.log
    say "dev: $2"
    if [ -s "$log" ]; then
        say "the last lines of $log:"
        tail -n 20 "$log" | sed 's/^/    /' >&2
    fi
    exit 1
}

# Sets `started_at` to when the kernel started a process; fails when it does not run. Without a child
# process, which Ctrl-C would end before it has answered.
look_at() { # PID
    local stat
    started_at=
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${stat##*) } # from the third field on: the name before may contain anything
    started_at=${20}
    [ "$1" != Z ]
}

# A pid may have been given to another process since: pid and start time together name ours.
pid_of() { # PROGRAM
    local pid since
    read -r pid since 2>/dev/null <"$state/run/$1.pid" || return 1
    [ -n "$since" ] && look_at "$pid" && [ "$started_at" = "$since" ] && echo "$pid"
}

# What a killed program left of its process group, which nobody else can have as long as it is there.
orphans_of() { # PROGRAM
    local leader since dir stat
    read -r leader since 2>/dev/null <"$state/run/$1.pid" || return 0
    ! look_at "$leader" || return 0
    for dir in /proc/[0-9]*; do
        stat=$(cat "$dir/stat" 2>/dev/null) || continue
        set -- ${stat##*) }
        if [ "$3" = "$leader" ] && [ "$dir/cwd" -ef "$top" ]; then echo "${dir#/proc/}"; fi
    done
}

any_runs() {
    local name
    for name in $programs; do
        if pid_of "$name" >/dev/null; then return 0; fi
    done
    return 1
}

runs_as() { # PROGRAM FILE ; it runs, and the file was not built anew since
    local pid
    pid=$(pid_of "$1") && [ "/proc/$pid/exe" -ef "$2" ]
}

start() { # PROGRAM COMMAND...
    local name=$1
    shift
    runs_as "$name" "$(command -v "$1")" && return 0
    stop "$name"
    say "starting $name"
    trap 'interrupted=yes' HUP INT PIPE TERM # not between the start and our knowing the pid
    setsid "$@" </dev/null >>"$state/log/$name.log" 2>&1 &
    look_at $! || true # it may have failed already
    printf '%s %s\n' $! "$started_at" >"$state/run/$name.pid"
    started="$name ${started-}"
    trap 'exit 130' HUP INT PIPE TERM
    [ -z "${interrupted-}" ] || exit 130
}

wait_until() { # SECONDS PROGRAM WHAT COMMAND... ; the program is the one whose log tells why not
    local deadline=$((SECONDS + $1)) seconds=$1 name=$2 what=$3 ended
    shift 3
    until "$@" >/dev/null 2>&1; do
        for ended in $name ${started-}; do
            pid_of "$ended" >/dev/null || show_log "$ended" "$ended has ended"
        done
        [ $SECONDS -lt $deadline ] || show_log "$name" "$what: not within $seconds s"
        sleep 0.1
    done
}

stop() { # PROGRAM
    local pid orphans deadline=$((SECONDS + 10))
    if pid=$(pid_of "$1"); then
        kill -TERM "$pid" || true # it may have ended just now
        while pid_of "$1" >/dev/null; do
            if [ $SECONDS -ge $deadline ]; then
                say "$1 does not end: killing it"
                kill -KILL -- "-$pid" || true # it leads its own process group
                break
            fi
            sleep 0.05
        done
    fi
    orphans=$(orphans_of "$1")
    [ -z "$orphans" ] || kill -KILL $orphans || true
    rm -f "$state/run/$1.pid"
}

stop_all() { # PROGRAM... ; the last one started is the first to go
    local name reversed=
    for name; do reversed="$name $reversed"; done
    for name in $reversed; do stop "$name"; done
}
