#include "rates.h"

#include "scripts.h"
#include "world.h"

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

void rates_sent(int integration)
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
