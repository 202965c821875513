#!/bin/bash
# Installs what building and testing netvf needs on a fresh Debian 12 machine.
# Idempotent, and quick when there is nothing to do: dpkg is asked first. --plots: what draws the bench's figures as well.
# shellcheck disable=SC2016  # $(...) in apt's formats is for apt
set -euo pipefail

BACKPORTS=bookworm-backports

# The emulator comes from backports (bookworm's own 7.2 has no igb model), the rest from bookworm.
FROM_BACKPORTS=(qemu-system-x86 ipxe-qemu seabios)
FROM_BOOKWORM=(
    build-essential autoconf automake pkg-config autoconf-archive libtool
    libxen-dev libmnl-dev libjansson-dev check
    clang clang-tools clang-format libclang-rt-14-dev cppcheck shellcheck gawk valgrind
    bison flex
    mmdebstrap kmod e2fsprogs zstd xz-utils cpio iproute2 iperf3 tcpdump iputils-ping procps socat python3
)
if [ "${1:-}" = --plots ]; then FROM_BOOKWORM+=(gnuplot-nox); fi

say() { printf 'setup: %s\n' "$*"; }

die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

missing() {
    comm -13 <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u) \
        <(printf '%s\n' "$@" | sort -u)
}

# The machine's own mirror: whatever serves bookworm main here also serves its backports.
mirror_uri() { apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | sort -u | head -n 1; }

backports_active() { apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | grep -qx "$BACKPORTS"; }

backports_fetched() {
    local file
    file=$(apt-get indextargets --format '$(FILENAME)' "Codename: $BACKPORTS" 'Created-By: Packages' | head -n 1)
    # apt may keep its lists compressed, under the same name with a suffix.
    [ -n "$file" ] && compgen -G "$file*" >/dev/null
}

add_backports() {
    local uri
    uri=$(mirror_uri)
    [ -n "$uri" ] || die "no apt source for Debian bookworm is active here; add one, then run this again"
    say "adding $BACKPORTS to the apt sources"
    cat > /etc/apt/sources.list.d/netvf-backports.sources <<SOURCES
Types: deb
URIs: $uri
Suites: $BACKPORTS
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; die "apt-get install failed: $*"; }
}

[ "$(id -u)" = 0 ] || die "run this as root: it installs packages, makes network namespaces and starts virtual machines"

mapfile -t want < <(missing "${FROM_BOOKWORM[@]}")
mapfile -t want_backports < <(missing "${FROM_BACKPORTS[@]}")
fetched=yes
backports_active && backports_fetched || fetched=no
[ "${#want[@]}${#want_backports[@]}$fetched" = 00yes ] && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT

backports_active || add_backports
say "reading package lists"
apt-get update -qq >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed"; }
if [ "${#want[@]}" -gt 0 ]; then
    say "installing ${#want[@]} packages: ${want[*]}"
    install "${want[@]}"
fi
if [ "${#want_backports[@]}" -gt 0 ]; then
    say "installing from $BACKPORTS: ${want_backports[*]}"
    install -t "$BACKPORTS" "${want_backports[@]}"
fi
