
#include "claude_responses_parse.h"


static void claude_responses_on_part(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_output_end(claude_parse_t *parse);
static void claude_responses_on_part_type(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_part_text(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_refusal(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_image(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_filename(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_file_data(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_file_url(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_on_file_id(claude_parse_t *parse,
    const claude_json_token_t *token);
static void claude_responses_part_end(claude_parse_t *parse);
static void claude_responses_put_text(claude_responses_parse_t *self,
    const char *name, const claude_parse_text_t *text);
static void claude_responses_put_media(claude_responses_parse_t *self,
    const char *name, const claude_media_t *media, unsigned seen);


/* a part's type may come last, and clients send back parts with fields of
 * other types in them: what matters is known at the part's end */

static const claude_parse_field_t  claude_responses_part_fields[] = {

    { claude_string("type"),
      CLAUDE_PARSE_STRING, 0, 0,
      claude_responses_on_part_type,
      "must be a string" },

    { claude_string("text"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_part_text,
      NULL },

    { claude_string("refusal"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_refusal,
      NULL },

    { claude_string("image_url"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_image,
      NULL },

    { claude_string("filename"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_filename,
      NULL },

    { claude_string("file_data"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_file_data,
      NULL },

    { claude_string("file_url"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_file_url,
      NULL },

    { claude_string("file_id"),
      CLAUDE_PARSE_ANY, 0, 0,
      claude_responses_on_file_id,
      NULL },

    { { 0, NULL }, 0, 0, 0, NULL, NULL }
};


const claude_parse_place_t  claude_responses_content = {
    NULL, claude_responses_on_part, NULL
};

const claude_parse_place_t  claude_responses_output = {
    NULL, claude_responses_on_part, claude_responses_output_end
};

static const claude_parse_place_t  claude_responses_part_place = {
    claude_responses_part_fields, NULL, claude_responses_part_end
};


static void
claude_responses_on_part(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type != CLAUDE_JSON_OBJECT) {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_TYPE, NULL,
                          "must be an object");
        return;
    }

    memset(&self->part, 0, sizeof(claude_responses_part_t));

    claude_parse_enter(parse, &claude_responses_part_place);
}


/* what follows is of the conversation again */

static void
claude_responses_output_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->blocks.to = NULL;
}


static void
claude_responses_on_part_type(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->part.type = claude_parse_keep(parse, token);
}


static void
claude_responses_on_part_text(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_record(&self->part.text, token);
}


static void
claude_responses_on_refusal(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_record(&self->part.refusal, token);
}


static void
claude_responses_on_image(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type == CLAUDE_JSON_STRING) {
        self->part.has_image = 1;
        claude_media_image(parse, token, &self->part.image);
    }
}


static void
claude_responses_on_filename(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    claude_parse_record(&self->part.title, token);
}


static void
claude_responses_on_file_data(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type == CLAUDE_JSON_STRING) {
        self->part.has_file = 1;
        claude_media_document(parse, token, &self->part.file);
    }
}


static void
claude_responses_on_file_url(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    if (token->type == CLAUDE_JSON_STRING) {
        self->part.has_file = 1;
        claude_media_url(parse, token, &self->part.file);
    }
}


static void
claude_responses_on_file_id(claude_parse_t *parse,
    const claude_json_token_t *token)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    self->part.by_id = (token->type != CLAUDE_JSON_NULL);
}


static void
claude_responses_part_end(claude_parse_t *parse)
{
    claude_responses_parse_t *self = (claude_responses_parse_t *) parse;

    const claude_str_t       *type;
    claude_responses_part_t  *part;

    part = &self->part;
    type = &part->type;

    if (type->data == NULL) {
        claude_parse_fail(parse, CLAUDE_ERR_MISSING, "type", NULL);

    } else if (claude_parse_is(type, "input_text")
               || claude_parse_is(type, "output_text")
               || claude_parse_is(type, "text"))
    {
        claude_responses_put_text(self, "text", &part->text);

    } else if (claude_parse_is(type, "refusal")) {
        claude_responses_put_text(self, "refusal", &part->refusal);

    } else if (claude_parse_is(type, "input_image")) {
        claude_responses_put_media(self, "image_url", &part->image,
                                   part->has_image);

    } else if (claude_parse_is(type, "input_file")) {
        claude_responses_put_media(self, "file_data", &part->file,
                                   part->has_file);

    } else if (claude_parse_is(type, "input_audio")) {
        claude_parse_fail(parse, CLAUDE_ERR_UNSUPPORTED, "input_audio", NULL);

    } else if (!claude_parse_is(type, "reasoning_text")
               && !claude_parse_is(type, "summary_text"))
    {
        claude_parse_fail(parse, CLAUDE_ERR_INVALID_VALUE, "type",
                          "must be input_text, output_text, refusal, "
                          "input_image or input_file");
    }
}


static void
claude_responses_put_text(claude_responses_parse_t *self, const char *name,
    const claude_parse_text_t *text)
{
    if (!text->seen) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, name, NULL);

    } else if (text->raw.data == NULL) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_TYPE, name,
                          "must be a string");

    } else {
        claude_blocks_text(&self->blocks, text);
    }
}


static void
claude_responses_put_media(claude_responses_parse_t *self, const char *name,
    const claude_media_t *media, unsigned seen)
{
    claude_str_t  title;

    if (self->part.by_id && !seen) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_UNSUPPORTED, "file_id",
                          "no files are stored: send the data itself");
        return;
    }

    if (!seen) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_MISSING, name, NULL);
        return;
    }

    if (media->reason) {
        claude_parse_fail(&self->parse, CLAUDE_ERR_INVALID_VALUE, name,
                          media->reason);
        return;
    }

    if (self->item.media == 0) {
        self->item.media = claude_parse_around(&self->parse)->count;
    }

    if (media == &self->part.image) {
        claude_blocks_image(&self->blocks, media);
        return;
    }

    title.len = 0;
    title.data = NULL;

    if (self->part.title.raw.data && !self->part.title.blank) {
        title = self->part.title.raw;
    }

    claude_blocks_document(&self->blocks, media, &title);
}
