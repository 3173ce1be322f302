#include "core/memory.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 1000, PAUSE_NS = 10000000 };

static _Thread_local unsigned long failures;

static void *counted(void *block)
{
    failures += block == NULL;
    return block;
}

void *memory_alloc(size_t size)
{
    return counted(malloc(size));
}

void *memory_zeroed(size_t count, size_t size)
{
    return counted(calloc(count, size));
}

void *memory_resize(void *block, size_t size)
{
    void *moved = realloc(block, size);
    return size > 0 ? counted(moved) : moved; /* of nothing glibc makes nothing */
}

char *memory_copy(const char *text)
{
    return counted(strdup(text));
}

unsigned long memory_failures(void)
{
    return failures;
}

void *memory_insist(void *block, size_t size)
{
    static const char words[] = "anzol: out of memory for ten seconds: ended; what was acknowledged is on disk\n";
    if (size == 0) {
        free(block);
        return NULL;
    }
    for (int i = 0; i < TRIES; i++) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        void *moved = realloc(block, size);
        if (moved != NULL)
            return moved;
        (void)nanosleep(&pause, NULL); /* other threads let go of theirs */
    }
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    abort();
}
