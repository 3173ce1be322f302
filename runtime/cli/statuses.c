#include "cli/statuses.h"

#include "cli/cli.h"

#include <stdlib.h>

int statuses_parse(struct statuses *s, const char *command, const char *list)
{
    s->count = 0;
    for (const char *p = list; p != NULL; p = *p == ',' ? p + 1 : NULL) {
        char *end;
        long status = strtol(p, &end, 10);
        if (end == p || status < 200 || status > 599 || (*end != ',' && *end != '\0') || s->count == STATUSES_MAX)
            return cli_misuse(
                command, "--status: found '%s'; expected statuses from 200 to 599 with commas, as in 503,200", list);
        s->items[s->count++] = (int)status;
        p = end;
    }
    return -1;
}
