#!/bin/bash
# build.sh DIR [CONFIGURE OPTION...]: builds the tree in DIR (below the tree's top), configuring it when it has not been or was
# configured otherwise. Says one line; the long output is in DIR/lab-build.log.
set -euo pipefail

cd "$(dirname "$0")/../.."
dir=$1
shift
options=(--prefix=/usr --sysconfdir=/etc --localstatedir=/var "$@")
log=$PWD/$dir/lab-build.log

fail() {
    tail -n 25 "$log" >&2
    echo "build: $1 failed; all of it is in $dir/lab-build.log" >&2
    exit 1
}

started=$SECONDS
mkdir -p "$dir"
: > "$log"
if [ ! -x configure ] || [ configure.ac -nt configure ]; then
    autoreconf -i >>"$log" 2>&1 || fail autoreconf
fi
if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/lab-options" 2>/dev/null)" != "${options[*]}" ]; then
    (cd "$dir" && ../configure "${options[@]}") >>"$log" 2>&1 || fail configure
    printf '%s\n' "${options[*]}" > "$dir/lab-options"
fi
make -C "$dir" -j"$(nproc)" >>"$log" 2>&1 || fail make
echo "build: $dir is up to date ($((SECONDS - started)) s)"
