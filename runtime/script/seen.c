#include "script/seen.h"

#include <stdlib.h>
#include <string.h>

void seen_init(struct seen *s)
{
    *s = (struct seen){.known = false};
}

void seen_fini(struct seen *s)
{
    for (size_t i = 0; i < s->looked_count; i++)
        free(s->looked[i]);
    free(s->looked);
    seen_init(s);
}

static int hash_of(const struct load *l, struct bytes errors, uint8_t hash[ARCHIVE_HASH_SIZE], struct err *e)
{
    struct buf all;
    buf_init(&all);
    int rc = archive_write(l, &all, e);
    buf_append_bytes(&all, errors);
    if (rc == 0)
        rc = buf_failed(&all) ? err_memory(e) : archive_hash(buf_view(&all), hash, e);
    buf_fini(&all);
    return rc;
}

int seen_note(struct seen *s, struct load *l, struct bytes errors, struct err *e)
{
    seen_fini(s);
    if (hash_of(l, errors, s->hash, e) != 0)
        return -1;
    s->known = true;
    s->looked = l->looked;
    s->looked_count = l->looked_count;
    l->looked = NULL;
    l->looked_count = 0;
    return 0;
}

/* The modules that are there now. */
static int read_looked(const struct seen *s, struct load *l, struct err *e)
{
    int rc = 0;
    struct err missing;
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; rc == 0 && i < s->looked_count; i++) {
        buf_clear(&text);
        if (load_read_file(s->looked[i], &text, &missing) == 0)
            rc = load_add_module(l, s->looked[i], buf_view(&text), e);
    }
    buf_fini(&text);
    return rc;
}

int seen_look(const struct seen *s, const char *const *paths, size_t count, bool *changed, struct err *e)
{
    uint8_t hash[ARCHIVE_HASH_SIZE];
    struct err missing;
    struct buf errors;
    struct load l;
    *changed = true;
    if (!s->known)
        return 0;
    load_init(&l);
    buf_init(&errors);
    (void)load_paths(&l, paths, count, &errors, &missing); /* what is missing is in `errors` */
    int rc = read_looked(s, &l, e);
    if (rc == 0)
        rc = buf_failed(&errors) ? err_memory(e) : hash_of(&l, buf_view(&errors), hash, e);
    if (rc == 0)
        *changed = memcmp(hash, s->hash, sizeof hash) != 0;
    buf_fini(&errors);
    load_fini(&l);
    return rc;
}
