#!/bin/sh
# Each program's manual page has each of its options, and no other. Prints TAP.
set -u
programs='blox-api blox-lambda-proxy blox-probe blox-reconciler'

options() { grep -oE -- "$1" | sort -u; }

n=0
status=0
echo "1..$(echo "$programs" | wc -w)"
for program in $programs; do
    n=$((n + 1))
    has=$("./$program" --help | options '^ *--[a-z-]+' | tr -d ' ')
    page=$(ls "${top_srcdir:-.}/man/$program".[1-8])
    tells=$(options '^\.It Fl -[a-z-]+' <"$page" | sed 's/^\.It Fl -/--/')
    if [ -n "$has" ] && [ "$has" = "$tells" ]; then
        echo "ok $n - man/${page##*/}"
    else
        echo "# --help: $(echo "$has" | tr '\n' ' ')"
        echo "# man:    $(echo "$tells" | tr '\n' ' ')"
        echo "not ok $n - man/${page##*/}"
        status=1
    fi
done
exit $status
