/* SPDX-License-Identifier: MIT */
/* What the bits of a descriptor must be, as pure functions: checked in tests/unit/test_igbvf_desc.c against values
 * worked out by hand. */
#ifndef NETVF_VF_IGBVF_DESC_H
#define NETVF_VF_IGBVF_DESC_H

#include <endian.h>
#include <string.h>

#include "vf/igbvf_regs.h"
#include "vf/vf.h"

static inline void desc_set(struct igbvf_desc *desc, uint32_t dw0, uint32_t dw1, uint32_t dw2,
                            uint32_t dw3)
{
    desc->dw[0] = htole32(dw0);
    desc->dw[1] = htole32(dw1);
    desc->dw[2] = htole32(dw2);
    desc->dw[3] = htole32(dw3);
}

/* The context that `offload` needs (7.2.2.2). Two offloads with the same context may share it. */
static inline struct igbvf_desc desc_context(const struct vf_offload *offload)
{
    struct igbvf_desc desc;
    uint32_t dw3 = offload->mss ? TXC_MSS(offload->mss) | TXC_L4LEN(offload->l4_len) : 0;
    uint32_t dw2 = TXD_DTYP_CONTEXT | TXD_DEXT;

    if (offload->ipv4)
        dw2 |= TXC_IPV4;
    if (offload->l4 == VF_L4_TCP)
        dw2 |= TXC_L4T_TCP;
    desc_set(&desc, TXC_MACLEN(offload->mac_len) | offload->ip_len, 0, dw2, dw3);
    return desc;
}

/* The second half of all data descriptors of a frame of `total` bytes (7.2.2.3), dw3 above dw2; with TSO, PAYLEN leaves
 * the headers out. */
static inline uint64_t desc_frame(uint32_t total, const struct vf_offload *offload)
{
    uint32_t dw2 = TXD_DTYP_DATA | TXD_DEXT | TXD_IFCS;
    uint32_t dw3 = 0;

    if (offload && offload->mss) {
        dw2 |= TXD_TSE;
        total -= (uint32_t)offload->mac_len + offload->ip_len + offload->l4_len;
        dw3 = offload->ipv4 ? TXD_IXSM | TXD_TXSM : TXD_TXSM;
    } else if (offload) {
        dw3 = TXD_TXSM;
    }
    return (uint64_t)(dw3 | TXD_PAYLEN(total)) << 32 | dw2;
}

/* One segment of it. In halves, for each is one store. */
static inline void desc_data(struct igbvf_desc *desc, const struct vf_segment *segment, bool last,
                             uint64_t frame)
{
    uint64_t first = htole64(segment->dma);
    uint64_t second = htole64(frame | segment->length | (last ? TXD_EOP | TXD_RS : 0));

    memcpy(&desc->dw[0], &first, sizeof first);
    memcpy(&desc->dw[2], &second, sizeof second);
}

/* Has the VF checked all that there is to check, and found it right? The type and the check bits are those of the
 * whole frame, in its last buffer only. An IPv6 header has no checksum, so no IPCS. */
static inline bool desc_validated(uint32_t type, uint32_t status)
{
    if (!(status & RXD_EOP) || (status & (RXD_L4E | RXD_IPE | RXD_RXE)))
        return false;
    if (!(type & (RXD_TYPE_TCP | RXD_TYPE_UDP)) || (type & RXD_TYPE_L2) ||
        !(status & (RXD_UDPCS | RXD_L4CS)))
        return false;
    return type & RXD_TYPE_IPV4 ? status & RXD_IPCS : type & RXD_TYPE_IPV6;
}

/* Reads the write-back (7.1.5.2) of a received buffer of `buffer` bytes. `type` is dw0, `status` dw2, `length` dw3, a
 * tag and a length. What a device writes is checked like a guest's word: a length beyond the buffer is an error, never
 * a length. A tag is one of the last buffer's alone, like the checksums. */
static inline struct vf_received desc_received(uint32_t type, uint32_t status, uint32_t length,
                                               uint32_t buffer)
{
    uint16_t bytes = (uint16_t)length;
    struct vf_received received = {
        .length = bytes,
        .last = status & RXD_EOP,
        .csum_ok = desc_validated(type, status),
        .error = (status & RXD_RXE) || !bytes || bytes > buffer,
        .stripped = status & RXD_VP,
        .tag = (uint16_t)(length >> 16),
    };

    if (received.error)
        received.length = 0;
    return received;
}

#endif
