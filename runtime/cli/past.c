#include "cli/past.h"

#include "cli/input.h"
#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ENTRY_MAX = 16384, LOCK_TRIES = 50, LOCK_PAUSE_NS = 10000000 };
static const size_t FILE_SIZE_MAX = (size_t)2 * PAST_MAX * ENTRY_MAX; /* each byte may be written as two */
static const char name[] = "history", name_beside[] = "history.new";

/* --- the folder ------------------------------------------------------------------------------------------------ */

static int path_of_folder(char path[PATH_MAX], struct err *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;
    if (state != NULL && state[0] == '/') /* the XDG base directory specification: another is to be ignored */
        n = snprintf(path, PATH_MAX, "%s/anzol", state);
    else if (home != NULL && home[0] != '\0')
        n = snprintf(path, PATH_MAX, "%s/.local/state/anzol", home);
    else
        return err_set(e, ERR_SYSTEM, 0, "HOME is not set");
    return n >= PATH_MAX ? err_set(e, ERR_SYSTEM, 0, "the name of the home folder is too long") : 0;
}

static int make_folders(char path[PATH_MAX], struct err *e)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* the last says whether they are there */
        *slash = '/';
    }
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return err_system(e, errno, "cannot make %s", path);
}

static int open_folder(struct err *e)
{
    char path[PATH_MAX];
    if (path_of_folder(path, e) != 0 || make_folders(path, e) != 0)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : err_system(e, errno, "cannot open %s", path);
}

/* Others hold it for as long as a write takes, unless they are stopped meanwhile. */
static int lock(int folder, struct err *e)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    return err_system(e, errno, "cannot lock the folder of the history");
}

/* --- the file -------------------------------------------------------------------------------------------------- */

/* Some point it to /dev/null. */
static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* The whole file; there need be none. */
static int read_file(int folder, struct buf *out, struct err *e)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_system(e, errno, "cannot open the history");
    int rc = is_regular(fd) ? input_read_fd(fd, "the history", FILE_SIZE_MAX, out, e) : 0;
    close(fd);
    return rc;
}

static int write_all(int fd, struct bytes text, struct err *e)
{
    if (is_regular(fd) && fchmod(fd, 0600) != 0)
        return err_system(e, errno, "cannot change the mode of the history");
    ssize_t n = write(fd, text.data, text.len);
    return n == (ssize_t)text.len ? 0 : err_system(e, n < 0 ? errno : ENOSPC, "cannot write the history");
}

static int write_to(int folder, const char *file, int flags, struct bytes text, struct err *e)
{
    int fd = openat(folder, file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | flags, 0600);
    if (fd < 0)
        return err_system(e, errno, "cannot write the history");
    int rc = write_all(fd, text, e);
    if (close(fd) != 0 && rc == 0)
        rc = err_system(e, errno, "cannot write the history");
    return rc;
}

static size_t count_lines(struct bytes text)
{
    struct bytes line;
    size_t n = 0;
    while (bytes_next_line(&text, &line))
        n++;
    return n;
}

static int replace(int folder, struct bytes text, struct err *e)
{
    if (write_to(folder, name_beside, O_TRUNC, text, e) != 0)
        return -1;
    return renameat(folder, name_beside, folder, name) == 0 ? 0 : err_system(e, errno, "cannot replace the history");
}

/* Locked: `line`, with its line break, after those that there is room for. */
static int append(int folder, struct buf *kept, struct bytes line, struct err *e)
{
    if (read_file(folder, kept, e) != 0)
        return -1;
    struct bytes rest = buf_view(kept), oldest;
    size_t count = count_lines(rest);
    bool has_end = rest.len == 0 || rest.data[rest.len - 1] == '\n';
    if (count < PAST_MAX && has_end)
        return write_to(folder, name, O_APPEND, line, e);
    if (!has_end) /* a write that a full disk cut short */
        buf_append_char(kept, '\n');
    if (buf_append_bytes(kept, line) != 0)
        return err_memory(e);
    rest = buf_view(kept);
    for (; count >= PAST_MAX; count--)
        bytes_next_line(&rest, &oldest);
    return replace(folder, rest, e);
}

/* --- entries --------------------------------------------------------------------------------------------------- */

static void write_entry(struct buf *out, struct bytes entry)
{
    for (size_t i = 0; i < entry.len; i++) {
        char c = entry.data[i];
        if (c == '\n')
            buf_append_str(out, "\\n");
        else if (c == '\\')
            buf_append_str(out, "\\\\");
        else
            buf_append_char(out, c);
    }
    buf_append_char(out, '\n');
}

static void read_entry(struct buf *out, struct bytes line)
{
    buf_clear(out);
    for (size_t i = 0; i < line.len; i++) {
        char c = line.data[i];
        if (c == '\\' && i + 1 < line.len) {
            c = line.data[++i];
            c = c == 'n' ? '\n' : c;
        }
        buf_append_char(out, c);
    }
}

/* Somebody may have edited the file: what libedit cannot show is left out. */
static void load(struct past *p, struct bytes text)
{
    struct bytes line;
    struct buf entry;
    HistEvent event;
    buf_init(&entry);
    while (bytes_next_line(&text, &line)) {
        read_entry(&entry, line);
        const char *s = buf_cstr(&entry);
        if (s != NULL && s[0] != '\0' && strlen(s) == entry.len && utf8_valid_prefix(buf_view(&entry)) == entry.len)
            history(p->list, &event, H_ENTER, s);
    }
    buf_fini(&entry);
}

int past_open(struct past *p, struct err *e)
{
    HistEvent event;
    struct buf text;
    *p = (struct past){.folder = -1, .list = history_init()};
    if (p->list == NULL)
        return err_memory(e);
    history(p->list, &event, H_SETSIZE, PAST_MAX);
    history(p->list, &event, H_SETUNIQUE, 1);
    p->folder = open_folder(e);
    if (p->folder < 0)
        return -1;
    buf_init(&text);
    int rc = read_file(p->folder, &text, e);
    load(p, buf_view(&text));
    buf_fini(&text);
    return rc;
}

void past_close(struct past *p)
{
    if (p->list != NULL)
        history_end(p->list);
    if (p->folder >= 0)
        close(p->folder);
    *p = (struct past){.folder = -1};
}

static bool is_same_as_last(struct past *p, const char *entry)
{
    HistEvent event;
    return history(p->list, &event, H_FIRST) == 0 && strcmp(event.str, entry) == 0;
}

static int write_down(struct past *p, struct bytes entry, struct err *e)
{
    struct buf line, kept;
    buf_init(&line);
    buf_init(&kept);
    write_entry(&line, entry);
    int rc = buf_failed(&line) ? err_memory(e) : lock(p->folder, e);
    if (rc == 0) {
        rc = append(p->folder, &kept, buf_view(&line), e);
        flock(p->folder, LOCK_UN);
    }
    buf_fini(&line);
    buf_fini(&kept);
    return rc;
}

int past_add(struct past *p, struct bytes entry, struct err *e)
{
    HistEvent event;
    struct bytes copy = bytes_copy(entry);
    if (copy.data == NULL)
        return err_memory(e);
    bool keep = entry.len > 0 && entry.len <= ENTRY_MAX && entry.data[0] != ' ' && !is_same_as_last(p, copy.data);
    if (keep)
        history(p->list, &event, H_ENTER, copy.data);
    free((char *)copy.data);
    if (!keep || p->folder < 0 || write_down(p, entry, e) == 0)
        return 0;
    close(p->folder);
    p->folder = -1;
    return -1;
}
