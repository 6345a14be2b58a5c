
#include "claude_keys.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>


#define CLAUDE_KEYS_FILES                                                     \
    (CLAUDE_KEYS_OPT_STORE|CLAUDE_KEYS_OPT_MASTER)

#define CLAUDE_KEYS_USES                                                      \
    (CLAUDE_KEYS_OPT_FROM|CLAUDE_KEYS_OPT_TO|CLAUDE_KEYS_OPT_GROUP            \
     |CLAUDE_KEYS_OPT_KEY|CLAUDE_KEYS_OPT_CSV)


static int claude_keys_main(int argc, char **argv);
static claude_keys_exit_e claude_keys_info(const char *option);


static const claude_keys_command_t  claude_keys_commands[] = {
    { "init", claude_keys_init, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES, 0 },
    { "add", claude_keys_add, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_NAME|CLAUDE_KEYS_TOKEN
      |CLAUDE_KEYS_OPT_EXPIRES|CLAUDE_KEYS_OPT_LIMITS|CLAUDE_KEYS_OPT_JSON,
      CLAUDE_KEYS_TOKEN },
    { "list", claude_keys_list, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON, 0 },
    { "show", claude_keys_show, CLAUDE_KEYS_ID,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON, 0 },
    { "set", claude_keys_set, CLAUDE_KEYS_ID,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_SET|CLAUDE_KEYS_OPT_JSON,
      CLAUDE_KEYS_SET },
    { "rotate", claude_keys_rotate, CLAUDE_KEYS_ID,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_GRACE|CLAUDE_KEYS_OPT_JSON, 0 },
    { "token", claude_keys_replace, CLAUDE_KEYS_ID,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_TOKEN|CLAUDE_KEYS_OPT_JSON,
      CLAUDE_KEYS_TOKEN },
    { "delete", claude_keys_delete, CLAUDE_KEYS_ID, CLAUDE_KEYS_FILES, 0 },
    { "forget", claude_keys_forget, CLAUDE_KEYS_ID, CLAUDE_KEYS_FILES, 0 },
    { "usage", claude_keys_usage, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_USES|CLAUDE_KEYS_OPT_JSON, 0 },
    { "check", claude_keys_check, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_JSON, 0 },
    { "compact", claude_keys_compact, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES, 0 },
    { "backup", claude_keys_backup, CLAUDE_KEYS_FILE, CLAUDE_KEYS_FILES, 0 },
    { "restore", claude_keys_restore, CLAUDE_KEYS_FILE, CLAUDE_KEYS_FILES, 0 },
    { "rekey", claude_keys_rekey, CLAUDE_KEYS_NO_OPERAND,
      CLAUDE_KEYS_FILES|CLAUDE_KEYS_OPT_RESEAL, 0 },
    { "password", claude_keys_password, CLAUDE_KEYS_PERSON, 0, 0 },
    { NULL, NULL, CLAUDE_KEYS_NO_OPERAND, 0, 0 }
};


static const char  claude_keys_help[] =
    "Usage: claude-keys COMMAND [ID | FILE | NAME] [OPTION]...\n"
    "Keeps the API keys of nginx's Claude module, also while nginx runs.\n"
    "\n"
    "  init     make a master key, and with --store a key log\n"
    "  add      make a key for a credential and print it: --name NAME and\n"
    "           --token-stdin or --token-file FILE [--expires TIME]\n"
    "           [LIMIT]...\n"
    "  list     list the keys\n"
    "  show ID  show one\n"
    "  set ID   change one: [--name NAME] [--enable | --disable]\n"
    "           [--expires TIME] [LIMIT]...\n"
    "  rotate ID  give its credential another key and print that; the old one\n"
    "           holds for [--grace SECONDS], up to 604800\n"
    "  token ID  give its key another credential: --token-stdin or\n"
    "           --token-file FILE\n"
    "  delete ID  end it for good\n"
    "  forget ID  end it, and remove all that is stored about it\n"
    "  usage    say what was used: [--from DAY] [--to DAY] [--key ID]\n"
    "           [--group day,model,key]\n"
    "  check    read the whole log and say what is wrong with it\n"
    "  compact  rewrite the log, one line a key\n"
    "  backup FILE   write keys and usage to a new file, without the master\n"
    "           key\n"
    "  restore FILE  make a key log of one, where there is none\n"
    "  rekey    wrap the log's secrets by the first master key; with --reseal\n"
    "           make a new one and seal each credential by it\n"
    "  password [NAME]  read a password from stdin and print a line of the\n"
    "           admin's password file, for NAME or admin\n"
    "\n"
    "  --store FILE       the key log\n"
    "                     (" CLAUDE_KEYS_STORE ")\n"
    "  --master-key FILE  the master key, or credential:NAME, as systemd\n"
    "                     hands it out\n"
    "                     (" CLAUDE_KEYS_MASTER ")\n"
    "  --name NAME        what the key is called, 1 to 128 characters\n"
    "  --token-stdin      read the credential, sk-ant-..., from stdin\n"
    "  --token-file FILE  read it from a file\n"
    "  --expires TIME     such as 2026-12-31T23:59:59Z, later than now, or\n"
    "                     never\n"
    "  --from, --to DAY   such as 2026-12-31; by default the last 30 days\n"
    "  --json             print JSON: add, list, show, set, rotate, token,\n"
    "                     check, usage\n"
    "  --csv              print CSV: usage\n"
    "  --help, --version\n"
    "\n"
    "LIMIT is any of these; none takes it away:\n"
    "  --requests-per-minute N    --tokens-per-minute N\n"
    "  --concurrent-requests N    --day-tokens N    --month-tokens N\n"
    "  --day-cost DOLLARS         --month-cost DOLLARS\n"
    "  --allowed-model MODEL      --allowed-address ADDRESS[/PREFIX]\n"
    "The last two may be given several times, and replace what was there.\n"
    "\n"
    "Exits with 0: done, 1: failed, 2: wrong usage, 3: there is no such key,\n"
    "4: the log or the backup is damaged or of a later version.\n";


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
    const char                   *info;
    claude_keys_exit_e            rc;
    claude_keys_args_t            args;
    const claude_keys_command_t  *command;

    if (argc < 2) {
        return claude_keys_usage_error("a command is missing", NULL);
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
        return claude_keys_usage_error("no such command", NULL);
    }

    rc = claude_keys_options(argc - 1, argv + 1, command, &args, &info);

    if (rc == CLAUDE_KEYS_OK && args.given & CLAUDE_KEYS_OPT_INFO) {
        return claude_keys_info(info);
    }

    return (rc == CLAUDE_KEYS_OK) ? command->run(&args) : rc;
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
