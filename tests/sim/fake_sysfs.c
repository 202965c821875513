/* SPDX-License-Identifier: MIT */
#include "sim/fake_sysfs.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

const char *fake_sysfs_open(void)
{
    strcpy(root, "/tmp/netvf-sysfs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    return root;
}

static int drop(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void fake_sysfs_close(void)
{
    nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void whole(char path[512], const char *relative)
{
    snprintf(path, 512, "%s/%s", root, relative);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

void fake_sysfs_file(const char *relative, const char *value)
{
    char path[512];
    FILE *file;

    whole(path, relative);
    file = fopen(path, "w");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    fputs(value, file);
    fclose(file);
}

void fake_sysfs_link(const char *relative, const char *target)
{
    char path[512];

    whole(path, relative);
    unlink(path);
    ck_assert_int_eq(symlink(target, path), 0);
}

void fake_sysfs_remove(const char *relative)
{
    char path[512];

    whole(path, relative);
    nftw(path, drop, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fake_sysfs_read(const char *relative)
{
    static char text[256];
    char path[512];
    size_t length;
    FILE *file;

    whole(path, relative);
    file = fopen(path, "r");
    if (!file)
        return "";
    length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

const char *fake_sysfs_vf(unsigned index)
{
    static char pci[24];

    snprintf(pci, sizeof pci, "0000:01:%02x.%u", 0x10 + index / 4, index % 4 * 2);
    return pci;
}

void fake_sysfs_pf(const char *name, unsigned total, unsigned count)
{
    char path[256], target[128], number[16];

    snprintf(path, sizeof path, "class/net/%s/flags", name);
    fake_sysfs_file(path, "0x1003\n");
    snprintf(path, sizeof path, "class/net/%s/carrier", name);
    fake_sysfs_file(path, "1\n");
    snprintf(path, sizeof path, "class/net/%s/device", name);
    fake_sysfs_link(path, "../../../bus/pci/devices/0000:01:00.0");
    snprintf(number, sizeof number, "%u\n", total);
    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_totalvfs", number);
    snprintf(number, sizeof number, "%u\n", count);
    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_numvfs", number);
    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_offset", "128\n");
    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_stride", "2\n");
    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "1\n");
    fake_sysfs_link("bus/pci/devices/0000:01:00.0/driver", "../../drivers/igb");
    for (unsigned i = 0; i < total; i++) {
        snprintf(path, sizeof path, "bus/pci/devices/%s/config", fake_sysfs_vf(i));
        fake_sysfs_file(path, "");
        snprintf(path, sizeof path, "bus/pci/devices/0000:01:00.0/virtfn%u", i);
        snprintf(target, sizeof target, "../%s", fake_sysfs_vf(i));
        fake_sysfs_link(path, target);
    }
}

void fake_sysfs_driver(unsigned index, const char *driver)
{
    char path[256], target[128];

    snprintf(path, sizeof path, "bus/pci/devices/%s/driver", fake_sysfs_vf(index));
    if (!driver) {
        fake_sysfs_remove(path);
        return;
    }
    snprintf(target, sizeof target, "../../drivers/%s", driver);
    fake_sysfs_link(path, target);
}
