#include "cli/batch.h"

#include "cli/ask.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536, PIECE = 4 << 20, LINE_LIMIT = 15 << 20 };
static const int64_t PIECE_TIMEOUT_MS = 300000; /* the daemon holds a batch back while its store is full */

struct batch {
    const char *path;
    struct ask ask;
    int fd;
    bool ended;
    bool json;
    struct buf text;
    uint64_t lines; /* of the pieces that are sent */
    json_int_t accepted, duplicates;
    uint64_t rejected_count;
    json_t *rejected; /* for --json */
};

static const char *name_of(const struct batch *b)
{
    return strcmp(b->path, "-") == 0 ? "standard input" : b->path;
}

/* --- the answers ----------------------------------------------------------------------------------------------- */

/* The daemon counts the lines of a piece; people, those of the file. */
static int keep_rejected(struct batch *b, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        json_int_t line = json_integer_value(json_object_get(one, "line")) + (json_int_t)b->lines;
        b->rejected_count++;
        if (!b->json)
            cli_say("emit", "%s:%" JSON_INTEGER_FORMAT ": %s", name_of(b), line, ask_text(one, "error"));
        else if (json_object_set_new(one, "line", json_integer(line)) != 0 || json_array_append(b->rejected, one) != 0)
            return -1;
    }
    return 0;
}

static int send_piece(struct batch *b, size_t len)
{
    struct client_answer a;
    json_t *root;
    b->ask.body = (struct bytes){b->text.data, len};
    int code = ask_json(&b->ask, "/v1/events", &a, &root);
    if (code != EXIT_OK)
        return code;
    b->accepted += json_integer_value(json_object_get(root, "accepted"));
    b->duplicates += json_integer_value(json_object_get(root, "duplicates"));
    if (keep_rejected(b, json_object_get(root, "rejected")) != 0) {
        cli_say("emit", "out of memory");
        code = EXIT_FAILED;
    }
    for (size_t i = 0; i < len; i++)
        b->lines += b->text.data[i] == '\n';
    json_decref(root);
    buf_fini(&a.body);
    return code;
}

/* --- the pieces ------------------------------------------------------------------------------------------------ */

/* More is there to be read without waiting. */
static bool more_at_hand(const struct batch *b)
{
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static int read_some(struct batch *b, struct err *e)
{
    if (buf_reserve(&b->text, CHUNK) != 0)
        return err_memory(e);
    ssize_t n = read(b->fd, b->text.data + b->text.len, CHUNK);
    if (n < 0 && errno != EINTR)
        return err_system(e, errno, "cannot read %s", name_of(b));
    b->ended = n == 0;
    b->text.len += n > 0 ? (size_t)n : 0;
    return 0;
}

/* Bytes up to the last line break; at the end of the file all of it. */
static size_t whole_lines(const struct batch *b)
{
    if (b->ended)
        return b->text.len;
    const char *last = b->text.len > 0 ? memrchr(b->text.data, '\n', b->text.len) : NULL;
    return last != NULL ? (size_t)(last - b->text.data) + 1 : 0;
}

static int fill(struct batch *b, struct err *e)
{
    do {
        if (read_some(b, e) != 0)
            return -1;
        if (whole_lines(b) == 0 && b->text.len > LINE_LIMIT)
            return err_set(e, ERR_INPUT, 413, "%s:%" PRIu64 ": the line is over %d MiB long", name_of(b), b->lines + 1,
                           LINE_LIMIT >> 20);
    } while (!b->ended && (whole_lines(b) == 0 || (b->text.len < PIECE && more_at_hand(b))));
    return 0;
}

static int send_all(struct batch *b)
{
    struct err e;
    while (!b->ended) {
        err_clear(&e);
        if (fill(b, &e) != 0)
            return cli_fail("emit", &e);
        size_t len = whole_lines(b);
        int code = len > 0 ? send_piece(b, len) : EXIT_OK;
        if (code != EXIT_OK)
            return code;
        buf_drop(&b->text, len);
    }
    return EXIT_OK;
}

/* --- the sum --------------------------------------------------------------------------------------------------- */

static void print_sum(const struct batch *b)
{
    if (!b->json) {
        printf("%" JSON_INTEGER_FORMAT " accepted", b->accepted);
        if (b->duplicates > 0)
            printf(", %" JSON_INTEGER_FORMAT " duplicate%s", b->duplicates, b->duplicates == 1 ? "" : "s");
        if (b->rejected_count > 0)
            printf(", %" PRIu64 " rejected", b->rejected_count);
        putchar('\n');
        return;
    }
    printf("{\"accepted\":%" JSON_INTEGER_FORMAT ",\"duplicates\":%" JSON_INTEGER_FORMAT ",\"rejected\":", b->accepted,
           b->duplicates);
    json_dumpf(b->rejected, stdout, JSON_COMPACT);
    puts("}");
}

static int run(struct batch *b)
{
    int code = send_all(b);
    /* What was accepted before a failure is accepted: say so in any case. */
    if (code == EXIT_OK || b->lines > 0)
        print_sum(b);
    return code == EXIT_OK && b->rejected_count > 0 ? EXIT_FAILED : code;
}

int batch_send(const char *state, const char *path, bool json)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct err e;
    struct batch b = {
        .path = path,
        .json = json,
        .ask = {.command = "emit",
                .state = state,
                .method = "POST",
                .type = "application/x-ndjson",
                .timeout_ms = PIECE_TIMEOUT_MS},
        .fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC),
        .rejected = json_array(),
    };
    int code = EXIT_FAILED;
    buf_init(&b.text);
    if (b.fd < 0) {
        err_system(&e, errno, "cannot open %s", path);
        cli_fail("emit", &e);
    } else if (b.rejected == NULL)
        cli_say("emit", "out of memory");
    else
        code = run(&b);
    if (b.fd >= 0 && !is_stdin)
        close(b.fd);
    json_decref(b.rejected);
    buf_fini(&b.text);
    return code;
}
