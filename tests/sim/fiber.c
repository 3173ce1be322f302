#include "fiber.h"

#include "clock.h"
#include "core/units.h"
#include "dice.h"
#include "store/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum { FIBERS_MAX = 8, STACK_BYTES = 1 << 20 };
static const int64_t WAKE_MAX_NS = 200 * 1000; /* from a signal until the thread runs */

enum state { FREE, READY, WAITING, ENDED };

struct fiber {
    enum state state;
    int64_t at_ns;        /* READY: goes on then. WAITING: gives up then */
    pthread_cond_t *cond; /* WAITING */
    void *(*run)(void *arg);
    void *arg;
    void *stack;
    ucontext_t context;
};

static struct fiber fibers[FIBERS_MAX];
static struct fiber *current;
static ucontext_t outside;

static int64_t at(const struct fiber *f)
{
    return f->state == READY || f->state == WAITING ? f->at_ns : INT64_MAX;
}

static struct fiber *next(void)
{
    struct fiber *first = &fibers[0];
    for (int i = 1; i < FIBERS_MAX; i++)
        if (at(&fibers[i]) < at(first))
            first = &fibers[i];
    return first;
}

int64_t fiber_next_ns(void)
{
    return at(next());
}

/* --- from one stack to another ------------------------------------------------------------------------------------ */

#ifdef __SANITIZE_ADDRESS__
static const void *outside_stack;
static size_t outside_size;

static void swap(ucontext_t *from, ucontext_t *to, const void *stack, size_t size, bool last)
{
    void *fake = NULL;
    __sanitizer_start_switch_fiber(last ? NULL : &fake, stack, size);
    swapcontext(from, to);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

static void enter(struct fiber *f)
{
    swap(&outside, &f->context, f->stack, STACK_BYTES, false);
}

static void leave(struct fiber *f)
{
    swap(&f->context, &outside, outside_stack, outside_size, f->state == ENDED);
}

static void begun(void)
{
    __sanitizer_finish_switch_fiber(NULL, &outside_stack, &outside_size);
}
#else
static void enter(struct fiber *f)
{
    swapcontext(&outside, &f->context);
}

static void leave(struct fiber *f)
{
    swapcontext(&f->context, &outside);
}

static void begun(void)
{
}
#endif

static void body(void)
{
    struct fiber *f = current;
    begun();
    (void)f->run(f->arg);
    f->state = ENDED;
    leave(f);
}

void fiber_run(void)
{
    struct fiber *f = next();
    clock_move(f->at_ns);
    f->state = READY;
    f->cond = NULL;
    current = f;
    enter(f);
    current = NULL;
    if (f->state == ENDED) {
        munmap(f->stack, STACK_BYTES);
        f->stack = NULL;
    }
}

void fiber_sleep(int64_t ns)
{
    struct fiber *f = current;
    if (f == NULL) {
        clock_move(clock_now_ns() + ns);
        return;
    }
    f->state = READY;
    f->at_ns = clock_now_ns() + ns;
    leave(f);
}

/* --- in the place of store/thread.c ------------------------------------------------------------------------------- */

int64_t thread_mono_ns(void)
{
    return clock_now_ns();
}

int64_t thread_wall_ms(void)
{
    return clock_wall_ms();
}

int thread_cond_init(pthread_cond_t *c)
{
    return pthread_cond_init(c, NULL);
}

void thread_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_ns)
{
    struct fiber *f = current;
    if (f == NULL) {
        fprintf(stderr, "sim: the loop waits for a thread\n");
        abort();
    }
    pthread_mutex_unlock(m);
    f->state = WAITING;
    f->cond = c;
    f->at_ns = until_ns;
    leave(f);
    pthread_mutex_lock(m);
}

static struct fiber *unused(void)
{
    for (int i = 0; i < FIBERS_MAX; i++)
        if (fibers[i].state == FREE)
            return &fibers[i];
    return NULL;
}

int thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg, struct err *e)
{
    struct fiber *f = unused();
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)name;
    if (f == NULL || stack == MAP_FAILED || getcontext(&f->context) != 0)
        return err_set(e, ERR_SYSTEM, 0, "no room for another fiber");
    *f = (struct fiber){
        .state = READY, .at_ns = clock_now_ns(), .run = run, .arg = arg, .stack = stack, .context = f->context};
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    makecontext(&f->context, body, 0);
    *t = (pthread_t)(f - fibers);
    return 0;
}

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

int pthread_cond_signal(pthread_cond_t *c)
{
    for (int i = 0; i < FIBERS_MAX; i++) {
        struct fiber *f = &fibers[i];
        if (f->state != WAITING || f->cond != c)
            continue;
        f->state = READY;
        f->at_ns = clock_now_ns() + dice_between(DICE_TURN, 0, WAKE_MAX_NS);
    }
    return 0;
}

/* The loop stands still while it waits; the threads do not. */
int pthread_join(pthread_t t, void **result)
{
    struct fiber *f = &fibers[t];
    while (f->state != ENDED) {
        if (fiber_next_ns() == INT64_MAX) {
            fprintf(stderr, "sim: a thread that nobody wakes is waited for\n");
            abort();
        }
        fiber_run();
    }
    *f = (struct fiber){.state = FREE};
    if (result != NULL)
        *result = NULL;
    return 0;
}
