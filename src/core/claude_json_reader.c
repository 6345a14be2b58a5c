
#include "claude_json_reader.h"

#include "claude_json_fault.h"
#include "claude_json_names.h"
#include "claude_json_unescape.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>


/* yajl has one handle, one lexer, two buffers of two blocks each, one stack */

#define CLAUDE_JSON_BLOCKS  8

/* a number without an exponent is finite when it is no longer than this */

#define CLAUDE_JSON_FINITE  300

/* in texts of as many bytes strings are looked for ahead of yajl, and it
 * doesn't get those of as many; t/fuzz has both smaller */

#ifndef CLAUDE_JSON_AHEAD
#define CLAUDE_JSON_AHEAD  4096
#define CLAUDE_JSON_LONG   64
#endif


typedef struct {
    const unsigned char   *data;
    const unsigned char   *end;
    const unsigned char   *last;      /* end of the last token */

    claude_json_handler_pt  handler;
    void                  *ctx;
    claude_json_error_t   *error;
    claude_rc_t            rc;

    yajl_handle            yajl;
    const unsigned char   *fed;       /* what yajl got last */
    claude_str_t           raw;       /* a string that it got "" for */
    claude_str_t           text;      /* what that means */
    unsigned char         *unescaped; /* where that is, with escapes */
    size_t                 room;      /* bytes in unescaped */
    unsigned               finishing; /* all of the text is fed */
    unsigned               separator; /* what may follow the last token */
    unsigned               depth;
    claude_json_names_t    names;

    void                  *blocks[CLAUDE_JSON_BLOCKS];
    jmp_buf                no_memory;
} claude_json_reader_t;


static void claude_json_parse(claude_json_reader_t *reader);
static yajl_status claude_json_feed(claude_json_reader_t *reader);
static yajl_status claude_json_feed_string(claude_json_reader_t *reader,
    const unsigned char *quote, size_t len, unsigned escapes);
static yajl_status claude_json_feed_bytes(claude_json_reader_t *reader,
    const unsigned char *p, const unsigned char *end);
static int claude_json_fail(claude_json_reader_t *reader,
    const unsigned char *at, const char *reason);
static const unsigned char *claude_json_at(claude_json_reader_t *reader);
static int claude_json_token(claude_json_reader_t *reader,
    claude_json_token_t *token);
static int claude_json_emit(claude_json_reader_t *reader,
    claude_json_token_t *token);
static int claude_json_tail(claude_json_reader_t *reader);
static int claude_json_begin(claude_json_reader_t *reader,
    claude_json_type_e type);
static int claude_json_end(claude_json_reader_t *reader,
    claude_json_type_e type);
static int claude_json_text(claude_json_reader_t *reader,
    claude_json_type_e type, const unsigned char *text, size_t len);
static int claude_json_name(claude_json_reader_t *reader,
    const claude_json_token_t *token);

static int claude_json_on_null(void *ctx);
static int claude_json_on_boolean(void *ctx, int value);
static int claude_json_on_number(void *ctx, const char *raw, size_t len);
static int claude_json_on_string(void *ctx, const unsigned char *text,
    size_t len);
static int claude_json_on_object(void *ctx);
static int claude_json_on_name(void *ctx, const unsigned char *text,
    size_t len);
static int claude_json_on_object_end(void *ctx);
static int claude_json_on_array(void *ctx);
static int claude_json_on_array_end(void *ctx);

static void *claude_json_malloc(void *ctx, size_t size);
static void *claude_json_realloc(void *ctx, void *block, size_t size);
static void claude_json_free(void *ctx, void *block);


static const yajl_callbacks  claude_json_callbacks = {
    claude_json_on_null,
    claude_json_on_boolean,
    NULL,
    NULL,
    claude_json_on_number,
    claude_json_on_string,
    claude_json_on_object,
    claude_json_on_name,
    claude_json_on_object_end,
    claude_json_on_array,
    claude_json_on_array_end
};


claude_rc_t
claude_json_read(const unsigned char *data, size_t len,
    claude_json_handler_pt handler, void *ctx, claude_json_error_t *error)
{
    size_t                i;
    claude_json_reader_t  reader;

    reader.data = data;
    reader.end = data + len;
    reader.last = data;
    reader.handler = handler;
    reader.ctx = ctx;
    reader.error = error;
    reader.rc = CLAUDE_OK;
    reader.raw.len = 0;
    reader.unescaped = NULL;
    reader.room = 0;
    reader.finishing = 0;
    reader.separator = 0;
    reader.depth = 0;

    memset(reader.blocks, 0, sizeof(reader.blocks));

    error->offset = 0;
    error->reason = NULL;

    claude_json_names_init(&reader.names);
    claude_json_parse(&reader);
    claude_json_names_free(&reader.names);

    free(reader.unescaped);

    for (i = 0; i < CLAUDE_JSON_BLOCKS; i++) {
        free(reader.blocks[i]);
    }

    return reader.rc;
}


/*
 * yajl doesn't look at what its allocator returns, so that the only way out
 * of one that has nothing is a jump; its blocks are freed by the caller.
 */

static void
claude_json_parse(claude_json_reader_t *reader)
{
    size_t            len, n;
    yajl_status       status;
    yajl_alloc_funcs  alloc;

    len = (size_t) (reader->end - reader->data);
    n = claude_utf8_span(reader->data, len);

    if (n != len) {
        claude_json_fail(reader, reader->data + n, "malformed UTF-8");
        return;
    }

    if (len >= 3 && memcmp(reader->data, "\xef\xbb\xbf", 3) == 0) {
        claude_json_fail(reader, reader->data, "a byte order mark");
        return;
    }

    alloc.malloc = claude_json_malloc;
    alloc.realloc = claude_json_realloc;
    alloc.free = claude_json_free;
    alloc.ctx = reader;

    if (setjmp(reader->no_memory)) {
        reader->rc = CLAUDE_NO_MEMORY;
        return;
    }

    reader->yajl = yajl_alloc(&claude_json_callbacks, &alloc, reader);
    yajl_config(reader->yajl, yajl_dont_validate_strings, 1);

    status = (len < CLAUDE_JSON_AHEAD)
             ? claude_json_feed_bytes(reader, reader->data, reader->end)
             : claude_json_feed(reader);

    if (status == yajl_status_ok) {
        reader->finishing = 1;
        status = yajl_complete_parse(reader->yajl);
    }

    if (status == yajl_status_error && reader->rc == CLAUDE_OK) {
        reader->rc = CLAUDE_INVALID;

        claude_json_fault(reader->last, reader->end, reader->separator,
                          reader->error);

        reader->error->offset += (size_t) (reader->last - reader->data);
    }
}


/*
 * yajl looks at each byte of a string by itself.  Long ones are found ahead of
 * it, checked sixteen bytes at a time, and yajl gets "" in their place: what
 * may stand where is its to say.  Outside a string a quote can but begin one.
 * At a string that is at fault yajl takes over, to say what it always does.
 */

static yajl_status
claude_json_feed(claude_json_reader_t *reader)
{
    size_t                n;
    unsigned              escapes;
    yajl_status           status;
    const unsigned char  *p, *from, *quote;

    from = reader->data;
    p = from;

    for ( ;; ) {
        quote = memchr(p, '"', (size_t) (reader->end - p));

        n = quote ? claude_json_string(quote, reader->end, &escapes) : 0;

        if (n == 0) {
            return claude_json_feed_bytes(reader, from, reader->end);
        }

        p = quote + n;

        if (n < CLAUDE_JSON_LONG) {
            continue;
        }

        status = claude_json_feed_bytes(reader, from, quote);

        if (status == yajl_status_ok) {
            status = claude_json_feed_string(reader, quote, n, escapes);
        }

        if (status != yajl_status_ok) {
            return status;
        }

        from = p;
    }
}


static yajl_status
claude_json_feed_string(claude_json_reader_t *reader,
    const unsigned char *quote, size_t len, unsigned escapes)
{
    yajl_status  status;

    static const unsigned char  empty[] = "\"\"";

    reader->raw.data = quote;
    reader->raw.len = len;

    reader->text.data = quote + 1;
    reader->text.len = len - 2;

    if (escapes) {

        if (len > reader->room) {
            free(reader->unescaped);

            reader->unescaped = malloc(len);
            reader->room = len;

            if (reader->unescaped == NULL) {
                longjmp(reader->no_memory, 1);
            }
        }

        reader->text.len = claude_json_unescape(&reader->text,
                                                reader->unescaped);
        reader->text.data = reader->unescaped;
    }

    reader->fed = quote;
    status = yajl_parse(reader->yajl, empty, sizeof(empty) - 1);

    reader->raw.len = 0;

    return status;
}


static yajl_status
claude_json_feed_bytes(claude_json_reader_t *reader, const unsigned char *p,
    const unsigned char *end)
{
    if (p == end) {
        return yajl_status_ok;
    }

    reader->fed = p;

    return yajl_parse(reader->yajl, p, (size_t) (end - p));
}


/* these return what a callback of yajl's does: 0 ends the reading */

static int
claude_json_fail(claude_json_reader_t *reader, const unsigned char *at,
    const char *reason)
{
    reader->rc = CLAUDE_INVALID;
    reader->error->offset = (size_t) (at - reader->data);
    reader->error->reason = reason;

    return 0;
}


/* how far yajl has read: a number may end where a string begins */

static const unsigned char *
claude_json_at(claude_json_reader_t *reader)
{
    size_t  n;

    if (reader->finishing) {
        return reader->end;
    }

    n = yajl_get_bytes_consumed(reader->yajl);

    return (reader->raw.len && n) ? reader->fed + reader->raw.len
                                  : reader->fed + n;
}


/* finds the token that yajl has just read in the text */

static int
claude_json_token(claude_json_reader_t *reader, claude_json_token_t *token)
{
    const unsigned char  *p, *end;

    end = claude_json_at(reader);

    for (p = reader->last;
         claude_json_space(*p) || *p == ',' || *p == ':';
         p++)
    {
        /* void */
    }

    /* yajl takes both for white space */

    if (*p == '\v' || *p == '\f') {
        return claude_json_fail(reader, p, "unexpected character");
    }

    token->depth = reader->depth;
    token->raw.data = p;
    token->raw.len = (size_t) (end - p);
    token->text = token->raw;

    reader->last = end;
    reader->separator = ',';

    return 1;
}


static int
claude_json_emit(claude_json_reader_t *reader, claude_json_token_t *token)
{
    reader->rc = reader->handler(reader->ctx, token);

    if (reader->rc != CLAUDE_OK) {
        reader->error->offset = (size_t) (reader->last - reader->data);
        return 0;
    }

    if (token->depth == 0 && token->type != CLAUDE_JSON_OBJECT
        && token->type != CLAUDE_JSON_ARRAY)
    {
        return claude_json_tail(reader);
    }

    return 1;
}


/* yajl lets the begin of a string pass after the value */

static int
claude_json_tail(claude_json_reader_t *reader)
{
    const unsigned char  *p;

    for (p = reader->last; p < reader->end; p++) {
        if (!claude_json_space(*p)) {
            return claude_json_fail(reader, p, "bytes after the value");
        }
    }

    return 1;
}


static int
claude_json_begin(claude_json_reader_t *reader, claude_json_type_e type)
{
    claude_json_token_t  token;

    if (!claude_json_token(reader, &token)) {
        return 0;
    }

    if (reader->depth == CLAUDE_JSON_DEPTH) {
        return claude_json_fail(reader, token.raw.data, "nested too deep");
    }

    if (type == CLAUDE_JSON_OBJECT) {
        claude_json_names_begin(&reader->names);
    }

    reader->depth++;
    reader->separator = 0;

    token.type = type;

    return claude_json_emit(reader, &token);
}


static int
claude_json_end(claude_json_reader_t *reader, claude_json_type_e type)
{
    size_t               offset;
    claude_json_token_t  token;

    reader->depth--;

    if (!claude_json_token(reader, &token)) {
        return 0;
    }

    if (type == CLAUDE_JSON_OBJECT_END
        && claude_json_names_end(&reader->names, &offset) != CLAUDE_OK)
    {
        return claude_json_fail(reader, reader->data + offset,
                                "a name twice in one object");
    }

    token.type = type;

    return claude_json_emit(reader, &token);
}


static int
claude_json_text(claude_json_reader_t *reader, claude_json_type_e type,
    const unsigned char *text, size_t len)
{
    const char           *reason;
    claude_json_token_t   token;
    const unsigned char  *bad;

    if (!claude_json_token(reader, &token)) {
        return 0;
    }

    token.type = type;
    token.text.data = text;
    token.text.len = len;

    if (reader->raw.len) {
        token.text = reader->text;
    }

    /* without an escape text lies in raw; pairs are looked at ahead */

    if (token.text.len != token.raw.len - 2
        && (reader->raw.len == 0 || type == CLAUDE_JSON_NAME))
    {
        bad = claude_json_bad_escape(&token.raw, type == CLAUDE_JSON_NAME,
                                     &reason);

        if (bad != NULL) {
            return claude_json_fail(reader, bad, reason);
        }
    }

    if (type == CLAUDE_JSON_NAME && !claude_json_name(reader, &token)) {
        return 0;
    }

    return claude_json_emit(reader, &token);
}


static int
claude_json_name(claude_json_reader_t *reader,
    const claude_json_token_t *token)
{
    reader->separator = ':';

    reader->rc = claude_json_names_add(&reader->names, &token->text,
                                 (size_t) (token->raw.data - reader->data));

    switch (reader->rc) {

    case CLAUDE_OK:
        return 1;

    case CLAUDE_DECLINED:
        return claude_json_fail(reader, token->raw.data,
                                "a name twice in one object");

    case CLAUDE_TOO_LARGE:
        return claude_json_fail(reader, token->raw.data,
                                "too many names in one object");

    default:
        return 0;
    }
}


static int
claude_json_on_null(void *ctx)
{
    claude_json_token_t  token;

    token.type = CLAUDE_JSON_NULL;

    return claude_json_token(ctx, &token) && claude_json_emit(ctx, &token);
}


static int
claude_json_on_boolean(void *ctx, int value)
{
    claude_json_token_t  token;

    token.type = value ? CLAUDE_JSON_TRUE : CLAUDE_JSON_FALSE;

    return claude_json_token(ctx, &token) && claude_json_emit(ctx, &token);
}


static int
claude_json_on_number(void *ctx, const char *raw, size_t len)
{
    double               value;
    claude_json_token_t  token;

    token.type = CLAUDE_JSON_NUMBER;

    if (!claude_json_token(ctx, &token)) {
        return 0;
    }

    if ((len > CLAUDE_JSON_FINITE || memchr(raw, 'e', len)
         || memchr(raw, 'E', len))
        && claude_json_double(&token.raw, -HUGE_VAL, HUGE_VAL, &value)
           == CLAUDE_OK
        && isinf(value))
    {
        return claude_json_fail(ctx, token.raw.data, "a number too large");
    }

    return claude_json_emit(ctx, &token);
}


static int
claude_json_on_string(void *ctx, const unsigned char *text, size_t len)
{
    return claude_json_text(ctx, CLAUDE_JSON_STRING, text, len);
}


static int
claude_json_on_object(void *ctx)
{
    return claude_json_begin(ctx, CLAUDE_JSON_OBJECT);
}


static int
claude_json_on_name(void *ctx, const unsigned char *text, size_t len)
{
    return claude_json_text(ctx, CLAUDE_JSON_NAME, text, len);
}


static int
claude_json_on_object_end(void *ctx)
{
    return claude_json_end(ctx, CLAUDE_JSON_OBJECT_END);
}


static int
claude_json_on_array(void *ctx)
{
    return claude_json_begin(ctx, CLAUDE_JSON_ARRAY);
}


static int
claude_json_on_array_end(void *ctx)
{
    return claude_json_end(ctx, CLAUDE_JSON_ARRAY_END);
}


static void *
claude_json_malloc(void *ctx, size_t size)
{
    return claude_json_realloc(ctx, NULL, size);
}


static void *
claude_json_realloc(void *ctx, void *block, size_t size)
{
    size_t                 i;
    void                  *p;
    claude_json_reader_t  *reader;

    reader = ctx;

    for (i = 0; i < CLAUDE_JSON_BLOCKS; i++) {

        if (reader->blocks[i] == block) {
            p = realloc(block, size);

            if (p == NULL) {
                break;
            }

            reader->blocks[i] = p;

            return p;
        }
    }

    longjmp(reader->no_memory, 1);
}


static void
claude_json_free(void *ctx, void *block)
{
    size_t                 i;
    claude_json_reader_t  *reader;

    reader = ctx;

    for (i = 0; i < CLAUDE_JSON_BLOCKS; i++) {

        if (reader->blocks[i] == block) {
            reader->blocks[i] = NULL;
            break;
        }
    }

    free(block);
}
