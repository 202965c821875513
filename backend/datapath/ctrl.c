/* SPDX-License-Identifier: MIT */
#include "datapath/ctrl.h"

#include <string.h>

#define REQUEST_WORDS (sizeof(struct xen_netif_ctrl_request) / sizeof(uint32_t))

/* Returns the status; *data is 0 before. A grant reference in a request is the guest's word until a handler needs what
 * it names. */
typedef uint32_t handler(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                         uint32_t *data);

/* Steering without a hash is all that there is: to ask for it is to ask for nothing. */
static uint32_t set_hash_algorithm(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                                   uint32_t *data)
{
    (void)ctrl;
    (void)data;
    return request->data[0] == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE
               ? XEN_NETIF_CTRL_STATUS_SUCCESS
               : XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
}

/* "A valid hash algorithm must be selected before this operation can succeed" (netif.h): none can be. An operation that
 * is not supported is not, whatever its parameters are, so they are not judged. */
static uint32_t not_supported(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                              uint32_t *data)
{
    (void)ctrl;
    (void)request;
    (void)data;
    return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
}

static uint32_t get_gref_mapping_size(struct ctrl *ctrl,
                                      const struct xen_netif_ctrl_request *request, uint32_t *data)
{
    if (!ctrl->windows)
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    return ctrl->windows->size(ctrl->windows, request->data[0], data);
}

static uint32_t add_gref_mapping(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                                 uint32_t *data)
{
    (void)data;
    if (!ctrl->windows)
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    return ctrl->windows->add(ctrl->windows, request->data[0], request->data[1], request->data[2]);
}

static uint32_t del_gref_mapping(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                                 uint32_t *data)
{
    if (!ctrl->windows)
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    return ctrl->windows->remove(ctrl->windows, request->data[0], request->data[1],
                                 request->data[2], data);
}

static handler *const handlers[] = {
    [XEN_NETIF_CTRL_TYPE_INVALID] = not_supported,
    [XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS] = not_supported,
    [XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS] = not_supported,
    [XEN_NETIF_CTRL_TYPE_SET_HASH_KEY] = not_supported,
    [XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE] = not_supported,
    [XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE] = not_supported,
    [XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING] = not_supported,
    [XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM] = set_hash_algorithm,
    [XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE] = get_gref_mapping_size,
    [XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING] = add_gref_mapping,
    [XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING] = del_gref_mapping,
};

void ctrl_attach(struct ctrl *ctrl, void *page)
{
    ring_attach(&ctrl->ring, page, REQUEST_WORDS);
}

void ctrl_answer(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                 struct xen_netif_ctrl_response *response)
{
    bool known = request->type < sizeof handlers / sizeof handlers[0];
    handler *handle = known ? handlers[request->type] : not_supported;

    *response = (struct xen_netif_ctrl_response){.id = request->id, .type = request->type};
    response->status = handle(ctrl, request, &response->data);
}

/* Field by field, and nothing but the response's own bytes (XSA-216). */
static void respond(struct ctrl *ctrl, const struct xen_netif_ctrl_response *response)
{
    volatile uint32_t *slot = ring_slot(&ctrl->ring, ctrl->ring.rsp_prod++, REQUEST_WORDS);

    shm_write32(&slot[0], response->id | (uint32_t)response->type << 16);
    shm_write32(&slot[1], response->status);
    shm_write32(&slot[2], response->data);
}

int ctrl_serve(struct ctrl *ctrl, unsigned most, bool *notify)
{
    int waiting = ring_waiting(&ctrl->ring);
    unsigned count;

    if (waiting < 0) {
        ctrl->fault = "its control ring claims more requests than it has slots";
        return -1;
    }
    count = (unsigned)waiting < most ? (unsigned)waiting : most;
    for (unsigned i = 0; i < count; i++) {
        struct xen_netif_ctrl_request request;
        struct xen_netif_ctrl_response response;
        uint32_t words[REQUEST_WORDS];

        ring_copy(&ctrl->ring, ctrl->ring.req_cons++, words, REQUEST_WORDS);
        memcpy(&request, words, sizeof request);
        ctrl_answer(ctrl, &request, &response);
        respond(ctrl, &response);
    }
    *notify |= ring_push(&ctrl->ring);
    return (int)count;
}
