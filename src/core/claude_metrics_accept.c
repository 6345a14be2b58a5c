
#include "claude_metrics.h"

#include <string.h>
#include <strings.h>


#define CLAUDE_METRICS_Q_MAX  1000


static claude_str_t claude_metrics_part(claude_str_t *rest, int separator);
static unsigned claude_metrics_is(const claude_str_t *part, const char *text);
static unsigned claude_metrics_q(claude_str_t *parameters);
static unsigned claude_metrics_weight(const claude_str_t *value);


/*
 * RFC 9110, 12.5.1.  Older versions of OpenMetrics are of the same shape, so
 * the version that is asked for doesn't matter.  Ranges such as "text" with a
 * star are no wish for either.
 */

unsigned
claude_metrics_accepted(const claude_str_t *accept)
{
    unsigned      q, open, text;
    claude_str_t  rest, element, type;

    open = 0;
    text = 0;
    rest = *accept;

    while (rest.len) {
        element = claude_metrics_part(&rest, ',');
        type = claude_metrics_part(&element, ';');

        q = claude_metrics_q(&element);

        if (claude_metrics_is(&type, "application/openmetrics-text")) {
            open = q > open ? q : open;

        } else if (claude_metrics_is(&type, "text/plain")) {
            text = q > text ? q : text;
        }
    }

    return open > 0 && open >= text;
}


/* takes what stands before the next separator out of rest, without spaces */

static claude_str_t
claude_metrics_part(claude_str_t *rest, int separator)
{
    size_t                len;
    claude_str_t          part;
    const unsigned char  *end;

    end = memchr(rest->data, separator, rest->len);
    len = end ? (size_t) (end - rest->data) : rest->len;

    part.data = rest->data;
    part.len = len;

    len += (end != NULL);
    rest->data += len;
    rest->len -= len;

    while (part.len && (part.data[0] == ' ' || part.data[0] == '\t')) {
        part.data++;
        part.len--;
    }

    while (part.len && (part.data[part.len - 1] == ' '
                        || part.data[part.len - 1] == '\t'))
    {
        part.len--;
    }

    return part;
}


static unsigned
claude_metrics_is(const claude_str_t *part, const char *text)
{
    return part->len == strlen(text)
           && strncasecmp((const char *) part->data, text, part->len) == 0;
}


/* thousandths; what is no weight is none of the client's wishes */

static unsigned
claude_metrics_q(claude_str_t *parameters)
{
    claude_str_t  value, name;

    while (parameters->len) {
        value = claude_metrics_part(parameters, ';');
        name = claude_metrics_part(&value, '=');

        if (claude_metrics_is(&name, "q")) {
            return claude_metrics_weight(&value);
        }
    }

    return CLAUDE_METRICS_Q_MAX;
}


static unsigned
claude_metrics_weight(const claude_str_t *value)
{
    size_t    i;
    unsigned  q, unit;

    if (value->len == 0 || value->data[0] < '0' || value->data[0] > '1'
        || (value->len > 1 && value->data[1] != '.'))
    {
        return 0;
    }

    q = (unsigned) (value->data[0] - '0') * CLAUDE_METRICS_Q_MAX;
    unit = CLAUDE_METRICS_Q_MAX / 10;

    for (i = 2; i < value->len && unit; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            return 0;
        }

        q += (unsigned) (value->data[i] - '0') * unit;
        unit /= 10;
    }

    return q > CLAUDE_METRICS_Q_MAX ? CLAUDE_METRICS_Q_MAX : q;
}
