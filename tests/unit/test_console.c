/* console: lines of an attached person, run bit by bit. */
#include "folder.h"

#include "script/console.h"

#include <time.h>

static struct buf errors, printed;
static struct console *console;
static struct console_said said;
static struct err e;

static void on_text(void *ud, struct bytes text)
{
    (void)ud;
    if (printed.len < 1 << 20)
        buf_append_bytes(&printed, text);
}

static struct generation *load(const char *text)
{
    static const char *paths[1];
    struct generation *g = NULL;
    write_file("a.lua", text);
    paths[0] = path_of("a.lua");
    if (generation_load(&(struct generation_options){.paths = paths, .path_count = 1}, &g, &errors, &e) != 0)
        fail_msg("%s", e.message);
    return g;
}

static const char SCRIPT[] = "integration 'shop' { url = 'http://h.test/' }\n"
                             "webhook 'paid' { integration = 'shop', body = { id = '${Id}' } }\n"
                             "function double(x) return x * 2 end\n";

static int setup(void **state)
{
    (void)state;
    buf_init(&errors);
    buf_init(&printed);
    buf_init(&said.text);
    buf_init(&said.values);
    if (folder_make("console") != 0)
        return -1;
    return console_new(load(SCRIPT), (struct bytes){0}, on_text, NULL, &console, &e);
}

static int teardown(void **state)
{
    (void)state;
    console_free(console);
    buf_fini(&errors);
    buf_fini(&printed);
    buf_fini(&said.text);
    buf_fini(&said.values);
    return folder_remove();
}

static enum console_end begin(const char *code)
{
    return console_eval(console, bytes_of(code), 80, true, &said);
}

/* To its end, however many slices that takes. */
static enum console_end run(const char *code)
{
    enum console_end end = begin(code);
    while (end == CONSOLE_SLICE)
        end = console_go(console, &said);
    return end;
}

static void assert_value(const char *code, const char *text)
{
    if (run(code) != CONSOLE_DONE)
        fail_msg("%s: %s", code, buf_cstr(&said.text));
    assert_string_equal(buf_cstr(&said.text), text);
}

static void assert_fails(const char *code, const char *part)
{
    assert_int_equal(run(code), CONSOLE_FAILED);
    const char *text = buf_cstr(&said.text);
    if (strstr(text, part) == NULL)
        fail_msg("%s: '%s' is not in '%s'", code, part, text);
}

static void lines_have_values(void **state)
{
    (void)state;
    assert_value("1 + 1", "2");
    assert_string_equal(buf_cstr(&said.values), "[2]");
    assert_value("x = double(4)", "");
    assert_value("x, 'y'", "8\n\"y\"");
    assert_string_equal(buf_cstr(&said.values), "[8,\"y\"]");
    assert_value("print 'hello'", "");
    assert_string_equal(buf_cstr(&printed), "hello\n");
    assert_int_equal(begin("if true then"), CONSOLE_MORE);
    assert_int_equal(begin(""), CONSOLE_DONE);
    assert_fails("nothing.here", "undefined variable 'nothing'");
    assert_fails("error 'no'", "no");
}

static void a_long_line_is_sliced(void **state)
{
    (void)state;
    struct timespec a, b;
    int slices = 0;
    enum console_end end = begin("n = 0 for i = 1, 2e7 do n = n + 1 end return n");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    for (; end == CONSOLE_SLICE; slices++)
        end = console_go(console, &said);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    double ms = (double)(b.tv_sec - a.tv_sec) * 1000 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    assert_int_equal(end, CONSOLE_DONE);
    assert_string_equal(buf_cstr(&said.text), "20000000");
    if (slices < 3 || ms / slices > 100)
        fail_msg("%d slices in %.1f ms of CPU", slices, ms);
}

/* The state of a line survives wherever it is stopped: in the middle of expressions, calls, loops, closures. */
static void a_slice_may_end_anywhere(void **state)
{
    (void)state;
    assert_value("local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end return f(24)", "46368");
    assert_value("local t = {} for i = 1, 300000 do t[#t + 1] = tostring(i) .. 'x' end "
                 "local n = 0 for _, s in ipairs(t) do n = n + #s end return n",
                 "1988895");
    assert_value("local ok, n = pcall(function() local n = 0 for i = 1, 3000000 do n = n + i % 7 end return n end) "
                 "return ok, n",
                 "true\n8999997");
    assert_value("local co = coroutine.wrap(function() for i = 1, 3000000 do if i % 1000000 == 0 then "
                 "coroutine.yield(i) end end end) return co(), co(), co()",
                 "1000000\n2000000\n3000000");
    assert_value("local s = 0 for w in ('a b '):rep(20000):gmatch('%a') do s = s + 1 end return s", "40000");
}

static void what_is_asked_is_answered(void **state)
{
    (void)state;
    assert_int_equal(begin("status().pid"), CONSOLE_ASKED);
    assert_string_equal(buf_cstr(&said.text), "status");
    assert_string_equal(buf_cstr(&said.values), "{}");
    assert_int_equal(console_answer(console, true, bytes_of("{\"pid\":7}"), &e), 0);
    assert_int_equal(console_go(console, &said), CONSOLE_DONE);
    assert_string_equal(buf_cstr(&said.text), "7");
    assert_int_equal(begin("send('paid', { Id = 1 })"), CONSOLE_ASKED);
    assert_string_equal(buf_cstr(&said.values), "{\"data\":{\"Id\":1},\"webhook\":\"paid\"}");
    assert_int_equal(console_answer(console, false, bytes_of("not today"), &e), 0);
    assert_int_equal(console_go(console, &said), CONSOLE_FAILED);
    assert_string_equal(buf_cstr(&said.text), "send: not today");
}

static void a_line_is_canceled_wherever_it_is(void **state)
{
    (void)state;
    assert_int_equal(begin("while true do end"), CONSOLE_SLICE);
    console_cancel(console);
    assert_int_equal(begin("local x <close> = setmetatable({}, { __close = function() closed = true end }) sleep(10)"),
                     CONSOLE_ASKED);
    console_cancel(console);
    console_cancel(console);
    assert_value("closed", "true");
}

static void a_line_is_bounded(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        "table.sort({3, 2, 1}, function() while true do end end)",
        "return setmetatable({}, { __index = function() while true do end end }).x",
        "coroutine.wrap(function() while true do end end)()",
        "('x'):rep(1e10)",
        "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
        "local function f() return f() + 1 end f()",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        "('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))",
        "('x'):rep(1e5):match('(.-)(.-)(.-)(.-)y')",
        "(''):rep(1e18)",
        "table.move({}, 1, 1e15, 2)",
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        enum console_end end = begin(hostile[i]);
        for (int n = 0; n < 20 && end == CONSOLE_SLICE; n++)
            end = console_go(console, &said);
        console_cancel(console);
        assert_value("1 + 1", "2");
    }
    assert_fails("x = ('x'):rep(200 * 1024 * 1024)", "memory");
}

static void it_completes_without_running_anything(void **state)
{
    (void)state;
    size_t from;
    struct buf items;
    buf_init(&items);
    assert_value("order = setmetatable({ Id = 1 }, { __index = function() error 'called' end })", "");
    assert_int_equal(console_complete(console, bytes_of("x = order.I"), 11, &from, &items, &e), 0);
    assert_int_equal(from, 10);
    assert_string_equal(items.data, "Id");
    buf_clear(&items);
    assert_int_equal(console_complete(console, bytes_of("send('pa"), 8, &from, &items, &e), 0);
    assert_int_equal(from, 6);
    assert_string_equal(items.data, "paid'");
    buf_fini(&items);
}

static void variables_are_carried_over(void **state)
{
    (void)state;
    struct buf kept, lost;
    buf_init(&kept);
    buf_init(&lost);
    assert_value("a, b, f = { 1, { 'x' } }, 9007199254740993, function() end", "");
    assert_int_equal(console_keep(console, &kept, &lost, &e), 0);
    assert_string_equal(buf_cstr(&lost), "f");
    console_free(console);
    assert_int_equal(console_new(load(SCRIPT), buf_view(&kept), on_text, NULL, &console, &e), 0);
    assert_value("a, b", "{1, {\"x\"}}\n9007199254740993");
    assert_fails("f", "undefined variable 'f'");
    buf_fini(&kept);
    buf_fini(&lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_have_values, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_sliced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slice_may_end_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_is_canceled_wherever_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(it_completes_without_running_anything, setup, teardown),
        cmocka_unit_test_setup_teardown(variables_are_carried_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
