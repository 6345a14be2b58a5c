#!/usr/bin/perl

# What another site can make a browser send changes nothing: the origin, the
# content type, and that GET changes nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $door = Claude::SignIn->new($t, alice => 'correct horse');
$t->add_key('one');
my $port = $t->port;

$t->start(<<"EOC" . $door->server);
server {
    listen %%ADDR_proxied%%;
    server_name inside.test;
    claude_admin_redirect public.test;
    claude_admin_forwarded 127.0.0.1;
    claude_cors https://evil.test *;
    claude_auth on;
    @{[ $door->location ]}
}
EOC

my $cookie = $door->sign_in('correct horse');
my $id = $door->call('GET', 'session', cookie => $cookie)->json->{id};

sub answer {
    my ($r) = @_;
    return join ' ', $r->{status}, $r->error('code') // ();
}

# something that changes: a session that is none is not found only once the
# request is let in
sub tried {
    my ($headers, %opt) = @_;
    return answer($door->call('DELETE', 'sessions/ses_none', origin => undef,
        cookie => $cookie, headers => $headers, %opt));
}

my $in = '404 session_not_found';
my $out = '403 cross_origin_request';

for my $case (
    [$out],
    [$in, 'Origin: https://localhost'],
    [$in, 'Origin: https://localhost:443'],
    [$in, 'Origin: HTTPS://LOCALHOST'],
    [$in, 'Sec-Fetch-Site: same-origin'],
    [$in, 'Origin: https://localhost', 'Sec-Fetch-Site: same-origin'],
    [$out, 'Origin: https://evil.test'],
    [$out, 'Origin: http://localhost'],
    [$out, 'Origin: https://localhost.evil.test'],
    [$out, 'Origin: https://evil.test/https://localhost'],
    [$out, 'Origin: https://localhost@evil.test'],
    [$out, 'Origin: https://localhost:444'],
    [$out, 'Origin: https://'],
    [$out, 'Origin: null'],
    [$out, 'Origin:'],
    [$out, 'Origin: localhost'],
    [$out, 'Sec-Fetch-Site: same-site'],
    [$out, 'Sec-Fetch-Site: cross-site'],
    [$out, 'Sec-Fetch-Site: none'],
    [$out, 'Sec-Fetch-Site: same-origin, cross-site'],
    [$out, 'Origin: https://localhost', 'Sec-Fetch-Site: cross-site'],
    [$out, 'Origin: https://evil.test', 'Sec-Fetch-Site: same-origin'],
    [$out, 'Origin: https://localhost', 'Origin: https://evil.test'],
    [$out, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
    [$out, 'Referer: https://localhost/admin/'],
    [$out, 'X-Requested-With: XMLHttpRequest'])
{
    my ($want, @headers) = @$case;
    is(tried(\@headers), $want, join(', ', @headers) || 'no header');
}
is(tried(['Origin: https://localhost'], host => "localhost:$port"), $out,
    'an origin without the host\'s port');
is(tried(["Origin: https://localhost:$port"], host => "localhost:$port"), $in,
    'and with it');
is(tried(['Origin: https://localhost:443'], host => 'localhost'), $in,
    '443 is the port where none is named');

# the content type, which no form can send

for my $type ('text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=a', 'application/jsonp', '', undef,
    'text/plain; application/json', 'application/json-patch+json')
{
    is(tried(['Origin: https://localhost'], type => $type),
        '415 unsupported_media_type', 'Content-Type: ' . ($type // 'none'));
}
is(tried(['Origin: https://localhost'], type => $_), $in, "Content-Type: $_")
    for 'application/json', 'application/json; charset=utf-8',
    'Application/JSON';
is(tried(['Origin: https://localhost', 'Content-Type: application/json'],
    body => undef), $in, 'a body is not needed');

# for each call that changes something, whether signed in or not

for my $call (['POST', 'login'], ['POST', 'logout'],
    ['DELETE', "sessions/$id"])
{
    my ($method, $path) = @$call;
    is(answer($door->call($method, $path, cookie => $cookie,
        origin => 'https://evil.test',
        body => { password => 'correct horse' })), $out,
        "$method $path from another site");
    is(answer($door->call($method, $path, cookie => $cookie, body =>
        'password=correct horse', type => 'application/x-www-form-urlencoded')),
        '415 unsupported_media_type', "$method $path from a form");
}
for my $path ('login', 'logout', "sessions/$id", "sessions/$id/",
    'logout?_method=POST')
{
    like($door->call($_, $path, cookie => $cookie, headers =>
        ['X-HTTP-Method-Override: DELETE'])->{status}, qr/^40[45]$/,
        "$_ $path does nothing") for qw(GET HEAD);
}
ok($door->is_in($cookie), 'none of them has ended the session');

# 4 wrong logins from another site don't lock out whoever sits there
$door->call('POST', 'login', origin => 'https://evil.test',
    body => { password => 'wrong' }) for 1 .. 6;
is($door->login('correct horse')->{status}, 200,
    'logins of another site are no tries');

# no other site is ever allowed to read

for my $method (qw(OPTIONS GET)) {
    my $r = $door->call($method, 'session', cookie => $cookie,
        port => 'proxied', headers => ['Origin: https://evil.test',
        'Access-Control-Request-Method: GET']);
    is($r->header('access-control-allow-origin'), undef,
        "$method: claude_cors has nothing to say here");
    is($r->{status}, $method eq 'GET' ? 200 : 405,
        'nor has claude_auth of the server');
}
is(answer($door->call('DELETE', 'sessions/ses_none', cookie => $cookie,
    port => 'proxied', host => 'inside.test:8080',
    origin => 'https://public.test')), $in,
    'behind a proxy the origin is that of claude_admin_redirect');
is(answer($door->call('DELETE', 'sessions/ses_none', cookie => $cookie,
    port => 'proxied', host => 'inside.test:8080',
    origin => 'https://public.test:8080')), $out, 'to the port');

$t->finish;
