-- line: what a person typed: read, run in a coroutine of its own, and stopped where it asks the host for something. The host may
-- also stop it anywhere, so that a long line holds up nothing.

local close, create, error, find, format, gsub, isyieldable, match, pack, resume, running, select, status, sub, type, unpack,
  xpcall, yield = coroutine.close, coroutine.create, error, string.find, string.format, string.gsub, coroutine.isyieldable,
  string.match, table.pack, coroutine.resume, coroutine.running, select, coroutine.status, string.sub, type, table.unpack,
  xpcall, coroutine.yield

local native = require "stdlib.native"
local mistakes = require "stdlib.mistakes"
local pretty = require "stdlib.console.pretty"
local scan = require "stdlib.console.scan"

local line = {}

local ASK = {} -- what a line yields that asks; nobody else has it
local CHUNK, LEVELS = "=line", 100

local active -- the line that is being run; nil: none

-- --- reading ----------------------------------------------------------------------------------------------------

-- Values that are no statements: what is wrong with them, `return CODE` says better.
local EXPRESSIONS = { ["not"] = true, ["nil"] = true, ["true"] = true, ["false"] = true }

local function is_expression(code)
  if not find(code, "^%s*[%a_(:;]") then return true end
  return EXPRESSIONS[match(code, "^%s*([%a_]+)")] or find(code, "^%s*function%s*%(") ~= nil
end

local function can_go_on(why)
  return find(why, "<eof>$") ~= nil
end

local HINTS = { { "near '!", "; 'not equal' is ~=" }, { "near '&&?'", "; it is written 'and'" },
  { "near '||?'", "; it is written 'or'" } }

local function with_hint(code, why)
  for _, hint in next, HINTS do
    if find(why, hint[1]) then return why .. hint[2] end
  end
  return find(code, "[{,]%s*until%s*=") and why .. "; 'until' is Lua's: write before = …" or why
end

local LAST_TRIES = 20

-- With `return` before the expression that ends the code: "x = 1; x". nil where there is none, and whether one could follow.
local function with_last(code, env)
  local tokens, kind = scan.tokens(code)
  local tries, unfinished = 0, false
  for i = #tokens, 2, -1 do
    local from, before = tokens[i].at, tokens[i - 1]
    if kind ~= "code" or tries == LAST_TRIES then break end
    if before.text == ";" or find(sub(code, before.stop + 1, from - 1), "\n", 1, true) then
      tries = tries + 1
      local last = "return " .. sub(code, from) .. "\n"
      local alone, why_alone = native.compile(last, CHUNK, env) -- not so inside a block
      local f, why = native.compile(sub(code, 1, from - 1) .. last, CHUNK, env)
      if f and alone then return f end
      unfinished = unfinished or not f and not alone and can_go_on(why) and can_go_on(why_alone)
    end
  end
  return nil, unfinished
end

-- The function of some code; or nil, "more" when it is not complete; or nil, "failed" and why. The line break at its end tells
-- a text that a quote should have closed.
function line.read(code, env)
  local f, why = native.compile("return " .. code .. "\n", CHUNK, env)
  if f then return f end
  local as_statement
  f, as_statement = native.compile(code .. "\n", CHUNK, env)
  if f then return f end
  local with_return, unfinished = with_last(code, env)
  if with_return then return with_return end
  if can_go_on(why) or can_go_on(as_statement) or unfinished then return nil, "more" end
  return nil, "failed", pretty.clean(with_hint(code, is_expression(code) and why or as_statement))
end

-- --- failing ----------------------------------------------------------------------------------------------------

-- In code of several lines: which of them.
local function with_line(message)
  if not active or not active.many or find(message, "^[^\n]-:%d+: ") then return message end
  for level = 1, LEVELS do
    local path, n = native.where(level)
    if path == "line" then return format("line:%d: %s", n, message) end
  end
  return message
end

-- Called where an error was raised, while its stack still stands.
local function failure(e)
  e = native.trace(e)
  if type(e) ~= "string" then return e end
  return with_line((gsub(mistakes.plain(e), " %(in stdlib/[^)]*%)", "")))
end

local MEMORY = "not enough memory"

local function message_of(e)
  if e == MEMORY then return "not enough memory for this" end
  if type(e) == "string" then return pretty.clean(mistakes.plain(e)) end
  return "error: " .. pretty.value(e, active.width)
end

-- --- running ----------------------------------------------------------------------------------------------------

-- The whole of a line: how it ended and what it says, from inside its coroutine, since printing may take long as well.
local function body(f, finish)
  local results = pack(xpcall(f, failure))
  if not results[1] then return "failed", message_of(results[2]) end
  return "done", finish(results.n - 1, unpack(results, 2, results.n))
end

-- A line that is about to run; `finish(count, …)` makes text (and JSON) of its values.
function line.new(f, code, width, finish)
  return { co = create(body), args = { f, finish, n = 2 }, code = code, width = width,
    many = find(code, "\n", 1, true) ~= nil }
end

local YIELDED = "coroutine.yield() outside of a coroutine of one's own; sleep() lets a line wait"

local function stopped(l, alive, mark, ...)
  if not alive then
    close(l.co)
    return "failed", message_of(mark)
  end
  if status(l.co) == "dead" then return mark, ... end
  if mark == ASK then return "asked", ... end
  if mark == nil then return "slice" end
  close(l.co)
  return "failed", YIELDED
end

-- Goes on: "slice", "asked", op, args; "done", text, json or nil; "failed", message.
function line.go(l)
  local args = l.args or { n = 0 }
  l.args, active = nil, l
  native.console_line(l.co)
  local function back(...)
    native.console_line(nil)
    local how = pack(stopped(l, ...))
    active = nil
    return unpack(how, 1, how.n)
  end
  return back(resume(l.co, unpack(args, 1, args.n)))
end

-- What the host says to what was asked.
function line.answer(l, ok, text)
  l.args = { ok, text, n = 2 }
end

-- Ends it wherever it is.
function line.cancel(l)
  if status(l.co) == "suspended" then close(l.co) end
end

-- --- asking -----------------------------------------------------------------------------------------------------

-- Raises where a line cannot wait.
local function check_place(word)
  if not active then error(format("%s() is for lines of the console", word), 0) end
  if running() ~= active.co then
    error(format("%s: cannot be called in a coroutine of one's own", word), 0)
  end
  if not isyieldable() then
    error(format("%s: cannot wait here, inside string.gsub, table.sort or a metamethod", word), 0)
  end
end

-- Has the host do something: its answer; nil and why not.
function line.ask(word, op, args)
  check_place(word)
  local ok, text = yield(ASK, op, native.json_encode(args))
  if not ok then return nil, text end
  return native.json_decode(text)
end

-- Columns of the terminal of the line that runs.
function line.width()
  return active and active.width or 80
end

-- Writes to the person's terminal.
function line.write(...)
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    native.console_text(sub(text, -1) == "\n" and text or text .. "\n")
  end
end

return line
