/* SPDX-License-Identifier: MIT */
#include "control/translation.h"

#include "xenstore-schema/keys.h"

#include <string.h>

static const char *const words[] = {
    [TRANSLATION_AUTO] = VALUE_BE_NETVF_REQUEST_TRANSLATION_AUTO,
    [TRANSLATION_HOST] = VALUE_BE_NETVF_REQUEST_TRANSLATION_HOST,
    [TRANSLATION_IOMMU] = VALUE_BE_NETVF_REQUEST_TRANSLATION_IOMMU,
};

int translation_parse(const char *word, enum translation *translation)
{
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *translation = (enum translation)i;
            return 0;
        }
    }
    return -1;
}

const char *translation_word(enum translation translation)
{
    return words[translation];
}
