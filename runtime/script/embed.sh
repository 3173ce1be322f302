#!/bin/sh
# Writes a C file that holds the given Lua files: sh runtime/script/embed.sh stdlib/boot.lua … > stdlib.c
# "stdlib/template/lexer.lua" becomes the entry "stdlib.template.lexer". Needs sh and od alone. See stdlib.h.
set -eu

# One line of C for each line of od: split at spaces, joined by the first of IFS.
bytes() {
    od -An -v -tu1 "$1" | (
        IFS=', '
        while read -r line; do
            # shellcheck disable=SC2086
            set -- $line
            printf '%s,\n' "$*"
        done
    )
}

# stdlib/a/b.lua -> stdlib.a.b
module_name() {
    name=${1%.lua}
    while :; do
        case $name in
        */*) name=${name%%/*}.${name#*/} ;;
        *) break ;;
        esac
    done
    printf '%s' "$name"
}

printf '/* Written by runtime/script/embed.sh. */\n#include "script/stdlib.h"\n\n'
i=0
for file in "$@"; do
    printf 'static const unsigned char file_%d[] = {\n' "$i"
    bytes "$file"
    printf '0};\n' # an empty file is an array too
    i=$((i + 1))
done

printf '\nconst struct stdlib_file stdlib_files[] = {\n'
i=0
for file in "$@"; do
    printf '    {"%s", file_%d, sizeof file_%d - 1},\n' "$(module_name "$file")" "$i" "$i"
    i=$((i + 1))
done
printf '    {0, 0, 0},\n};\nconst size_t stdlib_file_count = %d;\n' "$i"
