
#include "claude_chat_parse.h"

#include <string.h>
#include <strings.h>


/* base64 digits of one image, and bytes of a URL */

#define CLAUDE_CHAT_IMAGE_MAX  (10 * 1024 * 1024)
#define CLAUDE_CHAT_URL_MAX    8192


static const char *claude_chat_data_uri(const claude_str_t *uri,
    const char **media_type, size_t *start);
static unsigned claude_chat_base64(const unsigned char *p, size_t len);
static const char *claude_chat_url(const claude_str_t *url);


/* the API's media types; image/jpg is a common slip */

static const struct {
    claude_str_t           prefix;  /* of the data URI, behind data: */
    const char            *media_type;
} claude_chat_media[] = {
    { claude_string("image/png;base64,"), "image/png" },
    { claude_string("image/jpeg;base64,"), "image/jpeg" },
    { claude_string("image/jpg;base64,"), "image/jpeg" },
    { claude_string("image/gif;base64,"), "image/gif" },
    { claude_string("image/webp;base64,"), "image/webp" }
};

#define CLAUDE_CHAT_MEDIA                                                     \
    (sizeof(claude_chat_media) / sizeof(claude_chat_media[0]))


void
claude_chat_image(claude_chat_parse_t *chat, const claude_json_token_t *token,
    claude_chat_image_t *image)
{
    size_t               start;
    const claude_str_t  *text;

    text = &token->text;
    start = 0;

    if (text->len >= 5 && strncasecmp((char *) text->data, "data:", 5) == 0) {
        image->reason = claude_chat_data_uri(text, &image->media_type, &start);

    } else {
        image->reason = claude_chat_url(text);
        start = sizeof(CLAUDE_CHAT_HTTPS) - 1;
    }

    if (image->reason) {
        return;
    }

    image->data = claude_chat_keep(chat, token);

    if (image->data.len) {
        image->data.data += start;
        image->data.len -= start;
    }
}


/* returns the fault, or NULL and where the data starts */

static const char *
claude_chat_data_uri(const claude_str_t *uri, const char **media_type,
    size_t *start)
{
    size_t               i, len;
    const char          *p;
    const claude_str_t  *prefix;

    p = (const char *) uri->data + 5;
    len = uri->len - 5;

    for (i = 0; i < CLAUDE_CHAT_MEDIA; i++) {
        prefix = &claude_chat_media[i].prefix;

        if (len < prefix->len
            || strncasecmp(p, (char *) prefix->data, prefix->len) != 0)
        {
            continue;
        }

        *media_type = claude_chat_media[i].media_type;
        *start = 5 + prefix->len;

        if (uri->len - *start > CLAUDE_CHAT_IMAGE_MAX) {
            return "is too large: at most 10485760 base64 digits are taken";
        }

        if (!claude_chat_base64(uri->data + *start, uri->len - *start)) {
            return "must hold valid base64";
        }

        return NULL;
    }

    return "must be a base64 data URI of a PNG, JPEG, GIF or WebP image";
}


/* RFC 4648, section 4: padded, and nothing but the alphabet */

static unsigned
claude_chat_base64(const unsigned char *p, size_t len)
{
    size_t  i;

    static const unsigned char  digit[256] = {
        ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1,
        ['+'] = 1, ['/'] = 1
    };

    if (len == 0 || len % 4) {
        return 0;
    }

    if (p[len - 1] == '=') {
        len--;
        len -= (p[len - 1] == '=');
    }

    for (i = 0; i < len; i++) {
        if (!digit[p[i]]) {
            return 0;
        }
    }

    return 1;
}


/* returns the fault, or NULL; a URL is of ASCII (RFC 3986), so that it needs
 * no escaping but of quotes and backslashes, which it can't hold either */

static const char *
claude_chat_url(const claude_str_t *url)
{
    size_t    i;
    unsigned  c;

    i = sizeof(CLAUDE_CHAT_HTTPS) - 1;

    if (url->len <= i
        || strncasecmp((char *) url->data, CLAUDE_CHAT_HTTPS, i) != 0
        || url->data[i] == '/')
    {
        return "must be an https URL or a data URI";
    }

    if (url->len > CLAUDE_CHAT_URL_MAX) {
        return "must be a URL of at most 8192 bytes";
    }

    for ( /* void */ ; i < url->len; i++) {
        c = url->data[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return "must be a URL with all other characters "
                   "percent-encoded";
        }
    }

    return NULL;
}
