std = "lua54"
max_line_length = 130
cache = false

local words = {
  "integration", "webhook", "secret", "copy", "each", "when", "json", "log", "env", "now", "uuid",
  "flow", "call", "send", "sleep", "wait_event", "parallel", "runs", "template", "template_function",
}

files["scripts"] = { read_globals = words, allow_defined_top = true }
files["tests/lua"] = { std = "lua54+busted", max_line_length = 140 }
