/*
 * The C side of the seam alone: a stub in the place of stdlib hands `native` to the script, whose functions take the
 * place of boot's.
 */
#include "folder.h"

#include <sys/stat.h>

#include "core/log.h"
#include "core/request.h"
#include "core/secrets.h"
#include "script/generation.h"

static const char STUB[] = "local native = ...\n"
                           "local env = setmetatable({native = native}, {__index = _G})\n"
                           "local boot = setmetatable({}, {__index = env})\n"
                           "function boot.load(files, dirs)\n"
                           "  local errors = {}\n"
                           "  env.dirs = dirs\n"
                           "  for _, f in ipairs(files) do\n"
                           "    local run, message = native.compile(f.text, '@' .. f.path, env)\n"
                           "    if run then run() else errors[#errors + 1] = message end\n"
                           "  end\n"
                           "  return errors, env.warnings or {}\n"
                           "end\n"
                           "function boot.integrations() return env.list_of_integrations or {} end\n"
                           "function boot.webhook_count() return 7 end function boot.flow_count() return 3 end "
                           "function boot.digests() return 'webhook\\tw\\t0\\n' end\n"
                           "function boot.event(raw)\n"
                           "  if env.event then return env.event(raw) end\n"
                           "  for _, f in ipairs(env.events) do\n"
                           "    local ok, message = pcall(f)\n"
                           "    native.emit_failed('w', 'i', tostring(ok) .. ' ' .. message)\n"
                           "  end\n"
                           "  return true\n"
                           "end\n"
                           "env.try = pcall\n"
                           "function env.in_stdlib(f, ...) local r = f(...) return r end\n"
                           "return boot\n";

static struct buf errors;
static struct err e;
static struct secrets *secrets;

static int setup(void **state)
{
    (void)state;
    if (folder_make("script") != 0 || (secrets = secrets_new(&e)) == NULL)
        return -1;
    write_file("boot.lua", STUB);
    mkdir(path_of("lib"), 0700);
    write_file("lib/part.lua", "local name = ... return {name = name}");
    return setenv("ANZOL_STDLIB", dir, 1);
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&errors);
    secrets_free(secrets);
    unsetenv("ANZOL_STDLIB");
    return folder_remove();
}

static int load_with(struct generation_options o, const char *text, struct generation **g)
{
    static const char *paths[1];
    write_file("a.lua", text);
    paths[0] = path_of("a.lua");
    o.paths = paths;
    o.path_count = 1;
    buf_clear(&errors);
    return generation_load(&o, g, &errors, &e);
}

static struct generation *load(const char *text)
{
    struct generation *g = NULL;
    if (load_with((struct generation_options){.secrets = secrets}, text, &g) != 0)
        fail_msg("%s", e.message);
    return g;
}

/* What a script's `preview` returns: the shortest way to look at a value. */
static const char *value_of(const char *expression)
{
    static struct buf out;
    char script[2048];
    snprintf(script, sizeof script, "function preview(name, raw) return tostring(%s) end", expression);
    struct generation *g = load(script);
    buf_clear(&out);
    if (generation_preview(g, "hook", bytes_of("{}"), &out, &e) != 0)
        buf_printf(&out, "error: %s", e.message);
    generation_unref(g);
    return buf_cstr(&out);
}

struct seen {
    int events, deliveries;
    char event[64], key[64], webhook[64], integration[64], error[256];
    struct uuid id;
    struct buf request;
};

static void copy(char *to, struct bytes from)
{
    snprintf(to, 64, "%.*s", (int)from.len, from.data == NULL ? "" : from.data);
}

static void on_event(void *ud, const struct event_head *h)
{
    struct seen *s = ud;
    s->events++;
    copy(s->event, h->name);
    copy(s->key, h->key);
}

static void on_delivery(void *ud, const struct rendered *r)
{
    struct seen *s = ud;
    s->deliveries++;
    copy(s->webhook, r->webhook);
    copy(s->integration, r->integration);
    s->id = r->id;
    snprintf(s->error, sizeof s->error, "%s", r->error == NULL ? "" : r->error);
    buf_clear(&s->request);
    buf_append_bytes(&s->request, r->request);
}

static int run_event(struct generation *g, const char *raw, struct seen *s)
{
    struct render_sink sink = {.on_event = on_event, .on_delivery = on_delivery, .ud = s};
    return generation_event(g, bytes_of(raw), &sink, &e);
}

/* --- loading ---------------------------------------------------------------------------------------------------- */

static void a_missing_path_is_named(void **state)
{
    struct generation *g = NULL;
    const char *paths[] = {"/nonexistent/x.lua", "/nonexistent/y.lua"};
    struct generation_options o = {.paths = paths, .path_count = 2};
    (void)state;
    buf_clear(&errors);
    assert_int_equal(generation_load(&o, &g, &errors, &e), -1);
    assert_string_equal(e.message, "/nonexistent/x.lua: No such file or directory");
    assert_string_equal(buf_cstr(&errors), "/nonexistent/x.lua: No such file or directory\n"
                                           "/nonexistent/y.lua: No such file or directory\n");
}

static void a_folder_gives_its_scripts_in_order(void **state)
{
    struct generation *g = NULL;
    struct buf out;
    char folder[128];
    const char *paths[] = {folder, folder};
    struct generation_options o = {.paths = paths, .path_count = 2};
    (void)state;
    snprintf(folder, sizeof folder, "%s/scripts/", dir);
    mkdir(folder, 0700);
    assert_int_equal(generation_load(&o, &g, &errors, &e), -1);
    assert_non_null(strstr(e.message, "/scripts: there is no *.lua in this folder"));
    write_file("scripts/b.lua", "order = (order or '') .. 'b'");
    write_file("scripts/B.lua", "order = (order or '') .. 'B'");
    write_file("scripts/a.lua", "#!/usr/bin/env anzol\norder = (order or '') .. 'a'");
    write_file("scripts/.hidden.lua", "not Lua");
    write_file("scripts/.lua", "not Lua");
    write_file("scripts/notes.txt", "not Lua");
    write_file("scripts/z.lua", "function preview() return order .. ' ' .. #dirs .. dirs[1] end");
    mkdir(path_of("scripts/more"), 0700);
    write_file("scripts/more/c.lua", "not Lua");
    assert_int_equal(generation_load(&o, &g, &errors, &e), 0);
    buf_init(&out);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "Bab 1%s/scripts", dir);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_fini(&out);
    generation_unref(g);
}

static void files_are_text_of_bounded_size(void **state)
{
    struct generation *g = NULL;
    (void)state;
    char *big = malloc((1 << 20) + 2);
    assert_non_null(big);
    memset(big, ' ', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    assert_int_equal(load_with((struct generation_options){.log = NULL}, big, &g), -1);
    assert_non_null(strstr(e.message, "a.lua: larger than 1 MiB"));
    free(big);
    assert_int_equal(load_with((struct generation_options){.log = NULL}, "\x1bLuaS", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:1: precompiled Lua is not accepted"));
    assert_int_equal(load_with((struct generation_options){.log = NULL}, "x = = 1", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:1: unexpected symbol near '='"));
}

static void a_load_tells_what_it_found(void **state)
{
    (void)state;
    struct generation *g = load("warnings = {'a.lua:1: odd'}\n"
                                "list_of_integrations = {{name = 'shop', rate = 10, per_ms = 1000, concurrency = 4},\n"
                                "  {name = 'slow', rate = 0.5, per_ms = 60000, concurrency = 1}}");
    assert_string_equal(buf_cstr(&errors), "a.lua:1: odd\n");
    assert_int_equal(generation_webhook_count(g), 7);
    assert_int_equal(generation_flow_count(g), 3);
    assert_int_equal(generation_integration_count(g), 2);
    struct integration_info in = generation_integration(g, 1);
    assert_true(bytes_equal(in.name, bytes_of("slow")));
    assert_true(in.rate == 0.5);
    assert_int_equal(in.per_ms, 60000);
    assert_int_equal(in.concurrency, 1);
    generation_ref(g);
    generation_unref(g);
    assert_true(generation_memory(g) > 1000);
    generation_unref(g);
    g = load("");
    generation_unref(g);
}

static void an_endless_load_is_stopped(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(
        load_with((struct generation_options){.log = NULL}, "\nlocal n = 0\nwhile true do n = n + 1 end", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:3: ran longer than 5 s of CPU"));
    assert_non_null(strstr(buf_cstr(&errors), "a.lua:3: ran longer than 5 s of CPU\n"));
}

static void errors_of_load_name_the_script_line(void **state)
{
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(
        load_with((struct generation_options){.log = NULL}, "local function f()\n  error('boom')\nend\nf()\n", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:2: boom (called from "));
    assert_non_null(strstr(e.message, "a.lua:4)"));
    assert_int_equal(load_with((struct generation_options){.log = NULL}, "\nin_stdlib(5)", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:2: attempt to call a number value"));
    assert_non_null(strstr(e.message, "(in stdlib/boot.lua:24)"));
    assert_int_equal(load_with((struct generation_options){.log = NULL}, "\nerror({})", &g), -1);
    assert_string_equal(e.message, "an error without a message");
    assert_int_equal(load_with((struct generation_options){.log = NULL}, "\nerror()", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:2: error(nil)"));
    assert_int_equal(
        load_with((struct generation_options){.log = NULL}, "local function f() return f() + 1 end f()", &g), -1);
    assert_non_null(strstr(e.message, "a.lua:1: stack overflow"));
}

/* --- running ---------------------------------------------------------------------------------------------------- */

static void results_of_boot_become_errors(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    struct generation *g =
        load("function call(name) return nil, 404, 'no ' .. name end\n"
             "function template(text, as, raw) return text .. as .. raw end\n"
             "function vars(w, status, h, b, cut) if status == 200 then return w .. h .. b .. tostring(cut) end\n"
             "  if status == 500 then return nil, 'a.lua:9: no' end end\n"
             "function list(what) error('oh') end");
    struct render_sink sink = {.ud = NULL};
    assert_int_equal(generation_call(g, "x", bytes_of(""), &sink, &e), -1);
    assert_int_equal(e.domain, ERR_INPUT);
    assert_int_equal(e.code, 404);
    assert_string_equal(e.message, "no x");
    assert_int_equal(generation_template(g, bytes_of("t"), "json", bytes_of("{}"), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "tjson{}");
    buf_clear(&out);
    assert_int_equal(generation_vars(g, bytes_of("w"), 200, bytes_of("A: b\n"), bytes_of("{}"), false, &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "wA: b\n{}false");
    buf_clear(&out);
    assert_int_equal(generation_vars(g, bytes_of("w"), 200, bytes_of(""), bytes_of("{"), true, &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "w{true");
    buf_clear(&out);
    assert_int_equal(generation_vars(g, bytes_of("w"), 204, bytes_of(""), bytes_of(""), false, &out, &e), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(generation_vars(g, bytes_of("w"), 500, bytes_of(""), bytes_of(""), false, &out, &e), -1);
    assert_string_equal(e.message, "a.lua:9: no");
    assert_int_equal(generation_list(g, "webhooks", &out, &e), -1);
    assert_int_equal(e.domain, ERR_SCRIPT);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), -1);
    assert_int_equal(e.code, 422);
    generation_unref(g);
    buf_fini(&out);
}

static void a_runaway_stops_alone(void **state)
{
    struct seen s = {.events = 0};
    (void)state;
    struct generation *g =
        load("local function spin() while true do pcall(function() while true do end end) end end\n"
             "local function grow() return ('x'):rep(1.4e8) end\n"
             "local function co() coroutine.wrap(spin)() end\n"
             "local function deep() return deep() .. 'x' end\n"
             "local function big() return ('x'):rep(1e9) end\n"
             "local all = {spin = spin, grow = grow, co = co, big = big, ok = function() return 'fine' end}\n"
             "function event(raw)\n"
             "  for _, name in ipairs{'spin', 'grow', 'co', 'big', 'ok'} do\n"
             "    local ok, message = native.protected(all[name])\n"
             "    message = message:gsub(' %(called.*', '')\n"
             "    native.emit_failed(name, 'i', tostring(ok) .. ' ' .. message)\n"
             "    results = (results or '') .. message:gsub('^.*/', '') .. '\\n'\n"
             "  end\n"
             "  return true\n"
             "end\n"
             "function preview() return results end");
    assert_int_equal(run_event(g, "{}", &s), 0);
    assert_int_equal(s.deliveries, 5);
    assert_string_equal(s.error, "true fine");
    struct buf out;
    buf_init(&out);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "a.lua:1: ran longer than 250 ms of CPU\n"
                                        "scripts use more than 256 MiB\n"
                                        "a.lua:1: ran longer than 250 ms of CPU\n"
                                        "a.lua:5: resulting string too large: 1000000000 bytes, and scripts may use "
                                        "256 MiB\n"
                                        "fine\n");
    assert_true(generation_memory(g) < 50u << 20);
    buf_fini(&out);
    buf_fini(&s.request);
    generation_unref(g);
}

static void a_boot_function_is_bounded_itself(void **state)
{
    struct seen s = {.events = 0};
    struct buf out;
    (void)state;
    struct generation *g =
        load("function event() while true do pcall(function() while true do end end) end end\n"
             "function preview() local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end end\n"
             "function list() return 'well' end");
    buf_init(&out);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_event(g, "{}", &s), -1);
        assert_int_equal(e.domain, ERR_SCRIPT);
        assert_non_null(strstr(e.message, "a.lua:1: ran longer than 250 ms of CPU"));
        assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), -1);
        assert_int_equal(e.domain, ERR_INPUT);
        assert_true(strstr(e.message, "scripts use more than 256 MiB") != NULL || strstr(e.message, "250 ms") != NULL);
    }
    assert_int_equal(generation_list(g, "x", &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "well");
    buf_fini(&out);
    generation_unref(g);
}

static void an_overrun_ends_where_the_script_is_left(void **state)
{
    struct seen s = {.events = 0};
    (void)state;
    struct generation *g = load("local function spin() while true do pcall(function() while true do end end) end end\n"
                                "function event() for i = 1, 3 do in_stdlib(try, spin) end return true end");
    assert_int_equal(run_event(g, "{}", &s), -1); /* a script that catches its own */
    generation_unref(g);
    g = load("function spin() while true do pcall(function() while true do end end) end end\n"
             "events = {spin, spin, function() return 'fine' end}");
    assert_int_equal(run_event(g, "{}", &s), 0);
    assert_int_equal(s.deliveries, 3);
    assert_string_equal(s.error, "true fine");
    generation_unref(g);
}

static void protected_keeps_results_and_errors(void **state)
{
    (void)state;
    assert_string_equal(value_of("select('#', native.protected(function(...) return ..., nil, nil end, 1))"), "4");
    assert_string_equal(
        value_of("select(2, native.protected(error, {})) ~= nil and type(select(2, native.protected(error, {})))"),
        "table");
    assert_non_null(strstr(value_of("select(2, native.protected(error, 'x', 0))"), "a.lua:1: x"));
    assert_non_null(strstr(
        value_of("select(2, native.protected(error, setmetatable({}, {__tostring = function() return 'T' end})))"),
        "a.lua:1: T"));
    assert_non_null(strstr(value_of("select(2, native.protected(error, 'b.lua:3:14: is null', 0))"),
                           "b.lua:3:14: is null (called from "));
}

static void dangerous_libraries_are_absent(void **state)
{
    (void)state;
    assert_string_equal(value_of("io or debug or os.execute or os.getenv or os.exit or package.loadlib or "
                                 "package.searchers or dofile or loadfile"),
                        "nil");
    assert_string_equal(value_of("math.type(os.time()) .. type(os.clock()) .. os.date('!%Y', 0)"), "integernumber1970");
    assert_non_null(strstr(value_of("setmetatable({}, {__gc = print})"), "__gc is not available in scripts"));
    assert_non_null(strstr(value_of("setmetatable(native.json_array{}, {})"), "protected metatable"));
    assert_string_equal(
        value_of("getmetatable(setmetatable({}, {__index = {}})) ~= nil and setmetatable({}, nil) ~= nil"), "true");
    assert_string_equal(value_of("require('cjson').encode({1}) .. require('stdlib.lib.part').name"),
                        "[1]stdlib.lib.part");
    assert_string_equal(value_of("require('cjson') == require('cjson')"), "true");
    assert_non_null(strstr(value_of("require('other')"), "there is no module 'other'"));
}

/* --- native ----------------------------------------------------------------------------------------------------- */

static void texts_and_numbers(void **state)
{
    static const char *const pairs[][2] = {
        {"native.json_escape('a\"\\n')", "a\\\"\\n"},
        {"native.json_escape('\\xff')", "nil"},
        {"native.json_number(12)", "12"},
        {"native.json_number(math.mininteger)", "-9223372036854775808"},
        {"native.json_number(1.5)", "1.5"},
        {"native.percent_encode('a b/é~')", "a%20b%2F%C3%A9~"},
        {"native.percent_encode('')", ""},
        {"native.base64('')", ""},
        {"native.base64('ab')", "YWI="},
        {"native.base64('\\0\\xff\\xfe')", "AP/+"},
        {"native.utf8_valid('é')", "true"},
        {"native.utf8_valid('\\xc3')", "false"},
        {"native.duration('6m')", "360000"},
        {"native.duration(1.5)", "1500"},
        {"native.duration(30)", "30000"},
        {"native.duration(-1)", "nil"},
        {"native.duration(0/0)", "nil"},
        {"native.duration(1e300)", "nil"},
        {"native.duration('soon')", "nil"},
        {"native.duration({})", "nil"},
        {"native.nearest('metod', {'url', 'method', 5})", "method"},
        {"native.nearest('xyz', {'url', 'method'})", "nil"},
        {"native.nearest('x', {})", "nil"},
        {"native.env('ANZOL_NO_SUCH')", "nil"},
        {"native.env('ANZOL_STDLIB'):match('script') ~= nil", "true"},
        {"math.type(native.now_ms()) .. #native.uuid() .. #native.new_id()", "integer3636"},
        {"native.new_id() < native.new_id()", "true"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(value_of(pairs[i][0]), pairs[i][1]);
    assert_non_null(strstr(value_of("native.json_number(0/0)"), "NaN"));
    assert_non_null(strstr(value_of("native.json_number('1')"), "number expected"));
}

static void charsets_become_utf8(void **state)
{
    static const char *const pairs[][2] = {
        {"native.to_utf8('\\xcf\\xf0\\xe8\\xe2\\xe5\\xf2', 'windows-1251')", "Привет"},
        {"native.to_utf8('\\xf0\\xd2\\xc9\\xd7\\xc5\\xd4', 'KOI8-R')", "Привет"},
        {"native.to_utf8('caf\\xe9', 'iso-8859-1')", "café"},
        {"native.to_utf8('\\x80', 'Windows-1252')", "€"},
        {"native.to_utf8('\\x83\\x65', 'shift_jis')", "テ"},
        {"native.to_utf8('\\xff\\xfeA\\0\\xac\\x20', 'utf-16')", "A€"},
        {"native.to_utf8('\\0A\\x20\\xac', 'utf-16be')", "A€"},
        {"native.to_utf8('\\xe1', 'windows-1255')", "ב"}, /* held back until the end */
        {"native.to_utf8('', 'windows-1251')", ""},
        {"native.to_utf8('h\\xc3\\xa9', 'UTF-8')", "hé"},
        {"#native.to_utf8(('\\xe9'):rep(100000), 'latin1')", "200000"},
        {"native.to_utf8('\\xff', 'utf-8')", "nil"},
        {"native.to_utf8('\\x98', 'windows-1251')", "nil"},
        {"native.to_utf8('\\0A\\x20', 'utf-16be')", "nil"},
        {"native.to_utf8('\\xe9', 'us-ascii')", "nil"},
        {"native.to_utf8('x', 'klingon')", "nil"},
        {"native.to_utf8('x', '')", "nil"},
        {"native.to_utf8('x', 'UTF-8//IGNORE')", "nil"},
        {"native.to_utf8('x', 'ISO-2022-CN-EXT')", "nil"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(value_of(pairs[i][0]), pairs[i][1]);
    assert_non_null(strstr(value_of("native.to_utf8(5)"), "string expected"));
}

/* A name out of its order would not be found. */
static void every_charset_is_known(void **state)
{
    static const char *const names[] = {
        "ascii",        "big5",         "cp1250",       "cp1251",       "cp1252",       "cp866",        "euc-jp",
        "euc-kr",       "gb18030",      "gb2312",       "gbk",          "ibm866",       "iso-2022-jp",  "iso-8859-1",
        "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",  "iso-8859-16",  "iso-8859-2",   "iso-8859-3",
        "iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-9",   "koi8-r",
        "koi8-u",       "latin1",       "macintosh",    "shift_jis",    "us-ascii",     "utf-8",        "utf8",
        "windows-874",  "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255",
        "windows-1256", "windows-1257", "windows-1258",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char code[64];
        snprintf(code, sizeof code, "native.to_utf8('a1', '%s')", names[i]);
        assert_string_equal(value_of(code), "a1");
    }
    assert_string_equal(value_of("native.to_utf8('a\\0', 'utf-16le')"), "a");
}

static void secrets_stay_outside(void **state)
{
    (void)state;
    setenv("ANZOL_TEST_SECRET", "hunter22", 1);
    struct generation *g =
        load("local known, unknown = native.secret('ANZOL_TEST_SECRET'), native.secret('ANZOL_TEST_NONE')\n"
             "function preview() return tostring(known) .. tostring(unknown) ..\n"
             "  tostring(native.secret('ANZOL_TEST_SECRET')) .. tostring(native.secret('ANZOL_TEST_LATE')) end");
    setenv("ANZOL_TEST_LATE", "x", 1);
    struct buf out;
    buf_init(&out);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "truefalsetruefalse");
    generation_unref(g);
    g = NULL;
    buf_clear(&out);
    assert_int_equal(load_with((struct generation_options){.secrets = secrets, .secrets_optional = true},
                               "local s = native.secret('ANZOL_TEST_NONE') function preview() return tostring(s) end",
                               &g),
                     0);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "true");
    buf_fini(&out);
    generation_unref(g);
    unsetenv("ANZOL_TEST_SECRET");
    unsetenv("ANZOL_TEST_LATE");
}

static void files_are_read_beside_the_scripts_only(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    write_file("beside.lua", "return 1");
    assert_int_equal(symlink("/etc/hostname", path_of("link.lua")), 0);
    struct generation *g =
        load("local d = dirs[1]\n"
             "local r = {}\n"
             "for _, p in ipairs{d .. '/beside.lua', d .. '/lib/../beside.lua', d .. '/none.lua', d .. '/link.lua',\n"
             "  d .. '/../../etc/passwd', '/etc/passwd', d .. '-x', d .. '/lib'} do\n"
             "  local text, message = native.readfile(p)\n"
             "  r[#r + 1] = text or message\n"
             "end\n"
             "function preview() return table.concat(r, '\\n') .. '\\n' .. select(2, native.readfile(d .. "
             "'/beside.lua')) end");
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "return 1\nreturn 1\nNo such file or directory\n"
                                        "the file is outside the folders of the scripts\n"
                                        "the file is outside the folders of the scripts\n"
                                        "the file is outside the folders of the scripts\n"
                                        "No such file or directory\n"
                                        "Is a directory\n"
                                        "files are read only while the scripts load");
    buf_fini(&out);
    generation_unref(g);
}

static void places_are_found(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    struct generation *g =
        load("local function define() local p, l = native.where(1) return p:gsub('.*/', '') .. ':' .. l end\n"
             "\n"
             "local r = define()\n"
             "function preview() return r .. tostring(native.where(50)) end");
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "a.lua:3nil");
    buf_fini(&out);
    generation_unref(g);
}

static void log_lines_are_structured(void **state)
{
    struct log log;
    int fds[2];
    char line[1024];
    struct generation *g = NULL;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    log_init(&log, fds[1]);
    log.format = LOG_JSON;
    assert_int_equal(
        load_with((struct generation_options){.log = &log},
                  "native.log('warn', 'low stock', {sku = 'a', left = 2, ratio = 0.5, ok = false, t = {}, [1] = 2})\n"
                  "native.log('debug', 'hidden')",
                  &g),
        0);
    log_fini(&log);
    close(fds[1]);
    ssize_t n = read(fds[0], line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = '\0';
    close(fds[0]);
    assert_non_null(strstr(
        line,
        "\"event\":\"script.log\",\"message\":\"low stock\",\"left\":2,\"ok\":false,\"ratio\":\"0.5\",\"sku\":\"a\"}"));
    assert_null(strstr(line, "hidden"));
    generation_unref(g);
}

#define HEAD                                                                                                           \
    "native.head{method = 'POST', has_key = true, has_body = true, redirects = true, timeout_ms = 1000, connect_ms = " \
    "200,\n"                                                                                                           \
    "retry = {delays = {10, 20}, codes = {429, 408}, c5xx = true, timeout = true, within = 5000}}"

static void a_delivery_is_assembled(void **state)
{
    struct seen s = {.events = 0};
    struct request_view v;
    char id[UUID_TEXT_SIZE];
    struct buf text;
    (void)state;
    struct generation *g =
        load("local head = " HEAD "\n"
             "function event(raw)\n"
             "  native.on_event('order.paid', 'k1')\n"
             "  given = native.new_id()\n"
             "  native.emit('hook', 'shop', head, {'https://h/?t=', {secret = 'T', encoding = 'url'}, '&x=1'},\n"
             "    {'A', 'b', 'C', {'Bearer ', {secret = 'S', encoding = 'raw'}}}, '{}')\n"
             "  return true\n"
             "end\n"
             "function preview() return given end");
    assert_int_equal(run_event(g, "{}", &s), 0);
    assert_int_equal(s.events, 1);
    assert_string_equal(s.event, "order.paid");
    assert_string_equal(s.key, "k1");
    assert_int_equal(s.deliveries, 1);
    assert_string_equal(s.webhook, "hook");
    assert_string_equal(s.integration, "shop");
    buf_init(&text);
    assert_int_equal(generation_preview(g, "x", bytes_of(""), &text, &e), 0);
    uuid_format(&s.id, id);
    assert_string_equal(buf_cstr(&text), id);
    assert_int_equal(request_view_read(&v, buf_view(&s.request), &e), 0);
    assert_int_equal(v.options.flags, REQUEST_HAS_KEY | REQUEST_HAS_BODY | REQUEST_FOLLOW_REDIRECTS);
    assert_int_equal(v.options.timeout_ms, 1000);
    assert_int_equal(v.options.connect_ms, 200);
    assert_int_equal(v.options.retry.delay_count, 2);
    assert_int_equal(v.options.retry.delays_ms[1], 20);
    assert_int_equal(v.options.retry.code_count, 2);
    assert_int_equal(v.options.retry.codes[1], 408);
    assert_int_equal(v.options.retry.on, RETRY_ON_5XX | RETRY_ON_TIMEOUT);
    assert_int_equal(v.options.retry.within_ms, 5000);
    assert_true(bytes_equal(v.method, bytes_of("POST")));
    assert_int_equal(v.header_count, 2);
    buf_clear(&text);
    assert_int_equal(request_masked(&text, &v.url), 0);
    buf_append_str(&text, "|");
    assert_int_equal(request_masked(&text, &v.headers[1].value), 0);
    assert_string_equal(buf_cstr(&text), "https://h/?t=***&x=1|Bearer ***");
    assert_true(bytes_equal(v.body.bytes, bytes_of("{}")));
    buf_fini(&text);
    buf_fini(&s.request);
    generation_unref(g);
}

static void an_id_serves_one_delivery(void **state)
{
    struct seen s = {.events = 0};
    (void)state;
    struct generation *g = load("function event() native.emit_failed('a', 'b', 'x\\ny') return true end");
    assert_int_equal(run_event(g, "{}", &s), 0);
    assert_string_equal(s.error, "x y");
    struct uuid first = s.id;
    assert_int_equal(run_event(g, "{}", &s), 0);
    assert_memory_not_equal(&first, &s.id, sizeof first);
    generation_unref(g);
}

static void what_http_cannot_carry_is_refused(void **state)
{
    static const char *const pairs[][2] = {
        {"'https://h/a b', {}, nil", "the URL has a space"},
        {"{'https://h/', 'a\\r\\nX: y'}, {}, nil", "the URL has a line break"},
        {"'https://h/\\0', {}, nil", "the URL has a line break"},
        {"{'https://h/orders/', '..', '/cancel'}, {}, nil", "'.' or '..' for a segment"},
        {"'https://h/a/%2E.', {}, nil", "'.' or '..' for a segment"},
        {"'https://h/./a', {}, nil", "'.' or '..' for a segment"},
        {"{{secret = 'S', encoding = 'raw'}, '/../a'}, {}, nil", "'.' or '..' for a segment"},
        {"{'https://h/..', '?x=', {secret = 'S', encoding = 'url'}}, {}, nil", "'.' or '..' for a segment"},
        {"'/', {'A b', 'x'}, nil", "a header's name"},
        {"'/', {'', 'x'}, nil", "a header's name"},
        {"'/', {'A:', 'x'}, nil", "a header's name"},
        {"'/', {'A', 'x\\r\\nB: y'}, nil", "the value of the header 'A' has a line break"},
        {"'/', {'A', {'x', '\\0'}}, nil", "the value of the header 'A' has a line break or a NUL"},
        {"'/', {'A', 5}, nil", "a text is a string or a list"},
        {"'/', {5, 'x'}, nil", "the name of a header is not a string"},
        {"'/', {'A', {{secret = 'S', encoding = 'x'}}}, nil", "a slot without an encoding"},
        {"'/', {}, {5}", "a text is a string or a list"},
    };
    struct seen s = {.events = 0};
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "local head = " HEAD "\nfunction event() native.emit('w', 'i', head, %s) return true end",
                 pairs[i][0]);
        struct generation *g = load(script);
        assert_int_equal(run_event(g, "{}", &s), -1);
        if (strstr(e.message, pairs[i][1]) == NULL || strstr(e.message, "a.lua:3: ") == NULL)
            fail_msg("%s gave: %s", pairs[i][0], e.message);
        generation_unref(g);
    }
    assert_int_equal(s.deliveries, 0);
    buf_fini(&s.request);
}

static void dots_in_a_path_may_be(void **state)
{
    static const char *const urls[] = {
        "'https://h/a..b/.well-known/.../c.?x=/../'",
        "{'https://h/..', {secret = 'S', encoding = 'url'}}",
        "'https://..'",
        "'https://h/a#/..'",
    };
    struct seen s = {.events = 0};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "local head = " HEAD "\nfunction event() native.emit('w', 'i', head, %s, {}, nil) return true end",
                 urls[i]);
        struct generation *g = load(script);
        assert_int_equal(run_event(g, "{}", &s), 0);
        generation_unref(g);
    }
    buf_fini(&s.request);
}

static int emit_with(const char *head, const char *url, const char *headers, struct seen *s)
{
    char script[1024];
    snprintf(script, sizeof script,
             "local head, url, headers = " HEAD ", %s, %s\nlocal made = %s\n"
             "function event() native.emit('w', 'i', made, url, headers, '{}') return true end",
             url, headers, head);
    struct generation *g = load(script);
    int rc = run_event(g, "{}", s);
    generation_unref(g);
    return rc;
}

#define SIGNED_URL   "{'https://h/?t=', {secret = 'T', encoding = 'url'}, '&x=1'}"
#define SOME_HEADERS "{'A', 'b', 'C', {'Bearer ', {secret = 'S', encoding = 'raw'}}, 'D', ''}"

static void a_prepared_request_is_the_same(void **state)
{
    static const char *const prepared[] = {
        "native.prepare(head, nil, headers, {})",  "native.prepare(head, nil, headers, {2, 4, 6})",
        "native.prepare(head, nil, headers, {4})", "native.prepare(head, url, headers, {})",
        "native.prepare(head, url, headers, {2})", "native.prepare(head, url, headers, {6, 4})",
    };
    struct seen whole = {.events = 0}, s = {.events = 0};
    (void)state;
    assert_int_equal(emit_with("head", SIGNED_URL, SOME_HEADERS, &whole), 0);
    for (size_t i = 0; i < sizeof prepared / sizeof *prepared; i++) {
        assert_int_equal(emit_with(prepared[i], SIGNED_URL, SOME_HEADERS, &s), 0);
        assert_true(bytes_equal(buf_view(&s.request), buf_view(&whole.request)));
    }
    assert_int_equal(emit_with("native.prepare(head, url, headers, {})", "'https://h/'", "{}", &s), 0);
    assert_int_equal(emit_with("head", "'https://h/'", "{}", &whole), 0);
    assert_true(bytes_equal(buf_view(&s.request), buf_view(&whole.request)));
    buf_fini(&whole.request);
    buf_fini(&s.request);
}

static void a_mistake_in_what_is_prepared_is_of_each_delivery(void **state)
{
    static const char *const cases[][3] = {
        {"'https://h/a b'", "{}", "the URL has a space"},
        {"'https://h/a/%2E.'", "{}", "'.' or '..' for a segment"},
        {"'/'", "{'A', 'b', 'A b', 'x'}", "a header's name"},
        {"'/'", "{'A', 'x\\r\\nB: y', 'B', 'c'}", "the value of the header 'A' has a line break"},
    };
    struct seen s = {.events = 0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(emit_with("native.prepare(head, url, headers, {})", cases[i][0], cases[i][1], &s), -1);
        assert_non_null(strstr(e.message, cases[i][2]));
    }
    assert_int_equal(s.deliveries, 0);
}

/* The C side of a judgement: what boot says in words becomes numbers. */
static void a_judgement_is_read(void **state)
{
    struct retry_judgement j;
    struct attempt a;
    struct buf message;
    (void)state;
    buf_init(&message);
    attempt_init(&a, 3);
    a.status = 201;
    buf_append_str(&a.headers, "A: b\n");
    buf_append_str(&a.body, "{}");
    struct generation *g =
        load("function judge(w, status, headers, body, cut, n)\n"
             "  if w == 'shown' then return 'failed', 0, 0, status .. headers .. body .. tostring(cut) .. n end\n"
             "  if w == 'retry' then return 'retry', 100, 86400000, 'later' end\n"
             "  if w == 'wrong' then return 'ok', 0, 7, nil, 'a.lua:9: no\\nreally' end\n"
             "  if w == 'bug' then return 'fine', 0, 0 end\n"
             "  if w == 'endless' then while true do end end\n"
             "  return 'default', 0, 0 end");
    assert_int_equal(generation_judge(g, bytes_of("shown"), &a, &j, &message, &e), 0);
    assert_int_equal(j.kind, JUDGED_FAILED);
    assert_string_equal(buf_cstr(&message), "201A: b\n{}false3");
    buf_clear(&message);
    assert_int_equal(generation_judge(g, bytes_of("retry"), &a, &j, &message, &e), 0);
    assert_int_equal(j.kind, JUDGED_RETRY);
    assert_int_equal(j.retry_ms, 100);
    assert_int_equal(j.pause_ms, 86400000);
    assert_string_equal(buf_cstr(&message), "later");
    buf_clear(&message);
    assert_int_equal(generation_judge(g, bytes_of("wrong"), &a, &j, &message, &e), -1);
    assert_string_equal(e.message, "a.lua:9: no really");
    assert_int_equal(j.kind, JUDGED_OK); /* what is left of the rule holds */
    assert_int_equal(j.pause_ms, 7);
    assert_int_equal(generation_judge(g, bytes_of("bug"), &a, &j, &message, &e), -1);
    assert_int_equal(j.kind, JUDGED_DEFAULT);
    assert_int_equal(j.pause_ms, 0);
    assert_int_equal(generation_judge(g, bytes_of("endless"), &a, &j, &message, &e), -1);
    assert_non_null(strstr(e.message, "ran longer than 250 ms"));
    assert_int_equal(j.kind, JUDGED_DEFAULT);
    assert_int_equal(generation_judge(g, bytes_of("other"), &a, &j, &message, &e), 0);
    assert_int_equal(j.kind, JUDGED_DEFAULT);
    assert_int_equal(message.len, 0);
    generation_unref(g);
    attempt_fini(&a);
    buf_fini(&message);
}

static void a_head_is_checked(void **state)
{
    (void)state;
    assert_non_null(strstr(value_of("native.head{method = 'GE T'}"), "the method is not an HTTP method name"));
    assert_non_null(strstr(value_of("native.head{method = 'GET', timeout_ms = -1}"),
                           "'timeout_ms' is not a number of milliseconds"));
    assert_non_null(strstr(value_of("native.head{method = 'GET', retry = {codes = {1000}}}"),
                           "retry.codes: item 1 is out of range"));
    assert_non_null(
        strstr(value_of("native.head{method = 'GET', retry = {delays = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17}}}"),
               "retry.delays: at most 16"));
    assert_string_equal(value_of("native.head{method = 'GET', judged = true}:byte(2)"), "8");
    assert_string_equal(value_of("native.head{method = 'GET', has_key = true}:byte(2)"), "1");
    assert_string_equal(
        value_of("native.head{method = 'GET'} == native.head{method = 'GET', timeout_ms = 30000, connect_ms = 5000}"),
        "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_path_is_named),
        cmocka_unit_test(a_folder_gives_its_scripts_in_order),
        cmocka_unit_test(files_are_text_of_bounded_size),
        cmocka_unit_test(a_load_tells_what_it_found),
        cmocka_unit_test(an_endless_load_is_stopped),
        cmocka_unit_test(errors_of_load_name_the_script_line),
        cmocka_unit_test(results_of_boot_become_errors),
        cmocka_unit_test(a_runaway_stops_alone),
        cmocka_unit_test(a_boot_function_is_bounded_itself),
        cmocka_unit_test(an_overrun_ends_where_the_script_is_left),
        cmocka_unit_test(protected_keeps_results_and_errors),
        cmocka_unit_test(dangerous_libraries_are_absent),
        cmocka_unit_test(texts_and_numbers),
        cmocka_unit_test(charsets_become_utf8),
        cmocka_unit_test(every_charset_is_known),
        cmocka_unit_test(secrets_stay_outside),
        cmocka_unit_test(files_are_read_beside_the_scripts_only),
        cmocka_unit_test(places_are_found),
        cmocka_unit_test(log_lines_are_structured),
        cmocka_unit_test(a_delivery_is_assembled),
        cmocka_unit_test(an_id_serves_one_delivery),
        cmocka_unit_test(what_http_cannot_carry_is_refused),
        cmocka_unit_test(dots_in_a_path_may_be),
        cmocka_unit_test(a_prepared_request_is_the_same),
        cmocka_unit_test(a_mistake_in_what_is_prepared_is_of_each_delivery),
        cmocka_unit_test(a_judgement_is_read),
        cmocka_unit_test(a_head_is_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
