
#include "claude_span.h"

#ifdef __SSE2__

#include <emmintrin.h>


#define CLAUDE_SPAN_STEP  16


/* a bit for each of the bytes from p on that ends a JSON string's plain part;
 * *highs: for each above 0x7f */

static unsigned
claude_span_string_ends(const unsigned char *p, unsigned *highs)
{
    __m128i  x, found;

    x = _mm_loadu_si128((const __m128i *) (const void *) p);

    found = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    found = _mm_or_si128(found, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));

    *highs = (unsigned) _mm_movemask_epi8(x);

    return (unsigned) _mm_movemask_epi8(found);
}


static unsigned
claude_span_line_ends(const unsigned char *p)
{
    __m128i  x;

    x = _mm_loadu_si128((const __m128i *) (const void *) p);

    x = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')),
                     _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));

    return (unsigned) _mm_movemask_epi8(x);
}

#endif


size_t
claude_span_string(const unsigned char *p, const unsigned char *end,
    unsigned *high)
{
    const unsigned char  *start;

    start = p;

#ifdef __SSE2__

    unsigned  stop, highs;

    for ( /* void */ ; end - p >= CLAUDE_SPAN_STEP; p += CLAUDE_SPAN_STEP) {
        stop = claude_span_string_ends(p, &highs);

        if (stop) {
            *high |= (highs & ((stop & -stop) - 1)) != 0;
            return p - start + __builtin_ctz(stop);
        }

        *high |= highs != 0;
    }

    /* the last sixteen bytes again, without those that were seen */

    if (p > start) {
        stop = claude_span_string_ends(end - CLAUDE_SPAN_STEP, &highs)
               >> (CLAUDE_SPAN_STEP - (end - p));
        highs >>= CLAUDE_SPAN_STEP - (end - p);

        /* those before the stop, or all where there is none */

        *high |= (highs & ((stop & -stop) - 1)) != 0;

        return stop ? p - start + __builtin_ctz(stop) : end - start;
    }

#endif

    for ( /* void */ ; p < end; p++) {

        if (*p < 0x20 || *p == '"' || *p == '\\') {
            break;
        }

        *high |= *p >> 7;
    }

    return p - start;
}


size_t
claude_span_line(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *start;

    start = p;

#ifdef __SSE2__

    unsigned  stop;

    for ( /* void */ ; end - p >= CLAUDE_SPAN_STEP; p += CLAUDE_SPAN_STEP) {
        stop = claude_span_line_ends(p);

        if (stop) {
            return p - start + __builtin_ctz(stop);
        }
    }

    if (p > start) {
        stop = claude_span_line_ends(end - CLAUDE_SPAN_STEP)
               >> (CLAUDE_SPAN_STEP - (end - p));

        return stop ? p - start + __builtin_ctz(stop) : end - start;
    }

#endif

    for ( /* void */ ; p < end; p++) {

        if (*p == '\n' || *p == '\r') {
            break;
        }
    }

    return p - start;
}
