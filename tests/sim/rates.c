#include "rates.h"

#include "scripts.h"
#include "world.h"

#include <limits.h>

enum { WINDOW_SENDS = 256, PERIODS = 4096 };
static const int64_t WINDOW_NS = NS_PER_S;

struct period { /* in which scripts of a variant may have been in force */
    int variant;
    int64_t from_ns, until_ns;
};

static struct period periods[PERIODS];
static int period_count;
static int64_t sent[SIM_INTEGRATIONS][WINDOW_SENDS]; /* the last ones, in a ring */
static uint64_t sent_count[SIM_INTEGRATIONS];

void rates_may_be(int variant)
{
    if (period_count == PERIODS) {
        violation("sim", "too many reloads to remember");
        return;
    }
    periods[period_count++] = (struct period){.variant = variant, .from_ns = clock_now_ns(), .until_ns = INT64_MAX};
}

void rates_are(int variant)
{
    for (int i = 0; i < period_count; i++)
        if (periods[i].until_ns == INT64_MAX)
            periods[i].until_ns = clock_now_ns();
    rates_may_be(variant);
}

/* The most that a window which ends now may hold; 0: anything. */
static int allowed(int integration)
{
    int most = 1;
    for (int i = period_count - 1; i >= 0; i--) {
        if (periods[i].until_ns < clock_now_ns() - WINDOW_NS)
            continue;
        int rate = scripts_rate(integration, periods[i].variant);
        if (rate == 0)
            return 0;
        most = rate > most ? rate : most;
    }
    return most;
}

static void check_rate(int integration)
{
    int64_t now = clock_now_ns(), *ring = sent[integration];
    int most = allowed(integration);
    uint64_t n = sent_count[integration]++;
    ring[n % WINDOW_SENDS] = now;
    if (most == 0 || n < (uint64_t)most)
        return;
    /* This one, and the `most` before it. */
    int64_t before = ring[(n - (uint64_t)most) % WINDOW_SENDS];
    if (now - before < WINDOW_NS)
        violation("rate", "i%d gets %d requests within %.3f ms; %d a second are allowed", integration, most + 1,
                  (double)(now - before) / 1e6, most);
}

static bool was_in_force(const struct period *p, int64_t since_ns)
{
    return p->until_ns >= since_ns;
}

static int highest_cap(int integration)
{
    int most = 0;
    for (int i = 0; i < period_count; i++)
        if (was_in_force(&periods[i], clock_now_ns()) && scripts_cap(integration, periods[i].variant) > most)
            most = scripts_cap(integration, periods[i].variant);
    return most;
}

void rates_sent(int integration, int in_flight)
{
    check_rate(integration);
    if (in_flight > highest_cap(integration))
        violation("cap", "i%d gets %d requests at once; %d are allowed", integration, in_flight,
                  highest_cap(integration));
}

int rates_lowest(int integration, int64_t since_ns)
{
    int least = 0;
    for (int i = 0; i < period_count; i++) {
        int rate = scripts_rate(integration, periods[i].variant);
        if (was_in_force(&periods[i], since_ns) && rate > 0 && (least == 0 || rate < least))
            least = rate;
    }
    return least;
}

int rates_lowest_cap(int integration, int64_t since_ns)
{
    int least = INT_MAX;
    for (int i = 0; i < period_count; i++) {
        int cap = scripts_cap(integration, periods[i].variant);
        if (was_in_force(&periods[i], since_ns) && cap < least)
            least = cap;
    }
    return least;
}
