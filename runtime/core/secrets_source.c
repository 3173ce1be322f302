/* secrets_source: where secrets come from: the environment, systemd's credentials and files of NAME=VALUE lines. */
#include "core/environment.h"
#include "core/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CREDENTIAL_MAX = 65536, ENV_FILE_MAX = 1 << 20 };

/* A place in a file, for messages. */
struct place {
    const char *path;
    int line;
};

static bool is_name(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.len > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes rest(struct bytes s, size_t from)
{
    return (struct bytes){s.data + from, s.len - from};
}

static struct bytes trimmed(struct bytes s)
{
    while (s.len > 0 && is_blank(s.data[0]))
        s = rest(s, 1);
    while (s.len > 0 && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* Into memory reserved at once: growing would leave copies behind. 0, 1: more than `max`, -1: errno. */
static int read_all(int fd, struct buf *out, size_t max)
{
    if (buf_reserve(out, max + 1) != 0) {
        errno = ENOMEM;
        return -1;
    }
    while (out->len <= max) {
        ssize_t n = read(fd, out->data + out->len, max + 1 - out->len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        out->len += n < 0 ? 0 : (size_t)n;
    }
    return 1;
}

static int read_file(const char *path, struct buf *out, size_t max, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_system(e, errno, "cannot open %s", path);
    int rc = read_all(fd, out, max);
    int number = errno;
    close(fd);
    if (rc < 0)
        return err_system(e, number, "cannot read %s", path);
    if (rc > 0)
        return err_set(e, ERR_SCRIPT, 0, "%s is over %zu bytes long", path, max);
    return 0;
}

static int load_credential(struct secrets *s, const char *name, struct err *e)
{
    const char *folder = environment_get("CREDENTIALS_DIRECTORY");
    struct buf path, value;
    int rc = 1;
    if (folder == NULL || *folder == '\0')
        return 1;
    buf_init(&path);
    buf_init(&value);
    buf_printf(&path, "%s/%s", folder, name);
    if (buf_cstr(&path) == NULL)
        rc = err_memory(e);
    else if (access(path.data, F_OK) == 0 || errno != ENOENT)
        rc = read_file(path.data, &value, CREDENTIAL_MAX, e);
    if (rc == 0) {
        if (value.len > 0 && value.data[value.len - 1] == '\n')
            value.len--;
        rc = value.len == 0 ? 1 : secrets_set(s, bytes_of(name), buf_view(&value), e);
    }
    secrets_wipe_buf(&value);
    buf_fini(&value);
    buf_fini(&path);
    return rc;
}

int secrets_load(struct secrets *s, const char *name, struct err *e)
{
    struct bytes key = bytes_of(name);
    if (!is_name(key))
        return err_set(e, ERR_SCRIPT, 0, "'%s' cannot name a secret: letters, digits and '_', no digit first", name);
    if (secrets_get(s, key).data != NULL)
        return 0;
    const char *value = environment_get(name);
    if (value != NULL && *value != '\0')
        return secrets_set(s, key, bytes_of(value), e);
    return load_credential(s, name, e);
}

static int misplaced(const struct place *at, struct err *e, const char *what)
{
    return err_set(e, ERR_SCRIPT, 0, "%s:%d: %s", at->path, at->line, what);
}

static char unescaped(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

/* Behind the opening quote. `out` has room for all of `text`. */
static int unquote(struct buf *out, struct bytes text, char quote, const struct place *at, struct err *e)
{
    size_t i = 0;
    for (; i < text.len && text.data[i] != quote; i++) {
        bool escape = quote == '"' && text.data[i] == '\\' && i + 1 < text.len && strchr("nrt\"\\$", text.data[i + 1]);
        i += escape;
        buf_append_char(out, escape ? unescaped(text.data[i]) : text.data[i]);
    }
    if (i == text.len)
        return misplaced(at, e, "the quote is not closed on its line");
    struct bytes after = trimmed(rest(text, i + 1));
    if (after.len > 0 && after.data[0] != '#')
        return misplaced(at, e, "there is text after the closing quote");
    return 0;
}

static struct bytes without_comment(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '#' && (i == 0 || is_blank(text.data[i - 1])))
            return trimmed((struct bytes){text.data, i});
    return text;
}

static int read_value(struct buf *out, struct bytes text, const struct place *at, struct err *e)
{
    if (buf_reserve(out, text.len + 1) != 0)
        return err_memory(e);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return misplaced(at, e, "the value has a NUL in it");
    if (text.len > 0 && (text.data[0] == '"' || text.data[0] == '\''))
        return unquote(out, rest(text, 1), text.data[0], at, e);
    buf_append_bytes(out, without_comment(text));
    return 0;
}

/* Which of them are private, a script's `secret` says: masking the others too would blot out ports and host names. */
static int keep(const char *name, struct buf *value, struct err *e)
{
    if (buf_cstr(value) == NULL)
        return err_memory(e);
    return environment_add(name, value->data) == 0 ? 0 : err_system(e, errno, "cannot set %s", name);
}

static int read_pair(struct bytes line, const struct place *at, struct err *e)
{
    struct buf name, value;
    const char *equals = memchr(line.data, '=', line.len);
    struct bytes key = trimmed((struct bytes){line.data, equals == NULL ? 0 : (size_t)(equals - line.data)});
    if (!is_name(key))
        return misplaced(at, e, "expected NAME=VALUE, a name being letters, digits and '_', no digit first");
    buf_init(&name);
    buf_init(&value);
    buf_append_bytes(&name, key);
    int rc = buf_cstr(&name) == NULL ? err_memory(e) : 0;
    if (rc == 0)
        rc = read_value(&value, trimmed(rest(line, (size_t)(equals - line.data) + 1)), at, e);
    if (rc == 0)
        rc = keep(name.data, &value, e);
    secrets_wipe_buf(&value);
    buf_fini(&value);
    buf_fini(&name);
    return rc;
}

static int read_line(struct bytes line, const struct place *at, struct err *e)
{
    struct bytes text = trimmed(line);
    if (text.len == 0 || text.data[0] == '#')
        return 0;
    if (text.len > 7 && memcmp(text.data, "export", 6) == 0 && is_blank(text.data[6]))
        text = trimmed(rest(text, 7));
    return read_pair(text, at, e);
}

int secrets_read_env_file(const char *path, struct err *e)
{
    static const char bom[] = "\xEF\xBB\xBF";
    struct place at = {.path = path};
    struct buf file;
    buf_init(&file);
    int rc = read_file(path, &file, ENV_FILE_MAX, e);
    struct bytes left = buf_view(&file);
    if (left.len >= 3 && memcmp(left.data, bom, 3) == 0)
        left = rest(left, 3);
    struct bytes line;
    while (rc == 0 && bytes_next_line(&left, &line)) {
        at.line++;
        rc = read_line(line, &at, e);
    }
    secrets_wipe_buf(&file);
    buf_fini(&file);
    return rc;
}
