#!/usr/bin/perl

# A key that was checked, and hidden, is still the request's after nginx has
# sent it elsewhere inside; its limit counts once.

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

mkdir $t->dir . '/html', 0755;
write_file($t->dir . '/html/index.html', 'the page');

$t->start(<<'EOC');
claude_limit_zone $binary_remote_addr zone=few:1m rate=2r/m;
log_format key '$uri key=$claude_key_id';
server {
    listen %%ADDR%%;
    root %%DIR%%/html;
    claude_auth on;
    access_log %%DIR%%/key.log key;

    location / { index index.html; }
    location /tried { try_files /none @app; }
    location @app { proxy_pass http://%%ADDR_app%%; }
    location /accel { proxy_pass http://%%ADDR_app%%/accel; }
    location /protected/ { internal; proxy_pass http://%%ADDR_app%%; }
    location /few/ {
        claude_limit zone=few;
        index index.html;
        alias %%DIR%%/html/;
    }

    location = /one/v1/models {
        claude_pass bridge;
        if ($http_x_if) { set $a 1; }
        limit_except GET { deny all; }
    }
    location /v2 { claude_pass bridge; }
    location /mirrored/ { claude_pass bridge; mirror /seen; }
    location /seen { claude_auth off; return 204; }
    location /any/ {
        satisfy any;
        allow all;
        proxy_pass http://%%ADDR_app%%/;
    }
}
server {
    listen %%ADDR_app%%;
    location / { return 200 "auth=[$http_authorization$http_x_api_key]"; }
    location /accel {
        add_header X-Accel-Redirect /protected/x;
        return 200;
    }
}
EOC

sub get {
    my ($uri, @more) = @_;
    return $t->http('GET', $uri, key => $key, @more);
}

is(get('/')->{body}, 'the page', 'an index');
is(get('/tried')->{body}, 'auth=[]', 'a named location, without the key');
is(get('/accel')->{body}, 'auth=[]', 'X-Accel-Redirect, without the key');
is($t->http('GET', $_, key => undef)->{status}, 401, "$_ without a key")
    for '/', '/tried', '/accel';

my $id = $t->keys->id($key);
wait_until(sub { (() = (read_file($t->dir . '/key.log') // '')
    =~ /key=/g) >= 6 }, 'the log');
like(read_file($t->dir . '/key.log'), qr{^$_ key=$id$}m, "$_ logs the key")
    for '/index.html', '/protected/x';

is_deeply([map { get('/few/')->{status} } 1 .. 3], [200, 200, 429],
    'a redirected request counts once');

is(get('/one/v1/models')->{status}, 200, 'an exact location');
is(get('/one/v1/models', headers => ['X-If: 1'])->{status}, 200,
    'an exact location with an if that holds');
is(get('/v2/models')->{status}, 200, 'a location without a slash');
is_error(get('/v2models'), 404, 'endpoint_not_found', 'is not glued to a call');

is_chat($t->http('POST', '/mirrored/chat/completions', key => $key,
    body => $t->chat_body('hi')), 'Hello world', 'a mirrored call');
is_error($t->http('POST', '/mirrored/chat/completions', key => $key,
    body => $t->chat_body('x' x 50_000)), 500, undef,
    'one that mirror has put into a file is not passed off as empty');

my $r = $t->http('GET', '/any/', key => 'sk-mistyped');
is($r->{body}, 'auth=[]', 'satisfy any: a key that failed is not passed on');
$r = $t->http('GET', '/any/', headers => ['Authorization: Basic eDp5']);
is($r->{body}, 'auth=[Basic eDp5]', 'satisfy any: what is no key is');

$t->allow(qr/buffered to a temporary file/, qr/read the request body into/);
$t->finish;
