/*
 * control_request: one line of a client, read strictly.
 */
#ifndef ANZOL_NET_CONTROL_REQUEST_H
#define ANZOL_NET_CONTROL_REQUEST_H

#include "core/buf.h"
#include "core/err.h"

enum control_op { CONTROL_EVAL, CONTROL_COMPLETE, CONTROL_CANCEL };

struct control_request {
    int64_t id; /* 0: none that an answer could carry */
    enum control_op op;
    struct bytes code; /* into `document` */
    int width;
    bool json;
    size_t cursor;
    int64_t target;
    void *document;
};

/*
 * 0, or -1 with what was found and expected. Then `id` is set when the line is a request that may be answered with the
 * error, and 0 when the two of us do not speak the same language. control_request_fini() in either case.
 */
int control_request_read(struct control_request *r, struct bytes line, struct err *e);
void control_request_fini(struct control_request *r);

#endif
