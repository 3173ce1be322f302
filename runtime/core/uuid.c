#include "core/uuid.h"

#include <string.h>

enum { COUNTER_MAX = 0xFFF, COUNTER_START_MASK = 0x7FF /* half of the range is left to count in */ };

static const int64_t TIME_MAX = (1LL << 48) - 1;

static void advance(struct uuid_source *s, int64_t wall_ms, const uint8_t random[10])
{
    uint32_t start = ((uint32_t)random[8] << 8 | random[9]) & COUNTER_START_MASK;
    if (wall_ms > TIME_MAX)
        wall_ms = TIME_MAX;
    if (wall_ms > s->last_ms) {
        s->last_ms = wall_ms;
        s->counter = start;
    } else if (s->counter < COUNTER_MAX) {
        s->counter++;
    } else { /* a full millisecond borrows from the next: still above all that went before */
        s->last_ms++;
        s->counter = start;
    }
}

struct uuid uuid_next(struct uuid_source *s, int64_t wall_ms, const uint8_t random[10])
{
    struct uuid u;
    advance(s, wall_ms, random);
    for (int i = 0; i < 6; i++)
        u.b[i] = (uint8_t)((uint64_t)s->last_ms >> (40 - 8 * i));
    u.b[6] = (uint8_t)(0x70 | s->counter >> 8);
    u.b[7] = (uint8_t)s->counter;
    memcpy(u.b + 8, random, 8);
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3F));
    return u;
}

static bool dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_follow(struct uuid_source *s, const struct uuid *last)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | last->b[i];
    if (last->b[6] >> 4 != 7 || ms < s->last_ms || ms == TIME_MAX)
        return;
    s->last_ms = ms;
    s->counter = COUNTER_MAX; /* the next is one of the next millisecond */
}

/* The two digits of each byte. */
#define ROW(h) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"
static const char hex[] = ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7") ROW("8") ROW("9")
    ROW("a") ROW("b") ROW("c") ROW("d") ROW("e") ROW("f");

static inline char *put_hex(char *out, const uint8_t *bytes, int count, char after)
{
    for (int i = 0; i < count; i++, out += 2)
        memcpy(out, hex + 2 * bytes[i], 2);
    *out = after;
    return out + 1;
}

void uuid_format(const struct uuid *u, char out[UUID_TEXT_SIZE])
{
    out = put_hex(out, u->b, 4, '-');
    out = put_hex(out, u->b + 4, 2, '-');
    out = put_hex(out, u->b + 6, 2, '-');
    out = put_hex(out, u->b + 8, 2, '-');
    put_hex(out, u->b + 10, 6, '\0');
}

int uuid_parse(struct bytes text, struct uuid *out)
{
    struct uuid u;
    if (text.len != UUID_TEXT_SIZE - 1)
        return -1;
    const char *p = text.data;
    for (int i = 0; i < UUID_SIZE; i++) {
        if (dash_before(i) && *p++ != '-')
            return -1;
        int high = hex_digit(*p++);
        int low = hex_digit(*p++);
        if (high < 0 || low < 0)
            return -1;
        u.b[i] = (uint8_t)(high << 4 | low);
    }
    *out = u;
    return 0;
}
