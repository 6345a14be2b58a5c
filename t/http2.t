#!/usr/bin/perl

# The same over HTTP/2, and what only HTTP/2 has: streams beside each other,
# and resets.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Curl qw(curl certificate);
use Claude::H2;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    hold => sub { my ($r) = @_; $r->start; $r->text('part'); $r->hold },
    midway => sub { my ($r) = @_; $r->start; $r->text('part'); $r->cut },
    large => sub { my ($r) = @_; $r->start; $r->text('x' x 100_000) for 1 .. 9;
        $r->finish },
);
my $tls = certificate($t->dir);
$t->start(<<"EOC");
server {
    listen %%ADDR_tls%% ssl http2;
    $tls
    location /v1/ { claude_pass bridge; }
}
server {
    listen %%ADDR%% http2;
    location /v1/ { claude_pass bridge; }
}
EOC

my $base = 'https://localhost:' . $t->port('tls') . '/v1';

sub post {
    my ($body, @more) = @_;
    write_file($t->dir . '/body.json', ref $body ? json_encode($body)
        : $body);
    return curl('--http2', '-H', 'Content-Type: application/json', '-H',
        "Authorization: Bearer $key", '--data-binary', '@' . $t->dir
        . '/body.json', @more, "$base/chat/completions");
}

# requests like others

my $r = post($t->chat_body('hi'));
is($r->{version}, 2, 'HTTP/2');
is_chat($r, 'Hello world', 'a whole answer');
$r = post($t->chat_body('hi', stream => JSON::PP::true));
like($r->{body}, qr/Hello.*\[DONE\]/s, 'a stream');
is_chat(post($t->chat_body('y' x 500_000)), 'Hello world', 'a large body');
is(length(post($t->chat_body('[[large]]'))->json
    ->{choices}[0]{message}{content}), 900_000, 'a large answer');
$r = post($t->chat_body('[[midway]]', stream => JSON::PP::true));
like($r->{body}, qr/part.*"error":/s, 'a stream that breaks');
unlike($r->{body}, qr/DONE|"stop"/, 'does not look finished');
is_error(post('{'), 400, 'invalid_json', 'bad JSON');
is_error(post(''), 400, 'invalid_json', 'no body');
is_error(post('x' x 2_000_000), 413, undef, 'a body over the limit');
is_error(curl('--http2', "$base/models"), 401, 'missing_api_key', 'no key');
is_error(curl('--http2', '-X', 'PUT', '-H', "Authorization: Bearer $key",
    "$base/models"), 405, undef, 'another method');

# streams beside each other, and their resets

my $c = Claude::H2->connect(port => $t->port);
my @headers = (authorization => "Bearer $key",
    'content-type' => 'application/json');
my $body = json_encode($t->chat_body('[[hold]]', stream => JSON::PP::true));

sub open_streams {
    my ($n) = @_;
    my $hits = $bridge->hits;
    my @ids = map { $c->request('POST', '/v1/chat/completions', $body,
        @headers) } 1 .. $n;
    $bridge->wait_hits($hits + $n);
    return @ids;
}

my @ids = open_streams(5);
my $closed = $bridge->closed;
$c->reset($_) for @ids;
ok($bridge->wait_closed($closed + 5), 'a reset closes its call');

my $healthy = $c->request('POST', '/v1/chat/completions',
    json_encode($t->chat_body('hi')), @headers);
like($c->body($healthy), qr/Hello world/, 'the connection goes on');

# rapid reset: requests that are taken back at once

for my $round (1 .. 20) {
    for (1 .. 10) {
        my $id = $c->request('POST', '/v1/chat/completions', $body,
            @headers);
        $c->reset($id);
    }
    $c->ping or last;
}
wait_until(sub {
    my @held = grep { $_->{body} =~ /hold/ } $bridge->calls;
    return @held == $bridge->closed;
}, 'the end of all calls');
pass('no call outlives its reset');
is_chat(post($t->chat_body('hi')), 'Hello world', 'the worker is sound');
$c->close;

# the whole connection goes

$c = Claude::H2->connect(port => $t->port);
$closed = $bridge->closed;
open_streams(3);
$c->close;
ok($bridge->wait_closed($closed + 3), 'a connection takes its calls along');

$t->allow(qr/upstream/, qr/client (?:sent too many|intended)/);
$t->finish;
