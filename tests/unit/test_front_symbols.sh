#!/bin/sh
# The frontend's library links where there is no operating system: it wants memcpy and memset and nothing else, and has no variables.
# Runs in the top of the build tree.
library=frontend/.libs/libnetvf-front.a

symbols=$(nm "$library") || exit 99
case $symbols in
*__asan_*|*__ubsan_*|*__gcov_*) exit 0 ;; # they bring wants of their own
esac
wants=$(printf '%s\n' "$symbols" | awk '
    NF == 2 && $1 == "U" { wanted[$2] = 1 }
    NF == 3 { had[$3] = 1 }
    END { for (name in wanted) if (!(name in had) && name !~ /^(memcpy|memset)$/) print name }')
[ -z "$wants" ] || { echo "the library wants: $wants"; exit 1; }

# Constant tables of pointers are in .data.rel.ro.
variables=$(nm -f sysv "$library" | awk -F '|' '$7 ~ /^ *(\.data|\.bss|\*COM\*) *$/ { print $1 }')
[ -z "$variables" ] || { echo "the library has variables: $variables"; exit 1; }
