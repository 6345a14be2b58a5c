
#define _GNU_SOURCE

#include "tap.h"

#include "claude_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>


#define TOKEN  "sk-ant-oat01-canary_0123456789-abcdefghij"
#define ID     "key_0123456789abcdefghij"
#define OTHER  "key_0123456789abcdefghiJ"

#define KEY1   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY2   "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="


static char                   dir[] = "/tmp/claude_seal_test.XXXXXX";
static char                   path[256];
static const claude_str_t     store =
    claude_string("store_0123456789abcdefghij");
static const unsigned char   *id = (const unsigned char *) ID;


static void
write_file(const char *text, size_t len, mode_t mode)
{
    int  fd;

    (void) unlink(path);

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL, 0600);

    if (fd == -1 || write(fd, text, len) != (ssize_t) len
        || fchmod(fd, mode) == -1)
    {
        bail("%s: %s", path, strerror(errno));
    }

    close(fd);
}


static void
refused(const char *text, size_t len, unsigned line, const char *name)
{
    unsigned         at;
    claude_master_t  master;

    static const claude_master_t  zero;

    memset(&master, 0xa5, sizeof(master));
    at = 99;
    write_file(text, len, 0600);

    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_FORMAT, "%s",
       name);
    is(at, line, "%s: its line", name);
    is_mem(&master, sizeof(master), &zero, sizeof(zero), "%s: nothing stays",
           name);
}

#define refuse(text, line, name)  refused(text, strlen(text), line, name)


static void
test_master_format(void)
{
    int              i;
    char             text[CLAUDE_MASTER_FILE + 2], *p;
    unsigned         at;
    claude_master_t  master;
    unsigned char    key[CLAUDE_SECRET_LEN];

    write_file("# old\n\n" KEY1 "\n#\n" KEY2, 2 * 44 + 10, 0600);

    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OK,
       "two keys, comments, no last line feed");
    is(master.n, 2, "both are read");

    for (i = 0; i < CLAUDE_SECRET_LEN; i++) {
        key[i] = i;
    }

    is_mem(master.keys[0], 32, key, 32, "the first as it stands");

    for (i = 0; i < CLAUDE_SECRET_LEN; i++) {
        key[i] = 255 - i;
    }

    is_mem(master.keys[1], 32, key, 32, "the second too");

    write_file(KEY1 "\n", 45, 0400);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OK, "mode 0400");

    refuse("", 0, "empty");
    refuse("# nothing\n\n", 0, "comments only");
    refuse(KEY1 "\n" KEY1 "x\n", 2, "45 characters");
    refuse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n", 1, "31 bytes");
    refuse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 1, "unpadded");
    refuse(KEY1 "\r\n", 1, "a carriage return");
    refuse(" " KEY1 "\n", 1, "a leading space");
    refuse("__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA=\n", 1, "base64url");
    refused("\0\0\0\0", 4, 1, "NUL bytes");

    for (p = text, i = 0; i < CLAUDE_MASTER_MAX + 1; i++) {
        memcpy(p, KEY1 "\n", 45);
        p += 45;
    }

    write_file(text, p - text - 45, 0600);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OK,
       "as many keys as there may be");
    is(master.n, CLAUDE_MASTER_MAX, "all are read");

    refused(text, p - text, CLAUDE_MASTER_MAX + 1, "one more");

    memset(text, '#', sizeof(text));
    memcpy(text, KEY1 "\n", 45);
    write_file(text, CLAUDE_MASTER_FILE, 0600);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OK,
       "the largest file");

    refused(text, CLAUDE_MASTER_FILE + 1, 0, "a byte more");
}


static void
test_master_trust(void)
{
    char             link[280];
    unsigned         at;
    claude_master_t  master;

    write_file(KEY1, 44, 0640);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_MODE,
       "readable by group");

    write_file(KEY1, 44, 0602);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_MODE,
       "writable by others");

    write_file(KEY1, 44, 0600);
    snprintf(link, sizeof(link), "%s.link", path);

    if (symlink(path, link) == -1) {
        bail("symlink: %s", strerror(errno));
    }

    is(claude_master_read(link, &master, &at), CLAUDE_MASTER_SYMLINK,
       "a symbolic link");
    unlink(link);

    is(claude_master_read(dir, &master, &at), CLAUDE_MASTER_NOT_FILE,
       "a directory");

    unlink(path);
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_MISSING,
       "nothing");
    is(errno, ENOENT, "errno says so");

    if (mkfifo(path, 0600) == -1) {
        bail("mkfifo: %s", strerror(errno));
    }

    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_NOT_FILE,
       "a FIFO does not hang");
    unlink(path);

    if (geteuid() == 0) {
        write_file(KEY1, 44, 0600);

        if (chown(path, 12345, 12345) == -1) {
            bail("chown: %s", strerror(errno));
        }

        is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OWNER,
           "of a stranger");
        unlink(path);
    }

    is_str(claude_master_reason(CLAUDE_MASTER_SYMLINK), "is a symbolic link",
           "reasons are for people");
}


static void
test_master_create(void)
{
    unsigned         at;
    struct stat      st;
    claude_master_t  master, again;

    umask(0277);
    is(claude_master_create(path), CLAUDE_OK, "a new master key");
    umask(022);

    if (stat(path, &st) == -1) {
        bail("%s: %s", path, strerror(errno));
    }

    is(st.st_mode & 07777, 0600, "mode 0600 whatever the umask");
    is(st.st_nlink, 1, "no second name stays");
    is(st.st_size, 45, "a line of 44 characters");
    is(claude_master_read(path, &master, &at), CLAUDE_MASTER_OK,
       "can be read");
    is(master.n, 1, "has one key");

    is(claude_master_create(path), CLAUDE_IO, "is never overwritten");
    is(errno, EEXIST, "since it exists");
    is(claude_master_read(path, &again, &at), CLAUDE_MASTER_OK, "is there");
    is_mem(again.keys[0], 32, master.keys[0], 32, "as it was");

    unlink(path);
    is(claude_master_create(path), CLAUDE_OK, "another");
    is(claude_master_read(path, &again, &at), CLAUDE_MASTER_OK, "is read");
    ok(memcmp(again.keys[0], master.keys[0], 32) != 0, "and differs");

    unlink(path);
    is(rmdir(dir), 0, "no temporary file stays");
    is(claude_master_create(path), CLAUDE_IO, "no directory, no key");
    is(errno, ENOENT, "errno says so");
}


static void
test_wrap(void)
{
    unsigned           which;
    unsigned char      wrapped[CLAUDE_WRAPPED_LEN], again[CLAUDE_WRAPPED_LEN];
    claude_str_t       other = claude_string("store_0123456789abcdefghiJ");
    claude_master_t    one, two;
    claude_secrets_t  *secrets, *out;

    static const claude_secrets_t  zero;

    secrets = sodium_malloc(sizeof(claude_secrets_t));
    out = sodium_malloc(sizeof(claude_secrets_t));
    memset(&one, 1, sizeof(one));
    one.n = 1;
    memset(&two, 2, sizeof(two));
    memcpy(two.keys[1], one.keys[0], CLAUDE_SECRET_LEN);
    two.n = 2;

    claude_secrets_generate(secrets);
    ok(memcmp(secrets->seal, secrets->digest, 32) != 0,
       "the two secrets differ");

    claude_secrets_wrap(secrets, &one, &store, wrapped);
    claude_secrets_wrap(secrets, &one, &store, again);
    ok(memcmp(wrapped, again, sizeof(wrapped)) != 0, "never twice the same");
    ok(memmem(wrapped, sizeof(wrapped), secrets->seal, 8) == NULL,
       "they are not to be seen");

    is(claude_secrets_unwrap(out, &one, &store, wrapped, &which), CLAUDE_OK,
       "the master key opens them");
    is(which, 0, "the first");
    is_mem(out, sizeof(*out), secrets, sizeof(*out), "they are the same");

    is(claude_secrets_unwrap(out, &two, &store, wrapped, &which), CLAUDE_OK,
       "so does a later key of a file");
    is(which, 1, "the second");

    two.n = 1;
    is(claude_secrets_unwrap(out, &two, &store, wrapped, &which),
       CLAUDE_DECLINED, "another master key doesn't");
    is_mem(out, sizeof(*out), &zero, sizeof(zero), "and leaves nothing");

    is(claude_secrets_unwrap(out, &one, &other, wrapped, &which),
       CLAUDE_DECLINED, "nor does the header of another store open");

    memset(out, 0xa5, sizeof(*out));
    one.n = 0;
    is(claude_secrets_unwrap(out, &one, &store, wrapped, &which),
       CLAUDE_DECLINED, "no master key opens nothing");
    is_mem(out, sizeof(*out), &zero, sizeof(zero), "and leaves nothing");
    one.n = 1;

    wrapped[40] ^= 1;
    is(claude_secrets_unwrap(out, &one, &store, wrapped, &which),
       CLAUDE_DECLINED, "nor one with a bit flipped");

    sodium_free(secrets);
    sodium_free(out);
}


static void
test_digest(void)
{
    int               i;
    char              hex[65];
    claude_secrets_t  secrets;
    unsigned char     digest[CLAUDE_DIGEST_LEN], other[CLAUDE_DIGEST_LEN];

    memset(&secrets, 0xff, sizeof(secrets));

    for (i = 0; i < CLAUDE_SECRET_LEN; i++) {
        secrets.digest[i] = i;
    }

    claude_digest(&secrets, (const unsigned char *) "sk-test", 7, digest);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    is_str(hex, "173181370de2b0bc347ef1053f29110ad24f1d626da2374ea3f0037b"
           "613f4539", "BLAKE2b-256 with the digest secret as its key");

    secrets.digest[0] = 1;
    claude_digest(&secrets, (const unsigned char *) "sk-test", 7, other);
    ok(memcmp(digest, other, sizeof(digest)) != 0, "another key, another one");
}


/* sealed by somebody who has the secret, but not by claude_seal() */

static unsigned  differing;


static claude_rc_t
opened(const claude_secrets_t *secrets, const unsigned char *sealed,
    size_t n, const unsigned char *of, const unsigned char *digest,
    unsigned char *token, size_t *len)
{
    claude_rc_t  rc;

    rc = claude_open(secrets, sealed, n, of, digest, token, len);
    differing += (claude_opens(secrets, sealed, n, of, digest) != rc);

    return rc;
}


static void
test_seal_too_long(const claude_secrets_t *secrets,
    const unsigned char digest[CLAUDE_DIGEST_LEN])
{
    size_t         len;
    unsigned char  token[CLAUDE_TOKEN_MAX], text[CLAUDE_TOKEN_MAX + 1];
    unsigned char  sealed[CLAUDE_SEALED_MAX + 1];
    unsigned char  ad[CLAUDE_KEY_ID_LEN + CLAUDE_DIGEST_LEN];

    memcpy(ad, id, CLAUDE_KEY_ID_LEN);
    memcpy(ad + CLAUDE_KEY_ID_LEN, digest, CLAUDE_DIGEST_LEN);
    memset(text, 'x', sizeof(text));
    memset(sealed, 'n', CLAUDE_NONCE_LEN);

    (void) crypto_aead_xchacha20poly1305_ietf_encrypt(
               sealed + CLAUDE_NONCE_LEN, NULL, text, sizeof(text), ad,
               sizeof(ad), NULL, sealed, secrets->seal);

    is(opened(secrets, sealed, sizeof(sealed), id, digest, token, &len),
       CLAUDE_DECLINED, "longer than a token can be");

    (void) crypto_aead_xchacha20poly1305_ietf_encrypt(
               sealed + CLAUDE_NONCE_LEN, NULL, text, sizeof(text) - 1, ad,
               sizeof(ad), NULL, sealed, secrets->seal);

    is(opened(secrets, sealed, sizeof(sealed) - 1, id, digest, token,
              &len), CLAUDE_OK, "while the longest is XChaCha20-Poly1305 "
       "over id and digest");
}


static void
test_seal(void)
{
    int               flipped;
    size_t            i, n, len;
    claude_secrets_t  secrets, foreign;
    unsigned char     digest[CLAUDE_DIGEST_LEN], sealed[CLAUDE_SEALED_MAX];
    unsigned char     token[CLAUDE_TOKEN_MAX], long_one[CLAUDE_TOKEN_MAX];

    claude_secrets_generate(&secrets);
    claude_secrets_generate(&foreign);
    memset(digest, 7, sizeof(digest));
    len = strlen(TOKEN);

    n = claude_seal(&secrets, (const unsigned char *) TOKEN, len, id, digest,
                    sealed);
    is(n, 24 + len + 16, "nonce, token, tag");
    ok(memmem(sealed, n, "canary", 6) == NULL, "the token can't be seen");

    memset(token, 0, sizeof(token));
    is(opened(&secrets, sealed, n, id, digest, token, &len), CLAUDE_OK,
       "opens");
    is_mem(token, len, TOKEN, strlen(TOKEN), "to what was sealed");

    is(opened(&secrets, sealed, n, (const unsigned char *) OTHER, digest,
              token, &len), CLAUDE_DECLINED, "not under another id");
    digest[31] ^= 1;
    is(opened(&secrets, sealed, n, id, digest, token, &len),
       CLAUDE_DECLINED, "nor another digest");
    digest[31] ^= 1;
    is(opened(&foreign, sealed, n, id, digest, token, &len),
       CLAUDE_DECLINED, "nor in another store");

    for (i = 0, flipped = 0; i < n; i++) {
        sealed[i] ^= 0x10;
        flipped += (opened(&secrets, sealed, n, id, digest, token, &len)
                    == CLAUDE_DECLINED);
        sealed[i] ^= 0x10;
    }

    is(flipped, n, "one bit changed anywhere");

    for (i = 0, flipped = 0; i < n; i++) {
        flipped += (opened(&secrets, sealed, i, id, digest, token, &len)
                    == CLAUDE_DECLINED);
    }

    is(flipped, n, "cut short anywhere");

    test_seal_too_long(&secrets, digest);

    memset(long_one, 'x', sizeof(long_one));
    n = claude_seal(&secrets, long_one, sizeof(long_one), id, digest, sealed);
    is(n, CLAUDE_SEALED_MAX, "the longest token fits");
    is(opened(&secrets, sealed, n, id, digest, token, &len), CLAUDE_OK,
       "and opens");
    is_mem(token, len, long_one, sizeof(long_one), "to the same");

    is(differing, 0, "who only asks whether it opens is told the same");
}


int
main(void)
{
    if (sodium_init() == -1 || mkdtemp(dir) == NULL) {
        bail("can't begin: %s", strerror(errno));
    }

    umask(022);
    snprintf(path, sizeof(path), "%s/master.key", dir);

    test_master_format();
    test_master_trust();
    test_master_create();
    test_wrap();
    test_digest();
    test_seal();

    return done_testing();
}
