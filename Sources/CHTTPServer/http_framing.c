#include <string.h>

#include "http_internal.h"

bool is_token(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL)) return false;
    }
    return length != 0;
}

static bool equals(const char *text, size_t length, const char *lower_case) {
    if (length != strlen(lower_case)) return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != lower_case[i]) return false;
    }
    return true;
}

static int64_t parse_length(const char *text, size_t length) {
    int64_t value = 0;
    for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        if (value > (INT64_MAX - 9) / 10) value = INT64_MAX / 10 - 1;  // stays that large
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/// The library is lenient where a proxy in front of us may read the same bytes as another request (RFC 9112, 11.2):
/// it takes the first of two lengths, a length beside a coding, and a name with a space at its end.
static enum MHD_Result look_at_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                      const char *value, size_t value_length) {
    (void)kind;
    struct framing *framing = context;
    if (!is_token(name, name_length)) framing->refusal = "a header's name is malformed";
    if (value == NULL) return MHD_YES;
    // RFC 9110, 5.5: a bare CR most of all, which others take for the end of the line.
    for (size_t i = 0; i < value_length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 127) framing->refusal = "a header's value has a control character";
    }
    switch (name_length) {
    case 4:
        if (equals(name, name_length, "host") && ++framing->hosts > 1) framing->refusal = "more than one Host";
        break;
    case 6:
        if (equals(name, name_length, "expect")) framing->asks_first = true;
        break;
    case 14:
        if (!equals(name, name_length, "content-length")) break;
        if (++framing->lengths > 1) framing->refusal = "more than one Content-Length";
        framing->length = parse_length(value, value_length);
        break;
    case 17:
        if (!equals(name, name_length, "transfer-encoding")) break;
        framing->chunked = true;
        if (++framing->codings > 1 || !equals(value, value_length, "chunked")) {
            framing->refusal = "the only Transfer-Encoding taken is chunked";
        }
        break;
    default: break;
    }
    return MHD_YES;
}

struct framing framing_of(struct MHD_Connection *connection, const char *version) {
    struct framing framing = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_header, &framing);
    if (framing.hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0) framing.refusal = "no Host";
    if (!framing.chunked) return framing;
    if (framing.lengths > 0) framing.refusal = "both Content-Length and Transfer-Encoding";
    if (strcmp(version, MHD_HTTP_VERSION_1_0) == 0) framing.refusal = "Transfer-Encoding in HTTP/1.0";
    framing.length = 0;
    return framing;
}
