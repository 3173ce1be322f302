/*
 * load: the scripts a person named, read from disk: files, or folders of *.lua.
 */
#ifndef ANZOL_SCRIPT_LOAD_H
#define ANZOL_SCRIPT_LOAD_H

#include "core/buf.h"
#include "core/err.h"

enum { LOAD_FILE_MAX = 1 << 20 };

struct load_file {
    char *path;
    struct buf text;
};

struct load {
    struct load_file *files; /* in the order given; those of a folder sorted bytewise */
    size_t file_count;
    char **dirs;      /* the folder of each path, as it was written */
    char **real_dirs; /* the same with links resolved; NULL of an archive */
    size_t dir_count;
    struct load_file *modules; /* what `require` has read beside them */
    size_t module_count;
    char **looked; /* the paths where `require` has looked for modules, found or not */
    size_t looked_count;
    bool archived; /* out of an archive: no file is looked at */
};

void load_init(struct load *l);
void load_fini(struct load *l);
/*
 * Reads every path. A folder gives its *.lua, not those of folders within nor hidden ones. What cannot be read is
 * appended to `errors`, one "path: message" a line, and -1 returned with the first in `e`.
 */
int load_paths(struct load *l, const char *const *paths, size_t count, struct buf *errors, struct err *e);
/* Notes the text of a module under the path by which it was asked for. */
int load_add_module(struct load *l, const char *path, struct bytes text, struct err *e);
/* Notes a path where a module was looked for. */
int load_note_looked(struct load *l, const char *path, struct err *e);
/* The text noted under that path; NULL: none. */
const struct buf *load_find_module(const struct load *l, const char *path);
/* Appends the text of a file. -1: `e` says why, the path not named. A first line that begins with # is blanked. */
int load_read_file(const char *path, struct buf *out, struct err *e);
/* Whether a folder of scripts gives the file of that name. */
bool load_is_script(const char *name);

#endif
