#include "core/json_write.h"
#include "net/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNANSWERED_MAX = 1024,
    REJECTED_SHOWN = 1000,
    /* Of all batches in one turn of the loop. Deliveries end in the same turn, so what comes in does not run far ahead
     * of what goes out, where it would have to be read from the store again. */
    LINES_A_TURN = 64,
};

struct rejected {
    uint64_t line;
    char *error;
};

enum cut { CUT_NOT, CUT_LENGTH, CUT_STOP };

struct api_batch {
    struct api_call *call;          /* NULL: it has ended, lines are still unanswered */
    struct api_batch *next, **link; /* among those without a call */
    struct server *server;
    struct buf line;               /* the piece of a line that came with the last bytes */
    bool line_too_long, line_lost; /* lost: there was no memory for it */
    uint64_t number;               /* lines begun */
    size_t unanswered, total;
    uint64_t accepted, duplicates, rejected_total, refused; /* refused: by the store, for want of memory */
    struct rejected *rejected;
    size_t rejected_count;
    bool ended;
    enum cut cut;
};

struct api_batch *batch_new(struct api_call *c)
{
    struct api_batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->call = c;
    b->server = c->server;
    return b;
}

static void batch_free(struct api_batch *b)
{
    for (size_t i = 0; i < b->rejected_count; i++)
        free(b->rejected[i].error);
    free(b->rejected);
    buf_fini(&b->line);
    free(b);
}

static void batch_free_one_left(struct api_batch *b)
{
    *b->link = b->next;
    if (b->next != NULL)
        b->next->link = b->link;
    batch_free(b);
}

void batch_leave(struct api_batch *b)
{
    if (b == NULL)
        return;
    if (b->unanswered == 0) {
        batch_free(b);
        return;
    }
    struct server *s = b->call->server;
    b->call = NULL;
    b->next = s->left;
    b->link = &s->left;
    if (s->left != NULL)
        s->left->link = &b->next;
    s->left = b;
}

void batch_free_left(struct server *s)
{
    while (s->left != NULL)
        batch_free_one_left(s->left);
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

/* Not all of it was taken: what the client may send again begins at the line after the last one taken. */
static void answer_cut(struct api_batch *b)
{
    struct buf text;
    struct json_write w;
    char detail[200];
    bool long_one = b->cut == CUT_LENGTH;
    int status = long_one ? 413 : 503;
    snprintf(detail, sizeof detail, "%s: the lines before line %" PRIu64 " were processed; send it and the rest again",
             long_one ? "the batch is too long" : "the runtime is stopping", b->number + 1);
    buf_init(&text);
    call_problem_begin(&w, &text, status, detail);
    put_counts(b, &w);
    json_write_end(&w);
    call_answer_text(b->call, status, CALL_PROBLEM_TYPE, &text);
}

static void answer(struct api_batch *b)
{
    struct err e;
    if (b->cut != CUT_NOT) {
        answer_cut(b);
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
    b->refused += e->domain == ERR_STORE || e->domain == ERR_MEMORY;
    if (b->rejected_count == REJECTED_SHOWN)
        return;
    if ((b->rejected_count & (b->rejected_count + 1)) == 0 || b->rejected == NULL) {
        struct rejected *more = realloc(b->rejected, (b->rejected_count + 1) * 2 * sizeof *more);
        if (more == NULL)
            return; /* counted all the same */
        b->rejected = more;
    }
    struct rejected *r = &b->rejected[b->rejected_count];
    r->line = line;
    r->error = strdup(e->message);
    b->rejected_count += r->error != NULL;
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
    if (b->call != NULL && b->call->suspended && batch_may_resume(b))
        call_resume(b->call);
    else if (b->call == NULL && b->unanswered == 0)
        batch_free_one_left(b);
}

static bool may_accept(const struct api_batch *b)
{
    struct err why;
    return b->server->options.ops->may_accept(b->server->options.ud, &why);
}

/* A server that stops and takes nothing more will not take it later either. */
static bool has_room(struct api_batch *b)
{
    if (b->unanswered >= UNANSWERED_MAX)
        return false;
    if (may_accept(b))
        return true;
    if (b->server->stopping)
        b->cut = CUT_STOP;
    return false;
}

/* Not for every line that is answered: each resume costs a turn. */
bool batch_may_resume(const struct api_batch *b)
{
    if (b->ended || b->cut != CUT_NOT)
        return b->unanswered == 0;
    return b->unanswered <= UNANSWERED_MAX / 2 && (b->server->stopping || may_accept(b));
}

bool batch_is_cut(const struct api_batch *b)
{
    return b->cut != CUT_NOT;
}

static struct bytes without_return(struct bytes line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_forgotten(const struct api_batch *b)
{
    return b->line_too_long || b->line_lost;
}

static void reject_unread(struct api_batch *b)
{
    struct err e;
    if (b->line_lost)
        err_memory(&e);
    else
        err_set(&e, ERR_INPUT, 413, "the event is longer than %zu bytes", b->server->options.event_max);
    reject(b, b->number, &e);
}

/* One whole line; there is room for it. */
static void take(struct api_batch *b, struct bytes line)
{
    const struct server_options *o = &b->server->options;
    b->number++;
    line = without_return(line);
    if (is_forgotten(b) || line.len > o->event_max)
        reject_unread(b);
    else if (!bytes_only(line, " \t")) {
        b->unanswered++;
        o->ops->batch_line(o->ud, line, b, b->number);
    }
    b->line_lost = b->line_too_long = false;
}

/* Keeps the beginning of a line; of one that is too long, or lost, only that it is. */
static void keep(struct api_batch *b, const char *data, size_t len)
{
    b->line_too_long = b->line.len + len > b->server->options.event_max + 1;
    b->line_lost = !b->line_too_long && buf_append(&b->line, data, len) != 0;
    if (is_forgotten(b))
        buf_clear(&b->line);
}

static void take_with_beginning(struct api_batch *b, const char *data, size_t len)
{
    if (b->line.len == 0) {
        take(b, (struct bytes){data, len});
        return;
    }
    if (!is_forgotten(b))
        keep(b, data, len);
    take(b, buf_view(&b->line));
    buf_clear(&b->line);
}

static bool turn_is_over(const struct api_batch *b)
{
    return b->server->lines >= LINES_A_TURN && !b->server->stopping;
}

static void count_line(struct server *s)
{
    if (s->lines++ == 0)
        ev_idle_start(s->httpd.loop, &s->next_turn);
}

/* False: the batch is too long, and ends here. */
static bool take_line(struct api_batch *b, const char *data, size_t len)
{
    b->total += len + 1;
    if (b->total > b->server->options.batch_max) {
        b->cut = CUT_LENGTH;
        return false;
    }
    take_with_beginning(b, data, len);
    count_line(b->server);
    return true;
}

static void keep_rest(struct api_batch *b, const char *data, size_t len)
{
    b->total += len;
    if (b->total > b->server->options.batch_max)
        b->cut = CUT_LENGTH;
    else if (!is_forgotten(b))
        keep(b, data, len);
}

size_t batch_feed(struct api_batch *b, const char *data, size_t len)
{
    for (size_t done = 0; done < len && b->cut == CUT_NOT;) {
        const char *end = memchr(data + done, '\n', len - done);
        if (end == NULL) {
            keep_rest(b, data + done, len - done);
            return len;
        }
        if (turn_is_over(b) || !has_room(b))
            return b->cut == CUT_NOT ? done : len;
        if (!take_line(b, data + done, (size_t)(end - (data + done))))
            return len;
        done = (size_t)(end - data) + 1;
    }
    return len;
}

bool batch_end(struct api_batch *b)
{
    bool last = !b->ended && b->cut == CUT_NOT && (b->line.len > 0 || is_forgotten(b));
    if (last && has_room(b)) {
        take(b, buf_view(&b->line));
        buf_clear(&b->line);
    } else if (last && b->cut == CUT_NOT)
        return false;
    b->ended = true;
    if (b->unanswered > 0)
        return false;
    answer(b);
    return true;
}
