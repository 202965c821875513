/* SPDX-License-Identifier: MIT */
/* What the tests share. All of it keeps to the framework's names (xtf.h), so that it builds on either runtime. */
#ifndef NETVF_GUEST_GUEST_H
#define NETVF_GUEST_GUEST_H

#include <xtf.h>

#include <arch/mm.h>
#include <arch/traps.h>
#include <xen/errno.h>

#ifdef NETVF_WITH_XTF
#include "tests/guest/lib/xtf_more.h"
#endif

#define NS_PER_MS 1000000ul
#define NS_PER_S  1000000000ul

/* -- clock.c: time since Xen's boot, and events ------------------------------------------------------------------- */

uint64_t now(void);
void sleep_ms(unsigned ms);
/* True if there was an event on the channel since the last call. */
bool event_take(evtchn_port_t channel);
/* Until there is one on either of the two (0: none), or that time is over. May return early. */
void event_wait(evtchn_port_t a, evtchn_port_t b, uint64_t ns);

/* -- param.c: "name=value" on the command line (extra= of the guest's configuration) -------------------------------- */

unsigned param_number(const char *name, unsigned missing);
/* Four parts of an IPv4 address; those of `missing` if it is not given. */
void param_address(const char *name, uint8_t address[4], const uint8_t missing[4]);
const char *param_text(const char *name, const char *missing);

/* -- store.c: xenstore. 0, or a negative error number; paths are relative to the domain's own, or absolute ------------ */

void store_init(void);
/* Length, as netvf_front_port.read has it. `transaction` 0: none. */
int store_read(uint32_t transaction, const char *path, char *value, size_t size);
int store_write(uint32_t transaction, const char *path, const void *value, size_t length);
int store_remove(uint32_t transaction, const char *path);
int store_begin(uint32_t *transaction);
int store_end(uint32_t transaction, bool commit);
/* A number in decimal digits, `missing` if there is none. */
unsigned store_number(const char *path, unsigned missing);

/* -- pages.c: granted pages and event channels ------------------------------------------------------------------------ */

void pages_init(void);
void *page_take(void);
void page_give(void *page);
/* An entry of the grant table; panics when there are none left: the tests know how many they need. */
uint32_t grant_take(void);
void grant_set(uint32_t gref, uint16_t domid, unsigned long mfn, bool readonly);
/* False if the other domain still has it mapped. */
bool grant_end(uint32_t gref);
void grant_give(uint32_t gref);
evtchn_port_t channel_open(uint16_t domid);
void channel_close(evtchn_port_t channel);
/* Grants that were not ended when they were given back, because the backend still had them. */
unsigned pages_kept(void);

/* port.c: all of it as libnetvf-front wants it. */
struct netvf_front_port *guest_port(void);

/* The three initialisations in order; ends the test if it fails. */
void guest_init(void);

#endif
