/*
 * troubles: when the host was late with a reason: it did not live, was told to stop, or had a disk that was not sound.
 */
#ifndef ANZOL_SIM_TROUBLES_H
#define ANZOL_SIM_TROUBLES_H

#include <stdint.h>

/* It is in trouble now. */
void troubles_note(void);
/* The last time that it was; 0: never. */
int64_t troubles_last_ns(void);
/* When what came at that time could be done: at once, or after the trouble in which it came. */
int64_t troubles_over_ns(int64_t ns);

#endif
