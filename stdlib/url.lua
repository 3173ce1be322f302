-- url: joining a root URL and a webhook's part, both templates, as segments: one slash between paths, queries merged.
-- A full URL in the webhook's part stands alone.

local find, format, gsub, ipairs, lower, match, sub = string.find, string.format, string.gsub, ipairs, string.lower,
  string.match, string.sub
local move, tonumber = table.move, tonumber

local url = {}

local function text(s, like)
  return { k = "text", s = s, at = like and like.at or 1, o = like and like.o }
end

local function extend(list, more)
  return move(more, 1, #more, #list + 1, list)
end

-- The part of a text segment from byte `from` to `to`.
local function cut(seg, from, to)
  return { k = "text", s = sub(seg.s, from, to), at = seg.at + from - 1, o = seg.o }
end

local function depth_step(seg)
  if seg.k ~= "stmt" then return 0 end
  local key = seg.tokens[1].key
  return (key == "if" or key == "for") and 1 or key == "end" and -1 or 0
end

-- Where the query begins: index of the segment, byte, and whether it stands inside a block; nil without one.
local function find_query(segs)
  local depth = 0
  for i, seg in ipairs(segs) do
    depth = depth + depth_step(seg)
    local at = seg.k == "text" and find(seg.s, "?", 1, true)
    if at then return i, at, depth > 0 end
  end
end

-- The segments before and behind a "?".
local function split(segs, index, at)
  local before, behind = {}, {}
  for i, seg in ipairs(segs) do
    if i == index then
      before[#before + 1] = at > 1 and cut(seg, 1, at - 1) or nil
      behind[#behind + 1] = at < #seg.s and cut(seg, at + 1, #seg.s) or nil
    else
      local side = i < index and before or behind
      side[#side + 1] = seg
    end
  end
  return before, behind
end

local function first_char(segs)
  return segs[1] and segs[1].k == "text" and sub(segs[1].s, 1, 1) or ""
end

local function last_char(segs)
  local seg = segs[#segs]
  return seg and seg.k == "text" and sub(seg.s, -1) or ""
end

-- The segments without the slashes at their end or their beginning.
local function trimmed(segs, at_end)
  local i = at_end and #segs or 1
  local seg = segs[i]
  if not seg or seg.k ~= "text" or not find(seg.s, at_end and "/$" or "^/") then return segs end
  local out = extend({}, segs)
  local from = at_end and 1 or #match(seg.s, "^/*") + 1
  local to = at_end and #(match(seg.s, "^.*[^/]") or "") or #seg.s
  if to < from then
    table.remove(out, i)
  else
    out[i] = cut(seg, from, to)
  end
  return out
end

local function seam(root, suffix)
  if #suffix == 0 then return root end
  local out = extend({}, trimmed(root, true))
  out[#out + 1] = text("/", suffix[1])
  return extend(out, trimmed(suffix, false))
end

local function add_query(root, suffix)
  local rest = extend({}, suffix)
  if #rest[1].s == 1 then table.remove(rest, 1) else rest[1] = cut(rest[1], 2, #rest[1].s) end
  if #rest == 0 then return root end
  local last = last_char(root)
  local joint = find_query(root) and ((last == "?" or last == "&") and "" or "&") or "?"
  local out = extend({}, root)
  if joint ~= "" then out[#out + 1] = text(joint, suffix[1]) end
  return extend(out, rest)
end

-- A path goes in front of the root's query; the suffix's own query goes behind it.
local function add_path(root, suffix, report)
  local index, at = find_query(root)
  if not index then return seam(root, suffix) end
  local path, query = split(root, index, at)
  local own, own_at, hidden = find_query(suffix)
  if hidden then
    report(suffix[own].o, suffix[own].at + own_at - 1,
      "a '?' inside a block cannot be joined with the query of the integration's url")
  end
  local suffix_path, suffix_query = suffix, {}
  if own then suffix_path, suffix_query = split(suffix, own, own_at) end
  local out = seam(path, suffix_path)
  out = extend(extend({}, out), { text("?", root[index]) })
  extend(out, query)
  if #query > 0 and #suffix_query > 0 then out[#out + 1] = text("&", suffix[1]) end
  return extend(out, suffix_query)
end

-- Whether the segments begin with a scheme.
function url.is_full(segs)
  return segs[1] ~= nil and segs[1].k == "text" and find(segs[1].s, "^%a[%w+.-]*://") ~= nil
end

-- The URL of a webhook.
function url.join(root, suffix, report)
  if #suffix == 0 then return root end
  if url.is_full(suffix) then return suffix end
  local first, last = first_char(suffix), last_char(root)
  if first == "?" or first == "&" then return add_query(root, suffix) end
  if last == "?" or last == "&" or last == "=" then return extend(extend({}, root), suffix) end
  return add_path(root, suffix, report)
end

local function check_port(seg, authority, report)
  local host, port = match(authority, "^(.*):(%d*)$")
  if not host or find(authority, "%]$") then return authority end
  local n = tonumber(port)
  if not n or n < 1 or n > 65535 then report(seg.o, seg.at, format("bad port '%s' in this URL", port)) end
  return host
end

local function check_authority(segs, rest, report)
  local seg = segs[1]
  local authority = match(rest, "^[^/?#]*")
  local open = #authority == #rest and segs[2] ~= nil
  if authority == "" and not open then return report(seg.o, seg.at, "this URL has no host") end
  if open then return end
  local host = check_port(seg, gsub(authority, "^.*@", ""), report)
  if not find(host, "^[%w%-._~%%]+$") and not find(host, "^%[[%x:.]+%]$") then
    report(seg.o, seg.at, format("bad host '%s' in this URL", host))
  end
end

local function check_scheme(segs, report)
  local seg = segs[1]
  local scheme, rest = match(seg.s, "^(%a[%w+.-]*)://(.*)$")
  if not scheme then
    local hint = find(seg.s, "^[%w.-]+%.%a+") and format("; did you mean 'https://%s'?", seg.s) or ""
    report(seg.o, seg.at, "a URL begins with http:// or https://" .. hint)
  elseif lower(scheme) ~= "http" and lower(scheme) ~= "https" then
    report(seg.o, seg.at, format("unknown scheme '%s'; a URL begins with http:// or https://", scheme))
  else
    check_authority(segs, rest, report)
  end
end

local function bad_character(c)
  if c == "#" then return "a '#' and what follows it is never sent to a server" end
  if c == "{" or c == "}" then return format("'%s' in a URL; an expression is written ${ … }", c) end
  if find(c, "^%c") then return "a control character in a URL" end
  return format("'%s' in a URL must be percent-encoded", c)
end

-- Tells characters that cannot stand in a URL.
function url.check_characters(segs, report)
  for _, seg in ipairs(segs) do
    local at = seg.k == "text" and find(seg.s, '[^!$-;=?-[%]_a-z|~]')
    if at then report(seg.o, seg.at + at - 1, bad_character(match(seg.s, "^[^\128-\191][\128-\191]*", at) or "?")) end
  end
end

-- Tells what is wrong with a whole URL, as far as it is known before rendering.
function url.check(segs, report)
  if segs[1] == nil then return end
  url.check_characters(segs, report)
  if segs[1].k == "text" then check_scheme(segs, report) end
end

-- Whether a URL's beginning is known only when it is rendered.
function url.is_open(segs)
  return segs[1] ~= nil and segs[1].k ~= "text"
end

return url
