#!/usr/bin/perl

# Reloads, restarts, dead workers and binary upgrades: streams end whole,
# fresh connections don't fail, keys are neither lost nor revived.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    hold => sub {
        my ($r, $gate) = @_;
        $r->start;
        $r->text('before ');
        $r->hold($gate) or return;
        $r->text('after');
        $r->finish;
    },
);

sub config {
    my ($more) = @_;
    return <<"EOC";
claude_limit_zone \$binary_remote_addr zone=few:1m rate=1r/m;
server {
    listen %%ADDR%%;
    add_header X-Worker \$pid always;
    location /v1/ { claude_pass bridge; }
    location /few/ { claude_limit zone=few burst=3; claude_pass bridge; }
    $more
}
EOC
}
my @store = (keystore => "zone=keys:1m path=%%DIR%%/keys/keys.jsonl flush=1s");
$t->start(config(''), @store);

sub held {
    my ($gate) = @_;
    my $c = $t->stream("[[hold $gate]]", key => $key);
    $c->head;
    $c->event for 1, 2;
    return $c;
}

sub whole {
    my ($name, @streams) = @_;
    my @ends = map { my @events = $_->events;
        join '', map { ref $_ ? $_->{choices}[0]{delta}{content} // ''
        : $_ } @events } @streams;
    is_deeply(\@ends, [('after[DONE]') x @streams], $name);
    $_->close for @streams;
}

sub status {
    my ($which, $uri) = @_;
    return $t->http('GET', $uri // '/v1/models', key => $which)->{status};
}

# reloads under load

my @streams = map { held('reload') } 1 .. 40;
is_deeply([map { status($key, '/few/models') } 1 .. 4],
    [200, 200, 200, 429], 'a limit is used up');
my %seen;
for my $round (1 .. 20) {
    $t->reload(config("location /r$round { return 204; }"), @store);
    $seen{ status($key) }++ for 1 .. 20;
    is($t->http('GET', "/r$round")->{status}, 204,
        "reload $round took effect");
}
is_deeply(\%seen, { 200 => 400 }, 'no fresh connection failed');
is(status($key, '/few/models'), 429, 'limits are kept');
$bridge->open_gate('reload');
whole('40 streams end whole after 20 reloads', @streams);
is_chat($t->chat('hi', key => $key), 'Hello world',
    'new workers answer chats');

# another size of the zone: the keys are read again

my $late = $t->add_key('late');
wait_until(sub { status($late) == 200 }, 'a new key');
$keys->delete($late);
wait_until(sub { status($late) == 401 }, 'its end');
$t->reload(config(''), keystore =>
    "zone=keys:2m path=%%DIR%%/keys/keys.jsonl flush=1s");
is(status($key), 200, 'a zone of another size holds the keys');
is(status($late), 401, 'and not those that were deleted');

# a configuration that can't be loaded changes nothing

sub fails_to_reload {
    my ($name, $pattern, $break, $mend) = @_;
    my @before = $t->workers;
    my $length = length $t->log;
    $break->();
    kill 'HUP', $t->{master};
    wait_until(sub { substr($t->log, $length) =~ $pattern }, "$name: a log");
    is(status($key), 200, "$name: the last good state serves");
    is_deeply([$t->workers], \@before, "$name: with the same workers");
    $mend->();
}
my $master = $t->dir . '/keys/master.key';
my $store = $t->dir . '/keys/keys.jsonl';
fails_to_reload('a wrong line', qr/\[emerg\].*evil/,
    sub { $t->conf(config('evil on;'), @store) },
    sub { $t->conf(config(''), @store) });
fails_to_reload('a lost master key', qr/\[emerg\].*master/,
    sub { rename $master, "$master.away" },
    sub { rename "$master.away", $master });
my $good = read_file($store);
fails_to_reload('a damaged log', qr/\[emerg\].*keys\.jsonl/, sub {
    write_file("$store.new", $good =~ s/"digest"/"dugest"/r);
    $t->own("$store.new", 0600);
    rename "$store.new", $store;
}, sub {
    like(read_file($store), qr/dugest/, 'which is not overwritten');
    write_file("$store.new", $good);
    $t->own("$store.new", 0600);
    rename "$store.new", $store;
});
$t->reload(config(''), @store);
is(status($key), 200, 'and once it is mended, all is well');

# a worker that is killed

my $stream = held('kill');
my %holder = map { $_ => 1 } $t->workers;
for my $round (1 .. 10) {
    my @workers = $t->workers;
    kill 'KILL', $workers[ $round % @workers ];
    wait_until(sub { my @now = $t->workers; @now == 2
        && !grep { $_ == $workers[ $round % @workers ] } @now },
        'another worker');
    is_deeply([map { status($key) } 1 .. 4], [(200) x 4],
        "round $round: keys hold after a worker was killed");
}
is(status($late), 401, 'no deleted key is revived');
$stream->close;
my $fresh = $t->add_key('fresh');
wait_until(sub { status($fresh) == 200 }, 'the new key');
pass('the log is still followed');

# when it was used survives a restart

sub record { (grep { $_->{id} eq $keys->id($_[0]) } $keys->list)[0] }
sub last_used { record($key)->{lastUsed} }
my $used = wait_until(sub { last_used() }, 'lastUsed');
like($used, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    'when a key was used is stored');
ok(record($fresh)->{enabled}, 'and the rest of the record stays');
ok($t->stop_nginx, 'nginx ends');
$t->start(undef);
is(last_used(), $used, 'lastUsed is the same after a restart');
is(status($key), 200, 'the keys hold');
is(status($late), 401, 'a deleted one does not');

my @orphans = $t->workers(all => 1);
$t->stop_nginx('KILL');
kill 'KILL', @orphans;
wait_until(sub { !grep { alive($_) } @orphans }, 'the end of its workers');
$t->start(undef);
is_deeply([map { status($_) } $key, $fresh, $late], [200, 200, 401],
    'a master that was killed lost and revived nothing');

# two masters in a binary upgrade

$t->stop_nginx;
$t->start(config(''), @store, daemon => 1);
my $old = $t->{master};
kill 'USR2', $old;
my $new = wait_until(sub {
    my $pid = read_file($t->dir . '/nginx.pid') // return 0;
    return $pid > 0 && $pid != $old && (children($pid + 0))[1] ? $pid + 0
        : 0;
}, 'a second master');

# what each worker of both said last, as they come to answer
sub said {
    my ($which, $status, %said) = @_;
    my @workers;
    wait_until(sub {
        @workers = map { $t->workers(of => $_) } $old, $new;
        return @workers == 4;
    }, 'two workers of each');
    wait_until(sub {
        my $r = $t->http('GET', '/v1/models', key => $which);
        $said{ $r->{headers}{'x-worker'} } = $r->{status};
        return @workers == grep { ($said{$_} // 0) == $status } @workers;
    }, "all of @workers to say $status");
    return [map { $said{$_} } @workers];
}

is_deeply(said($key, 200), [(200) x 4], 'two masters take the same keys');
$keys->disable($fresh);
is_deeply(said($fresh, 401), [(401) x 4], 'both refuse a disabled one');
is_deeply([map { status($fresh) } 1 .. 20], [(401) x 20],
    'and go on with that');
ok($t->stop_nginx, 'the first master ends');
$t->{master} = $new;
is(status($key), 200, 'the second goes on alone');

$t->allow(qr/exited on signal 9/, qr/\[emerg\].*evil/,
    qr/\[emerg\].*(?:master|keys\.jsonl)/, qr/still could not bind/,
    qr/open socket .* left in connection/, qr/upstream/);
$t->finish;
