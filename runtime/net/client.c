#include "net/client.h"

#include "core/secrets.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_LEN = 256, TIMEOUT_MS = 30000 };
static const size_t ANSWER_MAX = (size_t)256 << 20; /* 1,000 deliveries with what they answered are less */

static int not_listening(const char *state, struct err *e)
{
    return err_set(e, ERR_NET, 0, "the daemon of the state folder %s does not listen: it starts, or stops", state);
}

/* Empty when the file is. */
static int read_line(const char *state, const char *name, char out[LINE_MAX_LEN], struct err *e)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", state, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(e, ERR_USAGE, 0, "the state folder's name is too long");
    FILE *f = fopen(path, "re");
    if (f == NULL && errno == ENOENT)
        return not_listening(state, e);
    if (f == NULL)
        return err_system(e, errno, "cannot read %s", path);
    if (fgets(out, LINE_MAX_LEN, f) == NULL)
        out[0] = '\0';
    fclose(f);
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}

/* A power cut may leave the address empty, but not the token. */
static int read_folder(const char *state, char address[LINE_MAX_LEN], char token[LINE_MAX_LEN], struct err *e)
{
    if (read_line(state, "address", address, e) != 0)
        return -1;
    if (address[0] == '\0')
        return not_listening(state, e);
    if (read_line(state, "token", token, e) != 0)
        return -1;
    return token[0] != '\0' ? 0 : err_set(e, ERR_SYSTEM, 0, "%s/token is empty", state);
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
    struct buf *body = ud;
    return body->len < ANSWER_MAX && buf_append(body, data, size * count) == 0 ? size * count : 0;
}

static struct curl_slist *headers_of(const char *token, const char *type)
{
    char line[LINE_MAX_LEN + 64];
    struct curl_slist *list = NULL, *longer;
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    list = curl_slist_append(NULL, line);
    secrets_wipe(line, sizeof line);
    snprintf(line, sizeof line, "Content-Type: %s", type == NULL ? "" : type);
    longer = list == NULL ? NULL : curl_slist_append(list, line);
    if (longer != NULL)
        longer = curl_slist_append(longer, "Expect:");
    if (longer == NULL) {
        curl_slist_free_all(list);
        return NULL;
    }
    return longer;
}

static CURLcode perform(CURL *curl, const char *method, const char *url, struct curl_slist *headers, struct bytes body,
                        bool has_body, int64_t timeout_ms, struct client_answer *a)
{
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_ms > 0 ? timeout_ms : TIMEOUT_MS));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &a->body);
    if (has_body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len > 0 ? body.data : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    a->status = (int)status;
    return code;
}

int client_call(const char *state, const char *method, const char *path, const char *type, struct bytes body,
                int64_t timeout_ms, struct client_answer *a, struct err *e)
{
    char address[LINE_MAX_LEN], token[LINE_MAX_LEN], url[4096];
    *a = (struct client_answer){0};
    buf_init(&a->body);
    if (read_folder(state, address, token, e) != 0)
        return -1;
    int n = snprintf(url, sizeof url, "http://%s%s", address, path);
    if (n < 0 || (size_t)n >= sizeof url)
        return err_set(e, ERR_USAGE, 0, "the request's path is too long");
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = headers_of(token, type);
    secrets_wipe(token, sizeof token);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl != NULL && headers != NULL)
        code = perform(curl, method, url, headers, body, type != NULL, timeout_ms, a);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return 0;
    buf_fini(&a->body);
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(e, ERR_NET, (int)code,
                       "no daemon answers at %s (state folder %s); start one with: anzol run scripts", address, state);
    return err_set(e, ERR_NET, (int)code, "no answer from the daemon at %s (state folder %s): %s", address, state,
                   curl_easy_strerror(code));
}
