-- The functions of the template language: results, and what is wrong with their arguments, with the place.

local helper = require "tests.lua.helper"
helper.boot()
local functions = require "stdlib.template.functions"

local DATA = {
  name = "ana maria", upper = "ÉCOLE", greek = "Ελλάδα", cyrillic = "Привет, мир", blank = "  ", empty = "", null = helper.null,
  price = 1234.5, small = 0.005, minus = -2.535, n = 5, half = 2.5, big = 9007199254740993, sum = 0.1, yes = true,
  text = "ñandú y más", emoji = "a😀b", d = "2026-11-23", t = "2026-11-23T09:05:07.1234567+03:00",
  z = "2026-01-02T23:59:58Z", plain = "2026-01-02 13:00", leap = "2024-02-29", time = "07:08:09.5", span = "-1.02:03:04",
  list = helper.json.array { "a", 2, true }, nested = helper.json.array { { 1 } }, none = helper.json.array {},
  seven = helper.json.array { 1, 2, 3, 4, 5, 6, 7 }, o = { a = 1 }, f = "yyyy/MM",
}

local RESULTS = {
  { "toUpper('straße ñandú ελλάδα привет')", "STRAßE ÑANDÚ ΕΛΛΆΔΑ ПРИВЕТ" },
  { "toLower('ÀÉ ПРИВЕТ ΣΑΣ')", "àé привет σασ" },
  { "toUpper(5)", "5" },
  { "toUpper('a\xffb') | toHexadecimal", "41FF42" },
  { "capitalize(name)", "Ana maria" },
  { "capitalize(' éa  b ')", "Éa b" },
  { "capitalize('')", "" },
  { "capitalizeAllWords('карл у клары US carl\"s 1st ñu')", "Карл У Клары US Carl\"S 1St Ñu" },
  { 'capitalizeAllWords("CARL\'S carl\'s")', "CARL's Carl's" },
  { "replaceIfEmpty(blank, 'x')", "x" },
  { "replaceIfEmpty(empty, 'x')", "x" },
  { "replaceIfEmpty(null, 'x')", "x" },
  { "replaceIfEmpty(name, null)", "ana maria" },
  { "isEmpty(blank)", "True" },
  { "isEmpty(n)", "False" },
  { "length(text)", "11" },
  { "length(emoji)", "3" },
  { "length('a\xffb')", "3" },
  { "length(list)", "3" },
  { "length(12345)", "5" },
  { "substring('testValue', 2)", "estValue" },
  { "substring('testValue', 2, 3)", "est" },
  { "substring(text, 1, 5)", "ñandú" },
  { "substring(emoji, 2, 1)", "😀" },
  { "substring(emoji, 3)", "b" },
  { "substring('abc', 4)", "" },
  { "substring('abc', 9, 2)", "" },
  { "substring('abc', 2, 99)", "bc" },
  { "truncate('short', 5)", "short" },
  { "truncate('the quick brown fox', 15)", "the quick br..." },
  { "truncate('it was a day', 11)", "it was..." },
  { "truncate('one, two, three', 12)", "one, two..." },
  { "truncate(cyrillic, 9)", "Привет..." },
  { "truncate('!!!!!!!!', 5)", "..." },
  { "truncate('      ', 5)", "..." },
  { "chooseRandomText('a')", "a" },
  { "chooseRandomText('a', 'b', 'a')", function(s) return s == "a" or s == "b" end },
  { "formatDecimal(2.53511, 'N2')", "2.54" },
  { "formatDecimal(2.53511, '')", "2.53511" },
  { "formatDecimal(2, '')", "2" },
  { "formatDecimal(10000 - 5555.55, '0')", "4444" },
  { "formatDecimal(45345.5, '.00')", "45345.50" },
  { "formatDecimal(price, 'N')", "1,234.50" },
  { "formatDecimal(price, 'n0')", "1,235" },
  { "formatDecimal(1234567, 'N1')", "1,234,567.0" },
  { "formatDecimal(price, 'F')", "1234.50" },
  { "formatDecimal(price, 'F0')", "1235" },
  { "formatDecimal(small, 'F2')", "0.01" },
  { "formatDecimal(minus, 'F2')", "-2.54" },
  { "formatDecimal(-0.001, 'F2')", "0.00" },
  { "formatDecimal(sum + 0.2, 'G')", "0.3" },
  { "formatDecimal(1.005 * 1, 'F2')", "1.01" },
  { "formatDecimal(big, 'F1')", "9007199254740993.0" },
  { "formatDecimal(0.256, 'P')", "25.60 %" },
  { "formatDecimal(0.256, 'p0')", "26 %" },
  { "formatDecimal(price, 'E2')", "1.23E+003" },
  { "formatDecimal(0.00012, 'e1')", "1.2e-004" },
  { "formatDecimal(9.99, 'E1')", "1.0E+001" },
  { "formatDecimal(0, 'E1')", "0.0E+000" },
  { "formatDecimal(price, 'G3')", "1.23E+003" },
  { "formatDecimal(0.012345, 'G3')", "0.0123" },
  { "formatDecimal(price, '#,##0.00')", "1,234.50" },
  { "formatDecimal(1234567.891, '#,0.##')", "1,234,567.89" },
  { "formatDecimal(5, '000')", "005" },
  { "formatDecimal(0.5, '#.##')", ".5" },
  { "formatDecimal(0, '#')", "" },
  { "formatDecimal(0, '#.##')", "" },
  { "formatDecimal(12, '0.##')", "12" },
  { "formatDecimal(0.125, '0.0%')", "12.5%" },
  { "formatDecimal(0.125, '0‰')", "125‰" },
  { "formatDecimal(1234567, '0,.0')", "1234.6" },
  { "formatDecimal(1234567, '0,,')", "1" },
  { "formatDecimal(79161234567, '+0 (000) 000-00-00')", "+7 (916) 123-45-67" },
  { "formatDecimal(-5, '0;(0);zero')", "(5)" },
  { "formatDecimal(0, '0;(0);zero')", "zero" },
  { "formatDecimal(-0.1, '0;(0)')", "0" },
  { "formatDecimal(-5, '0.0')", "-5.0" },
  { "formatDecimal(5, \"0 'items;'\")", "5 items;" },
  { "formatDecimal(5, '0\\#')", "5#" },
  { "formatDecimal(9.995, '0.00')", "10.00" },
  { "floor(10.99)", "10" },
  { "floor(-1.5)", "-2" },
  { "ceiling(10.01)", "11" },
  { "ceiling(10)", "10" },
  { "forms(1, 'one', 'few', 'many')", "one" },
  { "forms(22, 'one', 'few', 'many')", "few" },
  { "forms(11, 'one', 'few', 'many')", "many" },
  { "forms(111, 'one', 'few', 'many')", "many" },
  { "forms(-21, 'one', 'few', 'many')", "one" },
  { "forms(0, 'one', 'few', 'many')", "many" },
  { "forms(2.5, 'one', 'few', 'many')", "few" },
  { "appendForms(5, 'one', 'few', 'many')", "5 many" },
  { "appendForms(1.5, 'one', 'few', 'many')", "1.5 few" },
  { "formatDateTime(t, 'dd.MM.yyyy HH:mm:ss')", "23.11.2026 09:05:07" },
  { "formatDateTime(t, \"dd'.'MM'.'yy HH':'mm':'ss\")", "23.11.26 09:05:07" },
  { "formatDateTime(t, 'd M y h m s')", "23 11 26 9 5 7" },
  { "formatDateTime(t, 'dddd ddd MMMM MMM')", "Monday Mon November Nov" },
  { "formatDateTime(t, 'hh:mm tt t')", "09:05 AM A" },
  { "formatDateTime(z, 'h tt')", "11 PM" },
  { "formatDateTime(d, 'hh tt')", "12 AM" },
  { "formatDateTime(t, 'f ff fff ffff fffffff')", function(s) return s == "1 12 123 1234 1234567" end },
  { "formatDateTime(z, 'ss.FFF')", "58." },
  { "formatDateTime(t, 'z zz zzz K')", "+3 +03 +03:00 +03:00" },
  { "formatDateTime(z, 'zzz K')", "+00:00 Z" },
  { "formatDateTime(plain, 'HH:mmK')", "13:00" },
  { "formatDateTime(d, 'yyy yyyyy gg')", "2026 02026 A.D." },
  { "formatDateTime(d, '%d')", "23" },
  { "formatDateTime(d, 'yyyy \"year\" \\y')", "2026 year y" },
  { "formatDateTime(d, f)", "2026/11" },
  { "formatDateTime(d, 'd')", "11/23/2026" },
  { "formatDateTime(t, 'D')", "Monday, 23 November 2026" },
  { "formatDateTime(t, 's')", "2026-11-23T09:05:07" },
  { "formatDateTime(t, 'o')", "2026-11-23T09:05:07.1234567+03:00" },
  { "formatDateTime(t, 'u')", "2026-11-23 06:05:07Z" },
  { "formatDateTime(t, 'R')", "Mon, 23 Nov 2026 06:05:07 GMT" },
  { "formatDateTime(leap, 'M')", "February 29" },
  { "formatTime(time, 'hh\\:mm\\:ss')", "07:08:09" },
  { "formatTime('00:05:00', 'hh\\-mm\\-ss')", "00-05-00" },
  { "formatTime(time, 'HH:mm')", "07:08" },
  { "formatTime(time, 'h.m.s.f')", "7.8.9.5" },
  { "formatTime(t, 'HH:mm')", "09:05" },
  { "formatTime(span, 'd hh')", "1 02" },
  { "formatTime(span, 'c')", "-1.02:03:04" },
  { "formatTime(time, 'g')", "7:08:09.5" },
  { "formatTime(time, 'G')", "0:07:08:09.5000000" },
  { "formatTime('23:59', '')", "23:59:00" },
  { "addDays(d, 3)", "2026-11-26" },
  { "addDays(d, -23)", "2026-10-31" },
  { "addDays(leap, 365)", "2025-02-28" },
  { "addDays('2016-01-01', 1.5)", "2016-01-02T12:00:00" },
  { "addDays(t, 1)", "2026-11-24T09:05:07.1234567+03:00" },
  { "formatDateTime(addDays('2016-01-15T15:03:05', -3), 'yyyy.MM.dd HH:mm:ss')", "2016.01.12 15:03:05" },
  { "addHours(z, 0.5)", "2026-01-03T00:29:58Z" },
  { "addHours(d, 48)", "2026-11-25" },
  { "addDays('2026-11-23T00:00:00.0000001', 20000)", "2081-08-26T00:00:00.0000001" },
  { "addDays('2026-11-23T00:00', 0.00000001)", "2026-11-23T00:00:00.000864" },
  { "getDay(d) + getMonth(d) + getYear(d)", "2060" },
  { "toUnixTimeStamp(z)", "1767398398" },
  { "toUnixTimeStamp('1970-01-01')", "0" },
  { "toUnixTimeStamp(t)", "1795413907" },
  { "if(n > 3, 'a', 'b')", "a" },
  { "count(list)", "3" },
  { "join(list, ', ')", "a, 2, True" },
  { "join(none, ',')", "" },
  { "join(split('a;b;;c', ';'), '|')", "a|b||c" },
  { "count(split('', ';'))", "1" },
  { "replace('a.b.c', '.', '-')", "a-b-c" },
  { "replace('aaa', 'aa', 'b')", "ba" },
  { "replace('abc', 'x', 'y')", "abc" },
  { "replace('100%', '%', '%1')", "100%1" },
  { "md5('hello')", "5D41402ABC4B2A76B9719D911017C592" },
  { "sha1('hello')", "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D" },
  { "sha256('')", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855" },
  { "sha512('abc') | substring(1, 16)", "DDAF35A193617ABA" },
  { "md5('ñ')", "94E9342ECBB1458B6043ECD3BFCBC192" },
  { "hmacSha256('The quick brown fox jumps over the lazy dog', 'key')",
    "F7BC83F430538424B13298E6AA6FB143EF4D59A14946175997479DBC2D1A3CD8" },
  { "hmacSha256('a', 'k', 'hex')", "78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e" },
  { "hmacSha256('a', 'k', 'base64')", "eNqRUR5nVYf1ud94vt669VYNoqu4gWLuh13N90SVHZ4=" },
  { "toBase64('ñandú')", "w7FhbmTDug==" },
  { "toHexadecimal('añ')", "61C3B1" },
  { "json(o)", '{"a":1}' },
  { "urlEncode('a b')", "a%20b" },
  { "trim('  a ')", "a" },
  { "default(null, 'x')", "x" },
  { "name.toUpper()", "ANA MARIA" },
  { "name.substring(1, 3)", "ana" },
}

-- {template, message} of a mistake that is found when it compiles or renders.
local MISTAKES = {
  { "${ substring('abc', 0) }", "1:21: the position must be at least 1, found 0" },
  { "${ substring('abc', 1, 0) }", "1:24: the length must be at least 1, found 0" },
  { "${ substring('abc', 1.5) }", "1:21: expected a whole number, found 1.5" },
  { "${ substring('abc', -1) }", "1:21: the position must be at least 1, found -1" },
  { "${ substring('abc', 'x') }", "1:21: 'x' is a string, not a number" },
  { "${ substring('abc') }", "1:4: 'substring' takes 2 or 3 arguments, found 1" },
  { "${ substring(name, small) }", "1:20: expected a whole number, found 0.005" },
  { "${ name | substring(half) }", "1:21: expected a whole number, found 2.5" },
  { "${ truncate(name, 4) }", "1:19: the length must be at least 5, found 4" },
  { "${ tableRows(list, 0) }", "1:20: the size of a row must be at least 1, found 0" },
  { "${ tableRows(list, 1001) }", "1:20: the size of a row must be at most 1000, found 1001" },
  { "${ json(tableRows(n, 1)) }", "1:19: 'n' is a number, not a list" },
  { "${ chooseRandomText() }", "1:4: 'chooseRandomText' takes at least 1 argument, found 0" },
  { "${ chooseRandomText('a', null) }", "1:26: 'null' is null" },
  { "${ formatDecimal(5, 0) }", "1:21: '0' is a number, not a format" },
  { "${ formatDecimal(5, 'C') }", "1:21: 'C' is no format: a currency depends on a country; write it beside a format like N2" },
  { "${ formatDecimal(5, 'X2') }", "1:21: 'X2' is no format: there is no such standard format for decimals" },
  { "${ formatDecimal(5, '0E+0') }", "1:21: '0E+0' is no format: an exponent stands alone, as in E2" },
  { "${ formatDecimal(5, '0;0;0;0') }", "1:21: '0;0;0;0' is no format: there are three sections at most" },
  { "${ formatDecimal(5, \"0'\") }", "1:21: '0'' is no format: the quote is not closed" },
  { "${ formatDecimal(name, 'N2') }", "1:18: 'name' is a string, not a number" },
  { "${ formatDecimal('5', 'N2') }", "1:18: '5' is a string, not a number" },
  { "${ formatDecimal(null, 'N2') }", "1:18: 'null' is null" },
  { "${ formatDateTime(d, 'q') }", "1:22: 'q' is no format: there is no such standard format" },
  { "${ formatDateTime(d, 'ffffffff') }", "1:22: 'ffffffff' is no format: a second has seven digits at most" },
  { "${ formatDateTime(d, \"dd 'x\") }", "1:22: 'dd 'x' is no format: the quote is not closed" },
  { "${ formatDateTime(name, 'dd') }",
    "1:19: expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found 'ana maria'" },
  { "${ formatDateTime('2026-02-29', 'dd') }",
    "1:19: expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found '2026-02-29'" },
  { "${ formatDateTime('2026-01-01T25:00', 'dd') }",
    "1:19: expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found '2026-01-01T25:00'" },
  { "${ formatDateTime(n, 'dd') }", "1:19: 'n' is a number, not a date" },
  { "${ formatDateTime(n + 1, 'dd') }", "1:19: 'n + 1' is a number, not a string" },
  { "${ formatTime(time, 'yy') }", "1:21: 'yy' is no format: unknown letter 'y'; put what is no format in quotes" },
  { "${ formatTime(time, 'x') }", "1:21: 'x' is no format: there is no such standard format" },
  { "${ formatTime(name, 'hh:mm') }", "1:15: expected a time like 10:30:00 or a date with one, found 'ana maria'" },
  { "${ formatTime(d, 'hh:mm') }", "1:15: expected a time like 10:30:00 or a date with one, found '2026-11-23'" },
  { "${ addDays(d, 9999999) }", "1:12: addDays leaves the years 1 to 9999" },
  { "${ addDays(d, 9223372036854775807) }", "1:12: addDays leaves the years 1 to 9999" },
  { "${ addHours(d, -100000000) }", "1:13: addHours leaves the years 1 to 9999" },
  { "${ addDays(d, 'x') }", "1:15: 'x' is a string, not a number" },
  { "${ addHours('2026', 1) }", "1:13: expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found '2026'" },
  { "${ getDay(empty) }", "1:11: expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found ''" },
  { "${ toUnixTimeStamp(yes) }", "1:20: 'yes' is a boolean, not a date" },
  { "${ floor(null) }", "1:10: 'null' is null" },
  { "${ floor(Order.Note) }", "1:10: 'Order.Note' is null" },
  { "${ floor(name) }", "1:10: 'name' is a string, not a number" },
  { "${ forms(name, 'a', 'b', 'c') }", "1:10: 'name' is a string, not a number" },
  { "${ forms(1, 'a', 'b') }", "1:4: 'forms' takes 4 arguments, found 3" },
  { "${ count(o) }", "1:10: 'o' is an object, not a list" },
  { "${ count('x') }", "1:10: 'x' is a string, not a list" },
  { "${ join(nested, ',') }", "1:9: element 1 of 'nested' is a list, which has no text" },
  { "${ join(name, ',') }", "1:9: 'name' is a string, not a list" },
  { "${ split(name, '') }", "1:16: expected a text, found an empty one" },
  { "${ replace(name, empty, 'x') }", "1:18: expected a text, found an empty one" },
  { "${ md5(o) }", "1:8: 'o' is an object, which has no text; write json(o)" },
  { "${ md5(list) }", "1:8: 'list' is a list, which has no text; write json(list)" },
  { "${ toUpper(split(name, ' ')) }", "1:12: 'split(name, ' ')' is a list, which has no text" },
  { "${ toUpper(null) }", "1:12: 'null' is null" },
  { "${ length(null) }", "1:11: 'null' is null" },
  { "@{ for x in toLower('s') }@{ end for }", "1:13: expected a list; toLower('s') is a string" },
  { "${ 'a' < 1 }", "1:4: 'a' < 1 compares a string with a number" },
  { "${ hmacSha256('a', 'k', 'x') }", "1:25: expected 'HEX', 'hex' or 'base64', found 'x'" },
  { "${ hmacSha256('a', secret('S')) }", "1:20: a secret cannot be in a text that scripts or people see" },
  { "${ secret('S') }", '1:4: secret() can only be the key of hmacSha256, as in ${ hmacSha256(text, secret("NAME")) }' },
  { "${ hmacSha256('a', secret('S')) | toLower }",
    '1:20: secret() can only be the key of hmacSha256, as in ${ hmacSha256(text, secret("NAME")) }' },
  { "${ md6('x') }", "1:4: unknown function 'md6'; did you mean 'md5'?" },
  { "${ name.toUpperr() }", "1:9: unknown method 'toUpperr'; did you mean 'toUpper'?" },
}

describe("the function in", function()
  for _, case in ipairs(RESULTS) do
    it("${ " .. case[1] .. " } gives its result", function()
      local result, message = helper.render("${ " .. case[1] .. " }", DATA)
      assert.is_nil(message)
      if type(case[2]) == "function" then
        assert.is_true(case[2](result), result)
      else
        assert.equal(case[2], result)
      end
    end)
  end

  for _, case in ipairs(MISTAKES) do
    it(case[1] .. " names the mistake", function()
      local result, message = helper.render(case[1], DATA)
      assert.is_nil(result)
      assert.equal(case[2], message)
    end)
  end
end)

describe("a function with arguments of every kind", function()
  local KINDS = { "n", "half", "minus", "name", "empty", "yes", "null", "nothing", "o", "list", "none", "nested", "d", "t", "time", "f",
    "'N2'", "'x'", "3", "0", "-1", "null", "true", "n + 1", "n = 1" }

  -- Each argument in turn is of each kind, the others what fits.
  local function calls_of(entry)
    local fit = { text = "'a b'", filled = "'a'", number = "5", list = "list", date = "d", time = "time", position = "1", count = "1",
      limit = "5", size = "2", decimal_format = "'N2'", date_format = "'yyyy'", time_format = "'hh'", mac_form = "'hex'",
      text_or_list = "'a'", maybe = "n" }
    local out, most = {}, entry.max or 3
    for i = 1, most do
      for _, kind in ipairs(KINDS) do
        local args = {}
        for j = 1, math.max(entry.min, i) do
          args[j] = j == i and kind or fit[functions.argument(entry, j)] or "missing"
        end
        if entry.name == "if" and i > 1 then args[1] = "yes" end
        out[#out + 1] = entry.name .. "(" .. table.concat(args, ", ") .. ")"
      end
    end
    return out
  end

  for _, name in ipairs(functions.names()) do
    it("fails, if it does, with what is wrong with them: " .. name, function()
      local boot, data = helper.boot(), helper.json.encode(DATA)
      for _, call in ipairs(calls_of(functions.find(name:lower()))) do
        for _, as in ipairs { "text", "json" } do
          local result, _, message = boot.template("${ " .. call .. " }", as, data)
          local fine = result or message:find "^%d+:%d+: " and not message:find "attempt to" and not message:find "bad argument"
            and not message:find "stdlib"
          assert.is_true(fine and true, call .. " -> " .. tostring(result or message))
        end
      end
    end)
  end
end)

describe("tableRows", function()
  it("gives rows with cells, the last filled up", function()
    local result = helper.render("@{ for r in tableRows(seven, 3) }${ r.Index }${ r.IsFirst }${ r.IsLast }${ r.ValueCount }:"
      .. "@{ for c in r.Cells }${ c.Index }${ c.IsFirst }${ c.IsLast }=${ c.Value | default('-') };@{ end for }\n@{ end for }", DATA)
    assert.equal("1TrueFalse3:1TrueFalse=1;2FalseFalse=2;3FalseTrue=3;\n2FalseFalse3:1TrueFalse=4;2FalseFalse=5;3FalseTrue=6;\n"
      .. "3FalseTrue1:1TrueFalse=7;2FalseFalse=-;3FalseTrue=-;\n", result)
    assert.equal("", (helper.render("@{ for r in tableRows(none, 3) }x@{ end for }", DATA)))
  end)
end)

describe("a text", function()
  it("equals another in any case, of any alphabet", function()
    assert.equal("True True False True", (helper.render(
      "${ cyrillic = 'ПРИВЕТ, МИР' } ${ greek = 'ΕΛΛΆΔΑ' } ${ greek = 'ΕΛΛΑΔΑ' } ${ upper = 'école' }", DATA)))
  end)
end)

describe("chooseRandomText", function()
  it("chooses each some time", function()
    local seen = {}
    for _ = 1, 200 do seen[helper.render("${ chooseRandomText('a', 'b') }", DATA)] = true end
    assert.same({ a = true, b = true }, seen)
  end)
end)
