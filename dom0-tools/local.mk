# SPDX-License-Identifier: MIT
# The program is not dom0-tools/netvf: that is the directory of its sources.
sbin_PROGRAMS += dom0-tools/netvf/netvf
dom0_tools_netvf_netvf_SOURCES = \
	dom0-tools/netvf/main.c dom0-tools/netvf/netvf.h \
	dom0-tools/netvf/list.c dom0-tools/netvf/show.c dom0-tools/netvf/check.c \
	dom0-tools/netvf/set.c \
	dom0-tools/netvf/client.c dom0-tools/netvf/client.h \
	dom0-tools/netvf/domain.c dom0-tools/netvf/domain.h \
	dom0-tools/netvf/table.c dom0-tools/netvf/table.h
nodist_dom0_tools_netvf_netvf_SOURCES = xenstore-schema/keys.h
dom0_tools_netvf_netvf_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
dom0_tools_netvf_netvf_LDADD = xenstore-schema/libschema.a backend/libnetvfxen.a \
	backend/libnetvf.a $(XENSTORE_LIBS) $(JANSSON_LIBS)

dist_script_SCRIPTS = dom0-tools/vif-netvf

systemdsystemunitdir = $(prefix)/lib/systemd/system
nodist_systemdsystemunit_DATA = dom0-tools/netvfd.service
dom0-tools/netvfd.service: $(srcdir)/dom0-tools/netvfd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) dom0-tools && \
	sed 's|@sbindir[@]|$(sbindir)|' $(srcdir)/dom0-tools/netvfd.service.in >$@.new && \
	mv -f $@.new $@
CLEANFILES += dom0-tools/netvfd.service
EXTRA_DIST += dom0-tools/netvfd.service.in

completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = dom0-tools/completion/netvf

dist_man_MANS += dom0-tools/netvf.8 dom0-tools/netvfd.8
