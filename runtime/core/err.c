#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf cuts between bytes; a cut UTF-8 sequence would make the line invalid JSON later on. */
static void trim_partial_utf8(char *s, size_t len)
{
    size_t i = len;
    while (i > 0 && len - i < 4 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
        i--;
    if (i == 0)
        return;
    unsigned char lead = (unsigned char)s[i - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (i - 1) < want)
        s[i - 1] = '\0';
}

static void format_message(struct err *e, const char *format, va_list args)
{
    int n = vsnprintf(e->message, sizeof e->message, format, args);
    if (n < 0)
        e->message[0] = '\0';
    else if ((size_t)n >= sizeof e->message)
        trim_partial_utf8(e->message, sizeof e->message - 1);
}

int err_set(struct err *e, enum err_domain domain, int code, const char *format, ...)
{
    if (e == NULL)
        return -1;
    e->domain = domain;
    e->code = code;
    va_list args;
    va_start(args, format);
    format_message(e, format, args);
    va_end(args);
    return -1;
}

int err_system(struct err *e, int number, const char *format, ...)
{
    if (e == NULL)
        return -1;
    e->domain = ERR_SYSTEM;
    e->code = number;
    va_list args;
    va_start(args, format);
    format_message(e, format, args);
    va_end(args);
    size_t len = strlen(e->message);
    snprintf(e->message + len, sizeof e->message - len, ": %s", strerror(number));
    return -1;
}

int err_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, 0, "out of memory");
}

void err_clear(struct err *e)
{
    if (e == NULL)
        return;
    e->domain = ERR_NONE;
    e->code = 0;
    e->message[0] = '\0';
}
