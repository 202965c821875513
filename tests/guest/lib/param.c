/* SPDX-License-Identifier: MIT */
#include "tests/guest/lib/guest.h"

static char found[128];

const char *param_text(const char *name, const char *missing)
{
    const char *line = (const char *)pv_start_info->cmd_line;
    size_t length = strlen(name), n = 0;

    while (*line) {
        if (!strncmp(line, name, length) && line[length] == '=') {
            for (line += length + 1; *line && *line != ' ' && n + 1 < sizeof found; line++)
                found[n++] = *line;
            found[n] = 0;
            return found;
        }
        while (*line && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return missing;
}

static const char *digits(const char *text, unsigned *number)
{
    for (*number = 0; *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (unsigned)(*text - '0');
    return text;
}

unsigned param_number(const char *name, unsigned missing)
{
    const char *text = param_text(name, NULL);
    unsigned number;

    if (!text)
        return missing;
    if (*digits(text, &number) || !*text)
        panic("%s=%s is no number\n", name, text);
    return number;
}

void param_address(const char *name, uint8_t address[4], const uint8_t missing[4])
{
    const char *text = param_text(name, NULL);
    unsigned number;

    if (!text) {
        memcpy(address, missing, 4);
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        text = digits(text, &number);
        address[i] = (uint8_t)number;
        if (*text != (i < 3 ? '.' : 0))
            panic("%s is no address\n", name);
        text++;
    }
}
