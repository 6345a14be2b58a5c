#!/usr/bin/perl

# A client that goes takes its call with it: the bridge's connection closes,
# the SDK process ends, and no counter stays behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::FakeBridge;
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $sdk = Claude::SDK->start($t, pool => 1);
my $fake = $t->bridge_at('fake',
    silent => sub { $_[0]->hold },
    midway => sub { my ($r) = @_; $r->start; $r->text('part'); $r->hold },
    flood => sub {
        my ($r) = @_;
        $r->start;
        while (!$r->{closed}) { $r->text('x' x 10_000) }
    },
    quick => sub { $_[0]->hello },
);

$t->start(<<'EOC');
limit_conn_zone $claude_key_id zone=conns:1m;
upstream fake { server unix:%%DIR%%/fake/sock; keepalive 4; }
server {
    listen %%ADDR%%;
    limit_conn_status 429;
    location /v1/ { claude_pass bridge; }
    location /fake/ { claude_pass fake; }
    location /one/ { limit_conn conns 1; claude_pass fake; }
    location /unread/ { send_timeout 1s; claude_pass fake; }
}
EOC

# a client that closes at some moment, and the fake bridge's view of it

sub goes {
    my ($name, $text, %opt) = @_;
    my ($hits, $closed) = ($fake->hits, scalar $fake->closed);
    my $c = $t->connect;
    $c->send($t->request('POST', ($opt{at} // '/fake') . '/chat/completions',
        key => $key, body => $t->chat_body($text,
        $opt{whole} ? () : (stream => JSON::PP::true))));
    $fake->wait_hits($hits + 1);
    if ($opt{read}) {
        $c->head;
        $c->event;
    }
    $opt{how} ? $c->reset : $c->close;
    ok($fake->wait_closed($closed + 1), "$name: the bridge's call is closed");
}

goes('before the first byte', '[[silent]]');
goes('in the middle of a stream', '[[midway]]', read => 1);
goes('in a whole answer', '[[silent]]', whole => 1);
goes('in a whole answer that has begun', '[[midway]]', whole => 1);
goes('by a reset', '[[midway]]', read => 1, how => 1);

# a client that does not read

my $closed = $fake->closed;
my $deaf = $t->stream('[[flood]]', key => $key,
    uri => '/unread/chat/completions');
my ($before) = sort { $b <=> $a } map { rss($_) } $t->workers;
$fake->wait_closed($closed + 1);
my ($after) = sort { $b <=> $a } map { rss($_) } $t->workers;
pass('a client that reads nothing is given up');
cmp_ok($after - $before, '<', 16 * 1024,
    'and what it does not read is not heaped up');
$deaf->close;

sub rss {
    my ($kb) = (read_file("/proc/$_[0]/status") // '') =~ /^VmRSS:\s+(\d+)/m;
    return $kb // 0;
}

# a client that goes while it sends

my $hits = $fake->hits;
for my $part (0, 1, 40) {
    my $request = $t->request('POST', '/fake/chat/completions', key => $key,
        body => $t->chat_body('[[quick]]'));
    my $c = $t->connect;
    $c->send(substr $request, 0, length($request) - $part - 1);
    $c->reset;
}
is_chat($t->chat('[[quick]]', key => $key, uri => '/fake/chat/completions'),
    'Hello world', 'the worker goes on');
is($fake->hits, $hits + 1, 'half a request is no call');

# counters: the connection that limit_conn counted is free again

for my $round (1 .. 4) {
    goes("under limit_conn, round $round", '[[midway]]', at => '/one',
        read => 1);
}
is_chat($t->chat('[[quick]]', key => $key, uri => '/one/chat/completions'),
    'Hello world', 'and the next one passes');

# the SDK process

sub sdk_goes {
    my ($name, $directive, $read, %fields) = @_;
    $sdk->wait_parked;
    my %old = map { $_ => 1 } $sdk->processes;
    my $calls = () = $sdk->requests;
    my $c = $t->connect;
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $t->chat_body("[[stub $directive]]", %fields)));
    wait_until(sub { $sdk->requests > $calls }, 'the call of the API');
    if ($read) {
        $c->head;
        $c->event;
    }
    $c->close;
    wait_until(sub { $sdk->open_calls == 0 }, 'the end of the API\'s call');
    wait_until(sub { !grep { alive($_) } keys %old },
        'the end of the SDK process');
    wait_until(sub { ($sdk->health // {})->{busy} == 0 },
        'an idle bridge');
    pass("$name: the SDK process is gone, and its call of the API");
}

sdk_goes('before the first byte', 'hang=headers', 0,
    stream => JSON::PP::true);
sdk_goes('in the middle of a stream',
    'text="a b c d" deltas=4 after=2 hang=stream', 1,
    stream => JSON::PP::true);
sdk_goes('in a whole answer', 'hang=start', 0);

$sdk->wait_parked;
is_chat($t->chat('[[stub text=fine]]', key => $key), 'fine',
    'the next client is served');

$t->allow(qr/client timed out/);
$t->finish;
