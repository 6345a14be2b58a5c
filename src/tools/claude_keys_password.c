
#include "claude_keys.h"

#include "../core/claude_file.h"
#include "../core/claude_password.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>


#define CLAUDE_KEYS_COST      12
#define CLAUDE_KEYS_PASSWORD  12        /* characters at least */
#define CLAUDE_KEYS_PERSON    "admin"


typedef struct {
    size_t                 len;
    unsigned char          data[CLAUDE_PASSWORD_MAX + 3];   /* terminated */
} claude_keys_secret_t;


static claude_keys_exit_e claude_keys_password_line(
    const claude_keys_args_t *args, claude_keys_secret_t *password);
static claude_keys_exit_e claude_keys_ask(claude_keys_secret_t secrets[2]);
static claude_keys_exit_e claude_keys_ask_quietly(
    claude_keys_secret_t secrets[2]);
static claude_keys_exit_e claude_keys_ask_once(const char *prompt,
    claude_keys_secret_t *secret);
static void claude_keys_interrupted(int sig);
static claude_keys_exit_e claude_keys_password_check(
    const claude_keys_secret_t *password);


/* never from the command line, where other users could see it */

claude_keys_exit_e
claude_keys_password(const claude_keys_args_t *args)
{
    claude_keys_exit_e     rc;
    claude_keys_secret_t  *secrets;

    secrets = sodium_malloc(2 * sizeof(claude_keys_secret_t));

    if (secrets == NULL) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no memory for secrets");
    }

    sodium_memzero(secrets, 2 * sizeof(claude_keys_secret_t));

    rc = claude_keys_ask(secrets);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_password_check(&secrets[0]);
    }

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_password_line(args, &secrets[0]);
    }

    sodium_free(secrets);

    return rc;
}


static claude_keys_exit_e
claude_keys_password_line(const claude_keys_args_t *args,
    claude_keys_secret_t *password)
{
    char          hash[CLAUDE_PASSWORD_HASH + 1];
    claude_str_t  person = claude_string(CLAUDE_KEYS_PERSON);

    if (args->person.len) {
        person = args->person;
    }

    if (claude_password_hash((const char *) password->data, CLAUDE_KEYS_COST,
                             hash)
        != CLAUDE_OK)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "crypt() of this system has no bcrypt");
    }

    printf("%.*s:%s\n", (int) person.len, (const char *) person.data, hash);

    return claude_keys_print_end();
}


/* up to the end of stdin, one LF there dropped; a terminal is asked twice */

static claude_keys_exit_e
claude_keys_ask(claude_keys_secret_t secrets[2])
{
    ssize_t  n;

    if (isatty(STDIN_FILENO)) {
        return claude_keys_ask_quietly(secrets);
    }

    n = claude_file_read(STDIN_FILENO, secrets[0].data,
                         sizeof(secrets[0].data) - 1);

    if (n == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the password can't be read: %s",
                                 strerror(errno));
    }

    if (n && secrets[0].data[n - 1] == '\n') {
        n--;
    }

    secrets[0].data[n] = '\0';
    secrets[0].len = n;

    return CLAUDE_KEYS_OK;
}


/* whatever ends it, the terminal is left as it was, and nothing of what was
 * typed is left to the shell */

static claude_keys_exit_e
claude_keys_ask_quietly(claude_keys_secret_t secrets[2])
{
    struct termios      before, quiet;
    struct sigaction    action;
    claude_keys_exit_e  rc;

    if (tcgetattr(STDIN_FILENO, &before) == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "the terminal: %s",
                                 strerror(errno));
    }

    memset(&action, 0, sizeof(action));
    action.sa_handler = claude_keys_interrupted;

    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGHUP, &action, NULL);
    (void) sigaction(SIGQUIT, &action, NULL);
    (void) sigaction(SIGTSTP, &action, NULL);

    quiet = before;
    quiet.c_lflag &= ~ECHO;

    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == -1) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "the terminal: %s",
                                 strerror(errno));
    }

    rc = claude_keys_ask_once("Password: ", &secrets[0]);

    if (rc == CLAUDE_KEYS_OK) {
        rc = claude_keys_ask_once("Once more: ", &secrets[1]);
    }

    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);

    if (rc == CLAUDE_KEYS_OK
        && sodium_memcmp(&secrets[0], &secrets[1],
                         sizeof(claude_keys_secret_t))
           != 0)
    {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "the two passwords differ");
    }

    return rc;
}


static claude_keys_exit_e
claude_keys_ask_once(const char *prompt, claude_keys_secret_t *secret)
{
    ssize_t  n;

    fputs(prompt, stderr);

    n = read(STDIN_FILENO, secret->data, sizeof(secret->data) - 1);

    fputc('\n', stderr);

    if (n <= 0) {
        return claude_keys_error(CLAUDE_KEYS_FAILED, "no password was given");
    }

    if (secret->data[n - 1] == '\n') {
        n--;
    }

    secret->data[n] = '\0';
    secret->len = n;

    return CLAUDE_KEYS_OK;
}


static void
claude_keys_interrupted(int sig)
{
    (void) sig;
}


static claude_keys_exit_e
claude_keys_password_check(const claude_keys_secret_t *password)
{
    size_t         i, chars;
    unsigned char  c;

    if (password->len > CLAUDE_PASSWORD_MAX) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "a password of more than %d bytes would be "
                                 "cut", CLAUDE_PASSWORD_MAX);
    }

    chars = 0;

    for (i = 0; i < password->len; i++) {
        c = password->data[i];

        if (c < 0x20 || c == 0x7f) {
            return claude_keys_error(CLAUDE_KEYS_FAILED,
                                     "a password has no control characters");
        }

        chars += (c & 0xc0) != 0x80;
    }

    if (chars < CLAUDE_KEYS_PASSWORD) {
        return claude_keys_error(CLAUDE_KEYS_FAILED,
                                 "a password has %d characters at least",
                                 CLAUDE_KEYS_PASSWORD);
    }

    return CLAUDE_KEYS_OK;
}
