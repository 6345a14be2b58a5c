
/*
 * The one internal form, and what a translator to and from a public API must
 * offer.  Inside, a request is a Messages body and an answer is a stream of
 * Messages events; a dialect is one such pair of translators and knows no
 * other.  A new dialect is one new pair of files with a claude_dialect_t, and
 * one route.
 */


#ifndef CLAUDE_DIALECT_H
#define CLAUDE_DIALECT_H


#include "claude_error.h"
#include "claude_event.h"
#include "claude_sse.h"


/* a name that clients may ask for, and the model that it stands for; both are
 * of [A-Za-z0-9._:/@[\]-], so that they need no escaping in JSON */

typedef struct {
    claude_str_t           alias;
    claude_str_t           target;
} claude_model_t;

typedef struct {
    const claude_model_t  *elts;
    size_t                 nelts;
    unsigned               builtin:1;  /* claude-… names pass as they are */
} claude_models_t;

/* the target of name, or one of len 0; name is as the client wrote it */

claude_str_t claude_models_find(const claude_models_t *models,
    const claude_str_t *name);

/* the aliases that builtin stands for, up to an alias of len 0; those that
 * are configured go before them */

extern const claude_model_t  claude_models_builtin[];


/* bytes of text that are as many tokens as an image, or one token */

#define CLAUDE_IMAGE_TEXT  6000
#define CLAUDE_TOKEN_TEXT  4


/* what the glue must know of a request beside its Messages body */

typedef struct {
    claude_str_t           model;      /* the client's name for it */
    claude_str_t           upstream_model;
    uint64_t               max_tokens;
    uint64_t               text;       /* bytes that the model is to read, an
                                        * image as CLAUDE_IMAGE_TEXT of them */
    unsigned char          conversation[16];  /* hash of system prompt and
                                               * first user message */
    void                  *own;        /* the dialect's own facts */
    unsigned               stream:1;
    unsigned               include_usage:1;
    unsigned               tools:1;    /* tools may be called */
} claude_request_t;


/* an answer on its way, whatever the dialect; first what each delta needs */

typedef struct {
    const claude_request_t *request;
    claude_mem_t          *mem;
    void                  *state;      /* the dialect's own */
    uint64_t               text;       /* bytes of all deltas so far */

    unsigned               started:1;  /* message_start was seen */
    unsigned               stopped:1;  /* a stop reason was seen */
    unsigned               complete:1; /* message_stop was seen, in order */
    unsigned               content:1;  /* some text, thinking or tool came */
    unsigned               calls:1;    /* a tool is called */
    unsigned               priced:1;   /* the bridge told the cost */

    unsigned               block;      /* open block's index + 1, or 0 */
    unsigned               next;       /* the least index of the next block */
    claude_block_type_e    block_type;
    claude_fault_t         fault;      /* set when claude_reply_feed() fails */

    claude_str_t           id;         /* unique, [A-Za-z0-9_-], without the
                                        * dialect's prefix ("chatcmpl-") */
    int64_t                created;    /* seconds since the epoch */
    claude_usage_t         usage;
    uint64_t               cost;       /* micro-dollars, where priced */
    claude_stop_e          stop;
} claude_reply_t;


typedef struct {
    const char            *name;

    /*
     * The body of a request, all of it, becomes a Messages body in out and
     * the facts in request.  Slices of body may be linked: it must stay as
     * long as out and request are used.  CLAUDE_INVALID fills fault.
     * Callable from any thread.
     */
    claude_rc_t          (*request)(claude_mem_t *mem,
                              const unsigned char *body, size_t len,
                              const claude_models_t *models,
                              claude_out_t *out, claude_request_t *request,
                              claude_fault_t *fault);

    /* sets reply->state, allocated from reply->mem */
    claude_rc_t          (*start)(claude_reply_t *reply);

    /*
     * Takes an event that claude_reply_feed() has accepted: start and stop of
     * the message, its delta, and all of blocks of a known type.  Streaming:
     * the bytes to send now are appended to out.  Otherwise it is gathered,
     * out is NULL, and document() writes the whole, once, when reply->complete
     * is set; its out must have reply->mem.
     */
    claude_rc_t          (*event)(claude_reply_t *reply,
                              const claude_event_t *event, claude_out_t *out);
    claude_rc_t          (*document)(claude_reply_t *reply,
                              claude_out_t *out);

    /* the same failure as a body, and inside a stream whose headers are
     * sent; reply is that stream's, as far as it came */
    void                 (*error)(const claude_fault_t *fault,
                              claude_out_t *out);
    void                 (*stream_error)(claude_reply_t *reply,
                              const claude_fault_t *fault, claude_out_t *out);

    /* what is sent in a stream while nothing comes; len 0: an SSE comment */
    claude_str_t           ping;

    /* another header than X-Request-Id in which clients look for the id of
     * the request, or NULL */
    const char            *request_id;
} claude_dialect_t;


/* bytes that a whole answer's document may have, gathered in memory */

#define CLAUDE_REPLY_MAX  (16 * 1024 * 1024)


claude_rc_t claude_reply_init(claude_reply_t *reply, claude_mem_t *mem,
    const claude_dialect_t *dialect, const claude_request_t *request,
    const claude_str_t *id, int64_t created);

/*
 * The next event of the upstream's stream, from *pos up to end, as with
 * claude_sse_next(): reads it, holds it against the order that the protocol
 * demands (start; blocks one at a time, indices rising; a stop reason; stop),
 * and has the dialect translate it.  Pings, unknown events and unknown blocks
 * are skipped, wherever they come.
 *
 * CLAUDE_AGAIN: all bytes are taken, and no event is left.  Anything else but
 * CLAUDE_OK ends the answer: reply->fault says why, and every further event is
 * CLAUDE_INVALID.
 *
 *   CLAUDE_INVALID    the upstream broke the protocol (CLAUDE_ERR_UPSTREAM), or
 *                     sent an error event (any other error).  An event above
 *                     CLAUDE_SSE_MAX is the first, and a message_stop without
 *                     a stop reason, or with null: that is how the SDK ends a
 *                     stream that was cut.  out holds what earlier events
 *                     brought, and nothing of this one.
 *   CLAUDE_TOO_LARGE  a whole answer above CLAUDE_REPLY_MAX, or out is full
 *   CLAUDE_NO_MEMORY
 *
 * The upstream's end before reply->complete is the caller's to see.  What
 * comes after message_stop is ignored, unread: the client was told already
 * that the answer is whole.
 */

claude_rc_t claude_reply_next(claude_reply_t *reply,
    const claude_dialect_t *dialect, claude_sse_t *sse,
    const unsigned char **pos, const unsigned char *end, claude_out_t *out);

/* the same with an event's data */

claude_rc_t claude_reply_feed(claude_reply_t *reply,
    const claude_dialect_t *dialect, const claude_str_t *data,
    claude_out_t *out);


#endif /* CLAUDE_DIALECT_H */
