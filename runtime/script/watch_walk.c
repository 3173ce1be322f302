/*
 * watch_walk: along a path as the kernel goes, one component after another, through links.
 *
 * A folder is watched before it is asked what is in it: what changes in between is then told, and walked anew.
 */
#include "script/watch_internal.h"

#include "core/buf.h"
#include "script/load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* the kernel's own */

struct walk {
    struct watch *watch;
    struct buf folder; /* where we are; no component of it is a link */
    struct buf path;   /* of the component looked at */
    char *text;        /* what `rest` is in */
    char *rest;        /* the components to go; NULL: none */
    int links;
};

/* NULL: memory. */
static const char *join(struct buf *out, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    buf_clear(out);
    if (strcmp(folder, ".") != 0)
        buf_printf(out, "%s%s", folder, folder[len - 1] == '/' ? "" : "/");
    buf_append_str(out, name);
    return buf_cstr(out);
}

static bool out_of_memory(struct walk *k)
{
    watch_fail(k->watch, "files", ENOMEM);
    return false;
}

static bool enter_link(struct walk *k, const char *path)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0 || ++k->links > LINKS_MAX)
        return false;
    target[len] = '\0';
    struct buf all;
    buf_init(&all);
    buf_printf(&all, "%s%s%s", target, k->rest == NULL ? "" : "/", k->rest == NULL ? "" : k->rest);
    char *text = buf_take(&all, NULL);
    if (text == NULL)
        return out_of_memory(k);
    free(k->text);
    k->text = k->rest = text;
    if (target[0] == '/') {
        buf_clear(&k->folder);
        buf_append_str(&k->folder, "/");
    }
    return true;
}

static void enter_folder(struct walk *k)
{
    struct buf was = k->folder;
    k->folder = k->path;
    k->path = was;
}

/* False: the way ends here. */
static bool step(struct walk *k, const char *folder, const char *name)
{
    struct stat st;
    const char *path = join(&k->path, folder, name);
    if (path == NULL)
        return out_of_memory(k);
    bool heard = watch_entry(k->watch, folder, name);
    if (lstat(path, &st) != 0) {
        if (!heard && errno == ENOENT)
            watch_fail(k->watch, folder, EACCES);
        return false;
    }
    /* Of a write by another name of the file, or through another mount, its folder here hears nothing. */
    if ((!heard || S_ISREG(st.st_mode)) && !watch_itself(k->watch, path) && !heard)
        watch_fail(k->watch, folder, EACCES);
    if (S_ISLNK(st.st_mode))
        return enter_link(k, path);
    if (S_ISDIR(st.st_mode))
        enter_folder(k);
    return S_ISDIR(st.st_mode);
}

static bool take_component(struct walk *k)
{
    const char *name = strsep(&k->rest, "/");
    if (*name == '\0' || strcmp(name, ".") == 0)
        return true;
    const char *folder = buf_cstr(&k->folder);
    return folder == NULL ? out_of_memory(k) : step(k, folder, name);
}

static void walk_from(struct watch *w, const char *folder, const char *path, bool scripts);

static void watch_scripts(struct watch *w, const char *folder)
{
    watch_entry(w, folder, WATCH_SCRIPTS);
    DIR *d = opendir(folder);
    if (d == NULL) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            watch_fail(w, folder, errno);
        return;
    }
    /* Each may be a link. */
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (load_is_script(entry->d_name))
            walk_from(w, folder, entry->d_name, false);
    closedir(d);
}

static void walk_from(struct watch *w, const char *folder, const char *path, bool scripts)
{
    struct walk k = {.watch = w, .text = strdup(path)};
    bool there = k.text != NULL || out_of_memory(&k);
    k.rest = k.text;
    buf_init(&k.folder);
    buf_init(&k.path);
    buf_append_str(&k.folder, folder);
    while (there && k.rest != NULL)
        there = take_component(&k);
    if (there && scripts && buf_cstr(&k.folder) != NULL)
        watch_scripts(w, k.folder.data);
    buf_fini(&k.folder);
    buf_fini(&k.path);
    free(k.text);
}

void watch_walk(struct watch *w, const char *path, bool scripts)
{
    if (*path != '\0')
        walk_from(w, *path == '/' ? "/" : ".", path, scripts);
}
