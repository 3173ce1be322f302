#include "core/json_write.h"
#include "net/call.h"

#include <stdlib.h>
#include <string.h>

enum { UNANSWERED_MAX = 1024, REJECTED_SHOWN = 1000 };

struct rejected {
    uint64_t line;
    char *error;
};

struct api_batch {
    struct api_call *call;
    struct buf line; /* the piece of a line that came with the last bytes */
    bool line_too_long;
    uint64_t number; /* lines begun */
    size_t unanswered, total;
    uint64_t accepted, duplicates, rejected_total, refused; /* refused: by the store, of the rejected */
    struct rejected *rejected;
    size_t rejected_count;
    bool ended, too_long;
};

struct api_batch *batch_new(struct api_call *c)
{
    struct api_batch *b = calloc(1, sizeof *b);
    if (b != NULL)
        b->call = c;
    return b;
}

void batch_free(struct api_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->rejected_count; i++)
        free(b->rejected[i].error);
    free(b->rejected);
    buf_fini(&b->line);
    free(b);
}

/* --- the answer ----------------------------------------------------------------------------------------------- */

static int by_line(const void *a, const void *b)
{
    const struct rejected *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

static void put_counts(struct api_batch *b, struct json_write *w)
{
    if (b->rejected_count > 0)
        qsort(b->rejected, b->rejected_count, sizeof *b->rejected, by_line);
    json_write_int(w, "accepted", (int64_t)b->accepted);
    json_write_int(w, "duplicates", (int64_t)b->duplicates);
    json_write_array(w, "rejected");
    for (size_t i = 0; i < b->rejected_count; i++) {
        json_write_object(w, NULL);
        json_write_int(w, "line", (int64_t)b->rejected[i].line);
        json_write_str(w, "error", b->rejected[i].error);
        json_write_end(w);
    }
    json_write_end(w);
    if (b->rejected_total > b->rejected_count)
        json_write_int(w, "rejected_total", (int64_t)b->rejected_total);
}

static void answer_too_long(struct api_batch *b)
{
    struct buf text;
    struct json_write w;
    buf_init(&text);
    json_write_init(&w, &text);
    json_write_object(&w, NULL);
    json_write_str(&w, "type", "about:blank");
    json_write_str(&w, "title", "Content Too Large");
    json_write_int(&w, "status", 413);
    json_write_str(
        &w, "detail",
        "the batch is longer than a batch may be: what stands before that was processed, send the rest again");
    put_counts(b, &w);
    json_write_end(&w);
    call_answer_text(b->call, 413, "application/problem+json", &text);
}

static void answer(struct api_batch *b)
{
    struct err e;
    if (b->too_long) {
        answer_too_long(b);
        return;
    }
    if (b->refused > 0 && b->refused == b->rejected_total && b->accepted + b->duplicates == 0) {
        err_set(&e, ERR_STORE, 0, "%s", b->rejected_count > 0 ? b->rejected[0].error : "the store takes no event now");
        api_problem(b->call, &e);
        return;
    }
    struct buf text;
    struct json_write w;
    buf_init(&text);
    json_write_init(&w, &text);
    json_write_object(&w, NULL);
    put_counts(b, &w);
    json_write_end(&w);
    api_answer(b->call, 202, &text);
}

/* --- lines in, results back ----------------------------------------------------------------------------------- */

static void reject(struct api_batch *b, uint64_t line, const struct err *e)
{
    b->rejected_total++;
    b->refused += e->domain == ERR_STORE;
    if (b->rejected_count == REJECTED_SHOWN)
        return;
    if ((b->rejected_count & (b->rejected_count + 1)) == 0 || b->rejected == NULL) {
        struct rejected *more = realloc(b->rejected, (b->rejected_count + 1) * 2 * sizeof *more);
        if (more == NULL)
            return; /* counted all the same */
        b->rejected = more;
    }
    char *text = strdup(e->message);
    if (text != NULL)
        b->rejected[b->rejected_count++] = (struct rejected){line, text};
}

void api_batch_line(struct api_batch *b, uint64_t line, enum api_line_result result, const struct err *e)
{
    b->unanswered--;
    if (result == API_LINE_REJECTED)
        reject(b, line, e);
    else if (result == API_LINE_DUPLICATE)
        b->duplicates++;
    else
        b->accepted++;
    if (b->call->suspended && batch_may_resume(b))
        call_resume(b->call);
}

static bool has_room(const struct api_batch *b)
{
    struct err why;
    const struct server_options *o = &b->call->server->options;
    return b->unanswered < UNANSWERED_MAX && o->ops->may_accept(o->ud, &why);
}

bool batch_may_resume(const struct api_batch *b)
{
    if (b->ended)
        return b->unanswered == 0;
    return b->unanswered <= UNANSWERED_MAX / 2 && has_room(b);
}

static struct bytes without_return(struct bytes line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool blank(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t')
            return false;
    return true;
}

static void reject_long(struct api_batch *b)
{
    struct err e;
    err_set(&e, ERR_INPUT, 413, "the event is longer than %zu bytes", b->call->server->options.event_max);
    reject(b, b->number, &e);
}

/* One whole line; there is room for it. */
static void take(struct api_batch *b, struct bytes line)
{
    const struct server_options *o = &b->call->server->options;
    b->number++;
    line = without_return(line);
    if (b->line_too_long || line.len > o->event_max)
        reject_long(b);
    else if (!blank(line)) {
        b->unanswered++;
        o->ops->batch_line(o->ud, line, b, b->number);
    }
    b->line_too_long = false;
}

/* Keeps the beginning of a line; of one that is too long only that it is. */
static void keep(struct api_batch *b, const char *data, size_t len)
{
    if (b->line.len + len > b->call->server->options.event_max + 1 || buf_append(&b->line, data, len) != 0) {
        b->line_too_long = true;
        buf_clear(&b->line);
    }
}

static void take_with_beginning(struct api_batch *b, const char *data, size_t len)
{
    if (b->line.len == 0) {
        take(b, (struct bytes){data, len});
        return;
    }
    if (!b->line_too_long)
        keep(b, data, len);
    take(b, buf_view(&b->line));
    buf_clear(&b->line);
}

size_t batch_feed(struct api_batch *b, const char *data, size_t len)
{
    size_t done = 0;
    while (done < len && !b->too_long) {
        const char *end = memchr(data + done, '\n', len - done);
        size_t piece = end == NULL ? len - done : (size_t)(end - (data + done));
        if (end != NULL && !has_room(b))
            return done;
        b->total += piece + (end != NULL);
        if (b->total > b->call->server->options.batch_max) {
            b->too_long = true;
            break;
        }
        if (end == NULL) {
            if (!b->line_too_long)
                keep(b, data + done, piece);
            return len;
        }
        take_with_beginning(b, data + done, piece);
        done += piece + 1;
    }
    return len;
}

bool batch_end(struct api_batch *b)
{
    if (!b->ended && !b->too_long && (b->line.len > 0 || b->line_too_long)) {
        if (!has_room(b))
            return false;
        take(b, buf_view(&b->line));
        buf_clear(&b->line);
    }
    b->ended = true;
    if (b->unanswered > 0)
        return false;
    answer(b);
    return true;
}
