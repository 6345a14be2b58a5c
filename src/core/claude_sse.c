
#include "claude_sse.h"

#include "claude_span.h"

#include <string.h>


#define CLAUDE_SSE_ROOM    4096     /* the first carry buffer */


typedef enum {
    sse_start = 0,                  /* of the stream */
    sse_bom1,
    sse_bom2,
    sse_line,                       /* start of a line */
    sse_d,
    sse_da,
    sse_dat,
    sse_data,                       /* the name is "data" so far */
    sse_space,                      /* after the colon */
    sse_value,
    sse_skip                        /* a comment or another field */
} claude_sse_state_e;


static claude_rc_t claude_sse_line(claude_sse_t *sse,
    const unsigned char **pos, const unsigned char *eol, claude_str_t *line);
static claude_rc_t claude_sse_step(claude_sse_t *sse,
    const unsigned char **pos, const unsigned char *end, claude_str_t *line);
static claude_sse_state_e claude_sse_byte(claude_sse_state_e state,
    const unsigned char **pos);
static claude_rc_t claude_sse_begin(claude_sse_t *sse, claude_str_t *line);
static claude_rc_t claude_sse_value(claude_sse_t *sse,
    const unsigned char *p, const unsigned char *eol, unsigned whole,
    claude_str_t *line);
static void claude_sse_eol(claude_sse_t *sse, const unsigned char **pos);
static void claude_sse_dispatch(claude_sse_t *sse, const claude_str_t *line,
    claude_str_t *data);
static claude_rc_t claude_sse_carry(claude_sse_t *sse,
    const unsigned char *p, size_t len);


void
claude_sse_init(claude_sse_t *sse, claude_mem_t *mem)
{
    memset(sse, 0, sizeof(claude_sse_t));

    sse->mem = mem;
    sse->state = sse_start;
}


/*
 * line is the event's only data line, as long as it lies whole in the bytes
 * fed and nothing is in the carry.
 */

claude_rc_t
claude_sse_next(claude_sse_t *sse, const unsigned char **pos,
    const unsigned char *end, claude_str_t *data)
{
    claude_rc_t           rc;
    claude_str_t          line;
    const unsigned char  *eol;

    line.len = 0;
    line.data = NULL;
    rc = CLAUDE_OK;

    while (*pos < end && rc == CLAUDE_OK) {

        if (sse->cr) {
            sse->cr = 0;

            if (**pos == '\n') {
                (*pos)++;
                continue;
            }
        }

        if (sse->state == sse_line && (**pos == '\n' || **pos == '\r')) {
            claude_sse_eol(sse, pos);

            if (sse->any) {
                claude_sse_dispatch(sse, &line, data);
                return CLAUDE_OK;
            }

            continue;
        }

        if (sse->state == sse_line) {
            eol = *pos + claude_span_line(*pos, end);

            if (eol != end) {
                rc = claude_sse_line(sse, pos, eol, &line);
                continue;
            }
        }

        rc = claude_sse_step(sse, pos, end, &line);
    }

    if (rc == CLAUDE_OK) {
        rc = claude_sse_carry(sse, line.data, line.len);
    }

    return (rc == CLAUDE_OK) ? CLAUDE_AGAIN : rc;
}


unsigned
claude_sse_between(const claude_sse_t *sse)
{
    return sse->state == sse_line && !sse->any && !sse->cr;
}


/* a whole line that isn't empty */

static claude_rc_t
claude_sse_line(claude_sse_t *sse, const unsigned char **pos,
    const unsigned char *eol, claude_str_t *line)
{
    claude_rc_t           rc;
    const unsigned char  *p;

    p = *pos;
    rc = CLAUDE_OK;

    if (eol - p >= 4 && memcmp(p, "data", 4) == 0
        && (p + 4 == eol || p[4] == ':'))
    {
        p += 4;

        if (p < eol) {
            p++;
        }

        if (p < eol && *p == ' ') {
            p++;
        }

        rc = claude_sse_begin(sse, line);

        if (rc == CLAUDE_OK) {
            rc = claude_sse_value(sse, p, eol, 1, line);
        }
    }

    *pos = eol;
    claude_sse_eol(sse, pos);

    return rc;
}


/* of a line that is cut: one byte, or the rest of it */

static claude_rc_t
claude_sse_step(claude_sse_t *sse, const unsigned char **pos,
    const unsigned char *end, claude_str_t *line)
{
    claude_rc_t           rc;
    const unsigned char  *eol;

    if (sse->state != sse_value && sse->state != sse_skip) {
        rc = CLAUDE_OK;

        if (sse->state == sse_data
            && (**pos == ':' || **pos == '\n' || **pos == '\r'))
        {
            rc = claude_sse_begin(sse, line);
        }

        sse->state = claude_sse_byte(sse->state, pos);

        return rc;
    }

    eol = *pos + claude_span_line(*pos, end);
    rc = CLAUDE_OK;

    if (sse->state == sse_value) {
        rc = claude_sse_value(sse, *pos, eol, eol != end, line);
    }

    *pos = eol;

    if (eol != end) {
        claude_sse_eol(sse, pos);
    }

    return rc;
}


/* a byte outside of values; one that is of the next state is not taken */

static claude_sse_state_e
claude_sse_byte(claude_sse_state_e state, const unsigned char **pos)
{
    unsigned char  c;

    static const unsigned char  name[] = { 'd', 'a', 't', 'a' };

    c = **pos;

    switch (state) {

    case sse_start:
        if (c != 0xef) {
            return sse_line;
        }

        state = sse_bom1;
        break;

    case sse_bom1:
        if (c != 0xbb) {
            return sse_skip;
        }

        state = sse_bom2;
        break;

    case sse_bom2:
        if (c != 0xbf) {
            return sse_skip;
        }

        state = sse_line;
        break;

    case sse_data:
        if (c == '\n' || c == '\r') {
            return sse_value;
        }

        if (c != ':') {
            return sse_skip;
        }

        state = sse_space;
        break;

    case sse_space:
        if (c != ' ') {
            return sse_value;
        }

        state = sse_value;
        break;

    default:                                    /* sse_line to sse_dat */
        if (c != name[state - sse_line]) {
            return sse_skip;
        }

        state++;
    }

    (*pos)++;

    return state;
}


/* a data line begins; from the second on, all goes to the carry */

static claude_rc_t
claude_sse_begin(claude_sse_t *sse, claude_str_t *line)
{
    claude_rc_t  rc;

    if (!sse->any) {
        sse->any = 1;
        return CLAUDE_OK;
    }

    rc = claude_sse_carry(sse, line->data, line->len);
    line->len = 0;

    if (rc != CLAUDE_OK) {
        return rc;
    }

    return claude_sse_carry(sse, (const unsigned char *) "\n", 1);
}


static claude_rc_t
claude_sse_value(claude_sse_t *sse, const unsigned char *p,
    const unsigned char *eol, unsigned whole, claude_str_t *line)
{
    if (!whole || sse->carried) {
        return claude_sse_carry(sse, p, eol - p);
    }

    if (eol - p > CLAUDE_SSE_MAX) {
        return CLAUDE_TOO_LARGE;
    }

    line->data = p;
    line->len = eol - p;

    return CLAUDE_OK;
}


static void
claude_sse_eol(claude_sse_t *sse, const unsigned char **pos)
{
    sse->cr = (**pos == '\r');
    sse->state = sse_line;
    (*pos)++;
}


static void
claude_sse_dispatch(claude_sse_t *sse, const claude_str_t *line,
    claude_str_t *data)
{
    if (sse->carried) {
        data->data = sse->carry;
        data->len = sse->carried;

    } else {
        *data = *line;
    }

    sse->carried = 0;
    sse->any = 0;
}


static claude_rc_t
claude_sse_carry(claude_sse_t *sse, const unsigned char *p, size_t len)
{
    size_t          room;
    unsigned char  *carry;

    if (len == 0) {
        return CLAUDE_OK;
    }

    if (len > CLAUDE_SSE_MAX - sse->carried) {
        return CLAUDE_TOO_LARGE;
    }

    if (len > sse->room - sse->carried) {
        room = sse->room ? sse->room : CLAUDE_SSE_ROOM;

        while (room < sse->carried + len) {
            room *= 2;
        }

        carry = claude_alloc(sse->mem, room);
        if (carry == NULL) {
            return CLAUDE_NO_MEMORY;
        }

        if (sse->carried) {
            memcpy(carry, sse->carry, sse->carried);
        }

        sse->carry = carry;
        sse->room = room;
    }

    memcpy(sse->carry + sse->carried, p, len);
    sse->carried += len;

    return CLAUDE_OK;
}
