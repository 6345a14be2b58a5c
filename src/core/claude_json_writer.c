
#include "claude_json_writer.h"

#include "claude_json_reader.h"

#include <string.h>


static size_t claude_json_plain(const unsigned char *text, size_t len);
static size_t claude_json_put_special(claude_out_t *out,
    const unsigned char *text, size_t len);


void
claude_json_put_string(claude_out_t *out, const unsigned char *text,
    size_t len)
{
    claude_out_literal(out, "\"");
    claude_json_put_text(out, text, len);
    claude_out_literal(out, "\"");
}


void
claude_json_put_text(claude_out_t *out, const unsigned char *text, size_t len)
{
    size_t  n;

    while (len && out->rc == CLAUDE_OK) {
        n = claude_json_plain(text, len);
        claude_out_put(out, text, n);

        text += n;
        len -= n;

        if (len) {
            n = claude_json_put_special(out, text, len);

            text += n;
            len -= n;
        }
    }
}


void
claude_json_put_uint(claude_out_t *out, uint64_t value)
{
    char  buf[20], *p;

    p = buf + sizeof(buf);

    do {
        *--p = (char) ('0' + value % 10);
        value /= 10;
    } while (value);

    claude_out_put(out, p, (size_t) (buf + sizeof(buf) - p));
}


void
claude_json_put_bool(claude_out_t *out, unsigned value)
{
    if (value) {
        claude_out_literal(out, "true");

    } else {
        claude_out_literal(out, "false");
    }
}


/* length of what can be written as it stands */

static size_t
claude_json_plain(const unsigned char *text, size_t len)
{
    size_t    i, n;
    unsigned  c;

    for (i = 0; i < len; i += n) {
        c = text[i];
        n = 1;

        if (c < 0x80) {
            if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
                break;
            }

            continue;
        }

        n = claude_utf8_char(text + i, len - i);

        if (n == 0
            || (n == 3 && c == 0xe2 && text[i + 1] == 0x80
                && (text[i + 2] == 0xa8 || text[i + 2] == 0xa9)))
        {
            break;
        }
    }

    return i;
}


/* writes the character at text, which is not plain; returns its length */

static size_t
claude_json_put_special(claude_out_t *out, const unsigned char *text,
    size_t len)
{
    unsigned     c;
    char         buf[6];
    const char  *p;

    static const char  hex[] = "0123456789abcdef";
    static const char  from[] = "\"\\\b\f\n\r\t";
    static const char  to[] = "\"\\bfnrt";

    c = text[0];

    if (c >= 0x80) {
        if (claude_utf8_char(text, len) == 0) {
            claude_out_literal(out, "\xef\xbf\xbd");
            return 1;
        }

        claude_out_put(out, (text[2] == 0xa8) ? "\\u2028" : "\\u2029", 6);
        return 3;
    }

    p = memchr(from, (int) c, sizeof(from) - 1);

    if (p != NULL) {
        buf[0] = '\\';
        buf[1] = to[p - from];
        claude_out_put(out, buf, 2);
        return 1;
    }

    memcpy(buf, "\\u00", 4);
    buf[4] = hex[c >> 4];
    buf[5] = hex[c & 0xf];
    claude_out_put(out, buf, 6);

    return 1;
}
