
/*
 * Images and documents as OpenAI's clients send them, a data URI or an https
 * URL, and as the sources that they become.
 */


#ifndef CLAUDE_MEDIA_H
#define CLAUDE_MEDIA_H


#include "claude_parse.h"


#define CLAUDE_MEDIA_HTTPS  "https://"

/* base64 digits of one image, of one document; bytes of a URL */

#define CLAUDE_MEDIA_IMAGE_MAX     (10 * 1024 * 1024)
#define CLAUDE_MEDIA_DOCUMENT_MAX  (32 * 1024 * 1024)
#define CLAUDE_MEDIA_URL_MAX       8192


/* what was looked at: as Messages wants it, or at fault */

typedef struct {
    const char            *media_type;  /* of base64 data; NULL: a URL */
    claude_str_t           data;        /* base64, or what follows
                                         * CLAUDE_MEDIA_HTTPS: no escaping;
                                         * or where text is set, UTF-8 */
    unsigned               text:1;
    const char            *reason;      /* the fault, or NULL */
} claude_media_t;


/* looks at the text of token, which may be a data URI or a URL */

void claude_media_image(claude_parse_t *parse,
    const claude_json_token_t *token, claude_media_t *image);

/*
 * A data URI of a PDF, or of text in UTF-8, which is decoded into memory of
 * parse; base64 without data: and media type is either, by what it holds.
 */

void claude_media_document(claude_parse_t *parse,
    const claude_json_token_t *token, claude_media_t *document);

/* an https URL, of a PDF that the API fetches */

void claude_media_url(claude_parse_t *parse,
    const claude_json_token_t *token, claude_media_t *media);

/* the source: {"type":"base64","media_type":…,"data":…} and the like */

void claude_media_put(const claude_media_t *media, claude_out_t *out);

/* whether it is base64 (RFC 4648, section 4), padded, and not empty */

unsigned claude_media_base64(const unsigned char *p, size_t len);


#endif /* CLAUDE_MEDIA_H */
