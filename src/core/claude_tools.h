
/*
 * The tools of a request and which of them may be called, as Messages has
 * them.
 */


#ifndef CLAUDE_TOOLS_H
#define CLAUDE_TOOLS_H


#include "claude_out.h"


#define CLAUDE_TOOLS_MAX  4096      /* of a request, as the bridge has it */


typedef struct {
    claude_str_t           name;        /* as claude_blocks_name() has it */
    claude_str_t           description; /* raw string, or of len 0 */
    claude_str_t           schema;      /* raw object, or of len 0: a tool
                                         * that takes nothing */
    unsigned               strict:1;
} claude_tool_t;


typedef enum {
    CLAUDE_TOOLS_AUTO = 0,
    CLAUDE_TOOLS_NONE,
    CLAUDE_TOOLS_ANY,
    CLAUDE_TOOLS_ONE                /* choice_name */
} claude_tools_choice_e;


typedef struct claude_tools_name_s  claude_tools_name_t;

typedef struct {
    claude_mem_t          *mem;
    claude_out_t           out;         /* declarations */
    claude_tools_name_t   *names;
    unsigned               count;

    claude_tools_choice_e  choice;
    claude_str_t           choice_name;
    unsigned               serial:1;    /* one call at a time */
} claude_tools_t;


void claude_tools_init(claude_tools_t *tools, claude_mem_t *mem, size_t max);

/* name must stay.  CLAUDE_DECLINED: there is one of that name;
 * CLAUDE_TOO_LARGE: there are CLAUDE_TOOLS_MAX; CLAUDE_NO_MEMORY */

claude_rc_t claude_tools_add(claude_tools_t *tools, const claude_tool_t *tool);

unsigned claude_tools_has(const claude_tools_t *tools,
    const claude_str_t *name);

/* whether a call is demanded: the API doesn't think before such a one */

#define claude_tools_forced(tools)  ((tools)->choice >= CLAUDE_TOOLS_ANY)

/* appends ,"tools":[…] and ,"tool_choice":{…} as far as they are needed */

void claude_tools_write(claude_tools_t *tools, claude_out_t *out);


#endif /* CLAUDE_TOOLS_H */
