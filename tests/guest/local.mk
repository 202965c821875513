# SPDX-License-Identifier: MIT
# Guests without an operating system, for the lab: not built with the rest, and never run on the host. `make guests`.
GUEST_TESTS = attack_context attack_ctrl attack_death attack_grants attack_kicks attack_rings attack_slots attack_store \
	front_echo front_gso front_sizes front_slots pps_receive pps_send

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
	tests/guest/lib/attack.c tests/guest/lib/attack.h \
	tests/guest/lib/clock.c tests/guest/lib/frames.c tests/guest/lib/frames.h tests/guest/lib/guest.h \
	tests/guest/lib/pages.c tests/guest/lib/param.c tests/guest/lib/peer.c tests/guest/lib/peer.h \
	tests/guest/lib/port.c tests/guest/lib/store.c tests/guest/lib/vif.c tests/guest/lib/vif.h tests/guest/lib/vif_window.c
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

EXTRA_PROGRAMS += tests/guest/attack_ctrl/test
tests_guest_attack_ctrl_test_SOURCES = tests/guest/attack_ctrl/main.c
tests_guest_attack_ctrl_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_ctrl_test_LDADD = tests/guest/libguest.a
tests_guest_attack_ctrl_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_death/test
tests_guest_attack_death_test_SOURCES = tests/guest/attack_death/main.c
tests_guest_attack_death_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_death_test_LDADD = tests/guest/libguest.a
tests_guest_attack_death_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_grants/test
tests_guest_attack_grants_test_SOURCES = tests/guest/attack_grants/main.c
tests_guest_attack_grants_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_grants_test_LDADD = tests/guest/libguest.a
tests_guest_attack_grants_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_kicks/test
tests_guest_attack_kicks_test_SOURCES = tests/guest/attack_kicks/main.c
tests_guest_attack_kicks_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_kicks_test_LDADD = tests/guest/libguest.a
tests_guest_attack_kicks_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_rings/test
tests_guest_attack_rings_test_SOURCES = tests/guest/attack_rings/main.c
tests_guest_attack_rings_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_rings_test_LDADD = tests/guest/libguest.a
tests_guest_attack_rings_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_slots/test
tests_guest_attack_slots_test_SOURCES = tests/guest/attack_slots/main.c
tests_guest_attack_slots_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_slots_test_LDADD = tests/guest/libguest.a
tests_guest_attack_slots_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_store/test
tests_guest_attack_store_test_SOURCES = tests/guest/attack_store/main.c
tests_guest_attack_store_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_store_test_LDADD = tests/guest/libguest.a
tests_guest_attack_store_test_LINK = $(LINK_GUEST)

EXTRA_PROGRAMS += tests/guest/attack_context/test
tests_guest_attack_context_test_SOURCES = tests/guest/attack_context/main.c
tests_guest_attack_context_test_CFLAGS = $(GUEST_CFLAGS)
tests_guest_attack_context_test_LDADD = tests/guest/libguest.a
tests_guest_attack_context_test_LINK = $(LINK_GUEST)

guests: $(GUEST_FILES)
.PHONY: guests
CLEANFILES += $(GUEST_FILES) tests/guest/libguest.a

# The same tests in the framework's own build (configure --with-xtf=DIR), below tests/guest/xtf/.
xtf-guests: xenstore-schema/keys.h
	$(srcdir)/tests/guest/with-xtf "$(XTF)" "$(abs_top_srcdir)" "$(abs_top_builddir)" $(GUEST_TESTS)
.PHONY: xtf-guests
clean-local: clean-xtf-guests
clean-xtf-guests:
	rm -rf tests/guest/xtf
.PHONY: clean-xtf-guests
EXTRA_DIST += tests/guest/with-xtf tests/guest/lib/xtf_more.h
