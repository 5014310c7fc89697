#!/bin/sh
# Includes point down the ladder, never up or sideways, and each foreign library has one door.
# Prints TAP.
#
#   cmd > api reconcile cli sim > view > aws store > net plan > http model > util
#   lambda-proxy > net http util
set -u
cd "${top_srcdir:-.}/src" || exit 99

level() {
    case $1 in
    cmd) echo 7 ;; api | reconcile | cli | sim) echo 6 ;; view) echo 5 ;; aws | store) echo 4 ;;
    net | plan) echo 3 ;; http | model) echo 2 ;; util) echo 1 ;; *) echo 0 ;;
    esac
}

may_include() { # ROOM TARGET
    [ "$1" = "$2" ] && return 0
    case $1 in
    lambda-proxy) case $2 in net | http | util) return 0 ;; *) return 1 ;; esac ;;
    esac
    [ "$(level "$2")" -gt 0 ] && [ "$(level "$2")" -lt "$(level "$1")" ]
}

offenders=$(
    { grep -rn --include='*.[ch]' '^#include "' . && (cd .. && grep -rn --include='*.[ch]' '^#include "' lambda-proxy); } |
        sed 's|^\./||' |
        while IFS=: read -r file line include; do
            target=${include#*\"}
            may_include "${file%%/*}" "${target%%/*}" || echo "# $file:$line: $include"
        done
)

# header:door (a door may be several files, separated by commas)
doors='fcgiapp.h:net/fcgi.c
curl/curl.h:net/fetch.c
hiredis/:store/redis.c
openssl/:util/crypto.c,net/tls.c
microhttpd.h:net/server.c
pcre2.h:util/regex.c
uuid/uuid.h:util/uuid.c
bsd/sys/tree.h:util/tree.h'
intruders=$(
    echo "$doors" | while IFS=: read -r header allowed; do
        grep -rln --include='*.[ch]' "^#include <$header" . ../lambda-proxy | sed 's|^\./||' |
            while read -r file; do
                case ",$allowed," in *",$file,"*) ;; *) echo "# $file includes <$header...>, whose door is $allowed" ;; esac
            done
    done
)

echo 1..2
status=0
if [ -z "$offenders" ]; then
    echo "ok 1 - includes point down the ladder"
else
    echo "$offenders"
    echo "not ok 1 - includes point down the ladder"
    status=1
fi
if [ -z "$intruders" ]; then
    echo "ok 2 - each foreign library has one door"
else
    echo "$intruders"
    echo "not ok 2 - each foreign library has one door"
    status=1
fi
exit $status
