#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };
static const size_t INPUT_MAX = (size_t)64 << 20; /* the daemon takes far less; this is against /dev/zero */

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int input_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *e)
{
    for (;;) {
        if (out->len > max)
            return err_set(e, ERR_INPUT, 413, "%s is over %zu MiB long", name, max >> 20);
        if (buf_reserve(out, CHUNK) != 0)
            return err_memory(e);
        ssize_t n = read(fd, out->data + out->len, CHUNK);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_system(e, errno, "cannot read %s", name);
        out->len += n > 0 ? (size_t)n : 0;
    }
}

/* People try the JSON itself. */
static int cannot_open(const char *path, int number, struct err *e)
{
    if (number == ENOENT && (path[0] == '{' || path[0] == '['))
        return err_set(e, ERR_USAGE, 0,
                       "--data takes the name of a file; for JSON from a pipe: echo '{…}' | anzol … --data -");
    return err_system(e, number, "cannot open %s", path);
}

int input_read(const char *path, struct buf *out, struct err *e)
{
    if (strcmp(path, "-") == 0)
        return input_read_fd(STDIN_FILENO, name_of(path), INPUT_MAX, out, e);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_open(path, errno, e);
    int rc = input_read_fd(fd, path, INPUT_MAX, out, e);
    close(fd);
    return rc;
}

static int check(const char *path, struct bytes text, struct err *e)
{
    json_error_t why;
    if (text.len == 0)
        return err_set(e, ERR_INPUT, 400, "%s is empty; expected JSON", name_of(path));
    json_t *root = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (root == NULL)
        return err_set(e, ERR_INPUT, 400, "%s: line %d, column %d: %s", name_of(path), why.line, why.column, why.text);
    json_decref(root);
    return 0;
}

int input_operand(const char *text, struct buf *in, struct bytes *out, struct err *e)
{
    bool piped = strcmp(text, "-") == 0;
    if (piped && input_read(text, in, e) != 0)
        return -1;
    *out = piped ? buf_view(in) : bytes_of(text);
    return 0;
}

int input_json(const char *path, struct buf *out, struct err *e)
{
    if (path == NULL)
        return buf_append_str(out, "{}") == 0 ? 0 : err_memory(e);
    if (input_read(path, out, e) != 0)
        return -1;
    return check(path, buf_view(out), e);
}
