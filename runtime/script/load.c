#include "script/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000 };

void load_init(struct load *l)
{
    *l = (struct load){.files = NULL};
}

static void free_files(struct load_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(files[i].path);
        buf_fini(&files[i].text);
    }
    free(files);
}

void load_fini(struct load *l)
{
    free_files(l->files, l->file_count);
    free_files(l->modules, l->module_count);
    for (size_t i = 0; i < l->dir_count; i++) {
        free(l->dirs[i]);
        if (l->real_dirs != NULL)
            free(l->real_dirs[i]);
    }
    free(l->dirs);
    free(l->real_dirs);
    for (size_t i = 0; i < l->looked_count; i++)
        free(l->looked[i]);
    free(l->looked);
    load_init(l);
}

/* What is no file, as a pipe, may have nothing to say: nobody waits for it for long. */
static ssize_t read_some(int fd, char *to, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = read(fd, to, len);
    if (n >= 0 || errno != EAGAIN)
        return n;
    if (poll(&p, 1, PATIENCE_MS) == 0)
        errno = ETIMEDOUT;
    else
        n = read(fd, to, len);
    return n;
}

static int read_all(int fd, struct buf *out, struct err *e)
{
    size_t start = out->len;
    for (;;) {
        if (out->len - start > LOAD_FILE_MAX)
            return err_set(e, ERR_SCRIPT, 0, "larger than 1 MiB");
        if (buf_reserve(out, 16384) != 0)
            return err_memory(e);
        ssize_t n = read_some(fd, out->data + out->len, 16384);
        if (n == 0)
            return 0;
        if (n < 0 && errno == ETIMEDOUT)
            return err_set(e, ERR_SYSTEM, errno, "it is no file, and nothing came from it for a second");
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_SYSTEM, errno, "%s", strerror(errno));
        out->len += n > 0 ? (size_t)n : 0;
    }
}

/* A byte order mark and a "#!" line are for editors and shells; blanks keep the line and column of what follows. */
static void blank_first_line(char *text, size_t len)
{
    size_t i = 0;
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        for (; i < 3; i++)
            text[i] = ' ';
    if (i < len && text[i] == '#')
        for (; i < len && text[i] != '\n'; i++)
            text[i] = ' ';
}

int load_read_file(const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    size_t start = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, ERR_SYSTEM, errno, "%s", strerror(errno));
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = err_set(e, ERR_SYSTEM, errno, "%s", strerror(errno));
    else if (S_ISDIR(st.st_mode))
        rc = err_set(e, ERR_SYSTEM, EISDIR, "%s", strerror(EISDIR));
    else
        rc = read_all(fd, out, e);
    close(fd);
    if (rc == 0 && out->len > start)
        blank_first_line(out->data + start, out->len - start);
    return rc;
}

static bool has_file(const struct load *l, const char *path)
{
    for (size_t i = 0; i < l->file_count; i++)
        if (strcmp(l->files[i].path, path) == 0)
            return true;
    return false;
}

/* Room for one more; NULL: memory. */
static struct load_file *append(struct load_file **files, size_t *count, const char *path)
{
    struct load_file *more = realloc(*files, (*count + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    *files = more;
    struct load_file *f = &more[*count];
    f->path = strdup(path);
    if (f->path == NULL)
        return NULL;
    buf_init(&f->text);
    (*count)++;
    return f;
}

static int add_file(struct load *l, const char *path, struct err *e)
{
    if (has_file(l, path))
        return 0;
    struct load_file *f = append(&l->files, &l->file_count, path);
    return f == NULL ? err_memory(e) : load_read_file(path, &f->text, e);
}

const struct buf *load_find_module(const struct load *l, const char *path)
{
    for (size_t i = 0; i < l->module_count; i++)
        if (strcmp(l->modules[i].path, path) == 0)
            return &l->modules[i].text;
    return NULL;
}

int load_add_module(struct load *l, const char *path, struct bytes text, struct err *e)
{
    if (load_find_module(l, path) != NULL)
        return 0;
    struct load_file *f = append(&l->modules, &l->module_count, path);
    return f == NULL || buf_append_bytes(&f->text, text) != 0 ? err_memory(e) : 0;
}

int load_note_looked(struct load *l, const char *path, struct err *e)
{
    char **more = realloc(l->looked, (l->looked_count + 1) * sizeof *more);
    if (more == NULL)
        return err_memory(e);
    l->looked = more;
    more[l->looked_count] = strdup(path);
    if (more[l->looked_count] == NULL)
        return err_memory(e);
    l->looked_count++;
    return 0;
}

/* Takes `dir` over. */
static int add_dir(struct load *l, char *dir, struct err *e)
{
    for (size_t i = 0; dir != NULL && i < l->dir_count; i++)
        if (strcmp(l->dirs[i], dir) == 0) {
            free(dir);
            return 0;
        }
    char *real = dir == NULL ? NULL : realpath(dir, NULL);
    int number = dir == NULL ? ENOMEM : real == NULL ? errno : 0;
    char **dirs = realloc(l->dirs, (l->dir_count + 1) * sizeof *dirs);
    if (dirs != NULL)
        l->dirs = dirs;
    char **real_dirs = realloc(l->real_dirs, (l->dir_count + 1) * sizeof *real_dirs);
    if (real_dirs != NULL)
        l->real_dirs = real_dirs;
    if (real == NULL || dirs == NULL || real_dirs == NULL) {
        free(real);
        free(dir);
        return number == 0 || number == ENOMEM ? err_memory(e) : err_set(e, ERR_SYSTEM, number, "%s", strerror(number));
    }
    l->dirs[l->dir_count] = dir;
    l->real_dirs[l->dir_count++] = real;
    return 0;
}

/* A lack of memory says nothing about the scripts: it comes before all that is wrong with them. */
static int report(struct buf *errors, const char *path, const struct err *why, struct err *first, size_t *count)
{
    buf_printf(errors, "%s: %s\n", path, why->message);
    if (why->domain == ERR_MEMORY)
        *first = *why;
    else if ((*count)++ == 0 && first->domain != ERR_MEMORY)
        err_set(first, why->domain, why->code, "%s: %s", path, why->message);
    return -1;
}

bool load_is_script(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static int is_script(const struct dirent *d)
{
    return load_is_script(d->d_name);
}

/* alphasort() asks the locale; the order of definitions must not depend on it. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *dir, const char *name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    return buf_take(&b, NULL);
}

static void add_folder(struct load *l, const char *path, struct buf *errors, struct err *e, size_t *failures)
{
    struct err why;
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_script, compare_names);
    if (n < 0 || add_dir(l, strdup(path), &why) != 0) {
        if (n < 0 && errno == ENOMEM)
            err_memory(&why);
        else if (n < 0)
            err_set(&why, ERR_SYSTEM, errno, "%s", strerror(errno));
        report(errors, path, &why, e, failures);
    } else if (n == 0) {
        err_set(&why, ERR_SCRIPT, 0, "there is no *.lua in this folder");
        report(errors, path, &why, e, failures);
    }
    for (int i = 0; i < n; i++) {
        char *file = join(path, names[i]->d_name);
        free(names[i]);
        if (file == NULL)
            err_memory(&why);
        if (file == NULL || add_file(l, file, &why) != 0)
            report(errors, file == NULL ? path : file, &why, e, failures);
        free(file);
    }
    free(names);
}

/* "a/b.lua" -> "a"; "b.lua" -> "." */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static void add_path(struct load *l, const char *path, struct buf *errors, struct err *e, size_t *failures)
{
    struct stat st;
    struct err why;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        add_folder(l, path, errors, e, failures);
    else if (add_file(l, path, &why) != 0 || add_dir(l, folder_of(path), &why) != 0)
        report(errors, path, &why, e, failures);
}

int load_paths(struct load *l, const char *const *paths, size_t count, struct buf *errors, struct err *e)
{
    size_t failures = 0;
    struct err ignored = {.code = 0};
    e = e != NULL ? e : &ignored;
    err_clear(e);
    for (size_t i = 0; i < count; i++) {
        char *path = strdup(paths[i]);
        if (path == NULL)
            return err_memory(e);
        /* "scripts/" is "scripts" in messages. */
        for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
            path[len - 1] = '\0';
        add_path(l, path, errors, e, &failures);
        free(path);
    }
    return failures == 0 && e->domain != ERR_MEMORY ? 0 : -1;
}
