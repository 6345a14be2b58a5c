
#include "claude_parse.h"

#include <string.h>


static size_t claude_parse_space(const unsigned char *p, size_t len);


claude_str_t
claude_parse_keep(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_str_t    text;
    unsigned char  *p;

    text = token->text;

    if (text.len == 0 || text.len == token->raw.len - 2) {
        text.data = token->raw.data + 1;
        return text;
    }

    p = claude_alloc(parse->mem, text.len);

    if (p == NULL) {
        parse->rc = CLAUDE_NO_MEMORY;
        text.len = 0;
        return text;
    }

    memcpy(p, text.data, text.len);
    text.data = p;

    return text;
}


void
claude_parse_record(claude_parse_text_t *text, const claude_json_token_t *token)
{
    memset(text, 0, sizeof(claude_parse_text_t));

    text->seen = 1;
    text->null = (token->type == CLAUDE_JSON_NULL);

    if (token->type == CLAUDE_JSON_STRING) {
        text->raw = token->raw;
        text->blank = claude_parse_blank(&token->text);
    }
}


unsigned
claude_parse_blank(const claude_str_t *text)
{
    size_t  i, n;

    for (i = 0; i < text->len; i += n) {
        n = claude_parse_space(text->data + i, text->len - i);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


/* length of the white space character at p, or 0: Unicode's property
 * White_Space without U+0085, and U+FEFF, as ECMAScript has it */

static size_t
claude_parse_space(const unsigned char *p, size_t len)
{
    unsigned  c;

    if (p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r')) {
        return 1;
    }

    if (len >= 2 && p[0] == 0xc2 && p[1] == 0xa0) {
        return 2;
    }

    if (len < 3 || p[0] < 0xe1) {
        return 0;
    }

    c = (unsigned) p[0] << 16 | (unsigned) p[1] << 8 | p[2];

    switch (c) {

    case 0xe19a80:                      /* U+1680 */
    case 0xe280a8:                      /* U+2028 */
    case 0xe280a9:                      /* U+2029 */
    case 0xe280af:                      /* U+202F */
    case 0xe2819f:                      /* U+205F */
    case 0xe38080:                      /* U+3000 */
    case 0xefbbbf:                      /* U+FEFF */
        return 3;
    }

    return (c >= 0xe28080 && c <= 0xe2808a) ? 3 : 0;
}
