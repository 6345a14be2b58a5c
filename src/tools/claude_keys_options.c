
#include "claude_keys.h"

#include "../core/claude_password.h"
#include "../core/claude_usage.h"

#include <getopt.h>
#include <string.h>
#include <time.h>


#define CLAUDE_KEYS_DAYS  30            /* that usage tells of by default */


/* the two limits that are lists, each on its own while it grows */

typedef struct {
    claude_keys_args_t    *args;
    const char            *name;        /* of the option in hand */
    claude_limits_t        models;
    claude_limits_t        addresses;
} claude_keys_reading_t;


static claude_keys_exit_e claude_keys_option(claude_keys_reading_t *reading,
    unsigned bit);
static claude_keys_exit_e claude_keys_option_text(claude_keys_args_t *args,
    unsigned bit, const claude_str_t *value);
static claude_keys_exit_e claude_keys_option_use(claude_keys_args_t *args,
    unsigned bit, const claude_str_t *value);
static unsigned claude_keys_option_group(const claude_str_t *value);
static claude_keys_exit_e claude_keys_option_limit(
    claude_keys_reading_t *reading, claude_limit_e limit,
    const claude_str_t *value);
static void claude_keys_lists(claude_keys_reading_t *reading);
static claude_keys_exit_e claude_keys_operand(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_operand_id(const char *text,
    claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_required(
    const claude_keys_command_t *command, claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_days(claude_keys_args_t *args);


/* getopt_long() returns the bit; none is a character that it returns */

#define claude_keys_limit(name, limit)                                        \
    { name, required_argument, NULL, CLAUDE_KEYS_OPT_LIMIT << limit }

static const struct option  claude_keys_longopts[] = {
    { "store", required_argument, NULL, CLAUDE_KEYS_OPT_STORE },
    { "master-key", required_argument, NULL, CLAUDE_KEYS_OPT_MASTER },
    { "name", required_argument, NULL, CLAUDE_KEYS_OPT_NAME },
    { "token-stdin", no_argument, NULL, CLAUDE_KEYS_OPT_STDIN },
    { "token-file", required_argument, NULL, CLAUDE_KEYS_OPT_FILE },
    { "expires", required_argument, NULL, CLAUDE_KEYS_OPT_EXPIRES },
    { "expires-at", required_argument, NULL, CLAUDE_KEYS_OPT_EXPIRES },
    { "enable", no_argument, NULL, CLAUDE_KEYS_OPT_ENABLE },
    { "disable", no_argument, NULL, CLAUDE_KEYS_OPT_DISABLE },
    { "grace", required_argument, NULL, CLAUDE_KEYS_OPT_GRACE },
    { "reseal", no_argument, NULL, CLAUDE_KEYS_OPT_RESEAL },
    { "from", required_argument, NULL, CLAUDE_KEYS_OPT_FROM },
    { "to", required_argument, NULL, CLAUDE_KEYS_OPT_TO },
    { "group", required_argument, NULL, CLAUDE_KEYS_OPT_GROUP },
    { "key", required_argument, NULL, CLAUDE_KEYS_OPT_KEY },
    { "json", no_argument, NULL, CLAUDE_KEYS_OPT_JSON },
    { "csv", no_argument, NULL, CLAUDE_KEYS_OPT_CSV },
    claude_keys_limit("requests-per-minute", CLAUDE_LIMIT_REQUESTS),
    claude_keys_limit("tokens-per-minute", CLAUDE_LIMIT_TOKENS),
    claude_keys_limit("concurrent-requests", CLAUDE_LIMIT_CONCURRENT),
    claude_keys_limit("day-tokens", CLAUDE_LIMIT_DAY_TOKENS),
    claude_keys_limit("month-tokens", CLAUDE_LIMIT_MONTH_TOKENS),
    claude_keys_limit("day-cost", CLAUDE_LIMIT_DAY_COST),
    claude_keys_limit("month-cost", CLAUDE_LIMIT_MONTH_COST),
    claude_keys_limit("allowed-model", CLAUDE_LIMIT_MODEL_NAMES),
    claude_keys_limit("allowed-address", CLAUDE_LIMIT_ADDRESS_PREFIXES),
    { "help", no_argument, NULL, CLAUDE_KEYS_OPT_INFO },
    { "version", no_argument, NULL, CLAUDE_KEYS_OPT_INFO },
    { NULL, 0, NULL, 0 }
};


/*
 * What stands in argv is never repeated but for the names of options: it may
 * be a secret in the wrong place.
 */

claude_keys_exit_e
claude_keys_options(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args,
    const char **info)
{
    int                    c, index;
    unsigned               bit;
    claude_keys_exit_e     rc;
    claude_keys_reading_t  reading;

    memset(args, 0, sizeof(claude_keys_args_t));
    memset(&reading, 0, sizeof(claude_keys_reading_t));

    args->store = CLAUDE_KEYS_STORE;
    args->master = CLAUDE_KEYS_MASTER;
    reading.args = args;

    opterr = 0;
    index = 0;

    while ((c = getopt_long(argc, argv, ":", claude_keys_longopts, &index))
           != -1)
    {
        if (c == ':') {
            return claude_keys_usage_error("an option lacks its value", NULL);
        }

        if (c == '?') {
            return claude_keys_usage_error("no such option, or a value too "
                                           "many", NULL);
        }

        *info = claude_keys_longopts[index].name;
        bit = c;

        args->given |= bit;

        if (bit & CLAUDE_KEYS_OPT_INFO) {
            return CLAUDE_KEYS_OK;
        }

        if (!(command->options & bit)) {
            return claude_keys_usage_error("this command has no option",
                                           *info);
        }

        reading.name = *info;
        rc = claude_keys_option(&reading, bit);

        if (rc != CLAUDE_KEYS_OK) {
            return rc;
        }
    }

    claude_keys_lists(&reading);

    rc = claude_keys_operand(argc, argv, command, args);

    return (rc == CLAUDE_KEYS_OK) ? claude_keys_required(command, args) : rc;
}


static claude_keys_exit_e
claude_keys_option(claude_keys_reading_t *reading, unsigned bit)
{
    claude_str_t         value;
    claude_keys_args_t  *args = reading->args;

    value.data = (const unsigned char *) optarg;
    value.len = optarg ? strlen(optarg) : 0;

    if (bit & CLAUDE_KEYS_OPT_LIMITS) {
        return claude_keys_option_limit(reading,
                                        __builtin_ctz(bit
                                                      / CLAUDE_KEYS_OPT_LIMIT),
                                        &value);
    }

    switch (bit) {

    case CLAUDE_KEYS_OPT_STORE:
        args->store = optarg;
        break;

    case CLAUDE_KEYS_OPT_MASTER:
        args->master = optarg;
        break;

    case CLAUDE_KEYS_OPT_FILE:
        args->token_file = optarg;
        break;

    case CLAUDE_KEYS_OPT_NAME:
    case CLAUDE_KEYS_OPT_EXPIRES:
    case CLAUDE_KEYS_OPT_GRACE:
        return claude_keys_option_text(args, bit, &value);

    case CLAUDE_KEYS_OPT_FROM:
    case CLAUDE_KEYS_OPT_TO:
    case CLAUDE_KEYS_OPT_GROUP:
        return claude_keys_option_use(args, bit, &value);

    case CLAUDE_KEYS_OPT_KEY:
        return claude_keys_operand_id(optarg, args);
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_option_text(claude_keys_args_t *args, unsigned bit,
    const claude_str_t *value)
{
    uint64_t  grace;

    if (bit == CLAUDE_KEYS_OPT_NAME) {
        args->name = *value;

        return (claude_name_check(value->data, value->len) == CLAUDE_OK)
               ? CLAUDE_KEYS_OK
               : claude_keys_usage_error("a name is 1 to 128 printable "
                                         "characters in UTF-8:", "name");
    }

    if (bit == CLAUDE_KEYS_OPT_GRACE) {

        if (claude_json_uint(value, CLAUDE_KEYS_GRACE_MAX, &grace)
            != CLAUDE_OK)
        {
            return claude_keys_usage_error("seconds from 0 to 604800:",
                                           "grace");
        }

        args->grace = grace;

        return CLAUDE_KEYS_OK;
    }

    args->expires = 0;

    if (strcmp(optarg, "never") != 0 && strcmp(optarg, "none") != 0
        && claude_time_read(value, &args->expires) != CLAUDE_OK)
    {
        return claude_keys_usage_error("a time is as 2026-12-31T23:59:59Z, "
                                       "or never:", "expires");
    }

    /* --disable is how a key ends now, and can be undone */

    if (args->expires && args->expires <= time(NULL)) {
        return claude_keys_usage_error("a key can't expire in the past:",
                                       "expires");
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_option_use(claude_keys_args_t *args, unsigned bit,
    const claude_str_t *value)
{
    if (bit == CLAUDE_KEYS_OPT_GROUP) {
        args->group = claude_keys_option_group(value);

        return args->group
               ? CLAUDE_KEYS_OK
               : claude_keys_usage_error("day, model, key, or some of them "
                                         "with commas between:", "group");
    }

    if (claude_usage_day(value, (bit == CLAUDE_KEYS_OPT_FROM) ? &args->from
                                                              : &args->to)
        != CLAUDE_OK)
    {
        return claude_keys_usage_error("a day is as 2026-12-31:",
                                       (bit == CLAUDE_KEYS_OPT_FROM) ? "from"
                                                                     : "to");
    }

    return CLAUDE_KEYS_OK;
}


/* 0: it is none */

static unsigned
claude_keys_option_group(const claude_str_t *value)
{
    size_t               len;
    unsigned             group, bit;
    const char          *p, *comma;
    static const struct {
        const char      *name;
        unsigned         bit;
    } by[] = {
        { "day", CLAUDE_USAGE_BY_DAY },
        { "model", CLAUDE_USAGE_BY_MODEL },
        { "key", CLAUDE_USAGE_BY_KEY }
    };

    group = 0;

    for (p = (const char *) value->data; p; p = comma ? comma + 1 : NULL) {
        comma = strchr(p, ',');
        len = comma ? (size_t) (comma - p) : strlen(p);

        for (bit = 0; bit < 3; bit++) {
            if (strlen(by[bit].name) == len
                && strncmp(by[bit].name, p, len) == 0)
            {
                break;
            }
        }

        if (bit == 3 || group & by[bit].bit) {
            return 0;
        }

        group |= by[bit].bit;
    }

    return group;
}


static claude_keys_exit_e
claude_keys_option_limit(claude_keys_reading_t *reading, claude_limit_e limit,
    const claude_str_t *value)
{
    const char           *reason;
    claude_limits_t      *to;
    claude_json_token_t   token;

    to = (limit == CLAUDE_LIMIT_MODEL_NAMES) ? &reading->models
         : (limit == CLAUDE_LIMIT_ADDRESS_PREFIXES) ? &reading->addresses
         : &reading->args->limits;

    memset(&token, 0, sizeof(token));

    reason = NULL;

    if (strcmp(optarg, "none") == 0) {
        token.type = CLAUDE_JSON_NULL;

    } else if (to == &reading->args->limits) {
        token.type = CLAUDE_JSON_NUMBER;

    } else {
        token.type = CLAUDE_JSON_ARRAY;

        if (to->reading == 0) {
            reason = claude_limits_read(to, limit, &token, NULL);
        }

        token.type = CLAUDE_JSON_STRING;
    }

    token.raw = *value;
    token.text = *value;

    if (reason == NULL) {
        reason = claude_limits_read(to, limit, &token, NULL);
    }

    if (reason) {
        return claude_keys_error(CLAUDE_KEYS_USAGE, "--%s %s",
                                 reading->name, reason);
    }

    return CLAUDE_KEYS_OK;
}


static void
claude_keys_lists(claude_keys_reading_t *reading)
{
    claude_json_token_t   end;
    claude_keys_args_t   *args = reading->args;

    memset(&end, 0, sizeof(end));
    end.type = CLAUDE_JSON_ARRAY_END;

    if (reading->models.reading) {
        (void) claude_limits_read(&reading->models, CLAUDE_LIMIT_MODEL_NAMES,
                                  &end, NULL);
    }

    if (reading->addresses.reading) {
        (void) claude_limits_read(&reading->addresses,
                                  CLAUDE_LIMIT_ADDRESS_PREFIXES, &end, NULL);
    }

    claude_limits_copy(&args->limits, &reading->models,
                       CLAUDE_LIMIT_MODEL_NAMES);
    claude_limits_copy(&args->limits, &reading->addresses,
                       CLAUDE_LIMIT_ADDRESS_PREFIXES);
}


static claude_keys_exit_e
claude_keys_operand(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args)
{
    int  most;

    most = (command->operand == CLAUDE_KEYS_NO_OPERAND) ? 0 : 1;

    if (argc - optind > most) {
        return claude_keys_usage_error("an argument too many", NULL);
    }

    if (argc == optind) {

        switch (command->operand) {

        case CLAUDE_KEYS_ID:
            return claude_keys_usage_error("the key's id is missing", NULL);

        case CLAUDE_KEYS_FILE:
            return claude_keys_usage_error("the backup's file is missing",
                                           NULL);

        default:
            return CLAUDE_KEYS_OK;
        }
    }

    if (command->operand == CLAUDE_KEYS_ID) {
        return claude_keys_operand_id(argv[optind], args);
    }

    if (command->operand == CLAUDE_KEYS_FILE) {
        args->file = argv[optind];
        return CLAUDE_KEYS_OK;
    }

    args->person.data = (const unsigned char *) argv[optind];
    args->person.len = strlen(argv[optind]);

    return claude_password_name(args->person.data, args->person.len)
           ? CLAUDE_KEYS_OK
           : claude_keys_usage_error("a person's name is 1 to 64 bytes "
                                     "without colons and control characters",
                                     NULL);
}


static claude_keys_exit_e
claude_keys_operand_id(const char *text, claude_keys_args_t *args)
{
    if (!claude_key_id_valid((const unsigned char *) text, strlen(text))) {
        return claude_keys_usage_error("an id is key_ and 20 letters or "
                                       "digits, as list shows it", NULL);
    }

    memcpy(args->id, text, CLAUDE_KEY_ID_LEN);

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_required(const claude_keys_command_t *command,
    claude_keys_args_t *args)
{
    unsigned  given = args->given;

    if (command->run == claude_keys_add && !(given & CLAUDE_KEYS_OPT_NAME)) {
        return claude_keys_usage_error("add needs", "name");
    }

    if (command->needs == CLAUDE_KEYS_TOKEN) {

        if (!(given & CLAUDE_KEYS_TOKEN)) {
            return claude_keys_error(CLAUDE_KEYS_USAGE,
                                     "%s needs --token-file or --token-stdin; "
                                     "see claude-keys --help", command->name);
        }

        if ((given & CLAUDE_KEYS_TOKEN) == CLAUDE_KEYS_TOKEN) {
            return claude_keys_usage_error("--token-stdin excludes",
                                           "token-file");
        }
    }

    if (command->needs == CLAUDE_KEYS_SET) {

        if (!(given & CLAUDE_KEYS_SET)) {
            return claude_keys_usage_error("set needs something to change",
                                           NULL);
        }

        if ((given & CLAUDE_KEYS_STATE) == CLAUDE_KEYS_STATE) {
            return claude_keys_usage_error("--enable excludes", "disable");
        }
    }

    return (command->run == claude_keys_usage) ? claude_keys_days(args)
                                               : CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_days(claude_keys_args_t *args)
{
    if ((args->given & (CLAUDE_KEYS_OPT_JSON|CLAUDE_KEYS_OPT_CSV))
        == (CLAUDE_KEYS_OPT_JSON|CLAUDE_KEYS_OPT_CSV))
    {
        return claude_keys_usage_error("--json excludes", "csv");
    }

    if (!(args->given & CLAUDE_KEYS_OPT_TO)) {
        args->to = time(NULL) / 86400;
    }

    if (!(args->given & CLAUDE_KEYS_OPT_FROM)) {
        args->from = (args->to < CLAUDE_KEYS_DAYS)
                     ? 1 : args->to - CLAUDE_KEYS_DAYS + 1;
    }

    if (args->from > args->to) {
        return claude_keys_usage_error("--from comes after", "to");
    }

    if (args->group == 0) {
        args->group = CLAUDE_USAGE_BY_DAY;
    }

    return CLAUDE_KEYS_OK;
}


claude_keys_exit_e
claude_keys_usage_error(const char *reason, const char *option)
{
    return claude_keys_error(CLAUDE_KEYS_USAGE,
                             "%s%s%s; see claude-keys --help", reason,
                             option ? " --" : "", option ? option : "");
}
