#include "net/curl_errors.h"

#define NEVER ATTEMPT_NEVER_LEFT
#define MAYBE ATTEMPT_AMBIGUOUS
#define FINAL ATTEMPT_PERMANENT

/*
 * "Sent" is decided by CURLOPT_PREREQFUNCTION: the connection stands, TLS included, and the request is about to be
 * written. What fails before cannot have been seen by the receiver; what fails after may have been processed. An error
 * of connecting after it was sent comes from the connection that libcurl opens to send again, or to follow a redirect.
 */
/* clang-format off */
const struct curl_failure curl_failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ATTEMPT_DNS, NEVER, ATTEMPT_DNS, MAYBE,
     "the host's name does not resolve", "the connection died before the response, and there was no new one"},
    {CURLE_COULDNT_RESOLVE_PROXY, ATTEMPT_DNS, NEVER, ATTEMPT_DNS, MAYBE, "the proxy's name does not resolve", NULL},
    {CURLE_COULDNT_CONNECT, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE,
     "no connection", "the connection died before the response, and there was no new one"},
    {CURLE_INTERFACE_FAILED, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE, "no connection", NULL},
    {CURLE_NO_CONNECTION_AVAILABLE, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE, "no connection", NULL},
    {CURLE_OPERATION_TIMEDOUT, ATTEMPT_CONNECT, NEVER, ATTEMPT_TIMEOUT, MAYBE,
     "no connection in time", "no whole response in time"},
    {CURLE_SSL_CONNECT_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE, "the TLS handshake failed", "TLS failed"},
    {CURLE_PEER_FAILED_VERIFICATION, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE,
     "the receiver's certificate is not trusted", NULL},
    {CURLE_SSL_ISSUER_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE, "the receiver's certificate is not trusted", NULL},
    {CURLE_SSL_INVALIDCERTSTATUS, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE,
     "the receiver's certificate is not valid", NULL},
    {CURLE_SSL_CERTPROBLEM, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE, "our certificate is not usable", NULL},
    {CURLE_SSL_CACERT_BADFILE, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE, "the trusted certificates cannot be read", NULL},
    {CURLE_SSL_CIPHER, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE, "no TLS cipher in common", NULL},
    {CURLE_SEND_ERROR, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE, "the connection died while sending", NULL},
    {CURLE_SEND_FAIL_REWIND, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE, "the connection died while sending", NULL},
    {CURLE_RECV_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_RESET, MAYBE,
     "the connection died", "the connection died before the whole response was there"},
    {CURLE_GOT_NOTHING, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE,
     "the connection was closed without a response", NULL},
    {CURLE_PARTIAL_FILE, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE,
     "the connection died in the middle of the response", NULL},
    /* Ours: the second send that libcurl would have made by itself. */
    {CURLE_ABORTED_BY_CALLBACK, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE,
     "given up", "the connection died before the response"},
    {CURLE_WEIRD_SERVER_REPLY, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE, "the response is not HTTP", NULL},
    /* After: an answer without a status line, which would be HTTP/0.9. */
    {CURLE_UNSUPPORTED_PROTOCOL, ATTEMPT_REQUEST, FINAL, ATTEMPT_PROTOCOL, MAYBE,
     "the URL is neither http nor https", "the response is not HTTP"},
    {CURLE_HTTP2, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE, "the response is not HTTP", NULL},
    {CURLE_BAD_CONTENT_ENCODING, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE, "the response is not HTTP", NULL},
    {CURLE_URL_MALFORMAT, ATTEMPT_REQUEST, FINAL, ATTEMPT_REDIRECT, FINAL,
     "not a URL", "the redirect does not lead to a URL"},
    {CURLE_TOO_MANY_REDIRECTS, ATTEMPT_REDIRECT, FINAL, ATTEMPT_REDIRECT, FINAL, "more than five redirects", NULL},
    {CURLE_WRITE_ERROR, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE, "no memory for the response", NULL},
    /* libcurl says this too of a header line over 100 KB. */
    {CURLE_OUT_OF_MEMORY, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE,
     "out of memory", "out of memory, or a header of the response over 100 KB"},
    {CURLE_FAILED_INIT, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE, "libcurl does not start", NULL},
    {CURLE_BAD_FUNCTION_ARGUMENT, ATTEMPT_REQUEST, FINAL, ATTEMPT_INTERNAL, MAYBE, "the request cannot be made", NULL},
};
/* clang-format on */
const size_t curl_failure_count = sizeof curl_failures / sizeof *curl_failures;

static const struct curl_failure other = {CURL_LAST, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE, "failed", NULL};

const struct curl_failure *curl_failure_of(CURLcode code)
{
    for (size_t i = 0; i < curl_failure_count; i++)
        if (curl_failures[i].code == code)
            return &curl_failures[i];
    return &other;
}
