/*
 * outlet: lines on their way out by one descriptor, which whoever hands them over does not wait for.
 *
 * A regular file takes what it is given, in one write. Of anything else (a pipe, a socket, a terminal) nobody knows
 * whether it is read: it is asked with poll(2) before each write, and gets pieces of at most PIPE_BUF, which a pipe
 * that polls writable takes without waiting (POSIX). Pieces are of whole lines where these are shorter, so others who
 * write to the same pipe do not cut them. A terminal may take a single character where poll(2) says that it is
 * writable: it is opened anew, not to wait, and where that is not allowed it gets one character at a time. A socket is
 * asked not to wait with each send(2). O_NONBLOCK is never set on the descriptor itself: it belongs to what is open,
 * and so to all processes that share it, a shell and a pager among them.
 *
 * What cannot be written is kept, up to 1 MiB and what is handed over first: a daemon at a thousand deliveries a second
 * writes that in two or three seconds, one at ten in minutes; a reader who is away for longer is not only slow. Beyond
 * that lines are dropped until all that was kept is out, so there is one gap, in one place. Only whole lines are
 * dropped. When the descriptor itself fails (nobody can read any more, the disk is full) there is nothing to wait for:
 * all are dropped, and each new line is a new try.
 *
 * Not covered: another process that fills the same pipe between poll(2) and write(2), and a file system that hangs.
 */
#ifndef ANZOL_CORE_OUTLET_H
#define ANZOL_CORE_OUTLET_H

#include "core/buf.h"

#include <pthread.h>

enum { OUTLET_LEFT_MAX = 1 << 20 };

enum outlet_state {
    OUTLET_EMPTY, /* all is out */
    OUTLET_LEFT,  /* something waits for the reader: push later */
    OUTLET_FAILED /* the last write failed */
};

struct outlet {
    int fd;    /* the caller's */
    bool anew; /* it is a terminal, opened anew as … */
    int terminal;
    size_t piece; /* at most, of one write; SIZE_MAX: any */
    bool socket;
    pthread_mutex_t mutex; /* of all below */
    struct buf left;
    bool begun; /* what is left begins in the middle of a line */
    bool gap;   /* lines were dropped behind what is left */
    bool failed;
};

void outlet_init(struct outlet *o, int fd);
/* What is left is lost. The descriptor stays open. */
void outlet_fini(struct outlet *o);
/* From here on it does wait for the reader: for commands that have nothing else to do. */
void outlet_be_patient(struct outlet *o);
/* Takes over all of `lines`, whole lines, which is empty afterwards, and writes what it can. Returns how many lines
 * were dropped, here or among those that were left. */
size_t outlet_write(struct outlet *o, struct buf *lines);
/* Writes what it can of what is left. Returns how many lines were dropped. */
size_t outlet_push(struct outlet *o);
/* For another thread than the one that calls the rest: as outlet_write(), but when that one is writing just now, or too
 * much is left, the lines stay with the caller. */
void outlet_offer(struct outlet *o, struct buf *lines);
/* For the end: waits for the reader, for at most so long, then drops what is left but for the rest of a line that is
 * half written. Returns how many lines were dropped. */
size_t outlet_drain(struct outlet *o, int64_t within_ns);
enum outlet_state outlet_state(struct outlet *o);

#endif
