/* SPDX-License-Identifier: MIT */
/* Which way to addresses a vif is asked to take (docs/architecture.md, "Translation"), and the words for it: those of
 * netvf/request-translation, of netvfd's option and of netvf set. */
#ifndef NETVF_CONTROL_TRANSLATION_H
#define NETVF_CONTROL_TRANSLATION_H

enum translation {
    TRANSLATION_AUTO, /* iommu where the guest can have it, else host */
    TRANSLATION_HOST,
    TRANSLATION_IOMMU, /* or no VF at all */
};

/* For sentences. */
#define TRANSLATION_WORDS "auto, host or iommu"

/* -1 if it is none of the words. */
int translation_parse(const char *word, enum translation *translation);
const char *translation_word(enum translation translation);

#endif
