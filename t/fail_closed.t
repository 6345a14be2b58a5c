#!/usr/bin/perl

# Ways around the access phase: subrequests skip it, internal redirects and
# "satisfy any" may. No way leads to the bridge without a checked key.

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
write_file($t->dir . '/html/ssi.html',
    'before <!--#include virtual="/v1/chat/completions" --> after');
write_file($t->dir . '/html/mirror', 'mirrored');

$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    root %%DIR%%/html;

    location /v1/ { claude_pass bridge; }
    location /ssi.html { ssi on; }
    location /mirror { mirror /v1/chat/completions; }
    location /asked { auth_request /v1/models; }
    location /satisfied/ { satisfy any; allow all; claude_pass bridge; }
    location /denied/ { satisfy any; deny all; claude_pass bridge; }
    location /both/ { satisfy all; deny all; claude_pass bridge; }
    location /missing { error_page 404 = /v1/chat/completions; }
    location /tried { try_files /nothing /v1/chat/completions; }
    location /rewritten { rewrite ^ /v1/chat/completions last; }
    location /accel { proxy_pass http://%%ADDR_origin%%; }
}
server {
    listen %%ADDR_origin%%;
    location / {
        add_header X-Accel-Redirect /v1/chat/completions;
        return 200;
    }
}
EOC

my $body = $t->chat_body('hi');

sub post {
    my ($uri, @more) = @_;
    return $t->http('POST', $uri, body => $body, @more);
}

like($t->http('GET', '/ssi.html')->{body}, qr/^before .* after$/s,
    'a page that includes the API is served');
is($t->http('GET', '/mirror')->{body}, 'mirrored', 'a mirrored page too');
like($t->http('GET', '/asked', key => $_)->{status}, qr/^40[13]$/,
    'auth_request is refused') for undef, $key;
is_error(post('/missing'), 401, undef, 'error_page leads to a 401');
is_error(post('/tried'), 401, undef, 'try_files leads to a 401');
is_error(post('/rewritten'), 401, undef, 'rewrite leads to a 401');
is_error(post('/accel'), 401, undef, 'X-Accel-Redirect leads to a 401');

my $r = post('/satisfied/chat/completions');
is_error($r, 401, undef, 'satisfy any, allowed by address: still 401');
is(post('/denied/chat/completions')->{status}, 401,
    'satisfy any, denied by address: 401');
like(post('/both/chat/completions', key => $key)->{status}, qr/^403$/,
    'satisfy all: a key does not make up for a denied address');

is($bridge->hits, 0, 'none of them reached the bridge');

is_chat(post('/satisfied/chat/completions', key => $key), 'Hello world',
    'satisfy any with a key');
is_chat(post('/denied/chat/completions', key => $key), 'Hello world',
    'satisfy any, denied by address, with a key');
is_chat(post('/rewritten', key => $key), 'Hello world',
    'an internal redirect carries the key');

$t->allow(qr/access forbidden by rule/, qr{"/.*" (?:failed|is not found)},
    qr/open\(\) "/);
$t->finish;
