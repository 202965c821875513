/* SPDX-License-Identifier: MIT */
/* Registers, descriptors and mailbox of the 82576 VF (the i350's are the same), by the names of the Intel 82576EB
 * datasheet: chapter 8 (programming interface, "VF register map"), 7.1.5 and 7.2.2 (descriptors), 7.8 (SR-IOV). */
#ifndef NETVF_VF_IGBVF_REGS_H
#define NETVF_VF_IGBVF_REGS_H

#include <stdint.h>

#define IGBVF_BAR_SIZE 0x4000

/* General (8.2) */
#define CTRL      0x0000
#define CTRL_RST  (1u << 26)
#define STATUS    0x0008
#define STATUS_LU (1u << 1)

/* Mailbox (8.14.2, 8.14.3). PFSTS, PFACK and RSTD clear when they are read. */
#define VMBMEM       0x0800
#define V2PMAILBOX   0x0c40
#define MBX_REQ      0x01u
#define MBX_ACK      0x02u
#define MBX_VFU      0x04u
#define MBX_PFU      0x08u
#define MBX_PFSTS    0x10u
#define MBX_PFACK    0x20u
#define MBX_RSTI     0x40u
#define MBX_RSTD     0x80u
#define MBX_CLEARING (MBX_PFSTS | MBX_PFACK | MBX_RSTD)

/* Messages, as Linux' igb answers them (igb_main.c, e1000_mbx.h). */
#define VF_RESET          0x01u
#define VF_SET_MULTICAST  0x03u /* MSG_INFO: how many hashes, 16 bits each, follow */
#define VF_SET_VLAN       0x04u /* MSG_INFO: 1 to add the VLAN that follows, 0 to take it out */
#define VF_SET_LPE        0x05u
#define VF_SET_PROMISC    0x06u
#define PROMISC_MULTICAST 0x02u
#define MSG_INFO(n)       ((uint32_t)(n) << 16)
#define MSG_ID(word)      ((word)&0xffffu)
#define MSG_ACK           0x80000000u
#define MSG_NACK          0x40000000u
#define MSG_CTS           0x20000000u /* in all of the PF's messages, as long as it has not been reset */
#define MBX_WORDS         16u
#define MBX_HASHES_MAX    30u

/* Interrupts (8.8) */
#define EICS                   0x1520
#define EIMS                   0x1524
#define EIMC                   0x1528
#define EIAC                   0x152c
#define EIAM                   0x1530
#define EITR(n)                (0x1680u + 4u * (n))
#define EITR_US(us)            ((uint32_t)(us) << 2) /* interval in bits 14:2, microseconds */
#define IVAR0                  0x1700 /* byte 2n: receive queue n, byte 2n + 1: send queue n */
#define IVAR_RX(queue, vector) ((0x80u | (vector)) << 16u * (queue))
#define VECTORS_ALL            0x7u

/* Receive queue 0 (8.10); those of pair n lie n strides further, here and in the send half. */
#define QUEUE_STRIDE      0x100u
#define RDBAL             0x2800
#define RDBAH             0x2804
#define RDLEN             0x2808
#define SRRCTL            0x280c
#define SRRCTL_KIB(n)     (n) /* BSIZEPACKET */
#define SRRCTL_ONE_BUFFER (1u << 25)
#define SRRCTL_DROP_EN    (1u << 31)
#define RDH               0x2810
#define RDT               0x2818
#define RXDCTL            0x2828
/* Send queue 0 (8.12) */
#define TDBAL            0x3800
#define TDBAH            0x3804
#define TDLEN            0x3808
#define TDH              0x3810
#define TXCTL            0x3814
#define TXCTL_WB_RELAXED (1u << 11)
#define TDT              0x3818
#define TXDCTL           0x3828
#define DCTL_ENABLE      (1u << 25)
/* Prefetch, host and write-back thresholds. Write-back 1: with 0 the 82576 can hold descriptors back (erratum worked
 * around the same way in DPDK's igb_rxtx.c). */
#define DCTL_THRESHOLDS(p, h, w) ((uint32_t)(p) | (uint32_t)(h) << 8 | (uint32_t)(w) << 16)

/* Statistics (8.18): free running, 32 bits */
#define VFGPRC 0x0f10
#define VFGPTC 0x0f14
#define VFGORC 0x0f18
#define VFGOTC 0x0f34

/* Advanced receive descriptor, write-back form (7.1.5.2): packet type in dw0; status and errors in dw2 */
#define RXD_TYPE_IPV4 0x00000030u /* without options, with options */
#define RXD_TYPE_IPV6 0x000000c0u /* without extension headers, with them */
#define RXD_TYPE_TCP  0x00000100u
#define RXD_TYPE_UDP  0x00000200u
#define RXD_TYPE_L2   0x00008000u /* the other type bits are an EtherType filter's number */
#define RXD_DD        0x00000001u
#define RXD_EOP       0x00000002u
#define RXD_VP        0x00000008u /* a VLAN tag was taken off: it is the upper half of dw3 */
#define RXD_UDPCS     0x00000010u
#define RXD_L4CS      0x00000020u
#define RXD_IPCS      0x00000040u
#define RXD_LB        0x00040000u /* i350: sent by another function of the same port */
#define RXD_L4E       0x20000000u
#define RXD_IPE       0x40000000u
#define RXD_RXE       0x80000000u

/* Advanced transmit descriptors (7.2.2.2 context, 7.2.2.3 data) */
#define TXD_DTYP_CONTEXT 0x00200000u
#define TXD_DTYP_DATA    0x00300000u
#define TXD_EOP          0x01000000u
#define TXD_IFCS         0x02000000u
#define TXD_RS           0x08000000u
#define TXD_DEXT         0x20000000u
#define TXD_TSE          0x80000000u
#define TXD_DD           0x00000001u
#define TXD_PAYLEN(n)    ((uint32_t)(n) << 14)
#define TXD_IXSM         0x00000100u
#define TXD_TXSM         0x00000200u
/* MACLEN has 7 bits, yet two tags (22) are in its table only together with the port's external VLAN mode, which is the
 * PF's to set. IPLEN has 9 bits. */
#define TXC_MACLEN(n)  ((uint32_t)(n) << 9)
#define TXC_MACLEN_MAX 18u
#define TXC_IPLEN_MAX  511u
#define TXC_IPV4       0x00000400u
#define TXC_L4T_TCP    0x00000800u
#define TXC_L4LEN(n)   ((uint32_t)(n) << 8)
#define TXC_MSS(n)     ((uint32_t)(n) << 16)

/* Any descriptor: 16 bytes, little endian. */
struct igbvf_desc {
    uint32_t dw[4];
};

#endif
