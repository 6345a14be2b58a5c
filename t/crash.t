#!/usr/bin/perl

# Rounds of changes by the admin API and by claude-keys at once, while workers,
# the master and claude-keys itself are killed with -9.  After each the log has
# every change that was acknowledged, and nothing that was revoked works.
#
# CLAUDE_CRASH_ROUNDS says how many rounds (16; "make crash" 200).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(max shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Claude::Process qw(slow);
use Claude::SignIn;
use Claude::Test;

my $rounds = $ENV{CLAUDE_CRASH_ROUNDS} // 16;
my $most = 12;                  # live keys of each actor
my $patience = 20;

# how long a request may be without an answer once a worker was killed, s: a
# short run must not fail because a machine is busy
my $hang = $rounds >= 200 ? 1 : 5;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $dir = $t->dir;
my $claude_keys = Claude::Test::build() . '/claude-keys';
my @files = $keys->files;
my $password = 'a password for crashes';
my $door = Claude::SignIn->new($t, admin => $password);
my $steady = $t->add_key('steady');
$t->bridge;
$t->private('api', 'cli');
$t->start($door->server, zone => '4m', workers => 2);

my $lib = "$dir/kill_at.so";
BAIL_OUT('kill_at.c') if run(['cc', '-shared', '-fPIC', '-o', $lib,
    root() . '/t/lib/kill_at.c', '-ldl'])->{status};

# id => {actor, key, enabled, tokens, gone}, as acknowledged; a change that was
# begun and not acknowledged lies in {pending}
my %model;
my (%acknowledged, $unknown);   # how many changes
my @revoked;                    # keys that must never work again
my $cookie = $door->sign_in($password);
my $token = Claude::Test::token();
$t->secret($token);

# one change; each of these returns what was acknowledged, or undef

my %api = (
    add => sub { api('POST', 'keys', 201, { oauthToken => $token,
        keyName => $_[0], dayTokens => $_[1] }) },
    rotate => sub { api('POST', "keys/$_[0]/rotate", 200, {}) },
    set => sub { api('PATCH', "keys/$_[0]", 200, { enabled => $_[1]
        ? JSON::PP::true : JSON::PP::false, dayTokens => $_[2] }) },
    delete => sub { api('DELETE', "keys/$_[0]", 204, {}) },
);

sub api {
    my ($method, $path, $status, $body) = @_;
    my $r = eval { $door->call($method, $path, cookie => $cookie,
        body => $body, patience => $patience) };
    return undef unless $r && $r->{status} == $status && !$r->{truncated};
    return $status == 204 ? {} : $r->json;
}

my %cli = (
    add => sub { cli($token, 'add', '--name', $_[0], '--token-stdin',
        '--day-tokens', $_[1], '--json') },
    rotate => sub { cli(undef, 'rotate', $_[0], '--json') },
    set => sub { cli(undef, 'set', $_[0], $_[1] ? '--enable' : '--disable',
        '--day-tokens', $_[2], '--json') },
    delete => sub { cli(undef, 'delete', $_[0]) },
);

# every fourth one is killed on its way
sub cli {
    my ($input, @args) = @_;
    my %env = rand() < 0.25 ? (LD_PRELOAD => $lib, ASAN_OPTIONS =>
        'verify_asan_link_order=0', KILL_AT => 1 + int rand 8) : ();
    my $got = run([$claude_keys, @args, @files], $input, %env);
    return undef if $got->{status};
    return $got->{out} =~ /^\{/ ? json_decode($got->{out}) : {};
}

# makes changes until told to stop: the journal has what is begun, and then
# what is acknowledged
sub actor {
    my ($name, $do) = @_;
    my %mine = map { $_ => 1 } grep { $model{$_}{actor} eq $name
        && !$model{$_}{gone} } keys %model;
    my $n = 0;
    unlink "$dir/$name";

    my $parent = $$;
    my $pid = fork // die $!;
    return $pid if $pid;

    srand $$;
    open my $journal, '>', "$dir/$name" or POSIX::_exit(1);
    $journal->autoflush(1);
    my $note = sub { print $journal json_encode($_[0]), "\n" };

    until (-e "$dir/stop" || getppid != $parent) {
        my ($id) = shuffle keys %mine;
        my $op = !$id || keys %mine < $most && rand() < 0.4 ? 'add'
            : keys %mine >= $most ? 'delete'
            : (qw(rotate set set delete))[rand 4];
        my ($enabled, $tokens) = (rand() < 0.6 ? 1 : 0, 1 + int rand 1e6);
        my $begun = { op => $op, id => $id, tokens => $tokens,
            enabled => $enabled };
        $note->({ begun => $begun });
        my $got = $op eq 'add' ? $do->{add}("$name.$$." . ++$n, $tokens)
            : $do->{$op}($id, $enabled, $tokens);

        if (!$got) {
            # nobody knows; and nothing more comes of a nginx that is gone
            delete $mine{$id} if $id;
            sleep 0.02;
            next;
        }

        $id = $got->{id} if $op eq 'add';
        $note->({ %$begun, id => $id,
            key => $got->{apiKey} // $got->{key} });
        $op eq 'delete' ? delete $mine{$id} : ($mine{$id} = 1);

        if ($name eq 'cli' && rand() < 0.1) {
            run([$claude_keys, rand() < 0.5 ? 'compact' : ('rekey',
                '--reseal'), @files], undef, rand() < 0.5 ? (LD_PRELOAD =>
                $lib, ASAN_OPTIONS => 'verify_asan_link_order=0',
                KILL_AT => 1 + int rand 20) : ());
        }
    }

    POSIX::_exit(0);
}

# takes what an actor's journal says into the model
sub learn {
    my ($name) = @_;
    my $begun;

    for my $line (split /\n/, read_file("$dir/$name") // '') {
        my $doc = eval { json_decode($line) } or next;
        if ($doc->{begun}) {
            $unknown++ if $begun;
            $model{ $begun->{id} }{pending} = $begun if $begun
                && $begun->{id};
            $begun = $doc->{begun};
            next;
        }

        undef $begun;
        my $it = $model{ $doc->{id} } //= { actor => $name };
        push @revoked, $it->{key} if $it->{key}
            && $doc->{op} =~ /rotate|delete/;
        $it->{key} = $doc->{key} if $doc->{key};
        @$it{qw(enabled tokens)} = @$doc{qw(enabled tokens)}
            if $doc->{op} eq 'set';
        @$it{qw(enabled tokens)} = (1, $doc->{tokens})
            if $doc->{op} eq 'add';
        $it->{gone} = 1 if $doc->{op} eq 'delete';
        $acknowledged{"$name $doc->{op}"}++;
    }

    $unknown++ if $begun;
    $model{ $begun->{id} }{pending} = $begun if $begun && $begun->{id};
}

sub display { substr($_[0], 0, 7) . "\x{2026}" . substr $_[0], -4 }

# what is wrong with the log; a change that nobody acknowledged is either done
# or not, and stays what it is found to be
sub lost {
    my %has = map { $_->{id} => $_ } $keys->list;
    my @lost;

    for my $id (keys %model) {
        my ($it, $is) = ($model{$id}, $has{$id});
        my $pending = delete $it->{pending};
        my $op = $pending ? $pending->{op} : '';

        if ($it->{gone}) {
            push @lost, "$id is back" if $is;
            next;
        }

        if (!$is) {
            push @lost, "$id is lost" if $op ne 'delete';
            $it->{gone} = 1;
            push @revoked, $it->{key};
            next;
        }

        if ($op eq 'set' && $is->{dayTokens} == $pending->{tokens}) {
            @$it{qw(enabled tokens)} = @$pending{qw(enabled tokens)};
        }

        push @lost, "$id: limit $is->{dayTokens}, not $it->{tokens}"
            if $is->{dayTokens} != $it->{tokens};
        push @lost, "$id: enabled $is->{enabled}, not $it->{enabled}"
            if !$is->{enabled} != !$it->{enabled};

        if ($it->{key} && $is->{display} ne display($it->{key})) {
            push @lost, "$id: another key" if $op ne 'rotate';
            push @revoked, delete $it->{key};
        }
    }

    return @lost;
}

sub status {
    my ($key) = @_;
    my $r = eval { $t->http('GET', '/v1/models', key => $key) };
    return $r ? $r->{status} : 0;
}

# what nginx does that it must not; it has a second to learn
sub wrong {
    my @wrong;
    my %want = map { $_->{key} => !$_->{gone} && $_->{enabled} ? 200 : 401 }
        grep { $_->{key} } values %model;
    splice @revoked, 0, @revoked - 60 if @revoked > 60;
    $want{$_} = 401 for @revoked;
    my $end = time + 1 * slow() + ($rounds >= 200 ? 0 : 4);

    for my $key (keys %want) {
        my $got;
        until (($got = status($key)) == $want{$key} || time > $end) {
            sleep 0.02;
        }
        push @wrong, display($key) . " is $got, not $want{$key}"
            if $got != $want{$key};
    }

    return @wrong;
}

# what is killed in a round; 1: nginx must be started again
my @kills = (
    ['a worker', sub { my @w = $t->workers; kill 'KILL', $w[rand @w]; 0 }],
    ['all workers', sub { kill 'KILL', $t->workers; 0 }],
    ['the master', sub {
        my @workers = $t->workers(all => 1);
        $t->stop_nginx('KILL');
        sleep rand 0.1;
        kill 'KILL', @workers;
        wait_until(sub { !grep { alive($_) } @workers }, 'their end');
        1;
    }],
    ['two workers, one after another', sub {
        for (1, 2) {
            my @w = $t->workers;
            kill 'KILL', $w[rand @w] if @w;
            sleep rand 0.05;
        }
        0;
    }],
    ['everything at once', sub {
        my @workers = $t->workers(all => 1);
        kill 'KILL', $t->{master}, @workers;
        $t->stop_nginx('KILL');
        wait_until(sub { !grep { alive($_) } @workers }, 'their end');
        1;
    }],
);

my $slowest = 0;

for my $round (1 .. $rounds) {
    my ($name, $kill) = @{ $kills[$round % @kills] };
    my @actors = (actor('api', \%api), actor('cli', \%cli));
    sleep 0.1 + rand 0.3;
    my $again = $kill->();

    # answers of what is left of nginx, and of what comes in its place
    for (1 .. ($again ? 0 : 8)) {
        my $begin = time;
        wait_until(sub { status($steady) == 200 }, 'an answer');
        $slowest = max($slowest, time - $begin);
        sleep rand 0.02;
    }

    write_file("$dir/stop", '');
    waitpid $_, 0 for @actors;
    unlink "$dir/stop";

    if ($again) {
        $t->start(undef);
        $cookie = $door->sign_in($password);
    }

    learn($_) for qw(api cli);
    my $check = $keys->command(undef, 'check', @files);
    my @bad = $check->{status} ? $check->{err} : ();
    push @bad, lost(), wrong();
    is(join('; ', @bad), '', "round $round, $name: nothing is lost, nothing "
        . 'comes back') or last;
}

note "acknowledged: ", join ', ', map { "$acknowledged{$_} $_" }
    sort keys %acknowledged;
is(scalar(keys %acknowledged), 8, 'all changes were made, either way');
cmp_ok($unknown, '>', 0, "$unknown were cut off");
cmp_ok($slowest, '<', $hang * slow(),
    sprintf 'the longest wait for an answer was %.2f s', $slowest);

# a change that two re-sealings overtake is refused, and was answered so
$t->allow(qr/exited on signal 9/, qr/still could not bind/,
    qr/open socket .* left/,
    qr/has a token that the store's key can't open/);
$t->finish;
