/*
 * batches: clients that send many events at once, and all of them again until each is acknowledged.
 */
#ifndef ANZOL_SIM_BATCHES_H
#define ANZOL_SIM_BATCHES_H

#include <stddef.h>

/* `number` makes the tags: unique. */
void batches_send(int number, const char *event, size_t count, size_t pad);

#endif
