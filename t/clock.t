#!/usr/bin/perl

# The clock on the wall jumps while nginx runs: limits go by the one that
# doesn't, keys are followed, events keep their order.  Sessions and wrong
# logins are in admin_session.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

use constant DAY => 86400;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $key = $t->add_key('alice');
my $limited = $t->add_key('limited');
$t->keys->set($limited, '--requests-per-minute', 2);
my $tokens = $t->add_key('tokens');
$t->keys->set($tokens, '--tokens-per-minute', 5);

my $clock = "$dir/clock.so";
my $built = run(['cc', '-shared', '-fPIC', '-o', $clock,
    root() . '/t/lib/shift_clock.c', '-ldl']);
is($built->{status}, 0, 'clocks can be moved') or diag $built->{err};

# seconds, of the one on the wall and of the one that only goes on
sub shift_clock {
    my ($wall, $monotonic) = @_;
    write_file("$dir/clock.new", "$wall $monotonic\n", 0644);
    rename "$dir/clock.new", "$dir/clock" or die $!;
}

my %preload = Claude::Test::sanitized() ? () : (LD_PRELOAD => $clock);
$ENV{CLAUDE_TEST_PRELOAD} = $clock;
shift_clock(0, 0);

$t->bridge;
my $location = Claude::Admin->location($t);
$t->start(<<"EOC", env => { %preload, SHIFT_CLOCK => "$dir/clock" });
claude_limit_zone \$binary_remote_addr zone=few:1m rate=2r/m;
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /few/ { claude_limit zone=few; claude_pass bridge; }
    $location
}
EOC

my $admin = Claude::Admin->new($t);

sub statuses {
    my ($n, $key, $uri) = @_;
    return join ' ', map { $t->chat('hi', key => $key,
        uri => $uri // '/v1/chat/completions')->{status} } 1 .. $n;
}

sub wall_time {
    my ($time) = $admin->call('GET', 'status')->json->{time}
        =~ /^(\d{4}-\d\d-\d\d)/ or return '';
    return $time;
}

my $today = wall_time();
is(statuses(3, $key, '/few/chat/completions'), '200 200 429',
    'an address has its limit');
is(statuses(3, $limited), '200 200 429', 'a key has its limit');
is(statuses(2, $tokens), '200 429', 'and one of tokens');

for (['a day ahead', DAY], ['a month back', -30 * DAY],
    ['ten years ahead', 3650 * DAY], ['to where it was', 0])
{
    my ($name, $by) = @$_;
    shift_clock($by, 0);
    wait_until(sub { $by == 0 || wall_time() ne $today }, 'the new time');
    my $r = $t->chat('hi', key => $key, uri => '/few/chat/completions');
    is_error($r, 429, 'rate_limit_exceeded', "$name: the address's holds");
    cmp_ok($r->header('retry-after'), '<=', 60, "$name: as long as before");
    is($t->chat('hi', key => $limited)->{status}, 429,
        "$name: the key's holds");
    is($t->chat('hi', key => $tokens)->{status}, 429,
        "$name: its tokens' holds");
    is($t->chat('hi', key => $key)->{status}, 200, "$name: others go on");
    ok($admin->call('GET', 'session')->{status} == 200,
        "$name: who is signed in stays so");

    # a change of a key is felt
    my ($off, $on) = map { my $want = $_; sub { wait_until(sub {
        $t->http('GET', '/v1/models', key => $key)->{status} == $want },
        "$want", 10) } } 401, 200;
    $t->keys->disable($key);
    ok(eval { $off->() }, "$name: a disabled key is refused");
    $t->keys->enable($key);
    ok(eval { $on->() }, "$name: and comes back");
}

# the clock that counts

shift_clock(0, 61);
wait_until(sub { $t->chat('hi', key => $limited)->{status} == 200 },
    'a minute');
pass('a minute later the key may again');
is(statuses(1, $key, '/few/chat/completions'), '200', 'so may the address');
shift_clock(0, 600);
wait_until(sub { $t->chat('hi', key => $tokens)->{status} == 200 },
    'tokens');
pass('and the tokens come back');

# events

my $doc = $admin->call('GET', 'audit?after=0&limit=1000')->json;
my @seq = map { $_->{seq} } @{ $doc->{data} };
is_deeply(\@seq, [$seq[0] .. $seq[0] + $#seq],
    'events are numbered as they came');
my @now = map { $_->{seq} } @{ $admin->call('GET', "audit?after=$seq[-1]")
    ->json->{data} };
is_deeply(\@now, [], 'and none comes twice');

$t->finish;
