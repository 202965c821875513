/* SPDX-License-Identifier: MIT */
#include "datapath/tx_bounce.h"

#include "common/counter.h"

#include <assert.h>
#include <string.h>

/* All copies of a batch fit into one call: a copy ends where a part or a page ends. */
static_assert(TX_BOUNCE_FRAMES * (TX_SLOTS_MAX + TX_BOUNCE_FRAME_PAGES) <= PORT_BATCH_MAX,
              "the copies of bounced frames need more than one call");

bool tx_bounce_take(struct tx *tx, struct tx_work *work)
{
    assert(work->total <= TX_BOUNCE_FRAME_PAGES * GUEST_PAGE);
    if (tx->bounces_taken - tx->bounces_back == TX_BOUNCE_FRAMES)
        return false;
    work->bounce = (uint16_t)(TX_HEADER_PAGES +
                              tx->bounces_taken++ % TX_BOUNCE_FRAMES * TX_BOUNCE_FRAME_PAGES);
    work->frame->bounced = true;
    return true;
}

/* Its pages are next to each other in our memory (port.h, dma_alloc). */
static uint8_t *buffer(const struct tx *tx, const struct tx_work *work)
{
    return tx->private_pages[work->bounce].va;
}

/* The header copy's bytes as they are, for they have been checked and the guest may have changed its own since; the
 * rest from the guest. Returns the end of tx->copies. */
static struct grant_copy *add_copies(struct tx *tx, struct tx_work *work, struct grant_copy *copy)
{
    uint32_t done = 0, skip = work->copied;

    memcpy(buffer(tx, work), work->private, work->copied);
    work->copy = copy;
    for (unsigned p = 0; p < work->pieces; p++) {
        const struct tx_piece *piece = &work->piece[p];
        uint32_t from = skip < piece->length ? skip : piece->length;

        skip -= from;
        done += from;
        while (from < piece->length) {
            uint32_t part = GUEST_PAGE - done % GUEST_PAGE;

            if (part > piece->length - from)
                part = piece->length - from;
            *copy++ = (struct grant_copy){
                .own = tx->private_pages[work->bounce + done / GUEST_PAGE].dma + done % GUEST_PAGE,
                .own_va = buffer(tx, work) + done,
                .gref = piece->gref,
                .offset = (uint16_t)(piece->offset + from),
                .length = (uint16_t)part,
            };
            from += part;
            done += part;
        }
    }
    assert(done == work->total);
    work->copy_end = copy;
    return copy;
}

static bool finish(const struct tx *tx, struct tx_work *work)
{
    for (const struct grant_copy *copy = work->copy; copy != work->copy_end; copy++)
        if (copy->status)
            return false;
    headers_read(buffer(tx, work), work->total, &work->headers);
    return work->headers.vf.l4 != VF_L4_NONE &&
           headers_finish_checksum(buffer(tx, work), &work->headers, work->total);
}

int tx_bounce_copy(struct tx *tx, unsigned count)
{
    struct grant_copy *end = tx->copies;

    for (unsigned i = 0; i < count; i++)
        if (tx->work[i].frame->bounced)
            end = add_copies(tx, &tx->work[i], end);
    if (end == tx->copies)
        return 0;
    if (tx->translate->ops->fetch(tx->translate, tx->copies, (unsigned)(end - tx->copies)) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct tx_work *work = &tx->work[i];

        if (!work->frame->bounced)
            continue;
        counter_add(&tx->counters.payload_copies, 1);
        work->drop = !finish(tx, work);
        work->blank = false;
        work->pieces = 0;
    }
    return 0;
}

unsigned tx_bounce_segments(const struct tx *tx, const struct tx_work *work,
                            struct vf_segment *segments)
{
    unsigned count = 0;

    for (uint32_t at = 0; at < work->total; at += GUEST_PAGE, count++) {
        const struct dma_page *page = &tx->header_pages[work->bounce + count];
        uint32_t length = work->total - at < GUEST_PAGE ? work->total - at : GUEST_PAGE;

        if (tx->header_pages != tx->private_pages)
            memcpy(page->va, buffer(tx, work) + at, length);
        segments[count] = (struct vf_segment){page->dma, length};
    }
    return count;
}
