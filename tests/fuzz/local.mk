# SPDX-License-Identifier: MIT
# One block a target. Configured with --enable-fuzz each is a libFuzzer program; in every other build it replays its
# corpus (tests/fuzz/corpus/NAME), as one of the tests of `make check`.
FUZZ_CFLAGS = $(AM_CFLAGS) -I$(top_srcdir)/tests
FUZZ_LIBS = backend/libnetvf.a $(MNL_LIBS) $(JANSSON_LIBS)
FUZZ_TARGETS = tests/fuzz/fuzz_tx tests/fuzz/fuzz_rx tests/fuzz/fuzz_context tests/fuzz/fuzz_headers \
	tests/fuzz/fuzz_igbvf tests/fuzz/fuzz_vif tests/fuzz/fuzz_journal tests/fuzz/fuzz_ctrl \
	tests/fuzz/fuzz_front tests/fuzz/fuzz_merge
HOSTILE = tests/fuzz/hostile.c tests/fuzz/hostile.h $(SIM)

FUZZ_SECONDS = 20

# In a tree of its own, whatever this one is configured for.
fuzz:
	$(srcdir)/tests/fuzz/run $(FUZZ_SECONDS)
.PHONY: fuzz

if FUZZ
noinst_PROGRAMS = $(FUZZ_TARGETS)
FUZZ_MAIN = tests/fuzz/input.h
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += $(FUZZ_TARGETS)
FUZZ_MAIN = tests/fuzz/input.h tests/fuzz/replay.c
FUZZ_LDFLAGS = $(AM_LDFLAGS)
endif

# What reads shared memory is compiled into a target, with the hook of common/shm.h.
tests_fuzz_fuzz_tx_SOURCES = tests/fuzz/fuzz_tx.c $(HOSTILE) $(FUZZ_MAIN) \
	backend/datapath/tx.c backend/datapath/tx_slots.c
tests_fuzz_fuzz_tx_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_tx_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_tx_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_rx_SOURCES = tests/fuzz/fuzz_rx.c $(HOSTILE) $(FUZZ_MAIN) backend/datapath/rx.c
tests_fuzz_fuzz_rx_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_rx_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_rx_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_context_SOURCES = tests/fuzz/fuzz_context.c $(HOSTILE) $(FUZZ_MAIN) \
	backend/datapath/rx.c backend/datapath/tx.c backend/datapath/tx_slots.c \
	backend/translate/guest_context.c
tests_fuzz_fuzz_context_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_context_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_context_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_ctrl_SOURCES = tests/fuzz/fuzz_ctrl.c $(HOSTILE) $(FUZZ_MAIN) \
	backend/control/windows.c backend/datapath/ctrl.c backend/datapath/rx.c backend/datapath/tx.c \
	backend/datapath/tx_slots.c
tests_fuzz_fuzz_ctrl_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_ctrl_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_ctrl_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_headers_SOURCES = tests/fuzz/fuzz_headers.c $(FUZZ_MAIN)
tests_fuzz_fuzz_headers_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_headers_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_headers_LDADD = $(FUZZ_LIBS)

# It brings the function behind vf/pci.h itself.
tests_fuzz_fuzz_igbvf_SOURCES = tests/fuzz/fuzz_igbvf.c $(HOSTILE) $(FUZZ_MAIN) \
	backend/datapath/rx.c backend/datapath/tx.c backend/datapath/tx_slots.c backend/vf/igbvf_rings.c
tests_fuzz_fuzz_igbvf_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_igbvf_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_igbvf_LDADD = $(FUZZ_LIBS)

# The world of the unit tests, whose failed assertions are finds here; and what looks at the clock, with its hook.
tests_fuzz_fuzz_vif_SOURCES = tests/fuzz/fuzz_vif.c $(VIF_WORLD) $(FUZZ_MAIN) \
	backend/control/follow.c backend/control/vif.c backend/control/vif_publish.c \
	backend/control/vif_recover.c backend/control/vif_switch.c backend/vf/pool.c
tests_fuzz_fuzz_vif_CFLAGS = $(FUZZ_CFLAGS) $(CHECK_CFLAGS) -DNETVF_CLOCK_HOOK \
	-D_ck_assert_failed=fuzz_assert_failed -D_mark_point=fuzz_mark_point
tests_fuzz_fuzz_vif_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_vif_LDADD = $(FUZZ_LIBS) $(CHECK_LIBS)

# The real recovery; libxen's functions are the target's own.
tests_fuzz_fuzz_journal_SOURCES = tests/fuzz/fuzz_journal.c $(FUZZ_MAIN) \
	backend/xen/context_record.c backend/xen/journal.c backend/xen/libxen_recover.c \
	backend/xen/libxen_sweep.c
tests_fuzz_fuzz_journal_CFLAGS = $(FUZZ_CFLAGS) $(XEN_CFLAGS) -UNETVF_RUNDIR \
	-DNETVF_RUNDIR=\"tests/fuzz/run\"
tests_fuzz_fuzz_journal_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_journal_LDADD = $(FUZZ_LIBS)

# The frontend's library, which reads shared memory by the same accessor.
tests_fuzz_fuzz_front_SOURCES = tests/fuzz/fuzz_front.c tests/fuzz/hostile_backend.c \
	tests/fuzz/hostile_backend.h $(FRONT_SIM) $(SIM) $(FUZZ_MAIN) $(FRONT_SOURCES)
nodist_tests_fuzz_fuzz_front_SOURCES = xenstore-schema/keys.h
tests_fuzz_fuzz_front_CFLAGS = $(FUZZ_CFLAGS) -DNETVF_SHM_HOOK
tests_fuzz_fuzz_front_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_front_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_merge_SOURCES = tests/fuzz/fuzz_merge.c $(FUZZ_MAIN) \
	frontend/linux/merge.c frontend/linux/merge.h frontend/linux/vnet.c frontend/linux/vnet.h
tests_fuzz_fuzz_merge_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_merge_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_merge_LDADD = $(FUZZ_LIBS)

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/run
