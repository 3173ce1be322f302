/*
 * text: members of the API's answers.
 */
#ifndef ANZOL_SIM_TEXT_H
#define ANZOL_SIM_TEXT_H

#include <jansson.h>

/* The text of a member; "" where there is none. */
static inline const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

#endif
