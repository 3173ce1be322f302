#include "script/changes.h"

#include "script/generation.h"

#include <string.h>

static const char *const kinds[CHANGES_KINDS] = {"webhook", "integration", "flow"};

void changes_init(struct changes *c)
{
    for (int i = 0; i < CHANGES_KINDS; i++) {
        c->of[i].kind = kinds[i];
        struct change_names *const all[] = {&c->of[i].added, &c->of[i].changed, &c->of[i].removed};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            buf_init(&all[k]->lines);
            all[k]->count = 0;
        }
    }
}

void changes_fini(struct changes *c)
{
    for (int i = 0; i < CHANGES_KINDS; i++) {
        buf_fini(&c->of[i].added.lines);
        buf_fini(&c->of[i].changed.lines);
        buf_fini(&c->of[i].removed.lines);
    }
}

/* One line of generation_digests(). */
struct digest {
    struct bytes kind, name, value;
};

static struct bytes field(struct bytes *line)
{
    const char *tab = line->len == 0 ? NULL : memchr(line->data, '\t', line->len);
    size_t len = tab == NULL ? line->len : (size_t)(tab - line->data);
    struct bytes out = {line->data, len};
    size_t used = tab == NULL ? len : len + 1;
    *line = (struct bytes){line->data + used, line->len - used};
    return out;
}

/* False at the end. */
static bool next_digest(struct bytes *left, struct digest *d)
{
    struct bytes line;
    if (!bytes_next_line(left, &line))
        return false;
    d->kind = field(&line);
    d->name = field(&line);
    d->value = line;
    return true;
}

static int compare_digests(const struct digest *a, const struct digest *b)
{
    int order = bytes_compare(a->kind, b->kind);
    return order != 0 ? order : bytes_compare(a->name, b->name);
}

bool changes_defined(const struct generation *g, const char *kind, struct bytes name)
{
    struct bytes left = generation_digests(g);
    struct digest d;
    while (next_digest(&left, &d))
        if (bytes_equal(d.kind, bytes_of(kind)) && bytes_equal(d.name, name))
            return true;
    return false;
}

static void note(struct change_names *n, struct bytes name)
{
    buf_append_bytes(&n->lines, name);
    buf_append_char(&n->lines, '\n');
    n->count++;
}

static int kind_of(struct bytes kind)
{
    int i = 0;
    while (i < CHANGES_KINDS - 1 && !bytes_equal(kind, bytes_of(kinds[i])))
        i++;
    return i;
}

static int failed(const struct changes *c)
{
    for (int i = 0; i < CHANGES_KINDS; i++)
        if (buf_failed(&c->of[i].added.lines) || buf_failed(&c->of[i].changed.lines) ||
            buf_failed(&c->of[i].removed.lines))
            return -1;
    return 0;
}

int changes_between(struct changes *c, const struct generation *before, const struct generation *after)
{
    struct bytes old = {NULL, 0};
    struct bytes new = generation_digests(after);
    struct digest a, b;
    if (before != NULL)
        old = generation_digests(before);
    bool has_a = next_digest(&old, &a), has_b = next_digest(&new, &b);
    while (has_a || has_b) {
        int order = !has_a ? 1 : !has_b ? -1 : compare_digests(&a, &b);
        if (order < 0)
            note(&c->of[kind_of(a.kind)].removed, a.name);
        else if (order > 0)
            note(&c->of[kind_of(b.kind)].added, b.name);
        else if (!bytes_equal(a.value, b.value))
            note(&c->of[kind_of(b.kind)].changed, b.name);
        if (order <= 0)
            has_a = next_digest(&old, &a);
        if (order >= 0)
            has_b = next_digest(&new, &b);
    }
    return failed(c);
}

static bool kind_none(const struct changes *c, int i)
{
    return c->of[i].added.count == 0 && c->of[i].changed.count == 0 && c->of[i].removed.count == 0;
}

bool changes_none(const struct changes *c)
{
    for (int i = 0; i < CHANGES_KINDS; i++)
        if (!kind_none(c, i))
            return false;
    return true;
}

void changes_describe(const struct changes *c, struct buf *out)
{
    const char *between = "";
    for (int i = 0; i < CHANGES_KINDS; i++) {
        if (kind_none(c, i))
            continue;
        buf_printf(out, "%s+%zu %s%s, ~%zu, -%zu", between, c->of[i].added.count, c->of[i].kind,
                   c->of[i].added.count == 1 ? "" : "s", c->of[i].changed.count, c->of[i].removed.count);
        between = "; ";
    }
    if (changes_none(c))
        buf_append_str(out, "no definition changed");
}
