#!/usr/bin/perl

# Long bodies are translated in a thread: they arrive as they are, others are
# answered meanwhile, and neither a reload nor a client that goes cuts in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge;

$t->start('upstream second { server unix:%%DIR%%/nothing; '
    . 'server unix:%%DIR%%/bridge/sock; } '
    . 'server { listen %%ADDR%%; client_max_body_size 64m; '
    . 'location /v1/ { claude_pass bridge; } '
    . 'location /second/ { claude_pass second; } }', workers => 1);

# many messages take longer than one that is as long
my $n = 49_999;
my $long = json_encode({ model => 'sonnet', messages => [
    map +{ role => $_ % 2 ? 'user' : 'assistant',
        content => "number $_" . '.' x 60 }, 1 .. 2 * $n + 1 ] });

my $r = $t->http('POST', '/v1/chat/completions', key => $key, body => $long);
is_chat($r, 'Hello world', 'a long body');
my $messages = $bridge->last_body->{messages};
is(scalar @$messages, 2 * $n + 1, 'all of it arrives');
like(json_encode($messages->[-1]), qr/number ${\ (2 * $n + 1)}\./,
    'in its order');

$r = $t->http('POST', '/v1/chat/completions', key => $key,
    body => substr $long, 0, -2);
is_error($r, 400, 'invalid_json', 'a long body that is cut');

# long strings, which are found ahead of yajl: escapes, all planes, and more of
# them than are sent at once
my @texts = map { ($_ x 2_000) . '.' } 'plain text ' x 4, "a line\n",
    qq("\\/\b\f\n\r\t\x{1}), "\x{e9}\x{20ac}\x{2028}", "\x{1f600}\x{10ffff}";
$t->allow(qr{connect\(\) to unix:\S+/nothing failed});

my $escaped = json_encode({ model => 'sonnet', messages => [
    map +{ role => 'user', content => $_ }, @texts ] });
my $ascii = JSON::PP->new->ascii->encode(json_decode($escaped));

for (['as it is', $escaped], ['escaped', $ascii]) {
    my ($how, $body) = @$_;
    $bridge->forget;
    for my $uri ('/v1', '/second') {
        is_chat($t->http('POST', "$uri/chat/completions", key => $key,
            body => $body), 'Hello world', "$uri, long strings $how");
        is_deeply([map { $_->{text} } map { @{ $_->{content} } }
            @{ $bridge->last_body->{messages} }], \@texts,
            "$uri, long strings $how, arrive");
    }
}

(my $lone = $ascii) =~ s/\\ude00/\\u0041/;
is_error($t->http('POST', '/v1/chat/completions', key => $key,
    body => $lone), 400, 'invalid_json', 'a lone surrogate among them');

# one that doesn't say how long it is
my $c = $t->connect;
my $request = $t->request('POST', '/v1/chat/completions', key => $key,
    body => '');
$request =~ s/^Content-Length: 0\r\n/Transfer-Encoding: chunked\r\n/mi
    or die 'no length in a request';
$c->send($request . join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
    unpack('(a20000)*', $escaped), '');
is_chat($c->response, 'Hello world', 'a long body in chunks');
is_deeply([map { $_->{text} } map { @{ $_->{content} } }
    @{ $bridge->last_body->{messages} }], \@texts, 'arrives');

# a reload, or the client's end, while the thread is at work

for my $round (1 .. 3) {
    my $c = $t->connect;
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $long));
    $t->reload;
    is_chat($c->response, 'Hello world', "reload $round does not cut in");
}

my $hits = $bridge->hits;
for (1 .. 3) {
    my $c = $t->connect;
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $long));
    $c->reset;
}
is_chat($t->chat('hi', key => $key), 'Hello world',
    'others are answered when clients go');

$t->finish;
