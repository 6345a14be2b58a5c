
/* What names stand for: rows of a table, models, efforts. */


#include "claude_parse.h"

#include <string.h>


/* OpenAI's efforts and Anthropic's; NULL is none at all */

static const struct {
    claude_str_t           name;
    const char            *effort;
} claude_parse_efforts[] = {
    { claude_string("none"), NULL },
    { claude_string("minimal"), "low" },
    { claude_string("low"), "low" },
    { claude_string("medium"), "medium" },
    { claude_string("high"), "high" },
    { claude_string("xhigh"), "xhigh" },
    { claude_string("max"), "max" }
};

#define CLAUDE_PARSE_EFFORTS                                                  \
    (sizeof(claude_parse_efforts) / sizeof(claude_parse_efforts[0]))


static unsigned claude_parse_same(const claude_str_t *a,
    const claude_str_t *b);


unsigned
claude_parse_choose(const claude_parse_choice_t *choices,
    const claude_str_t *name)
{
    while (choices->name.len && !claude_parse_same(&choices->name, name)) {
        choices++;
    }

    return choices->value;
}


void
claude_parse_model(claude_parse_t *parse, const claude_json_token_t *token)
{
    claude_request_t  *request;

    request = parse->request;

    request->model = claude_parse_keep(parse, token);
    request->upstream_model = claude_models_find(parse->models,
                                                 &request->model);

    if (request->upstream_model.len == 0) {
        claude_parse_fail(parse, CLAUDE_ERR_MODEL, NULL, NULL);
    }
}


claude_rc_t
claude_parse_effort(claude_parse_t *parse, const claude_json_token_t *token,
    const char **effort)
{
    size_t  i;

    for (i = 0; i < CLAUDE_PARSE_EFFORTS; i++) {
        if (claude_parse_same(&claude_parse_efforts[i].name, &token->text)) {
            *effort = claude_parse_efforts[i].effort;
            return CLAUDE_OK;
        }
    }

    claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, NULL,
                      "must be none, minimal, low, medium, high, xhigh or "
                      "max");

    return CLAUDE_INVALID;
}


static unsigned
claude_parse_same(const claude_str_t *a, const claude_str_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}
