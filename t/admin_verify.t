#!/usr/bin/perl

# POST api/keys/{id}/verify: one small request with the key's credential, never
# two, and what came of it as the answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $mode = $t->dir . '/mode';
my %modes = (
    works => sub { $_[0]->start(cache_read_input_tokens => 4);
        $_[0]->text('I'); $_[0]->event('claude_cost', { cost_usd => 0.0021 });
        $_[0]->finish('max_tokens', output_tokens => 1) },
    cut => sub { $_[0]->start; $_[0]->text('I'); $_[0]->cut },
    cut_at_once => sub { $_[0]->cut },
    garbage => sub { $_[0]->raw("garbage\r\n\r\n"); $_[0]->cut },
    no_sse => sub { my $x = '{"works":true}'; $_[0]->head(200,
        'Content-Type' => 'application/json',
        'Content-Length' => length $x); $_[0]->raw($x) },
    in_stream => sub { $_[0]->stream_head; $_[0]->event('error', { error =>
        { type => 'authentication_error', message => 'x' } }); $_[0]->end },
    hold => sub { $_[0]->start; $_[0]->hold },
    map({ my ($name, $status, $type) = @$_;
        ($name => sub { $_[0]->error($status, $type) }) }
        [refused => 401, 'authentication_error'],
        [forbidden => 403, 'permission_error'],
        [no_model => 404, 'not_found_error'],
        [billing => 402, 'billing_error'],
        [limited => 429, 'rate_limit_error'],
        [overloaded => 529, 'overloaded_error'],
        [failed => 500, 'api_error'],
        [rejected => 400, 'invalid_request_error']),
);
my $bridge = $t->bridge('v1/messages' => sub {
    my ($r) = @_;
    $modes{ read_file($mode) // 'works' }->($r);
});
$t->start("upstream bridge { server unix:" . $t->dir . "/bridge/sock; }"
    . "upstream two { server unix:" . $t->dir . "/bridge/sock max_fails=0; "
    . "server unix:" . $t->dir . "/bridge/sock max_fails=0; }"
    . "upstream gone { server unix:" . $t->dir . "/gone; }"
    . 'claude_credentials oauth api_key;'
    . 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; }'
    . Claude::Admin->location($t, upstream => 'bridge')
    . Claude::Admin->location($t, upstream => 'two', uri => '/two/',
        more => 'claude_model mini claude-haiku-mini; '
            . 'claude_model big claude-big;')
    . Claude::Admin->location($t, upstream => 'gone', uri => '/gone/')
    . Claude::Admin->location($t, uri => '/none/',
        more => 'claude_models off;') . ' }', level => 'info');
my $admin = Claude::Admin->new($t);

sub verify {
    my ($id, $uri, $body) = @_;
    local $admin->{uri} = $uri // '/admin/';
    return $admin->call('POST', "keys/$id/verify", $body);
}

my $token = $t->secret(token());
my $key = $admin->create('mine', oauthToken => $token,
    enabled => JSON::PP::false, allowedModels => ['opus'],
    allowedAddresses => ['192.0.2.1']);
my $r = verify($key->{id});
is($r->{status}, 200, 'verified');
my $doc = $r->json;
is(json_encode($doc->{works}), 'true',
    'the credential works, whatever the key is limited to');
is($doc->{code}, undef, 'no error');
like($doc->{message}, qr/works/, 'as a sentence');
like($doc->{model}, qr/haiku/, 'the cheapest model was asked');
like($doc->{checkedAt}, qr/^\d{4}-.*Z$/, 'when');
is($doc->{usage}{promptTokens}, 15, 'prompt tokens');
is($doc->{usage}{cachedTokens}, 4, 'cached ones');
is($doc->{usage}{completionTokens}, 1, 'one token of an answer');
is($doc->{usage}{cost}, 0.0021, 'its cost');
is($r->header('cache-control'), 'no-store', 'nobody keeps it');
my $used = $admin->key($key->{id})->{usage}{today};
is(json_encode($used), json_encode({ requests => 1, errors => 0,
    promptTokens => 15, cachedTokens => 4, completionTokens => 1,
    cost => 0.0021 }), 'and the key has used it');

my @calls = $bridge->calls;
is(scalar @calls, 1, 'it took one call');
my $sent = json_decode($calls[0]{body});
is($sent->{max_tokens}, 1, 'of one token');
is($sent->{model}, $doc->{model}, 'of that model');
cmp_ok(length $calls[0]{body}, '<', 200, 'a small one');
is($calls[0]{headers}{authorization}, "Bearer $token",
    'with the credential');
is($calls[0]{headers}{'x-claude-key-id'}, $key->{id}, 'of this key');

my $api = $admin->create('api key', oauthToken => token('api03'));
$bridge->forget;
is(json_encode(verify($api->{id})->json->{works}), 'true', 'an API key');
like(($bridge->calls)[0]{headers}{'x-api-key'}, qr/^sk-ant-api03-/,
    'is sent as one');

# what goes wrong

for my $case (
    [refused => 'credential_refused'], [forbidden => 'permission_denied'],
    [no_model => 'model_not_found'], [billing => 'insufficient_quota'],
    [limited => 'rate_limit_exceeded'], [overloaded => 'overloaded'],
    [failed => 'upstream_error'], [rejected => 'rejected_by_model'],
    [in_stream => 'credential_refused'], [cut => 'bad_gateway'],
    [cut_at_once => 'bad_gateway'], [garbage => 'bad_gateway'],
    [no_sse => 'bad_gateway'],
) {
    my ($how, $code) = @$case;
    write_file($mode, $how);
    for my $uri ('/admin/', '/two/') {
        $bridge->forget;
        $r = verify($key->{id}, $uri);
        $doc = $r->json;
        is(join(' ', $r->{status}, json_encode($doc->{works}),
            $doc->{code} // 'null', $bridge->hits), "200 false $code 1",
            "$how: is said, and asked for once");
        unlike($r->{body}, qr/sk-ant/, 'without the credential');
        ok(length $doc->{message}, 'in words');
    }
}

write_file($mode, 'works');
$doc = verify($key->{id}, '/gone/')->json;
is(json_encode($doc->{works}), 'false', 'no bridge');
is($doc->{code}, 'service_unavailable', 'is named');
is($doc->{usage}, undef, 'and has cost nothing');
$bridge->forget;
verify($key->{id}, '/two/');
is(json_decode(($bridge->calls)[0]{body})->{model}, 'claude-haiku-mini',
    'a cheap model of the configuration is taken first');
is_error(verify($key->{id}, '/none/'), 503, 'service_unavailable',
    'claude_admin without an upstream');

# before anything is sent

$bridge->forget;
is_error(verify($key->{id}, undef, { model => 'opus' }), 400,
    'unsupported_parameter', 'no field is taken', param => 'model');
is_error(verify('key_00000000000000000000'), 404, 'key_not_found',
    'a key that is none');
is_error(verify('x'), 404, 'key_not_found', 'an id that is none');
is($bridge->hits, 0, 'nothing was sent');

# a client that goes, and more of them than are taken at once

write_file($mode, 'hold');
my @open = map {
    my $c = $t->connect;
    $c->send($t->request('POST', "/admin/api/keys/$key->{id}/verify",
        headers => $admin->headers, body => {}));
    $c;
} 1 .. 8;
$bridge->wait_hits(4);
my @extra = map {
    my $c = $t->connect;
    $c->send($t->request('POST', "/admin/api/keys/$key->{id}/verify",
        headers => $admin->headers, body => {}));
    $c;
} 1 .. 8;
my $busy = 0;
for my $c (@open, @extra) {
    $busy++ if eval { local $c->{patience} = 1; $c->response->{status} } // 0
        == 503;
}
cmp_ok($busy, '>=', 8, 'many at once are refused');
cmp_ok($bridge->hits, '<=', 8, 'and few are sent');
$_->close for @open, @extra;
$bridge->wait_closed($bridge->hits);
pass('whoever goes takes the call along');

write_file($mode, 'works');
is(json_encode(verify($key->{id})->json->{works}), 'true',
    'afterwards it works again');

$t->allow(qr/upstream|connect\(\) to/);
$t->finish;
