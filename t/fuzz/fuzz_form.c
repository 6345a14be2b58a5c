
/*
 * A body of the admin API: whatever comes, it is read or refused with a fault
 * that can be written, and what is read makes a record that the key log takes
 * back unchanged.
 */

#include <stdlib.h>
#include <string.h>

#include "claude_form.h"


#define NOW  INT64_C(1795508327)


static void refuse(const claude_fault_t *fault);
static void keep(const claude_form_t *form);
static void *no_alloc(void *ctx, size_t size);


static unsigned char  chunk[2 * CLAUDE_LINE_MAX];
static claude_mem_t   mem = { no_alloc, NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    claude_rc_t          rc;
    claude_str_t         body;
    claude_form_t        form;
    claude_fault_t       fault;
    claude_form_rules_t  rules;

    rules.takes = CLAUDE_FORM_TOKEN | CLAUDE_FORM_NAME | CLAUDE_FORM_ENABLED
                  | CLAUDE_FORM_EXPIRES | CLAUDE_FORM_GRACE
                  | CLAUDE_FORM_LIMITS;
    rules.needs = size & 1 ? CLAUDE_FORM_NAME : 0;
    rules.credentials = CLAUDE_FORM_OAUTH | CLAUDE_FORM_API_KEY;
    rules.now = NOW;

    body.data = data;
    body.len = size;

    rc = claude_form_read(&body, &rules, &form, &fault);

    if (rc == CLAUDE_OK) {
        keep(&form);

    } else if (rc == CLAUDE_INVALID) {
        refuse(&fault);
    }

    return 0;
}


static void
refuse(const claude_fault_t *fault)
{
    claude_out_t  out;

    if (fault->err == CLAUDE_ERR_NONE
        || claude_error_status(fault->err) != 400)
    {
        abort();
    }

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, chunk, sizeof(chunk));
    claude_error_body(fault, &out);

    if (out.rc != CLAUDE_OK) {
        abort();
    }
}


static void
keep(const claude_form_t *form)
{
    const char       *reason;
    claude_str_t      line;
    claude_out_t      out;
    claude_change_t   change, again;
    claude_record_t  *record;

    memset(&change, 0, sizeof(claude_change_t));

    change.op = CLAUDE_OP_PUT;
    record = &change.record;

    memcpy(record->id, "key_0123456789abcdefghij", CLAUDE_KEY_ID_LEN);
    memcpy(record->head, "sk-AbCd", CLAUDE_HEAD_LEN);
    memcpy(record->tail, "wXyZ", CLAUDE_TAIL_LEN);
    memcpy(record->token_tail, "wXyZ", CLAUDE_TAIL_LEN);
    record->token_form = CLAUDE_TOKEN_OAUTH;
    record->sealed_len = CLAUDE_NONCE_LEN + CLAUDE_TOKEN_MIN + CLAUDE_TAG_LEN;
    record->name[0] = 'a';
    record->name_len = 1;
    record->created = NOW;

    claude_form_apply(form, record);

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, chunk, sizeof(chunk));
    claude_change_write(&out, &change);

    if (out.rc != CLAUDE_OK) {
        abort();
    }

    line.data = out.first->str.data;
    line.len = out.first->str.len - 1;

    if (claude_change_read(&line, &again, &reason) != CLAUDE_OK
        || again.record.name_len != record->name_len
        || memcmp(again.record.name, record->name, record->name_len) != 0
        || again.record.expires != record->expires
        || again.record.enabled != record->enabled
        || memcmp(&again.record.limits, &record->limits,
                  sizeof(claude_limits_t))
           != 0)
    {
        abort();
    }
}


static void *
no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}
