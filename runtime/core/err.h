/*
 * err: how a fallible function says what went wrong.
 *
 * A function that can fail returns 0 or -1 and takes a trailing `struct err *`, which it fills where the
 * failure happened, in one line a person can act on. The struct is caller's memory and needs no release.
 * Passing NULL is allowed everywhere: the caller wants the -1 alone.
 */
#ifndef ANZOL_CORE_ERR_H
#define ANZOL_CORE_ERR_H

enum err_domain {
    ERR_NONE,
    ERR_USAGE,  /* the command line is wrong; code: 0 */
    ERR_INPUT,  /* a client sent something wrong; code: the HTTP status that says so (400, 404, 413, 422, …) */
    ERR_SCRIPT, /* a script is wrong; code: 0 */
    ERR_STORE,  /* the database refused; code: the SQLite extended result code, or 0 */
    ERR_NET,    /* the network refused; code: a CURLcode, or 0 */
    ERR_SYSTEM, /* the operating system refused; code: errno */
    ERR_MEMORY, /* an allocation failed, or what stands for one; code: 0, or errno */
};

struct err {
    enum err_domain domain;
    int code;
    char message[512]; /* one line, no newline, NUL-terminated, cut at a UTF-8 boundary */
};

/* Fills `e` and returns -1, so that `return err_set(...)` reads as one step. */
int err_set(struct err *e, enum err_domain domain, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with errno `number`: the text of the error is appended after ": ". */
int err_system(struct err *e, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "out of memory"; returns -1. */
int err_memory(struct err *e);

/* Empties `e`. */
void err_clear(struct err *e);

#endif
