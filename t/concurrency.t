#!/usr/bin/perl

# A key's calls under way: never more than its limit, whichever worker has
# them, and a slot is free again however its call has ended.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;

use Claude::Checks;
use Claude::Test;

use constant LIMIT => 3;

my $t = Claude::Test->new;
my $keys = $t->keys;
my %key = map { $_ => $t->add_key($_) } qw(few one other);
$keys->set($key{few}, '--concurrent-requests', LIMIT);
$keys->set($key{one}, '--concurrent-requests', 1);

my %answers = (
    held => sub { my ($r, $gate) = @_; $r->hold($gate) and $r->hello },
    midway => sub {
        my ($r, $gate) = @_;
        $r->start;
        $r->text('part');
        $r->hold($gate // 'never') and $r->finish;
    },
    cut => sub { my ($r) = @_; $r->start; $r->text('part'); $r->cut },
    error => sub { $_[0]->error(500, 'api_error') },
    brief => sub {
        my ($r) = @_;
        $r->{bridge}->note({ begun => 1 });
        select undef, undef, undef, 0.02;
        $r->{bridge}->note({ done => 1 });
        $r->hello;
    },
    inband => sub {
        my ($r) = @_;
        $r->start;
        $r->event('error', { error => { type => 'overloaded_error' } });
        $r->end;
    },
);
my $bridge = $t->bridge(%answers);
my $second = $t->bridge_at('second', %answers);

my $config = <<'EOC';
upstream second { server unix:%%DIR%%/second/sock; }
upstream nobody { server unix:%%DIR%%/nobody/sock; }
server {
    listen %%ADDR%%;
    client_max_body_size 64k;
    location /v1/ { claude_pass bridge; }
    location /second/ { claude_pass second; claude_read_timeout 1s; }
    location /nobody/ { claude_pass nobody; }
    location /proxied/ {
        claude_auth on;
        proxy_pass http://unix:%%DIR%%/second/sock:/;
    }
    location /tried/ { claude_auth on; try_files /none @app; }
    location @app { proxy_pass http://%%ADDR_origin%%; }
    location /again/ {
        claude_auth on;
        proxy_pass http://unix:%%DIR%%/nobody/sock:/;
        error_page 502 = /tried/;
    }
}
server { listen %%ADDR_origin%%; location / { return 200 "origin\n"; } }
EOC
$t->start($config, workers => 4);

sub ask {
    my ($name, $text, %opt) = @_;
    return $t->chat($text, key => $key{$name}, %opt);
}

# calls that come at once: the statuses of those that are answered, once all
# others are under way
sub at_once {
    my ($name, $n, $gate) = @_;
    my $hits = $bridge->hits;
    my @calls = map { $t->connect } 1 .. $n;
    $_->send($t->request('POST', '/v1/chat/completions', key => $key{$name},
        body => $t->chat_body("[[held $gate]]"))) for @calls;

    my @answered;
    wait_until(sub {
        $_->fill(0) for @calls;
        @answered = grep { length $_->{in} } @calls;
        return @answered + $bridge->hits - $hits == $n;
    }, 'all calls');
    my %answered = map { $_ => 1 } @answered;
    return ([map { $_->response } @answered],
        [grep { !$answered{$_} } @calls]);
}

sub free {
    my ($name, $how) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until(sub { ask($name, 'hi')->{status} == 200 }, "a slot: $how");
    pass("$how: the slot is free again");
}

# at once, and one after another

for my $round (1 .. 3) {
    my ($refused, $open) = at_once('few', 12, "round$round");
    is(scalar @$open, LIMIT, "round $round: as many as the limit is");
    is(scalar @$refused, 12 - LIMIT, 'no more');
    is_error($refused->[0], 429, 'rate_limit_exceeded', 'which is said');
    is($refused->[0]->header('retry-after'), 1, 'and when to come again');
    is($refused->[0]->header('x-should-retry'), 'true', 'which is of use');
    is(ask('other', 'hi')->{status}, 200, 'another key is not concerned');
    is($t->http('GET', '/v1/models', key => $key{few})->{status}, 200,
        'nor a list of models');
    $bridge->open_gate("round$round");
    is_deeply([map { $_->response->{status} } @$open], [(200) x LIMIT],
        'those under way are answered');
}

my @clients;
for my $client (1 .. 8) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my $good = 0;
        for (1 .. 25) {
            my $status = ask('few', '[[brief]]')->{status};
            $good++ if $status == 200 || $status == 429;
        }
        POSIX::_exit($good == 25 ? 0 : 1);
    }
    push @clients, $pid;
}
my $failed = 0;
for (@clients) { waitpid $_, 0; $failed++ if $? }
is($failed, 0, 'every call of a hail is answered or refused');

my ($now, $most, $done) = (0, 0, 0);
for ($bridge->entries) {
    $now++ if $_->{begun};
    $most = $now if $now > $most;
    if ($_->{done}) { $now--; $done++ }
}
is($most, LIMIT, 'and never more than the limit were under way');
note("$done were answered");

# however a call ends

sub goes_midway {
    my ($how) = @_;
    my ($hits, $closed) = ($bridge->hits, scalar $bridge->closed);
    my $c = $t->stream('[[midway]]', key => $key{one});
    $c->head;
    $c->event;
    is(ask('one', 'hi')->{status}, 429, "$how: the slot is taken");
    return $c;
}

is(ask('one', '[[held nothing]]', uri => '/second/chat/completions')
    ->{status}, 504, 'an answer that never comes');
free('one', 'after a time-out');

my $c = goes_midway('a client that goes');
$c->close;
free('one', 'after a client that went');

$c = goes_midway('a client that resets');
$c->reset;
free('one', 'after a reset');

my $hits = $bridge->hits;
$c = $t->connect;
$c->send($t->request('POST', '/v1/chat/completions', key => $key{one},
    body => $t->chat_body('[[held nothing]]')));
$bridge->wait_hits($hits + 1);
$c->close;
free('one', 'after one that went before the first byte');

for my $how (qw(cut error inband)) {
    my $r = $t->stream("[[$how]]", key => $key{one});
    $r->head;
    $r->events;
    free('one', "after a stream: $how");
    isnt(ask('one', "[[$how]]")->{status}, 200, "a whole answer: $how");
    free('one', "after a whole answer: $how");
}

isnt(ask('one', 'hi', uri => '/nobody/chat/completions')->{status}, 200,
    'a bridge that is not there');
free('one', 'after that');
for my $body ('{', '{"model":"none","messages":[]}', 'x' x 70_000) {
    isnt($t->http('POST', '/v1/chat/completions', key => $key{one},
        body => $body)->{status}, 200, 'a body that is refused');
}
free('one', 'after those');

$c = $t->connect;
my $request = $t->request('POST', '/v1/chat/completions', key => $key{one},
    body => $t->chat_body('hi'));
$c->send(substr $request, 0, -20);
wait_until(sub { ask('one', 'hi')->{status} == 429 }, 'half a request');
$c->close;
free('one', 'after half a request');

$c = $t->connect;
$c->send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    . "Authorization: Bearer $key{one}\r\nContent-Type: application/json\r\n"
    . "Content-Length: 100000\r\n\r\n");
is($c->head->{status}, 413, 'a body that is too large, on its way');
free('one', 'while that client still lingers');
$c->close;

# inside nginx

is($t->http('GET', '/tried/', key => $key{one})->{status}, 200,
    'a call that is sent elsewhere inside');
free('one', 'after that');
is($t->http('GET', '/again/', key => $key{one})->{body}, "origin\n",
    'one that is tried elsewhere');
free('one', 'after that too');

$c = $t->connect;
$c->send($t->request('POST', '/proxied/v1/x', key => $key{one},
    body => '[[held proxied]]'));
$second->wait_hits(2);
is(ask('one', 'hi')->{status}, 429, 'what is proxied takes a slot');
$second->open_gate('proxied');
is($c->response->{status}, 200, 'until it is over');
free('one', 'after that');

# the bridge dies

$c = goes_midway('a bridge that dies');
$bridge->stop_listening;
like(($c->events)[-1]{error}{code}, qr/bad_gateway/, 'the stream breaks');
$bridge->listen;
free('one', 'after that');

# a reload: workers of both configurations share the count

$c = goes_midway('a reload');
$t->reload($config, workers => 4);
is(ask('one', 'hi')->{status}, 429, 'new workers know of it');
$c->close;
free('one', 'after a call of a worker that exits');

# workers that are killed, all of them holding calls

my ($refused, $open) = at_once('few', 6, 'never');
is(scalar @$open, LIMIT, 'all slots are taken');
kill 'KILL', $t->workers;
wait_until(sub { $t->workers == 4 }, 'new workers');
wait_until(sub { my $r = eval { ask('few', 'hi') }; $r && $r->{status} == 200 },
    'a slot of a killed worker');
$_->close for @$open;
($refused, $open) = at_once('few', 6, 'killed');
is(scalar @$open, LIMIT, 'all slots of killed workers are free again');
$bridge->open_gate('killed');
$_->response for @$open;

# killed at any moment, under load

for (1 .. 3) {
    my @noise = map {
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            eval { ask('few', '[[brief]]') } for 1 .. 15;
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. 4;
    select undef, undef, undef, 0.1 + rand 0.2;
    my @workers = $t->workers;
    kill 'KILL', $workers[rand @workers] if @workers;
    waitpid $_, 0 for @noise;
}
wait_until(sub { $t->workers == 4 }, 'new workers');
my $last;
wait_until(sub {
    my ($refused, $open) = at_once('few', 6, 'last' . ++$last);
    $bridge->open_gate("last$last");
    $_->response for @$open;
    return @$open == LIMIT;
}, 'all slots');
pass('and after workers that were killed under load');

$t->allow(qr/upstream/, qr/the bridge refused a request/,
    qr/exited on signal 9/, qr/no live upstreams/, qr/ is killed/,
    qr/client intended to send too large body/);
$t->finish;
