# SPDX-License-Identifier: MIT
SCHEMA_SOURCE = $(srcdir)/xenstore-schema/netvf-paths.pandoc
SCHEMA_PARSER = $(srcdir)/xenstore-schema/parse.awk
SCHEMA_HEADER = $(srcdir)/xenstore-schema/header.awk
SCHEMA_MANUAL = $(srcdir)/xenstore-schema/manual.awk

# Written aside and moved: a run that failed or was interrupted leaves nothing that looks finished.
xenstore-schema/keys.h: $(SCHEMA_PARSER) $(SCHEMA_HEADER) $(SCHEMA_SOURCE)
	$(AM_V_GEN)$(MKDIR_P) xenstore-schema && \
	$(AWK) -f $(SCHEMA_PARSER) -f $(SCHEMA_HEADER) $(SCHEMA_SOURCE) >$@.new && mv -f $@.new $@

xenstore-schema/xen-netvf-vif-interface.7: $(SCHEMA_PARSER) $(SCHEMA_MANUAL) $(SCHEMA_SOURCE)
	$(AM_V_GEN)$(MKDIR_P) xenstore-schema && \
	$(AWK) -f $(SCHEMA_PARSER) -f $(SCHEMA_MANUAL) $(SCHEMA_SOURCE) >$@.new && mv -f $@.new $@

BUILT_SOURCES += xenstore-schema/keys.h
CLEANFILES += xenstore-schema/keys.h xenstore-schema/xen-netvf-vif-interface.7
EXTRA_DIST += xenstore-schema/netvf-paths.pandoc xenstore-schema/parse.awk \
	xenstore-schema/header.awk xenstore-schema/manual.awk
man_MANS = xenstore-schema/xen-netvf-vif-interface.7

noinst_LIBRARIES += xenstore-schema/libschema.a
xenstore_schema_libschema_a_SOURCES = xenstore-schema/check.c xenstore-schema/check.h
nodist_xenstore_schema_libschema_a_SOURCES = xenstore-schema/keys.h
