/*
 * nearest: "did you mean …?": the candidate closest to what was typed (Damerau-Levenshtein, at most a third of the
 * length off).
 */
#ifndef ANZOL_CORE_NEAREST_H
#define ANZOL_CORE_NEAREST_H

#include <stddef.h>

/* NULL when none is near. */
const char *nearest(const char *typed, const char *const *candidates, size_t count);

#endif
