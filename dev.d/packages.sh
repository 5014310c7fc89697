# What the machine needs, and its installation.

# Debian's package, and how to see that it is there: a command, pkg-config module, file or Python module.
run_needs='
autoconf               cmd  autoreconf
automake               cmd  automake
autoconf-archive       file /usr/share/aclocal/ax_pthread.m4
gcc                    cmd  cc
libc6-dev              file /usr/include/stdlib.h
make                   cmd  make
pkg-config             cmd  pkg-config
libbsd-dev             file /usr/include/bsd/sys/tree.h
libcurl4-openssl-dev   pc   libcurl
libfcgi-dev            pc   fcgi
libhiredis-dev         pc   hiredis
libjansson-dev         pc   jansson
libmicrohttpd-dev      pc   libmicrohttpd
libpcre2-dev           pc   libpcre2-8
libssl-dev             pc   libssl
uthash-dev             file /usr/include/uthash.h
uuid-dev               pc   uuid
curl                   cmd  curl
nginx                  cmd  nginx
redis-server           cmd  redis-server
redis-tools            cmd  redis-cli'
test_needs='
aardvark-dns           file /usr/lib/podman/aardvark-dns
libcmocka-dev          pc   cmocka
awscli                 cmd  aws
openssl                cmd  openssl
python3                file /usr/bin/python3
python3-botocore       py   botocore
python3-pytest         py   pytest
python3-redis          py   redis
python3-requests       py   requests
python3-yaml           py   yaml
podman-compose         cmd  podman-compose
prometheus             cmd  promtool
xz-utils               cmd  xz'
useful='
libjemalloc-dev        pc   jemalloc' # installed with the others, but not missed

is_there() { # KIND NAME
    case $1 in
        cmd) command -v "$2" ;;
        pc) pkg-config --exists "$2" ;;
        file) test -e "$2" ;;
        py) /usr/bin/python3 -c "import $2" ;;
    esac >/dev/null 2>&1
}

missing_packages() { # NEEDS
    local package kind name
    while read -r package kind name; do
        [ -z "$package" ] || is_there "$kind" "$name" || printf '%s ' "$package"
    done <<<"$1"
}

install_missing() { # NEEDS
    local packages as_root=
    packages=$(missing_packages "$1")
    [ -n "$packages" ] || return 0
    packages+=$(missing_packages "$useful")
    command -v apt-get >/dev/null ||
        die "missing here, by the names Debian gives them: ${packages% }"
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null ||
            die "packages are missing; as root, run: apt-get install ${packages% }"
    fi
    say "installing ${packages% }"
    mkdir -p "$state/log"
    # Debian starts a service when it installs it, unless this policy forbids it; we only want the programs.
    $as_root sh -s >"$state/log/install.log" 2>&1 <<END || show_log install "apt-get failed"
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e \$policy ]; then
    trap 'rm -f \$policy' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >\$policy
    chmod 755 \$policy
fi
apt-get update
apt-get install -y --no-install-recommends $packages
if [ -d /run/systemd/system ]; then
    for service in nginx redis-server prometheus; do
        case " $packages" in *" \$service "*) systemctl disable \$service ;; esac
    done
fi
END
    packages=$(missing_packages "$1")
    [ -z "$packages" ] || die "still missing after their installation: ${packages% }"
}
