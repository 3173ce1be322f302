/*
 * archive: the text of a set of scripts in one run of bytes, so that a run of a flow can go on under the text it
 * started under, whatever has become of the files.
 *
 * Format 1 (little-endian): u8 format; u32 number of folders, each u32 length + path; u32 number of scripts, each path
 * and text the same way; the modules like the scripts.
 */
#ifndef ANZOL_SCRIPT_ARCHIVE_H
#define ANZOL_SCRIPT_ARCHIVE_H

#include "script/load.h"

enum { ARCHIVE_HASH_SIZE = 32 };

/* Appends the archive of what was loaded. */
int archive_write(const struct load *l, struct buf *out, struct err *e);
/* Fills `l` (load_init() was called) from an archive; every length is checked. */
int archive_read(struct load *l, struct bytes archive, struct err *e);
/* SHA-256 of the archive: the same texts under the same paths have the same. */
int archive_hash(struct bytes archive, uint8_t out[ARCHIVE_HASH_SIZE], struct err *e);

#endif
