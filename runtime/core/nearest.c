#include "core/nearest.h"

#include <string.h>

enum { LONGEST = 64 /* nobody mistypes longer names than that */ };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Edits that turn `a` into `b`: insert, delete, replace, swap two neighbours (optimal string alignment). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned char x = lower(a[i - 1]), y = lower(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_len];
}

const char *nearest(const char *typed, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t best_distance = 0, typed_len = typed == NULL ? 0 : strlen(typed);
    if (typed_len == 0 || typed_len > LONGEST)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = candidates[i] == NULL ? 0 : strlen(candidates[i]);
        if (len == 0 || len > LONGEST)
            continue;
        size_t d = distance(typed, typed_len, candidates[i], len);
        size_t longer = typed_len > len ? typed_len : len;
        if (d <= longer / 3 && (best == NULL || d < best_distance)) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}
