/* SPDX-License-Identifier: MIT */
/* A PCI function through sysfs: its config space and its registers, with no kernel driver bound. */
#ifndef NETVF_VF_PCI_H
#define NETVF_VF_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pci_function {
    int config; /* file descriptor of its config space, -1 when closed */
};

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY 0x0002u
#define PCI_COMMAND_MASTER 0x0004u

/* Opens config space for reading and writing. -1/errno. */
int pci_open(struct pci_function *function, const char *pci);
void pci_close(struct pci_function *function);

/* 16 bits of config space. -1/errno; ENODEV: the kernel has removed this function, and if there is one at the same
 * address it is another. A function that is gone, and the kernel does not know it, reads as all ones. */
int pci_read16(const struct pci_function *function, unsigned offset, uint16_t *value);
int pci_write16(const struct pci_function *function, unsigned offset, uint16_t value);

/* Offset of a capability, or 0. */
unsigned pci_capability(const struct pci_function *function, uint8_t id);

/* Maps region `bar` uncached. Reads give ones when the function has gone (bar_guard.h). NULL/errno; EBUSY: a kernel
 * driver holds it. */
void *pci_map(const char *pci, unsigned bar, size_t size);
void pci_unmap(void *map, size_t size);

/* Bus mastering off and no transaction under way any more: 0, or -1 if it cannot be proven within 100 ms. */
int pci_silence(const struct pci_function *function);

/* Vendor and device id as vendor << 16 | device, 0 if unknown. VFs do not carry them in config space; the kernel
 * knows them from the PF. */
uint32_t pci_id(const char *pci);

/* Whether the PF of the VF at `pci` is QEMU's model of one, by the subsystem ids that QEMU gives its devices. */
bool pci_emulated(const char *pci);
/* Whether its PF takes all frames, as a port of a bridge does. */
bool pci_pf_promiscuous(const char *pci);

/* Sleeps at least so long; for register waits that the datasheet gives in microseconds. */
void pci_wait_us(unsigned microseconds);

#endif
