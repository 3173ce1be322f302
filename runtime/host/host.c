#include "host/host.h"

#include "core/pulse.h"
#include "core/secrets.h"
#include "core/units.h"
#include "host/api.h"
#include "host/backlog.h"
#include "host/folder.h"
#include "host/loop.h"
#include "host/manage.h"
#include "host/rates.h"
#include "host/recall.h"
#include "host/reload.h"
#include "host/scripts.h"
#include "host/sessions.h"
#include "host/watchdog.h"
#include "host/watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct host {
    struct ev_loop *loop;
    char *state;
    char token[FOLDER_TOKEN_SIZE];
    struct log *log;
    struct secrets *secrets;
    struct timers timers;
    struct env env;
    struct dispatch dispatch;
    struct backlog backlog;
    struct builder *builder;
    struct scripts scripts;
    struct runs runs;
    struct intake intake;
    struct reload reload;
    struct watching watching;
    struct api api;
    struct sessions sessions;
    struct server *server;
    struct loop turns;
    struct watchdog watchdog;
    bool stopping;
    struct timer stop_by; /* a client that never reads its answer does not keep the process */
    int64_t stop_by_ns;
};

static const int64_t STOP_WITHIN_NS = 40 * NS_PER_S;

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/* On a thread of the store or the builder. */
static void wake_loop(void *ud)
{
    struct host *h = ud;
    loop_wake(&h->turns);
}

static void stop_when_idle(struct host *h)
{
    if (!h->stopping)
        return;
    bool idle = h->sessions.asking == 0 && h->dispatch.in_flight == 0 && store_pending(h->env.store) == 0 &&
                server_open_calls(h->server) == 0;
    if (idle || env_mono_ns() >= h->stop_by_ns)
        ev_break(h->loop, EVBREAK_ALL);
}

static void on_stop_by(struct timer *t, int64_t now_ns)
{
    (void)t, (void)now_ns; /* stop_when_idle() looks once a turn */
}

static void on_woken(void *ud)
{
    struct host *h = ud;
    enum phase before = phase_enter(PHASE_STORE);
    (void)store_dispatch(h->env.store);
    api_relax(&h->api);
    (void)phase_enter(PHASE_RELOAD);
    builder_dispatch(h->builder);
    phase_leave(before);
    if (h->server != NULL)
        server_answer(h->server);
}

static void before_sleep(void *ud)
{
    struct host *h = ud;
    log_flush(h->log);
    stop_when_idle(h);
    if (h->env.store != NULL && store_is_gathering(h->env.store))
        loop_tell_idle(&h->turns);
}

/* While there is work, a commit waits for what comes of it. */
static void on_idle(void *ud)
{
    struct host *h = ud;
    store_flush(h->env.store);
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

/* Private values are in memory while they are used: no core file, no debugger of the same user. */
static void harden(void)
{
    if (getenv("ANZOL_DUMPABLE") == NULL)
        (void)prctl(PR_SET_DUMPABLE, 0);
}

static int start_secrets(struct host *h, const struct host_options *o, struct err *e)
{
    h->secrets = secrets_new(e);
    if (h->secrets == NULL)
        return -1;
    for (size_t i = 0; i < o->env_file_count; i++)
        if (secrets_read_env_file(o->env_files[i], e) != 0)
            return -1;
    h->log->secrets = h->secrets;
    return 0;
}

static struct uuid new_delivery_id(void *ud)
{
    struct host *h = ud;
    return env_new_id(&h->env);
}

static int64_t script_wall_ms(void *ud)
{
    struct host *h = ud;
    return h->env.wall_ms();
}

/* Shows the mistakes (or warnings), one a line. Returns how many. */
static size_t tell(const struct buf *lines)
{
    size_t n = 0;
    for (size_t i = 0; i < lines->len; i++)
        n += lines->data[i] == '\n';
    if (lines->len > 0)
        fprintf(stderr, "%.*s", (int)lines->len, lines->data);
    return n;
}

static struct bytes script_forms(void *ud, struct bytes name)
{
    struct host *h = ud;
    return forms_of(&h->runs.forms, name);
}

static void on_scripts_found(void *ud, const struct generation *g)
{
    struct host *h = ud;
    struct err e;
    if (g != NULL && rates_prepare(&h->dispatch, g, &e) != 0)
        log_line(h->log, LOG_ERROR, "scripts.earlier", LOG_STR("error", e.message));
    if (g != NULL)
        rates_set(&h->dispatch, g, true);
    runs_scripts_found(&h->runs);
    dispatch_go_on(&h->dispatch);
}

static void on_discard(void *ud, struct generation *g)
{
    struct host *h = ud;
    builder_discard(h->builder, g);
}

static void init_scripts(struct host *h, const struct host_options *o)
{
    struct generation_options g = {
        .paths = o->paths,
        .path_count = o->path_count,
        .seen = &h->reload.seen,
        .secrets = h->secrets,
        .secret_placeholder = o->secret_placeholder,
        .log = h->log,
        .new_id = new_delivery_id,
        .wall_ms = script_wall_ms,
        .forms = script_forms,
        .discard = on_discard,
        .ud = h,
    };
    scripts_init(&h->scripts, &h->env, h->builder, &g);
    h->scripts.on_found = on_scripts_found;
    h->scripts.ud = h;
}

static int start_scripts(struct host *h, const struct host_options *o, struct err *e)
{
    struct buf errors;
    init_scripts(h, o);
    buf_init(&errors);
    int rc = scripts_load(&h->scripts, &errors, e);
    size_t lines = tell(&errors);
    if (rc != 0 && lines > 0)
        err_set(e, ERR_SCRIPT, 0, "not started: %zu mistake%s in the scripts", lines, lines == 1 ? "" : "s");
    buf_fini(&errors);
    return rc;
}

static void on_unknown(void *ud, const struct store_delivery *row)
{
    struct host *h = ud;
    log_line(h->log, LOG_WARN, "delivery.unknown", LOG_BYTES("integration", row->integration),
             LOG_BYTES("webhook", row->webhook), LOG_UUID("delivery", &row->id),
             LOG_STR("message", "in flight when the runtime died, and without the transactional id"));
    h->env.counters.unknown++;
}

static int start_store(struct host *h, const struct host_options *o, struct err *e)
{
    struct store_options s = {
        .folder = h->state, .keep_ms = o->keep_ms, .wake = wake_loop, .ud = h, .on_unknown = on_unknown};
    h->env.store = store_open(&s, e);
    if (h->env.store == NULL)
        return -1;
    h->env.last_seq = store_last_seq(h->env.store);
    struct uuid last = store_last_id(h->env.store);
    uuid_follow(&h->env.ids, &last);
    return 0;
}

static int start_transport(struct host *h, const struct host_options *o, struct err *e)
{
    struct transport_options t = {.loop = h->loop, .secrets = h->secrets, .ca_file = o->ca_file, .divert = o->divert};
    h->env.transport = transport_new(&t, e);
    return h->env.transport == NULL ? -1 : 0;
}

static void on_manage(void *ud, int64_t run, const struct uuid *id, int step, struct bytes name)
{
    struct host *h = ud;
    manage(&h->intake, run, id, step, name);
}

/* What was pending when the last run ended goes on, and what flows were in the middle of. */
static int start_recalled(struct host *h, struct err *e)
{
    struct recall r = {
        .loop = h->loop, .env = &h->env, .dispatch = &h->dispatch, .scripts = &h->scripts, .runs = &h->runs};
    runs_init(&h->runs, &h->env, &h->dispatch, &h->scripts);
    h->runs.manage = on_manage;
    h->runs.ud = h;
    if (recall(&r, e) != 0)
        return -1;
    backlog_ask(&h->backlog, &h->dispatch);
    return scripts_keep(&h->scripts, e);
}

static int start_server(struct host *h, const struct host_options *o, struct err *e)
{
    struct server_options s = {.loop = h->loop, .listen = o->listen, .token = h->token, .ops = &api_ops, .ud = &h->api};
    h->server = server_new(&s, e);
    if (h->server == NULL)
        return -1;
    h->api.server = h->server;
    return folder_write_address(h->state, server_address(h->server), e);
}

static void on_final(void *ud, int64_t seq)
{
    struct host *h = ud;
    waiters_final(&h->api.waiters, seq);
}

static void on_step_end(void *ud, const struct live *l, const struct store_step_end *end, const struct attempt *answer)
{
    struct host *h = ud;
    runs_step_ended(&h->runs, l, end, answer);
}

/* The answer to a delivery of a run is judged by the scripts of the run; the others, and where these do not load any
 * more, by those of now. */
static bool can_judge(void *ud, const struct live *l, struct generation **judging)
{
    struct host *h = ud;
    const char *failure = NULL;
    *judging = l->script != 0 && l->judged ? scripts_find(&h->scripts, l->script, &failure) : NULL;
    return l->script == 0 || !l->judged || *judging != NULL || failure != NULL;
}

static int judge(void *ud, const struct flight *f, struct retry_judgement *out, struct buf *message, struct err *e)
{
    struct host *h = ud;
    struct generation *g = f->judging != NULL ? f->judging : h->scripts.current;
    return generation_judge(g, f->live->webhook, &f->exchange.attempt, out, message, e);
}

static void on_reloaded(void *ud, const struct reload_result *r)
{
    struct host *h = ud;
    sessions_reloaded(&h->sessions, r);
    watching_set(&h->watching, r->read);
}

static bool are_unsettled(void *ud)
{
    struct host *h = ud;
    return watching_unsettled(&h->watching);
}

static int start_all(struct host *h, const struct host_options *o, struct err *e)
{
    h->builder = builder_new(wake_loop, h, e);
    h->reload.builder = h->builder;
    if (h->builder == NULL || loop_start(&h->turns, e) != 0 || folder_make(h->state, e) != 0 ||
        start_secrets(h, o, e) != 0 || start_scripts(h, o, e) != 0 || start_store(h, o, e) != 0)
        return -1;
    folder_remove_address(h->state); /* of one that was killed: another program may listen there by now */
    if (folder_token(h->state, h->token, e) != 0 || start_transport(h, o, e) != 0)
        return -1;
    h->sessions = (struct sessions){.env = &h->env, .api = &h->api, .builder = h->builder, .alone = o->alone};
    api_init(&h->api, &h->env, &h->dispatch, &h->intake, &h->reload);
    h->api.turns = &h->turns;
    if (start_recalled(h, e) != 0 || rates_prepare(&h->dispatch, h->scripts.current, e) != 0)
        return -1;
    rates_set(&h->dispatch, h->scripts.current, false); /* lanes that the backlog alone made are none of theirs */
    if (watchdog_start(&h->watchdog, e) != 0 || sessions_start(&h->sessions, h->loop, h->state, e) != 0 ||
        (o->watch && watching_start(&h->watching, &h->reload, h->loop, e) != 0))
        return -1;
    if (start_server(h, o, e) != 0) /* the last of what may fail: from here on events are taken */
        return -1;
    dispatch_begin(&h->dispatch);
    runs_begin(&h->runs);
    log_line(h->log, o->alone ? LOG_DEBUG : LOG_INFO, "ready", LOG_STR("listen", server_address(h->server)),
             LOG_STR("state", h->state),
             LOG_INT("integrations", (int64_t)generation_integration_count(h->scripts.current)),
             LOG_INT("webhooks", (int64_t)generation_webhook_count(h->scripts.current)),
             LOG_INT("flows", (int64_t)generation_flow_count(h->scripts.current)));
    return 0;
}

struct host *host_start(const struct host_options *o, struct err *e)
{
    struct host *h = calloc(1, sizeof *h);
    if (h == NULL || (h->state = strdup(o->state)) == NULL) {
        free(h);
        err_memory(e);
        return NULL;
    }
    harden();
    h->loop = o->loop;
    h->log = o->log;
    timers_init(&h->timers);
    h->turns = (struct loop){.ev = o->loop,
                             .timers = &h->timers,
                             .log = o->log,
                             .watchdog = &h->watchdog,
                             .on_woken = on_woken,
                             .before_sleep = before_sleep,
                             .on_idle = on_idle,
                             .ud = h,
                             .timer_fd = -1};
    watchdog_init(&h->watchdog, o->log);
    timer_init(&h->stop_by, on_stop_by);
    h->env = (struct env){
        .mono_ns = env_mono_ns, .wall_ms = env_wall_ms, .random = env_random, .log = h->log, .timers = &h->timers};
    dispatch_init(&h->dispatch, &h->env);
    h->dispatch.on_final = on_final;
    h->dispatch.judge = judge;
    h->dispatch.can_judge = can_judge;
    h->dispatch.ud = h;
    h->dispatch.on_step_end = on_step_end;
    h->intake = (struct intake){.env = &h->env, .dispatch = &h->dispatch, .scripts = &h->scripts, .runs = &h->runs};
    reload_init(&h->reload, &h->env, &h->intake);
    h->reload.env_files = o->env_files;
    h->reload.env_file_count = o->env_file_count;
    h->reload.on_end = on_reloaded;
    h->reload.unsettled = are_unsettled;
    h->reload.ud = h;
    if (start_all(h, o, e) != 0) {
        host_free(h);
        return NULL;
    }
    return h;
}

/* --- reloading ---------------------------------------------------------------------------------------------------- */

void host_reload(struct host *h, const char *by)
{
    struct err e;
    if (!h->stopping && reload_ask(&h->reload, by, NULL, NULL, NULL, &e) != 0)
        log_line(h->log, LOG_ERROR, "reload.failed", LOG_STR("by", by), LOG_STR("message", e.message));
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

void host_stop(struct host *h)
{
    if (h->stopping) {
        log_line(h->log, LOG_WARN, "stopping", LOG_STR("how", "at once"));
        dispatch_abort(&h->dispatch);
        ev_break(h->loop, EVBREAK_ALL);
        return;
    }
    h->stopping = true;
    log_line(h->log, LOG_INFO, "stopping", LOG_INT("in_flight", h->dispatch.in_flight));
    folder_remove_address(h->state);
    h->stop_by_ns = env_mono_ns() + STOP_WITHIN_NS;
    timer_start(&h->timers, &h->stop_by, h->stop_by_ns);
    watching_stop(&h->watching);
    server_stop(h->server);
    sessions_stop(&h->sessions);
    api_stop(&h->api);
    runs_stop(&h->runs);
    dispatch_drain(&h->dispatch);
}

void host_free(struct host *h)
{
    if (h == NULL)
        return;
    watchdog_stop(&h->watchdog);
    if (h->server != NULL)
        folder_remove_address(h->state);
    server_free(h->server);
    transport_free(h->env.transport);
    if (h->env.store != NULL)
        store_close(h->env.store);
    sessions_close(&h->sessions);
    watching_stop(&h->watching);
    builder_stop(h->builder);
    reload_fini(&h->reload);
    sessions_fini(&h->sessions);
    api_fini(&h->api);
    dispatch_fini(&h->dispatch);
    runs_fini(&h->runs);
    scripts_fini(&h->scripts);
    builder_free(h->builder);
    h->log->secrets = NULL;
    secrets_free(h->secrets);
    timers_fini(&h->timers);
    loop_stop(&h->turns);
    log_flush(h->log);
    free(h->state);
    free(h);
}

const char *host_address(const struct host *h)
{
    return server_address(h->server);
}

void host_mask(const struct host *h, char *data, size_t len)
{
    (void)secrets_mask(h->secrets, data, len);
}
