# SPDX-License-Identifier: MIT
# One block a test: its name in check_PROGRAMS, its sources, its LDADD. They run in the top of the
# build tree with $srcdir in the environment.
TEST_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) -I$(top_srcdir)/tests
TEST_LIBS = backend/libnetvf.a $(MNL_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS)
AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)'; export srcdir;
FAKE_STORE = tests/sim/fake_store.c tests/sim/fake_store.h
EXTRA_DIST += tests/unit/runner.h
SIM = tests/sim/sim.c tests/sim/sim_setup.c tests/sim/sim.h

check_PROGRAMS += tests/unit/test_vif_state
tests_unit_test_vif_state_SOURCES = tests/unit/test_vif_state.c
tests_unit_test_vif_state_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_state_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_negotiate
tests_unit_test_negotiate_SOURCES = tests/unit/test_negotiate.c $(FAKE_STORE)
tests_unit_test_negotiate_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_negotiate_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_pool
tests_unit_test_pool_SOURCES = tests/unit/test_pool.c \
	tests/sim/fake_sysfs.c tests/sim/fake_sysfs.h
tests_unit_test_pool_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_pool_LDADD = $(TEST_LIBS)

# Whole lives of vifs. They bring a session, a port and a VF of their own: those are then not taken
# from the library.
VIF_WORLD = tests/unit/vif_world.c tests/unit/vif_world.h $(FAKE_STORE) \
	tests/sim/fake_sysfs.c tests/sim/fake_sysfs.h

check_PROGRAMS += tests/unit/test_vif
tests_unit_test_vif_SOURCES = tests/unit/test_vif.c $(VIF_WORLD)
tests_unit_test_vif_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_vif_frontend
tests_unit_test_vif_frontend_SOURCES = tests/unit/test_vif_frontend.c $(VIF_WORLD)
tests_unit_test_vif_frontend_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_frontend_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_vif_device
tests_unit_test_vif_device_SOURCES = tests/unit/test_vif_device.c $(VIF_WORLD)
tests_unit_test_vif_device_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_device_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_vif_daemon
tests_unit_test_vif_daemon_SOURCES = tests/unit/test_vif_daemon.c $(VIF_WORLD)
tests_unit_test_vif_daemon_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_daemon_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_vif_switch
tests_unit_test_vif_switch_SOURCES = tests/unit/test_vif_switch.c $(VIF_WORLD)
tests_unit_test_vif_switch_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vif_switch_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_kernel_vifs
tests_unit_test_kernel_vifs_SOURCES = tests/unit/test_kernel_vifs.c $(FAKE_STORE) \
	tests/sim/fake_sysfs.c tests/sim/fake_sysfs.h
tests_unit_test_kernel_vifs_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_kernel_vifs_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_api
tests_unit_test_api_SOURCES = tests/unit/test_api.c
tests_unit_test_api_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_api_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_schema
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
tests_unit_test_schema_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_schema_LDADD = xenstore-schema/libschema.a $(CHECK_LIBS)

TX_WORLD = tests/unit/tx_world.c tests/unit/tx_world.h $(SIM)

check_PROGRAMS += tests/unit/test_tx
tests_unit_test_tx_SOURCES = tests/unit/test_tx.c $(TX_WORLD)
tests_unit_test_tx_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_tx_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_tx_refused
tests_unit_test_tx_refused_SOURCES = tests/unit/test_tx_refused.c $(TX_WORLD)
tests_unit_test_tx_refused_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_tx_refused_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_tx_offload
tests_unit_test_tx_offload_SOURCES = tests/unit/test_tx_offload.c $(TX_WORLD)
tests_unit_test_tx_offload_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_tx_offload_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_rx
tests_unit_test_rx_SOURCES = tests/unit/test_rx.c $(SIM)
tests_unit_test_rx_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_rx_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_rx_tags
tests_unit_test_rx_tags_SOURCES = tests/unit/test_rx_tags.c $(SIM)
tests_unit_test_rx_tags_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_rx_tags_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_ctrl
tests_unit_test_ctrl_SOURCES = tests/unit/test_ctrl.c
tests_unit_test_ctrl_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_ctrl_LDADD = $(TEST_LIBS)

# The thread's file is compiled into it, as the worker's into test_worker.
check_PROGRAMS += tests/unit/test_ctrl_ring
tests_unit_test_ctrl_ring_SOURCES = tests/unit/test_ctrl_ring.c $(SIM) backend/datapath/ctrl.c
tests_unit_test_ctrl_ring_CFLAGS = $(TEST_CFLAGS) -DNETVF_SHM_HOOK
tests_unit_test_ctrl_ring_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_window
tests_unit_test_window_SOURCES = tests/unit/test_window.c $(SIM)
tests_unit_test_window_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_window_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_windows
tests_unit_test_windows_SOURCES = tests/unit/test_windows.c $(SIM)
tests_unit_test_windows_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_windows_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_session_windows
tests_unit_test_session_windows_SOURCES = tests/unit/test_session_windows.c $(SESSION_WORLD)
tests_unit_test_session_windows_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_session_windows_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_resume
tests_unit_test_resume_SOURCES = tests/unit/test_resume.c $(SIM)
tests_unit_test_resume_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_resume_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_session_resume
tests_unit_test_session_resume_SOURCES = tests/unit/test_session_resume.c $(SIM)
tests_unit_test_session_resume_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_session_resume_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_session_switch
tests_unit_test_session_switch_SOURCES = tests/unit/test_session_switch.c $(SESSION_WORLD)
tests_unit_test_session_switch_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_session_switch_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_guest_context
tests_unit_test_guest_context_SOURCES = tests/unit/test_guest_context.c $(SIM)
tests_unit_test_guest_context_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_guest_context_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_quick_clock
tests_unit_test_quick_clock_SOURCES = tests/unit/test_quick_clock.c
tests_unit_test_quick_clock_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_quick_clock_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_limits
tests_unit_test_limits_SOURCES = tests/unit/test_limits.c
tests_unit_test_limits_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_limits_LDADD = $(TEST_LIBS)

# The worker and the data path are compiled into it, with hooks where they read shared memory and where they sleep.
WORKER_WORLD = tests/unit/worker_world.c tests/unit/worker_world.h $(SIM)

check_PROGRAMS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = tests/unit/test_worker.c $(WORKER_WORLD) \
	backend/datapath/rx.c backend/datapath/tx.c backend/datapath/tx_slots.c
tests_unit_test_worker_CFLAGS = $(TEST_CFLAGS) -DNETVF_SHM_HOOK
tests_unit_test_worker_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_worker_thread
tests_unit_test_worker_thread_SOURCES = tests/unit/test_worker_thread.c $(WORKER_WORLD)
tests_unit_test_worker_thread_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_worker_thread_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_journal
tests_unit_test_journal_SOURCES = tests/unit/test_journal.c backend/xen/journal.c
tests_unit_test_journal_CFLAGS = $(TEST_CFLAGS) -UNETVF_RUNDIR -DNETVF_RUNDIR=\"tests/unit/run\"
tests_unit_test_journal_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_context_record
tests_unit_test_context_record_SOURCES = tests/unit/test_context_record.c backend/xen/context_record.c
tests_unit_test_context_record_CFLAGS = $(TEST_CFLAGS) -UNETVF_RUNDIR \
	-DNETVF_RUNDIR=\"tests/unit/run-context\"
tests_unit_test_context_record_LDADD = $(CHECK_LIBS)

# What needs Xen's libraries, on libraries in memory: it is not linked with the real ones.
FAKE_XEN = tests/sim/fake_xen.c tests/sim/fake_xen_domains.c tests/sim/fake_xs.c tests/sim/fake_xen.h \
	tests/sim/fake_xen_private.h
LIBXEN_SOURCES = backend/xen/context_record.c backend/xen/journal.c backend/xen/libxen.c \
	backend/xen/libxen_context.c backend/xen/libxen_events.c backend/xen/libxen_faults.c \
	backend/xen/libxen_recover.c \
	backend/xen/libxen_sweep.c backend/xen/store_libxen.c

check_PROGRAMS += tests/unit/test_libxen
tests_unit_test_libxen_SOURCES = tests/unit/test_libxen.c $(FAKE_XEN) $(LIBXEN_SOURCES)
tests_unit_test_libxen_CFLAGS = $(TEST_CFLAGS) $(XEN_CFLAGS) $(XENSTORE_CFLAGS) -UNETVF_RUNDIR \
	-DNETVF_RUNDIR=\"tests/unit/run-libxen\" -Dfopen=fake_fopen -Dioctl=fake_ioctl
tests_unit_test_libxen_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_libxen_faults
tests_unit_test_libxen_faults_SOURCES = tests/unit/test_libxen_faults.c $(FAKE_XEN) backend/xen/libxen_faults.c
tests_unit_test_libxen_faults_CFLAGS = $(TEST_CFLAGS) $(XEN_CFLAGS) $(XENSTORE_CFLAGS)
tests_unit_test_libxen_faults_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_netvfd
tests_unit_test_netvfd_SOURCES = tests/unit/test_netvfd.c $(FAKE_XEN) $(LIBXEN_SOURCES) \
	backend/vf/hold.c tests/sim/fake_sysfs.c tests/sim/fake_sysfs.h
tests_unit_test_netvfd_CFLAGS = $(TEST_CFLAGS) $(XEN_CFLAGS) $(XENSTORE_CFLAGS) -UNETVF_RUNDIR \
	-DNETVF_RUNDIR=\"tests/unit/run-netvfd\" -Dfopen=fake_fopen
tests_unit_test_netvfd_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_libxen_context
tests_unit_test_libxen_context_SOURCES = tests/unit/test_libxen_context.c backend/xen/libxen_context.c \
	backend/xen/context_record.c
tests_unit_test_libxen_context_CFLAGS = $(TEST_CFLAGS) -UNETVF_RUNDIR \
	-DNETVF_RUNDIR=\"tests/unit/run-libxen-context\"
tests_unit_test_libxen_context_LDADD = $(TEST_LIBS)

# They look below a sysfs in the build tree.
check_PROGRAMS += tests/unit/test_pci
tests_unit_test_pci_SOURCES = tests/unit/test_pci.c backend/vf/pci.c backend/vf/vf.c
tests_unit_test_pci_CFLAGS = $(TEST_CFLAGS) -DPF_SYSFS=\"tests/unit/sysfs\"
tests_unit_test_pci_LDADD = $(TEST_LIBS)

SESSION_WORLD = tests/unit/session_world.c tests/unit/session_world.h $(SIM)

check_PROGRAMS += tests/unit/test_session
tests_unit_test_session_SOURCES = tests/unit/test_session.c $(SESSION_WORLD)
tests_unit_test_session_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_session_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_headers
tests_unit_test_headers_SOURCES = tests/unit/test_headers.c
tests_unit_test_headers_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_headers_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_igbvf_mailbox
tests_unit_test_igbvf_mailbox_SOURCES = tests/unit/test_igbvf_mailbox.c
tests_unit_test_igbvf_mailbox_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_igbvf_mailbox_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_igbvf_desc
tests_unit_test_igbvf_desc_SOURCES = tests/unit/test_igbvf_desc.c
tests_unit_test_igbvf_desc_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_igbvf_desc_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_bar_guard
tests_unit_test_bar_guard_SOURCES = tests/unit/test_bar_guard.c
tests_unit_test_bar_guard_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_bar_guard_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_links
tests_unit_test_links_SOURCES = tests/unit/test_links.c
tests_unit_test_links_CFLAGS = $(TEST_CFLAGS) $(MNL_CFLAGS)
tests_unit_test_links_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_netlink
tests_unit_test_netlink_SOURCES = tests/unit/test_netlink.c
tests_unit_test_netlink_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_netlink_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_igbvf_check
tests_unit_test_igbvf_check_SOURCES = tests/unit/test_igbvf_check.c
tests_unit_test_igbvf_check_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_igbvf_check_LDADD = $(TEST_LIBS)

# The frontend. -static: the library's own objects, not its shared form, which a script would have to wrap.
FRONT_SIM = tests/sim/front_sim.c tests/sim/front_sim.h tests/sim/sim.h
FRONT_TEST_LIBS = frontend/libnetvf-front.la $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_front
tests_unit_test_front_SOURCES = tests/unit/test_front.c $(FRONT_SIM) $(SIM)
tests_unit_test_front_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_LDADD = $(FRONT_TEST_LIBS)

check_PROGRAMS += tests/unit/test_front_rings
tests_unit_test_front_rings_SOURCES = tests/unit/test_front_rings.c $(FRONT_SIM) $(SIM)
tests_unit_test_front_rings_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_rings_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_rings_LDADD = $(FRONT_TEST_LIBS)

check_PROGRAMS += tests/unit/test_front_window
tests_unit_test_front_window_SOURCES = tests/unit/test_front_window.c $(FRONT_SIM) $(SIM)
tests_unit_test_front_window_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_window_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_window_LDADD = $(FRONT_TEST_LIBS)

check_PROGRAMS += tests/unit/test_front_pair
tests_unit_test_front_pair_SOURCES = tests/unit/test_front_pair.c $(FRONT_SIM) $(SIM)
tests_unit_test_front_pair_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_pair_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_pair_LDADD = $(FRONT_TEST_LIBS)

check_PROGRAMS += tests/unit/test_front_merge
tests_unit_test_front_merge_SOURCES = tests/unit/test_front_merge.c \
	frontend/linux/merge.c frontend/linux/vnet.c
tests_unit_test_front_merge_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_merge_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/test_front_pump
tests_unit_test_front_pump_SOURCES = tests/unit/test_front_pump.c $(FRONT_SIM) $(SIM) \
	frontend/linux/merge.c frontend/linux/pump.c frontend/linux/tap.c frontend/linux/vnet.c
tests_unit_test_front_pump_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_front_pump_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_pump_LDADD = $(FRONT_TEST_LIBS)

# The program on Linux, whose main() it calls.
check_PROGRAMS += tests/unit/test_front_linux
tests_unit_test_front_linux_SOURCES = tests/unit/test_front_linux.c $(FAKE_XEN) \
	frontend/linux/merge.c frontend/linux/port.c frontend/linux/pump.c frontend/linux/tap.c \
	frontend/linux/vnet.c
tests_unit_test_front_linux_CFLAGS = $(TEST_CFLAGS) $(XEN_CFLAGS) $(XENSTORE_CFLAGS) \
	-Dopen=fake_open -Dioctl=fake_ioctl
tests_unit_test_front_linux_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_front_linux_LDADD = $(FRONT_TEST_LIBS)

dist_check_SCRIPTS = tests/unit/test_vif_script.sh tests/unit/test_front_symbols.sh
TESTS += $(dist_check_SCRIPTS)
