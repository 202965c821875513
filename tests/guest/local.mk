# SPDX-License-Identifier: MIT
# Guests without an operating system, for the lab: not built with the rest, and never run on the host. `make guests`.
GUEST_TESTS = front_echo front_gso front_sizes front_slots pps_receive pps_send

GUEST_CFLAGS = $(WARN_CFLAGS) -I$(top_srcdir)/tests/guest/runtime \
	-ffreestanding -fno-builtin -fno-pie -fno-pic -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -mgeneral-regs-only -mno-red-zone
LINK_GUEST = $(CC) $(CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,-T,$(top_srcdir)/tests/guest/runtime/link.lds -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -o $@

EXTRA_LIBRARIES += tests/guest/libguest.a
tests_guest_libguest_a_CFLAGS = $(GUEST_CFLAGS)
tests_guest_libguest_a_CCASFLAGS = -fno-pie
# The frontend once more, for a machine without vector registers and a C library.
tests_guest_libguest_a_SOURCES = $(FRONT_SOURCES) \
	tests/guest/runtime/arch/mm.h tests/guest/runtime/arch/traps.h tests/guest/runtime/console.c \
	tests/guest/runtime/head.S tests/guest/runtime/report.c tests/guest/runtime/runtime.h \
	tests/guest/runtime/setup.c tests/guest/runtime/text.c tests/guest/runtime/traps.c \
	tests/guest/runtime/xtf.h \
	tests/guest/lib/clock.c tests/guest/lib/frames.c tests/guest/lib/frames.h tests/guest/lib/guest.h \
	tests/guest/lib/pages.c tests/guest/lib/param.c tests/guest/lib/peer.c tests/guest/lib/peer.h \
	tests/guest/lib/port.c tests/guest/lib/store.c tests/guest/lib/vif.c tests/guest/lib/vif.h
nodist_tests_guest_libguest_a_SOURCES = xenstore-schema/keys.h
EXTRA_DIST += tests/guest/runtime/link.lds tests/guest/peer.py

GUEST_FILES = $(GUEST_TESTS:%=tests/guest/%/test)

EXTRA_PROGRAMS += tests/guest/front_echo/test
tests_guest_front_echo_test_SOURCES = tests/guest/front_echo/main.c
tests_guest_front_echo_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_front_echo_test_LDADD = tests/guest/libguest.a
tests_guest_front_echo_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/front_gso/test
tests_guest_front_gso_test_SOURCES = tests/guest/front_gso/main.c
tests_guest_front_gso_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_front_gso_test_LDADD = tests/guest/libguest.a
tests_guest_front_gso_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/front_sizes/test
tests_guest_front_sizes_test_SOURCES = tests/guest/front_sizes/main.c
tests_guest_front_sizes_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_front_sizes_test_LDADD = tests/guest/libguest.a
tests_guest_front_sizes_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/front_slots/test
tests_guest_front_slots_test_SOURCES = tests/guest/front_slots/main.c
tests_guest_front_slots_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_front_slots_test_LDADD = tests/guest/libguest.a
tests_guest_front_slots_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/pps_receive/test
tests_guest_pps_receive_test_SOURCES = tests/guest/pps_receive/main.c
tests_guest_pps_receive_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_pps_receive_test_LDADD = tests/guest/libguest.a
tests_guest_pps_receive_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/pps_send/test
tests_guest_pps_send_test_SOURCES = tests/guest/pps_send/main.c
tests_guest_pps_send_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_pps_send_test_LDADD = tests/guest/libguest.a
tests_guest_pps_send_test_LINK = $(LINK_GUEST)

guests: $(GUEST_FILES)
.PHONY: guests
CLEANFILES += $(GUEST_FILES) tests/guest/libguest.a
