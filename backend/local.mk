# SPDX-License-Identifier: MIT
AM_CFLAGS += $(MNL_CFLAGS) $(JANSSON_CFLAGS)

# All that needs no libxen: unit tests link it against stores and ports of their own.
noinst_LIBRARIES += backend/libnetvf.a
backend_libnetvf_a_SOURCES = \
	backend/common/allowance.h \
	backend/common/clock.h \
	backend/common/counter.h \
	backend/common/each_file.h \
	backend/common/log.c backend/common/log.h \
	backend/common/mac.c backend/common/mac.h \
	backend/common/quick_clock.c backend/common/quick_clock.h \
	backend/common/sysfs.c backend/common/sysfs.h \
	backend/common/why.c backend/common/why.h \
	backend/control/api.c backend/control/api.h \
	backend/control/api_answer.c backend/control/api_answer.h \
	backend/control/ctrl_ring.c backend/control/ctrl_ring.h \
	backend/control/follow.c backend/control/follow.h \
	backend/control/kernel_vifs.c backend/control/kernel_vifs.h \
	backend/control/manager.c backend/control/manager.h \
	backend/control/negotiate.c backend/control/negotiate.h \
	backend/control/session.c backend/control/session.h \
	backend/control/session_private.h backend/control/session_resume.c \
	backend/control/translation.c backend/control/translation.h \
	backend/control/vif.c backend/control/vif.h \
	backend/control/vif_private.h backend/control/vif_publish.c backend/control/vif_recover.c \
	backend/control/vif_switch.c \
	backend/control/vif_claim.c backend/control/vif_claim.h \
	backend/control/vif_state.c backend/control/vif_state.h \
	backend/control/windows.c backend/control/windows.h \
	backend/control/worker.c backend/control/worker.h \
	backend/datapath/bucket.c backend/datapath/bucket.h \
	backend/datapath/ctrl.c backend/datapath/ctrl.h \
	backend/datapath/echo.h \
	backend/datapath/headers.c backend/datapath/headers.h backend/datapath/headers_parse.h \
	backend/datapath/mcast.c backend/datapath/mcast.h \
	backend/datapath/ring.h \
	backend/datapath/rx.c backend/datapath/rx.h \
	backend/common/shm.h \
	backend/datapath/tx.c backend/datapath/tx.h \
	backend/datapath/tx_bounce.c backend/datapath/tx_bounce.h \
	backend/datapath/tx_slots.c backend/datapath/tx_slots.h \
	backend/translate/frame_cache.c backend/translate/frame_cache.h \
	backend/translate/grant_map.c backend/translate/guest_context.c \
	backend/translate/translate.h \
	backend/translate/window.c backend/translate/window.h \
	backend/vf/absent.c backend/vf/absent.h \
	backend/vf/bar_guard.c backend/vf/bar_guard.h \
	backend/vf/hold.c backend/vf/hold.h \
	backend/vf/igbvf.c backend/vf/igbvf.h backend/vf/igbvf_desc.h \
	backend/vf/igbvf_mailbox.c backend/vf/igbvf_private.h backend/vf/igbvf_regs.h \
	backend/vf/igbvf_rings.c \
	backend/vf/links.c backend/vf/links.h \
	backend/vf/netlink.c backend/vf/netlink.h \
	backend/vf/pci.c backend/vf/pci.h \
	backend/vf/pf.c backend/vf/pf.h \
	backend/vf/pool.c backend/vf/pool.h \
	backend/vf/vf.c backend/vf/vf.h \
	backend/xen/context.h \
	backend/xen/faults.h \
	backend/xen/port.h \
	backend/xen/store.c backend/xen/store.h

# The only place that knows libxen.
noinst_LIBRARIES += backend/libnetvfxen.a
backend_libnetvfxen_a_SOURCES = \
	backend/xen/context_record.c backend/xen/context_record.h \
	backend/xen/journal.c backend/xen/journal.h \
	backend/xen/libxen.c backend/xen/libxen.h \
	backend/xen/libxen_context.c \
	backend/xen/libxen_events.c \
	backend/xen/libxen_faults.c \
	backend/xen/libxen_recover.c \
	backend/xen/libxen_sweep.c backend/xen/libxen_sweep.h \
	backend/xen/store_libxen.c
backend_libnetvfxen_a_CFLAGS = $(AM_CFLAGS) $(XEN_CFLAGS) $(XENSTORE_CFLAGS)

sbin_PROGRAMS += backend/netvfd
backend_netvfd_SOURCES = backend/netvfd.c
# libnetvf.a twice: each of the two needs something of the other (store.h; why.h, log.h).
backend_netvfd_LDADD = backend/libnetvf.a backend/libnetvfxen.a backend/libnetvf.a \
	$(XEN_LIBS) $(XENSTORE_LIBS) $(MNL_LIBS) $(JANSSON_LIBS)
