/* The scripting layer whole: the embedded stdlib, scripts in files, deliveries out. */
#include "folder.h"

#include <sys/stat.h>

#include "core/request.h"
#include "core/secrets.h"
#include "script/generation.h"

enum { DELIVERIES_MAX = 16 };

static struct buf errors;
static struct err e;
static struct secrets *secrets;

struct delivery {
    char webhook[32], integration[32], error[256];
    struct uuid id;
    struct buf request;
};

static struct {
    int count, events;
    char event[64], key[64];
    struct delivery list[DELIVERIES_MAX];
} seen;

static void copy(char *to, size_t size, struct bytes from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.data == NULL ? "" : from.data);
}

static void on_event(void *ud, const struct event_head *h)
{
    (void)ud;
    assert_int_equal(seen.count, 0);
    seen.events++;
    copy(seen.event, sizeof seen.event, h->name);
    copy(seen.key, sizeof seen.key, h->key);
}

static void on_delivery(void *ud, const struct rendered *r)
{
    (void)ud;
    assert_true(seen.count < DELIVERIES_MAX);
    struct delivery *d = &seen.list[seen.count++];
    copy(d->webhook, sizeof d->webhook, r->webhook);
    copy(d->integration, sizeof d->integration, r->integration);
    snprintf(d->error, sizeof d->error, "%s", r->error == NULL ? "" : r->error);
    d->id = r->id;
    buf_clear(&d->request);
    buf_append_bytes(&d->request, r->request);
}

static const struct render_sink sink = {.on_event = on_event, .on_delivery = on_delivery};

static int setup(void **state)
{
    (void)state;
    unsetenv("ANZOL_STDLIB");
    setenv("SHOP_TOKEN", "hunter2-and-more", 1);
    secrets = secrets_new(&e);
    return secrets == NULL ? -1 : folder_make("generation");
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&errors);
    for (int i = 0; i < DELIVERIES_MAX; i++)
        buf_fini(&seen.list[i].request);
    secrets_free(secrets);
    return folder_remove();
}

static int try_load(const char *script, struct generation **g)
{
    const char *paths[1];
    write_file("a.lua", script);
    paths[0] = path_of("a.lua");
    struct generation_options o = {.paths = paths, .path_count = 1, .secrets = secrets};
    buf_clear(&errors);
    return generation_load(&o, g, &errors, &e);
}

static struct generation *load(const char *script)
{
    struct generation *g = NULL;
    if (try_load(script, &g) != 0)
        fail_msg("%s\n%s", e.message, buf_cstr(&errors));
    return g;
}

static int run_event(struct generation *g, const char *raw)
{
    seen.count = seen.events = 0;
    return generation_event(g, bytes_of(raw), &sink, &e);
}

static int run_call(struct generation *g, const char *webhook, const char *raw)
{
    seen.count = seen.events = 0;
    return generation_call(g, webhook, bytes_of(raw), &sink, &e);
}

/* Masked; valid until the next call. */
static const char *part(struct request_view_text text)
{
    static struct buf out[4];
    static int turn;
    turn = (turn + 1) % 4;
    buf_clear(&out[turn]);
    assert_int_equal(request_masked(&out[turn], &text), 0);
    return buf_cstr(&out[turn]);
}

static struct request_view view_of(int i)
{
    struct request_view v;
    assert_true(i < seen.count);
    if (request_view_read(&v, buf_view(&seen.list[i].request), &e) != 0)
        fail_msg("%s: %s %s", seen.list[i].webhook, e.message, seen.list[i].error);
    return v;
}

static const char *header_of(const struct request_view *v, const char *name)
{
    for (int i = 0; i < v->header_count; i++)
        if (bytes_equal(v->headers[i].name, bytes_of(name)))
            return part(v->headers[i].value);
    return NULL;
}

static const char SHOP[] = "integration 'shop' {\n"
                           "  name = 'Shop CRM', url = 'https://api.example.com/v3/operations/', rate = 10,\n"
                           "  headers = { ['Content-Type'] = 'application/json', ['X-Trace'] = 'on', Authorization = "
                           "'Bearer ' .. secret 'SHOP_TOKEN' },\n"
                           "}\n"
                           "webhook 'order_paid' {\n"
                           "  integration = 'shop', method = 'POST', on = 'order.paid',\n"
                           "  url = 'orders?transactionId=${WebhookRequest.TransactionalId}',\n"
                           "  headers = { webhookHeader = 'test', ['X-Trace'] = false },\n"
                           "  body = {\n"
                           "    id = '${Order.Id}', email = '${Customer.Email | toLower}',\n"
                           "    items = each('line in Order.Items', { sku = '${line.Sku}', qty = '${line.Qty}' }),\n"
                           "    note = when('Order.Note != null', '${Order.Note}'),\n"
                           "  },\n"
                           "  response = { crmId = 'data[0].id' },\n"
                           "}\n";

#define DATA                                                                                                           \
    "{\"Order\":{\"Id\":9007199254740993,\"Items\":[{\"Sku\":\"a\\\"b\",\"Qty\":2}]},\"Customer\":{\"Email\":\"ANA@X." \
    "ORG\"}}"

/* --- the whole way ---------------------------------------------------------------------------------------------- */

static void an_event_becomes_its_deliveries(void **state)
{
    char id[UUID_TEXT_SIZE], url[256];
    (void)state;
    struct generation *g = load(SHOP);
    assert_int_equal(errors.len, 0);
    assert_int_equal(generation_webhook_count(g), 1);
    assert_int_equal(generation_integration_count(g), 1);
    struct integration_info in = generation_integration(g, 0);
    assert_true(bytes_equal(in.name, bytes_of("shop")));
    assert_true(in.rate == 10 && in.per_ms == 1000 && in.concurrency > 0);
    assert_int_equal(run_event(g, "{\"name\":\"order.paid\",\"id\":\"k-1\",\"data\":" DATA "}"), 0);
    assert_int_equal(seen.events, 1);
    assert_string_equal(seen.event, "order.paid");
    assert_string_equal(seen.key, "k-1");
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.list[0].webhook, "order_paid");
    assert_string_equal(seen.list[0].integration, "shop");
    struct request_view v = view_of(0);
    uuid_format(&seen.list[0].id, id);
    snprintf(url, sizeof url, "https://api.example.com/v3/operations/orders?transactionId=%s", id);
    assert_string_equal(part(v.url), url);
    assert_true(bytes_equal(v.method, bytes_of("POST")));
    assert_int_equal(v.options.flags & (REQUEST_HAS_KEY | REQUEST_HAS_BODY), REQUEST_HAS_KEY | REQUEST_HAS_BODY);
    assert_int_equal(v.options.retry.delay_count, 3);
    assert_string_equal(part(v.body),
                        "{\"email\":\"ana@x.org\",\"id\":9007199254740993,\"items\":[{\"qty\":2,\"sku\":\"a\\\"b\"}]}");
    assert_string_equal(header_of(&v, "Authorization"), "Bearer ***");
    assert_string_equal(header_of(&v, "webhookHeader"), "test");
    assert_null(header_of(&v, "X-Trace"));
    assert_int_equal(run_event(g, "{\"name\":\"order.lost\"}"), 0);
    assert_int_equal(seen.count, 0);
    assert_string_equal(seen.key, "");
    generation_unref(g);
}

static void assert_id_everywhere(int n, bool in_head)
{
    char id[UUID_TEXT_SIZE], want[256];
    struct request_view v = view_of(n);
    uuid_format(&seen.list[n].id, id);
    snprintf(want, sizeof want, "{\"a\":\"%s\",\"b\":\"x-%s\"}", id, id);
    assert_string_equal(part(v.body), want);
    assert_int_equal(v.options.flags & REQUEST_HAS_KEY, REQUEST_HAS_KEY);
    if (in_head)
        assert_string_equal(header_of(&v, "K"), id);
    snprintf(want, sizeof want, "http://h/?k=%s", id);
    assert_string_equal(part(v.url), in_head ? want : "http://h/");
}

/* Where it is only written it is no Lua string, where a function takes it it is one; the text is the same. */
static void the_id_is_one_text_everywhere(void **state)
{
    static const char *const bodies[] = {
        "{ a = '${WebhookRequest.TransactionalId}', b = 'x-${ webhookrequest.transactionalid }' }",
        "{ a = '${WebhookRequest.TransactionalId}', b = 'x-${WebhookRequest.TransactionalId | toLower}' }",
        "'{\"a\":${json(WebhookRequest.TransactionalId)},\"b\":\"x-${WebhookRequest.TransactionalId}\"}'",
        "'{\"a\":\"@{ set k = WebhookRequest.TransactionalId }${k}\",\"b\":\"x-${k}\"}'",
        "function(_, request) return { a = request.TransactionalId, b = 'x-' .. request.TransactionalId } end",
    };
    static const char *const places[] = {
        "", ", url = '?k=${WebhookRequest.TransactionalId}', headers = { K = '${WebhookRequest.TransactionalId}' }"};
    char script[1024];
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t k = 0; k < 2; k++) {
            snprintf(script, sizeof script,
                     "integration 'i' { url = 'http://h/', headers = { ['Content-Type'] = 'application/json' } }\n"
                     "webhook 'w' { integration = 'i', on = 'e', body = %s%s }\n"
                     "webhook 'twin' { integration = 'i', on = 'e', body = %s%s }",
                     bodies[i], places[k], bodies[i], places[k]);
            struct generation *g = load(script);
            assert_int_equal(run_event(g, "{\"name\":\"e\"}"), 0);
            assert_int_equal(seen.count, 2);
            for (int n = 0; n < 2; n++)
                assert_id_everywhere(n, k == 1);
            generation_unref(g);
        }
}

/* An event whose data is nested so deep that with the envelope there are `levels` in all. */
static int run_deep(struct generation *g, int levels)
{
    struct buf raw;
    buf_init(&raw);
    buf_printf(&raw, "{\"name\":\"order.paid\",\"data\":{\"a\":");
    for (int i = 0; i < levels - 2; i++)
        buf_append(&raw, "[", 1);
    for (int i = 0; i < levels - 2; i++)
        buf_append(&raw, "]", 1);
    buf_printf(&raw, "}}");
    int rc = run_event(g, buf_cstr(&raw));
    buf_fini(&raw);
    return rc;
}

static void depth_counts_the_envelope(void **state)
{
    (void)state;
    struct generation *g = load(SHOP);
    assert_int_equal(run_deep(g, 512), 0);
    assert_int_equal(run_deep(g, 513), -1);
    assert_non_null(strstr(e.message, "deeper than 512"));
    generation_unref(g);
}

static void envelopes_are_checked(void **state)
{
    static const char *const pairs[][2] = {
        {"{\"name\":\"x\",", "line 1, column 13"},
        {"", "line 1, column 1"},
        {"[]", "object"},
        {"{}", "name"},
        {"{\"name\":5}", "name"},
        {"{\"name\":\"x\",\"data\":[]}", "data"},
        {"{\"name\":\"x\",\"nam\":1}", "'nam'"},
        {"{\"name\":\"x\",\"id\":5}", "id"},
        {"{\"name\":\"\xff\"}", "line 1, column"},
    };
    (void)state;
    struct generation *g = load(SHOP);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(run_event(g, pairs[i][0]), -1);
        assert_int_equal(e.domain, ERR_INPUT);
        assert_int_equal(e.code, 400);
        if (strstr(e.message, pairs[i][1]) == NULL)
            fail_msg("%s gave %s", pairs[i][0], e.message);
        assert_int_equal(seen.events, 0);
    }
    generation_unref(g);
}

static void a_call_renders_one_webhook(void **state)
{
    (void)state;
    struct generation *g = load(SHOP);
    assert_int_equal(run_call(g, "order_paid", DATA), 0);
    assert_int_equal(seen.events, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(run_call(g, "order_piad", DATA), -1);
    assert_int_equal(e.code, 404);
    assert_non_null(strstr(e.message, "order_paid"));
    assert_int_equal(run_call(g, "order_paid", "{"), -1);
    assert_int_equal(e.code, 400);
    assert_int_equal(run_call(g, "order_paid", ""), -1);
    assert_int_equal(e.code, 422);
    assert_non_null(strstr(e.message, "a.lua:10:"));
    assert_int_equal(seen.count, 0);
    generation_unref(g);
}

static void a_preview_shows_no_secret(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    struct generation *g = load(SHOP);
    assert_int_equal(generation_preview(g, "order_paid", bytes_of(DATA), &out, &e), 0);
    assert_non_null(strstr(buf_cstr(&out), "Bearer ***"));
    assert_null(strstr(buf_cstr(&out), "hunter2"));
    assert_non_null(strstr(buf_cstr(&out), "https://api.example.com/v3/operations/orders?transactionId="));
    buf_clear(&out);
    assert_int_equal(generation_list(g, "integrations", &out, &e), 0);
    assert_non_null(strstr(buf_cstr(&out), "{\"integrations\":["));
    assert_int_equal(generation_list(g, "webhooks", &out, &e), 0);
    assert_non_null(strstr(buf_cstr(&out), "{\"webhooks\":["));
    assert_null(strstr(buf_cstr(&out), "hunter2"));
    buf_clear(&out);
    assert_int_equal(generation_preview(g, "nope", bytes_of("{}"), &out, &e), -1);
    assert_int_equal(e.code, 404);
    assert_int_equal(out.len, 0);
    generation_unref(g);
    buf_fini(&out);
}

static void variables_come_from_a_response(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    struct generation *g = load(SHOP);
    struct bytes headers = bytes_of("Content-Type: application/json\n");
    assert_int_equal(generation_vars(g, bytes_of("order_paid"), 200, headers,
                                     bytes_of("{\"data\":[{\"id\":9007199254740993}]}"), false, &out, &e),
                     0);
    assert_string_equal(buf_cstr(&out), "{\"crmId\":9007199254740993}");
    buf_clear(&out);
    assert_int_equal(generation_vars(g, bytes_of("gone"), 200, headers, bytes_of("{}"), false, &out, &e), 0);
    assert_int_equal(out.len, 0);
    buf_clear(&out);
    assert_int_equal(generation_vars(g, bytes_of("order_paid"), 200, headers, bytes_of("<html>"), false, &out, &e), -1);
    assert_true(e.message[0] != '\0');
    generation_unref(g);
    buf_fini(&out);
}

static const char RULES[] = "integration 'i' { url = 'http://h.test', success = {200, 404} }\n"
                            "webhook 'listed' { integration = 'i' }\n"
                            "webhook 'plain' { integration = 'i', success = false }\n"
                            "webhook 'asked' { integration = 'i', on_response = function(res)\n"
                            "  if res.status == 500 then error('oh') end\n"
                            "  return { ok = false, error = res.json.why, retry = '30s', pause = '48h' }\n"
                            "end }\n"
                            "webhook 'slow' { integration = 'i', success = function() while true do end end }\n";

static enum retry_judged judged(struct generation *g, const char *webhook, int status, const char *body,
                                struct retry_judgement *j, struct buf *message, int want)
{
    struct attempt a;
    attempt_init(&a, 1);
    a.status = status;
    buf_append_str(&a.body, body);
    buf_clear(message);
    assert_int_equal(generation_judge(g, bytes_of(webhook), &a, j, message, &e), want);
    attempt_fini(&a);
    return j->kind;
}

static uint8_t flags_of(struct generation *g, const char *webhook)
{
    struct request_options o;
    assert_int_equal(run_call(g, webhook, "{}"), 0);
    assert_int_equal(request_options_read(&o, buf_view(&seen.list[0].request), &e), 0);
    return o.flags;
}

static void an_answer_is_judged_by_the_rule(void **state)
{
    struct retry_judgement j;
    struct buf message;
    (void)state;
    buf_init(&message);
    struct generation *g = load(RULES);
    assert_int_equal(flags_of(g, "listed") & REQUEST_JUDGED, REQUEST_JUDGED);
    assert_int_equal(flags_of(g, "plain") & REQUEST_JUDGED, 0);
    assert_int_equal(judged(g, "listed", 404, "", &j, &message, 0), JUDGED_OK);
    assert_int_equal(judged(g, "listed", 200, "", &j, &message, 0), JUDGED_DEFAULT);
    assert_int_equal(judged(g, "listed", 500, "", &j, &message, 0), JUDGED_DEFAULT);
    assert_int_equal(message.len, 0);
    assert_int_equal(judged(g, "listed", 201, "", &j, &message, 0), JUDGED_FAILED);
    assert_string_equal(buf_cstr(&message), "status 201 is not among the webhook's success: 200, 404");
    assert_int_equal(judged(g, "plain", 404, "", &j, &message, 0), JUDGED_DEFAULT);
    assert_int_equal(judged(g, "gone", 404, "", &j, &message, 0), JUDGED_DEFAULT);
    assert_int_equal(judged(g, "asked", 200, "{\"why\":\"not yet\"}", &j, &message, 0), JUDGED_RETRY);
    assert_string_equal(buf_cstr(&message), "not yet");
    assert_int_equal(j.retry_ms, 30000);
    assert_int_equal(j.pause_ms, 86400000);
    assert_int_equal(judged(g, "asked", 500, "", &j, &message, -1), JUDGED_DEFAULT);
    assert_non_null(strstr(e.message, "a.lua:5: oh"));
    assert_int_equal(judged(g, "asked", 404, "<html>", &j, &message, -1), JUDGED_OK); /* by `success` all the same */
    assert_non_null(strstr(e.message, "a.lua:6: the response is not JSON"));
    assert_int_equal(judged(g, "slow", 200, "", &j, &message, -1), JUDGED_DEFAULT);
    assert_non_null(strstr(e.message, "ran longer than 250 ms"));
    generation_unref(g);
    buf_fini(&message);
}

static void a_template_needs_no_scripts(void **state)
{
    struct generation *g = NULL;
    struct generation_options o = {.path_count = 0};
    struct buf out;
    (void)state;
    buf_init(&out);
    buf_clear(&errors);
    assert_int_equal(generation_load(&o, &g, &errors, &e), 0);
    assert_int_equal(
        generation_template(g, bytes_of("Hi ${Name | toUpper}!"), "text", bytes_of("{\"Name\":\"Ana\"}"), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "Hi ANA!");
    buf_clear(&out);
    assert_int_equal(
        generation_template(g, bytes_of("{\"n\":\"${Name}\"}"), "json", bytes_of("{\"Name\":\"a\\\"b\"}"), &out, &e),
        0);
    assert_string_equal(buf_cstr(&out), "{\"n\":\"a\\\"b\"}");
    assert_int_equal(generation_template(g, bytes_of("a\n${ nope( }"), "text", bytes_of("{}"), &out, &e), -1);
    assert_int_equal(e.code, 422);
    assert_memory_equal(e.message, "2:", 2);
    assert_int_equal(generation_template(g, bytes_of("${x}"), "text", bytes_of("{"), &out, &e), -1);
    assert_int_equal(e.code, 400);
    generation_unref(g);
    buf_fini(&out);
}

/* The functions of the seam that templates stand on; tests/lua says what each template means. */
static void templates_write_each_place(void **state)
{
    static const struct {
        const char *as, *text, *expected;
    } cases[] = {
        {"text", "${s}|${n}|${f}|${t}|${1/3}", "a\"b\\ñ|7|-1.5|True|0.33"},
        {"json", "{\"s\":${s},\"q\":\"${s}\",\"x\":${x},\"l\":${l},\"t\":${t},\"i\":${big},\"z\":${z}}",
         "{\"s\":\"a\\\"b\\\\ñ\",\"q\":\"a\\\"b\\\\ñ\",\"x\":null,\"l\":[1,[]],\"t\":true,"
         "\"i\":-9223372036854775808,\"z\":1e+300}"},
        {"form", "a=${s}&z=${z}", "a=a%22b%5C%C3%B1&z=1e%2B300"},
        {"url", "${u}/${s}", "https://h.test/a%22b%5C%C3%B1"},
        {"header", "x ${s} ${n}", "x a\"b\\ñ 7"},
        {"xml", "<a b=\"${m}\">${m}</a>", "<a b=\"&lt;&amp;&gt;&quot;&#39;ñ\">&lt;&amp;&gt;&quot;&#39;ñ</a>"},
        {"text", "${toUpper('straße привет')} ${toLower('ΕΛΛΆΔΑ ABC')} ${capitalizeAllWords('él CARL\"S usa')}",
         "STRAßE ПРИВЕТ ελλάδα abc Él CARL\"S Usa"},
        {"text", "${'ÑANDÚ' = 'ñandú'} ${'ñ' = 'n'} ${truncate('привет, мир и все', 11)}", "True False привет..."},
        {"text", "${md5('abc')} ${hmacSha256('a', 'k') | substring(1, 8)} ${toBase64('ñ')}",
         "900150983CD24FB0D6963F7D28E17F72 78DA9151 w7E="},
        {"text", "@{ for v in l }${loop.index}@{ if loop.last }.@{ else },@{ end if }@{ end for }", "1,2."},
    };
    struct bytes data =
        bytes_of("{\"s\":\"a\\\"b\\\\ñ\",\"n\":7,\"f\":-1.5,\"t\":true,\"x\":null,\"l\":[1,[]],"
                 "\"big\":-9223372036854775808,\"z\":1e300,\"u\":\"https://h.test\",\"m\":\"<&>\\\"'ñ\"}");
    struct generation *g = NULL;
    struct generation_options o = {.path_count = 0};
    struct buf out;
    (void)state;
    buf_init(&out);
    assert_int_equal(generation_load(&o, &g, &errors, &e), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&out);
        if (generation_template(g, bytes_of(cases[i].text), cases[i].as, data, &out, &e) != 0)
            fail_msg("%s: %s", cases[i].text, e.message);
        assert_string_equal(buf_cstr(&out), cases[i].expected);
    }
    generation_unref(g);
    buf_fini(&out);
}

static void a_template_that_fails_leaves_nothing_behind(void **state)
{
    struct generation *g = NULL;
    struct generation_options o = {.path_count = 0};
    struct buf out;
    (void)state;
    buf_init(&out);
    assert_int_equal(generation_load(&o, &g, &errors, &e), 0);
    struct bytes text = bytes_of("written @{ if n = 1 }${n}@{ end if }${nothing}");
    assert_int_equal(generation_template(g, text, "text", bytes_of("{\"n\":1}"), &out, &e), -1);
    assert_string_equal(e.message, "1:39: 'nothing' is null");
    text = bytes_of("@{ if n = 1 }after ${n}@{ end if }");
    assert_int_equal(generation_template(g, text, "text", bytes_of("{\"n\":1}"), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "after 1");
    generation_unref(g);
    buf_fini(&out);
}

static void a_template_cannot_fill_the_memory(void **state)
{
    struct generation *g = NULL;
    struct generation_options o = {.path_count = 0};
    struct buf out, data;
    (void)state;
    buf_init(&out);
    buf_init(&data);
    buf_append_str(&data, "{\"s\":\"");
    for (int i = 0; i < 100000; i++)
        buf_append_str(&data, "0123456789");
    buf_append_str(&data, "\",\"l\":[1,2,3,4,5,6,7,8,9,10]}");
    assert_int_equal(generation_load(&o, &g, &errors, &e), 0);
    struct bytes text = bytes_of("@{ for a in l }@{ for b in l }${s}@{ end for }@{ end for }");
    assert_int_equal(generation_template(g, text, "text", buf_view(&data), &out, &e), -1);
    assert_string_equal(e.message, "the text is larger than 64 MiB");
    assert_int_equal(generation_template(g, bytes_of("${l[9]}"), "text", buf_view(&data), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "10");
    generation_unref(g);
    buf_fini(&out);
    buf_fini(&data);
}

/* --- what is wrong with scripts ----------------------------------------------------------------------------------- */

static void mistakes_come_all_at_once(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(try_load("integration 'shop' { url = 'https://h/', rat = 5 }\n"
                              "webhook 'a' { integration = 'shop', metod = 'POST' }\n"
                              "webhook 'b' { integration = 'shp', body = '${ Order.Id' }\n",
                              &g),
                     -1);
    assert_null(g);
    assert_int_equal(e.domain, ERR_SCRIPT);
    assert_non_null(strstr(e.message, "mistakes in the scripts"));
    const char *text = buf_cstr(&errors);
    assert_non_null(strstr(text, "a.lua:1"));
    assert_non_null(strstr(text, "a.lua:2"));
    assert_non_null(strstr(text, "a.lua:3"));
    assert_non_null(strstr(text, "'method'"));
    assert_non_null(strstr(text, "'rate'"));
    assert_non_null(strstr(text, "'shop'"));
}

static void one_mistake_is_the_summary(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(try_load("\nlocal x = nil\nprint(x.y)\n", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:3: attempt to index a nil value (local 'x')"));
    assert_int_equal(try_load("x = = 5\n", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:1: "));
    assert_int_equal(try_load("\x1bLua", &g), -1);
    assert_non_null(strstr(e.message, "precompiled Lua is not accepted"));
    assert_int_equal(
        try_load("integration 'i' { url = 'https://h/', headers = { A = secret 'ANZOL_TEST_MISSING' } }", &g), -1);
    assert_non_null(strstr(e.message, "ANZOL_TEST_MISSING"));
    assert_non_null(strstr(e.message, "a.lua:1"));
}

static void an_endless_script_is_stopped(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(try_load("local n = 0\nwhile true do n = n + 1 end\n", &g), -1);
    assert_non_null(strstr(buf_cstr(&errors), "a.lua:2: ran longer than 5 s of CPU"));
}

/* What a script left in its definitions is met when they are checked. */
static void an_endless_check_is_stopped(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(try_load("local body = setmetatable({}, {__len = function()\n"
                              "  while true do end end})\n"
                              "webhook 'w' { integration = 'i', body = body }\n"
                              "integration 'i' { url = 'https://h/' }\n",
                              &g),
                     -1);
    assert_non_null(strstr(buf_cstr(&errors), "a.lua:2: ran longer than 5 s of CPU"));
    buf_clear(&errors);
    assert_int_equal(try_load("local t = {'${x}'}\n"
                              "for i = 1, 40 do t = {t, t} end\n"
                              "webhook 'w' { integration = 'i', body = t }\n"
                              "integration 'i' { url = 'https://h/' }\n",
                              &g),
                     -1);
    assert_non_null(strstr(buf_cstr(&errors), "ran longer than 5 s of CPU"));
}

/* --- what goes wrong while rendering ------------------------------------------------------------------------------ */

static void a_failed_rendering_stands_alone(void **state)
{
    (void)state;
    struct generation *g = load(
        "integration 'i' { url = 'https://h/' }\n"
        "local function hook(name, f) webhook(name) { integration = 'i', method = 'POST', on = 'e', body = f } end\n"
        "hook('a_null', '${Order.Nope}')\n"
        "hook('b_raise', function(data)\n"
        "  return data.x.y end)\n"
        "hook('c_spin', function() while true do pcall(function() while true do end end) end end)\n"
        "hook('d_grow', function() return ('x'):rep(2^28) end)\n"
        "hook('e_table', function() error({}) end)\n"
        "hook('f_deep', function() local t = {} t.t = t return t end)\n"
        "hook('g_fine', function(data) return { n = data.n } end)\n"
        "webhook 'h_split' { integration = 'i', url = '${raw | raw}', on = 'e' }\n"
        "webhook 'i_header' { integration = 'i', url = 'x', headers = { A = '${raw | raw}' }, on = 'e' }\n"
        "webhook 'z_last' { integration = 'i', url = 'ok', on = 'e' }\n");
    assert_int_equal(run_event(g, "{\"name\":\"e\",\"data\":{\"n\":9223372036854775807,\"raw\":\"a b\\r\\nX: y\"}}"),
                     0);
    static const char *const wanted[][2] = {
        {"a_null", "a.lua:2: 'Order.Nope' is null"},
        {"b_raise", "a.lua:5: attempt to index a nil value"},
        {"c_spin", "a.lua:6: ran longer than 250 ms of CPU"},
        {"d_grow", "more than 256 MiB"},
        {"e_table", "table"},
        {"f_deep", "nested deeper than 512"},
        {"g_fine", NULL},
        {"h_split", "the URL has a"},
        {"i_header", "line break"},
        {"z_last", NULL},
    };
    assert_int_equal(seen.count, sizeof wanted / sizeof *wanted);
    for (int i = 0; i < seen.count; i++) {
        const struct delivery *d = &seen.list[i];
        assert_string_equal(d->webhook, wanted[i][0]);
        if (wanted[i][1] == NULL ? *d->error != '\0' : strstr(d->error, wanted[i][1]) == NULL)
            fail_msg("%s gave %s", d->webhook, d->error);
    }
    assert_string_equal(part(view_of(6).body), "{\"n\":9223372036854775807}");
    generation_unref(g);
}

/* No hook counts the instructions of templates: their loops look at the clock. */
static void a_template_that_loops_too_long_stands_alone(void **state)
{
    enum { ITEMS = 3000 };
    static const char *const bodies[] = {"x", "@{ set z = c }", "@{ if c = a }${c}@{ end if }",
                                         "@{ if c = a }@{ end if }"};
    struct buf script, event;
    (void)state;
    buf_init(&script);
    buf_init(&event);
    buf_append_str(&script, "integration 's' { url = 'https://h.test/' }\n");
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        buf_printf(&script,
                   "webhook 'loop%zu' { integration = 's', on = 'e', body = '@{ for a in L }@{ for b in L }"
                   "@{ for c in L }%s@{ end for }@{ end for }@{ end for }' }\n",
                   i, bodies[i]);
    buf_append_str(&script, "webhook 'sound' { integration = 's', on = 'e', body = '${ L | count }' }\n");
    buf_append_str(&event, "{\"name\":\"e\",\"data\":{\"L\":[0");
    for (int i = 1; i < ITEMS; i++)
        buf_printf(&event, ",%d", i);
    buf_append_str(&event, "]}}");
    struct generation *g = load(buf_cstr(&script));
    assert_int_equal(run_event(g, buf_cstr(&event)), 0);
    assert_int_equal(seen.count, 5);
    for (int i = 0; i < 4; i++)
        assert_non_null(strstr(seen.list[i].error, "': ran longer than 250 ms of CPU"));
    struct request_view v = view_of(4);
    assert_string_equal(part(v.body), "3000");
    generation_unref(g);
    buf_fini(&script);
    buf_fini(&event);
}

static void a_generation_survives_its_failures(void **state)
{
    (void)state;
    struct generation *g = load("integration 'i' { url = 'https://h/' }\n"
                                "webhook 'w' { integration = 'i', method = 'POST', body = function(d) if d.big then "
                                "return ('x'):rep(2^28) end return { 1 } end }\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_call(g, "w", "{\"big\":true}"), -1);
        assert_int_equal(e.code, 422);
        assert_int_equal(run_call(g, "w", "{}"), 0);
        assert_string_equal(part(view_of(0).body), "[1]");
    }
    assert_true(generation_memory(g) < 32u << 20);
    generation_unref(g);
}

/* --- the sandbox ----------------------------------------------------------------------------------------------------
 */

/* Runs `code` in a script; it must load, so it asserts for itself. */
static void script_holds(const char *code)
{
    struct generation *g = load(code);
    generation_unref(g);
}

static void scripts_reach_nothing_dangerous(void **state)
{
    static const char *const absent[] = {
        "io", "debug", "package", "load", "loadstring", "loadfile", "dofile", "native", "collectgarbage", "rawset_G",
    };
    char code[512];
    (void)state;
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        snprintf(code, sizeof code, "assert(not pcall(function() assert(%s) end), '%s is there')", absent[i],
                 absent[i]);
        script_holds(code);
    }
    script_holds("for _, n in ipairs { 'execute', 'exit', 'getenv', 'remove', 'rename', 'tmpname', 'setlocale' } do\n"
                 "  assert(os == nil or os[n] == nil, n) end");
    script_holds("assert(not pcall(require, 'stdlib.boot'))\nassert(not pcall(require, 'stdlib.native'))\n"
                 "assert(not pcall(require, 'os'))\nassert(not pcall(require, '../../etc/passwd'))");
    script_holds("assert(not pcall(setmetatable, {}, { __gc = print }))");
    script_holds("assert(string.dump == nil and ('').dump == nil)");
    script_holds("local ok, meta = pcall(getmetatable, '')\nassert(not ok or type(meta) ~= 'table')");
    script_holds("local meta = getmetatable(json.array {})\nassert(type(meta) ~= 'table')");
}

static void scripts_cannot_break_the_library(void **state)
{
    (void)state;
    struct generation *g =
        load("integration 'i' { url = 'https://h/' }\n"
             "string.gsub, string.format, string.find = nil, nil, nil\n"
             "table.concat, table.insert, table.sort = nil, nil, nil\n"
             "math.floor, math.type = nil, nil\n"
             "ipairs, pairs, type, tostring, error, setmetatable, json.encode = nil, nil, nil, nil, nil, nil, nil\n"
             "webhook 'w' { integration = 'i', method = 'POST', url = 'x/${a | toUpper}', body = { a = '${a}', l = "
             "each('x in l', '${x}') } }\n");
    assert_int_equal(run_call(g, "w", "{\"a\":\"b\",\"l\":[1,2]}"), 0);
    assert_string_equal(part(view_of(0).url), "https://h/x/B");
    assert_string_equal(part(view_of(0).body), "{\"a\":\"b\",\"l\":[1,2]}");
    generation_unref(g);
}

static void modules_are_found_beside_the_script(void **state)
{
    struct generation *g = NULL;
    (void)state;
    mkdir(path_of("lib"), 0700);
    write_file("helper.lua", "local M = {}\nfunction M.twice(n) return n * 2 end\nreturn M\n");
    write_file("lib/deep.lua", "return { helper = require 'helper' }\n");
    script_holds("local h = require 'helper'\nassert(h.twice(4) == 8)\nassert(require 'lib.deep'.helper == h)\n"
                 "assert(require 'anzol'.webhook == webhook)\nassert(require 'anzol'.json.encode({}) == '{}')");
    script_holds("local c = require 'cjson'\nassert(c.encode({ 1 }) == '[1]')\nassert(c.decode('null') == json.null)");
    assert_int_equal(try_load("require 'helpr'\n", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:1: module 'helpr' not found"));
    write_file("broken.lua", "\nlocal x = = 1\n");
    assert_int_equal(try_load("require 'broken'\n", &g), -1);
    assert_non_null(strstr(e.message, "broken.lua:2: "));
}

static void numbers_survive(void **state)
{
    (void)state;
    struct generation *g =
        load("integration 'i' { url = 'https://h/' }\n"
             "webhook 't' { integration = 'i', method = 'POST', body = { v = '${v}' } }\n"
             "webhook 'f' { integration = 'i', method = 'POST', body = function(d) return d end }\n");
    static const char *const texts[] = {
        "{\"v\":[9223372036854775807,-9223372036854775808,1.5,1.0,{},[],null,true,\"\\u0000é\"]}",
        "{\"v\":{\"a\":[[],{}],\"b\":1234567890123456}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(run_call(g, "f", texts[i]), 0);
        assert_string_equal(part(view_of(0).body), texts[i]);
        assert_int_equal(run_call(g, "t", texts[i]), 0);
        assert_string_equal(part(view_of(0).body), texts[i]);
    }
    generation_unref(g);
}

static void generations_are_apart(void **state)
{
    (void)state;
    struct generation *a = load("count = 1 integration 'i' { url = 'https://a/' } webhook 'w' { integration = 'i' }");
    struct generation *b = load("assert(not pcall(function() return count end)) integration 'i' { url = 'https://b/' } "
                                "webhook 'w' { integration = 'i' }");
    generation_ref(a);
    generation_unref(a);
    assert_int_equal(run_call(a, "w", "{}"), 0);
    assert_string_equal(part(view_of(0).url), "https://a/");
    generation_unref(a);
    assert_int_equal(run_call(b, "w", "{}"), 0);
    assert_string_equal(part(view_of(0).url), "https://b/");
    generation_unref(b);
}

/* For editors and shells; the places of what follows stay as they are. */
static void a_byte_order_mark_and_a_shell_line_are_passed_over(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(try_load("\xEF\xBB\xBF#!/usr/bin/env anzol\nerror('here')\n", &g), -1);
    assert_non_null(strstr(buf_cstr(&errors), "a.lua:2: here"));
    assert_int_equal(try_load("\xEF\xBB\xBF error('here')", &g), -1);
    assert_non_null(strstr(buf_cstr(&errors), "a.lua:1: here"));
    generation_unref(load("\xEF\xBB\xBF"));
    generation_unref(load("#"));
    assert_int_equal(try_load(" #! not the first", &g), -1);
    assert_int_equal(try_load("\xEF\xBB#", &g), -1);
}

static void what_scripts_may_say_is_told(void **state)
{
    struct generation *g = load("");
    struct buf out;
    (void)state;
    buf_init(&out);
    assert_int_equal(generation_api(g, "api_stubs", &out, &e), 0);
    assert_non_null(strstr(buf_cstr(&out), "webhook"));
    buf_clear(&out);
    assert_int_equal(generation_api(g, "api_markdown", &out, &e), 0);
    assert_non_null(strstr(buf_cstr(&out), "integration"));
    buf_fini(&out);
    generation_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_becomes_its_deliveries),
        cmocka_unit_test(the_id_is_one_text_everywhere),
        cmocka_unit_test(envelopes_are_checked),
        cmocka_unit_test(depth_counts_the_envelope),
        cmocka_unit_test(a_call_renders_one_webhook),
        cmocka_unit_test(a_preview_shows_no_secret),
        cmocka_unit_test(variables_come_from_a_response),
        cmocka_unit_test(an_answer_is_judged_by_the_rule),
        cmocka_unit_test(a_template_needs_no_scripts),
        cmocka_unit_test(templates_write_each_place),
        cmocka_unit_test(a_template_that_fails_leaves_nothing_behind),
        cmocka_unit_test(a_template_cannot_fill_the_memory),
        cmocka_unit_test(a_byte_order_mark_and_a_shell_line_are_passed_over),
        cmocka_unit_test(what_scripts_may_say_is_told),
        cmocka_unit_test(mistakes_come_all_at_once),
        cmocka_unit_test(one_mistake_is_the_summary),
        cmocka_unit_test(an_endless_script_is_stopped),
        cmocka_unit_test(an_endless_check_is_stopped),
        cmocka_unit_test(a_failed_rendering_stands_alone),
        cmocka_unit_test(a_template_that_loops_too_long_stands_alone),
        cmocka_unit_test(a_generation_survives_its_failures),
        cmocka_unit_test(scripts_reach_nothing_dangerous),
        cmocka_unit_test(scripts_cannot_break_the_library),
        cmocka_unit_test(modules_are_found_beside_the_script),
        cmocka_unit_test(numbers_survive),
        cmocka_unit_test(generations_are_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
