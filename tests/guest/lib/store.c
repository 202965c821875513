/* SPDX-License-Identifier: MIT */
/* A xenstore client on the ring that every domain has (xen/io/xs_wire.h): one request, its answer, the next one. There are
 * no watches: a test looks again. */
#include "tests/guest/lib/guest.h"

#include <xen/io/xs_wire.h>

#define ANSWER_PATIENCE (10 * NS_PER_S)

static struct xenstore_domain_interface *ring;
static evtchn_port_t channel;
static char payload[XENSTORE_PAYLOAD_MAX + 1];

void store_init(void)
{
    ring = mfn_to_virt(pv_start_info->store_mfn);
    channel = pv_start_info->store_evtchn;
}

/* One step of waiting for xenstored; it has had its patience. */
static void wait_for_store(uint64_t since)
{
    if (now() - since > ANSWER_PATIENCE)
        panic("xenstored does not answer\n");
    event_wait(channel, 0, 10 * NS_PER_MS);
}

static void put(const void *bytes, size_t length)
{
    const char *from = bytes;
    uint64_t since = now();

    while (length) {
        XENSTORE_RING_IDX taken = __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
        XENSTORE_RING_IDX at = ring->req_prod;

        for (; length && at - taken < XENSTORE_RING_SIZE; length--)
            ring->req[MASK_XENSTORE_IDX(at++)] = *from++;
        __atomic_store_n(&ring->req_prod, at, __ATOMIC_RELEASE);
        hypercall_evtchn_send(channel);
        if (length)
            wait_for_store(since);
    }
}

static void get(void *bytes, size_t length)
{
    char *to = bytes;
    uint64_t since = now();

    while (length) {
        XENSTORE_RING_IDX there = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);
        XENSTORE_RING_IDX at = ring->rsp_cons;

        for (; length && at != there; length--)
            *to++ = ring->rsp[MASK_XENSTORE_IDX(at++)];
        __atomic_store_n(&ring->rsp_cons, at, __ATOMIC_RELEASE);
        hypercall_evtchn_send(channel);
        if (length)
            wait_for_store(since);
    }
}

/* The names of xen/io/xs_wire.h, with the numbers of xen/errno.h; another one is an error all the same. */
static int error_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"ENOENT", XEN_ENOENT}, {"EACCES", XEN_EACCES}, {"EAGAIN", XEN_EAGAIN},
                 {"EINVAL", XEN_EINVAL}, {"ENOSPC", XEN_ENOSPC}, {"EBUSY", XEN_EBUSY}};

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(known[i].name, name))
            return -known[i].number;
    return -XEN_EIO;
}

/* The answer is in `payload`; its length, or a negative error number. */
static int call(uint32_t type, uint32_t transaction, const void *first, size_t first_length,
                const void *second, size_t second_length)
{
    struct xsd_sockmsg head = {.type = type, .tx_id = transaction};

    head.len = (uint32_t)(first_length + second_length);
    put(&head, sizeof head);
    put(first, first_length);
    put(second, second_length);
    get(&head, sizeof head);
    if (head.len > XENSTORE_PAYLOAD_MAX)
        panic("xenstored has sent %u bytes\n", head.len);
    get(payload, head.len);
    payload[head.len] = 0;
    if (head.type == XS_ERROR)
        return error_number(payload);
    return head.type == type ? (int)head.len : -XEN_EIO;
}

int store_read(uint32_t transaction, const char *path, char *value, size_t size)
{
    int r = call(XS_READ, transaction, path, strlen(path) + 1, NULL, 0);

    if (r < 0)
        return r == -XEN_EACCES ? -XEN_ENOENT : r;
    if ((size_t)r >= size || strlen(payload) != (size_t)r)
        return -XEN_EINVAL;
    memcpy(value, payload, (size_t)r + 1);
    return r;
}

int store_write(uint32_t transaction, const char *path, const void *value, size_t length)
{
    int r = call(XS_WRITE, transaction, path, strlen(path) + 1, value, length);

    return r < 0 ? r : 0;
}

int store_remove(uint32_t transaction, const char *path)
{
    int r = call(XS_RM, transaction, path, strlen(path) + 1, NULL, 0);

    return r < 0 && r != -XEN_ENOENT ? r : 0;
}

int store_begin(uint32_t *transaction)
{
    int r = call(XS_TRANSACTION_START, 0, "", 1, NULL, 0);

    if (r < 0)
        return r;
    *transaction = 0;
    for (const char *c = payload; *c >= '0' && *c <= '9'; c++)
        *transaction = *transaction * 10 + (uint32_t)(*c - '0');
    return 0;
}

int store_end(uint32_t transaction, bool commit)
{
    int r = call(XS_TRANSACTION_END, transaction, commit ? "T" : "F", 2, NULL, 0);

    return r < 0 ? r : 0;
}

unsigned store_number(const char *path, unsigned missing)
{
    char text[16];
    unsigned number = 0;

    if (store_read(0, path, text, sizeof text) <= 0)
        return missing;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return missing;
        number = number * 10 + (unsigned)(*c - '0');
    }
    return number;
}
