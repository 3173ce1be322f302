#include "core/secrets.h"

#include "core/mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An escape writes one byte as six characters, as JSON does, or a few more. */
enum { ESCAPED_MAX = 8 };

enum { BUCKETS = 1024, VALUE_MAX = 65536, NONE = UINT32_MAX };

/* Stands at the start of the mapping: even the index tells a little about the values. */
struct vault_head {
    uint32_t buckets[BUCKETS]; /* patterns by their first MASK_MIN bytes, where no encoder touches those */
    uint32_t by_first[256];    /* the others by their first byte, where no encoder touches that */
    uint32_t loose;            /* the rest: they may start with an escape */
    bool loose_first[256];     /* bytes that one of the loose may start with */
    bool first[256];           /* bytes that any may start with */
};

/* One thing to look for. `offset` is into the mapping, which moves when it grows. */
struct pattern {
    size_t offset, len;
    size_t owner;  /* index of the secret */
    uint32_t next; /* of the same bucket */
    bool is_plain; /* only the very bytes, no escaped form of them */
};

struct entry {
    char *name;
    size_t name_len;
    size_t offset, len;
    size_t used; /* bytes from `offset` on: the value and its forms */
};

struct secrets {
    char *vault;
    size_t used, cap;
    struct entry *entries;
    size_t count, entries_cap;
    struct pattern *patterns;
    size_t pattern_count, patterns_cap;
};

void secrets_wipe(void *data, size_t len)
{
    if (len > 0)
        explicit_bzero(data, len);
}

void secrets_wipe_buf(struct buf *b)
{
    secrets_wipe(b->data, b->data == NULL ? 0 : b->cap);
    buf_clear(b);
}

static void unmap(char *vault, size_t cap)
{
    if (vault == NULL)
        return;
    secrets_wipe(vault, cap);
    munmap(vault, cap);
}

/* Room for `extra` more bytes in the mapping. */
static int vault_reserve(struct secrets *s, size_t extra, struct err *e)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (s->vault != NULL && extra <= s->cap - s->used)
        return 0;
    if (extra > SIZE_MAX / 4 || s->used > SIZE_MAX / 4)
        return err_memory(e);
    size_t cap = ((s->used + extra) * 2 + page - 1) / page * page;
    char *vault = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (vault == MAP_FAILED && errno == ENOMEM)
        return err_memory(e);
    if (vault == MAP_FAILED)
        return err_system(e, errno, "cannot map memory for secrets");
    /* Both are hardening: a container may forbid them, and the runtime works all the same. */
    (void)mlock(vault, cap);
    (void)madvise(vault, cap, MADV_DONTDUMP);
    if (s->used > 0)
        memcpy(vault, s->vault, s->used);
    unmap(s->vault, s->cap);
    s->vault = vault;
    s->cap = cap;
    return 0;
}

static struct vault_head *head_of(const struct secrets *s)
{
    return (struct vault_head *)(void *)s->vault;
}

static void clear_index(struct secrets *s)
{
    struct vault_head *head = head_of(s);
    memset(head, 0, sizeof *head);
    memset(head->buckets, 0xFF, sizeof head->buckets); /* NONE */
    memset(head->by_first, 0xFF, sizeof head->by_first);
    head->loose = NONE;
}

struct secrets *secrets_new(struct err *e)
{
    struct secrets *s = calloc(1, sizeof *s);
    if (s == NULL) {
        err_memory(e);
        return NULL;
    }
    if (vault_reserve(s, sizeof(struct vault_head), e) != 0) {
        free(s);
        return NULL;
    }
    s->used = sizeof(struct vault_head);
    clear_index(s);
    return s;
}

void secrets_free(struct secrets *s)
{
    if (s == NULL)
        return;
    unmap(s->vault, s->cap);
    for (size_t i = 0; i < s->count; i++)
        free(s->entries[i].name);
    free(s->entries);
    free(s->patterns);
    free(s);
}

static struct bytes view(const struct secrets *s, size_t offset, size_t len)
{
    return (struct bytes){s->vault + offset, len};
}

static struct entry *find(const struct secrets *s, struct bytes name)
{
    for (size_t i = 0; i < s->count; i++) {
        struct entry *entry = &s->entries[i];
        if (bytes_equal(name, (struct bytes){entry->name, entry->name_len}))
            return entry;
    }
    return NULL;
}

struct bytes secrets_get(const struct secrets *s, struct bytes name)
{
    const struct entry *entry = find(s, name);
    if (entry == NULL)
        return (struct bytes){0};
    return view(s, entry->offset, entry->len);
}

size_t secrets_count(const struct secrets *s)
{
    return s->count;
}

static uint32_t bucket_of(const char *data)
{
    uint32_t n;
    memcpy(&n, data, sizeof n);
    return n * 2654435761u >> 22;
}

static uint32_t *loose_list(struct vault_head *head, const char *data)
{
    static const char escapes[] = "%\\&+";
    head->loose_first[(unsigned char)data[0]] = true;
    for (const char *c = escapes; *c != '\0'; c++)
        head->loose_first[(unsigned char)*c] = head->first[(unsigned char)*c] = true;
    return &head->loose;
}

static void link_pattern(struct secrets *s, uint32_t number)
{
    struct vault_head *head = head_of(s);
    struct pattern *p = &s->patterns[number];
    const char *data = s->vault + p->offset;
    uint32_t *list;
    head->first[(unsigned char)data[0]] = true;
    if (p->is_plain || mask_is_plain((struct bytes){data, MASK_MIN}))
        list = &head->buckets[bucket_of(data)];
    else if (mask_is_plain((struct bytes){data, 1}))
        list = &head->by_first[(unsigned char)data[0]];
    else
        list = loose_list(head, data);
    p->next = *list;
    *list = number;
}

static void add_pattern(struct secrets *s, size_t owner, size_t offset, size_t len, bool is_plain)
{
    s->patterns[s->pattern_count] =
        (struct pattern){.offset = offset, .len = len, .owner = owner, .is_plain = is_plain};
    link_pattern(s, (uint32_t)s->pattern_count++);
}

static bool has_pattern(const struct secrets *s, size_t owner, struct bytes form)
{
    for (size_t i = s->pattern_count; i-- > 0 && s->patterns[i].owner == owner;)
        if (bytes_equal(form, view(s, s->patterns[i].offset, s->patterns[i].len)))
            return true;
    return false;
}

/* The room was reserved: nothing here can fail. */
static void add_patterns(struct secrets *s, size_t owner)
{
    const struct entry *entry = &s->entries[owner];
    struct bytes value = view(s, entry->offset, entry->len);
    if (value.len < MASK_MIN)
        return;
    add_pattern(s, owner, entry->offset, value.len, mask_is_plain(value));
    for (int form = 0; form < MASK_BASE64_FORMS; form++) {
        struct bytes encoded = view(s, s->used, mask_base64(s->vault + s->used, value, form));
        if (has_pattern(s, owner, encoded))
            continue;
        add_pattern(s, owner, s->used, encoded.len, mask_is_plain(encoded)); /* "\/" in JSON, "%2B" in a URL */
        s->used += encoded.len;
    }
}

static void drop_patterns(struct secrets *s, size_t owner)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->pattern_count; i++)
        if (s->patterns[i].owner != owner)
            s->patterns[kept++] = s->patterns[i];
    s->pattern_count = kept;
    clear_index(s);
    for (size_t i = 0; i < kept; i++)
        link_pattern(s, (uint32_t)i);
}

static void store_value(struct secrets *s, struct entry *entry, struct bytes value)
{
    size_t owner = (size_t)(entry - s->entries);
    entry->offset = s->used;
    entry->len = value.len;
    if (value.len > 0)
        memcpy(s->vault + s->used, value.data, value.len);
    s->used += value.len;
    add_patterns(s, owner);
    entry->used = s->used - entry->offset;
}

static void *grown(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return array;
    size_t bigger = need * 2;
    void *p = reallocarray(array, bigger, size);
    if (p != NULL)
        *cap = bigger;
    return p;
}

/* All that secrets_set() needs, before it changes anything. */
static int reserve_all(struct secrets *s, size_t value_len, struct err *e)
{
    struct entry *entries = grown(s->entries, &s->entries_cap, s->count + 1, sizeof *entries);
    if (entries == NULL)
        return err_memory(e);
    s->entries = entries;
    size_t need = s->pattern_count + 1 + MASK_BASE64_FORMS;
    struct pattern *patterns = need >= NONE ? NULL : grown(s->patterns, &s->patterns_cap, need, sizeof *patterns);
    if (patterns == NULL)
        return err_memory(e);
    s->patterns = patterns;
    return vault_reserve(s, value_len + MASK_BASE64_FORMS * mask_base64_room(value_len), e);
}

static struct entry *add_entry(struct secrets *s, struct bytes name)
{
    char *copy = malloc(name.len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name.data, name.len);
    copy[name.len] = '\0';
    s->entries[s->count] = (struct entry){.name = copy, .name_len = name.len};
    return &s->entries[s->count++];
}

int secrets_set(struct secrets *s, struct bytes name, struct bytes value, struct err *e)
{
    struct entry *entry = find(s, name);
    if (entry != NULL && bytes_equal(value, view(s, entry->offset, entry->len)))
        return 0;
    if (name.len == 0 || value.len > VALUE_MAX)
        return err_set(e, ERR_SCRIPT, 0, "a secret needs a name, and a value of %d bytes at most", VALUE_MAX);
    if (reserve_all(s, value.len, e) != 0)
        return -1;
    entry = find(s, name);
    if (entry == NULL)
        entry = add_entry(s, name);
    else {
        secrets_wipe(s->vault + entry->offset, entry->used);
        drop_patterns(s, (size_t)(entry - s->entries));
    }
    if (entry == NULL)
        return err_memory(e);
    store_value(s, entry, value);
    return 0;
}

int secrets_add_all(struct secrets *s, const struct secrets *from, struct err *e)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct entry *entry = &from->entries[i];
        struct bytes name = {entry->name, entry->name_len};
        if (find(s, name) == NULL && secrets_set(s, name, view(from, entry->offset, entry->len), e) != 0)
            return -1;
    }
    return 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The longest pattern of a list that stands at the start of `data`; 0: none. */
static size_t longest_match(const struct secrets *s, uint32_t first, const char *data, size_t len)
{
    size_t longest = 0;
    for (uint32_t i = first; i != NONE; i = s->patterns[i].next) {
        const struct pattern *p = &s->patterns[i];
        const char *want = s->vault + p->offset;
        size_t n;
        if (p->is_plain)
            n = p->len <= len && memcmp(want, data, p->len) == 0 ? p->len : 0;
        else
            n = mask_match((struct bytes){want, p->len}, data, len);
        longest = larger(n, longest);
    }
    return longest;
}

size_t secrets_longest_form(const struct secrets *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->count; i++)
        longest = larger(s->entries[i].len, longest);
    return mask_base64_room(longest) * ESCAPED_MAX;
}

/* The longest of all patterns at the start of `data`, which is MASK_MIN long at least and begins as one does. */
static size_t match_any(const struct secrets *s, const char *data, size_t len)
{
    const struct vault_head *head = head_of(s);
    unsigned char first = (unsigned char)data[0];
    uint32_t same_bytes = head->buckets[bucket_of(data)], same_first = head->by_first[first];
    size_t n = same_bytes == NONE ? 0 : longest_match(s, same_bytes, data, len);
    if (same_first != NONE)
        n = larger(n, longest_match(s, same_first, data, len));
    if (head->loose_first[first])
        n = larger(n, longest_match(s, head->loose, data, len));
    return n;
}

/* The longest of all at the start of `data`; 0: none. */
static size_t match_at(const struct secrets *s, const char *data, size_t len)
{
    return len >= MASK_MIN && head_of(s)->first[(unsigned char)data[0]] ? match_any(s, data, len) : 0;
}

/* Where the first one stands; data.len: there is none. */
static size_t first_match(const struct secrets *s, struct bytes data)
{
    size_t i = s->pattern_count == 0 ? data.len : 0;
    while (i < data.len && match_at(s, data.data + i, data.len - i) == 0)
        i++;
    return i;
}

bool secrets_found(const struct secrets *s, struct bytes data)
{
    return first_match(s, data) < data.len;
}

bool secrets_mask(const struct secrets *s, char *data, size_t len)
{
    size_t first = first_match(s, (struct bytes){data, len}), end = 0;
    /* Matching looks ahead and blotting stays behind it, so that values which overlap are all found. */
    for (size_t i = first; i < len; i++) {
        size_t n = match_at(s, data + i, len - i);
        if (n > 0 && i + n > end)
            end = i + n;
        if (i < end)
            data[i] = '*';
    }
    return first < len;
}
