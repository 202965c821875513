# SPDX-License-Identifier: MIT
# The measured program is not built with the rest: it wants valgrind's headers, and a build as for a release.
EXTRA_PROGRAMS += tests/bench/datapath
CLEANFILES += tests/bench/datapath
tests_bench_datapath_SOURCES = tests/bench/datapath.c tests/bench/world.c tests/bench/world.h
tests_bench_datapath_CFLAGS = $(AM_CFLAGS) -I$(top_srcdir)/tests
tests_bench_datapath_LDADD = backend/libnetvf.a
CLEANFILES += tests/bench/datapath
EXTRA_DIST += tests/bench/bench tests/bench/instructions.json tests/bench/plot.gp tests/bench/udp_send.py

# In a build of their own, whatever this one is configured as.
bench:
	$(top_srcdir)/tests/bench/bench
bench-accept:
	$(top_srcdir)/tests/bench/bench --accept
.PHONY: bench bench-accept
