/*
 * slow: preloaded into the daemon (LD_PRELOAD), it makes a write(2) to standard error take SLOW_MS while the file SLOW
 * exists: as a disk that hangs.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (real == NULL)
        abort();
    if (fd == STDERR_FILENO && access(getenv("SLOW"), F_OK) == 0)
        usleep((useconds_t)atoi(getenv("SLOW_MS")) * 1000);
    return real(fd, data, len);
}
