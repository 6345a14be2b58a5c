
#include "claude_event.h"

#include "claude_json_scan.h"
#include "claude_limits.h"

#include <string.h>


#define CLAUDE_EVENT_DEPTH  6      /* objects deeper than that are skipped */


/* the objects of an event whose names are of interest */

typedef enum {
    event_in_none = 0,
    event_in_top,
    event_in_message,
    event_in_block,
    event_in_delta,
    event_in_error,
    event_in_usage,                 /* message_start's and message_delta's */
    event_in_details,
    event_in_stop                   /* stop_details */
} claude_event_place_e;


typedef enum {
    event_type = 0,
    event_index,
    event_message,
    event_message_id,
    event_model,
    event_block,
    event_block_type,
    event_block_text,
    event_block_thinking,
    event_block_signature,
    event_block_data,
    event_block_id,
    event_block_name,
    event_delta,
    event_delta_type,
    event_delta_text,
    event_delta_thinking,
    event_delta_signature,
    event_delta_json,
    event_stop_reason,
    event_stop_sequence,
    event_stop_details,
    event_stop_category,
    event_stop_explanation,
    event_error,
    event_error_type,
    event_usage,
    event_input,
    event_output,
    event_cache_read,
    event_cache_creation,
    event_details,
    event_thinking,
    event_cost,

    event_fields
} claude_event_field_e;


typedef struct {
    claude_str_t           name;
    unsigned               code;
} claude_event_name_t;


typedef struct {
    claude_str_t           name;
    claude_event_field_e   field;
    claude_json_type_e     type;
    claude_event_place_e   inside;  /* of an object */
    const claude_event_name_t *names;   /* of a string: what it may be */
} claude_event_row_t;


/* the names of one kind of object */

typedef struct {
    const claude_event_row_t *rows;
    unsigned               nrows;
} claude_event_rows_t;


typedef struct {
    const claude_event_row_t *row;  /* of the name before the value */
    unsigned char          places[CLAUDE_EVENT_DEPTH + 1];

    uint64_t               seen;    /* a bit a field */
    uint64_t               bad;     /* of another type, and not null */
    claude_str_t           raw[event_fields];
    unsigned               code[event_fields];
} claude_event_parse_t;


#define claude_event_bit(field)  ((uint64_t) 1 << (field))


static claude_rc_t claude_event_token(void *ctx,
    const claude_json_token_t *token);
static const claude_event_row_t *claude_event_row(unsigned place,
    const claude_str_t *name);
static claude_rc_t claude_event_value(claude_event_parse_t *parse,
    const claude_event_row_t *row, const claude_json_token_t *token);

static claude_rc_t claude_event_build(const claude_event_parse_t *parse,
    const claude_str_t *data, claude_event_t *event, claude_usage_t *usage);
static claude_rc_t claude_event_block_start(const claude_event_parse_t *parse,
    claude_event_t *event);
static claude_rc_t claude_event_block_delta(const claude_event_parse_t *parse,
    claude_event_t *event);
static claude_rc_t claude_event_get_index(const claude_event_parse_t *parse,
    claude_event_t *event);
static claude_rc_t claude_event_get_usage(const claude_event_parse_t *parse,
    claude_event_t *event, claude_usage_t *usage);
static unsigned claude_event_has(const claude_event_parse_t *parse,
    claude_event_field_e field);


static const claude_event_name_t  claude_event_types[] = {
    { claude_string("ping"), CLAUDE_EVENT_PING },
    { claude_string("message_start"), CLAUDE_EVENT_MESSAGE_START },
    { claude_string("content_block_start"), CLAUDE_EVENT_BLOCK_START },
    { claude_string("content_block_delta"), CLAUDE_EVENT_BLOCK_DELTA },
    { claude_string("content_block_stop"), CLAUDE_EVENT_BLOCK_STOP },
    { claude_string("message_delta"), CLAUDE_EVENT_MESSAGE_DELTA },
    { claude_string("message_stop"), CLAUDE_EVENT_MESSAGE_STOP },
    { claude_string("claude_cost"), CLAUDE_EVENT_COST },
    { claude_string("error"), CLAUDE_EVENT_ERROR },
    { { 0, NULL }, CLAUDE_EVENT_OTHER }
};


static const claude_event_name_t  claude_event_blocks[] = {
    { claude_string("text"), CLAUDE_BLOCK_TEXT },
    { claude_string("thinking"), CLAUDE_BLOCK_THINKING },
    { claude_string("redacted_thinking"), CLAUDE_BLOCK_REDACTED },
    { claude_string("tool_use"), CLAUDE_BLOCK_TOOL_USE },
    { { 0, NULL }, CLAUDE_BLOCK_OTHER }
};


static const claude_event_name_t  claude_event_deltas[] = {
    { claude_string("text_delta"), CLAUDE_BLOCK_TEXT },
    { claude_string("thinking_delta"), CLAUDE_BLOCK_THINKING },
    { claude_string("signature_delta"), CLAUDE_BLOCK_SIGNATURE },
    { claude_string("input_json_delta"), CLAUDE_BLOCK_TOOL_USE },
    { { 0, NULL }, CLAUDE_BLOCK_OTHER }
};


static const claude_event_name_t  claude_event_stops[] = {
    { claude_string("end_turn"), CLAUDE_STOP_END_TURN },
    { claude_string("max_tokens"), CLAUDE_STOP_MAX_TOKENS },
    { claude_string("stop_sequence"), CLAUDE_STOP_SEQUENCE },
    { claude_string("tool_use"), CLAUDE_STOP_TOOL_USE },
    { claude_string("pause_turn"), CLAUDE_STOP_PAUSE_TURN },
    { claude_string("refusal"), CLAUDE_STOP_REFUSAL },
    { claude_string("model_context_window_exceeded"), CLAUDE_STOP_CONTEXT },
    { { 0, NULL }, CLAUDE_STOP_OTHER }
};


#define claude_event_text(name, field, names)                                 \
    { claude_string(name), event_##field, CLAUDE_JSON_STRING, event_in_none,  \
      names }

#define claude_event_number(name, field)                                      \
    { claude_string(name), event_##field, CLAUDE_JSON_NUMBER, event_in_none,  \
      NULL }

#define claude_event_object(name, field, inside)                              \
    { claude_string(name), event_##field, CLAUDE_JSON_OBJECT,                 \
      event_in_##inside, NULL }


static const claude_event_row_t  claude_event_top[] = {
    claude_event_text("type", type, claude_event_types),
    claude_event_number("index", index),
    claude_event_object("delta", delta, delta),
    claude_event_object("content_block", block, block),
    claude_event_object("message", message, message),
    claude_event_object("usage", usage, usage),
    claude_event_object("error", error, error),
    claude_event_number("cost_usd", cost)
};


static const claude_event_row_t  claude_event_delta[] = {
    claude_event_text("type", delta_type, claude_event_deltas),
    claude_event_text("text", delta_text, NULL),
    claude_event_text("thinking", delta_thinking, NULL),
    claude_event_text("signature", delta_signature, NULL),
    claude_event_text("partial_json", delta_json, NULL),
    claude_event_text("stop_reason", stop_reason, claude_event_stops),
    claude_event_text("stop_sequence", stop_sequence, NULL),
    claude_event_object("stop_details", stop_details, stop)
};


static const claude_event_row_t  claude_event_stop[] = {
    claude_event_text("category", stop_category, NULL),
    claude_event_text("explanation", stop_explanation, NULL)
};


static const claude_event_row_t  claude_event_block[] = {
    claude_event_text("type", block_type, claude_event_blocks),
    claude_event_text("text", block_text, NULL),
    claude_event_text("thinking", block_thinking, NULL),
    claude_event_text("signature", block_signature, NULL),
    claude_event_text("data", block_data, NULL),
    claude_event_text("id", block_id, NULL),
    claude_event_text("name", block_name, NULL)
};


static const claude_event_row_t  claude_event_message[] = {
    claude_event_text("id", message_id, NULL),
    claude_event_text("model", model, NULL),
    claude_event_object("usage", usage, usage)
};


static const claude_event_row_t  claude_event_error[] = {
    claude_event_text("type", error_type, NULL)
};


static const claude_event_row_t  claude_event_usage[] = {
    claude_event_number("input_tokens", input),
    claude_event_number("output_tokens", output),
    claude_event_number("cache_read_input_tokens", cache_read),
    claude_event_number("cache_creation_input_tokens", cache_creation),
    claude_event_object("output_tokens_details", details, details)
};


static const claude_event_row_t  claude_event_details[] = {
    claude_event_number("thinking_tokens", thinking)
};


#define claude_event_rows(place)                                              \
    { claude_event_##place, sizeof(claude_event_##place)                      \
                            / sizeof(claude_event_row_t) }


static const claude_event_rows_t  claude_event_places[] = {
    [event_in_none] = { NULL, 0 },
    [event_in_top] = claude_event_rows(top),
    [event_in_message] = claude_event_rows(message),
    [event_in_block] = claude_event_rows(block),
    [event_in_delta] = claude_event_rows(delta),
    [event_in_error] = claude_event_rows(error),
    [event_in_usage] = claude_event_rows(usage),
    [event_in_details] = claude_event_rows(details),
    [event_in_stop] = claude_event_rows(stop)
};


claude_rc_t
claude_event_read(const claude_str_t *data, claude_event_t *event,
    claude_usage_t *usage)
{
    if (claude_event_read_fast(data, event, usage) == CLAUDE_OK) {
        return CLAUDE_OK;
    }

    return claude_event_read_full(data, event, usage);
}


claude_rc_t
claude_event_read_fast(const claude_str_t *data, claude_event_t *event,
    claude_usage_t *usage)
{
    claude_event_parse_t  parse;

    memset(&parse, 0, sizeof(claude_event_parse_t));

    if (claude_json_scan(data->data, data->len, claude_event_token, &parse)
        != CLAUDE_OK
        || claude_event_build(&parse, data, event, usage) != CLAUDE_OK)
    {
        return CLAUDE_DECLINED;
    }

    return CLAUDE_OK;
}


/*
 * Names may come in any order, the type last: all that may be of interest is
 * noted in one pass, and judged by the type afterwards.
 */

claude_rc_t
claude_event_read_full(const claude_str_t *data, claude_event_t *event,
    claude_usage_t *usage)
{
    claude_rc_t           rc;
    claude_json_error_t   error;
    claude_event_parse_t  parse;

    if (data->len == 0) {
        return CLAUDE_INVALID;
    }

    memset(&parse, 0, sizeof(claude_event_parse_t));

    rc = claude_json_read(data->data, data->len, claude_event_token, &parse,
                          &error);
    if (rc != CLAUDE_OK) {
        return rc;
    }

    return claude_event_build(&parse, data, event, usage);
}


static claude_rc_t
claude_event_token(void *ctx, const claude_json_token_t *token)
{
    claude_event_parse_t *parse = ctx;

    unsigned                   place;
    const claude_event_row_t  *row;

    if (token->type == CLAUDE_JSON_OBJECT_END
        || token->type == CLAUDE_JSON_ARRAY_END)
    {
        return CLAUDE_OK;
    }

    if (token->type == CLAUDE_JSON_NAME) {
        place = (token->depth <= CLAUDE_EVENT_DEPTH)
                ? parse->places[token->depth] : event_in_none;
        parse->row = claude_event_row(place, &token->text);
        return CLAUDE_OK;
    }

    row = parse->row;
    parse->row = NULL;
    place = (token->depth == 0) ? event_in_top : event_in_none;

    if (row) {
        if (claude_event_value(parse, row, token) != CLAUDE_OK) {
            return CLAUDE_DECLINED;
        }

        if (token->type == CLAUDE_JSON_OBJECT) {
            place = row->inside;
        }
    }

    if (token->depth < CLAUDE_EVENT_DEPTH) {
        parse->places[token->depth + 1] = place;
    }

    return CLAUDE_OK;
}


static const claude_event_row_t *
claude_event_row(unsigned place, const claude_str_t *name)
{
    unsigned                   i;
    const claude_event_row_t  *row;

    for (i = 0; i < claude_event_places[place].nrows; i++) {
        row = &claude_event_places[place].rows[i];

        if (row->name.len == name->len && row->name.data[0] == name->data[0]
            && memcmp(row->name.data, name->data, name->len) == 0)
        {
            return row;
        }
    }

    return NULL;
}


static claude_rc_t
claude_event_value(claude_event_parse_t *parse, const claude_event_row_t *row,
    const claude_json_token_t *token)
{
    claude_str_t               *raw;
    const claude_event_name_t  *name;

    if (token->type == CLAUDE_JSON_NULL) {
        return CLAUDE_OK;
    }

    if (token->type != row->type) {
        parse->bad |= claude_event_bit(row->field);
        return CLAUDE_OK;
    }

    parse->seen |= claude_event_bit(row->field);

    raw = &parse->raw[row->field];
    *raw = token->raw;

    if (token->type == CLAUDE_JSON_STRING) {
        raw->data++;
        raw->len -= 2;
    }

    if (row->names == NULL) {
        return CLAUDE_OK;
    }

    /* claude_json_scan() leaves escapes to others */

    if (token->text.data == NULL) {
        return CLAUDE_DECLINED;
    }

    for (name = row->names; name->name.data; name++) {
        if (name->name.len == token->text.len
            && memcmp(name->name.data, token->text.data, token->text.len) == 0)
        {
            break;
        }
    }

    parse->code[row->field] = name->code;

    return CLAUDE_OK;
}


static claude_rc_t
claude_event_build(const claude_event_parse_t *parse,
    const claude_str_t *data, claude_event_t *event, claude_usage_t *usage)
{
    memset(event, 0, sizeof(claude_event_t));
    event->json = *data;

    if (!claude_event_has(parse, event_type)) {
        return CLAUDE_INVALID;
    }

    event->type = parse->code[event_type];

    switch (event->type) {

    case CLAUDE_EVENT_MESSAGE_START:
        if (!claude_event_has(parse, event_message)) {
            return CLAUDE_INVALID;
        }

        event->id = parse->raw[event_message_id];
        event->model = parse->raw[event_model];

        return claude_event_get_usage(parse, event, usage);

    case CLAUDE_EVENT_BLOCK_START:
        return claude_event_block_start(parse, event);

    case CLAUDE_EVENT_BLOCK_DELTA:
        return claude_event_block_delta(parse, event);

    case CLAUDE_EVENT_BLOCK_STOP:
        return claude_event_get_index(parse, event);

    case CLAUDE_EVENT_MESSAGE_DELTA:
        if (!claude_event_has(parse, event_delta)
            || parse->bad & claude_event_bit(event_stop_reason))
        {
            return CLAUDE_INVALID;
        }

        event->stop = parse->code[event_stop_reason];
        event->stop_sequence = parse->raw[event_stop_sequence];
        event->category = parse->raw[event_stop_category];
        event->explanation = parse->raw[event_stop_explanation];

        return claude_event_get_usage(parse, event, usage);

    case CLAUDE_EVENT_COST:
        if (!claude_event_has(parse, event_cost)
            || claude_cost_read(&parse->raw[event_cost],
                                CLAUDE_LIMIT_COST_MAX, &event->cost)
               != CLAUDE_OK)
        {
            event->type = CLAUDE_EVENT_OTHER;
        }

        return CLAUDE_OK;

    case CLAUDE_EVENT_ERROR:
        event->error = parse->raw[event_error_type];
        return CLAUDE_OK;

    default:
        return CLAUDE_OK;
    }
}


static claude_rc_t
claude_event_block_start(const claude_event_parse_t *parse,
    claude_event_t *event)
{
    uint64_t  bad;

    if (!claude_event_has(parse, event_block_type)) {
        return CLAUDE_INVALID;
    }

    event->block = parse->code[event_block_type];
    bad = 0;

    switch (event->block) {

    case CLAUDE_BLOCK_TEXT:
        event->text = parse->raw[event_block_text];
        bad = claude_event_bit(event_block_text);
        break;

    case CLAUDE_BLOCK_THINKING:
        event->text = parse->raw[event_block_thinking];
        event->signature = parse->raw[event_block_signature];
        bad = claude_event_bit(event_block_thinking)
              | claude_event_bit(event_block_signature);
        break;

    case CLAUDE_BLOCK_REDACTED:
        event->text = parse->raw[event_block_data];
        bad = claude_event_bit(event_block_data);
        break;

    case CLAUDE_BLOCK_TOOL_USE:
        if (!claude_event_has(parse, event_block_id)
            || !claude_event_has(parse, event_block_name))
        {
            return CLAUDE_INVALID;
        }

        event->id = parse->raw[event_block_id];
        event->name = parse->raw[event_block_name];
        break;

    default:
        break;
    }

    if (parse->bad & bad) {
        return CLAUDE_INVALID;
    }

    return claude_event_get_index(parse, event);
}


static claude_rc_t
claude_event_block_delta(const claude_event_parse_t *parse,
    claude_event_t *event)
{
    claude_event_field_e  field;

    if (!claude_event_has(parse, event_delta_type)) {
        return CLAUDE_INVALID;
    }

    event->block = parse->code[event_delta_type];

    switch (event->block) {

    case CLAUDE_BLOCK_TEXT:
        field = event_delta_text;
        break;

    case CLAUDE_BLOCK_THINKING:
        field = event_delta_thinking;
        break;

    case CLAUDE_BLOCK_SIGNATURE:
        field = event_delta_signature;
        break;

    case CLAUDE_BLOCK_TOOL_USE:
        field = event_delta_json;
        break;

    default:
        return claude_event_get_index(parse, event);
    }

    if (!claude_event_has(parse, field)) {
        return CLAUDE_INVALID;
    }

    event->text = parse->raw[field];

    return claude_event_get_index(parse, event);
}


static claude_rc_t
claude_event_get_index(const claude_event_parse_t *parse,
    claude_event_t *event)
{
    uint64_t  index;

    if (!claude_event_has(parse, event_index)
        || claude_json_uint(&parse->raw[event_index], CLAUDE_EVENT_INDEX_MAX,
                            &index)
           != CLAUDE_OK)
    {
        return CLAUDE_INVALID;
    }

    event->index = (unsigned) index;

    return CLAUDE_OK;
}


static claude_rc_t
claude_event_get_usage(const claude_event_parse_t *parse,
    claude_event_t *event, claude_usage_t *usage)
{
    unsigned        i;
    uint64_t       *count;
    claude_usage_t  new;

    static const struct {
        claude_event_field_e  field;
        size_t                offset;
    } counts[] = {
        { event_input, offsetof(claude_usage_t, input_tokens) },
        { event_output, offsetof(claude_usage_t, output_tokens) },
        { event_cache_read, offsetof(claude_usage_t, cache_read_tokens) },
        { event_cache_creation,
          offsetof(claude_usage_t, cache_creation_tokens) },
        { event_thinking, offsetof(claude_usage_t, thinking_tokens) }
    };

    if (parse->bad & (claude_event_bit(event_usage)
                      | claude_event_bit(event_details)))
    {
        return CLAUDE_INVALID;
    }

    new = *usage;

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        count = (uint64_t *) ((char *) &new + counts[i].offset);

        if (parse->bad & claude_event_bit(counts[i].field)
            || (claude_event_has(parse, counts[i].field)
                && claude_json_uint(&parse->raw[counts[i].field],
                                    CLAUDE_TOKENS_MAX, count)
                   != CLAUDE_OK))
        {
            return CLAUDE_INVALID;
        }
    }

    event->has_usage = claude_event_has(parse, event_usage);
    *usage = new;

    return CLAUDE_OK;
}


static unsigned
claude_event_has(const claude_event_parse_t *parse, claude_event_field_e field)
{
    return (parse->seen & claude_event_bit(field)) != 0;
}
