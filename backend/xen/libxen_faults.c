/* SPDX-License-Identifier: MIT */
#include <xenctrl.h> /* first: it selects the tools' view of the public headers */

#include "xen/faults.h"

#include "common/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096u
/* A line that is longer is none of a fault. */
#define LINE_MAX_LENGTH 256u
/* Of one read: the log of a Xen that never stops talking must not hold the control thread. */
#define CHUNKS_MAX 64u

struct console {
    struct iommu_faults faults;
    xc_interface *xc;
    uint32_t index; /* where in Xen's log we are */
    char line[LINE_MAX_LENGTH];
    size_t length;
    char chunk[CHUNK];
};

/* What stands in front of the function's address. */
#define INTEL        "DMAR:"
#define INTEL_DEVICE " device ["
#define AMD          "IO_PAGE_FAULT: "

static bool copy_address(const char *text, char pci[FAULT_PCI_TEXT])
{
    size_t length = strspn(text, "0123456789abcdef:.");

    if (!length || length >= FAULT_PCI_TEXT)
        return false;
    memcpy(pci, text, length);
    pci[length] = '\0';
    return true;
}

bool iommu_fault_line(const char *line, char pci[FAULT_PCI_TEXT])
{
    const char *at;

    if (strncmp(line, "(XEN)", 5) != 0)
        return false;
    at = strstr(line, AMD);
    if (at)
        return copy_address(at + strlen(AMD), pci);
    at = strstr(line, INTEL);
    at = at ? strstr(at, INTEL_DEVICE) : NULL;
    return at && copy_address(at + strlen(INTEL_DEVICE), pci);
}

static int end_line(struct console *c, void (*each)(void *context, const char *pci), void *context)
{
    char pci[FAULT_PCI_TEXT];
    bool fault;

    c->line[c->length < LINE_MAX_LENGTH ? c->length : LINE_MAX_LENGTH - 1] = '\0';
    c->length = 0;
    fault = iommu_fault_line(c->line, pci);
    if (fault)
        each(context, pci);
    return fault;
}

static int take(struct console *c, unsigned count, void (*each)(void *context, const char *pci),
                void *context)
{
    int found = 0;

    for (unsigned i = 0; i < count; i++) {
        if (c->chunk[i] == '\n')
            found += end_line(c, each, context);
        else if (c->length < LINE_MAX_LENGTH)
            c->line[c->length++] = c->chunk[i];
    }
    return found;
}

static int read_console(struct iommu_faults *faults, void (*each)(void *context, const char *pci),
                        void *context)
{
    struct console *c = (struct console *)faults;
    unsigned count = CHUNK;
    int found = 0;

    for (unsigned i = 0; i < CHUNKS_MAX && count == CHUNK; i++) {
        if (xc_readconsolering(c->xc, c->chunk, &count, 0, 1, &c->index) < 0)
            return -1;
        found += take(c, count, each, context);
    }
    return found;
}

static void close_console(struct iommu_faults *faults)
{
    struct console *c = (struct console *)faults;

    xc_interface_close(c->xc);
    free(c);
}

static void ignore(void *context, const char *pci)
{
    (void)context;
    (void)pci;
}

struct iommu_faults *iommu_faults_open(struct why *why)
{
    struct console *c = calloc(1, sizeof *c);

    if (!c) {
        why_fail(why, "no memory");
        return NULL;
    }
    c->faults = (struct iommu_faults){.read = read_console, .close = close_console};
    c->xc = xc_interface_open(NULL, NULL, 0);
    if (c->xc && read_console(&c->faults, ignore, NULL) >= 0)
        return &c->faults;
    why_fail(why, "Xen's log cannot be read, so IOMMU faults are not counted: %s", strerror(errno));
    if (c->xc)
        xc_interface_close(c->xc);
    free(c);
    return NULL;
}
