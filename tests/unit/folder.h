/*
 * folder: a folder of its own for the tests of a program that read files.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

/* As the last of a setup: 0, or -1. */
static inline int folder_make(const char *name)
{
    snprintf(dir, sizeof dir, "/tmp/anzol-%s-XXXXXX", name);
    return mkdtemp(dir) == NULL ? -1 : 0;
}

/* As the last of a teardown: 0, or what went wrong. */
static inline int folder_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* Valid until the fourth call after it. */
static inline const char *path_of(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static inline void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

#endif
