/*
 * files: of the folders that the alloc sweep and the simulator work in.
 */
#ifndef ANZOL_TESTS_FILES_H
#define ANZOL_TESTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

enum files_part { FILES_BEGINNING, FILES_END };

/* As much as fits of the beginning or the end of a file, NUL-terminated. False: there is no such file. */
bool files_read(const char *path, enum files_part part, char *out, size_t size);
/* With all that is in it. */
void files_remove(const char *folder);

#endif
