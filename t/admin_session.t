#!/usr/bin/perl

# Sessions: who has one, in which workers, for how long, and what ends them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my %people = (alice => 'correct horse', bob => 'battery staple');
my $door = Claude::SignIn->new($t, %people);
$t->add_key('one');

# clocks that the test moves
my $clock = "$dir/clock.so";
my $built = run(['cc', '-shared', '-fPIC', '-o', $clock,
    root() . '/t/lib/shift_clock.c']);
is($built->{status}, 0, 'clocks can be moved') or diag $built->{err};

sub shift_clock {
    my ($wall, $monotonic) = @_;
    write_file("$dir/clock.new", "$wall $monotonic\n", 0644);
    rename "$dir/clock.new", "$dir/clock" or die $!;
}

my %preload = Claude::Test::sanitized() ? () : (LD_PRELOAD => $clock);
$ENV{CLAUDE_TEST_PRELOAD} = $clock;

sub conf {
    my ($params, $realip) = @_;
    return "claude_session_zone zone=people:$params;\n"
        . Claude::SignIn::realip() . $door->server;
}

shift_clock(0, 0);
$t->start(conf('64k idle=2h'), workers => 4,
    env => { %preload, SHIFT_CLOCK => "$dir/clock" });

my $client = 0;
sub sign_in {
    my ($name) = @_;
    return $door->sign_in($people{$name}, name => $name,
        from => '192.0.2.' . (++$client % 250 + 1));
}

sub session { $door->call('GET', 'session', cookie => $_[0], @_[1 .. $#_]) }

sub list {
    my ($cookie) = @_;
    return @{ $door->call('GET', 'sessions', cookie => $cookie)
        ->json->{data} };
}

# in every worker; each answer is of a connection of its own
sub in_everywhere {
    my ($cookie) = @_;
    return 20 == grep { $door->is_in($cookie) } 1 .. 20;
}

# nobody

for my $case (
    ['no cookie', undef], ['an empty one', ''], ['a short one', 'a' x 42],
    ['a long one', 'a' x 8000], ['another', 'A' x 43],
    ['characters that are none', '!' x 43])
{
    my $r = session($case->[1]);
    is($r->{status} . ' ' . $r->error('code'), '401 not_signed_in',
        "$case->[0]: not signed in");
}

# somebody

my $cookie = sign_in('alice');
my $r = session($cookie);
is($r->{status}, 200, 'a session');
is_deeply([sort keys %{ $r->json }],
    [qw(createdAt expiresAt id idleExpiresAt name)], 'and what it says');
like($r->json->{id}, qr/^ses_\w{20}$/, 'its id is not the cookie');
unlike($r->{raw}, qr/set-cookie/i, 'a call changes no cookie');
ok(in_everywhere($cookie), 'it holds in every worker');

for my $case (
    ["a=b; __Host-claude_session=$cookie", 200],
    ["__Host-claude_session=$cookie; a=b", 200],
    ["a=b;__Host-claude_session=$cookie", 200],
    ["x__Host-claude_session=$cookie", 401],
    ["claude_session=$cookie", 401],
    ["__host-claude_session=$cookie", 401],
    ["__Host-claude_session=$cookie; __Host-claude_session=x", 401],
    ["__Host-claude_session=x; __Host-claude_session=$cookie", 401],
    ['__Host-claude_session=' . substr($cookie, 0, 42), 401],
    ["__Host-claude_session=${cookie}a", 401],
    ["__Host-claude_session=\"$cookie\"", 401])
{
    my ($header, $status) = @$case;
    is(session(undef, headers => ["Cookie: $header"])->{status}, $status,
        'Cookie: ' . $header =~ s/\Q$cookie\E/.../r);
}

# the ones of one person

my $second = sign_in('alice');
my $bobs = sign_in('bob');
my @list = list($second);
is(@list, 2, 'a person has a list of her own sessions');
is_deeply([sort keys %{ $list[0] }],
    [qw(address createdAt current expiresAt id lastSeen)],
    'which says where from and when');
is(join(' ', map { $_->{current} ? 1 : 0 } sort { $b->{current}
    <=> $a->{current} } @list), '1 0', 'and which is this one');
like($list[0]{address}, qr/^192\.0\.2\.\d+$/, 'and its address');

my ($other) = grep { !$_->{current} } @list;
is($door->call('DELETE', "sessions/$other->{id}", cookie => $bobs)
    ->error('code'), 'session_not_found', 'nobody else can end it');
ok($door->is_in($cookie), 'and it goes on');
is($door->call('DELETE', "sessions/$other->{id}", cookie => $second)->{status},
    204, 'she can');
ok(!in_everywhere($cookie) && !$door->is_in($cookie),
    'and it has ended at once');
is($door->call('DELETE', "sessions/$other->{id}", cookie => $second)->{status},
    404, 'once');
is($door->call('DELETE', 'sessions/ses_', cookie => $second)->{status}, 404,
    'an id that is none');
is(scalar list($second), 1, 'the list is shorter');

# out

$r = $door->call('POST', 'logout', cookie => $second);
is($r->{status}, 204, 'signing out');
like($r->header('set-cookie'), qr/^__Host-claude_session=;\ Path=\/;
    \ Max-Age=0;.*Secure/x, 'takes the cookie away');
is(grep({ $door->is_in($second) } 1 .. 20), 0,
    'and the session has ended, in every worker');
is($door->call('POST', 'logout', cookie => $second)->{status}, 401,
    'a second time is none');

# a session that is given away, to be used once its owner has signed in

my $fixed = 'B' x 43;
my $in = $door->login($people{alice}, name => 'alice', cookie => $fixed,
    from => '192.0.2.200');
is($in->{status}, 200, 'signing in with a cookie of somebody else\'s making');
isnt(Claude::SignIn::cookie($in), $fixed, 'makes another one');
ok(!$door->is_in($fixed), 'and the one given is none');
my $fresh = $t->secret(Claude::SignIn::cookie($in));
my $again = $door->login($people{alice}, name => 'alice', cookie => $fresh,
    from => '192.0.2.200');
ok(!$door->is_in($fresh), 'signing in again ends the session before');
$cookie = $t->secret(Claude::SignIn::cookie($again));

# reload, death

$t->reload;
ok(in_everywhere($cookie), 'over a reload');
write_file("$dir/admin.htpasswd", "alice:plain\n", 0600);
my %workers = map { $_ => 1 } $t->workers;
$t->allow(qr/not a bcrypt hash/);
kill 'HUP', $t->{master};
wait_until(sub { $t->log =~ /not a bcrypt hash/ }, 'a failed reload');
is(grep({ $workers{$_} } $t->workers), 4, 'a reload that fails');
ok(in_everywhere($cookie), 'ends nothing');
$door->write(%people);

for my $round (1 .. 3) {
    my ($victim) = $t->workers;
    kill 'KILL', $victim;
    wait_until(sub { !alive($victim) && $t->workers == 4 }, 'a new worker');
}
$t->allow(qr/exited on signal 9/);
ok(in_everywhere($cookie), 'over a worker\'s death');
ok(!$door->is_in($second), 'while one that ended stays ended');

# the password file. Hashes of the same passwords are kept, so bob's line is
# the same

my $theirs = sign_in('bob');
$door->write(alice => 'another password', bob => $people{bob});
ok($door->is_in($cookie), 'a password file that nobody read yet');
$t->reload;
ok(!in_everywhere($cookie) && !$door->is_in($cookie),
    'a changed password ends its sessions');
ok(in_everywhere($theirs), 'and nobody else\'s');
$people{alice} = 'another password';
is($door->login('correct horse', name => 'alice', from => '192.0.2.201')
    ->{status}, 401, 'the old one is wrong');
$cookie = sign_in('alice');
$door->write(alice => $people{alice}, bobby => $people{bob});
$t->reload;
ok(!$door->is_in($theirs), 'a name that is gone has none');
ok($door->is_in($cookie), 'the other goes on');
$door->write(%people);
$t->reload;
ok(!$door->is_in($theirs), 'nor has it when it comes back');

# time

$cookie = sign_in('alice');
my $idle = sign_in('bob');
shift_clock(7 * 86400, 0);
ok($door->is_in($cookie) && $door->is_in($idle),
    'the wall clock jumps a week ahead: nothing ends');
shift_clock(-30 * 86400, 0);
ok($door->is_in($cookie), 'nor a month back');
shift_clock(0, 0);

my $hours = 0;
for (1 .. 12) {
    $hours += 1.9;
    shift_clock(0, int($hours * 3600));
    last unless $door->is_in($cookie);
}
cmp_ok($hours, '>', 22, 'one in use lives on');
ok(!$door->is_in($idle), 'one that is not has ended');
shift_clock(0, 24 * 3600 - 120);
ok($door->is_in($cookie), 'for 24 hours');
shift_clock(0, 24 * 3600 + 60);
ok(!$door->is_in($cookie), 'and not longer');
my $day = 24 * 3600 + 60;

my $from = '198.51.100.9';
is(join(' ', map { $door->login('wrong', name => 'alice', from => $from)
    ->{status} } 1 .. 5), '401 401 401 401 429', 'five wrong tries');
shift_clock(7 * 86400, $day + 840);
is($door->login($people{alice}, name => 'alice', from => $from)->{status},
    429, 'are remembered after 14 minutes, whatever the wall clock says');
shift_clock(0, $day + 960);
is($door->login($people{alice}, name => 'alice', from => $from)->{status},
    200, 'and forgotten after 16');

# a full zone: whoever signed in first makes room

$t->stop_nginx;
shift_clock(0, 0);
$t->start("claude_session_zone zone=few:32k;\n" . Claude::SignIn::realip()
    . $door->server, workers => 4);
my $first = sign_in('bob');
my $next = sign_in('bob');
my $n = 2;
while ($n < 400 && $door->is_in($first)) {
    my @all = map { $t->connect } 1 .. 10;
    $_->send($t->request('POST', '/admin/api/login', close => 1,
        body => { name => 'alice', password => $people{alice} },
        headers => [$door->headers('POST', from => '192.0.3.' . ++$n % 250)]))
        for @all;
    $cookie = Claude::SignIn::cookie($_->response) // $cookie for @all;
    $_->close for @all;
}
cmp_ok($n, '<', 400, 'a full zone takes more');
ok(!$door->is_in($first), 'the first session has ended');
ok($door->is_in($cookie), 'the last one is there');
my $sessions = () = list($cookie);
cmp_ok($sessions, '>=', 100, "$sessions others are");

$t->finish;
