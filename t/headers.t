#!/usr/bin/perl

# Headers of every answer: the security ones on every status that the module
# answers, a request id, and nothing twice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Curl qw(curl certificate);
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    status => sub { $_[0]->error($_[1], 'api_error') },
    slow => sub { $_[0]->hold },
);
my $tls = certificate($t->dir);

$t->start(<<"EOC");
upstream nobody { server unix:%%DIR%%/nothing; }
claude_limit_zone \$binary_remote_addr zone=one:1m rate=1r/m;
server {
    listen %%ADDR%%;
    listen %%ADDR_tls%% ssl;
    $tls
    client_max_body_size 10k;
    location /v1/ { claude_pass bridge; claude_cors https://app.test; }
    location /bare/ { claude_security_headers off; claude_pass bridge; }
    location /nobody/ { claude_pass nobody; }
    location /short/ { claude_read_timeout 200ms; claude_pass bridge; }
    location /one/ { claude_limit zone=one burst=1; claude_pass bridge; }
    location /denied/ { deny all; claude_pass bridge; }
    location /guarded/ { claude_auth on; proxy_pass http://%%ADDR_origin%%; }
    location /added/ { add_header X-Mine yes always; claude_pass bridge; }
    location /moved/ { claude_pass bridge; return 301 https://app.test/; }
    location /broken/ { claude_pass bridge; return 500; }
    location /elsewhere/ { return 200 "else\\n"; }
}
server {
    listen %%ADDR_origin%%;
    location / {
        add_header X-Frame-Options SAMEORIGIN;
        return 200 "origin\\n";
    }
}
EOC

my $uri = '/v1/chat/completions';
my $hi = $t->chat_body('hi');

sub chat { $t->chat($_[0], key => $key, uri => $_[1] // $uri) }

sub raw {
    my $c = $t->connect;
    $c->send($_[0]);
    my $r = $c->response;
    $c->close;
    return $r;
}

$t->http('GET', '/one/models', key => $key);
my @answers = (
    [200, 'models', $t->http('GET', '/v1/models', key => $key)],
    [200, 'a whole answer', chat('hi')],
    [200, 'HEAD', $t->http('HEAD', '/v1/models', key => $key)],
    [200, 'health', $t->http('GET', '/v1/health')],
    [204, 'a preflight', $t->http('OPTIONS', $uri, headers => [
        'Origin: https://app.test', 'Access-Control-Request-Method: POST'])],
    [301, 'a redirect', $t->http('GET', '/moved/models', key => $key)],
    [400, 'bad JSON', $t->http('POST', $uri, key => $key, body => '{')],
    [401, 'no key', $t->http('GET', '/v1/models')],
    [403, 'a forbidden address', $t->http('GET', '/denied/models',
        key => $key)],
    [404, 'an unknown path', $t->http('GET', '/v1/x', key => $key)],
    [405, 'another method', $t->http('GET', $uri, key => $key)],
    [405, 'TRACE', $t->http('TRACE', $uri, key => $key)],
    [413, 'a large body', $t->http('POST', $uri, key => $key,
        body => ' ' x 20_000)],
    [415, 'another type', $t->http('POST', $uri, key => $key, body => 'a',
        type => 'text/plain')],
    [429, 'the limit', $t->http('GET', '/one/models', key => $key)],
    [500, 'an error of nginx', $t->http('GET', '/broken/models',
        key => $key)],
    [501, 'an unknown coding', raw("POST $uri HTTP/1.1\r\nHost: a\r\n"
        . "Transfer-Encoding: odd\r\n\r\n")],
    [502, 'a failed bridge', chat('[[status 500]]')],
    [503, 'an overloaded bridge', chat('[[status 529]]')],
    [503, 'no bridge', $t->http('GET', '/nobody/health')],
    [504, 'a slow bridge', chat('[[slow]]', '/short/chat/completions')],
    [505, 'another HTTP', raw("GET /v1/models HTTP/9.0\r\nHost: a\r\n\r\n")],
);
my $stream = $t->stream('hi', key => $key);
push @answers, [200, 'a stream', $stream->head];
$stream->events;

my %ids;
for (@answers) {
    my ($status, $name, $r) = @$_;
    is($r->{status}, $status, "$name: $status");
    is(join('; ', Claude::Checks::flaws($r)), '', "$name: its headers");
    is($r->header('strict-transport-security'), undef,
        "$name: no HSTS without TLS");
    my %seen;
    $seen{ lc((split /:/)[0]) }++ for grep { /:/ } split /\r\n/, $r->{raw};
    is_deeply([grep { $seen{$_} > 1 && $_ ne 'vary' } keys %seen], [],
        "$name: no header twice");
    # 501 and 505 are the client's fault, and say so
    is_error($r, $status, undef, "$name: an OpenAI error") if $status >= 400
        && $status !~ /^50[15]$/ && $r->{method} ne 'HEAD';
    like($r->header('allow') // '', qr/^(?:GET|POST)\b/,
        "$name: what else it takes") if $status == 405;
    $ids{ $r->header('x-request-id') // '' }++;
}
is_deeply([grep { $ids{$_} > 1 } keys %ids], [],
    'every request has an id of its own');

# what nginx refuses by itself, before it knows the location

for my $bytes ("GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\nHost: a\r\nX: " . 'a' x 40_000 . "\r\n\r\n",
    'GET /v1/' . 'a' x 40_000 . " HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /v1/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
{
    my $c = $t->connect;
    $c->send($bytes);
    my $r = $c->response;
    my ($what) = $bytes =~ /^([\x20-\x7e]{0,30})/;
    is_error($r, $r->{status}, undef, "JSON for $r->{status} of $what");
    cmp_ok($r->{status}, '>=', 400, 'which is an error');
    $c->close;
}

# over TLS, switched off, added to, elsewhere

my $r = curl('https://localhost:' . $t->port('tls') . '/v1/models',
    '-H', "Authorization: Bearer $key");
like($r->header('strict-transport-security'), qr/^max-age=\d{7,}/,
    'HSTS over TLS');
$r = curl('https://localhost:' . $t->port('tls') . '/v1/models');
like($r->header('strict-transport-security'), qr/^max-age=/,
    'on a 401 too');

$r = $t->http('GET', '/bare/models', key => $key);
is($r->header('x-frame-options'), undef, 'claude_security_headers off');
ok($r->header('x-request-id'), 'leaves the request id');
is($t->http('GET', '/added/models', key => $key)->header('x-mine'), 'yes',
    'add_header adds');
$r = $t->http('GET', '/elsewhere/');
is_deeply([map { $r->header($_) } qw(x-frame-options x-request-id
    content-security-policy)], [undef, undef, undef],
    'other locations are left alone');
$r = $t->http('GET', '/guarded/', key => $key);
is($r->header('x-frame-options'), 'SAMEORIGIN',
    "another upstream's own headers are left alone");
is($r->{body}, "origin\n", 'and its body');

$t->allow(qr/upstream/, qr/access forbidden by rule/,
    qr/client (?:sent|intended)/);
$t->finish;
