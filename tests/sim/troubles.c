#include "troubles.h"

#include "clock.h"
#include "core/units.h"

static const int64_t GAP_NS = NS_PER_S;         /* between two of them */
static const int64_t WITHIN_NS = 10 * NS_PER_S; /* what came so shortly before may not have been done */
enum { TROUBLES_MAX = 1024 };                   /* the last of them */

static struct {
    int64_t from_ns, to_ns;
} troubles[TROUBLES_MAX];
static int count;

void troubles_note(void)
{
    int64_t now_ns = clock_now_ns();
    if (count == 0 || now_ns - troubles_last_ns() > GAP_NS)
        troubles[count++ % TROUBLES_MAX].from_ns = now_ns;
    troubles[(count - 1) % TROUBLES_MAX].to_ns = now_ns;
}

int64_t troubles_last_ns(void)
{
    return count == 0 ? 0 : troubles[(count - 1) % TROUBLES_MAX].to_ns;
}

int64_t troubles_over_ns(int64_t ns)
{
    int first = count > TROUBLES_MAX ? count - TROUBLES_MAX : 0;
    for (int i = first; i < count; i++)
        if (troubles[i % TROUBLES_MAX].from_ns <= ns + WITHIN_NS && troubles[i % TROUBLES_MAX].to_ns > ns)
            ns = troubles[i % TROUBLES_MAX].to_ns;
    return ns;
}
