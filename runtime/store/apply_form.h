/*
 * apply_form: the forms in which events are waited for, and what those that came before a form was known bring in it.
 *
 * An event leaves arrivals in the forms that are known when it comes. The first run that ever waits in a form may have
 * its event behind it already, come while the run was still at work: so when a form becomes known, the last events of
 * its name are looked through once.
 */
#ifndef ANZOL_STORE_APPLY_FORM_H
#define ANZOL_STORE_APPLY_FORM_H

#include "store/apply.h"

/* As many events, of any name, are looked through: some ten milliseconds, once for each form. */
enum { APPLY_FORM_BACK = 10000 };

int apply_form_prepare(struct apply *a, struct err *e);
/* Both return rc. A form; known already is fine. */
int apply_form_add(struct apply *a, struct bytes name, struct bytes form);
/*
 * Appends the key of an event in a form, as those who wait write it (stdlib/flow.lua): the JSON list of the name and,
 * for each path of the form (a line), the path and the value there. *found: false when the event has no text, number or
 * boolean at one of them.
 */
int apply_form_key(struct apply *a, struct bytes name, struct bytes form, struct bytes envelope, struct buf *out,
                   bool *found);

#endif
