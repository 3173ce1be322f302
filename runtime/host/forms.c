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

int forms_add(struct forms *f, struct bytes name, struct bytes form)
{
    struct form_list *l = find(f, name);
    if (l != NULL && has(buf_view(&l->text), form))
        return 0;
    if (l == NULL) {
        l = new_list(f, name);
        if (l == NULL)
            return -1;
    } else
        buf_append_char(&l->text, '\0');
    return buf_append_bytes(&l->text, form);
}
