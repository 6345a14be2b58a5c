
#include "claude_usage_file.h"

#include "claude_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


#define CLAUDE_USAGE_SUFFIX  ".jsonl"
#define CLAUDE_USAGE_TEMP    ".compact"

/* today's file is compacted above that, and when it is twice as large as it
 * was compacted */

#define CLAUDE_USAGE_LARGE   (1024 * 1024)


typedef struct {
    claude_usage_sum_t     sum;
    const unsigned char   *forget;      /* this key's lines; NULL: none */
} claude_usage_tidying_t;


typedef struct {
    int                    fd;
    off_t                  offset;
    size_t                 len;
    unsigned char         *buf;         /* CLAUDE_FILE_BUFFER */
} claude_usage_new_t;


static claude_rc_t claude_usage_each(const char *path, uint32_t today,
    const unsigned char *forget, claude_usage_error_t *error);
static claude_rc_t claude_usage_entry(int dir, const char *name,
    uint32_t today, const unsigned char *forget, claude_usage_error_t *error);
static claude_rc_t claude_usage_compact(int dir, uint32_t day, uint32_t today,
    const unsigned char *forget, claude_usage_error_t *error);
static unsigned claude_usage_grown(const claude_usage_file_t *file,
    uint64_t compacted, unsigned today);
static claude_rc_t claude_usage_compacted(claude_usage_file_t *file,
    uint32_t day, uint64_t *size, claude_usage_error_t *error);
static claude_rc_t claude_usage_merge(void *ctx,
    const claude_usage_line_t *line);
static claude_rc_t claude_usage_replace(claude_usage_file_t *file,
    uint32_t day, const claude_usage_sum_t *sum, claude_usage_error_t *error);
static claude_rc_t claude_usage_write_rows(int fd,
    const claude_usage_sum_t *sum);
static claude_rc_t claude_usage_flush(claude_usage_new_t *new);


claude_rc_t
claude_usage_tidy(const char *dir, uint32_t today,
    claude_usage_error_t *error)
{
    return claude_usage_each(dir, today, NULL, error);
}


claude_rc_t
claude_usage_forget(const char *dir,
    const unsigned char id[CLAUDE_KEY_ID_LEN], claude_usage_error_t *error)
{
    return claude_usage_each(dir, 0, id, error);
}


static claude_rc_t
claude_usage_each(const char *path, uint32_t today,
    const unsigned char *forget, claude_usage_error_t *error)
{
    int                    fd;
    DIR                   *dir;
    claude_rc_t            rc, first;
    struct dirent         *entry;
    claude_usage_error_t   fault;

    rc = claude_usage_open_dir(path, 0, &fd, error);

    if (rc != CLAUDE_OK) {
        return (rc == CLAUDE_DECLINED) ? CLAUDE_OK : rc;
    }

    dir = fdopendir(fd);

    if (dir == NULL) {
        rc = claude_usage_fail_sys(error, 0, "can't be read");
        close(fd);
        return rc;
    }

    first = CLAUDE_OK;

    while ((entry = readdir(dir)) != NULL) {

        rc = claude_usage_entry(fd, entry->d_name, today, forget, &fault);

        if (rc != CLAUDE_OK && first == CLAUDE_OK) {
            first = rc;
            *error = fault;
        }
    }

    closedir(dir);

    return first;
}


/* what is no file of ours is nobody's to touch */

static claude_rc_t
claude_usage_entry(int dir, const char *name, uint32_t today,
    const unsigned char *forget, claude_usage_error_t *error)
{
    uint32_t      day;
    claude_str_t  date;

    date.data = (const unsigned char *) name;
    date.len = CLAUDE_USAGE_DATE_LEN;

    if (strlen(name) != CLAUDE_USAGE_NAME_LEN - 1
        || strcmp(name + CLAUDE_USAGE_DATE_LEN, CLAUDE_USAGE_SUFFIX) != 0
        || claude_usage_day(&date, &day) != CLAUDE_OK)
    {
        return CLAUDE_OK;
    }

    if (forget == NULL && day + CLAUDE_USAGE_DAYS <= today) {
        return (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
               ? claude_usage_fail_sys(error, day, "can't be removed")
               : CLAUDE_OK;
    }

    return claude_usage_compact(dir, day, today, forget, error);
}


static claude_rc_t
claude_usage_compact(int dir, uint32_t day, uint32_t today,
    const unsigned char *forget, claude_usage_error_t *error)
{
    uint64_t                damaged, size;
    claude_rc_t             rc;
    claude_usage_file_t     file;
    claude_usage_tidying_t  tidying;

    rc = claude_usage_open(dir, day, 1, 0, &file, error);

    if (rc != CLAUDE_OK) {
        return (rc == CLAUDE_DECLINED) ? CLAUDE_OK : rc;
    }

    rc = claude_usage_compacted(&file, day, &size, error);

    if (rc != CLAUDE_OK
        || (forget == NULL && !claude_usage_grown(&file, size,
                                                  day >= today)))
    {
        claude_usage_close(&file);
        return rc;
    }

    tidying.forget = forget;
    rc = claude_usage_sum_init(&tidying.sum);

    if (rc == CLAUDE_OK) {
        damaged = 0;
        rc = claude_usage_scan(&file, day, claude_usage_merge, &tidying,
                               &damaged, NULL, error);
    }

    if (rc == CLAUDE_OK) {
        claude_usage_sum_sort(&tidying.sum);
        rc = claude_usage_replace(&file, day, &tidying.sum, error);

    } else if (rc != CLAUDE_IO) {
        (void) claude_usage_fail(error, rc, day, "is too large to be "
                                 "compacted");
    }

    claude_usage_free(&tidying.sum);
    claude_usage_close(&file);

    return rc;
}


static unsigned
claude_usage_grown(const claude_usage_file_t *file, uint64_t compacted,
    unsigned today)
{
    uint64_t  size;

    size = (uint64_t) file->st.st_size;

    return today ? size > CLAUDE_USAGE_LARGE && size / 2 > compacted
                 : size != compacted;
}


/* how large the file was when it was compacted; 0: it never was */

static claude_rc_t
claude_usage_compacted(claude_usage_file_t *file, uint32_t day,
    uint64_t *size, claude_usage_error_t *error)
{
    ssize_t              n;
    claude_str_t         text;
    unsigned char        buf[CLAUDE_USAGE_MARK_LEN];
    claude_usage_line_t  line;

    *size = 0;

    n = pread(file->fd, buf, sizeof(buf), 0);

    if (n == -1) {
        return claude_usage_fail_sys(error, day, "can't be read");
    }

    if (n < CLAUDE_USAGE_MARK_LEN || buf[n - 1] != '\n') {
        return CLAUDE_OK;
    }

    text.data = buf;
    text.len = n - 1;

    if (claude_usage_read_line(&text, &line, size) == CLAUDE_DECLINED) {
        *size += CLAUDE_USAGE_MARK_LEN;
    }

    return CLAUDE_OK;
}


static claude_rc_t
claude_usage_merge(void *ctx, const claude_usage_line_t *line)
{
    claude_usage_tidying_t *tidying = ctx;

    if (tidying->forget
        && memcmp(tidying->forget, line->id, CLAUDE_KEY_ID_LEN) == 0)
    {
        return CLAUDE_OK;
    }

    return claude_usage_sum_add(&tidying->sum,
                                CLAUDE_USAGE_BY_MODEL|CLAUDE_USAGE_BY_KEY,
                                line);
}


/* under the lock of the file that is replaced, nobody else is at this */

static claude_rc_t
claude_usage_replace(claude_usage_file_t *file, uint32_t day,
    const claude_usage_sum_t *sum, claude_usage_error_t *error)
{
    int          fd, err;
    char         temp[CLAUDE_USAGE_NAME_LEN + sizeof(CLAUDE_USAGE_TEMP)];
    claude_rc_t  rc;

    (void) snprintf(temp, sizeof(temp), "%s" CLAUDE_USAGE_TEMP, file->name);

    (void) unlinkat(file->dir, temp, 0);

    fd = openat(file->dir, temp,
                O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return claude_usage_fail_sys(error, day, "can't be compacted");
    }

    rc = claude_usage_write_rows(fd, sum);

    if (rc == CLAUDE_OK
        && ((geteuid() == 0
             && fchown(fd, file->st.st_uid, file->st.st_gid) == -1)
            || fsync(fd) == -1
            || renameat(file->dir, temp, file->dir, file->name) == -1
            || fsync(file->dir) == -1))
    {
        rc = CLAUDE_IO;
    }

    err = errno;

    close(fd);

    if (rc == CLAUDE_OK) {
        return CLAUDE_OK;
    }

    (void) unlinkat(file->dir, temp, 0);

    errno = err;

    return (rc == CLAUDE_IO)
           ? claude_usage_fail_sys(error, day, "can't be compacted")
           : claude_usage_fail(error, rc, day, "can't be compacted");
}


/* the mark comes last, in the place that was left for it */

static claude_rc_t
claude_usage_write_rows(int fd, const claude_usage_sum_t *sum)
{
    char                       mark[CLAUDE_USAGE_MARK_LEN + 1];
    size_t                     i;
    claude_rc_t                rc;
    claude_str_t               text;
    unsigned char              buf[CLAUDE_USAGE_LINE_BUF];
    claude_usage_new_t         new;
    claude_usage_line_t        line;
    const claude_usage_row_t  *row;

    new.buf = claude_file_buffer();

    if (new.buf == NULL) {
        return CLAUDE_NO_MEMORY;
    }

    new.fd = fd;
    new.len = 0;
    new.offset = CLAUDE_USAGE_MARK_LEN;

    rc = CLAUDE_OK;

    for (i = 0; rc == CLAUDE_OK && i < sum->nrows; i++) {
        row = &sum->rows[i];

        memcpy(line.id, row->id, CLAUDE_KEY_ID_LEN);
        line.count = row->count;
        line.model_len = row->model_len;

        if (row->model_len) {
            memcpy(line.model, row->model, row->model_len);
        }

        rc = claude_usage_line(&line, buf, &text);

        if (rc == CLAUDE_OK && CLAUDE_FILE_BUFFER - new.len < text.len) {
            rc = claude_usage_flush(&new);
        }

        if (rc == CLAUDE_OK) {
            memcpy(new.buf + new.len, text.data, text.len);
            new.len += text.len;
        }
    }

    if (rc == CLAUDE_OK) {
        rc = claude_usage_flush(&new);
    }

    if (rc == CLAUDE_OK) {
        claude_usage_mark(new.offset - CLAUDE_USAGE_MARK_LEN, mark);
        rc = claude_file_write(fd, mark, CLAUDE_USAGE_MARK_LEN, 0);
    }

    claude_file_buffer_free(new.buf);

    return rc;
}


static claude_rc_t
claude_usage_flush(claude_usage_new_t *new)
{
    claude_rc_t  rc;

    rc = claude_file_write(new->fd, new->buf, new->len, new->offset);

    new->offset += new->len;
    new->len = 0;

    return rc;
}
