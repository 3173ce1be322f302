/*
 * checkpoint: moving what the write-ahead log holds into the database file. The writer's, between commits.
 */
#ifndef ANZOL_STORE_CHECKPOINT_H
#define ANZOL_STORE_CHECKPOINT_H

struct writer;

/* When the log has grown by enough. Keeps readers out for a moment when the log has grown by far too much. */
void checkpoint_if_due(struct writer *w);
/* When the store closes: the log is emptied. */
void checkpoint_last(struct writer *w);

#endif
