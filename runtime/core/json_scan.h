/*
 * json_scan: parts of JSON text as they stand there, for texts that are known to be valid and shall go on unchanged:
 * numbers keep their digits, objects the order of their keys. (Parsing is Jansson's, in the layers that parse.)
 */
#ifndef ANZOL_CORE_JSON_SCAN_H
#define ANZOL_CORE_JSON_SCAN_H

#include "core/buf.h"

/*
 * The value of a member of an object, the last of that name as in parsers; empty (data NULL) when there is none or the
 * text is no object. `name` is ASCII. The view is into `object`, without the blanks around.
 */
struct bytes json_scan_member(struct bytes object, const char *name);

/* The elements of an array, one a call: `rest` begins as the array's text. False: there are no more. */
bool json_scan_next(struct bytes *rest, struct bytes *element);

#endif
