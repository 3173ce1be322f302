-- Writes the reference of the API: lua5.4 tests/lua/write_api.lua > scripts/API.md

io.stdout:write((require("tests.lua.helper").boot().api_markdown()))
