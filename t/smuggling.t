#!/usr/bin/perl

# Requests whose end two readers might see in different places, and what the
# bridge is sent: one request, framed by the module alone.

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
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
}
EOC

my $body = json_encode($t->chat_body('hi'));
my $n = length $body;
my $coded = sprintf "%x\r\n%s\r\n0\r\n\r\n", $n, $body;
my $first = 'POST /v1/chat/completions HTTP/1.1';
my @head = ('Host: a', "Authorization: Bearer $key",
    'Content-Type: application/json');
my $evil = "GET /v1/models HTTP/1.1\r\nHost: evil\r\n\r\n";

# statuses of everything that comes back
sub statuses {
    my ($bytes) = @_;
    my $c = $t->connect;
    $c->send($bytes);
    my @statuses;
    while (my $r = eval { $c->response }) {
        push @statuses, $r->{status};
        last if ($r->header('connection') // '') eq 'close';
    }
    $c->close;
    return join ' ', @statuses;
}

sub refused {
    my ($name, $what, @lines) = @_;
    my ($top, $payload) = ref $what ? @$what : ($first, $what);
    like(statuses(join("\r\n", $top, @head, @lines) . "\r\n\r\n$payload"),
        qr/^(400|501)$/, $name);
}

refused('a length and chunks', "$coded$evil", "Content-Length: $n",
    'Transfer-Encoding: chunked');
refused('chunks and a length', "$coded$evil", 'Transfer-Encoding: chunked',
    'Content-Length: 4');
refused('two lengths', "$body$evil", "Content-Length: $n",
    'Content-Length: ' . ($n + length $evil));
refused('the same length twice', $body, "Content-Length: $n",
    "Content-Length: $n");
refused('a list of lengths', $body, "Content-Length: $n, $n");
refused('a negative length', $body, "Content-Length: -$n");
refused('a length with a sign', $body, "Content-Length: +$n");
refused('a length in hex', $body, sprintf 'Content-Length: 0x%x', $n);
refused('a length that overflows', $body,
    'Content-Length: 99999999999999999999');
refused('an empty length', $body, 'Content-Length:');
refused('a folded header', $body, "Content-Length: $n", 'X-A: b',
    ' Transfer-Encoding: chunked');
refused('a bare CR', $body, "X-A: b\rTransfer-Encoding: chunked",
    "Content-Length: $n");
refused('a NUL in a header', $body, "X-A: b\0c", "Content-Length: $n");
refused('a space before the colon', $body, "Content-Length : $n");
refused('a space in a name', $coded, 'Transfer Encoding: chunked',
    "Content-Length: $n", 'X Y: z');
refused('an unknown coding', $coded, 'Transfer-Encoding: xchunked');
refused('two codings', $coded, 'Transfer-Encoding: gzip, chunked');
refused('chunked twice', $coded, 'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked');
refused('identity', $coded, 'Transfer-Encoding: identity');
refused('a vertical tab before chunked', $coded,
    "Transfer-Encoding: \x0bchunked");
refused('chunks in HTTP/1.0',
    ['POST /v1/chat/completions HTTP/1.0', $coded],
    'Transfer-Encoding: chunked');
refused('two hosts', $body, 'Host: b', "Content-Length: $n");
refused('a chunk size with a sign', "+$coded", 'Transfer-Encoding: chunked');
refused('a chunk size in 0x', "0x$coded", 'Transfer-Encoding: chunked');
refused('a chunk longer than it says',
    "1\r\n$body\r\n0\r\n\r\n", 'Transfer-Encoding: chunked');
refused('a negative chunk size', "-1\r\n$body\r\n0\r\n\r\n",
    'Transfer-Encoding: chunked');

is($bridge->hits, 0, 'none of them reached the bridge');

# pipelined requests are each judged by themselves

my $good = join("\r\n", $first, @head, "Content-Length: $n") . "\r\n\r\n"
    . $body;
my $without = $good =~ s/Authorization[^\n]*\n//r;
is(statuses($without . $good . $evil
    . $t->request('GET', '/v1/health', close => 1)), '401 200 401 200',
    'requests in one packet have a key each');

# the call of the bridge

$bridge->forget;
my $r = $t->chat('hi', key => $key, headers => ['Cookie: a=b', 'X-Custom: 1',
    'Connection: keep-alive, X-Custom', 'Upgrade: h2c', 'TE: trailers',
    'Accept-Encoding: gzip', 'X-Accel-Buffering: no', 'Forwarded: for=1',
    'anthropic-beta: evil', 'anthropic-version: evil', 'Range: bytes=0-1']);
is_chat($r, 'Hello world', 'a request with many headers is answered');

my ($call) = $bridge->calls;
my %lines;
$lines{ lc((split /:/)[0]) }++ for @{ $call->{lines} };
is_deeply([grep { $lines{$_} > 1 } sort keys %lines], [],
    'the call has no header twice');
is($call->{headers}{'content-length'}, length $call->{body},
    'its length is that of the body');
is($call->{headers}{'transfer-encoding'}, undef, 'and nothing else says so');
unlike("@{ $call->{lines} }", qr/evil|X-Custom|a=b|h2c|trailers|bytes=/i,
    'no header of the client is passed on');
my $document = json_decode($call->{body});
is($document->{stream}, JSON::PP::true, 'it asks for a stream');

$r = $t->chat("a\r\n\r\n0\r\n\r\nPOST /evil HTTP/1.1\r\n\r\n", key => $key);
is_chat($r, 'Hello world', 'a prompt like HTTP is a prompt');
is(scalar(grep { ($_->{url} // '') =~ /evil/ } $bridge->entries), 0,
    'and no request');

$t->allow(qr/client sent invalid chunked body/);
$t->finish;
