#!/usr/bin/perl

# The access phase: who is let in, and what others are told. Whoever is not
# let in reaches no bridge.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $disabled = $t->add_key('disabled');
my $expired = $t->add_key('expired');
$t->keys->disable($disabled);
$t->keys->expire($expired);

my $bridge = $t->bridge;
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    large_client_header_buffers 4 16k;
    location /v1/ { claude_pass bridge; }
}
EOC

# a chat with these header lines in place of the key's
sub chat_with {
    my (@lines) = @_;
    return $t->request('POST', '/v1/chat/completions', headers => [@lines],
        body => $t->chat_body('hi'));
}

sub refused {
    my ($code, $name, @lines) = @_;
    is_refused_early($t, chat_with(@lines), 401, $code, $name);
}

sub let_in {
    my ($name, @lines) = @_;
    my $c = $t->connect;
    $c->send(chat_with(@lines));
    is_chat($c->response, 'Hello world', $name);
    $c->close;
}

# nobody is let in without a key that holds

refused('missing_api_key', 'no key');
refused(undef, 'an empty key', 'Authorization: Bearer ');
refused('missing_api_key', 'an empty header', 'Authorization:');
refused('missing_api_key', 'an empty x-api-key', 'x-api-key:');
refused(undef, 'another scheme', 'Authorization: Basic YTpi');
refused(undef, "the scheme's name alone", 'Authorization: Bearer');
refused('invalid_api_key', 'something else than a key',
    'Authorization: Bearer hunter2');
refused('invalid_api_key', 'a key of our form with a wrong checksum',
    'Authorization: Bearer ' . substr($key, 0, -1)
    . ($key =~ /a$/ ? 'b' : 'a'));
refused('invalid_api_key', 'an unknown key of another form',
    'Authorization: Bearer sk-proj-1234567890abcdefghij');
refused('invalid_api_key', "a key's beginning",
    'Authorization: Bearer ' . substr $key, 0, -6);
refused('invalid_api_key', 'a key with something behind it',
    "Authorization: Bearer ${key}x");
refused('invalid_api_key', 'two keys in one header',
    "Authorization: Bearer $key,$key");
refused('invalid_api_key', 'a key in other letters',
    'Authorization: Bearer ' . ($key =~ tr/a-zA-Z/A-Za-z/r));
refused('invalid_api_key', 'a key of 9 KB',
    'Authorization: Bearer sk-' . 'a' x 9000);
refused('invalid_api_key', 'a key with bytes above ASCII',
    "Authorization: Bearer sk-\xff\xfe" . 'a' x 40);
refused('invalid_api_key', 'a disabled key',
    "Authorization: Bearer $disabled");
refused('invalid_api_key', 'an expired key',
    "Authorization: Bearer $expired");
refused('invalid_api_key', 'an unknown x-api-key', 'x-api-key: hunter2');

# nginx logs the query of a request, whatever is in it
$t->private('access.log');
is_refused_early($t, $t->request('POST', "/v1/chat/completions?api_key=$key"
    . "&key=$key", body => $t->chat_body('hi')), 401, 'missing_api_key',
    'a key in the query string is ignored');
is_error($t->http('GET', '/v1/models'), 401, 'missing_api_key',
    'the models too need a key');
is_error($t->http('GET', '/v1/nothing'), 401, 'missing_api_key',
    'what is there is not told without a key');

my $nul = $t->connect;
$nul->send(chat_with("Authorization: Bearer $key\0x"));
my $r = $nul->response;
like($r->{status}, qr/^40[01]$/, 'a NUL in a key is refused');
$nul->close;

my $two = $t->connect;
$two->send(chat_with("Authorization: Bearer $key",
    "Authorization: Bearer $key"));
is_error($two->response, 400, undef, 'two Authorization headers are refused');
$two->close;

$r = $t->http('POST', '/v1/chat/completions', body => $t->chat_body('hi'),
    key => $disabled);
unlike($r->{raw} . $r->{body}, qr/\Q$disabled\E|sk-/, 'no key is echoed');
like($r->header('www-authenticate'), qr/^Bearer/,
    'a 401 says which scheme is wanted');

is($bridge->hits, 0, 'none of them reached the bridge');

# the key is checked before the body is read

my $early = $t->connect;
$early->send("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
    . "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
is_error($early->response, 401, 'missing_api_key',
    'an answer without waiting for the body');
$early->close;

my $expect = $t->connect;
$expect->send("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
    . "Content-Type: application/json\r\nContent-Length: 1000\r\n"
    . "Expect: 100-continue\r\n\r\n");
is_error($expect->response, 401, undef, 'Expect: 100-continue, no key: 401');
is($expect->{interim} // 0, 0, 'and the body is not asked for');
$expect->close;

# those who are

let_in('Authorization: Bearer', "Authorization: Bearer $key");
let_in('the scheme in any letters', "Authorization: bEaReR $key");
let_in('spaces around the key', "Authorization:   Bearer   $key  ");
let_in('x-api-key', "x-api-key: $key");
let_in("every worker knows the key ($_)", "Authorization: Bearer $key")
    for 1 .. 8;

my $c = $t->connect;
$c->send($t->request('POST', '/v1/chat/completions', key => $key,
    headers => ['Expect: 100-continue'], body => $t->chat_body('hi')));
is_chat($c->response, 'Hello world', 'Expect: 100-continue with a key');
is($c->{interim} // 0, 1, 'and the body is asked for');
$c->close;

# what was handed to the bridge

my ($call) = reverse $bridge->calls;
is($call->{method} . ' ' . $call->{url}, 'POST /v1/messages',
    'the bridge gets a Messages call');
is($call->{headers}{authorization} // $call->{headers}{'x-api-key'},
    ($call->{headers}{authorization} ? 'Bearer ' : '')
    . $t->keys->token($key), "with the key's own credential");
unlike(json_encode($call), qr/\Q$key\E/, 'and not the key');

$t->finish;
