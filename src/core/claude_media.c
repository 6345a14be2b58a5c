
#include "claude_media.h"

#include "claude_json_writer.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>


typedef struct {
    claude_str_t           prefix;      /* of the data URI, behind data: */
    const char            *media_type;  /* NULL: text */
} claude_media_type_t;


static void claude_media_https(claude_parse_t *parse,
    const claude_json_token_t *token, const char *fault,
    claude_media_t *media);
static const claude_media_type_t *claude_media_find(
    const claude_media_type_t *types, const claude_str_t *text);
static size_t claude_media_comma(const claude_str_t *text);
static void claude_media_slice(claude_parse_t *parse,
    const claude_json_token_t *token, size_t start, claude_media_t *media);
static void claude_media_decode(claude_parse_t *parse,
    const claude_str_t *base64, claude_media_t *media);
static unsigned claude_media_plain(const claude_str_t *text);
static const char *claude_media_check_url(const claude_str_t *url);


/* the API's media types; image/jpg is a common slip */

static const claude_media_type_t  claude_media_images[] = {
    { claude_string("image/png;base64,"), "image/png" },
    { claude_string("image/jpeg;base64,"), "image/jpeg" },
    { claude_string("image/jpg;base64,"), "image/jpeg" },
    { claude_string("image/gif;base64,"), "image/gif" },
    { claude_string("image/webp;base64,"), "image/webp" },
    { { 0, NULL }, NULL }
};


/* by how they begin: a charset and other parameters may follow */

static const claude_media_type_t  claude_media_documents[] = {
    { claude_string("application/pdf"), "application/pdf" },
    { claude_string("text/"), NULL },
    { claude_string("application/json"), NULL },
    { claude_string("application/xml"), NULL },
    { claude_string("application/yaml"), NULL },
    { claude_string("application/x-yaml"), NULL },
    { claude_string("application/javascript"), NULL },
    { claude_string("application/octet-stream"), "" },
    { { 0, NULL }, NULL }
};


#define claude_media_is_data(text)                                            \
    ((text)->len >= 5 && strncasecmp((char *) (text)->data, "data:", 5) == 0)


void
claude_media_image(claude_parse_t *parse, const claude_json_token_t *token,
    claude_media_t *image)
{
    size_t                      start;
    claude_str_t                data;
    const claude_media_type_t  *type;

    memset(image, 0, sizeof(claude_media_t));

    if (!claude_media_is_data(&token->text)) {
        claude_media_https(parse, token, "must be an https URL or a data URI",
                           image);
        return;
    }

    type = claude_media_find(claude_media_images, &token->text);

    if (type == NULL) {
        image->reason = "must be a base64 data URI of a PNG, JPEG, GIF or "
                        "WebP image";
        return;
    }

    start = 5 + type->prefix.len;
    data.data = token->text.data + start;
    data.len = token->text.len - start;

    image->media_type = type->media_type;

    if (data.len > CLAUDE_MEDIA_IMAGE_MAX) {
        image->reason = "is too large: at most 10485760 base64 digits are "
                        "taken";

    } else if (!claude_media_base64(data.data, data.len)) {
        image->reason = "must hold valid base64";

    } else {
        claude_media_slice(parse, token, start, image);
    }
}


void
claude_media_document(claude_parse_t *parse, const claude_json_token_t *token,
    claude_media_t *document)
{
    size_t                      start;
    claude_str_t                data;
    const char                 *media_type;
    const claude_media_type_t  *type;

    memset(document, 0, sizeof(claude_media_t));

    start = 0;
    media_type = "";

    if (claude_media_is_data(&token->text)) {
        type = claude_media_find(claude_media_documents, &token->text);
        start = claude_media_comma(&token->text);

        if (type == NULL || start == 0) {
            document->reason = "must be a base64 data URI of a PDF or of text";
            return;
        }

        media_type = type->media_type;
    }

    data.data = token->text.data + start;
    data.len = token->text.len - start;

    if (data.len > CLAUDE_MEDIA_DOCUMENT_MAX) {
        document->reason = "is too large: at most 33554432 base64 digits are "
                           "taken";
        return;
    }

    if (!claude_media_base64(data.data, data.len)) {
        document->reason = "must hold valid base64";
        return;
    }

    /* what all PDFs begin with, "%PDF" and a hyphen, in base64 */

    if (media_type && media_type[0] == '\0' && data.len > 8
        && memcmp(data.data, "JVBERi0", 7) == 0)
    {
        media_type = "application/pdf";
    }

    if (media_type && media_type[0]) {
        document->media_type = media_type;
        claude_media_slice(parse, token, start, document);
        return;
    }

    claude_media_decode(parse, &data, document);
}


void
claude_media_url(claude_parse_t *parse, const claude_json_token_t *token,
    claude_media_t *media)
{
    memset(media, 0, sizeof(claude_media_t));

    claude_media_https(parse, token, "must be an https URL", media);
}


void
claude_media_put(const claude_media_t *media, claude_out_t *out)
{
    if (media->text) {
        claude_out_literal(out, "{\"type\":\"text\",\"media_type\":"
                                "\"text/plain\",\"data\":");
        claude_json_put_string(out, media->data.data, media->data.len);
        claude_out_literal(out, "}");
        return;
    }

    if (media->media_type) {
        claude_out_literal(out, "{\"type\":\"base64\",\"media_type\":\"");
        claude_out_put(out, media->media_type, strlen(media->media_type));
        claude_out_literal(out, "\",\"data\":\"");

    } else {
        claude_out_literal(out, "{\"type\":\"url\",\"url\":\""
                                CLAUDE_MEDIA_HTTPS);
    }

    claude_out_link(out, media->data.data, media->data.len);
    claude_out_literal(out, "\"}");
}


static void
claude_media_https(claude_parse_t *parse, const claude_json_token_t *token,
    const char *fault, claude_media_t *media)
{
    media->reason = claude_media_check_url(&token->text);

    if (media->reason && media->reason[0] == '\0') {
        media->reason = fault;
    }

    if (media->reason == NULL) {
        claude_media_slice(parse, token, sizeof(CLAUDE_MEDIA_HTTPS) - 1,
                           media);
    }
}


static const claude_media_type_t *
claude_media_find(const claude_media_type_t *types, const claude_str_t *text)
{
    const claude_str_t         *prefix;
    const claude_media_type_t  *type;

    for (type = types; type->prefix.len; type++) {
        prefix = &type->prefix;

        if (text->len - 5 >= prefix->len
            && strncasecmp((char *) text->data + 5, (char *) prefix->data,
                           prefix->len)
               == 0)
        {
            return type;
        }
    }

    return NULL;
}


/* where the data of a base64 data URI starts, or 0; its media type with all
 * parameters is of 256 bytes at most */

static size_t
claude_media_comma(const claude_str_t *text)
{
    size_t                len;
    const unsigned char  *comma;

    static const char  base64[] = ";base64";

    len = (text->len < 256) ? text->len : 256;
    comma = memchr(text->data, ',', len);

    if (comma == NULL) {
        return 0;
    }

    len = comma - text->data;

    if (len < 5 + sizeof(base64) - 1
        || strncasecmp((char *) comma - (sizeof(base64) - 1), base64,
                       sizeof(base64) - 1)
           != 0)
    {
        return 0;
    }

    return len + 1;
}


/* the token's text from start on */

static void
claude_media_slice(claude_parse_t *parse, const claude_json_token_t *token,
    size_t start, claude_media_t *media)
{
    media->data = claude_parse_keep(parse, token);

    if (media->data.len) {
        media->data.data += start;
        media->data.len -= start;
    }
}


static void
claude_media_decode(claude_parse_t *parse, const claude_str_t *base64,
    claude_media_t *media)
{
    size_t          len;
    unsigned char  *p;

    p = claude_alloc(parse->mem, base64->len / 4 * 3);

    if (p == NULL) {
        parse->rc = CLAUDE_NO_MEMORY;
        return;
    }

    if (sodium_base642bin(p, base64->len / 4 * 3, (char *) base64->data,
                          base64->len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL)
        != 0)
    {
        media->reason = "must hold valid base64";
        return;
    }

    /* a byte order mark says nothing here */

    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
        len -= 3;
    }

    media->text = 1;
    media->data.data = p;
    media->data.len = len;

    if (!claude_media_plain(&media->data)) {
        media->reason = "must be a PDF, or text in UTF-8";

    } else if (claude_parse_blank(&media->data)) {
        media->reason = "must hold something else than white space";
    }
}


/* UTF-8 without control characters but those of white space */

static unsigned
claude_media_plain(const claude_str_t *text)
{
    size_t    i;
    unsigned  c;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if ((c < 0x20 && (c < '\t' || c > '\r')) || c == 0x7f) {
            return 0;
        }
    }

    return claude_utf8_span(text->data, text->len) == text->len;
}


/* RFC 4648, section 4: padded, and nothing but the alphabet */

unsigned
claude_media_base64(const unsigned char *p, size_t len)
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


/* returns the fault, "" for another scheme, or NULL; a URL is of ASCII (RFC
 * 3986), so that it needs no escaping but of quotes and backslashes, which it
 * can't hold either */

static const char *
claude_media_check_url(const claude_str_t *url)
{
    size_t    i;
    unsigned  c;

    i = sizeof(CLAUDE_MEDIA_HTTPS) - 1;

    if (url->len <= i
        || strncasecmp((char *) url->data, CLAUDE_MEDIA_HTTPS, i) != 0
        || url->data[i] == '/')
    {
        return "";
    }

    if (url->len > CLAUDE_MEDIA_URL_MAX) {
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
