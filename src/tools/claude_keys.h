
/*
 * claude-keys, the operator's command on a key log.
 */


#ifndef CLAUDE_KEYS_H
#define CLAUDE_KEYS_H


#include "../core/claude_live_log.h"


#define CLAUDE_KEYS_VERSION     CLAUDE_VERSION
#define CLAUDE_KEYS_STORE       "/var/lib/nginx-claude/keys.jsonl"
#define CLAUDE_KEYS_MASTER      "/etc/nginx/claude/master.key"

#define CLAUDE_KEYS_WAIT        10000   /* ms for the log's lock */


/* what claude-keys exits with */

typedef enum {
    CLAUDE_KEYS_OK = 0,
    CLAUDE_KEYS_FAILED,             /* and stderr says why */
    CLAUDE_KEYS_USAGE,
    CLAUDE_KEYS_NOT_FOUND,          /* there is no key of this id */
    CLAUDE_KEYS_DAMAGED             /* the log is, or is of a later version */
} claude_keys_exit_e;


/* a bit an option; those of limits are 1 << claude_limit_e from LIMIT on */

#define CLAUDE_KEYS_OPT_STORE    0x0001u
#define CLAUDE_KEYS_OPT_MASTER   0x0002u
#define CLAUDE_KEYS_OPT_NAME     0x0004u
#define CLAUDE_KEYS_OPT_STDIN    0x0008u
#define CLAUDE_KEYS_OPT_FILE     0x0010u
#define CLAUDE_KEYS_OPT_EXPIRES  0x0020u
#define CLAUDE_KEYS_OPT_ENABLE   0x0040u
#define CLAUDE_KEYS_OPT_DISABLE  0x0080u
#define CLAUDE_KEYS_OPT_JSON     0x0100u
#define CLAUDE_KEYS_OPT_CSV      0x0200u
#define CLAUDE_KEYS_OPT_GRACE    0x0400u
#define CLAUDE_KEYS_OPT_RESEAL   0x0800u
#define CLAUDE_KEYS_OPT_FROM     0x1000u
#define CLAUDE_KEYS_OPT_TO       0x2000u
#define CLAUDE_KEYS_OPT_GROUP    0x4000u
#define CLAUDE_KEYS_OPT_KEY      0x8000u
#define CLAUDE_KEYS_OPT_LIMIT    0x10000u

#define CLAUDE_KEYS_OPT_LIMITS                                                \
    (CLAUDE_KEYS_OPT_LIMIT * ((1u << CLAUDE_LIMIT_N) - 1))

#define CLAUDE_KEYS_OPT_INFO     0x40000000u

#define CLAUDE_KEYS_TOKEN   (CLAUDE_KEYS_OPT_STDIN|CLAUDE_KEYS_OPT_FILE)
#define CLAUDE_KEYS_STATE   (CLAUDE_KEYS_OPT_ENABLE|CLAUDE_KEYS_OPT_DISABLE)
#define CLAUDE_KEYS_SET                                                       \
    (CLAUDE_KEYS_OPT_NAME|CLAUDE_KEYS_OPT_EXPIRES|CLAUDE_KEYS_STATE           \
     |CLAUDE_KEYS_OPT_LIMITS)

#define CLAUDE_KEYS_GRACE_MAX    604800     /* s: seven days */


/* the command line, checked */

typedef struct {
    unsigned               given;       /* CLAUDE_KEYS_OPT_… */
    const char            *store;
    const char            *master;
    const char            *token_file;
    const char            *file;        /* of backup and restore */
    claude_str_t           name;
    claude_str_t           person;      /* of password */
    int64_t                expires;     /* 0: never */
    int64_t                grace;       /* s */
    claude_limits_t        limits;      /* those given; unset: none */
    uint32_t               from;        /* days since 1970 */
    uint32_t               to;
    unsigned               group;       /* CLAUDE_USAGE_BY_… */
    unsigned char          id[CLAUDE_KEY_ID_LEN];   /* also of --key */
} claude_keys_args_t;

typedef claude_keys_exit_e (*claude_keys_command_pt)(
    const claude_keys_args_t *args);


/* what may stand behind a command */

typedef enum {
    CLAUDE_KEYS_NO_OPERAND = 0,
    CLAUDE_KEYS_ID,
    CLAUDE_KEYS_FILE,
    CLAUDE_KEYS_PERSON                  /* or nothing */
} claude_keys_operand_e;


typedef struct {
    const char              *name;
    claude_keys_command_pt   run;
    claude_keys_operand_e    operand;
    unsigned                 options;   /* it takes */
    unsigned                 needs;     /* one of these */
} claude_keys_command_t;


/* claude_keys_options.c: argv begins with the command's name.  --help and
 * --version end in args->given having CLAUDE_KEYS_OPT_INFO, and *info which. */

claude_keys_exit_e claude_keys_options(int argc, char **argv,
    const claude_keys_command_t *command, claude_keys_args_t *args,
    const char **info);
claude_keys_exit_e claude_keys_usage_error(const char *reason,
    const char *option);


/* claude_keys_commands.c */

claude_keys_exit_e claude_keys_init(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_add(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_list(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_show(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_set(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_rotate(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_replace(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_delete(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_compact(const claude_keys_args_t *args);

/* the same as delete, but it is no fault when there is no such key */

claude_keys_exit_e claude_keys_end(const claude_keys_args_t *args);

/* each in a file of its name */

claude_keys_exit_e claude_keys_check(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_usage(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_forget(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_backup(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_restore(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_rekey(const claude_keys_args_t *args);
claude_keys_exit_e claude_keys_password(const claude_keys_args_t *args);


/*
 * claude_keys_store.c: what fails has been explained on stderr when these
 * return.
 */

/* sodium_malloc() memory, to be given to sodium_free(); NULL: it failed */

claude_master_t *claude_keys_master(const char *path);
claude_secrets_t *claude_keys_secrets(const claude_keys_args_t *args,
    const claude_master_t *master, const claude_header_t *header);

/* the token of --token-stdin or --token-file, without one LF at its end; data
 * is sodium_malloc() memory.  data NULL: it failed */

claude_str_t claude_keys_token(const claude_keys_args_t *args);

/* is the log to be trusted; missing, if not NULL: it is simply not there */

claude_keys_exit_e claude_keys_trust(const claude_keys_args_t *args,
    unsigned *missing);

claude_keys_exit_e claude_keys_create(const claude_keys_args_t *args,
    const claude_master_t *master);

/* what is live; the caller frees log, also when it fails.  reload reads what
 * came since */

claude_keys_exit_e claude_keys_load(const claude_keys_args_t *args,
    claude_live_log_t *log);
claude_keys_exit_e claude_keys_reload(const claude_keys_args_t *args,
    claude_live_log_t *log);

/*
 * One change, decided under the log's lock on what stands there then.  make
 * gets the key's record in change, a put, and makes of it what is appended; or
 * explains on stderr why not.  fresh: there is no record yet.
 */

typedef struct claude_keys_edit_s  claude_keys_edit_t;

struct claude_keys_edit_s {
    claude_live_log_t      log;         /* first: a handler's ctx is both */
    const claude_keys_args_t  *args;
    claude_rc_t          (*make)(claude_keys_edit_t *edit);
    const claude_str_t    *token;
    claude_secrets_t      *secrets;
    claude_change_t        change;
    unsigned char          key[CLAUDE_KEY_LEN];
    unsigned               fresh:1;
    unsigned               quiet:1;     /* about a key that is not there */
    unsigned               found:1;
    unsigned               explained:1;
};

/* secrets are the store's when make is called, if master is given */

claude_keys_exit_e claude_keys_edit(claude_keys_edit_t *edit,
    const claude_master_t *master);


/* claude_keys_print.c */

claude_keys_exit_e claude_keys_error(claude_keys_exit_e rc,
    const char *fmt, ...) __attribute__((format(printf, 2, 3)));

claude_keys_exit_e claude_keys_no_key(const claude_keys_args_t *args);

/* explains what a call on the log returned */

claude_keys_exit_e claude_keys_log_error(const char *path, claude_rc_t rc,
    const claude_log_error_t *error);

/* the key alone, or with --json the record with it; zeroes the key */

claude_keys_exit_e claude_keys_print_key(const claude_keys_args_t *args,
    const claude_record_t *record, unsigned char key[CLAUDE_KEY_LEN]);

/* the record, as --json says */

claude_keys_exit_e claude_keys_print_record(const claude_keys_args_t *args,
    const claude_record_t *record);

/* a short output for a buffer of the caller's: size bytes at most */

void claude_keys_out_init(claude_out_t *out, claude_mem_t *mem,
    unsigned char *buf, size_t size);

/* without an LF */

void claude_keys_print_json(const claude_record_t *record);

void claude_keys_print_heading(void);
void claude_keys_print_row(const claude_record_t *record);

/* whether all of stdout was written */

claude_keys_exit_e claude_keys_print_end(void);


#endif /* CLAUDE_KEYS_H */
