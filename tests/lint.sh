#!/bin/sh
# What a machine can say about the sources, as TAP: the layers, the formats, the linters.
set -u
cd "$(dirname "$0")/.." || exit 1
code=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# check NAME COMMAND…: fine when it ends with 0.
check() {
    name=$1
    shift
    if "$@" >"$out" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/# /' "$out"
        code=1
    fi
}

# may FOLDER LAYERS…: files of runtime/FOLDER include headers of these layers alone.
may() {
    folder=$1
    shift
    allowed=$(echo "$@" | tr ' ' '|')
    ! grep -nE '^#include "' runtime/"$folder"/*.[ch] | grep -vE "#include \"($allowed)/"
}

# only HEADER FOLDERS…: the system header is included in runtime/FOLDERS alone.
only() {
    header=$1
    shift
    allowed=$(echo "$@" | tr ' ' '|')
    ! grep -rnE "^#include <$header" runtime | grep -vE "^runtime/($allowed)/"
}

core_is_pure() {
    ! grep -nE '^#include <(ev|curl|microhttpd|sqlite3|lua|lauxlib|lualib|jansson|openssl)' runtime/core/*.[ch]
}

documented() {
    missing=0
    for folder in runtime runtime/core runtime/store runtime/net runtime/script runtime/host runtime/cli stdlib scripts tests tests/sim; do
        [ -s "$folder/README.md" ] || { echo "$folder has no README.md"; missing=1; }
    done
    return $missing
}

formatted() {
    clang-format --dry-run -Werror runtime/*.c runtime/*/*.[ch] tests/*/*.[ch]
}

top_level() {
    extra=$(git ls-files | cut -d/ -f1 | sort -u | grep -vxE '\..*|runtime|scripts|stdlib|tests|Makefile|README.md|LICENSE|anzol-scm-1.rockspec')
    [ -z "$extra" ] || { echo "not of the top level: $extra"; return 1; }
}

check "layers: core knows itself alone" may core core
check "layers: store stands on core" may store store core
check "layers: net stands on core" may net net core
check "layers: script stands on core" may script script core
check "layers: host stands on script, net, store, core" may host host script net store core
check "layers: cli stands on all below" may cli cli host script net store core
check "layers: core is pure" core_is_pure
check "layers: Lua in script alone" only '(lua|lauxlib|lualib|lua-cjson)' script
check "layers: curl and microhttpd in net alone" only '(curl/|microhttpd)' net
check "layers: SQLite in store alone" only 'sqlite3' store
check "layers: libedit in cli alone" only 'histedit' cli
check "layers: the loop in net, host and cli" only 'ev\.h' net host cli
check "each folder has its README" documented
check "the top level holds what it should" top_level
check "clang-format" formatted
check "cppcheck" cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
    --suppress=missingIncludeSystem -DANZOL_VERSION='""' -Iruntime runtime
check "luacheck" luacheck --quiet --no-color stdlib scripts tests/lua
check "rockspec" luarocks --lua-version 5.4 lint anzol-scm-1.rockspec
exit $code
