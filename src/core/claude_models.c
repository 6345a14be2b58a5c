
#include "claude_dialect.h"

#include <string.h>


#define CLAUDE_MODEL_MAX  128


static unsigned claude_models_match(const claude_model_t *model,
    const claude_str_t *name);
static unsigned claude_models_full(const claude_str_t *name);


/* what the SDK's own aliases stand for */

const claude_model_t  claude_models_builtin[] = {
    { claude_string("sonnet"), claude_string("claude-sonnet-5-5") },
    { claude_string("opus"), claude_string("claude-opus-5-5") },
    { claude_string("haiku"), claude_string("claude-haiku-5-5") },
    { claude_string("fable"), claude_string("claude-fable-5-2") },
    { { 0, NULL }, { 0, NULL } }
};


claude_str_t
claude_models_find(const claude_models_t *models, const claude_str_t *name)
{
    size_t                 i;
    claude_str_t           none;
    const claude_model_t  *model;

    for (i = 0; i < models->nelts; i++) {
        if (claude_models_match(&models->elts[i], name)) {
            return models->elts[i].target;
        }
    }

    none.len = 0;
    none.data = NULL;

    if (!models->builtin) {
        return none;
    }

    for (model = claude_models_builtin; model->alias.len; model++) {
        if (claude_models_match(model, name)) {
            return model->target;
        }
    }

    return claude_models_full(name) ? *name : none;
}


static unsigned
claude_models_match(const claude_model_t *model, const claude_str_t *name)
{
    return model->alias.len == name->len
           && memcmp(model->alias.data, name->data, name->len) == 0;
}


/* claude-…, with [1m] at the end where a longer context is asked for */

static unsigned
claude_models_full(const claude_str_t *name)
{
    size_t    i, len;
    unsigned  c;

    len = name->len;

    if (len > CLAUDE_MODEL_MAX) {
        return 0;
    }

    if (len > 4 && memcmp(name->data + len - 4, "[1m]", 4) == 0) {
        len -= 4;
    }

    if (len < sizeof("claude-") || memcmp(name->data, "claude-", 7) != 0) {
        return 0;
    }

    for (i = 7; i < len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr("._:/@-", (int) c))))
        {
            return 0;
        }
    }

    return 1;
}
