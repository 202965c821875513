/* SPDX-License-Identifier: MIT */
/* The little of a C library that the tests and libnetvf-front want. */
#include <xtf.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    void *place = to;

    __asm__ volatile("rep movsb" : "+D"(place), "+S"(from), "+c"(count) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t count)
{
    void *place = to;

    __asm__ volatile("rep stosb" : "+D"(place), "+c"(count) : "a"(byte) : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (t <= f || t >= f + count)
        return memcpy(to, from, count);
    while (count--)
        t[count] = ACCESS_ONCE(f[count]);
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const uint8_t *x = a, *y = b;

    for (; count; count--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t length = 0;

    while (ACCESS_ONCE(s[length]))
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t count)
{
    for (; count && *a && *a == *b; count--)
        a++, b++;
    return count ? (uint8_t)*a - (uint8_t)*b : 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

/* -- formats -------------------------------------------------------------------------------------------------------- */

struct out {
    char *text;
    size_t size, used;
};

static void put(struct out *out, char c)
{
    if (out->used + 1 < out->size)
        out->text[out->used] = c;
    out->used++;
}

static void put_string(struct out *out, const char *s)
{
    while (*s)
        put(out, *s++);
}

struct conversion {
    bool zero, alternate, minus;
    unsigned width, longs;
    char type;
};

static const char *parse(const char *fmt, struct conversion *c)
{
    *c = (struct conversion){0};
    for (; *fmt == '0' || *fmt == '#'; fmt++)
        *(*fmt == '0' ? &c->zero : &c->alternate) = true;
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        c->width = c->width * 10 + (unsigned)(*fmt - '0');
    for (; *fmt == 'l' || *fmt == 'z'; fmt++)
        c->longs++;
    c->type = *fmt;
    return fmt + (*fmt != 0);
}

static void put_number(struct out *out, const struct conversion *c, unsigned long number)
{
    char digits[24];
    unsigned count = 0, base = c->type == 'x' ? 16 : 10, sign = c->minus;

    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    if (c->alternate && base == 16)
        put_string(out, "0x");
    for (unsigned i = count + sign; !c->zero && i < c->width; i++)
        put(out, ' ');
    if (sign)
        put(out, '-');
    for (unsigned i = count + sign; c->zero && i < c->width; i++)
        put(out, '0');
    while (count)
        put(out, digits[--count]);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out out = {.text = buf, .size = size};
    struct conversion c;
    long number;

    while (*fmt) {
        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        fmt = parse(fmt + 1, &c);
        switch (c.type) {
        case 's':
            put_string(&out, va_arg(args, const char *));
            break;
        case 'c':
            put(&out, (char)va_arg(args, int));
            break;
        case 'd':
        case 'i':
            number = c.longs ? va_arg(args, long) : va_arg(args, int);
            c.minus = number < 0;
            put_number(&out, &c, c.minus ? 0ul - (unsigned long)number : (unsigned long)number);
            break;
        case 'u':
        case 'x':
            put_number(&out, &c, c.longs ? va_arg(args, unsigned long) : va_arg(args, unsigned));
            break;
        default:
            put(&out, '%');
            break;
        }
    }
    if (size)
        buf[out.used < size ? out.used : size - 1] = 0;
    return (int)out.used;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int r;

    va_start(args, fmt);
    r = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return r;
}
