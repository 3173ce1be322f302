#include "cli/envelope.h"

#include "core/json_write.h"

void envelope_write(struct buf *out, const char *name, const char *id, struct bytes data)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_str(&w, "name", name);
    if (id != NULL)
        json_write_str(&w, "id", id);
    json_write_raw(&w, "data", data);
    json_write_end(&w);
}
