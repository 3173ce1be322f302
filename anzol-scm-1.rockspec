rockspec_format = "3.0"
package = "anzol"
version = "scm-1"
source = {
   url = "git+https://github.com/anzol-run/anzol.git",
}
description = {
   summary = "A scriptable webhook runtime: Lua scripts, durable delivery, one binary",
   detailed = [[
People define integrations, webhooks and flows in Lua; a C core delivers them durably, within each receiver's
limits. libev, libcurl, SQLite, Lua 5.4.]],
   license = "MIT",
   labels = { "webhook", "http", "integration" },
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.4, < 5.5" }
build = {
   type = "make",
   build_target = "all",
   install_target = "install",
   build_variables = { CFLAGS = "$(CFLAGS)" },
   install_variables = { PREFIX = "$(PREFIX)", BINDIR = "$(BINDIR)" },
}
