#include "host/forms.h"

#include <stdlib.h>
#include <string.h>

void forms_fini(struct forms *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->lists[i].name);
        buf_fini(&f->lists[i].text);
    }
    free(f->lists);
    *f = (struct forms){0};
}

static struct form_list *find(const struct forms *f, struct bytes name)
{
    for (size_t i = 0; i < f->count; i++)
        if (bytes_equal((struct bytes){f->lists[i].name, f->lists[i].name_len}, name))
            return &f->lists[i];
    return NULL;
}

struct bytes forms_of(const struct forms *f, struct bytes name)
{
    const struct form_list *l = find(f, name);
    if (l == NULL)
        return (struct bytes){0};
    struct bytes text = buf_view(&l->text);
    return (struct bytes){text.data == NULL ? "" : text.data, text.len};
}

static bool has(struct bytes text, struct bytes form)
{
    for (;;) {
        const char *end = text.len == 0 ? NULL : memchr(text.data, '\0', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        if (bytes_equal((struct bytes){text.data, len}, form))
            return true;
        if (end == NULL)
            return false;
        text = (struct bytes){end + 1, text.len - len - 1};
    }
}

static struct form_list *new_list(struct forms *f, struct bytes name)
{
    struct form_list *more = realloc(f->lists, (f->count + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    f->lists = more;
    struct form_list *l = &more[f->count];
    l->name = malloc(name.len + 1);
    if (l->name == NULL)
        return NULL;
    if (name.len > 0)
        memcpy(l->name, name.data, name.len);
    l->name_len = name.len;
    buf_init(&l->text);
    f->count++;
    return l;
}

/* A buffer without memory would stay so, and a list without a form would stand for the empty one. */
static int give_up(struct forms *f, struct form_list *l, bool is_new)
{
    l->text.failed = false;
    if (is_new) {
        f->count--;
        free(l->name);
    }
    return -1;
}

int forms_add(struct forms *f, struct bytes name, struct bytes form)
{
    struct form_list *l = find(f, name);
    bool is_new = l == NULL;
    if (!is_new && has(buf_view(&l->text), form))
        return 0;
    if (is_new && (l = new_list(f, name)) == NULL)
        return -1;
    if (buf_reserve(&l->text, form.len + 1) != 0)
        return give_up(f, l, is_new);
    if (!is_new)
        buf_append_char(&l->text, '\0');
    return buf_append_bytes(&l->text, form);
}
