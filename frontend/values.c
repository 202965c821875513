/* SPDX-License-Identifier: MIT */
/* Xenstore values, without a C library. The backend's are hostile: bounded, and numbers are digits and nothing else. */
#include "frontend/private.h"

#include "xenstore-schema/keys.h"

struct text {
    char *out;
    size_t size, used;
};

static int put(struct text *text, char c)
{
    if (text->used + 1 >= text->size)
        return -XEN_EINVAL;
    text->out[text->used++] = c;
    text->out[text->used] = 0;
    return 0;
}

static int put_text(struct text *text, const char *from)
{
    for (; *from; from++)
        if (put(text, *from) < 0)
            return -XEN_EINVAL;
    return 0;
}

static int put_number(struct text *text, unsigned number)
{
    char digits[10];
    unsigned count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        if (put(text, digits[--count]) < 0)
            return -XEN_EINVAL;
    return 0;
}

int front_copy(char *out, size_t size, const char *from)
{
    struct text text = {.out = out, .size = size};

    return put_text(&text, from);
}

int front_join(char *out, size_t size, const char *dir, const char *key)
{
    struct text text = {.out = out, .size = size};

    if (put_text(&text, dir) < 0 || put(&text, '/') < 0)
        return -XEN_EINVAL;
    return put_text(&text, key);
}

int front_format(char *out, size_t size, const char *format, unsigned number)
{
    struct text text = {.out = out, .size = size};
    int r = 0;

    while (*format && r == 0) {
        if (format[0] == '%' && format[1] == 'u') {
            r = put_number(&text, number);
            format += 2;
        } else {
            r = put(&text, *format++);
        }
    }
    return r;
}

int front_read_number(struct netvf_front *front, const char *dir, const char *key, unsigned max,
                      unsigned missing, unsigned *value)
{
    char path[FRONT_PATH_MAX], text[16];
    uint64_t number = 0;
    int r = front_join(path, sizeof path, dir, key);

    if (r < 0)
        return r;
    r = front->port->read(front->port, path, text, sizeof text);
    if (r == -XEN_ENOENT) {
        *value = missing;
        return 0;
    }
    if (r < 0)
        return r;
    if (!text[0])
        return -XEN_EINVAL;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return -XEN_EINVAL;
        number = number * 10 + (unsigned)(*c - '0');
        if (number > max)
            return -XEN_EINVAL;
    }
    *value = (unsigned)number;
    return 0;
}

int front_read_flag(struct netvf_front *front, const char *key, bool missing, bool *flag)
{
    unsigned value;
    int r = front_read_number(front, front->backend_path, key, 1, missing, &value);

    if (r == 0)
        *flag = value;
    return r;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int front_read_mac(struct netvf_front *front, uint8_t mac[6])
{
    char path[FRONT_PATH_MAX], text[18];
    int r = front_join(path, sizeof path, front->dir, KEY_FE_MAC);

    if (r < 0)
        return r;
    r = front->port->read(front->port, path, text, sizeof text);
    if (r < 0)
        return r;
    if (r != 17)
        return -XEN_EINVAL;
    for (unsigned i = 0; i < 6; i++) {
        int high = hex(text[3 * i]), low = hex(text[3 * i + 1]);

        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return -XEN_EINVAL;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int front_write_number(struct netvf_front *front, const char *key, unsigned value)
{
    char path[FRONT_PATH_MAX], text[16];
    int r = front_join(path, sizeof path, front->dir, key);

    if (r == 0)
        r = front_format(text, sizeof text, "%u", value);
    return r < 0 ? r : front->port->write(front->port, path, text);
}

int front_remove(struct netvf_front *front, const char *key)
{
    char path[FRONT_PATH_MAX];
    int r = front_join(path, sizeof path, front->dir, key);

    return r < 0 ? r : front->port->remove(front->port, path);
}
