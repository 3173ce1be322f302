#include "host/judge.h"

#include "core/secrets.h"
#include "core/units.h"

#include <stdio.h>
#include <string.h>

/* Masked before it is cut: half a private value would not be found. */
static void say(struct flight *f, struct buf *message)
{
    struct attempt *a = &f->exchange.attempt;
    const struct log *log = f->dispatch->env->log;
    if (log->secrets != NULL)
        (void)secrets_mask(log->secrets, message->data, message->len);
    a->error = ATTEMPT_RULE;
    attempt_set_message(a, buf_view(message));
}

static void log_mistake(const struct flight *f, const struct err *e)
{
    const struct live *l = f->live;
    log_line(f->dispatch->env->log, LOG_WARN, "script.error", LOG_STR("integration", l->lane->name),
             LOG_BYTES("webhook", l->webhook), LOG_UUID("delivery", &l->id),
             LOG_INT("attempt", f->exchange.attempt.number), LOG_STR("message", e->message));
}

/* What the webhook's rule would make of the answer nobody knows: as if it had not come. */
static void not_judged(struct attempt *a)
{
    a->class = ATTEMPT_AMBIGUOUS;
    a->error = ATTEMPT_INTERNAL;
    attempt_set_message(a, bytes_of("answered, and no memory to judge the answer"));
}

void judge_attempt(struct flight *f, const struct request_options *o, struct retry_judgement *out)
{
    struct dispatch *d = f->dispatch;
    const struct attempt *a = &f->exchange.attempt;
    struct buf message;
    struct err e;
    *out = (struct retry_judgement){.kind = JUDGED_DEFAULT};
    if (d->judge == NULL || !(o->flags & REQUEST_JUDGED) || a->class != ATTEMPT_ANSWERED || a->status == 0)
        return;
    buf_init(&message);
    int rc = d->judge(d->ud, f, out, &message, &e);
    if (rc != 0)
        log_mistake(f, &e);
    if (rc != 0 && e.domain == ERR_MEMORY) {
        *out = (struct retry_judgement){.kind = JUDGED_DEFAULT}; /* half of it may be there */
        not_judged(&f->exchange.attempt);
    } else if (out->kind == JUDGED_FAILED || out->kind == JUDGED_FINAL || out->kind == JUDGED_RETRY)
        say(f, &message);
    buf_fini(&message);
}

void judge_explain(struct flight *f, const struct request_options *o, const struct retry_judgement *j,
                   const struct retry_decision *d)
{
    struct buf message;
    char within[32], after[32];
    if (j->kind != JUDGED_RETRY || d->verdict == RETRY_AGAIN)
        return;
    units_format_duration(o->retry.within_ms, within);
    units_format_duration(j->retry_ms, after);
    buf_init(&message);
    if (!f->live->has_key)
        buf_append_str(&message, "not sent again, as the request has no transactional id");
    else
        buf_printf(&message, "not sent again after %s, as the retry window of %s ends before", after, within);
    buf_printf(&message, ": %s", f->exchange.attempt.message);
    say(f, &message);
    buf_fini(&message);
}
