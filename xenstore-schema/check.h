/* SPDX-License-Identifier: MIT */
/* Holds a vif's xenstore directory against netvf-paths.pandoc. Pure: the caller reads the keys,
 * wherever from. */
#ifndef NETVF_XENSTORE_SCHEMA_CHECK_H
#define NETVF_XENSTORE_SCHEMA_CHECK_H

#include <stdbool.h>

enum schema_side { SCHEMA_BE, SCHEMA_FE };

/* The types of the notation; SCHEMA_WORD is a set of literals. */
enum schema_type {
    SCHEMA_PATH,
    SCHEMA_STRING,
    SCHEMA_INTEGER,
    SCHEMA_EVTCHN,
    SCHEMA_GNTREF,
    SCHEMA_MAC_ADDRESS,
    SCHEMA_SENTENCE,
    SCHEMA_FILENAME,
    SCHEMA_DOMID,
    SCHEMA_XENBUS_STATE,
    SCHEMA_PCI_ADDRESS,
    SCHEMA_RATE,
    SCHEMA_WORD,
};

/* The tags of the notation, as bits. */
enum schema_tag {
    SCHEMA_TAG_W = 1,
    SCHEMA_TAG_TOOLSTACK = 2,
    SCHEMA_TAG_SCRIPT = 4,
    SCHEMA_TAG_OPTIONAL = 8,
    SCHEMA_TAG_READY = 16,
    SCHEMA_TAG_CONNECTED = 32,
    SCHEMA_TAG_BOUND = 64,
    SCHEMA_TAG_RING = 128,
};

/* One line of the notation. `name` is relative to the side's directory; $INDEX in it stands for a
 * number. */
struct schema_key {
    const char *name;
    enum schema_side side;
    enum schema_type type;
    unsigned tags;
    const char *const *words; /* SCHEMA_WORD: the literals, NULL at the end */
};

/* All lines, in the document's order. */
const struct schema_key *schema_keys(unsigned *count);

/* Does the value have the form that the key asks for? */
bool schema_value_fits(const struct schema_key *key, const char *value);

/* A key as found below a directory ("netvf/vf"). A NULL value stands for one that is too long or
 * holds control characters. */
struct schema_pair {
    const char *key, *value;
};

enum schema_severity {
    SCHEMA_VIOLATION, /* the schema forbids it */
    SCHEMA_WARNING,   /* the schema does not know it */
};

typedef void schema_report(void *context, enum schema_severity severity, const char *sentence);

/* Checks the directory of one end and reports each finding in one sentence. Returns the number of
 * violations; warnings are not counted. Values are whatever stood there: sentences quote them cut
 * short and with control characters replaced. */
unsigned schema_check(enum schema_side side, const struct schema_pair *pairs, unsigned count,
                      schema_report *report, void *context);

#endif
