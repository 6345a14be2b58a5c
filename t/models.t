#!/usr/bin/perl

# GET /v1/models, GET /v1/models/{id}, GET /v1/health.

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
    'health' => sub {
        my ($r) = @_;
        return $r->hold if $r->{bridge}->gate_is_open('silent');
        return $r->health(503, status => 'unavailable', ready => 0,
            parked => 0) if $r->{bridge}->gate_is_open('empty');
        $r->health;
    },
);

$t->start(<<'EOC');
upstream nobody { server unix:%%DIR%%/nothing; }
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /own/ {
        claude_models off;
        claude_model gpt-4o claude-sonnet-5-5;
        claude_model team/fast:1 haiku;
        claude_pass bridge;
    }
    location /more/ { claude_model mine opus; claude_pass bridge; }
    location /nobody/ { claude_pass nobody; }
}
EOC

sub ids {
    my ($uri) = @_;
    my $r = $t->http('GET', $uri, key => $key);
    return [sort map { $_->{id} } @{ $r->json->{data} }];
}

# the list

my $r = $t->http('GET', '/v1/models', key => $key);
is($r->{status}, 200, 'models');
like($r->header('content-type'), qr{^application/json}, 'as JSON');
my $doc = $r->json;
is($doc->{object}, 'list', 'a list');
cmp_ok(scalar @{ $doc->{data} }, '>=', 3, 'of several');
is_deeply([grep { join(' ', sort keys %$_) ne 'created id object owned_by'
    || $_->{object} ne 'model' || $_->{created} !~ /^\d+$/ }
    @{ $doc->{data} }], [], 'each with all fields');
my %seen = map { $_->{id} => 1 } @{ $doc->{data} };
ok($seen{sonnet} && $seen{opus} && $seen{haiku}, 'the aliases among them');
is(scalar(keys %seen), scalar @{ $doc->{data} }, 'none twice');
is($t->http('GET', '/v1/models?limit=1000', key => $key)->{body},
    $r->{body}, 'a query changes nothing');
is($t->http('GET', '/v1/models/', key => $key)->{status} =~ /^(200|404)$/,
    1, 'a slash behind it does no harm');

is_deeply(ids('/own/models'), ['gpt-4o', 'team/fast:1'],
    'claude_models off leaves those of the configuration');
ok((grep { $_ eq 'mine' } @{ ids('/more/models') })
    && (grep { $_ eq 'sonnet' } @{ ids('/more/models') }),
    'claude_model adds to the builtin ones');

# one of them

sub one {
    my ($uri) = @_;
    return $t->http('GET', $uri, key => $key);
}
is(one("/v1/models/$_")->json->{id}, $_, "models/$_")
    for sort keys %seen;
is(one('/v1/models/sonnet')->json->{object}, 'model', 'is a model');
is(one('/own/models/gpt-4o')->json->{id}, 'gpt-4o', 'a configured one');
is(one('/own/models/team/fast:1')->json->{id}, 'team/fast:1',
    'with a slash in its name');
is(one('/own/models/team%2Ffast:1')->json->{id}, 'team/fast:1',
    'escaped or not');
is_error(one('/own/models/sonnet'), 404, 'model_not_found',
    'a builtin one where they are off');
is_error(one('/v1/models/gpt-oss'), 404, 'model_not_found', 'an unknown one');
my $odd = one('/v1/models/%22%0a%3Cb%3E');
is_error($odd, 404, 'model_not_found', 'a name that is none');
unlike($odd->{body}, qr/<b>/, 'which is not quoted');
is_error($t->http('DELETE', '/v1/models/sonnet', key => $key), 405,
    'method_not_allowed', 'models are not deleted');

is($bridge->hits, 0, 'the bridge is not asked for any of it');

is_chat($t->chat('hi', key => $key, uri => '/own/chat/completions',
    fields => { model => 'gpt-4o' }), 'Hello world', 'a configured name');
is($bridge->last_body->{model}, 'claude-sonnet-5-5', 'means its target');
$r = $t->chat('hi', key => $key, uri => '/own/chat/completions',
    fields => { model => 'team/fast:1' });
is($r->json->{model}, 'team/fast:1', 'the answer has the client\'s name');
is_error($t->chat('hi', key => $key, uri => '/own/chat/completions'), 404,
    'model_not_found', 'a builtin one where they are off');

# health

$r = $t->http('GET', '/v1/health');
is($r->{status}, 200, 'health needs no key');
like($r->header('content-type'), qr{^application/json}, 'and is JSON');
ok($r->json, 'in form');
$r = $t->http('HEAD', '/v1/health');
is($r->{status}, 200, 'HEAD too');
is($t->http('GET', '/nobody/health')->{status}, 503,
    '503 when the bridge cannot be reached');
$bridge->open_gate('empty');
is($t->http('GET', '/v1/health')->{status}, 503,
    '503 when it holds no process');
$bridge->open_gate('silent');
is($t->http('GET', '/v1/health')->{status}, 503,
    '503 without delay when it says nothing');
is_error($t->http('POST', '/v1/health', body => '{}'), 405, undef,
    'health is not posted to');

$t->allow(qr/upstream/);
$t->finish;
