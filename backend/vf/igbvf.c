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

/* Fewest microseconds between two interrupts: what is saved in events costs this much latency at most. */
#define INTERRUPT_INTERVAL_US 100u

/* The function that was opened, and not another one that has come to the same address since: only its own config
 * space can tell, as the mapped registers may be those of either. */
static bool present(const struct igbvf *v, uint16_t *command)
{
    return pci_read16(&v->function, PCI_COMMAND, command) == 0 && *command != 0xffff &&
           reg_read(v, STATUS) != ~0u;
}

static const unsigned counter_registers[4] = {VFGPTC, VFGOTC, VFGPRC, VFGORC};

/* MSI-X on, so that Xen can send the vectors it is asked for; entries are masked until then (PCI 6.8.2.3). */
static void enable_msix(const struct pci_function *function)
{
    unsigned msix = pci_capability(function, 0x11);
    uint16_t control;

    if (msix && pci_read16(function, msix + 2, &control) == 0)
        pci_write16(function, msix + 2, control | 0x8000);
}

static int igbvf_reset(struct vf *vf, uint8_t mac[6], struct why *why)
{
    struct igbvf *v = igbvf(vf);
    uint32_t words[3] = {VF_RESET};
    uint16_t command;

    if (!present(v, &command)) {
        errno = ENODEV;
        return why_fail(why, "VF %s does not answer; is it still there?", vf->pci);
    }
    enable_msix(&v->function); /* a function-level reset has turned it off */
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
    if (igbvf_set_trunk(v, why) < 0)
        return -1;
    /* The counters run on from one user of the VF to the next. */
    for (unsigned i = 0; i < 4; i++)
        v->last_counter[i] = reg_read(v, counter_registers[i]);
    return 0;
}

/* Every queue off, and seen to be off: also those that no session of ours has used. */
static int queues_off(struct igbvf *v)
{
    int rc = 0;

    for (unsigned i = 0; i < v->vf.queues; i++) {
        queue_write(&v->queues[i], TXDCTL, 0);
        queue_write(&v->queues[i], RXDCTL, 0);
    }
    reg_read(v, STATUS); /* flush */
    pci_wait_us(10000);
    for (unsigned i = 0; i < v->vf.queues; i++)
        if ((queue_read(&v->queues[i], TXDCTL) | queue_read(&v->queues[i], RXDCTL)) & DCTL_ENABLE)
            rc = -1;
    return rc;
}

/* Order of 4.5.9: off (queues_off), base and length, head and tail 0, on. */
static void start_tx(struct igbvf_queue *q)
{
    queue_write(q, TDLEN, RING_SIZE * sizeof(struct igbvf_desc));
    queue_write(q, TDBAL, (uint32_t)q->tx.dma);
    queue_write(q, TDBAH, (uint32_t)(q->tx.dma >> 32));
    queue_write(q, TDH, 0);
    queue_write(q, TDT, 0);
    /* Write-backs in order with the data they stand for. */
    queue_write(q, TXCTL, queue_read(q, TXCTL) & ~TXCTL_WB_RELAXED);
    queue_write(q, TXDCTL, DCTL_ENABLE | DCTL_THRESHOLDS(8, 1, 1));
}

static void start_rx(struct igbvf_queue *q)
{
    queue_write(q, RDLEN, RING_SIZE * sizeof(struct igbvf_desc));
    queue_write(q, RDBAL, (uint32_t)q->rx.dma);
    queue_write(q, RDBAH, (uint32_t)(q->rx.dma >> 32));
    queue_write(q, RDH, 0);
    queue_write(q, RDT, 0);
    /* DROP_EN: a guest that posts no buffers must not hold up the port for the others (7.1.4.6). */
    queue_write(q, SRRCTL,
                SRRCTL_KIB(vf_rx_buffer(q->queue.vf) / 1024) | SRRCTL_ONE_BUFFER | SRRCTL_DROP_EN);
    queue_write(q, RXDCTL, DCTL_ENABLE | DCTL_THRESHOLDS(8, 8, 1));
    /* RDT follows with the first buffers: a tail written before the queue is on is lost. */
}

/* Vector n for receive queue n, none for the send queues. Sent frames are reaped whenever the worker is awake, and on
 * a short timer while some are outstanding: an interrupt for each would tell it nothing it waits for. */
static void start_interrupts(struct igbvf *v, const struct vf_queue_setup *queues, unsigned count)
{
    uint32_t ivar = 0;

    for (unsigned i = 0; i < count && i < VF_QUEUES_MAX; i++) {
        if (!queues[i].interrupts)
            continue;
        ivar |= IVAR_RX(i, i);
        reg_write(v, EITR(i), EITR_US(INTERRUPT_INTERVAL_US));
        v->queues[i].vector_bit = 1u << i;
        v->queues[i].eims = (volatile uint32_t *)(v->bar + EIMS);
    }
    reg_write(v, IVAR0, ivar);
    reg_write(v, EIAC, VECTORS_ALL); /* the cause clears itself, and ... */
    reg_write(v, EIAM, VECTORS_ALL); /* ... the vector masks itself until it is armed again */
}

static void set_up_queue(struct igbvf *v, unsigned index, struct vf_queue_setup *setup)
{
    struct igbvf_queue *q = &v->queues[index];

    *q = (struct igbvf_queue){.queue = {.ops = &igbvf_queue_ops, .vf = &v->vf},
                              .registers = q->registers};
    q->tx.ring = setup->ring_pages[0].va;
    q->tx.dma = setup->ring_pages[0].dma;
    q->rx.ring = setup->ring_pages[1].va;
    q->rx.dma = setup->ring_pages[1].dma;
    q->rx.swaps = v->i350 ? RXD_LB : 0;
    setup->queue = &q->queue;
}

static int igbvf_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                       struct why *why)
{
    struct igbvf *v = igbvf(vf);

    if (!count || count > vf->queues) {
        errno = EINVAL;
        return why_fail(why, "VF %s has %u queue pairs, not %u", vf->pci, vf->queues, count);
    }
    for (unsigned i = 0; i < count; i++)
        set_up_queue(v, i, &queues[i]);
    if (igbvf_set_frame_max(v, why) < 0)
        return -1;
    v->mailbox_seen &= ~MBX_RSTD; /* what was reset before the handshake is of no interest */
    if (pci_write16(&v->function, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER) < 0)
        return why_fail(why, "VF %s: cannot turn on bus mastering: %s", vf->pci, strerror(errno));
    reg_write(v, EIMC, VECTORS_ALL);
    queues_off(v);
    start_interrupts(v, queues, count);
    for (unsigned i = 0; i < count; i++) {
        start_tx(&v->queues[i]);
        start_rx(&v->queues[i]);
    }
    return 0;
}

static int igbvf_stop(struct vf *vf)
{
    struct igbvf *v = igbvf(vf);
    uint16_t command;

    if (!present(v, &command))
        return vf_quiesce(vf->pci); /* gone for good, or come back and ours to stop as it is now */
    reg_write(v, EIMC, VECTORS_ALL);
    /* A queue that does not go off is no reason to go on: bus mastering is the stronger switch, and the one whose
     * effect can be proven. */
    if (queues_off(v) < 0)
        log_warn("VF %s: a queue does not go off; turning off its bus mastering", vf->pci);
    return pci_silence(&v->function);
}

/* Takes a message that the PF has sent by itself: igb pings its VFs after a change of its link and after a reset of its
 * own; after the latter without CTS, as it has forgotten them. */
static bool forgotten(struct igbvf *v)
{
    uint32_t word;

    reg_write(v, V2PMAILBOX, MBX_VFU);
    if (!(igbvf_mailbox(v) & MBX_VFU))
        return false; /* the PF is writing: PFSTS is remembered until the next look */
    v->mailbox_seen &= ~MBX_PFSTS;
    word = reg_read(v, VMBMEM);
    reg_write(v, V2PMAILBOX, MBX_ACK); /* releases VFU too */
    return !(word & MSG_CTS);
}

/* RSTI is there while the PF is in reset, which it is as long as its interface is down; RSTD once after each reset
 * (8.14.2). Either means that the PF knows nothing of this VF any more. */
static int igbvf_check(struct vf *vf, struct why *why)
{
    struct igbvf *v = igbvf(vf);
    uint16_t command;
    uint32_t seen;

    errno = ENODEV;
    if (!present(v, &command))
        return why_fail(why, "VF %s is gone from the bus", vf->pci);
    seen = igbvf_mailbox(v);
    v->mailbox_seen &= ~MBX_RSTD;
    errno = ECONNRESET;
    if ((seen & (MBX_RSTI | MBX_RSTD)) || ((seen & MBX_PFSTS) && forgotten(v)))
        return why_fail(why, "the PF of VF %s was reset", vf->pci);
    if (!(command & PCI_COMMAND_MASTER) || !(reg_read(v, RXDCTL) & DCTL_ENABLE))
        return why_fail(why, "VF %s was reset by somebody else", vf->pci);
    return 0;
}

static bool igbvf_link_up(struct vf *vf)
{
    uint32_t status = reg_read(igbvf(vf), STATUS);

    return status != ~0u && (status & STATUS_LU);
}

static void igbvf_count(struct vf *vf, struct vf_counters *counters)
{
    struct igbvf *v = igbvf(vf);
    bool there = reg_read(v, STATUS) != ~0u; /* else the counters are no counters */
    uint64_t *totals[4] = {&v->counted.tx_packets, &v->counted.tx_bytes, &v->counted.rx_packets,
                           &v->counted.rx_bytes};

    for (unsigned i = 0; there && i < 4; i++) {
        uint32_t now = reg_read(v, counter_registers[i]);

        *totals[i] += (uint32_t)(now - v->last_counter[i]);
        v->last_counter[i] = now;
    }
    *counters = v->counted;
}

static void igbvf_close(struct vf *vf)
{
    struct igbvf *v = igbvf(vf);
    uint16_t command;

    if (present(v, &command)) {
        reg_write(v, EIMC, VECTORS_ALL);
        reg_write(v, CTRL, CTRL_RST); /* the PF's driver forgets what the VF had been given */
    }
    pci_unmap((void *)v->bar, IGBVF_BAR_SIZE);
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
    .check = igbvf_check,
    .set_multicast = igbvf_set_multicast,
    .link_up = igbvf_link_up,
    .close = igbvf_close,
    .count = igbvf_count,
};

struct vf *igbvf_open(const char *pci, unsigned queues, struct why *why)
{
    struct igbvf *v = aligned_alloc(_Alignof(struct igbvf), sizeof *v);

    if (!v) {
        why_fail(why, "no memory for VF %s", pci);
        return NULL;
    }
    memset(v, 0, sizeof *v);
    v->vf.ops = &igbvf_ops;
    v->vf.queues = queues;
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
    v->emulated = pci_emulated(pci);
    v->i350 = pci_id(pci) == I350_VF;
    v->bar = pci_map(pci, 0, IGBVF_BAR_SIZE);
    if (!v->bar) {
        why_fail(why, "cannot map the registers of VF %s: %s", pci, strerror(errno));
        goto fail;
    }
    for (unsigned i = 0; i < queues; i++)
        v->queues[i].registers = v->bar + i * QUEUE_STRIDE;
    return &v->vf;

fail:
    pci_close(&v->function);
    free(v);
    return NULL;
}
