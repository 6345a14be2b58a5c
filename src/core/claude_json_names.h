
/*
 * The names of the objects that are open while JSON is read, so that one that
 * comes twice in its object is seen.
 *
 * Names are held as 64-bit hashes.  One that comes twice has the same hash
 * twice.  Two of CLAUDE_JSON_NAMES that differ have it by chance once in 2^41
 * objects, or because somebody made them so: what he gains is that his own
 * text is refused.
 */


#ifndef CLAUDE_JSON_NAMES_H
#define CLAUDE_JSON_NAMES_H


#include "claude_json_reader.h"


#define CLAUDE_JSON_NAMES_INLINE  64


typedef struct {
    uint64_t               hash;
    size_t                 offset;
} claude_json_name_t;


typedef struct {
    claude_json_name_t    *elts;
    size_t                 nelts;
    size_t                 room;

    /* where the names of each open object begin in elts */
    size_t                 base[CLAUDE_JSON_DEPTH];
    unsigned               open;

    claude_json_name_t     first[CLAUDE_JSON_NAMES_INLINE];
} claude_json_names_t;


void claude_json_names_init(claude_json_names_t *names);
void claude_json_names_free(claude_json_names_t *names);

/* an object begins: at most CLAUDE_JSON_DEPTH may be open */

void claude_json_names_begin(claude_json_names_t *names);

/*
 * A name of the innermost object, offset where it stands.  CLAUDE_DECLINED:
 * the object has it; CLAUDE_TOO_LARGE: it has CLAUDE_JSON_NAMES others;
 * CLAUDE_NO_MEMORY.
 */

claude_rc_t claude_json_names_add(claude_json_names_t *names,
    const claude_str_t *name, size_t offset);

/* the innermost object ends.  CLAUDE_DECLINED: it has a name twice, which
 * add() has not said; *offset is where it stands again. */

claude_rc_t claude_json_names_end(claude_json_names_t *names, size_t *offset);


#endif /* CLAUDE_JSON_NAMES_H */
