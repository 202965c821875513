/* SPDX-License-Identifier: MIT */
/* IOMMU faults by Xen's log, which is in memory here (sim/fake_xen.h). */
#include <check.h>
#include <string.h>

#include "common/why.h"
#include "sim/fake_xen.h"
#include "unit/runner.h"
#include "xen/faults.h"

static struct why why;
static char seen[64];

static void note_fault(void *context, const char *pci)
{
    (void)context;
    strcat(strcat(seen, pci), " ");
}

/* Lines come in pieces, and old ones do not count. */
START_TEST(iommu_faults)
{
    static char log[20000] =
        "(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:01:10.6] fault addr 7e713000\n";
    struct iommu_faults *faults;

    fake_xen.console = log;
    faults = iommu_faults_open(&why);
    ck_assert_msg(faults != NULL, "%s", why.text);
    seen[0] = '\0';
    ck_assert_int_eq(faults->read(faults, note_fault, NULL), 0);
    strcat(log, "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:01:1");
    ck_assert_int_eq(faults->read(faults, note_fault, NULL), 0);
    strcat(log,
           "0.2] fault addr 7e713000\n(XEN) [VT-D]DMAR: reason 05 - PTE Write access is not set\n");
    ck_assert_int_eq(faults->read(faults, note_fault, NULL), 1);
    for (unsigned i = 0; i < 100; i++)
        strcat(log, "(XEN) a line of another kind, so many of them that several reads are needed "
                    "for all\n");
    memset(log + strlen(log), 'x', 1000); /* one without end */
    strcat(log,
           "\n(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:01:10.4 d1 addr 0000000000001000 flags 0x20 RW\n");
    ck_assert_int_eq(faults->read(faults, note_fault, NULL), 1);
    ck_assert_str_eq(seen, "0000:01:10.2 0000:01:10.4 ");
    fake_xen.fail_call = fake_xen.calls + 1;
    ck_assert_int_eq(faults->read(faults, note_fault, NULL), -1);
    faults->close(faults);
    for (unsigned call = 1; call <= 2; call++) {
        fake_xen.fail_call = fake_xen.calls + call;
        ck_assert_ptr_null(iommu_faults_open(&why));
    }
    fake_xen_expect_nothing_left();
}
END_TEST

/* What a guest writes to Xen's console has its number in front. */
START_TEST(lines_that_are_no_fault)
{
    static const char *const lines[] = {
        "",
        "(XEN)",
        "(d3) [VT-D]DMAR:[DMA Write] Request device [0000:01:10.0] fault addr 7e713000",
        "(d3) (XEN) AMD-Vi: IO_PAGE_FAULT: 0000:01:10.4 d1 addr 0",
        "(XEN) [VT-D]DMAR: reason 05 - PTE Write access is not set",
        "(XEN) [VT-D]DMAR:[DMA Write] Request device []",
        "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:01:10.0000000000000000000]",
        "(XEN) AMD-Vi: IO_PAGE_FAULT: ",
        "(XEN) Request device [0000:01:10.0] fault addr 7e713000",
    };
    char pci[FAULT_PCI_TEXT];

    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_msg(!iommu_fault_line(lines[i], pci), "%s", lines[i]);
    ck_assert(iommu_fault_line("(XEN) [2026-11-25 10:00:00] [VT-D]DMAR:[DMA Read] Request device "
                               "[0000:81:10.7] fault addr 0",
                               pci));
    ck_assert_str_eq(pci, "0000:81:10.7");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libxen_faults");
    TCase *tc = tcase_create("libxen_faults");

    tcase_add_checked_fixture(tc, fake_xen_open, NULL);
    tcase_add_test(tc, iommu_faults);
    tcase_add_test(tc, lines_that_are_no_fault);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
