/*
 * units: durations and times as people write them.
 *
 * Names say the unit: _ns nanoseconds on the monotonic clock, _us microseconds, _ms milliseconds (of the wall clock,
 * since 1970, where it is a point in time).
 */
#ifndef ANZOL_CORE_UNITS_H
#define ANZOL_CORE_UNITS_H

#include "core/buf.h"

enum { UNITS_TIME_SIZE = 25 /* "2026-11-23T10:00:00.000Z" and the NUL */ };

#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL
#define MS_PER_S  1000LL

/* "250ms" "30s" "6m" "2h" "1d" "1.5s" or a bare number of seconds. 0, or -1: not a duration, negative, over 10 years.
 */
int units_parse_duration(struct bytes text, int64_t *ms);
/* "250ms", "1.5s", "2m", "1h30m": the shortest form that is exact to the millisecond. `out` holds 32 bytes. */
void units_format_duration(int64_t ms, char out[32]);
/* RFC 3339, "2026-11-23T10:00:00[.123][Z|±hh:mm]", or a date alone (midnight UTC), or "-1h" (that long before
 * `now_ms`). */
int units_parse_time(struct bytes text, int64_t now_ms, int64_t *wall_ms);
void units_format_time(int64_t wall_ms, char out[UNITS_TIME_SIZE]);
/* HTTP date (RFC 9110 section 5.6.7, all three forms). 0, or -1. */
int units_parse_http_date(struct bytes text, int64_t *wall_ms);
/* Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date. Milliseconds from now, never negative; -1:
 * unreadable. */
int64_t units_parse_retry_after(struct bytes text, int64_t now_ms);

#endif
