/*
 * watch_case: a watch on a folder of its own, for its tests: what it tells, and what it holds of the kernel.
 */
#ifndef TEST_WATCH_CASE_H
#define TEST_WATCH_CASE_H

#include "folder.h"

#include "script/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static struct watch *w;
static struct err e;

static int setup(void **state)
{
    (void)state;
    w = watch_new(&e);
    return w == NULL ? -1 : folder_make("watch");
}

static int teardown(void **state)
{
    (void)state;
    watch_free(w);
    return folder_remove();
}

static bool readable(int ms)
{
    struct pollfd p = {.fd = watch_fd(w), .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

/* Takes all there is. The kernel notes what this process does before the call that does it returns. */
static inline bool told(void)
{
    bool changed = false;
    while (readable(0))
        changed |= watch_read(w);
    return changed;
}

/* The same, for what may come late. */
static inline bool told_soon(void)
{
    bool changed = false;
    while (!changed && readable(5000))
        changed = watch_read(w);
    return told() || changed;
}

#define assert_told()  assert_true(told_soon())
#define assert_quiet() assert_false(told())

/* Looks at one path alone, and from now on. */
static inline void look(const char *path)
{
    told();
    assert_int_equal(watch_set(w, &path, 1, NULL, 0, &e), 0);
    assert_quiet();
}

static inline void look_for(const char *path, const char *module)
{
    told();
    assert_int_equal(watch_set(w, &path, 1, &module, 1, &e), 0);
    assert_quiet();
}

static inline void make_dir(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0755), 0);
}

static inline void make_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, path_of(name)), 0);
}

static inline void move(const char *from, const char *to)
{
    assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

static inline void drop(const char *name)
{
    assert_int_equal(remove(path_of(name)), 0);
}

/* As editors save, and as links are swapped. */
static inline void replace(const char *name, const char *text)
{
    write_file("beside.tmp", text);
    move("beside.tmp", name);
}

static inline void replace_link(const char *name, const char *target)
{
    make_link(target, "link.tmp");
    move("link.tmp", name);
}

static inline size_t watches(void)
{
    char path[64], line[256];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", watch_fd(w));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        count += strncmp(line, "inotify", 7) == 0;
    fclose(f);
    return count;
}

static inline size_t descriptors(void)
{
    size_t count = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

#endif
