#include "secrecy.h"

#include "disk.h"
#include "scripts.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void secrecy_check_log(int fd)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return;
    char *text = world_alloc((size_t)s.st_size + 1);
    if (pread(fd, text, (size_t)s.st_size, 0) == s.st_size && strstr(text, SIM_SECRET) != NULL)
        violation("secret", "the secret is in the log");
    free(text);
}

void secrecy_check_disk(void)
{
    const char *name = disk_search(world.disk, SIM_SECRET, strlen(SIM_SECRET));
    if (name != NULL)
        violation("secret", "the secret is on the disk, in %s", name);
}
