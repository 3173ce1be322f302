/*
 * log: one structured line a happening, on one file descriptor.
 *
 *     log_line(&log, LOG_INFO, "delivery.attempt",
 *              LOG_STR("webhook", name), LOG_INT("attempt", 2), LOG_INT("status", 503));
 *
 * Text for a terminal: "12:00:01.234 INFO  delivery.attempt webhook=order_paid attempt=2 status=503"; JSON otherwise,
 * one object a line, keys in the order given after "time", "level", "event". Values are masked by `secrets` when it is
 * set, ids apart: they are the runtime's own. Lines gather in memory and go out at log_flush() (once a turn of the
 * loop) or when 64 KiB have gathered. A log that nobody reads is never waited for: core/outlet.h says what is kept
 * meanwhile and what is dropped. `log.dropped` says how many lines, where they are missing, once what was kept is out.
 */
#ifndef ANZOL_CORE_LOG_H
#define ANZOL_CORE_LOG_H

#include "core/buf.h"
#include "core/outlet.h"
#include "core/uuid.h"

struct secrets;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };
enum { LOG_CLOCK_SIZE = 20 /* "2026-11-23T12:00:01" and the NUL */ };

struct log {
    struct outlet outlet;
    enum log_level level;
    enum log_format format;
    bool color;
    const struct secrets *secrets;
    struct buf out;   /* gathered; then it is the outlet's */
    uint64_t dropped; /* lines, since the start */
    uint64_t told;    /* of these, in `log.dropped` */
    int64_t clock_ms; /* the beginning of the second that `clock` says */
    char clock[LOG_CLOCK_SIZE];
    int64_t (*wall_ms)(void); /* the clock; NULL: the system's */
};

enum log_field_kind {
    LOG_FIELD_END,
    LOG_FIELD_STR,
    LOG_FIELD_BYTES,
    LOG_FIELD_UUID,
    LOG_FIELD_INT,
    LOG_FIELD_DURATION_US,
    LOG_FIELD_BOOL
};

struct log_field {
    const char *key;
    struct bytes before; /* what stands before the value in JSON; empty: the key is not of ours, and is escaped */
    enum log_field_kind kind;
    struct bytes s;
    int64_t n;
};

/* The key is a literal that needs no escape. */
#define LOG_KEY(k, suffix) .key = (k), .before = {",\"" k suffix "\":", sizeof ",\"" k suffix "\":" - 1}

#define LOG_STR(k, v)                                                                                                  \
    ((struct log_field){LOG_KEY(k, ""), .kind = LOG_FIELD_STR, .s = bytes_of(v)}) /* left out when "" or NULL */
#define LOG_BYTES(k, v) ((struct log_field){LOG_KEY(k, ""), .kind = LOG_FIELD_BYTES, .s = (v)})
/* Of a `const struct uuid *`. */
#define LOG_UUID(k, v)                                                                                                 \
    ((struct log_field){LOG_KEY(k, ""), .kind = LOG_FIELD_UUID, .s = {(const char *)(v)->b, UUID_SIZE}})
#define LOG_INT(k, v) ((struct log_field){LOG_KEY(k, ""), .kind = LOG_FIELD_INT, .n = (v)})
#define LOG_DURATION_US(k, v)                                                                                          \
    ((struct log_field){LOG_KEY(k, "_ms"), .kind = LOG_FIELD_DURATION_US, .n = (v)}) /* JSON: "KEY_ms": 1.234 */
#define LOG_BOOL(k, v) ((struct log_field){LOG_KEY(k, ""), .kind = LOG_FIELD_BOOL, .n = (v)})

/* Text and colour on a terminal, JSON otherwise; LOG_INFO. */
void log_init(struct log *l, int fd);
/* Flushes, and waits for a reader for no longer than a second. */
void log_fini(struct log *l);
/* Nothing is composed for a level that is not written. */
#define log_line(l, level, event, ...)                                                                                 \
    (log_takes((l), (level)) ? log_fields((l), (level), (event), (const struct log_field[]){__VA_ARGS__, {0}})         \
                             : (void)0)
static inline bool log_takes(const struct log *l, enum log_level level)
{
    return level >= l->level;
}
/* `fields` ends with one whose key is NULL. */
void log_fields(struct log *l, enum log_level level, const char *event, const struct log_field *fields);
/* Writes what can be written now. */
void log_flush(struct log *l);
/* Whether it is to be flushed again soon, though there are no new lines: the reader was not quick enough. */
bool log_waits(struct log *l);
/* One that gathers for another: in its form, of its levels, for log_take(); it writes nothing itself. */
void log_init_beside(struct log *l, const struct log *other);
/* Takes over what `from` has gathered. Its lines are masked once more, whole: `from` knows only the secrets of its
 * load. */
void log_take(struct log *l, struct log *from);
/* For another thread: writes what `beside` has gathered, among the lines of `l`. When that is not possible at once it
 * is lost. */
void log_offer(struct log *l, struct log *beside);

#endif
