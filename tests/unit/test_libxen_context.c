/* SPDX-License-Identifier: MIT */
/* Which guests get a VF into their IOMMU context: the real guest context, with a libxenctrl of this file's own. Built with a
 * NETVF_RUNDIR of its own in the build tree. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/why.h"
#include "xen/context.h"
#include "xen/libxen.h"

#include <xenforeignmemory.h>

#define DOMID 7
#define PAGES 3u

static struct {
    bool hvm;
    int shadow_error; /* what Xen says to the question about shadow page tables */
    unsigned shadow_mb;
    bool assigned;
    unsigned assignments;
    long pages, limit_kb;
    xen_pfn_t first_frame; /* of those that were added */
    unsigned given_up;     /* so many from there on the guest has given up itself */
} xen;

static char memory[(PAGES + 64) * 4096];
static int handle;

static int answer(int error)
{
    errno = error;
    return error ? -1 : 0;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
                                unsigned flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)flags;
    return (xc_interface *)&handle;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

int xc_assign_device(xc_interface *xch, uint32_t domid, uint32_t machine_sbdf, uint32_t flag)
{
    (void)xch;
    (void)flag;
    ck_assert_uint_eq(domid, DOMID);
    ck_assert_uint_eq(machine_sbdf, 0x180);
    xen.assigned = true;
    xen.assignments++;
    return 0;
}

int xc_deassign_device(xc_interface *xch, uint32_t domid, uint32_t machine_sbdf)
{
    (void)xch;
    (void)machine_sbdf;
    if (domid != DOMID || !xen.assigned)
        return answer(ENODEV);
    xen.assigned = false;
    return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned max_doms,
                      xc_dominfo_t *info)
{
    (void)xch;
    (void)max_doms;
    memset(info, 0, sizeof *info);
    info->domid = first_domid;
    info->hvm = xen.hvm;
    info->nr_pages = 0x1000;
    info->max_memkb = (unsigned long)(0x4000 + xen.limit_kb);
    return 1;
}

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned sop, unsigned *mb, unsigned mode)
{
    (void)xch;
    (void)mode;
    ck_assert_uint_eq(domid, DOMID);
    ck_assert_uint_eq(sop, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION);
    /* Asked before, the answer would be old by the time the device is assigned. */
    ck_assert(xen.assigned);
    *mb = xen.shadow_mb;
    return answer(xen.shadow_error);
}

int xc_domain_setmaxmem(xc_interface *xch, uint32_t domid, uint64_t max_memkb)
{
    (void)xch;
    (void)domid;
    xen.limit_kb = (long)max_memkb - 0x4000;
    return 0;
}

int xc_domain_populate_physmap_exact(xc_interface *xch, uint32_t domid, unsigned long nr_extents,
                                     unsigned extent_order, unsigned mem_flags,
                                     xen_pfn_t *extent_start)
{
    (void)xch;
    (void)domid;
    (void)extent_order;
    (void)mem_flags;
    xen.first_frame = *extent_start;
    xen.pages += (long)nr_extents;
    return 0;
}

int xc_domain_decrease_reservation_exact(xc_interface *xch, uint32_t domid,
                                         unsigned long nr_extents, unsigned extent_order,
                                         xen_pfn_t *extent_start)
{
    (void)xch;
    (void)domid;
    (void)extent_order;
    if (*extent_start < xen.first_frame + xen.given_up)
        return answer(EINVAL);
    xen.pages -= (long)nr_extents;
    return 0;
}

int xc_gnttab_get_version(xc_interface *xch, uint32_t domid)
{
    (void)xch;
    (void)domid;
    return 1;
}

int xc_gnttab_query_size(xc_interface *xch, struct gnttab_query_size *query)
{
    (void)xch;
    query->max_nr_frames = 64;
    return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(xentoollog_logger *logger, unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    return (xenforeignmemory_handle *)&handle;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    (void)fmem;
    return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[])
{
    (void)fmem;
    (void)dom;
    (void)prot;
    (void)arr;
    for (size_t i = 0; i < pages; i++)
        err[i] = i < xen.given_up ? -ENOENT : 0;
    return memory;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    (void)addr;
    (void)pages;
    return 0;
}

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *fmem,
                                                                domid_t domid, unsigned type,
                                                                unsigned id, unsigned long frame,
                                                                unsigned long nr_frames,
                                                                void **paddr, int prot, int flags)
{
    (void)fmem;
    (void)domid;
    (void)type;
    (void)id;
    (void)frame;
    (void)nr_frames;
    (void)prot;
    (void)flags;
    *paddr = memory;
    return (xenforeignmemory_resource_handle *)&handle;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem,
                                    xenforeignmemory_resource_handle *fres)
{
    (void)fmem;
    (void)fres;
    return 0;
}

static void opens_and_closes(void)
{
    struct why why;
    struct context *context = context_libxen.open("1-0", DOMID, "0000:01:10.0", PAGES, &why);

    ck_assert_ptr_nonnull(context);
    ck_assert(xen.assigned);
    ck_assert_int_eq(xen.pages, PAGES);
    ck_assert_int_eq(context->ops->close(context), 0);
    ck_assert(!xen.assigned);
    ck_assert_int_eq(xen.pages, 0);
    ck_assert_int_eq(xen.limit_kb, 0);
}

START_TEST(no_shadow_tables)
{
    memset(&xen, 0, sizeof xen);
    opens_and_closes();
}
END_TEST

START_TEST(xen_without_shadow_paging)
{
    memset(&xen, 0, sizeof xen);
    xen.shadow_error = EOPNOTSUPP;
    xen.shadow_mb = 9; /* what is left of an answer that failed */
    opens_and_closes();
}
END_TEST

static void is_refused(const char *words)
{
    struct why why;

    ck_assert_ptr_null(context_libxen.open("1-0", DOMID, "0000:01:10.0", PAGES, &why));
    ck_assert_msg(strstr(why.text, words) != NULL, "%s", why.text);
    ck_assert(!xen.assigned);
    ck_assert_int_eq(xen.limit_kb, 0);
}

/* Pages at a place that we think free would replace its own there. */
START_TEST(hvm_guests_have_a_memory_map)
{
    memset(&xen, 0, sizeof xen);
    xen.hvm = true;
    is_refused("only a PV guest's");
    ck_assert_uint_eq(xen.assignments, 0);
}
END_TEST

/* The guest owns the pages that are added to it. */
START_TEST(guest_that_gives_a_page_up)
{
    memset(&xen, 0, sizeof xen);
    xen.given_up = 2; /* the first of them */
    is_refused("has given up a page");
    ck_assert_int_eq(xen.pages, 2);
    xen.given_up = PAGES;
    xen.pages = 0;
    is_refused("has given up a page"); /* nor is its limit higher then */
}
END_TEST

START_TEST(pv_guest_that_is_migrated)
{
    struct why why;

    memset(&xen, 0, sizeof xen);
    xen.shadow_mb = 1;
    ck_assert_ptr_null(context_libxen.open("1-0", DOMID, "0000:01:10.0", PAGES, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "being migrated"));
    ck_assert_uint_eq(xen.assignments, 1);
    ck_assert(!xen.assigned);
    ck_assert_int_eq(xen.pages, 0);
    ck_assert_int_eq(xen.limit_kb, 0);
    /* It has left no record either, and once the migration is over the context is to be had. */
    xen.shadow_mb = 0;
    opens_and_closes();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libxen_context");
    TCase *test = tcase_create("who gets a context");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(test, no_shadow_tables);
    tcase_add_test(test, xen_without_shadow_paging);
    tcase_add_test(test, hvm_guests_have_a_memory_map);
    tcase_add_test(test, guest_that_gives_a_page_up);
    tcase_add_test(test, pv_guest_that_is_migrated);
    suite_add_tcase(suite, test);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
