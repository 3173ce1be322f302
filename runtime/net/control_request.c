#include "net/control_request.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "net/control.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 40 };

/* How each begins, and what may be in it. */
static const struct {
    const char *name;
    const char *members[6];
} OPS[] = {
    [CONTROL_EVAL] = {"eval", {"id", "op", "code", "width", "json"}},
    [CONTROL_COMPLETE] = {"complete", {"id", "op", "code", "cursor"}},
    [CONTROL_CANCEL] = {"cancel", {"id", "op", "target"}},
};

/* --- words ---------------------------------------------------------------------------------------------------- */

/* What a message shows of a text of the client: its beginning, in whole characters. */
static int shown(const char *text)
{
    return (int)utf8_valid_prefix((struct bytes){text, strnlen(text, SHOWN_MAX)});
}

static const char *kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

/* Of one member: its kind where that is wrong, else its value. */
static int wrong(struct err *e, const char *name, const json_t *found, const char *expected)
{
    if (found == NULL)
        return err_set(e, ERR_INPUT, 400, "'%s' is missing; expected %s", name, expected);
    if (json_is_integer(found))
        return err_set(e, ERR_INPUT, 400, "'%s' is %" JSON_INTEGER_FORMAT "; expected %s", name,
                       json_integer_value(found), expected);
    if (json_is_string(found))
        return err_set(e, ERR_INPUT, 400, "'%s' is \"%.*s\"; expected %s", name, shown(json_string_value(found)),
                       json_string_value(found), expected);
    return err_set(e, ERR_INPUT, 400, "'%s' is %s; expected %s", name, kind_of(found), expected);
}

static int unknown_member(struct err *e, const char *name, enum control_op op)
{
    char list[80] = "";
    for (size_t i = 0, n = 0; OPS[op].members[i] != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", OPS[op].members[i]);
    return err_set(e, ERR_INPUT, 400, "unknown member '%.*s' of %s; expected %s", shown(name), name, OPS[op].name,
                   list);
}

/* --- members -------------------------------------------------------------------------------------------------- */

static int read_integer(const json_t *o, const char *name, int64_t least, int64_t most, int64_t *out, struct err *e)
{
    char expected[80];
    const json_t *v = json_object_get(o, name);
    if (json_is_integer(v) && json_integer_value(v) >= least && json_integer_value(v) <= most) {
        *out = json_integer_value(v);
        return 0;
    }
    if (most == INT64_MAX)
        snprintf(expected, sizeof expected, "a positive integer");
    else
        snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, least, most);
    return wrong(e, name, v, expected);
}

static int read_code(struct control_request *r, const json_t *o, struct err *e)
{
    const json_t *v = json_object_get(o, "code");
    if (!json_is_string(v))
        return wrong(e, "code", v, "a string");
    r->code = (struct bytes){json_string_value(v), json_string_length(v)};
    return 0;
}

static int read_eval(struct control_request *r, const json_t *o, struct err *e)
{
    int64_t width = CONTROL_WIDTH_DEFAULT;
    const json_t *as_json = json_object_get(o, "json");
    if (read_code(r, o, e) != 0)
        return -1;
    if (json_object_get(o, "width") != NULL &&
        read_integer(o, "width", CONTROL_WIDTH_MIN, CONTROL_WIDTH_MAX, &width, e) != 0)
        return -1;
    if (as_json != NULL && !json_is_boolean(as_json))
        return wrong(e, "json", as_json, "true or false");
    r->width = (int)width;
    r->json = json_is_true(as_json);
    return 0;
}

static int read_complete(struct control_request *r, const json_t *o, struct err *e)
{
    int64_t cursor = 0;
    if (read_code(r, o, e) != 0 || read_integer(o, "cursor", 0, (int64_t)r->code.len, &cursor, e) != 0)
        return -1;
    r->cursor = (size_t)cursor;
    if (utf8_valid_prefix((struct bytes){r->code.data, r->cursor}) != r->cursor)
        return err_set(e, ERR_INPUT, 400, "'cursor' is %" PRId64 ", inside a character; expected the offset of one",
                       cursor);
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

static int read_document(struct control_request *r, struct bytes line, struct err *e)
{
    json_error_t why;
    unsigned long failures = memory_failures();
    size_t good = utf8_valid_prefix(line);
    if (good != line.len)
        return err_set(e, ERR_INPUT, 400, "the line is not UTF-8 from byte %zu on; expected JSON in UTF-8", good + 1);
    const char *nul = memchr(line.data, '\0', line.len);
    if (nul != NULL) /* Jansson passes over one behind a number */
        return err_set(e, ERR_INPUT, 400, "byte %zu of the line is a NUL; expected JSON",
                       (size_t)(nul - line.data) + 1);
    json_t *o = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    r->document = o;
    if (o == NULL && memory_failures() != failures)
        return err_memory(e); /* Jansson may say anything of the line then */
    if (o == NULL)
        return err_set(e, ERR_INPUT, 400, "the line is no JSON: column %d: %.*s; expected one object a line",
                       why.column, (int)utf8_valid_prefix(bytes_of(why.text)), why.text);
    if (!json_is_object(o))
        return err_set(e, ERR_INPUT, 400, "the line is %s; expected an object", kind_of(o));
    return 0;
}

static int read_op(struct control_request *r, const json_t *o, struct err *e)
{
    const json_t *v = json_object_get(o, "op");
    for (size_t i = 0; json_is_string(v) && i < sizeof OPS / sizeof *OPS; i++)
        if (bytes_equal((struct bytes){json_string_value(v), json_string_length(v)}, bytes_of(OPS[i].name))) {
            r->op = (enum control_op)i;
            return 0;
        }
    return wrong(e, "op", v, "\"eval\", \"complete\" or \"cancel\"");
}

static int check_members(json_t *o, enum control_op op, struct err *e)
{
    const char *name;
    json_t *value;
    json_object_foreach(o, name, value)
    {
        size_t i = 0;
        while (OPS[op].members[i] != NULL && strcmp(OPS[op].members[i], name) != 0)
            i++;
        if (OPS[op].members[i] == NULL)
            return unknown_member(e, name, op);
    }
    return 0;
}

int control_request_read(struct control_request *r, struct bytes line, struct err *e)
{
    int64_t id;
    *r = (struct control_request){0};
    if (read_document(r, line, e) != 0)
        return -1;
    json_t *o = r->document;
    if (read_op(r, o, e) != 0 || read_integer(o, "id", 1, INT64_MAX, &id, e) != 0)
        return -1;
    r->id = id;
    if (check_members(o, r->op, e) != 0)
        return -1;
    if (r->op == CONTROL_EVAL)
        return read_eval(r, o, e);
    if (r->op == CONTROL_COMPLETE)
        return read_complete(r, o, e);
    return read_integer(o, "target", 1, INT64_MAX, &r->target, e);
}

void control_request_fini(struct control_request *r)
{
    json_decref(r->document);
    r->document = NULL;
}
