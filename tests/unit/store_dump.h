/*
 * store_dump: what a database holds, as a number: two with the same number hold the same rows.
 *
 * What was in flight at a crash is left out, and counted: a database before it was settled and one after have the same
 * number, when all was settled at `settled_ms` and nothing else has changed.
 */
#ifndef STORE_DUMP_H
#define STORE_DUMP_H

#include "core/attempt.h"
#include "core/delivery.h"
#include "core/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct store_dump {
    uint64_t hash;
    int64_t in_flight;      /* deliveries: SENDING, or settled */
    int64_t in_flight_runs; /* of them, those that a run waits for */
    int64_t last_seq;
};

/* `open`: the rows that no crash touches; `settled`: the same rows, where ?1 is when the others were settled. */
struct dumped {
    const char *table, *columns, *open, *settled;
};

/* Which shelf a delivery is on is a matter of time. */
#define DELIVERY                                                                                                       \
    "seq, id, event, state, attempts, tries, created_ms, first_ms, due_ms, finished_ms, status, error, message, "      \
    "webhook, integration, run, step"

#define IN_FLIGHT "SELECT 1 FROM deliveries d WHERE d.state = 1 AND "

static const struct dumped DUMPED[] = {
    {"deliveries ORDER BY seq", DELIVERY, "state <> 1", "finished_ms <> ?1"},
    {"requests ORDER BY seq", "*", "1", "1"},
    {"attempts ORDER BY key", "*", "1", "started_ms <> ?1"},
    {"events ORDER BY seq", "*", "1", "1"},
    {"runs ORDER BY seq", "*", "NOT EXISTS (" IN_FLIGHT "d.run = t.seq)",
     "NOT EXISTS (SELECT 1 FROM steps s WHERE s.ended_ms = ?1 AND s.key / 65536 = t.seq)"},
    {"inputs ORDER BY run", "*", "1", "1"},
    {"steps ORDER BY key", "*", "NOT EXISTS (" IN_FLIGHT "d.run * 65536 + d.step = t.key)", "ended_ms <> ?1"},
    {"arrivals ORDER BY key, event", "*", "1", "1"},
    {"forms ORDER BY name, form", "*", "1", "1"},
    {"scripts ORDER BY seq", "*", "1", "1"},
    {"purged ORDER BY one", "*", "1", "1"},
};

static inline void dump_add(uint64_t *hash, const void *data, size_t len)
{
    const uint8_t *b = data;
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ b[i]) * 0x100000001b3; /* FNV-1a */
}

static inline void dump_row(uint64_t *hash, sqlite3_stmt *st)
{
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        int type = sqlite3_column_type(st, i), len = sqlite3_column_bytes(st, i);
        dump_add(hash, &type, sizeof type);
        dump_add(hash, &len, sizeof len);
        dump_add(hash, sqlite3_column_blob(st, i), (size_t)len);
    }
    dump_add(hash, "row", 3);
}

/* SQLITE_OK, or what went wrong. */
static inline int dump_query(sqlite3 *db, const char *sql, int64_t settled_ms, uint64_t *hash)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        sqlite3_bind_int64(st, 1, settled_ms);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        dump_row(hash, st);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static inline int dump_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static inline int dump_tables(sqlite3 *db, int64_t settled_ms, uint64_t *hash)
{
    int rc = dump_query(db, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", settled_ms, hash);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof DUMPED / sizeof *DUMPED; i++) {
        char sql[640];
        int name = (int)strcspn(DUMPED[i].table, " ");
        snprintf(sql, sizeof sql, "SELECT %s FROM %.*s AS t WHERE %s %s", DUMPED[i].columns, name, DUMPED[i].table,
                 settled_ms != 0 ? DUMPED[i].settled : DUMPED[i].open, DUMPED[i].table + name);
        rc = dump_query(db, sql, settled_ms, hash);
    }
    return rc;
}

static inline int dump_in_flight(sqlite3 *db, int64_t settled_ms, struct store_dump *out)
{
    char sql[256];
    if (settled_ms == 0)
        snprintf(sql, sizeof sql, "SELECT count(*) FROM deliveries WHERE state = 1");
    else /* as store_open says they are settled */
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM deliveries d JOIN attempts a ON a.key = d.seq * 65536 + d.attempts "
                 "WHERE d.finished_ms = %lld AND d.state = %d AND d.error = %d AND d.message <> '' "
                 "AND a.started_ms = d.finished_ms AND a.error = d.error AND a.class = %d",
                 (long long)settled_ms, DELIVERY_UNKNOWN, ATTEMPT_CRASH, ATTEMPT_AMBIGUOUS);
    int rc = dump_number(db, sql, &out->in_flight);
    if (rc != SQLITE_OK)
        return rc;
    if (settled_ms == 0)
        snprintf(sql, sizeof sql, "SELECT count(*) FROM deliveries WHERE state = 1 AND run <> 0");
    else
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM steps s JOIN runs r ON r.seq = s.key / 65536 "
                 "WHERE s.ended_ms = %lld AND r.state = %d AND r.woken > 0 AND json_extract(s.result, '$.ok') = 0",
                 (long long)settled_ms, RUN_READY);
    return dump_number(db, sql, &out->in_flight_runs);
}

/* SQLITE_OK, or what went wrong; without tables there is nothing. `settled_ms` 0: not settled. */
static inline int dump_take(sqlite3 *db, int64_t settled_ms, struct store_dump *out)
{
    int64_t tables = 0;
    *out = (struct store_dump){.hash = 0xcbf29ce484222325};
    int rc = dump_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc != SQLITE_OK || tables == 0)
        return rc;
    rc = dump_tables(db, settled_ms, &out->hash);
    if (rc == SQLITE_OK)
        rc = dump_in_flight(db, settled_ms, out);
    return rc != SQLITE_OK ? rc
                           : dump_number(db,
                                         "SELECT max(ifnull((SELECT max(seq) FROM deliveries), 0), "
                                         "ifnull((SELECT max(seq) FROM events), 0), "
                                         "ifnull((SELECT max(seq) FROM runs), 0), "
                                         "ifnull((SELECT max(seq) FROM scripts), 0), "
                                         "ifnull((SELECT max(seq) FROM purged), 0))",
                                         &out->last_seq);
}

static inline void dump_expect_sound(sqlite3 *db)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW || strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        fail_msg("integrity_check: %s", sqlite3_errmsg(db));
    sqlite3_finalize(st);
}

#endif
