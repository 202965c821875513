/* SPDX-License-Identifier: MIT */
/* PCI functions by their files in sysfs: config space, registers, capabilities, and what proves a VF quiet. The files
 * lie in the build tree, with nothing behind them: a bit stays as it is written. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/why.h"
#include "unit/runner.h"
#include "vf/igbvf_regs.h"
#include "vf/pci.h"
#include "vf/pf.h"
#include "vf/vf.h"

#define VF      "0000:01:10.0"
#define DEVICE  PF_SYSFS "/bus/pci/devices/" VF
#define EXPRESS 0xa0u /* where its capability is */
#define PENDING 0x20u /* in that one's device status (PCI Express 2.0, 7.8.5) */

static struct why why;

static void file(const char *path, const void *bytes, size_t size)
{
    char whole[256];
    int fd;

    snprintf(whole, sizeof whole, "%s", path);
    for (char *slash = whole; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        ck_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void text(const char *path, const char *line)
{
    file(path, line, strlen(line));
}

/* MSI-X at 0x70, then PCI Express at 0xa0. */
static void config(bool express, bool pending)
{
    uint8_t bytes[256] = {0};

    bytes[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x70;
    bytes[0x70] = 0x11;
    bytes[0x71] = express ? EXPRESS : 0;
    bytes[EXPRESS] = 0x10;
    bytes[EXPRESS + 0x0a] = pending ? PENDING : 0;
    file(DEVICE "/config", bytes, sizeof bytes);
}

static int drop(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void clean(void)
{
    nftw(PF_SYSFS, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void setup(void)
{
    static const uint8_t registers[IGBVF_BAR_SIZE];

    clean();
    config(true, false);
    file(DEVICE "/resource0", registers, sizeof registers);
    text(DEVICE "/vendor", "0x8086\n");
    text(DEVICE "/device", "0x10ca\n");
}

static unsigned command(void)
{
    struct pci_function function;
    uint16_t value;

    ck_assert_int_eq(pci_open(&function, VF), 0);
    ck_assert_int_eq(pci_read16(&function, PCI_COMMAND, &value), 0);
    pci_close(&function);
    return value;
}

START_TEST(capabilities)
{
    struct pci_function function;

    ck_assert_int_eq(pci_open(&function, VF), 0);
    ck_assert_uint_eq(pci_capability(&function, 0x11), 0x70);
    ck_assert_uint_eq(pci_capability(&function, 0x10), EXPRESS);
    ck_assert_uint_eq(pci_capability(&function, 0x05), 0);
    /* A list that bites its tail ends all the same. */
    ck_assert_int_eq(pci_write16(&function, EXPRESS, 0x7010), 0);
    ck_assert_uint_eq(pci_capability(&function, 0x05), 0);
    /* No list. */
    ck_assert_int_eq(pci_write16(&function, 0x06, 0), 0);
    ck_assert_uint_eq(pci_capability(&function, 0x11), 0);
    pci_close(&function);
    pci_close(&function);
}
END_TEST

START_TEST(behind_the_end)
{
    struct pci_function function;
    uint16_t value;

    ck_assert_int_eq(pci_open(&function, VF), 0);
    ck_assert_int_eq(pci_read16(&function, 256, &value), -1);
    ck_assert_int_eq(errno, EIO);
    pci_close(&function);
    ck_assert_int_eq(pci_read16(&function, 0, &value), -1);
    ck_assert_int_eq(pci_write16(&function, 0, 0), -1);
    ck_assert_int_eq(pci_silence(&function), -1);
    ck_assert_uint_eq(pci_capability(&function, 0x11), 0);
    ck_assert_int_eq(pci_open(&function, "0000:01:11.0"), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(quiet)
{
    ck_assert_int_eq(vf_quiesce(""), 0); /* a vif that waited for a VF */
    ck_assert_int_eq(vf_quiesce(VF), 0);
    ck_assert_uint_eq(command(), PCI_COMMAND_MEMORY);
}
END_TEST

/* A transaction that does not end, and a function that cannot say: bus mastering is off, and nothing is proven. */
START_TEST(not_proven_quiet)
{
    config(true, true);
    ck_assert_int_eq(vf_quiesce(VF), -1);
    ck_assert_int_eq(errno, ETIMEDOUT);
    ck_assert_uint_eq(command(), PCI_COMMAND_MEMORY);
    config(false, false);
    ck_assert_int_eq(vf_quiesce(VF), -1);
    ck_assert_int_eq(errno, ENODEV);
    ck_assert_uint_eq(command(), PCI_COMMAND_MEMORY);
}
END_TEST

START_TEST(gone_with_its_pf)
{
    clean();
    text(PF_SYSFS "/bus/pci/devices/0000:02:00.0/vendor", "0x8086\n");
    ck_assert_int_eq(vf_quiesce(VF), 0);
}
END_TEST

START_TEST(ids)
{
    ck_assert_uint_eq(pci_id(VF), 0x808610ca);
    ck_assert_uint_eq(pci_id("0000:01:11.0"), 0);
    ck_assert(!pci_emulated(VF));
    text(DEVICE "/physfn/subsystem_vendor", "0x1af4\n");
    text(DEVICE "/physfn/subsystem_device", "0x1100\n");
    ck_assert(pci_emulated(VF));
}
END_TEST

START_TEST(promiscuous_pf)
{
    ck_assert(!pci_pf_promiscuous(VF));
    text(DEVICE "/physfn/net/eth0/flags", "0x1003\n");
    ck_assert(!pci_pf_promiscuous(VF));
    text(DEVICE "/physfn/net/eth0/flags", "0x1103\n");
    ck_assert(pci_pf_promiscuous(VF));
}
END_TEST

/* The driver goes by the id; bus mastering is off until a session starts, and when it is closed. */
START_TEST(open_and_close)
{
    struct vf *vf = vf_open(VF, &why);

    ck_assert_msg(vf != NULL, "%s", why.text);
    ck_assert_str_eq(vf->ops->family, "igbvf");
    ck_assert_uint_eq(vf->queues, 2);
    ck_assert_uint_eq(command(), PCI_COMMAND_MEMORY);
    vf->ops->close(vf);
    text(DEVICE "/device", "0x1520\n");
    vf = vf_open(VF, &why);
    ck_assert_msg(vf != NULL, "%s", why.text);
    ck_assert_uint_eq(vf->queues, 1);
    vf->ops->close(vf);
}
END_TEST

START_TEST(not_opened)
{
    text(DEVICE "/device", "0x1234\n");
    ck_assert_ptr_null(vf_open(VF, &why));
    ck_assert_int_eq(errno, ENOTSUP);
    ck_assert_ptr_nonnull(strstr(why.text, "8086:1234"));
    text(DEVICE "/device", "0x10ca\n");
    unlink(DEVICE "/resource0");
    ck_assert_ptr_null(vf_open(VF, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "registers"));
    unlink(DEVICE "/config");
    ck_assert_ptr_null(vf_open(VF, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "cannot open"));
    text(DEVICE "/driver", "");
    ck_assert_ptr_null(vf_open(VF, &why));
    ck_assert_int_eq(errno, EBUSY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pci");
    TCase *test = tcase_create("pci");

    tcase_add_checked_fixture(test, setup, clean);
    tcase_add_test(test, capabilities);
    tcase_add_test(test, behind_the_end);
    tcase_add_test(test, quiet);
    tcase_add_test(test, not_proven_quiet);
    tcase_add_test(test, gone_with_its_pf);
    tcase_add_test(test, ids);
    tcase_add_test(test, promiscuous_pf);
    tcase_add_test(test, open_and_close);
    tcase_add_test(test, not_opened);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
