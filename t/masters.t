#!/usr/bin/perl

# Two nginx masters on one store, as in a binary upgrade, and apart: a key that
# is revoked in one is refused by the other within a second.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);

use Claude::Checks;
use Claude::Process qw(slow);
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $dir = $t->dir;
my $password = 'a password for masters';
my $door = Claude::SignIn->new($t, admin => $password);
my %key = map { $_ => $t->add_key($_) } qw(first second third fourth stays);
my $bridge = $t->bridge(
    midway => sub {
        my ($r) = @_;
        $r->start;
        $r->text('part');
        $r->hold('go') and $r->finish;
    },
);

# a second master with a zone, a port and a log of its own: what was configured
# for the first, elsewhere
sub second {
    $t->port('two');
    my $conf = read_file("$dir/nginx.conf");
    my ($one, $two) = ($t->port, $t->port('two'));
    $conf =~ s/127\.0\.0\.1:$one\b/127.0.0.1:$two/g;
    $conf =~ s{\Q$dir/nginx.pid}{$dir/two.pid};
    $conf =~ s{\Q$dir/error.log}{$dir/two.log};
    write_file("$dir/two.conf", $conf);
    my @cmd = @{ $t->nginx_cmd };
    for (@cmd) {
        s{^\Q$dir/nginx.conf\E}{$dir/two.conf};
        s{^\Q$dir/error.log\E}{$dir/two.log};
    }
    my $pid = $t->daemon('two', cmd => \@cmd, env => { $t->nginx_env });
    wait_until(sub { eval { $t->connect(port => 'two')->close; 1 } },
        'a second master');
    return $pid;
}

$t->start($door->server);
my $two = second();

sub status {
    my ($key, $port) = @_;
    return $t->http('GET', '/v1/models', key => $key, port => $port)
        ->{status};
}

# how long a master on this port goes on taking a key, s
sub takes {
    my ($key, $port) = @_;
    my $begin = time;
    wait_until(sub { status($key, $port) == 401 }, 'a refusal');
    my $took = time - $begin;
    is_deeply([map { status($key, $port) } 1 .. 6], [(401) x 6],
        'and no worker of it takes the key again');
    return $took;
}

is_deeply([map { status($key{stays}, $_) } undef, 'two'], [200, 200],
    'both masters take a key');

my $cookie = $door->sign_in($password);
my $in_two = Claude::SignIn::cookie($door->login($password, port => 'two'));
$t->secret($in_two);

my @took;
for (['first', undef, 'two', sub { $door->call('DELETE', "keys/$_[0]",
        cookie => $cookie)->{status} == 204 }],
    ['second', 'two', undef, sub { $door->call('PATCH', "keys/$_[0]",
        cookie => $in_two, port => 'two', body => { enabled =>
        JSON::PP::false })->{status} == 200 }],
    ['third', undef, 'two', sub { $door->call('POST', "keys/$_[0]/rotate",
        cookie => $cookie)->{status} == 200 }],
    ['fourth', undef, 'two', sub { $keys->delete($key{fourth}); 1 }])
{
    my ($name, $here, $there, $revoke) = @$_;
    my $key = $key{$name};
    my @streams = map { $t->stream('[[midway]]', key => $key, port => $_) }
        $here, $there;
    for my $stream (@streams) {
        is($stream->head->{status}, 200, "$name: a stream");
        $stream->event;
    }

    ok($revoke->($keys->id($key)), "$name is revoked in one master");
    push @took, takes($key, $there);
    # who deletes from outside tells neither
    takes($key, $here) if $name eq 'fourth';
    is(status($key, $here), 401, "$name: by that one too");
    for my $stream (@streams) {
        my @events = $stream->events;
        is(ref $events[-1] && $events[-1]{error}{code}, 'invalid_api_key',
            "$name: its streams end in both");
        $stream->close;
    }
}

note sprintf 'refused by the other after %s s', join ', ',
    map { sprintf '%.2f', $_ } @took;
cmp_ok(max(@took), '<', 1 * slow() + ($ENV{CLAUDE_STRICT} ? 0 : 2),
    'within a second, on a machine that is not busy');

# made in one, taken by the other

my $made = $door->call('POST', 'keys', cookie => $in_two, port => 'two',
    body => { oauthToken => $t->secret(Claude::Test::token()),
    keyName => 'made' })->json;
$t->secret($made->{apiKey});
wait_until(sub { status($made->{apiKey}) == 200 }, 'a key of the other');
pass('a key that one has made the other takes');
is_deeply([map { status($key{stays}, $_) } undef, 'two'], [200, 200],
    'both go on with the others');

# changes in both at once

my @pids = map {
    my ($port, $with) = @$_;
    my $pid = fork // die $!;
    if (!$pid) {
        my $bad = 0;
        for my $n (1 .. 10) {
            my $r = $door->call('POST', 'keys', cookie => $with,
                port => $port, body => { keyName => ($port // 'one') . $n,
                oauthToken => Claude::Test::token() });
            $bad++ if !$r || $r->{status} != 201;
        }
        POSIX::_exit($bad);
    }
    $pid;
} [undef, $cookie], ['two', $in_two];
my $bad = 0;
for (@pids) { waitpid $_, 0; $bad += $? >> 8 }
is($bad, 0, 'both change keys at once');
is((grep { $_->{keyName} =~ /^(?:one|two)\d+$/ } $keys->list), 20,
    'and all of it is there');
my $check = $keys->command(undef, 'check', $keys->files);
is($check->{status}, 0, 'in a sound log') or diag $check->{err};

# the second goes, the first goes on

ok(Claude::Process::stop($two, 'QUIT'), 'the second master ends');
$t->forget_daemon($two);
is(status($key{stays}), 200, 'the first goes on');
is(join("\n", grep { /\[(?:error|crit|alert|emerg)\]/ && !/upstream/ }
    split /\n/, read_file("$dir/two.log")), '', 'with a clean log');

$t->allow(qr/upstream/);
$t->finish;
