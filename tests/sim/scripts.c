#include "scripts.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* What the text below says, for the oracles. */
const struct sim_webhook sim_webhooks[] = {
    {"order", "order", 0, true, false, 3, {20000, 80000, 240000}, 360000, 30000},
    {"order_plain", "order", 1, false, false, 3, {20000, 80000, 240000}, 360000, 30000},
    {"ping", "ping", 2, true, false, 2, {1000, 5000}, 30000, 5000},
    {"step", NULL, 3, true, true, 3, {20000, 80000, 240000}, 360000, 30000},
    {"told", NULL, 1, false, false, 3, {20000, 80000, 240000}, 360000, 30000},
};
const size_t sim_webhook_count = sizeof sim_webhooks / sizeof *sim_webhooks;

static const int rates[SIM_VARIANTS][SIM_INTEGRATIONS] = {
    {10, 3, 50, 0}, {2, 30, 7, 20}, {100, 1, 0, 5}, {25, 10, 4, 0}};

static const int caps[SIM_VARIANTS][SIM_INTEGRATIONS] = {{8, 4, 64, 16}, {3, 4, 8, 16}, {8, 2, 64, 4}, {8, 4, 16, 16}};

static const char text[] =
    "local GEN = %d\n"
    "local function at(name, rate, concurrency)\n"
    "  integration(name) { url = 'http://' .. name .. '.test/', rate = rate > 0 and rate or nil, concurrency = "
    "concurrency,\n"
    "    headers = { Authorization = secret 'SIM_TOKEN', ['Content-Type'] = 'application/json' } }\n"
    "end\n"
    "at('i0', %d, %d) at('i1', %d, %d) at('i2', %d, %d) at('i3', %d, %d)\n"
    "local body = { tag = '${tag}', gen = GEN, pad = '${pad}' }\n"
    "webhook 'order' { integration = 'i0', on = 'order', url = 'order?id=${WebhookRequest.TransactionalId}', body = "
    "body }\n"
    "webhook 'order_plain' { integration = 'i1', on = 'order', url = 'plain', body = body }\n"
    "webhook 'ping' { integration = 'i2', on = 'ping', headers = { ['Idempotency-Key'] = "
    "'${WebhookRequest.TransactionalId}' },\n"
    "  retry = { delays = { '1s', '5s' }, within = '30s' }, timeout = '5s', body = body }\n"
    "local step = { tag = '${tag}', step = '${step}', trace = '${trace}', gen = GEN }\n"
    "webhook 'step' { integration = 'i3', url = 'step?id=${WebhookRequest.TransactionalId}', body = step,\n"
    "  response = { token = 'token' },\n"
    "  success = function(res) return res.ok and res.body:sub(-1) == '}' end }\n"
    "webhook 'told' { integration = 'i1', url = 'told', body = step }\n"
    "flow 'journey' { on = 'go', run = function(event)\n"
    "  local tag, trace = event.data.tag, 'begun ' .. uuid()\n"
    "  local function ask(name)\n"
    "    local res = call('step', { tag = tag, step = name, trace = trace })\n"
    "    return name .. '=' .. (res.ok and res.vars.token or res.error.kind) .. ',' .. math.random(1 << 40) .. ',' .. "
    "now()\n"
    "  end\n"
    "  local function say(word) trace = trace .. ';' .. word end\n"
    "  say(ask 'first')\n"
    "  sleep(event.data.pause)\n"
    "  say('told=' .. send('told', { tag = tag, step = 'told', trace = trace }))\n"
    "  local a, b = parallel(function() return ask 'a' end, function() sleep '3m' return ask 'b' end)\n"
    "  say(a) say(b)\n"
    "  local approved = wait_event('approve', { match = { tag = tag }, timeout = '2h' })\n"
    "  say('approved=' .. (approved and approved.data.by or 'nobody'))\n"
    "  say(ask 'last')\n"
    "  return trace\n"
    "end }\n";

static int in_file = -1;
static bool broken;

const struct sim_webhook *scripts_webhook(struct bytes name)
{
    for (size_t i = 0; i < sim_webhook_count; i++)
        if (bytes_equal(name, bytes_of(sim_webhooks[i].name)))
            return &sim_webhooks[i];
    return NULL;
}

int scripts_rate(int integration, int variant)
{
    return rates[variant][integration];
}

int scripts_cap(int integration, int variant)
{
    return caps[variant][integration];
}

const char *scripts_path(void)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/world.lua", world.folder);
    return path;
}

void scripts_write(int variant)
{
    const int *r = rates[variant], *c = caps[variant];
    FILE *f = fopen(scripts_path(), "w");
    if (f == NULL || fprintf(f, text, variant, r[0], c[0], r[1], c[1], r[2], c[2], r[3], c[3]) < 0 || fclose(f) != 0)
        abort();
    in_file = variant;
    broken = false;
}

void scripts_write_broken(void)
{
    FILE *f = fopen(scripts_path(), "w");
    if (f == NULL || fputs("webhook 'order' { integration = 'nowhere', url = '${' }\n", f) < 0 || fclose(f) != 0)
        abort();
    broken = true;
}

int scripts_settle(void)
{
    if (broken)
        scripts_write(in_file);
    return in_file;
}
