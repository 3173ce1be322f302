/*
 * folder: the state folder: the database is the store's; here are the token and the address, which the command line
 * reads.
 */
#ifndef ANZOL_HOST_FOLDER_H
#define ANZOL_HOST_FOLDER_H

#include "core/err.h"

enum { FOLDER_TOKEN_SIZE = 65 /* 64 hexadecimal digits and the NUL */ };

/* Makes the folder (0700) when it is missing; refuses one that every user may write. */
int folder_make(const char *path, struct err *e);
/* Reads `path`/token, or makes one from 32 random bytes (0600); refuses one that others may read. */
int folder_token(const char *path, char token[FOLDER_TOKEN_SIZE], struct err *e);
/* Writes `path`/address, whole or not at all. */
int folder_write_address(const char *path, const char *address, struct err *e);
void folder_remove_address(const char *path);

#endif
