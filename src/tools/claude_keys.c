
#include "claude_keys.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>


#define CLAUDE_KEYS_FILES                                                     \
    (CLAUDE_KEYS_OPT_STORE|CLAUDE_KEYS_OPT_MASTER)

#define CLAUDE_KEYS_TOKEN   (CLAUDE_KEYS_OPT_STDIN|CLAUDE_KEYS_OPT_FILE)
#define CLAUDE_KEYS_STATE   (CLAUDE_KEYS_OPT_ENABLE|CLAUDE_KEYS_OPT_DISABLE)
#define CLAUDE_KEYS_SET                                                       \
    (CLAUDE_KEYS_OPT_NAME|CLAUDE_KEYS_OPT_EXPIRES|CLAUDE_KEYS_STATE)


typedef struct {
    const char              *name;
    claude_keys_command_pt   run;
    unsigned                 id;        /* it takes one */
    unsigned                 options;
} claude_keys_command_t;


static int claude_keys_main(int argc, char **argv);
static claude_keys_exit_e claude_keys_info(const char *option);
static claude_keys_exit_e claude_keys_options(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_option(int bit,
    claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_id(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_required(
    const claude_keys_command_t *command, const claude_keys_args_t *args);
static claude_keys_exit_e claude_keys_usage(const char *reason,
    const char *option);


/* getopt_long() returns the bit; none is a character that it returns */

#define CLAUDE_KEYS_INFO  0x1000

static const struct option  claude_keys_longopts[] = {
    { "store", required_argument, NULL, CLAUDE_KEYS_OPT_STORE },
    { "master-key", required_argument, NULL, CLAUDE_KEYS_OPT_MASTER },
    { "name", required_argument, NULL, CLAUDE_KEYS_OPT_NAME },
    { "token-stdin", no_argument, NULL, CLAUDE_KEYS_OPT_STDIN },
    { "token-file", required_argument, NULL, CLAUDE_KEYS_OPT_FILE },
    { "expires", required_argument, NULL, CLAUDE_KEYS_OPT_EXPIRES },
    { "enable", no_argument, NULL, CLAUDE_KEYS_OPT_ENABLE },
    { "disable", no_argument, NULL, CLAUDE_KEYS_OPT_DISABLE },
    { "json", no_argument, NULL, CLAUDE_KEYS_OPT_JSON },
    { "help", no_argument, NULL, CLAUDE_KEYS_INFO },
    { "version", no_argument, NULL, CLAUDE_KEYS_INFO },
    { NULL, 0, NULL, 0 }
};


static const claude_keys_command_t  claude_keys_commands[] = {
    { "init", claude_keys_init, 0, CLAUDE_KEYS_FILES },
    { "add", claude_keys_add, 0,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_NAME|CLAUDE_KEYS_TOKEN
      |CLAUDE_KEYS_OPT_EXPIRES|CLAUDE_KEYS_OPT_JSON },
    { "list", claude_keys_list, 0, CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON },
    { "show", claude_keys_show, 1, CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON },
    { "set", claude_keys_set, 1,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_SET|CLAUDE_KEYS_OPT_JSON },
    { "rotate", claude_keys_rotate, 1,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON },
    { "delete", claude_keys_delete, 1, CLAUDE_KEYS_FILES },
    { "check", claude_keys_check, 0, CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON },
    { "compact", claude_keys_compact, 0, CLAUDE_KEYS_FILES },
    { NULL, NULL, 0, 0 }
};


static const char  claude_keys_help[] =
    "Usage: claude-keys COMMAND [ID] [OPTION]...\n"
    "Keeps the API keys of nginx's Claude module, also while nginx runs.\n"
    "\n"
    "  init     make a master key, and with --store a key log\n"
    "  add      make a key for a credential and print it: --name NAME and\n"
    "           --token-stdin or --token-file FILE [--expires TIME]\n"
    "  list     list the keys\n"
    "  show ID  show one\n"
    "  set ID   change one: [--name NAME] [--enable | --disable]\n"
    "           [--expires TIME]\n"
    "  rotate ID  give its credential another key and print that\n"
    "  delete ID  end it for good\n"
    "  check    read the whole log and say what is wrong with it\n"
    "  compact  rewrite the log, one line a key\n"
    "\n"
    "  --store FILE       the key log\n"
    "                     (" CLAUDE_KEYS_STORE ")\n"
    "  --master-key FILE  the master key\n"
    "                     (" CLAUDE_KEYS_MASTER ")\n"
    "  --name NAME        what the key is called, 1 to 128 characters\n"
    "  --token-stdin      read the credential, sk-ant-..., from stdin\n"
    "  --token-file FILE  read it from a file\n"
    "  --expires TIME     such as 2026-12-31T23:59:59Z, or never\n"
    "  --json             print JSON: add, list, show, set, rotate, check\n"
    "  --help, --version\n"
    "\n"
    "Exits with 0: done, 1: failed, 2: wrong usage, 3: there is no such key,\n"
    "4: the log is damaged or of a later version.\n";


/* SIGPIPE and SIGXFSZ become errors of write(): what failed can be told */

int
main(int argc, char **argv)
{
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);

    if (sodium_init() == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "libsodium can't be initialized");
    }

    return claude_keys_main(argc, argv);
}


static int
claude_keys_main(int argc, char **argv)
{
    claude_keys_exit_e            rc;
    claude_keys_args_t            args;
    const claude_keys_command_t  *command;

    if (argc < 2) {
        return claude_keys_usage("a command is missing", NULL);
    }

    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0) {
        return claude_keys_info(argv[1] + 2);
    }

    for (command = claude_keys_commands; command->name; command++) {
        if (strcmp(argv[1], command->name) == 0) {
            break;
        }
    }

    if (command->name == NULL) {
        return claude_keys_usage("no such command", NULL);
    }

    rc = claude_keys_options(argc - 1, argv + 1, command, &args);

    if (rc != CLAUDE_KEYS_OK || args.given & CLAUDE_KEYS_INFO) {
        return rc;
    }

    return command->run(&args);
}


static claude_keys_exit_e
claude_keys_info(const char *option)
{
    if (strcmp(option, "help") == 0) {
        fputs(claude_keys_help, stdout);

    } else {
        puts("claude-keys " CLAUDE_KEYS_VERSION);
    }

    return claude_keys_print_end();
}


/*
 * What stands in argv is never repeated but for the names of options: it may
 * be a secret in the wrong place.
 */

static claude_keys_exit_e
claude_keys_options(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args)
{
    int                 bit, index;
    claude_keys_exit_e  rc;

    memset(args, 0, sizeof(claude_keys_args_t));

    args->store = CLAUDE_KEYS_STORE;
    args->master = CLAUDE_KEYS_MASTER;

    opterr = 0;
    index = 0;

    while ((bit = getopt_long(argc, argv, ":", claude_keys_longopts, &index))
           != -1)
    {
        if (bit == ':') {
            return claude_keys_usage("an option lacks its value", NULL);
        }

        if (bit == '?') {
            return claude_keys_usage("no such option, or a value too many",
                                     NULL);
        }

        args->given |= bit;

        if (bit & CLAUDE_KEYS_INFO) {
            return claude_keys_info(claude_keys_longopts[index].name);
        }

        if (!(command->options & bit)) {
            return claude_keys_usage("this command has no option",
                                     claude_keys_longopts[index].name);
        }

        rc = claude_keys_option(bit, args);

        if (rc != CLAUDE_KEYS_OK) {
            return rc;
        }
    }

    rc = claude_keys_id(argc, argv, command, args);

    return (rc == CLAUDE_KEYS_OK) ? claude_keys_required(command, args) : rc;
}


static claude_keys_exit_e
claude_keys_option(int bit, claude_keys_args_t *args)
{
    claude_str_t  value;

    value.data = (const unsigned char *) optarg;
    value.len = optarg ? strlen(optarg) : 0;

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
        args->name = value;

        if (claude_name_check(value.data, value.len) != CLAUDE_OK) {
            return claude_keys_usage("a name is 1 to 128 printable "
                                     "characters in UTF-8:", "name");
        }

        break;

    case CLAUDE_KEYS_OPT_EXPIRES:
        args->expires = 0;

        if (strcmp(optarg, "never") != 0
            && claude_time_read(&value, &args->expires) != CLAUDE_OK)
        {
            return claude_keys_usage("a time is as 2026-12-31T23:59:59Z, "
                                     "or never:", "expires");
        }

        break;
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_id(int argc, char **argv, const claude_keys_command_t *command,
    claude_keys_args_t *args)
{
    if (argc - optind > (int) command->id) {
        return claude_keys_usage("an argument too many", NULL);
    }

    if (argc - optind < (int) command->id) {
        return claude_keys_usage("the key's id is missing", NULL);
    }

    if (command->id == 0) {
        return CLAUDE_KEYS_OK;
    }

    if (!claude_key_id_valid((unsigned char *) argv[optind],
                             strlen(argv[optind])))
    {
        return claude_keys_usage("an id is key_ and 20 letters or digits, as "
                                 "list shows it", NULL);
    }

    memcpy(args->id, argv[optind], CLAUDE_KEY_ID_LEN);

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_required(const claude_keys_command_t *command,
    const claude_keys_args_t *args)
{
    unsigned  given;

    given = args->given;

    if (command->run == claude_keys_add) {

        if (!(given & CLAUDE_KEYS_OPT_NAME)) {
            return claude_keys_usage("add needs", "name");
        }

        if (!(given & CLAUDE_KEYS_TOKEN)) {
            return claude_keys_usage("add needs --token-file or",
                                     "token-stdin");
        }

        if ((given & CLAUDE_KEYS_TOKEN) == CLAUDE_KEYS_TOKEN) {
            return claude_keys_usage("--token-stdin excludes", "token-file");
        }
    }

    if (command->run == claude_keys_set) {

        if (!(given & CLAUDE_KEYS_SET)) {
            return claude_keys_usage("set needs something to change", NULL);
        }

        if ((given & CLAUDE_KEYS_STATE) == CLAUDE_KEYS_STATE) {
            return claude_keys_usage("--enable excludes", "disable");
        }
    }

    return CLAUDE_KEYS_OK;
}


static claude_keys_exit_e
claude_keys_usage(const char *reason, const char *option)
{
    return claude_keys_error(CLAUDE_KEYS_USAGE,
                             "%s%s%s; see claude-keys --help", reason,
                             option ? " --" : "", option ? option : "");
}
