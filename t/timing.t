#!/usr/bin/perl

# No timing oracle on keys: a guess that shares all but its end with a key is
# refused in the same time as any other.  Welch's t, over many pairs in random
# order, stays below 4.5; in a machine that others use it may go over that by
# accident, hence up to three measurements: a leak would be in each.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

use constant THRESHOLD => 4.5;

my $pairs = $ENV{CLAUDE_TIMING_PAIRS} // 200_000;
my $t = Claude::Test->new;
my $dir = $t->dir;

plan skip_all => 'a sanitizer takes times of its own'
    if Claude::Test::sanitized();

my $timing = "$dir/timing";
my $built = run(['cc', '-O2', '-D_GNU_SOURCE', '-o', $timing,
    root() . '/t/lib/timing.c', '-lm']);
is($built->{status}, 0, 'the clock is built') or diag $built->{err};

my @keys = map { $t->add_key("key $_") } 1 .. 8;
$t->bridge;
$t->start(<<'EOC', workers => 1);
access_log off;
keepalive_requests 100000000;
keepalive_timeout 600s;
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

my @base62 = ('0' .. '9', 'A' .. 'Z', 'a' .. 'z');
sub letters { join '', map { $base62[rand @base62] } 1 .. $_[0] }

# "sk-", 42 letters, and their checksum
sub key {
    my ($body) = @_;
    my $crc = 0xffffffff;
    for my $byte (unpack 'C*', "sk-$body") {
        $crc ^= $byte;
        $crc = $crc & 1 ? ($crc >> 1) ^ 0xedb88320 : $crc >> 1 for 1 .. 8;
    }
    $crc ^= 0xffffffff;
    my $end = '';
    for (1 .. 6) {
        $end = $base62[$crc % 62] . $end;
        $crc = int($crc / 62);
    }
    return "sk-$body$end";
}

is(key(substr $keys[0], 3, 42), $keys[0], 'guesses have their checksum');

# t of two kinds of guesses, and what each took
sub measure {
    my ($a, $b, $n) = @_;
    my $got = run([$timing, $t->port, $n], join '',
        map({ "a $_\n" } @$a), map { "b $_\n" } @$b);
    die "timing: $got->{err}" if $got->{status};
    my ($value, @ns) = split ' ', $got->{out};
    note("t $value, @ns ns");
    return abs $value;
}

# both kinds have as few beginnings: a processor learns to foresee what is
# often the same, whosever it is

my @others = map { key(letters(42)) } @keys;
my ($near, $far) = map { my $of = $_;
    [map { key(substr($of->[$_ % @$of], 3, 39) . letters(3)) } 1 .. 1000]
} \@keys, \@others;
my @wrong = map { $_ =~ s/(.)\z/$1 eq '0' ? '1' : '0'/er } @$far;

# the measure itself: a key whose checksum is wrong is not even hashed, which
# saves a microsecond

my $seen = 0;
for (1 .. 3) {
    $seen = measure(\@wrong, $far, 10_000);
    last if $seen > THRESHOLD;
}
cmp_ok($seen, '>', THRESHOLD, 'a microsecond would be seen');

my $least = 1e9;
for (1 .. 3) {
    my $now = measure($near, $far, $pairs);
    $least = $now if $now < $least;
    last if $least < THRESHOLD;
}
cmp_ok($least, '<', THRESHOLD,
    'the beginning of a key is refused as any other guess');

$t->finish;
