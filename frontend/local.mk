# SPDX-License-Identifier: MIT
# The library itself: freestanding, so that it also links where there is no operating system.
FRONT_SOURCES = \
	frontend/connect.c frontend/netfront.c frontend/private.h frontend/ring.h \
	frontend/rx.c frontend/tx.c frontend/values.c frontend/window.c

lib_LTLIBRARIES = frontend/libnetvf-front.la
frontend_libnetvf_front_la_SOURCES = $(FRONT_SOURCES)
nodist_frontend_libnetvf_front_la_SOURCES = xenstore-schema/keys.h
frontend_libnetvf_front_la_CFLAGS = $(AM_CFLAGS) -ffreestanding
# The version of the interface: see "Updating version info" in libtool's manual.
frontend_libnetvf_front_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:1 \
	-Wl,--version-script=$(srcdir)/frontend/netvf-front.map
EXTRA_frontend_libnetvf_front_la_DEPENDENCIES = frontend/netvf-front.map
EXTRA_DIST += frontend/netvf-front.map

netvffrontdir = $(includedir)/netvf-front
netvffront_HEADERS = frontend/netfront.h frontend/port.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = frontend/netvf-front.pc

# The program on Linux.
FRONT_LINUX_SOURCES = \
	frontend/linux/netvf-front.c \
	frontend/linux/merge.c frontend/linux/merge.h \
	frontend/linux/port.c frontend/linux/port.h \
	frontend/linux/pump.c frontend/linux/pump.h \
	frontend/linux/tap.c frontend/linux/tap.h \
	frontend/linux/vnet.c frontend/linux/vnet.h

sbin_PROGRAMS += frontend/netvf-front
frontend_netvf_front_SOURCES = $(FRONT_LINUX_SOURCES)
frontend_netvf_front_CFLAGS = $(AM_CFLAGS) $(FRONT_XEN_CFLAGS)
frontend_netvf_front_LDADD = frontend/libnetvf-front.la $(FRONT_XEN_LIBS)

dist_man_MANS += frontend/netvf-front.8
