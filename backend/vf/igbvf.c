/* SPDX-License-Identifier: MIT */
/* The igbvf driver's control half: reset, bring-up, stop. Register names and section numbers: igbvf_regs.h. */
#include "vf/igbvf.h"

#include "common/log.h"
#include "common/why.h"
#include "vf/igbvf_private.h"
#include "xen/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Fewest microseconds between two interrupts: what is saved in events costs this much latency at most. */
#define INTERRUPT_INTERVAL_US 100u

static const unsigned counter_registers[4] = {VFGPTC, VFGOTC, VFGPRC, VFGORC};

static int igbvf_reset(struct vf *vf, uint8_t mac[6], struct why *why)
{
    struct igbvf *v = igbvf(vf);
    uint32_t words[3] = {VF_RESET};

    if (reg_read(v, STATUS) == ~0u) {
        errno = ENODEV;
        return why_fail(why, "VF %s does not answer; is it still there?", vf->pci);
    }
    reg_write(v, EIMC, VECTORS_ALL);
    reg_write(v, CTRL, CTRL_RST);
    /* The PF's driver takes note of the reset and says so; an emulated VF may say nothing, so this wait is short and
     * its outcome is left to the message. */
    for (unsigned i = 0; i < 20 && !(igbvf_mailbox(v) & (MBX_RSTD | MBX_RSTI)); i++)
        pci_wait_us(500);
    v->mailbox_seen = 0;
    if (igbvf_call(v, words, 1, 3) < 0)
        return why_fail(why,
                        "VF %s: the PF's driver does not answer its reset; is the PF up (ip link "
                        "set PF up)?",
                        vf->pci);
    if (MSG_ID(words[0]) != VF_RESET || !(words[0] & MSG_ACK)) {
        errno = EACCES;
        return why_fail(
            why, "VF %s: the PF's driver has no address for it; set one (ip link set PF vf N mac)",
            vf->pci);
    }
    memcpy(mac, &words[1], 6);
    memcpy(v->mac, mac, 6);
    /* The counters run on from one user of the VF to the next. */
    for (unsigned i = 0; i < 4; i++)
        v->last_counter[i] = reg_read(v, counter_registers[i]);
    return 0;
}

/* Queue off, and seen to be off. */
static int queue_off(struct igbvf *v, unsigned control)
{
    reg_write(v, control, 0);
    reg_read(v, STATUS); /* flush */
    pci_wait_us(10000);
    return reg_read(v, control) & DCTL_ENABLE ? -1 : 0;
}

/* Order of 4.5.9: off, base and length, head and tail 0, on. */
static void start_tx(struct igbvf *v)
{
    queue_off(v, TXDCTL);
    reg_write(v, TDLEN, RING_SIZE * sizeof(struct igbvf_desc));
    reg_write(v, TDBAL, (uint32_t)v->tx.dma);
    reg_write(v, TDBAH, (uint32_t)(v->tx.dma >> 32));
    reg_write(v, TDH, 0);
    reg_write(v, TDT, 0);
    /* Write-backs in order with the data they stand for. */
    reg_write(v, TXCTL, reg_read(v, TXCTL) & ~TXCTL_WB_RELAXED);
    reg_write(v, TXDCTL, DCTL_ENABLE | DCTL_THRESHOLDS(8, 1, 1));
}

static void start_rx(struct igbvf *v)
{
    queue_off(v, RXDCTL);
    reg_write(v, RDLEN, RING_SIZE * sizeof(struct igbvf_desc));
    reg_write(v, RDBAL, (uint32_t)v->rx.dma);
    reg_write(v, RDBAH, (uint32_t)(v->rx.dma >> 32));
    reg_write(v, RDH, 0);
    reg_write(v, RDT, 0);
    /* DROP_EN: a guest that posts no buffers must not hold up the port for the others (7.1.4.6). */
    reg_write(v, SRRCTL,
              SRRCTL_KIB(vf_rx_buffer(&v->vf) / 1024) | SRRCTL_ONE_BUFFER | SRRCTL_DROP_EN);
    reg_write(v, RXDCTL, DCTL_ENABLE | DCTL_THRESHOLDS(8, 8, 1));
    /* RDT follows with the first buffers: a tail written before the queue is on is lost. */
}

/* Vector 0 for the receive queue only. Sent frames are reaped whenever the worker is awake, and on a short timer
 * while some are outstanding: an interrupt for each would tell it nothing it waits for. */
static void start_interrupts(struct igbvf *v)
{
    reg_write(v, IVAR0, IVAR_VALID);
    reg_write(v, EITR(0), EITR_US(INTERRUPT_INTERVAL_US));
    reg_write(v, EIAC, VECTORS_ALL); /* the cause clears itself, and ... */
    reg_write(v, EIAM, VECTORS_ALL); /* ... the vector masks itself until it is armed again */
}

static int igbvf_start(struct vf *vf, const struct dma_page *ring_pages, bool interrupts,
                       struct why *why)
{
    struct igbvf *v = igbvf(vf);

    memset(&v->tx, 0, sizeof v->tx);
    memset(&v->rx, 0, sizeof v->rx);
    v->tx.ring = ring_pages[0].va;
    v->tx.dma = ring_pages[0].dma;
    v->rx.ring = ring_pages[1].va;
    v->rx.dma = ring_pages[1].dma;
    v->interrupts = interrupts;
    if (igbvf_set_frame_max(v, why) < 0)
        return -1;
    if (pci_write16(&v->function, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER) < 0)
        return why_fail(why, "VF %s: cannot turn on bus mastering: %s", vf->pci, strerror(errno));
    reg_write(v, EIMC, VECTORS_ALL);
    start_tx(v);
    start_rx(v);
    if (interrupts)
        start_interrupts(v);
    return 0;
}

static int igbvf_stop(struct vf *vf)
{
    struct igbvf *v = igbvf(vf);

    reg_write(v, EIMC, VECTORS_ALL);
    /* A queue that does not go off is no reason to go on: bus mastering is the stronger switch, and the one whose
     * effect can be proven. */
    if (queue_off(v, TXDCTL) < 0 || queue_off(v, RXDCTL) < 0)
        log_warn("VF %s: a queue does not go off; turning off its bus mastering", vf->pci);
    return pci_silence(&v->function);
}

static bool igbvf_link_up(struct vf *vf)
{
    uint32_t status = reg_read(igbvf(vf), STATUS);

    return status != ~0u && (status & STATUS_LU);
}

static void igbvf_arm(struct vf *vf)
{
    struct igbvf *v = igbvf(vf);

    if (v->interrupts)
        reg_write(v, EIMS, 1);
}

static void igbvf_count(struct vf *vf, struct vf_counters *counters)
{
    struct igbvf *v = igbvf(vf);
    uint64_t *totals[4] = {&v->counted.tx_packets, &v->counted.tx_bytes, &v->counted.rx_packets,
                           &v->counted.rx_bytes};

    for (unsigned i = 0; i < 4; i++) {
        uint32_t now = reg_read(v, counter_registers[i]);

        *totals[i] += (uint32_t)(now - v->last_counter[i]);
        v->last_counter[i] = now;
    }
    *counters = v->counted;
    counters->doorbells = vf->doorbells;
}

static void igbvf_close(struct vf *vf)
{
    struct igbvf *v = igbvf(vf);

    if (v->bar) {
        reg_write(v, EIMC, VECTORS_ALL);
        reg_write(v, CTRL, CTRL_RST); /* the PF's driver forgets what the VF had been given */
        munmap((void *)v->bar, IGBVF_BAR_SIZE);
    }
    pci_silence(&v->function);
    pci_close(&v->function);
    free(v);
}

static const struct vf_ops igbvf_ops = {
    .family = "igbvf",
    .offloads =
        {
            .csum_ipv4 = true,
            .csum_ipv6 = true,
            .tso_ipv4 = true,
            .tso_ipv6 = true,
            .mac_len_max = TXC_MACLEN_MAX,
            .ip_len_max = TXC_IPLEN_MAX,
        },
    .reset = igbvf_reset,
    .start = igbvf_start,
    .stop = igbvf_stop,
    .set_multicast = igbvf_set_multicast,
    .link_up = igbvf_link_up,
    .close = igbvf_close,
    .tx_room = igbvf_tx_room,
    .tx_post = igbvf_tx_post,
    .tx_doorbell = igbvf_tx_doorbell,
    .tx_reap = igbvf_tx_reap,
    .rx_room = igbvf_rx_room,
    .rx_post = igbvf_rx_post,
    .rx_reap = igbvf_rx_reap,
    .arm = igbvf_arm,
    .count = igbvf_count,
};

/* MSI-X on, so that Xen can send the vectors it is asked for; entries are masked until then (PCI 6.8.2.3). */
static void enable_msix(const struct pci_function *function)
{
    unsigned msix = pci_capability(function, 0x11);
    uint16_t control;

    if (msix && pci_read16(function, msix + 2, &control) == 0)
        pci_write16(function, msix + 2, control | 0x8000);
}

struct vf *igbvf_open(const char *pci, struct why *why)
{
    struct igbvf *v = calloc(1, sizeof *v);

    if (!v) {
        why_fail(why, "no memory for VF %s", pci);
        return NULL;
    }
    v->vf.ops = &igbvf_ops;
    snprintf(v->vf.pci, sizeof v->vf.pci, "%s", pci);
    if (pci_open(&v->function, pci) < 0) {
        why_fail(why, "cannot open VF %s: %s", pci, strerror(errno));
        goto fail;
    }
    /* Memory decoding belongs to the PF on silicon and ignores this; QEMU maps a VF's registers only after it. Bus
     * mastering stays off until the rings are there. */
    if (pci_write16(&v->function, PCI_COMMAND, PCI_COMMAND_MEMORY) < 0) {
        why_fail(why, "cannot write to VF %s: %s", pci, strerror(errno));
        goto fail;
    }
    enable_msix(&v->function);
    v->emulated = pci_emulated(pci);
    v->bar = pci_map(pci, 0, IGBVF_BAR_SIZE);
    if (!v->bar) {
        why_fail(why, "cannot map the registers of VF %s: %s", pci, strerror(errno));
        goto fail;
    }
    return &v->vf;

fail:
    pci_close(&v->function);
    free(v);
    return NULL;
}
