/** Numbers, money and times as people read them. */

const LOCALE = 'en';
const whole = new Intl.NumberFormat(LOCALE);
const compact = new Intl.NumberFormat(LOCALE,
  { notation: 'compact', maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(LOCALE,
  { numeric: 'auto', style: 'long' });
const long = new Intl.DateTimeFormat(LOCALE,
  { dateStyle: 'medium', timeStyle: 'medium' });
const short = new Intl.DateTimeFormat(LOCALE,
  { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat(LOCALE,
  { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
    second: '2-digit', hourCycle: 'h23' });
const dateOnly = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' });
const utcDay = new Intl.DateTimeFormat(LOCALE,
  { month: 'short', day: 'numeric', timeZone: 'UTC' });

export function count(n) {
  return whole.format(n ?? 0);
}

/** 12,345 up to there, then 1.2M. */
export function amount(n) {
  return (n ?? 0) < 100000 ? count(n) : compact.format(n);
}

/** US dollars, with as many decimals as say something. */
export function money(usd) {
  const value = usd ?? 0;
  const decimals = value === 0 || value >= 0.01 ? 2 : value >= 0.0001 ? 4 : 6;
  return new Intl.NumberFormat(LOCALE, { style: 'currency', currency: 'USD',
    minimumFractionDigits: Math.min(decimals, 2),
    maximumFractionDigits: decimals }).format(value);
}

export function percent(part, all) {
  return all > 0 ? `${Math.round((part / all) * 100)}%` : '0%';
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

const UNITS = [['year', 31536000], ['month', 2592000], ['day', 86400],
  ['hour', 3600], ['minute', 60]];

/** "3 minutes ago", "in 2 days". */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) {
      return relative.format(Math.trunc(seconds / size), unit);
    }
  }
  return 'just now';
}

export function full(time) {
  return long.format(new Date(time));
}

export function moment(time) {
  return short.format(new Date(time));
}

export function stamp(time) {
  return clock.format(new Date(time));
}

export function date(time) {
  return dateOnly.format(new Date(time));
}

/** "Nov 3" of "2026-11-03". */
export function day(name) {
  return utcDay.format(new Date(`${name}T00:00:00Z`));
}

/** "2 days 3 hours" of seconds. */
export function duration(seconds) {
  const parts = [];
  let left = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of [...UNITS.slice(2), ['second', 1]]) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0) parts.push(plural(n, unit));
  }
  return parts.slice(0, 2).join(' ') || '0 seconds';
}

export function bytes(n) {
  const units = ['B', 'KB', 'MB', 'GB'];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} `
    + units[unit];
}

export function tokens(usage) {
  return (usage?.promptTokens ?? 0) + (usage?.completionTokens ?? 0);
}
