/*
 * curl_errors: what each way libcurl can fail means for a delivery: one table.
 */
#ifndef ANZOL_NET_CURL_ERRORS_H
#define ANZOL_NET_CURL_ERRORS_H

#include "core/attempt.h"

#include <curl/curl.h>

struct curl_failure {
    CURLcode code;
    /* Before the request began to leave, and after. */
    enum attempt_error unsent_error;
    enum attempt_class unsent_class;
    enum attempt_error sent_error;
    enum attempt_class sent_class;
    const char *words;
    const char *sent_words; /* NULL: the same */
};

extern const struct curl_failure curl_failures[];
extern const size_t curl_failure_count;

/* The row of `code`; for one that is not listed a row that assumes the worst: internal, ambiguous once sent. */
const struct curl_failure *curl_failure_of(CURLcode code);

#endif
