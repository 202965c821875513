/* SPDX-License-Identifier: MIT */
/* The igbvf driver's messages to the PF's driver: 8.14.2 for the mailbox, Linux' igb (igb_main.c, e1000_mbx.h) for
 * what can be said in it. Control thread only. */
#include "vf/igbvf_private.h"

#include "common/why.h"

#include <errno.h>
#include <string.h>

/* Three of V2PMAILBOX's bits clear when read, so every read is remembered: an ACK seen while looking for something
 * else must not be lost. */
uint32_t igbvf_mailbox(struct igbvf *v)
{
    uint32_t value = reg_read(v, V2PMAILBOX);

    v->mailbox_seen |= value & MBX_CLEARING;
    return value | v->mailbox_seen;
}

static int mailbox_wait(struct igbvf *v, uint32_t bit, unsigned limit_ms)
{
    for (unsigned i = 0; i < 2 * limit_ms; i++) {
        if (igbvf_mailbox(v) & bit) {
            v->mailbox_seen &= ~bit;
            return 0;
        }
        pci_wait_us(500);
    }
    errno = ETIMEDOUT;
    return -1;
}

static int mailbox_take(struct igbvf *v)
{
    for (unsigned i = 0; i < 200; i++) {
        reg_write(v, V2PMAILBOX, MBX_VFU);
        if (igbvf_mailbox(v) & MBX_VFU)
            return 0;
        pci_wait_us(500);
    }
    errno = EBUSY;
    return -1;
}

int igbvf_call(struct igbvf *v, uint32_t *words, unsigned send, unsigned receive)
{
    if (mailbox_take(v) < 0)
        return -1;
    v->mailbox_seen &= ~(MBX_PFSTS | MBX_PFACK); /* answers to something older */
    for (unsigned i = 0; i < send; i++)
        reg_write(v, VMBMEM + 4 * i, words[i]);
    reg_write(v, V2PMAILBOX, MBX_REQ); /* releases VFU too */
    if (mailbox_wait(v, MBX_PFACK, 1000) < 0 || mailbox_wait(v, MBX_PFSTS, 1000) < 0 ||
        mailbox_take(v) < 0)
        return -1;
    for (unsigned i = 0; i < receive; i++)
        words[i] = reg_read(v, VMBMEM + 4 * i);
    reg_write(v, V2PMAILBOX, MBX_ACK);
    return 0;
}

/* A request that is answered with yes or no. -1/EACCES: no. */
static int ask(struct igbvf *v, uint32_t *words, unsigned send)
{
    uint32_t id = MSG_ID(words[0]);

    if (igbvf_call(v, words, send, 1) < 0)
        return -1;
    if (MSG_ID(words[0]) == id && (words[0] & MSG_ACK))
        return 0;
    errno = EACCES;
    return -1;
}

static int add_vlan(struct igbvf *v, uint16_t vlan)
{
    uint32_t words[2] = {VF_SET_VLAN | MSG_INFO(1), vlan};

    return ask(v, words, 2);
}

/* With each VLAN igb has the VF's frames stripped of their tags, and with VLAN 0 no more (igb_set_vf_vlan_strip, since
 * Linux 4.5): so that comes last. Frames to groups lose their tags all the same (RPLOLR.STRVLAN); and with a driver
 * that does otherwise all do, which costs two calls for a batch. VLAN 0 takes no filter: the PF is in it. */
static int keep_tags(struct igbvf *v)
{
    return add_vlan(v, 0) == 0 || errno == EACCES ? 0 : -1;
}

/* igb refuses if all filters are taken; or if the VF has a port VLAN, which netvfd does not set beside a trunk. */
int igbvf_set_trunk(struct igbvf *v, struct why *why)
{
    const struct vf_trunk *trunk = &v->vf.trunk;
    int rc = 0;

    for (unsigned i = 0; !rc && i < trunk->count; i++) {
        rc = add_vlan(v, trunk->vlans[i]);
        if (!rc || errno != EACCES)
            continue;
        errno = ENOSPC;
        return why_fail(why,
                        "the PF's driver refuses VLAN %u to VF %s; its 32 filters are for all VFs "
                        "together, so list fewer different VLANs in bridge= of the vifs on this PF",
                        trunk->vlans[i], v->vf.pci);
    }
    if (!rc && trunk->count)
        rc = keep_tags(v);
    return rc ? why_fail(why, "VF %s: the PF's driver does not answer when told of its VLANs",
                         v->vf.pci)
              : 0;
}

int igbvf_set_frame_max(struct igbvf *v, struct why *why)
{
    uint32_t words[2] = {VF_SET_LPE, vf_frame_max(&v->vf)};

    if (ask(v, words, 2) == 0)
        return 0;
    errno = EIO;
    return why_fail(why, "VF %s: the PF's driver refuses frames of %u bytes", v->vf.pci,
                    vf_frame_max(&v->vf));
}

/* 12 bits of the address, as the multicast table array is indexed with RCTL.MO = 0 (8.10.1), which is igb's choice. */
uint16_t igbvf_hash(const uint8_t address[6])
{
    return (uint16_t)((address[4] >> 4 | address[5] << 4) & 0xfff);
}

unsigned igbvf_multicast_message(const struct vf_multicast *list, uint32_t words[MBX_WORDS])
{
    memset(words, 0, MBX_WORDS * sizeof *words);
    words[0] = VF_SET_MULTICAST | MSG_INFO(list->count);
    for (unsigned i = 0; i < list->count; i++)
        words[1 + i / 2] |= (uint32_t)igbvf_hash(list->addresses[i]) << i % 2 * 16;
    return MBX_WORDS;
}

/* Groups that any host may be in: what QEMU gets in place of all of them. */
static void usual_groups(const uint8_t mac[6], struct vf_multicast *list)
{
    static const uint8_t groups[][6] = {
        {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}, /* all hosts (RFC 1112); hashes like ff02::1 */
        {0x33, 0x33, 0x00, 0x00, 0x00, 0x01}, /* all nodes (RFC 4291) */
        {0x33, 0x33, 0x00, 0x00, 0x00, 0x02}, /* all routers */
        {0x33, 0x33, 0x00, 0x00, 0x00,
         0x16}, /* all MLDv2 routers (RFC 3810); hashes like IGMPv3's */
        {0x33, 0x33, 0x00, 0x00, 0x00, 0xfb}, /* mDNS (RFC 6762), both families */
        {0x33, 0x33, 0x00, 0x01, 0x00, 0x02}, /* DHCPv6 agents and servers (RFC 8415) */
    };
    const uint8_t solicited[6] = {0x33, 0x33, 0xff, mac[3], mac[4], mac[5]}; /* RFC 4291 2.7.1 */

    memset(list, 0, sizeof *list);
    for (unsigned i = 0; i < sizeof groups / sizeof groups[0]; i++)
        memcpy(list->addresses[list->count++], groups[i], 6);
    memcpy(list->addresses[list->count++], solicited, 6);
}

int igbvf_set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *why)
{
    struct igbvf *v = igbvf(vf);
    uint32_t words[MBX_WORDS] = {VF_SET_PROMISC};
    struct vf_multicast list = *wanted;
    bool all = list.all || list.count > MBX_HASHES_MAX;

    /* QEMU's model does not know VMOLR.MPME, which is what the PF's driver sets for all groups, or for more than the
     * table is meant for; it delivers by the table alone. And it takes a VF that the table is for (VMOLR.ROMPE) for one
     * that wants what a promiscuous PF is there for, unicast frames of others: then the VF had better not be. */
    if (all && v->emulated && !pci_pf_promiscuous(vf->pci)) {
        if (list.all)
            usual_groups(v->mac, &list);
        else
            list.count = MBX_HASHES_MAX;
        all = false;
    }
    if (all)
        words[0] |= MSG_INFO(PROMISC_MULTICAST);
    /* An untrusted VF may have all groups; without that flag the message takes them away again. */
    if (ask(v, words, 1) == 0) {
        if (all)
            return 0;
        if (ask(v, words, igbvf_multicast_message(&list, words)) == 0)
            return 0;
    }
    return why_fail(why, "VF %s: the PF's driver refuses its multicast filter: %s", vf->pci,
                    strerror(errno));
}
