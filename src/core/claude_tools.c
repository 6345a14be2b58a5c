
#include "claude_tools.h"

#include <string.h>


struct claude_tools_name_s {
    claude_str_t           name;
    claude_tools_name_t   *next;
};


static void claude_tools_write_choice(const claude_tools_t *tools,
    claude_out_t *out);
static unsigned claude_tools_nothing(const claude_str_t *schema);


void
claude_tools_init(claude_tools_t *tools, claude_mem_t *mem, size_t max)
{
    memset(tools, 0, sizeof(claude_tools_t));

    tools->mem = mem;
    claude_out_init(&tools->out, mem, max);
}


claude_rc_t
claude_tools_add(claude_tools_t *tools, const claude_tool_t *tool)
{
    claude_out_t         *out;
    claude_tools_name_t  *name;

    if (claude_tools_has(tools, &tool->name)) {
        return CLAUDE_DECLINED;
    }

    if (tools->count == CLAUDE_TOOLS_MAX) {
        return CLAUDE_TOO_LARGE;
    }

    name = claude_alloc(tools->mem, sizeof(claude_tools_name_t));
    if (name == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    name->name = tool->name;
    name->next = tools->names;
    tools->names = name;

    out = &tools->out;

    if (tools->count++) {
        claude_out_literal(out, ",");
    }

    claude_out_literal(out, "{\"name\":\"");
    claude_out_put(out, tool->name.data, tool->name.len);
    claude_out_literal(out, "\"");

    if (tool->description.len) {
        claude_out_literal(out, ",\"description\":");
        claude_out_link(out, tool->description.data, tool->description.len);
    }

    claude_out_literal(out, ",\"input_schema\":");

    if (claude_tools_nothing(&tool->schema)) {
        claude_out_literal(out, "{\"type\":\"object\",\"properties\":{}}");

    } else {
        claude_out_link(out, tool->schema.data, tool->schema.len);
    }

    if (tool->strict) {
        claude_out_literal(out, ",\"strict\":true");
    }

    claude_out_literal(out, "}");

    return CLAUDE_OK;
}


unsigned
claude_tools_has(const claude_tools_t *tools, const claude_str_t *name)
{
    const claude_tools_name_t  *known;

    for (known = tools->names; known; known = known->next) {
        if (known->name.len == name->len
            && memcmp(known->name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
claude_tools_write(claude_tools_t *tools, claude_out_t *out)
{
    if (tools->count == 0) {
        return;
    }

    claude_out_literal(out, ",\"tools\":[");
    claude_out_join(out, &tools->out);
    claude_out_literal(out, "]");

    if (tools->choice != CLAUDE_TOOLS_AUTO || tools->serial) {
        claude_tools_write_choice(tools, out);
    }
}


static void
claude_tools_write_choice(const claude_tools_t *tools, claude_out_t *out)
{
    static const char *const  types[] = { "auto", "none", "any", "tool" };

    claude_out_literal(out, ",\"tool_choice\":{\"type\":\"");
    claude_out_put(out, types[tools->choice], strlen(types[tools->choice]));
    claude_out_literal(out, "\"");

    if (tools->choice == CLAUDE_TOOLS_ONE) {
        claude_out_literal(out, ",\"name\":\"");
        claude_out_put(out, tools->choice_name.data, tools->choice_name.len);
        claude_out_literal(out, "\"");
    }

    if (tools->serial && tools->choice != CLAUDE_TOOLS_NONE) {
        claude_out_literal(out, ",\"disable_parallel_tool_use\":true");
    }

    claude_out_literal(out, "}");
}


/* no schema, or {}, which the API wouldn't take */

static unsigned
claude_tools_nothing(const claude_str_t *schema)
{
    size_t  i;

    if (schema->len == 0) {
        return 1;
    }

    for (i = 1; i < schema->len - 1; i++) {
        if (memchr(" \t\r\n", schema->data[i], 4) == NULL) {
            return 0;
        }
    }

    return 1;
}
