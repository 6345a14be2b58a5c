
/*
 * One event of a Messages stream, read from the data of its SSE event.
 *
 * https://docs.anthropic.com/en/api/messages-streaming
 */


#ifndef CLAUDE_EVENT_H
#define CLAUDE_EVENT_H


#include "claude_core.h"


typedef enum {
    CLAUDE_EVENT_OTHER = 0,         /* valid, and of no interest */
    CLAUDE_EVENT_PING,
    CLAUDE_EVENT_MESSAGE_START,
    CLAUDE_EVENT_BLOCK_START,
    CLAUDE_EVENT_BLOCK_DELTA,
    CLAUDE_EVENT_BLOCK_STOP,
    CLAUDE_EVENT_MESSAGE_DELTA,
    CLAUDE_EVENT_MESSAGE_STOP,
    CLAUDE_EVENT_ERROR,
    CLAUDE_EVENT_COST               /* the bridge's own, claude_cost */
} claude_event_type_e;


/* content blocks, and the deltas that belong to them */

typedef enum {
    CLAUDE_BLOCK_OTHER = 0,
    CLAUDE_BLOCK_TEXT,              /* text_delta */
    CLAUDE_BLOCK_THINKING,          /* thinking_delta */
    CLAUDE_BLOCK_SIGNATURE,         /* signature_delta of a thinking block */
    CLAUDE_BLOCK_REDACTED,          /* redacted_thinking */
    CLAUDE_BLOCK_TOOL_USE           /* input_json_delta */
} claude_block_type_e;


typedef enum {
    CLAUDE_STOP_NONE = 0,           /* null */
    CLAUDE_STOP_END_TURN,
    CLAUDE_STOP_MAX_TOKENS,
    CLAUDE_STOP_SEQUENCE,
    CLAUDE_STOP_TOOL_USE,
    CLAUDE_STOP_PAUSE_TURN,
    CLAUDE_STOP_REFUSAL,
    CLAUDE_STOP_CONTEXT,            /* model_context_window_exceeded */
    CLAUDE_STOP_OTHER
} claude_stop_e;


/* the API's own counts; a field that an event lacks keeps its value */

typedef struct {
    uint64_t               input_tokens;
    uint64_t               output_tokens;
    uint64_t               cache_read_tokens;
    uint64_t               cache_creation_tokens;
    uint64_t               thinking_tokens;
} claude_usage_t;


typedef struct {
    claude_event_type_e    type;
    unsigned               index;   /* of the block */
    claude_block_type_e    block;

    /* raw slices of JSON strings, quotes taken off, escapes left as they are:
     * they can be copied into another JSON string as they stand */
    claude_str_t           text;    /* what a delta brings: text, thinking, a
                                     * signature, partial_json; what a block
                                     * starts with; redacted_thinking's data */
    claude_str_t           signature;   /* that a thinking block starts with */
    claude_str_t           id;      /* tool_use id, message_start's id */
    claude_str_t           name;    /* tool_use name */
    claude_str_t           model;   /* message_start */
    claude_str_t           stop_sequence;
    claude_str_t           category;    /* of stop_details, after a refusal */
    claude_str_t           explanation;

    claude_stop_e          stop;    /* message_delta */
    claude_str_t           error;   /* error: its type */
    uint64_t               cost;    /* claude_cost: micro-dollars */
    unsigned               has_usage:1;

    claude_str_t           json;    /* the whole event, as it was read */
} claude_event_t;


/* so that three of them can be added, and are exact in a double */

#define CLAUDE_TOKENS_MAX       ((uint64_t) 1 << 50)

#define CLAUDE_EVENT_INDEX_MAX  65535


/*
 * Reads data, which must stay as long as event is used.  usage is updated in
 * place by the events that carry it, message_start and message_delta.  What is
 * written as programs write it is read by claude_json_scan(), everything else
 * by the JSON reader.  CLAUDE_INVALID: not JSON, not an object, or a known
 * event in which what it must have is missing or of the wrong type:
 *
 *   message_start        message (an object)
 *   content_block_start  index, content_block.type; of tool_use id and name
 *   content_block_delta  index, delta.type, and what a known type brings
 *   content_block_stop   index
 *   message_delta        delta (an object); stop_reason may be null or absent
 *   error                nothing: an error without a type is one all the same
 *   claude_cost          nothing: one without a cost is of no interest
 *
 * and counts of tokens that are no unsigned integers up to CLAUDE_TOKENS_MAX.
 * CLAUDE_NO_MEMORY is the JSON reader's.  After a failure event is undefined
 * and usage as it was.
 */

claude_rc_t claude_event_read(const claude_str_t *data, claude_event_t *event,
    claude_usage_t *usage);

/*
 * The two ways that claude_event_read() goes, for what holds them against each
 * other.  The first takes only what the full one would read to the same event
 * and usage; all else, faults among it, is CLAUDE_DECLINED, event undefined
 * then and usage as it was.
 */

claude_rc_t claude_event_read_fast(const claude_str_t *data,
    claude_event_t *event, claude_usage_t *usage);
claude_rc_t claude_event_read_full(const claude_str_t *data,
    claude_event_t *event, claude_usage_t *usage);

/*
 * Where an event of a stream begins: one that is written, from "event:" to the
 * empty line, byte by byte as the API writes those that come most, is read in
 * one pass, and *pos moved behind it.  CLAUDE_DECLINED: it is another, or not
 * whole; *pos stays.  What is taken, claude_sse_next() and
 * claude_event_read_full() would read to the same event.
 */

claude_rc_t claude_event_take(const unsigned char **pos,
    const unsigned char *end, claude_event_t *event);


#endif /* CLAUDE_EVENT_H */
