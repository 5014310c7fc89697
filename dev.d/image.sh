# `./dev image`: the container image, built and tried with podman.

EX_UNAVAILABLE=69 # no containers here: not the image's fault, and the tests skip

image_needs='
iptables               cmd  iptables
netavark               file /usr/lib/podman/netavark
podman                 cmd  podman
runc                   cmd  runc'
rootless_needs='
slirp4netns            cmd  slirp4netns
uidmap                 cmd  newuidmap'
base_needs='
mmdebstrap             cmd  mmdebstrap'

base_suite=bookworm
base_days=7 # a base older than this is made anew, for Debian's security updates

image() {
    local base='' tag=localhost/blox
    while [ $# -gt 0 ]; do
        case $1 in
            --base) [ $# -gt 1 ] || wrong "--base wants an image"; base=$2; shift ;;
            --base=*) base=${1#*=} ;;
            *) wrong "image: what is $1?" ;;
        esac
        shift
    done
    mkdir -p "$state/log" "$state/image"
    [ "$(id -u)" = 0 ] || image_needs+=$rootless_needs
    (install_missing "$image_needs") || exit $EX_UNAVAILABLE
    if [ -z "$base" ]; then
        base=$tag-base:$base_suite
        make_base "$base"
    else
        podman image exists "$base" || podman pull -q "$base" >"$state/log/base.log" 2>&1 ||
            no_containers "no image \"$base\" to build on" base
    fi
    prepare_podman "$base"
    build_image "$base" "$tag"
    say "trying it"
    "$top/container/smoke" "$tag" "$tag-awssim"
    report_sizes "$base" "$tag"
}

no_containers() { # WHY [LOG]
    say "dev: $1"
    [ -z "${2-}" ] || tail -n 5 "$state/log/$2.log" | sed 's/^/    /' >&2
    exit $EX_UNAVAILABLE
}

# A Debian as small as its own slim images, from the archives that this machine's apt uses.
make_base() { # IMAGE
    local tar=$state/image/base.tar
    if [ -z "$(find "$tar" -mtime -$base_days 2>/dev/null)" ]; then
        (install_missing "$base_needs") || exit $EX_UNAVAILABLE
        say "making a base image of Debian $base_suite"
        bootstrap "$tar" >"$state/log/base.log" 2>&1 || no_containers "mmdebstrap failed" base
        podman rmi -f "$1" >>"$state/log/base.log" 2>&1 || true
    fi
    podman image exists "$1" 2>/dev/null || podman import -q "$tar" "$1" >>"$state/log/base.log" 2>&1 ||
        no_containers "podman cannot import the base image" base
}

bootstrap() { # TAR
    local kind options=()
    for kind in doc man info locale; do options+=(--dpkgopt="path-exclude=/usr/share/$kind/*"); done
    options+=('--dpkgopt=path-include=/usr/share/doc/*/copyright')
    # What apt is told here about the dates of archives holds there, too: a mirror may be a snapshot.
    for kind in Check-Valid-Until Check-Date; do
        options+=(--aptopt="Acquire::$kind \"$(apt-config dump --format '%v%n' Acquire::$kind | grep . || echo true)\"")
    done
    apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | grep " $base_suite" | sort -u >"$state/image/sources.list"
    [ -s "$state/image/sources.list" ] || { echo "apt knows no archive of Debian $base_suite: apt-get update?"; return 1; }
    mmdebstrap --variant=minbase --include=ca-certificates "${options[@]}" $base_suite "$state/image/new.tar" \
        - <"$state/image/sources.list" && mv "$state/image/new.tar" "$1"
}

# Containers run by podman's own settings on most machines. Inside a container, or under an old
# kernel's cgroups, they take others: runc, which can do with both kinds of cgroups, limits not above
# those of this process, no systemd, and a chroot for the steps of a build.
prepare_podman() { # BASE
    rm -f "$state/image/containers.conf"
    podman_runs "$1" && return 0
    cp "$state/log/podman.log" "$state/log/podman-first.log"
    cat >"$state/image/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    export CONTAINERS_CONF=$state/image/containers.conf BUILDAH_ISOLATION=chroot
    podman_runs "$1" || no_containers "podman cannot run containers here, neither by its own settings \
($(tail -n 1 "$state/log/podman-first.log")) nor with runc and cgroupfs" podman
}

podman_runs() { # IMAGE
    timeout 120 podman run --rm --read-only -p 127.0.0.1::80 "$1" true >"$state/log/podman.log" 2>&1
}

build_image() { # BASE TAG
    local version revision='' source='' options
    say "building the image"
    version=$("$top/dev" --version | cut -d ' ' -f 2)
    if [ -e "$top/.git" ]; then
        revision=$(git -C "$top" rev-parse HEAD) || revision=
        # Where others can get it; not with which login it was got here.
        source=$(git -C "$top" config remote.origin.url | sed -n 's|^https://\([^/@]*@\)\{0,1\}|https://|p') || source=
    fi
    options=(--format docker --build-arg "BASE=$1" --build-arg "VERSION=$version"
        --build-arg "REVISION=$revision" --build-arg "SOURCE=$source" --file "$top/Containerfile")
    logged image podman build "${options[@]}" --target blox --tag "$2" --tag "$2:$version" "$top"
    logged image-awssim podman build "${options[@]}" --target awssim --tag "$2-awssim" "$top"
}

report_sizes() { # BASE TAG
    local base size
    base=$(podman image inspect "$1" --format '{{.Size}}')
    size=$(podman image inspect "$2" --format '{{.Size}}')
    printf '%s: %d MB, of which the base %s is %d MB\n' "$2" $((size / 1000000)) "$1" $((base / 1000000))
}
