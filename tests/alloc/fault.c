#include "fault.h"

#include "core/slab.h"

#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *block, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);

#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

/* What the linker keeps of a library that libc has loaded. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:_dl_map_object_deps\n";
}
#endif

enum { OWN_FRAMES = 2, HASH_FRAMES = 12 }; /* of the stack: fails() and the allocator; what tells stacks apart */

static struct fault *current;
static _Thread_local bool inside; /* backtrace() may allocate */

static uint64_t hash_of(void *const *stack, int depth)
{
    uint64_t h = 1469598103934665603ULL;
    for (int i = OWN_FRAMES; i < depth && i < HASH_FRAMES; i++)
        h = (h ^ (uint64_t)(uintptr_t)stack[i]) * 1099511628211ULL;
    return h;
}

static void note_stack(struct fault *f)
{
    inside = true;
    f->depth = backtrace(f->stack, FAULT_FRAMES);
    inside = false;
}

static void record(struct fault *f, long n)
{
    void *stack[FAULT_FRAMES];
    if (n > FAULT_STACKS)
        return;
    inside = true;
    f->stacks[n - 1] = hash_of(stack, backtrace(stack, FAULT_FRAMES));
    inside = false;
}

static bool __attribute__((noinline)) fails(void)
{
    struct fault *f = current;
    if (f == NULL || inside || !f->armed)
        return false;
    long n = ++f->count, at = f->at;
    if (f->record)
        record(f, n);
    if (at == 0 || n < at || n - at >= f->length)
        return false;
    if (f->failed++ == 0)
        note_stack(f);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails() ? NULL : REAL(realloc)(block, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : REAL(memalign)(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);
    if (p == NULL)
        return ENOMEM;
    *out = p;
    return 0;
}

struct fault *fault_new(void)
{
    void *warm[1];
    void *p = mmap(NULL, sizeof(struct fault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)backtrace(warm, 1); /* it loads a library the first time */
    return p == MAP_FAILED ? NULL : p;
}

void fault_enter(struct fault *f)
{
    current = f;
}

void fault_arm(struct fault *f, long at, long length)
{
    f->count = 0;
    f->failed = 0;
    f->depth = 0;
    f->at = at;
    f->length = length;
    f->armed = true;
}

long fault_disarm(struct fault *f)
{
    f->armed = false;
    return f->count;
}

uint64_t fault_stack_hash(const struct fault *f)
{
    return hash_of(f->stack, f->depth);
}

/* Lua's small blocks would come from a region that never fails. */
void __real_slab_init(struct slab *s, size_t size);
void __wrap_slab_init(struct slab *s, size_t size);
void __wrap_slab_init(struct slab *s, size_t size)
{
    (void)size;
    __real_slab_init(s, 0);
}
