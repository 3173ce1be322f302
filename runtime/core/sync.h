/*
 * sync: a file or folder that was made or renamed is found after a power cut once the folder it is in is synced
 * (fsync(2), notes). Some file systems cannot; they are no worse for the try, so no failure is told.
 */
#ifndef ANZOL_CORE_SYNC_H
#define ANZOL_CORE_SYNC_H

void sync_folder(const char *path);
/* The folder that `path` is in. */
void sync_parent(const char *path);

#endif
