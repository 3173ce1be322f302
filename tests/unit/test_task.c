/* Runs of flows in memory: what they ask for, what their journals make of them, and what keeps them in bounds. */
#include "folder.h"

#include <time.h>

#include "script/task.h"

enum { STEPS_MAX = 8 };

static struct err e;
static struct buf errors, text;
static int64_t clock_ms;

struct step {
    int number;
    enum step_kind kind;
    char path[32], name[64], match[64], form[64], result[128];
    int64_t due_ms, ended_ms;
    bool has_delivery;
};

static struct {
    int deliveries, steps;
    struct uuid id;
    char webhook[32], error[128];
    struct step list[STEPS_MAX];
} seen;

static void copy(char *to, size_t size, struct bytes from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.data == NULL ? "" : from.data);
}

static void on_delivery(void *ud, const struct rendered *r)
{
    (void)ud;
    seen.deliveries++;
    seen.id = r->id;
    copy(seen.webhook, sizeof seen.webhook, r->webhook);
    snprintf(seen.error, sizeof seen.error, "%s", r->error == NULL ? "" : r->error);
}

static void on_step(void *ud, const struct asked_step *a)
{
    (void)ud;
    struct step *s = &seen.list[seen.steps % STEPS_MAX];
    seen.steps++;
    *s = (struct step){.number = a->number,
                       .kind = a->kind,
                       .due_ms = a->due_ms,
                       .ended_ms = a->ended_ms,
                       .has_delivery = a->has_delivery};
    copy(s->path, sizeof s->path, a->path);
    copy(s->name, sizeof s->name, a->name);
    copy(s->match, sizeof s->match, a->match);
    copy(s->form, sizeof s->form, a->form);
    copy(s->result, sizeof s->result, a->result);
}

static const struct render_sink sink = {.on_delivery = on_delivery, .on_step = on_step};

static int64_t wall_ms(void *ud)
{
    (void)ud;
    return clock_ms;
}

static int setup(void **state)
{
    (void)state;
    unsetenv("ANZOL_STDLIB");
    clock_ms = 1700000000000;
    return folder_make("task");
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&errors);
    buf_fini(&text);
    return folder_remove();
}

static const char HOOKS[] = "integration 'i' { url = 'http://h.test/' }\n"
                            "webhook 'w' { integration = 'i', body = { '${ x }' }, response = { id = 'id!' } }\n";

static struct generation *load(const char *script)
{
    char path[128];
    const char *paths[] = {path};
    struct generation *g = NULL;
    snprintf(path, sizeof path, "%s/s.lua", dir);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(HOOKS, f) >= 0 && fputs(script, f) >= 0);
    assert_int_equal(fclose(f), 0);
    struct generation_options o = {.paths = paths, .path_count = 1, .wall_ms = wall_ms};
    buf_clear(&errors);
    if (generation_load(&o, &g, &errors, &e) != 0)
        fail_msg("%s\n%s", e.message, buf_cstr(&errors));
    return g;
}

static struct task *start(struct generation *g, const char *flow)
{
    struct task *t = NULL;
    struct task_start s = {
        .id = {{1, 2, 3}},
        .flow = bytes_of(flow),
        .envelope = bytes_of("{\"name\":\"e\",\"data\":{\"x\":1}}"),
        .event_id = {{9}},
        .started_ms = clock_ms,
    };
    if (task_new(g, &s, &t, &e) != 0)
        fail_msg("%s", e.message);
    return t;
}

/* Goes on; what it asked for is in `seen`, its message or result in `text`. */
static enum task_end go(struct task *t)
{
    memset(&seen, 0, sizeof seen);
    buf_clear(&text);
    enum task_end end;
    do
        end = task_go(t, &sink, &text);
    while (end == TASK_MORE);
    return end;
}

static void put(struct task *t, int number, enum step_kind kind, const char *path, const char *name, const char *result,
                const struct uuid *delivery, const struct attempt *answer)
{
    clock_ms += 1000;
    struct task_entry entry = {
        .number = number,
        .kind = kind,
        .path = bytes_of(path),
        .name = bytes_of(name),
        .ended_ms = result == NULL ? 0 : clock_ms,
        .result = bytes_of(result == NULL ? "" : result),
        .delivery = delivery,
        .answer = answer,
    };
    assert_int_equal(task_put(t, &entry, &e), 0);
}

static void answered(struct attempt *a, int status, const char *body)
{
    attempt_init(a, 1);
    a->status = status;
    a->duration_us = 1500;
    buf_append_str(&a->headers, "Content-Type: application/json\n");
    buf_append_str(&a->body, body);
}

static void assert_text(const char *expected)
{
    assert_string_equal(buf_cstr(&text), expected);
}

static void test_each_kind_of_step(void **state)
{
    (void)state;
    struct generation *g =
        load("flow 'f' { on = 'e', run = function(event)\n"
             "  local res = call('w', event.data)\n"
             "  local id = send('w', event.data)\n"
             "  sleep '2h'\n"
             "  local e = wait_event('paid', { match = { ['a.b'] = 1 }, timeout = 5 })\n"
             "  return { res.vars.id, res.status, res.duration, res.delivery_id == id, e.data.n, event.id } end }");
    struct task *t = start(g, "f");
    struct attempt a;
    assert_ptr_equal(task_generation(t), g);
    assert_int_equal(go(t), TASK_WAITING);
    assert_int_equal(seen.deliveries, 1);
    assert_int_equal(seen.steps, 1);
    struct step *s = &seen.list[0];
    assert_int_equal(s->number, 1);
    assert_int_equal(s->kind, STEP_CALL);
    assert_string_equal(s->path, "1");
    assert_string_equal(s->name, "w");
    assert_true(s->has_delivery);
    assert_int_equal(s->ended_ms, 0);

    struct uuid id = seen.id;
    answered(&a, 200, "{\"id\":\"c-7\"}");
    put(t, 1, STEP_CALL, "1", "w", "{\"ok\":true,\"attempts\":1}", &id, &a);
    attempt_fini(&a);
    assert_int_equal(go(t), TASK_WAITING);
    assert_int_equal(seen.steps, 2);
    assert_int_equal(seen.list[0].kind, STEP_SEND);
    assert_true(seen.list[0].has_delivery && seen.list[0].ended_ms == clock_ms);
    assert_int_equal(strlen(seen.list[0].result), 38);
    assert_int_equal(seen.list[1].kind, STEP_SLEEP);
    assert_string_equal(seen.list[1].name, "2h");
    assert_int_equal(seen.list[1].due_ms, clock_ms + 7200000);
    assert_false(seen.list[1].has_delivery);

    put(t, 3, STEP_SLEEP, "3", "2h", "null", NULL, NULL);
    assert_int_equal(go(t), TASK_WAITING);
    assert_int_equal(seen.list[0].kind, STEP_WAIT);
    assert_string_equal(seen.list[0].match, "[\"paid\",\"a.b\",1]");
    assert_string_equal(seen.list[0].form, "a.b");
    assert_int_equal(seen.list[0].due_ms, clock_ms + 5000);

    put(t, 4, STEP_WAIT, "4", "paid", "{\"id\":\"x\",\"event\":{\"name\":\"paid\",\"data\":{\"n\":9}}}", NULL, NULL);
    assert_int_equal(go(t), TASK_SUCCEEDED);
    assert_text("[\"c-7\",200,0.0015,false,9,\"09000000-0000-0000-0000-000000000000\"]");
    assert_int_equal(seen.steps, 0);
    task_free(t);
    generation_unref(g);
}

static void test_replay(void **state)
{
    (void)state;
    struct generation *g = load("flow 'f' { on = 'e', run = function(event)\n"
                                "  local res = call('w', event.data) sleep(1)\n"
                                "  return { res.vars.id, uuid(), math.random(1000), now() } end }");
    struct attempt a;
    struct uuid id = {{7}};
    char first[256] = "";
    answered(&a, 200, "{\"id\":5}");
    for (int i = 0; i < 3; i++) {
        clock_ms = 1700000000000;
        struct task *t = start(g, "f");
        put(t, 1, STEP_CALL, "1", "w", "{\"ok\":true,\"attempts\":1}", &id, &a);
        put(t, 2, STEP_SLEEP, "2", "1s", i == 1 ? NULL : "null", NULL, NULL);
        if (i == 1) { /* the end comes when it is in memory */
            clock_ms -= 1000;
            assert_int_equal(go(t), TASK_WAITING);
            assert_int_equal(seen.steps + seen.deliveries, 0);
            put(t, 2, STEP_SLEEP, "2", "1s", "null", NULL, NULL);
        }
        assert_int_equal(go(t), TASK_SUCCEEDED);
        assert_int_equal(seen.steps + seen.deliveries, 0);
        if (i == 0)
            snprintf(first, sizeof first, "%s", buf_cstr(&text));
        assert_text(first);
        task_free(t);
    }
    attempt_fini(&a);
    generation_unref(g);
}

static void test_another_step_parks(void **state)
{
    (void)state;
    struct generation *g = load("flow 'f' { on = 'e', run = function()\n"
                                "  pcall(sleep, 1)\n"
                                "  sleep(2) end }");
    struct task *t = start(g, "f");
    put(t, 1, STEP_SLEEP, "1", "1s", "null", NULL, NULL);
    put(t, 2, STEP_CALL, "2", "w", NULL, NULL, NULL);
    assert_int_equal(go(t), TASK_PARKED);
    assert_non_null(
        strstr(buf_cstr(&text), "s.lua:5: step 2: the journal has call 'w', but the flow asked for sleep '2s'"));
    assert_int_equal(seen.steps, 0);
    task_free(t);
    generation_unref(g);
}

static void test_no_such_flow(void **state)
{
    (void)state;
    struct generation *g = load("flow 'f' { on = 'e', run = print }");
    struct task *t = NULL;
    struct task_start s = {.flow = bytes_of("g"), .envelope = bytes_of("{\"name\":\"e\"}")};
    assert_int_equal(task_new(g, &s, &t, &e), -1);
    assert_int_equal(e.domain, ERR_SCRIPT);
    assert_string_equal(e.message, "the scripts that it runs under have no flow 'g'");
    task_free(NULL);
    generation_unref(g);
}

static void test_failures_have_their_place(void **state)
{
    (void)state;
    struct generation *g = load("local function pay(t)\n"
                                "  return t.order.id\n"
                                "end\n"
                                "flow 'f' { on = 'e', run = function()\n"
                                "  local id = pay {}\n"
                                "  return id end }\n"
                                "flow 'p' { on = 'e', run = function()\n"
                                "  parallel(\n    function() error 'one' end,\n"
                                "    function() error 'two' end)\n"
                                "  return 1 end }\n"
                                "flow 't' { on = 'e', run = function() error { code = 5 } end }\n"
                                "flow 'o' { on = 'e', run = function() error(setmetatable({}, { __tostring = "
                                "function() return 'mine' end })) end }");
    static const char *const expected[][2] = {
        {"f", "s.lua:4: attempt to index a nil value (field 'order') (called from "},
        {"p", "s.lua:11: one (called from "},
        {"t", "s.lua:14: flow 't': the script raised an object: {\"code\":5}"},
        {"o", "s.lua:15: mine"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct task *t = start(g, expected[i][0]);
        assert_int_equal(go(t), TASK_FAILED);
        if (strstr(buf_cstr(&text), expected[i][1]) == NULL)
            fail_msg("%s", buf_cstr(&text));
        task_free(t);
    }
    generation_unref(g);
}

static void test_a_render_that_fails(void **state)
{
    (void)state;
    struct generation *g =
        load("webhook 'v' { integration = 'i', url = '?x=${ x }' }\n"
             "flow 'f' { on = 'e', run = function() local r = call 'v' return { r.ok, r.error.kind } end }");
    struct task *t = start(g, "f");
    assert_int_equal(go(t), TASK_SUCCEEDED);
    assert_text("[false,\"render\"]");
    assert_int_equal(seen.deliveries, 1);
    assert_non_null(strstr(seen.error, "s.lua:3:"));
    assert_true(seen.list[0].has_delivery && seen.list[0].ended_ms == clock_ms);
    task_free(t);
    generation_unref(g);
}

static void assert_ends(struct generation *g, const char *flow, enum task_end end, const char *expected)
{
    struct task *t = start(g, flow);
    assert_int_equal(go(t), end);
    if (strstr(buf_cstr(&text), expected) == NULL)
        fail_msg("%s: %s", flow, buf_cstr(&text));
    task_free(t);
}

/* Others of the same generation, begun before, go on afterwards. */
static void test_runaways(void **state)
{
    (void)state;
    struct generation *g = load("flow 'good' { on = 'e', run = function() sleep(1) return 'good' end }\n"
                                "flow 'endless' { on = 'e', run = function()\n"
                                "  while true do end end }\n"
                                "flow 'stubborn' { on = 'e', run = function()\n"
                                "  while true do pcall(function() while true do end end) end end }\n"
                                "flow 'own' { on = 'e', run = function()\n"
                                "  coroutine.wrap(function() while true do end end)() end }\n"
                                "flow 'branch' { on = 'e', run = function()\n"
                                "  parallel(function() while true do end end) return end }\n"
                                "flow 'branches' { on = 'e', run = function()\n"
                                "  while true do parallel(function() end) end end }\n"
                                "flow 'deep' { on = 'e', run = function()\n"
                                "  local function f() parallel(f) return end f() return end }\n"
                                "flow 'bomb' { on = 'e', run = function()\n"
                                "  return ('x'):rep(2^28) end }\n"
                                "flow 'pattern' { on = 'e', run = function()\n"
                                "  while true do pcall(string.find, ('x'):rep(1e5), '.-.-.-y') end end }\n"
                                "flow 'texts' { on = 'e', run = function()\n"
                                "  local s = ('x'):rep(4e7) while true do local _ = s .. s end end }\n");
    struct task *good = start(g, "good");
    assert_int_equal(go(good), TASK_WAITING);
    assert_ends(g, "endless", TASK_FAILED, "s.lua:5: ran longer than 250 ms of CPU");
    assert_ends(g, "stubborn", TASK_FAILED, "s.lua:7: ran longer than 250 ms of CPU");
    assert_ends(g, "own", TASK_FAILED, "s.lua:9: ran longer than 250 ms of CPU");
    assert_ends(g, "branch", TASK_FAILED, "s.lua:11: ran longer than 250 ms of CPU");
    assert_ends(g, "branches", TASK_FAILED, "s.lua:13: more than 65535 branches in one run");
    assert_ends(g, "deep", TASK_FAILED, "s.lua:15: parallel() inside parallel(): more than 100 deep");
    assert_ends(g, "bomb", TASK_MEMORY, "scripts use more than 256 MiB");
    assert_ends(g, "pattern", TASK_FAILED, "s.lua:19: ran longer than 250 ms of CPU");
    assert_ends(g, "texts", TASK_FAILED, "ran longer than 250 ms of CPU");
    put(good, 1, STEP_SLEEP, "1", "1s", "null", NULL, NULL);
    assert_int_equal(go(good), TASK_SUCCEEDED);
    assert_text("\"good\"");
    task_free(good);
    generation_unref(g);
}

/* Turns of a loop that take about 60 ms of CPU, whatever the test runs under. */
static int turns_of_60_ms(void)
{
    enum { TURNS = 100000 };
    struct timespec from, to;
    struct generation *g = load("flow 'f' { on = 'e', run = function(event)\n"
                                "  local sum = 0 for n = 1, 100000 do sum = sum + n % 7 end end }");
    struct task *t = start(g, "f");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    assert_int_equal(go(t), TASK_SUCCEEDED);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    task_free(t);
    generation_unref(g);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    return (int)(TURNS * 60 / ms);
}

/* Each stretch between two steps has a budget of its own, in a replay too. */
static void test_a_long_replay(void **state)
{
    (void)state;
    char script[512];
    snprintf(script, sizeof script,
             "flow 'f' { on = 'e', run = function()\n"
             "  for i = 1, 9 do local sum = 0 for n = 1, %d do sum = sum + n %% 7 end sleep(i) end\n"
             "  return 'done' end }",
             turns_of_60_ms());
    struct generation *g = load(script);
    struct task *t = start(g, "f");
    char path[2] = "1", name[3] = "1s";
    for (int i = 1; i <= 9; i++) {
        *path = *name = (char)('0' + i);
        put(t, i, STEP_SLEEP, path, name, "null", NULL, NULL);
    }
    assert_int_equal(go(t), TASK_SUCCEEDED);
    assert_text("\"done\"");
    task_free(t);
    generation_unref(g);
}

/* A generation lives as long as its runs, and does without their leftovers. */
static void test_what_stays_in_memory(void **state)
{
    (void)state;
    struct generation *g =
        load("flow 'f' { on = 'e', run = function() local t = ('x'):rep(1000):rep(4000) sleep(1) return #t end }");
    size_t before = 0;
    for (int i = 0; i < 100; i++) {
        struct task *t = start(g, "f");
        assert_int_equal(go(t), TASK_WAITING);
        task_free(t);
        if (i == 20)
            before = generation_memory(g);
    }
    assert_true(generation_memory(g) < before + (64 << 20));
    struct task *t = start(g, "f");
    generation_unref(g);
    assert_int_equal(go(t), TASK_WAITING);
    put(t, 1, STEP_SLEEP, "1", "1s", "null", NULL, NULL);
    assert_int_equal(go(t), TASK_SUCCEEDED);
    assert_text("4000000");
    task_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_step),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_another_step_parks),
        cmocka_unit_test(test_no_such_flow),
        cmocka_unit_test(test_failures_have_their_place),
        cmocka_unit_test(test_a_render_that_fails),
        cmocka_unit_test(test_runaways),
        cmocka_unit_test(test_a_long_replay),
        cmocka_unit_test(test_what_stays_in_memory),
    };
    return cmocka_run_group_tests_name("task", tests, setup, teardown);
}
