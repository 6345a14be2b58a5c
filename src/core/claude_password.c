
#include "claude_password.h"

#include "claude_json_reader.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static claude_password_rc_e claude_password_line(const unsigned char *text,
    size_t len, claude_people_t *people);
static claude_password_rc_e claude_password_bcrypt(const unsigned char *hash,
    size_t len, unsigned *cost);
static claude_rc_t claude_password_crypt(const char *password,
    const char *setting, char hash[CLAUDE_PASSWORD_HASH + 1]);


claude_password_rc_e
claude_password_read(const char *path, claude_mem_t *mem,
    claude_people_t *people, unsigned *line, claude_secret_rc_e *secret)
{
    int                    fd, err;
    ssize_t                n;
    unsigned char         *buf;
    claude_password_rc_e   rc;

    *line = 0;

    *secret = claude_file_open_secret(path, &fd);

    if (*secret != CLAUDE_SECRET_OK) {
        return CLAUDE_PASSWORD_FILE;
    }

    buf = malloc(CLAUDE_PEOPLE_FILE + 1);

    if (buf == NULL) {
        close(fd);
        return CLAUDE_PASSWORD_NO_MEMORY;
    }

    n = claude_file_read(fd, buf, CLAUDE_PEOPLE_FILE + 1);
    err = errno;

    if (n == -1) {
        *secret = CLAUDE_SECRET_IO;
        rc = CLAUDE_PASSWORD_FILE;

    } else if (n > CLAUDE_PEOPLE_FILE) {
        rc = CLAUDE_PASSWORD_LARGE;

    } else {
        rc = claude_password_parse(buf, n, mem, people, line);
    }

    sodium_memzero(buf, CLAUDE_PEOPLE_FILE + 1);
    free(buf);
    close(fd);
    errno = err;

    return rc;
}


claude_password_rc_e
claude_password_parse(const unsigned char *text, size_t len,
    claude_mem_t *mem, claude_people_t *people, unsigned *line)
{
    unsigned               n;
    const unsigned char   *p, *lf, *end;
    claude_password_rc_e   rc;

    *line = 0;
    people->n = 0;
    people->people = claude_alloc(mem, CLAUDE_PEOPLE_MAX
                                       * sizeof(claude_person_t));

    if (people->people == NULL) {
        return CLAUDE_PASSWORD_NO_MEMORY;
    }

    end = text + len;
    n = 0;

    for (p = text; p < end; p = lf + 1) {
        n++;

        lf = memchr(p, '\n', end - p);

        if (lf == NULL) {
            lf = end;
        }

        if (p == lf || *p == '#') {
            continue;
        }

        rc = claude_password_line(p, lf - p, people);

        if (rc != CLAUDE_PASSWORD_OK) {
            *line = n;
            return rc;
        }
    }

    return people->n ? CLAUDE_PASSWORD_OK : CLAUDE_PASSWORD_EMPTY;
}


static claude_password_rc_e
claude_password_line(const unsigned char *text, size_t len,
    claude_people_t *people)
{
    size_t                 hash_len;
    unsigned               cost;
    claude_str_t           name;
    claude_person_t       *person;
    const unsigned char   *colon;
    claude_password_rc_e   rc;

    colon = memchr(text, ':', len);

    if (colon == NULL) {
        return CLAUDE_PASSWORD_LINE;
    }

    name.len = colon - text;
    name.data = text;

    if (!claude_password_name(name.data, name.len)) {
        return CLAUDE_PASSWORD_NAME;
    }

    if (claude_password_find(people, &name) != NULL) {
        return CLAUDE_PASSWORD_TWICE;
    }

    hash_len = len - name.len - 1;
    rc = claude_password_bcrypt(colon + 1, hash_len, &cost);

    if (rc != CLAUDE_PASSWORD_OK) {
        return rc;
    }

    if (people->n == CLAUDE_PEOPLE_MAX) {
        return CLAUDE_PASSWORD_LARGE;
    }

    person = &people->people[people->n++];

    memset(person, 0, sizeof(claude_person_t));
    memcpy(person->name, name.data, name.len);
    person->len = name.len;
    memcpy(person->hash, colon + 1, hash_len);
    person->cost = cost;

    return CLAUDE_PASSWORD_OK;
}


/* crypt() takes what is malformed as something else, or cuts it */

static claude_password_rc_e
claude_password_bcrypt(const unsigned char *hash, size_t len, unsigned *cost)
{
    size_t         i;
    unsigned char  c;

    if (len != CLAUDE_PASSWORD_HASH
        || hash[0] != '$' || hash[1] != '2'
        || (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y')
        || hash[3] != '$'
        || hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9'
        || hash[6] != '$')
    {
        return CLAUDE_PASSWORD_NOT_BCRYPT;
    }

    for (i = 7; i < len; i++) {
        c = hash[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
              || (c >= 'a' && c <= 'z') || c == '.' || c == '/'))
        {
            return CLAUDE_PASSWORD_NOT_BCRYPT;
        }
    }

    *cost = (hash[4] - '0') * 10 + (hash[5] - '0');

    return (*cost < CLAUDE_PASSWORD_COST_MIN
            || *cost > CLAUDE_PASSWORD_COST_MAX)
           ? CLAUDE_PASSWORD_COST : CLAUDE_PASSWORD_OK;
}


const char *
claude_password_reason(claude_password_rc_e rc)
{
    switch (rc) {

    case CLAUDE_PASSWORD_OK:
        return "is sound";

    case CLAUDE_PASSWORD_FILE:
        return "can't be read";

    case CLAUDE_PASSWORD_EMPTY:
        return "names nobody";

    case CLAUDE_PASSWORD_LARGE:
        return "has more than 64 KB, or more than 256 names";

    case CLAUDE_PASSWORD_NO_MEMORY:
        return "needs more memory than there is";

    case CLAUDE_PASSWORD_LINE:
        return "is not of the form NAME:HASH";

    case CLAUDE_PASSWORD_NAME:
        return "has a name that is not 1 to 64 bytes of UTF-8 without "
               "control characters";

    case CLAUDE_PASSWORD_TWICE:
        return "has a name for the second time";

    case CLAUDE_PASSWORD_NOT_BCRYPT:
        return "has a password that is not a bcrypt hash: use \"htpasswd -B\"";

    case CLAUDE_PASSWORD_COST:
        return "has a bcrypt hash whose cost is not 10 to 14: use "
               "\"htpasswd -B -C 12\"";
    }

    return "is in an unknown state";
}


unsigned
claude_password_name(const unsigned char *name, size_t len)
{
    size_t  i;

    if (len == 0 || len > CLAUDE_PERSON_MAX || name[0] == '#'
        || claude_utf8_span(name, len) != len)
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (name[i] < 0x20 || name[i] == 0x7f || name[i] == ':') {
            return 0;
        }
    }

    return 1;
}


unsigned
claude_password_fits(const unsigned char *password, size_t len)
{
    return len > 0 && len <= CLAUDE_PASSWORD_MAX
           && memchr(password, '\0', len) == NULL;
}


const claude_person_t *
claude_password_find(const claude_people_t *people, const claude_str_t *name)
{
    unsigned                i;
    const claude_person_t  *person;

    for (i = 0; i < people->n; i++) {
        person = &people->people[i];

        if (person->len == name->len
            && memcmp(person->name, name->data, name->len) == 0)
        {
            return person;
        }
    }

    return NULL;
}


claude_rc_t
claude_password_check(const char *password, const char *hash)
{
    char         made[CLAUDE_PASSWORD_HASH + 1];
    claude_rc_t  rc;

    rc = claude_password_crypt(password, hash, made);

    if (rc == CLAUDE_INVALID) {
        return CLAUDE_DECLINED;
    }

    if (rc == CLAUDE_OK
        && sodium_memcmp(made, hash, CLAUDE_PASSWORD_HASH) != 0)
    {
        rc = CLAUDE_DECLINED;
    }

    sodium_memzero(made, sizeof(made));

    return rc;
}


claude_rc_t
claude_password_hash(const char *password, unsigned cost,
    char hash[CLAUDE_PASSWORD_HASH + 1])
{
    char  salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];

    if (cost < CLAUDE_PASSWORD_COST_MIN || cost > CLAUDE_PASSWORD_COST_MAX) {
        return CLAUDE_INVALID;
    }

    randombytes_buf(salt, sizeof(salt));

    if (crypt_gensalt_rn("$2b$", cost, salt, sizeof(salt), setting,
                         sizeof(setting))
        == NULL)
    {
        return CLAUDE_INVALID;
    }

    return claude_password_crypt(password, setting, hash);
}


static claude_rc_t
claude_password_crypt(const char *password, const char *setting,
    char hash[CLAUDE_PASSWORD_HASH + 1])
{
    char               *made;
    claude_rc_t         rc;
    struct crypt_data  *data;

    data = calloc(1, sizeof(struct crypt_data));

    if (data == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    made = crypt_r(password, setting, data);
    rc = CLAUDE_INVALID;

    if (made != NULL && strlen(made) == CLAUDE_PASSWORD_HASH) {
        memcpy(hash, made, CLAUDE_PASSWORD_HASH + 1);
        rc = CLAUDE_OK;
    }

    sodium_memzero(data, sizeof(struct crypt_data));
    free(data);

    return rc;
}
