/*
 * forms: in which forms events are waited for, by the event's name (store/runs.h): what lets an event that nobody waits
 * for pass at the cost of one look. They only ever grow: a few for each wait_event() in the scripts.
 */
#ifndef ANZOL_HOST_FORMS_H
#define ANZOL_HOST_FORMS_H

#include "core/buf.h"

struct form_list { /* of one name */
    char *name;
    size_t name_len;
    struct buf text; /* the forms, a NUL between each */
};

struct forms {
    struct form_list *lists;
    size_t count;
};

void forms_fini(struct forms *f);
/* 0, also when it is known; -1: memory. */
int forms_add(struct forms *f, struct bytes name, struct bytes form);
/* As struct generation_options wants it: data NULL when nobody waits for the name. Valid until the next add. */
struct bytes forms_of(const struct forms *f, struct bytes name);

#endif
