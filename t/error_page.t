#!/usr/bin/perl

# Pages that a server sets for people do not reach API clients; one that stands
# in the location itself does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    hold => sub { $_[0]->start; $_[0]->text('a'); $_[0]->hold('end') },
    late => sub { $_[0]->hold('end') },
);

mkdir $t->dir . '/html', 0755;
write_file($t->dir . '/html/50x.html', '<html>for people</html>');
my $none = $t->dir . '/none.sock';

$t->start(<<"EOC");
limit_conn_zone \$server_port zone=one:64k;
server {
    listen %%ADDR%%;
    root %%DIR%%/html;
    error_page 401 403 404 405 413 415 429 500 502 503 504 /50x.html;

    location /v1/ { client_max_body_size 1k; claude_pass bridge; }
    location /down/ { claude_pass unix:$none; }
    location /full/ { limit_conn one 1; claude_pass bridge; }
    location /own/ {
        error_page 502 503 /50x.html;
        claude_pass unix:$none;
    }
    location /auth/ { claude_auth on; }
    location /static { }
}
EOC

my $body = $t->chat_body('hi');

sub post {
    my ($uri, @more) = @_;
    return $t->http('POST', $uri, key => $key, body => $body, @more);
}

like($t->http('GET', '/static')->{body}, qr/for people/,
    'people get their page');

is_error(post('/down/chat/completions'), 503, 'service_unavailable',
    'a bridge that is down');
is_error($t->http('GET', '/down/health'), 503, 'service_unavailable',
    'its health');
is_error(post('/v1/chat/completions', key => undef), 401, 'missing_api_key',
    'no key');
is_error(post('/v1/chat/completions', body => ' ' x 2000), 413,
    'request_too_large', 'a body over the limit');
is_error(post('/v1/nothing'), 404, 'endpoint_not_found', 'no such call');
is_error($t->http('GET', '/v1/chat/completions', key => $key), 405,
    'method_not_allowed', 'another method');


my $held = $t->stream('[[hold]]', uri => '/full/chat/completions',
    key => $key);
$held->head;
is_error(post('/full/chat/completions'), 503, undef, 'what limit_conn refuses');

my $gone = $t->connect;
$gone->send($t->request('POST', '/v1/chat/completions', key => $key,
    body => $t->chat_body('[[late]]')));
$bridge->wait_hits(2);
$t->keys->delete($key);
is_error($gone->response, 401, 'invalid_api_key',
    'a key that is revoked before the answer began');
$held->close;
$key = $t->add_key('bob');
wait_until(sub { $t->http('GET', '/v1/models', key => $key)->{status} == 200 },
    'another key');

like(post('/own/chat/completions')->{body}, qr/for people/,
    'a page of the location itself is kept');

$t->allow(qr/too large body/, qr/No such file/, qr/limiting connections/);
$t->finish;
