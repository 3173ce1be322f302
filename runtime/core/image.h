/*
 * image: the program and its libraries as they lie in memory.
 */
#ifndef ANZOL_CORE_IMAGE_H
#define ANZOL_CORE_IMAGE_H

/*
 * Lets go of the pages of code and constants that were looked at so far. They are the files' own, unchanged, so they
 * come back from the page cache when they are needed; what only a start needs (relocations, the tables of symbols, the
 * set-up of TLS libraries) does not. For a moment after a process that stays has started; takes about a millisecond.
 */
void image_let_go(void);

#endif
