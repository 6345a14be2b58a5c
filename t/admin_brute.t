#!/usr/bin/perl

# A flood of logins: the event loops don't wait for bcrypt, most of it is told
# to come back, and how long an answer takes doesn't say whose names there are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use Claude::Process qw(spawn);
use Claude::SignIn;
use Claude::Test;

use constant LOGINS => 1000;
use constant AT_ONCE => 200;

my $t = Claude::Test->new;
my $door = Claude::SignIn->new($t, alice => 'correct horse', bob => 'battery');
my $key = $t->add_key('one');

$t->start(Claude::SignIn::realip() . $door->server);
my $cookie = $door->sign_in('correct horse', name => 'alice',
    from => '192.0.2.1');

sub median { (sort { $a <=> $b } @_)[@_ / 2] }
sub p99 { (sort { $a <=> $b } @_)[@_ * 0.99] }
sub ms { sprintf '%.1f ms', 1000 * $_[0] }

# how long the API takes; a connection for each, so that every worker is asked
sub measure {
    my ($goes_on) = @_;
    my @took;
    my $bad = 0;
    for (my $n = 0; $n < 400 || $goes_on && $goes_on->() && $n < 5000; $n++) {
        my $start = time;
        my $r = $t->http('GET', '/v1/models', key => $key);
        push @took, time - $start;
        $bad++ if $r->{status} != 200;
    }
    is($bad, 0, @took . ' calls of the API are answered');
    return @took;
}

# one login after another on each of several connections, every one from an
# address of its own; how often each status came
sub flood {
    my (%got, @open);
    my $sent = 0;
    my $next = sub {
        my $from = sprintf '10.%d.%d.%d', $$ % 250, $sent / 250, $sent % 250;
        my $c = $t->connect(patience => 60);
        $c->send($t->request('POST', '/admin/api/login', close => 1,
            body => { name => ('alice', 'nobody')[$sent % 2],
                password => 'wrong' },
            headers => [$door->headers('POST', from => $from)]));
        $sent++;
        return $c;
    };
    push @open, $next->() for 1 .. AT_ONCE;
    while (my $c = shift @open) {
        $got{ $c->response->{status} }++;
        $c->close;
        push @open, $next->() if $sent < LOGINS;
    }
    return \%got;
}

my @hash;
for (1 .. 3) {
    my $start = time;
    push @hash, time - $start
        if crypt 'wrong', Claude::SignIn::hash('correct horse');
}
my $hash = median(@hash);

my @before = measure();
my $results = $t->dir . '/flood.json';
my $child = fork // die $!;
if (!$child) {
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
    write_file($results, json_encode(flood()));
    require POSIX;
    POSIX::_exit(0);
}
wait_until(sub {
    $door->call('POST', 'login', body => {}, from => '192.0.2.2')->{status}
}, 'an answer');
my @during = measure(sub { waitpid($child, 1) == 0 });
waitpid $child, 0;

my $got = json_decode(read_file($results));
is(($got->{401} // 0) + ($got->{503} // 0), LOGINS,
    'each login is answered: wrong, or come back later')
    or diag json_encode($got);
cmp_ok($got->{401} // 0, '>', 0, 'some were looked at');
note sprintf 'hash %s, API before: median %s, p99 %s; during: %s, %s; %s',
    ms($hash), (map { ms($_) } median(@before), p99(@before),
    median(@during), p99(@during)), json_encode($got);
ok(p99(@during) < 10 * p99(@before) || p99(@during) < $hash / 2,
    'the API doesn\'t wait for them')
    or diag ms(p99(@before)), ' became ', ms(p99(@during));
ok($door->is_in($cookie, from => '192.0.2.1'), 'whoever is in stays in');

# as long as for a name that there is

my %took;
for my $n (1 .. 12) {
    for my $name (qw(alice nobody)) {
        my $start = time;
        $door->login('wrong', name => $name, from => "10.251.$n."
            . ($name eq 'alice' ? 1 : 2));
        push @{ $took{$name} }, time - $start;
    }
}
my $ratio = median(@{ $took{nobody} }) / median(@{ $took{alice} });
ok($ratio > 0.5 && $ratio < 2, 'a name that is none takes as long')
    or diag "$ratio times as long";

$t->finish;
