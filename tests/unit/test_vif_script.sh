#!/bin/sh
# SPDX-License-Identifier: MIT
# The hotplug script against libxl's contract: what it leaves in xenstore, says and returns.
# Xenstore is a directory; xenstore-read, -write and -rm are small scripts in front of it.
# Usage: test_vif_script.sh [SHELL...]      default: sh, and dash and bash where they exist

set -u

script=${srcdir:-$(dirname "$0")/../..}/dom0-tools/vif-netvf
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM

mkdir "$work/bin"
cat >"$work/bin/xenstore-read" <<'END'
#!/bin/sh
exec cat "$STORE/$1"
END
cat >"$work/bin/xenstore-write" <<'END'
#!/bin/sh
[ -z "${STORE_BROKEN:-}" ] || exit 1
while [ $# -ge 2 ]; do
    mkdir -p "$STORE/$(dirname "$1")"
    printf '%s\n' "$2" >"$STORE/$1"
    shift 2
done
END
cat >"$work/bin/xenstore-rm" <<'END'
#!/bin/sh
for key; do rm -r "$STORE/$key" || exit 1; done
END
# Time passes without waiting: each nap is counted, and the daemon may wake up during the N-th.
cat >"$work/bin/sleep" <<'END'
#!/bin/sh
echo "$1" >>"$STORE/naps"
[ "$(wc -l <"$STORE/naps")" -ne "${BOUND_AFTER:-0}" ] ||
    xenstore-write backend/vif/1/0/netvf/state bound
END
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH
STORE=$work/store
export PATH STORE

shell='sh'
total=0
failed=0
vif=backend/vif/1/0

# store KEY=VALUE...: a fresh backend directory as libxl and netvfd have left it.
store()
{
    rm -rf "$STORE"
    mkdir -p "$STORE/$vif"
    xenstore-write "$vif/hotplug-status" ''
    for pair; do
        xenstore-write "$vif/${pair%%=*}" "${pair#*=}"
    done
}

# run ARGUMENT...: the script; $status and $said are what came of it.
run()
{
    said=$(XENBUS_PATH=$vif "$shell" "$script" "$@" 2>&1 </dev/null)
    status=$?
}

# holds DESCRIPTION CONDITION...: one check.
holds()
{
    what=$1
    shift
    total=$((total + 1))
    "$@" && return
    failed=$((failed + 1))
    echo "FAIL ($shell): $what (exit $status, said: $said)"
}

has()
{
    [ "$(cat "$STORE/$vif/$1" 2>/dev/null)" = "$2" ]
}

lacks()
{
    ! [ -e "$STORE/$vif/$1" ]
}

says()
{
    case $said in *"$1"*) ;; *) return 1 ;; esac
}

# The sentence went to stderr and to hotplug-error, and libxl is told by the exit status.
failed_with()
{
    [ "$status" -eq 1 ] && has hotplug-status error && says "$1" &&
        has hotplug-error "${said#vif-netvf: }"
}

test_all()
{
    store netvf/state=bound
    run online type_if=vif
    holds 'a bound vif is connected' [ "$status" -eq 0 ]
    holds 'hotplug-status is connected' has hotplug-status connected
    holds 'no error is left' lacks hotplug-error
    holds 'nothing is said' [ -z "$said" ]
    holds 'it did not wait' [ ! -e "$STORE/naps" ]

    store netvf/state=refused 'netvf/error=no idle VF on eth0: all 7 are bound, detach a vif first'
    run online type_if=vif
    holds 'a refused vif fails with its sentence' failed_with 'no idle VF on eth0: all 7'
    holds 'a refusal is told at once' [ ! -e "$STORE/naps" ]

    store netvf/state=refused
    run online type_if=vif
    holds 'a refusal without a reason still fails' failed_with "reports 'refused'"

    store netvf/state=fault
    run online type_if=vif
    holds 'a fault fails' failed_with "reports 'fault'"

    store netvf/state=bound 'netvf/error=the VF does not answer'
    run online type_if=vif
    holds 'an error fails whatever the state' failed_with 'the VF does not answer'

    store
    run online type_if=vif
    holds 'a vif that nobody took fails' failed_with 'systemctl start netvfd'
    holds 'after 20 naps, two seconds' [ "$(wc -l <"$STORE/naps")" -eq 20 ]

    store
    BOUND_AFTER=5 run online type_if=vif
    holds 'a daemon that is late is waited for' has hotplug-status connected
    holds 'no longer than needed' [ "$(wc -l <"$STORE/naps")" -eq 5 ]

    store netvf/state=bound vifname=guest-net
    run online type_if=vif
    holds 'vifname does not matter' has hotplug-status connected

    store netvf/state=bound
    run add type_if=tap
    holds 'an emulated card is refused' failed_with 'type=vif'

    store netvf/state=closed hotplug-status=error 'hotplug-error=old'
    run offline type_if=vif
    holds 'offline succeeds' [ "$status" -eq 0 ]
    holds 'offline takes the status away' lacks hotplug-status
    holds 'offline takes the error away' lacks hotplug-error

    rm -rf "$STORE"
    mkdir "$STORE"
    run offline type_if=vif
    holds 'offline succeeds without a directory' [ "$status" -eq 0 ]
    holds 'offline is silent without a directory' [ -z "$said" ]

    store netvf/state=bound
    STORE_BROKEN=1 run online type_if=vif
    holds 'a store that cannot be written fails' [ "$status" -eq 1 ]
    holds 'and says so' says 'cannot write'

    store
    run nonsense
    holds 'an unknown command is a usage error' [ "$status" -eq 2 ]
    run
    holds 'no command is a usage error' [ "$status" -eq 2 ]

    said=$(unset XENBUS_PATH; "$shell" "$script" online 2>&1)
    status=$?
    holds 'no XENBUS_PATH fails' [ "$status" -eq 1 ]
    holds 'and says so without XENBUS_PATH' says 'XENBUS_PATH is not set'
}

[ $# -gt 0 ] || set -- sh dash bash
for shell; do
    command -v "$shell" >/dev/null || continue
    test_all
done
if command -v shellcheck >/dev/null; then
    shell=shellcheck
    status=0
    said=$(shellcheck "$script") || status=$?
    holds 'shellcheck finds nothing' [ "$status" -eq 0 ]
fi

echo "$total checks, $failed failed"
[ "$total" -gt 0 ] && [ "$failed" -eq 0 ]
