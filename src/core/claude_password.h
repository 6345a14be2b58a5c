
/*
 * The password file of the admin: lines of NAME:HASH as "htpasswd -B" writes
 * them.  Hashes are bcrypt's, "$2y$", "$2b$" or "$2a$", of cost 10 to 14.
 *
 * Reading blocks, and a check takes a core for a tenth of a second or many.
 */


#ifndef CLAUDE_PASSWORD_H
#define CLAUDE_PASSWORD_H


#include "claude_file.h"


#define CLAUDE_PERSON_MAX         64    /* bytes of a name */
#define CLAUDE_PEOPLE_MAX         256   /* names in a file */
#define CLAUDE_PEOPLE_FILE        65536 /* bytes of a file */

#define CLAUDE_PASSWORD_MAX       72    /* bytes that bcrypt looks at */
#define CLAUDE_PASSWORD_HASH      60    /* characters of its hash */
#define CLAUDE_PASSWORD_COST_MIN  10
#define CLAUDE_PASSWORD_COST_MAX  14


typedef struct {
    unsigned char          name[CLAUDE_PERSON_MAX];
    size_t                 len;
    char                   hash[CLAUDE_PASSWORD_HASH + 1];
    unsigned               cost;

    /* whoever keeps sessions has his digest of name and hash here */
    unsigned char          credential[32];
} claude_person_t;


typedef struct {
    unsigned               n;           /* 1 to CLAUDE_PEOPLE_MAX */
    claude_person_t       *people;
} claude_people_t;


typedef enum {
    CLAUDE_PASSWORD_OK = 0,

    /* of the file: *secret says which; errno */
    CLAUDE_PASSWORD_FILE,
    CLAUDE_PASSWORD_EMPTY,          /* nobody could sign in */
    CLAUDE_PASSWORD_LARGE,
    CLAUDE_PASSWORD_NO_MEMORY,

    /* of a line */
    CLAUDE_PASSWORD_LINE,           /* not NAME:HASH */
    CLAUDE_PASSWORD_NAME,
    CLAUDE_PASSWORD_TWICE,          /* the name */
    CLAUDE_PASSWORD_NOT_BCRYPT,
    CLAUDE_PASSWORD_COST
} claude_password_rc_e;


/*
 * Reads the file, which must be regular, no symlink, owned by root or the
 * caller, and closed to group and others.  Empty lines and those that begin
 * with "#" say nothing.  *line is where it is wrong, or 0; CLAUDE_PASSWORD_FILE
 * comes with *secret, and with errno for two of those.
 */

claude_password_rc_e claude_password_read(const char *path,
    claude_mem_t *mem, claude_people_t *people, unsigned *line,
    claude_secret_rc_e *secret);

/* the same of text in memory */

claude_password_rc_e claude_password_parse(const unsigned char *text,
    size_t len, claude_mem_t *mem, claude_people_t *people, unsigned *line);

/* a clause: "names nobody"; of CLAUDE_PASSWORD_FILE secret has a better one */

const char *claude_password_reason(claude_password_rc_e rc);

/* whether a name may stand in the file: UTF-8 without ":" and control
 * characters, no "#" first, 1 to CLAUDE_PERSON_MAX bytes */

unsigned claude_password_name(const unsigned char *name, size_t len);

/* whether bcrypt sees all of the password: 1 to CLAUDE_PASSWORD_MAX bytes,
 * none of them NUL */

unsigned claude_password_fits(const unsigned char *password, size_t len);

/* the person of that name, or NULL */

const claude_person_t *claude_password_find(const claude_people_t *people,
    const claude_str_t *name);

/*
 * password is terminated, and fits.  CLAUDE_OK; CLAUDE_DECLINED, another one;
 * CLAUDE_NO_MEMORY.  In any thread; what crypt() used is wiped.
 */

claude_rc_t claude_password_check(const char *password, const char *hash);

/* makes a hash of a fresh salt, terminated; CLAUDE_INVALID: cost is out of
 * bounds, or this machine's crypt() has no bcrypt */

claude_rc_t claude_password_hash(const char *password, unsigned cost,
    char hash[CLAUDE_PASSWORD_HASH + 1]);


#endif /* CLAUDE_PASSWORD_H */
