/*
 * place: where all worlds are, also those in other processes that come of this one: each has its own in it.
 */
#ifndef ANZOL_SIM_PLACE_H
#define ANZOL_SIM_PLACE_H

#include <stddef.h>

/* -1: errno. */
int place_make(void);
void place_remove(void);
/* One more world's. -1: errno. */
int place_add(char *out, size_t size);

#endif
