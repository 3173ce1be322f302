/*
 * generation: one successfully loaded set of scripts: a Lua state of its own, sandboxed, with what the scripts defined.
 *
 * Loading runs the scripts in registration-only mode and validates everything; all mistakes come back together.
 * Rendering is synchronous and bounded (CPU and memory): a body function that runs away fails that delivery alone. No
 * function here does I/O but generation_load(), which reads files. One thread at a time: one generation may be loaded
 * on another thread than those at work, with secrets and a log of its own, and is handed over by generation_adopt().
 */
#ifndef ANZOL_SCRIPT_GENERATION_H
#define ANZOL_SCRIPT_GENERATION_H

#include "core/buf.h"
#include "core/err.h"
#include "core/retry.h"
#include "core/run.h"
#include "core/uuid.h"

struct generation;
struct secrets;
struct seen;
struct log;

struct generation_options {
    const char *const *paths; /* files, or folders of *.lua */
    size_t path_count;
    struct bytes archive;            /* given: instead of the paths, what generation_archive() said once */
    struct seen *seen;               /* gets what the load has read, also of one that fails; NULL: not wanted */
    bool console;                    /* it is to be a console's: what that needs is read too */
    struct secrets *secrets;         /* secret "NAME" is looked up here (secrets_load) while loading */
    bool secrets_optional;           /* `check --no-secrets`: a missing secret is no error */
    const char *secret_placeholder;  /* in the place of one that is missing; NULL: none */
    struct log *log;                 /* where the scripts' log() goes; NULL: nowhere */
    struct uuid (*new_id)(void *ud); /* a delivery's id, for each rendering */
    int64_t (*wall_ms)(void *ud);
    /* The forms (store/runs.h) in which events of that name are waited for, with a NUL between each; data NULL: nobody
     * waits. NULL: as if nobody ever did. */
    struct bytes (*forms)(void *ud, struct bytes name);
    /* The last reference has ended: generation_free(), at once or later, on any thread. NULL: at once. */
    void (*discard)(void *ud, struct generation *g);
    void *ud;
};

/*
 * 0 and *out, or -1: `errors` holds the mistakes, one "file:line: message" a line, and `e` a summary. Warnings that do
 * not stop a load are appended to `errors` too when it succeeds.
 */
int generation_load(const struct generation_options *o, struct generation **out, struct buf *errors, struct err *e);
/* From here on it works with the callbacks, secrets and log of `o`: for one that was loaded on another thread. */
void generation_adopt(struct generation *g, const struct generation_options *o);
void generation_ref(struct generation *g);
void generation_unref(struct generation *g);
void generation_free(struct generation *g); /* for discard() */
/* The texts it was loaded from, in one run of bytes, and their SHA-256; live as long as the generation. */
struct bytes generation_archive(const struct generation *g);
struct bytes generation_hash(const struct generation *g);
/* What is defined, one a line, sorted: kind, name and digest, with tabs between. Lives as long as the generation.
 * Nothing of one from an archive: it is never the one in force. */
struct bytes generation_digests(const struct generation *g);

struct integration_info { /* views live as long as the generation */
    struct bytes name;
    double rate; /* requests per `per_ms`; 0: no limit */
    int64_t per_ms;
    int concurrency; /* exchanges at a time */
};
size_t generation_integration_count(const struct generation *g);
struct integration_info generation_integration(const struct generation *g, size_t i);
size_t generation_webhook_count(const struct generation *g);
size_t generation_flow_count(const struct generation *g);

/* One rendered delivery; views valid during the callback only. */
struct rendered {
    struct uuid id;
    struct bytes webhook, integration;
    struct bytes request; /* core/request.h; empty when `error` is set */
    const char *error;    /* rendering failed: "file:line:column: message"; NULL: fine */
};
struct event_head { /* valid during the calls */
    struct bytes name;
    struct bytes key; /* the client's id; data NULL: none given */
};
/* A run that an event starts; views valid during the callback only. */
struct started {
    struct bytes flow;
    struct bytes key;  /* data NULL: none */
    const char *error; /* the key cannot be had: "file:line: message"; NULL: fine */
};
/* A step that a run asks for and its journal does not have; views valid during the callback only. */
struct asked_step {
    int number;
    enum step_kind kind;
    struct bytes path, name;
    struct bytes match, form; /* STEP_WAIT */
    int64_t due_ms;           /* 0: none */
    int64_t ended_ms;         /* 0: it is waited for */
    struct bytes result;      /* of one that has ended */
    bool has_delivery;        /* the last one that was told */
};
struct render_sink {
    /* Once per event, before its deliveries. Not called by generation_call(). */
    void (*on_event)(void *ud, const struct event_head *h);
    void (*on_delivery)(void *ud, const struct rendered *r);
    /* May be NULL where no run can come. */
    void (*on_run)(void *ud, const struct started *s);
    /* What the event brings to runs that wait for it: store/runs.h. */
    void (*on_key)(void *ud, struct bytes key);
    void (*on_step)(void *ud, const struct asked_step *s);
    void *ud;
};

/*
 * An event envelope {"name", "id"?, "data"?}: renders a delivery for every webhook with `on` = name and tells a run for
 * every such flow, in order of system name. -1 with ERR_INPUT 400 for what is wrong with the envelope (line and column
 * for JSON); a rendering that fails is no failure here: it comes as a `rendered` with `error`.
 */
int generation_event(struct generation *g, struct bytes envelope, const struct render_sink *sink, struct err *e);
/* One webhook with JSON data (empty: {}). ERR_INPUT 404 with the nearest name, 400 bad JSON, 422 the rendering failed.
 */
int generation_call(struct generation *g, const char *webhook, struct bytes data, const struct render_sink *sink,
                    struct err *e);
/* One run of a flow, from an envelope that was good once. ERR_INPUT 404: no such flow. */
int generation_start(struct generation *g, struct bytes flow, struct bytes envelope, const struct render_sink *sink,
                     struct err *e);
/* The request as it would be sent, as JSON, secrets masked. Errors as generation_call(). */
int generation_preview(struct generation *g, const char *webhook, struct bytes data, struct buf *json, struct err *e);
/* One template rendered: `as` is "text", "json", "form", "url", "header" or "xml". ERR_INPUT 422 with line:column. `g`
 * may be a generation without scripts. */
int generation_template(struct generation *g, struct bytes text, const char *as, struct bytes data, struct buf *out,
                        struct err *e);
/* What scripts may say, as a text: `as` is "api_markdown" or "api_stubs" (for editors). */
int generation_api(struct generation *g, const char *as, struct buf *out, struct err *e);
/* {"integrations": […]}, {"webhooks": […]} or {"flows": […]}: what is defined, headers masked. */
int generation_list(struct generation *g, const char *what, struct buf *json, struct err *e);
/*
 * Variables a webhook reads from a response (its `response` field), as a JSON object appended to `out`; nothing
 * appended when it has none. `truncated`: the body was cut at the cap. -1: the mapping failed (its place in the
 * message).
 */
int generation_vars(struct generation *g, struct bytes webhook, int status, struct bytes headers, struct bytes body,
                    bool truncated, struct buf *out, struct err *e);
/*
 * What a webhook's own rule (`success`, `on_response`) makes of the answer of an attempt; JUDGED_DEFAULT when it has
 * none. The words for what is no success are appended to `message`, of any length, not masked. -1: a function of the
 * script failed, and `e` says where; `out` and `message` hold what is left without it, and are to be used all the same.
 */
int generation_judge(struct generation *g, struct bytes webhook, const struct attempt *a, struct retry_judgement *out,
                     struct buf *message, struct err *e);

/* The number of bytes its Lua state holds. */
size_t generation_memory(const struct generation *g);

#endif
