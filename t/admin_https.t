#!/usr/bin/perl

# The admin over TLS, and without: where pages are sent, what API calls get,
# whom it believes; the headers of every answer, and which files it has.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Curl qw(curl certificate);
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $door = Claude::SignIn->new($t, alice => 'correct horse');
$t->add_key('one');
my $certificate = certificate($t->dir);
my ($tls, $plain) = ($t->port('tls'), $t->port('plain'));
my $admin = $door->location;

$t->allow(qr/too large body|access forbidden by rule|html\/.*No such file/);

$t->start(<<"EOC", workers => 2);
log_format path '\$request_method \$uri';
access_log %%DIR%%/access.log path;

server {
    listen 127.0.0.1:$tls ssl http2;
    listen 127.0.0.1:$plain;
    server_name gateway.test second.test *.wild.test;
    $certificate
    $admin
    error_page 401 403 404 413 415 429 /page.html;
    location = /page.html { return 200 "a page"; }
    location /v1/ { claude_pass bridge; }
    location /maybe/ {
        claude_admin;
        claude_admin_password_file %%DIR%%/admin.htpasswd;
        if (\$arg_a) { set \$b 1; }
        limit_except GET { deny all; }
    }
    location /limited/ {
        claude_admin;
        claude_admin_password_file %%DIR%%/admin.htpasswd;
        deny all;
    }
}
server {
    listen %%ADDR_moved%%;
    server_name _;
    claude_admin_redirect public.test:8443;
    $admin
}
server {
    listen %%ADDR_proxied%%;
    server_name behind.test;
    claude_admin_forwarded 127.0.0.2 ::1;
    $admin
}
server {
    listen %%ADDR_real%%;
    server_name real.test;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    claude_admin_forwarded 127.0.0.1;
    $admin
}
EOC

sub plain {
    my ($method, $uri, %opt) = @_;
    return $t->http($method, $uri, port => 'plain', %opt);
}

# pages without TLS

for my $case (
    ['gateway.test', 'gateway.test'], ['second.test', 'second.test'],
    ['GATEWAY.test', 'gateway.test'], ["gateway.test:$plain", 'gateway.test'],
    ['evil.test', 'gateway.test'], ['x.wild.test', 'gateway.test'],
    ['127.0.0.1', 'gateway.test'], ['gateway.test.evil.test', 'gateway.test'])
{
    my ($host, $to) = @$case;
    my $r = plain('GET', '/admin/', host => $host);
    is("$r->{status} " . ($r->header('location') // ''),
        "308 https://$to:$tls/admin/", "Host: $host");
}

# later versions of nginx know that this is none

my $odd = plain('GET', '/admin/', host => 'gateway.test@evil.test');
like("$odd->{status} " . ($odd->header('location') // ''),
    qr{^(?:308 https://gateway\.test:$tls/admin/|400 )$},
    'Host: gateway.test@evil.test');

my $r = plain('GET', '/admin/app.css?a=b&c=%2e', host => 'gateway.test');
is($r->header('location'), "https://gateway.test:$tls/admin/app.css?a=b&c=%2e",
    'path and query come along');
$r = plain('GET', 'http://evil.test/admin/x', host => 'gateway.test');
is($r->header('location'), "https://gateway.test:$tls/admin/x",
    'the host of an absolute URI doesn\'t');
is(plain('HEAD', '/admin/')->{status}, 308, 'HEAD is sent there too');
for my $host ('gateway.test', 'evil.test') {
    $r = plain('GET', '/admin?a=b', host => $host);
    is("$r->{status} " . ($r->header('location') // ''), '301 /admin/?a=b',
        "without the slash: to where it is, whatever Host: $host says");
    unlike($r->{raw} . $r->{body}, qr/gateway|evil/, 'which is not repeated');
}
is($r->header('x-frame-options'), 'DENY', 'with the headers of all answers');
$r = plain('GET', '/admin/nothing');
is($r->{status}, 308, 'a file that is not there as well');
is($r->header('strict-transport-security'), undef, 'without TLS no HSTS');
like($r->header('content-security-policy'), qr/default-src 'none'/,
    'but the other headers');
is($t->http('GET', '/admin/', port => 'moved', host => 'evil.test')
    ->header('location'), 'https://public.test:8443/admin/',
    'claude_admin_redirect names another host');

# API calls without TLS

my @lines = ('Host: gateway.test', 'Origin: https://gateway.test',
    'Content-Type: application/json');
my $c = $t->connect(port => 'plain');
$c->send(join "\r\n", 'POST /admin/api/login HTTP/1.1', @lines,
    'Content-Length: 100', '', '');
$r = $c->response;
is("$r->{status} " . $r->error('code'), '403 https_required',
    'login without TLS: refused before the password came');
$c->close;
$c = $t->connect(port => 'plain');
$c->send(join "\r\n", 'POST /admin/api/login HTTP/1.1', @lines,
    'Expect: 100-continue', 'Content-Length: 100', '', '');
is($c->response->{status}, 403, 'nor is it asked for');
is($c->{interim} // 0, 0, 'by 100 Continue');
$c->close;
for my $call (['GET', 'session'], ['POST', 'logout'], ['GET', 'keys'],
    ['GET', 'nothing'], ['OPTIONS', 'login'])
{
    $r = plain($call->[0], "/admin/api/$call->[1]");
    is("$r->{status} " . $r->error('code'), '403 https_required',
        "$call->[0] $call->[1] without TLS");
}
for my $header ('X-Forwarded-Proto: https', 'X-Forwarded-Scheme: https',
    'Forwarded: proto=https', 'Front-End-Https: on')
{
    is(plain('GET', '/admin/api/session', headers => [$header])->{status},
        403, "$header from anybody");
}

# a proxy in front

sub proxied {
    my ($port, @headers) = @_;
    return $t->http('GET', '/admin/api/session', port => $port,
        headers => \@headers)->{status};
}
is(proxied('proxied', 'X-Forwarded-Proto: https'), 403,
    'X-Forwarded-Proto from one who isn\'t trusted');
$c = $t->connect(port => 'proxied', from => '127.0.0.2');
$c->send($t->request('GET', '/admin/api/session', close => 1,
    headers => ['X-Forwarded-Proto: https']));
$r = $c->response;
is($r->{status}, 401, 'from one who is');
is($r->header('strict-transport-security'), 'max-age=31536000',
    'over TLS, as far as the client goes');
$c->close;
is(proxied('real', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 192.0.2.1'),
    401, 'the peer counts, not what realip makes of it');
is(proxied('real', 'X-Forwarded-For: 127.0.0.1'), 403, 'http by default');
is(proxied('real', 'X-Forwarded-Proto: http'), 403, 'http');
is(proxied('real', 'X-Forwarded-Proto: http', 'X-Forwarded-Proto: https'),
    403, 'one of two');
is(proxied('real', 'X-Forwarded-Proto: https, http'), 403, 'a list');

# TLS

my $base = "https://localhost:$tls/admin/";
$r = curl($base);
is($r->{status}, 200, 'a page over TLS');
like($r->header('content-type'), qr{^text/html}, 'is HTML');
my $csp = $r->header('content-security-policy');
like($csp, qr/default-src 'none'/, 'whose policy begins with nothing');
unlike($csp, qr/unsafe|\*|https?:/, 'no inline script, no other host');
like($csp, qr/frame-ancestors 'none'/, 'and no frame');

my @data = ('-H', 'Content-Type: application/json', '-H',
    "Origin: https://localhost:$tls");
for my $version ('--http1.1', '--http2') {
    $r = curl("${base}api/login", $version, @data, '-d',
        '{"password":"correct horse"}');
    is($r->{status}, 200, "login, $version") or diag $r->{body};
    my $cookie = $t->secret(($r->header('set-cookie') // '') =~ /=([^;]+)/);
    is(curl("${base}api/session", $version, '-b',
        "__Host-claude_session=$cookie")->{status}, 200, 'and the cookie');
}

# every answer has the headers

my %want = (
    'x-frame-options' => 'DENY',
    'x-content-type-options' => 'nosniff',
    'x-xss-protection' => '1; mode=block',
    'referrer-policy' => 'strict-origin-when-cross-origin',
    'strict-transport-security' => 'max-age=31536000',
    'cache-control' => 'no-store',
);

sub has_headers {
    my ($name, $got, $status, $json) = @_;
    my @wrong = map { "$_: " . ($got->header($_) // 'none') }
        grep { ($got->header($_) // '') ne $want{$_} } sort keys %want;
    push @wrong, 'no policy'
        unless ($got->header('content-security-policy') // '')
        =~ /^default-src 'none'/;
    push @wrong, "status $got->{status}" if $got->{status} != $status;
    push @wrong, 'no Allow' if $status == 405
        && ($got->header('allow') // '') !~ /^(?:GET|POST)\b/;
    push @wrong, "cors" if $got->header('access-control-allow-origin');
    push @wrong, "not JSON: $got->{body}"
        if $json && !$got->error('code');
    is(join(', ', @wrong), '', "headers: $name");
}

my $api = "${base}api";
has_headers('a page', curl($base), 200);
has_headers('no such page', curl("${base}nothing"), 404);
has_headers('a page that is posted to', curl($base, @data, '-d', '{}'), 405,
    1);
has_headers('login', curl("$api/login", @data, '-d',
    '{"password":"correct horse"}'), 200);
has_headers('a wrong one', curl("$api/login", @data, '-d',
    '{"password":"x"}'), 401, 1);
has_headers('no JSON', curl("$api/login", @data, '-d', '{'), 400, 1);
has_headers('another origin', curl("$api/login", '-H',
    'Origin: https://evil.test', '-H', 'Content-Type: application/json',
    '-d', '{}'), 403, 1);
has_headers('a form', curl("$api/login", '-H',
    "Origin: https://localhost:$tls", '-d', 'password=x'), 415, 1);
has_headers('no session', curl("$api/session"), 401, 1);
has_headers('no such call', curl("$api/nothing"), 404, 1);
has_headers('no call at all', curl($api), 404, 1);
has_headers('another method', curl("$api/session", '-X', 'PUT', @data), 405,
    1);
has_headers('a method that nobody knows', curl("$api/session", '-X',
    'BREW'), 405, 1);
has_headers('OPTIONS', curl("$api/session", '-X', 'OPTIONS', '-H',
    'Origin: https://evil.test', '-H',
    'Access-Control-Request-Method: POST'), 405, 1);
has_headers('a body of 64 KB and more', curl("$api/login", @data, '-d',
    '"' . 'a' x 66_000 . '"'), 413, 1);
has_headers('one of megabytes', curl("$api/login", @data, '-H',
    'Content-Length: 2000000', '-d', '{}', '--max-time', 5, '--http1.1'),
    413, 1);
has_headers('one in chunks', curl("$api/login", @data, '-H',
    'Transfer-Encoding: chunked', '-d', '"' . 'a' x 66_000 . '"',
    '--http1.1'), 413, 1);
has_headers('inside an if', curl("https://localhost:$tls/maybe/api/session"
    . '?a=1'), 401, 1);
has_headers('inside a limit_except', curl("https://localhost:$tls/maybe/"
    . 'api/session', @data, '-d', '{}'), 403, 1);
has_headers('refused by another', curl("https://localhost:$tls/limited/api/"
    . 'session'), 403, 1);
has_headers('a page refused by another',
    curl("https://localhost:$tls/limited/"), 403);
has_headers('no HTTP', curl("$api/session", '--http1.1', '-H',
    'Host: a/b'), 400, 1);
has_headers('a long header', curl("$api/session", '--http1.1', '-H',
    'A: ' . 'a' x 20_000), 400, 1);
has_headers('a long URI', curl("$api/session?" . 'a' x 20_000, '--http1.1'),
    414, 1);
has_headers('TRACE', curl("$api/session", '--http1.1', '-X', 'TRACE'), 405,
    1);
for (1 .. 4) {
    curl("$api/login", @data, '-d', '{"password":"x"}');
}
$r = curl("$api/login", @data, '-d', '{"password":"x"}');
has_headers('too many tries', $r, 429, 1);
like($r->header('retry-after'), qr/^\d+$/, 'with Retry-After');

# files: their names, and nothing else

for my $path ('../etc/passwd', '..%2fetc%2fpasswd', '%2e%2e/%2e%2e/etc/passwd',
    'index.html/', 'index.html/..', 'INDEX.HTML', 'index.html%00.css',
    './/../../v1/health', '.', '..', 'assets/', 'index.html~', '%2findex.html',
    'app.css/../../../etc/passwd', '....//etc/passwd', '\\..\\x')
{
    $r = curl("$base$path", '--path-as-is');
    my $text = $r->{body} =~ /root:/ ? 'a file of the machine' : '';
    is($text, '', "$path: no file of the machine");
    like($r->{status}, qr/^(?:200|400|404)$/, 'but one of its own or none')
        or diag $r->{status};
    is($r->header('content-type') =~ /^text\/html/ ? 1 : 0, 1,
        'which is a page') if $r->{status} == 200 && $path !~ /css/;
}

unlike($t->access_log, qr/correct horse/, 'no password in the access log');
$t->finish;
