#include "store/schema.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x616e7a6c /* "anzl": what file(1) and we know the database by */ };

/*
 * A delivery's request stands in a table of its own: it is written once, while the row that is rewritten at each
 * attempt, and read for lists, stays short. Rows without rowid tricks: seq is the rowid, in order of acceptance, so
 * inserts append.
 */
static const char VERSION_1[] =
    "CREATE TABLE deliveries ("
    "  seq INTEGER PRIMARY KEY,"
    "  id BLOB NOT NULL,"
    "  event INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  tries INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  first_ms INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  finished_ms INTEGER NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  error INTEGER NOT NULL,"
    "  webhook TEXT NOT NULL,"
    "  integration TEXT NOT NULL,"
    "  message TEXT NOT NULL"
    ");"
    "CREATE UNIQUE INDEX deliveries_id ON deliveries(id);"
    "CREATE INDEX deliveries_pending ON deliveries(integration, state, due_ms) WHERE state IN (0, 2);"
    "CREATE INDEX deliveries_notable ON deliveries(state) WHERE state NOT IN (0, 3);"
    "CREATE TABLE requests (seq INTEGER PRIMARY KEY, request BLOB NOT NULL);"
    "CREATE TABLE attempts ("
    "  key INTEGER PRIMARY KEY," /* delivery * 65536 + number */
    "  started_ms INTEGER NOT NULL,"
    "  duration_us INTEGER NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  error INTEGER NOT NULL,"
    "  class INTEGER NOT NULL,"
    "  truncated INTEGER NOT NULL,"
    "  message TEXT NOT NULL,"
    "  headers BLOB NOT NULL,"
    "  body BLOB NOT NULL"
    ");"
    "CREATE TABLE events ("
    "  seq INTEGER PRIMARY KEY,"
    "  id BLOB NOT NULL,"
    "  key TEXT," /* NULL: none, or no longer held against a new event */
    "  name TEXT NOT NULL,"
    "  received_ms INTEGER NOT NULL,"
    "  deliveries BLOB NOT NULL," /* their ids, 16 bytes each: outlives them */
    "  body BLOB NOT NULL"
    ");"
    "CREATE UNIQUE INDEX events_key ON events(key) WHERE key IS NOT NULL;";

/*
 * Runs, likewise: the envelope that one began with is written once, beside the row that each advance rewrites. In rows
 * with texts of any length those stand last, so that the numbers are read without walking along them.
 */
static const char VERSION_2[] =
    "ALTER TABLE deliveries ADD COLUMN run INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deliveries ADD COLUMN step INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE events ADD COLUMN runs BLOB NOT NULL DEFAULT x'';" /* their ids, as `deliveries` */
    "CREATE TABLE runs ("
    "  seq INTEGER PRIMARY KEY,"
    "  id BLOB NOT NULL,"
    "  event INTEGER NOT NULL,"
    "  event_id BLOB NOT NULL,"
    "  script INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  steps INTEGER NOT NULL,"
    "  woken INTEGER NOT NULL,"
    "  mark INTEGER NOT NULL," /* of the last advance */
    "  created_ms INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL," /* 0 unless WAITING or SLEEPING */
    "  finished_ms INTEGER NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  key TEXT," /* NULL: none */
    "  message TEXT NOT NULL,"
    "  result BLOB NOT NULL"
    ");"
    "CREATE UNIQUE INDEX runs_id ON runs(id);"
    "CREATE INDEX runs_ready ON runs(state) WHERE " SCHEMA_RUN_READY ";"
    "CREATE INDEX runs_due ON runs(due_ms) WHERE " SCHEMA_RUN_DUE ";"
    /* With the state, so that the one at work comes before those that are queued, and these in order. */
    "CREATE INDEX runs_key ON runs(flow, key, state) WHERE " SCHEMA_RUN_KEYED ";"
    "CREATE INDEX runs_notable ON runs(state) WHERE " SCHEMA_RUN_NOTABLE ";"
    "CREATE TABLE inputs (run INTEGER PRIMARY KEY, envelope BLOB NOT NULL);"
    "CREATE TABLE steps ("
    "  key INTEGER PRIMARY KEY," /* run * 65536 + number */
    "  kind INTEGER NOT NULL,"
    "  ref INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL," /* 0: open */
    "  match TEXT,"                /* what a wait waits for, or has ended by; NULL: nothing, any more */
    "  path TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  result BLOB NOT NULL"
    ");"
    "CREATE INDEX steps_match ON steps(match) WHERE " SCHEMA_STEP_OPEN ";"
    /* What each event brought, for waits that begin a moment later; by event too, with which they go. */
    "CREATE TABLE arrivals (key TEXT NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (key, event)) WITHOUT ROWID;"
    "CREATE INDEX arrivals_event ON arrivals(event);"
    "CREATE TABLE forms (name TEXT NOT NULL, form TEXT NOT NULL, PRIMARY KEY (name, form)) WITHOUT ROWID;"
    "CREATE TABLE scripts ("
    "  seq INTEGER PRIMARY KEY,"
    "  hash BLOB NOT NULL,"
    "  kept INTEGER NOT NULL," /* 1: a run was put under it later than its time */
    "  archive BLOB NOT NULL"
    ");";

/* One row: how far the sequence had come in what is purged. Who has seen a number must not meet it again. */
static const char VERSION_3[] = "CREATE TABLE purged (one INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
                                "INSERT INTO purged(one, seq) VALUES (1, 0);";

/*
 * What a delivery that is accepted, sent and done costs: no index holds it (shelf.h), nor its id (ids.h). On an old
 * database what is pending or notable gets its place, all rows stand below the mark, and those are strays whose numbers
 * are higher than that of a higher id.
 */
static const char VERSION_4[] =
    "ALTER TABLE deliveries ADD COLUMN shelf INTEGER NOT NULL DEFAULT 0;"
    /* As many bytes as an attempt makes the row longer: given up then, so that it is written in its place. */
    "ALTER TABLE deliveries ADD COLUMN room BLOB NOT NULL DEFAULT x'';"
    "UPDATE deliveries INDEXED BY deliveries_pending SET shelf = iif(state = 0, 1, 2) WHERE state IN (0, 2);"
    "UPDATE deliveries INDEXED BY deliveries_notable SET shelf = iif(state = 1, 3, state) WHERE state NOT IN (0, 3);"
    "CREATE TABLE strays (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX strays_seq ON strays(seq);" /* they go with their rows */
    "INSERT INTO strays(id, seq) SELECT id, seq FROM ("
    "  SELECT id, seq, min(seq) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS above"
    "  FROM deliveries INDEXED BY deliveries_id) WHERE above < seq;"
    "DROP INDEX deliveries_id;"
    "DROP INDEX deliveries_pending;"
    "DROP INDEX deliveries_notable;"
    "CREATE INDEX deliveries_pending ON deliveries(integration, shelf, due_ms) WHERE " SCHEMA_PENDING ";"
    "CREATE INDEX deliveries_notable ON deliveries(shelf) WHERE " SCHEMA_NOTABLE ";"
    /* One row: the deliveries up to `above` have their place on a shelf. */
    "CREATE TABLE fresh (one INTEGER PRIMARY KEY, above INTEGER NOT NULL);"
    "INSERT INTO fresh(one, above) SELECT 1, ifnull(max(seq), 0) FROM deliveries;";

/* Step n makes version n + 1 of version n. Append only: a released step never changes. */
static const char *const STEPS[] = {VERSION_1, VERSION_2, VERSION_3, VERSION_4};
enum { VERSION = sizeof STEPS / sizeof STEPS[0] };

static int refuse_stranger(struct sqlite *c, int64_t version, struct err *e)
{
    int64_t application, tables;
    if (sqlite_number(c, "PRAGMA application_id", &application, e) != 0 ||
        sqlite_number(c, "SELECT EXISTS (SELECT 1 FROM sqlite_schema)", &tables, e) != 0)
        return -1;
    if (application == APPLICATION_ID || (application == 0 && version == 0 && tables == 0))
        return 0;
    return err_set(e, ERR_STORE, 0, "%s is a database of another program: choose another folder with --state", c->path);
}

static int check(struct sqlite *c, int64_t *version, struct err *e)
{
    if (sqlite_number(c, "PRAGMA user_version", version, e) != 0 || refuse_stranger(c, *version, e) != 0)
        return -1;
    if (*version <= VERSION)
        return 0;
    return err_set(e, ERR_STORE, 0,
                   "%s was written by a newer anzol (its schema is %lld, this one knows %d): run that version, or "
                   "choose another folder with --state",
                   c->path, (long long)*version, VERSION);
}

static int set_numbers(struct sqlite *c)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d;", VERSION, APPLICATION_ID);
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL);
}

static int migrate(struct sqlite *c, int64_t version, struct err *e)
{
    for (int64_t v = version; v < VERSION; v++)
        if (sqlite_exec(c, STEPS[v], e) != 0)
            return -1;
    int rc = set_numbers(c);
    return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, e);
}

int schema_apply(struct sqlite *c, struct err *e)
{
    int64_t version;
    if (check(c, &version, e) != 0)
        return -1;
    if (version == VERSION)
        return 0;
    if (sqlite_exec(c, "BEGIN IMMEDIATE", e) == 0 && migrate(c, version, e) == 0 && sqlite_exec(c, "COMMIT", e) == 0)
        return 0;
    sqlite_rollback(c);
    return -1;
}

int schema_touch(struct sqlite *c)
{
    int rc = sqlite3_exec(c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = set_numbers(c);
    return rc == SQLITE_OK ? sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL) : rc;
}
