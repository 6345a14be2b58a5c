
#include "claude_time.h"


#define CLAUDE_TIME_DAY  86400

/* days from 0000-03-01 to 1970-01-01, and in 400 years */

#define CLAUDE_TIME_EPOCH  719468
#define CLAUDE_TIME_ERA    146097


typedef struct {
    const unsigned char   *pos;
    const unsigned char   *end;
    unsigned               failed;
} claude_time_text_t;


static void claude_time_digits(char *buf, int64_t value, int n);
static int64_t claude_time_number(claude_time_text_t *text, int digits,
    int64_t min, int64_t max);
static void claude_time_expect(claude_time_text_t *text, char c);
static unsigned claude_time_next(claude_time_text_t *text, char c);
static void claude_time_fraction(claude_time_text_t *text);
static int64_t claude_time_offset(claude_time_text_t *text);
static int64_t claude_time_days(int64_t year, int64_t month, int64_t day);
static int64_t claude_time_month(int64_t year, int64_t month);


/*
 * The civil calendar by arithmetic: years begin in March, so that the leap
 * day is the last of a year, and months are then 153 days in five.
 */

void
claude_time_write(int64_t time, char buf[CLAUDE_TIME_LEN])
{
    int64_t  days, sec, era, day, year, month;

    sec = time % CLAUDE_TIME_DAY;
    days = time / CLAUDE_TIME_DAY + CLAUDE_TIME_EPOCH;

    era = days / CLAUDE_TIME_ERA;
    day = days % CLAUDE_TIME_ERA;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    year += era * 400;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;

    if (month >= 10) {
        month -= 12;
        year++;
    }

    claude_time_digits(buf, year, 4);
    buf[4] = '-';
    claude_time_digits(buf + 5, month + 3, 2);
    buf[7] = '-';
    claude_time_digits(buf + 8, day + 1, 2);
    buf[10] = 'T';
    claude_time_digits(buf + 11, sec / 3600, 2);
    buf[13] = ':';
    claude_time_digits(buf + 14, sec / 60 % 60, 2);
    buf[16] = ':';
    claude_time_digits(buf + 17, sec % 60, 2);
    buf[19] = 'Z';
}


void
claude_time_put(claude_out_t *out, int64_t time)
{
    char  buf[CLAUDE_TIME_LEN];

    if (time == 0) {
        claude_out_literal(out, "null");
        return;
    }

    claude_time_write(time, buf);

    claude_out_literal(out, "\"");
    claude_out_put(out, buf, sizeof(buf));
    claude_out_literal(out, "\"");
}


static void
claude_time_digits(char *buf, int64_t value, int n)
{
    while (n--) {
        buf[n] = '0' + value % 10;
        value /= 10;
    }
}


claude_rc_t
claude_time_read(const claude_str_t *str, int64_t *time)
{
    int64_t             year, month, day, hour, min, sec, value;
    claude_time_text_t  text;

    text.pos = str->data;
    text.end = str->data + str->len;
    text.failed = 0;

    year = claude_time_number(&text, 4, 0, 9999);
    claude_time_expect(&text, '-');
    month = claude_time_number(&text, 2, 1, 12);
    claude_time_expect(&text, '-');
    day = claude_time_number(&text, 2, 1, claude_time_month(year, month));

    if (!claude_time_next(&text, 'T')) {
        claude_time_expect(&text, 't');
    }

    hour = claude_time_number(&text, 2, 0, 23);
    claude_time_expect(&text, ':');
    min = claude_time_number(&text, 2, 0, 59);
    claude_time_expect(&text, ':');
    sec = claude_time_number(&text, 2, 0, 60);
    claude_time_fraction(&text);

    value = claude_time_days(year, month, day) * CLAUDE_TIME_DAY
            + hour * 3600 + min * 60 + sec - claude_time_offset(&text);

    if (text.failed || text.pos != text.end || value < 1
        || value > CLAUDE_TIME_MAX)
    {
        return CLAUDE_INVALID;
    }

    *time = value;

    return CLAUDE_OK;
}


static int64_t
claude_time_number(claude_time_text_t *text, int digits, int64_t min,
    int64_t max)
{
    int64_t  value;

    for (value = 0; digits; digits--) {
        if (text->pos == text->end || *text->pos < '0' || *text->pos > '9') {
            text->failed = 1;
            return min;
        }

        value = value * 10 + *text->pos++ - '0';
    }

    if (value < min || value > max) {
        text->failed = 1;
        return min;
    }

    return value;
}


static unsigned
claude_time_next(claude_time_text_t *text, char c)
{
    if (text->pos == text->end || *text->pos != c) {
        return 0;
    }

    text->pos++;

    return 1;
}


static void
claude_time_expect(claude_time_text_t *text, char c)
{
    if (!claude_time_next(text, c)) {
        text->failed = 1;
    }
}


static void
claude_time_fraction(claude_time_text_t *text)
{
    if (!claude_time_next(text, '.')) {
        return;
    }

    do {
        (void) claude_time_number(text, 1, 0, 9);
    } while (!text->failed && text->pos != text->end
             && *text->pos >= '0' && *text->pos <= '9');
}


static int64_t
claude_time_offset(claude_time_text_t *text)
{
    int64_t  sign, hour, min;

    if (claude_time_next(text, 'Z') || claude_time_next(text, 'z')) {
        return 0;
    }

    sign = 1;

    if (claude_time_next(text, '-')) {
        sign = -1;

    } else {
        claude_time_expect(text, '+');
    }

    hour = claude_time_number(text, 2, 0, 23);
    claude_time_expect(text, ':');
    min = claude_time_number(text, 2, 0, 59);

    return sign * (hour * 3600 + min * 60);
}


static int64_t
claude_time_days(int64_t year, int64_t month, int64_t day)
{
    int64_t  yoe, doy;

    if (month < 3) {
        month += 12;
        year--;
    }

    if (year < 0) {             /* January and February of year 0 */
        return -CLAUDE_TIME_EPOCH;
    }

    yoe = year % 400;
    doy = (153 * (month - 3) + 2) / 5 + day - 1;

    return year / 400 * CLAUDE_TIME_ERA
           + yoe * 365 + yoe / 4 - yoe / 100 + doy - CLAUDE_TIME_EPOCH;
}


static int64_t
claude_time_month(int64_t year, int64_t month)
{
    if (month == 2) {
        return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29
                                                                        : 28;
    }

    return (month == 4 || month == 6 || month == 9 || month == 11) ? 30 : 31;
}
