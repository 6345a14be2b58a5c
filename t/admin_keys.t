#!/usr/bin/perl

# The life of a key by the admin's API: made, shown once, used, changed,
# rotated with and without grace, given another credential, deleted; and what
# of it is felt at once, in all workers.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $bridge = $t->bridge(
    token => sub {
        my ($r) = @_;
        $r->start;
        my ($auth) = map { /^authorization: (.*)/i ? $1 : () }
            @{ $r->{request}{lines} };
        my ($key) = map { /^x-api-key: (.*)/i ? $1 : () }
            @{ $r->{request}{lines} };
        $r->text(substr $auth // $key, -12);
        $r->finish;
    },
    wait => sub { $_[0]->start; $_[0]->text('begun'); $_[0]->hold },
);
$t->start('claude_credentials oauth api_key; server { listen %%ADDR%%;'
    . 'location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t) . ' }');
my $admin = Claude::Admin->new($t);

sub key_flaws {
    my ($got, %wanted) = @_;
    return 'no key' unless ref $got eq 'HASH';
    return join '; ', map {
        my $is = json_encode($got->{$_});
        my $must = json_encode($wanted{$_});
        $is eq $must ? () : "$_ is $is, not $must";
    } sort keys %wanted;
}

# made

my $token = $t->secret(token());
my $r = $admin->call('POST', 'keys', { oauthToken => $token,
    keyName => 'Team "A" <b>é</b>' });
is($r->{status}, 201, 'a key is made');
my $key = $r->json;
like($key->{apiKey}, qr/^sk-[0-9A-Za-z]{48}$/, 'and shown');
is($r->header('cache-control'), 'no-store', 'by an answer that nobody keeps');
is($r->header('location'), "/admin/api/keys/$key->{id}", 'and named');
is(key_flaws($key, keyName => 'Team "A" <b>é</b>', lastUsed => undef,
    tokenType => 'oauth', enabled => JSON::PP::true, expiresAt => undef,
    state => 'active', previousUntil => undef, running => 0,
    display => substr($key->{apiKey}, 0, 7) . '…'
        . substr($key->{apiKey}, -4),
    tokenDisplay => 'sk-ant-oat01-…' . substr($token, -4),
    map({ $_ => undef } qw(requestsPerMinute tokensPerMinute
        concurrentRequests dayTokens monthTokens dayCost monthCost
        allowedModels allowedAddresses))), '', 'as it is');
is(json_encode($key->{usage}{today}), json_encode({ map { $_ => 0 }
    qw(requests errors promptTokens cachedTokens completionTokens cost) }),
    'it has used nothing');

my $seen = $admin->call('GET', "keys/$key->{id}");
is($seen->{status}, 200, 'it can be looked at');
is($seen->header('cache-control'), 'no-store', 'and nobody keeps that');
ok(!exists $seen->json->{apiKey}, 'but the key is not shown again');
unlike($seen->{body}, qr/\Q$token\E/, 'nor the token at all');

is_chat($t->chat('[[token]]', key => $key->{apiKey}), substr($token, -12),
    'it works at once, with its own credential');
wait_until(sub { $admin->key($key->{id})->{lastUsed} }, 'a last use');
pass('and its use is seen');

my %limits = (requestsPerMinute => 600, tokensPerMinute => 1000000,
    concurrentRequests => 10, dayTokens => 1e12, monthTokens => 1e12,
    dayCost => 0.5, monthCost => 1000000, allowedModels => ['sonnet', 'haiku'],
    allowedAddresses => ['127.0.0.0/8', '2001:db8::/32']);
my $api = token('api03');
my $full = $admin->create('all', %limits, enabled => JSON::PP::false,
    expiresAt => '2037-01-31T12:00:00+01:00',
    oauthToken => $api);
is(key_flaws($full, %limits, enabled => JSON::PP::false, state => 'disabled',
    expiresAt => '2037-01-31T11:00:00Z', tokenType => 'api_key'), '',
    'a key with everything');
is(key_flaws($admin->key($full->{id}), %limits), '', 'keeps it');
is_error($t->chat('hi', key => $full->{apiKey}), 401, 'invalid_api_key',
    'a disabled key is refused');

# changed

$r = $admin->call('PATCH', "keys/$full->{id}", { enabled => JSON::PP::true,
    expiresAt => undef, dayCost => undef, allowedModels => undef,
    keyName => 'renamed' });
is($r->{status}, 200, 'a key is changed');
is(key_flaws($r->json, %limits, enabled => JSON::PP::true, expiresAt => undef,
    dayCost => undef, allowedModels => undef, keyName => 'renamed',
    state => 'active'), '', 'what is named, and nothing else');
is(json_encode($admin->key($full->{id})), json_encode($r->json),
    'that is what it is now');
is_chat($t->chat('[[token]]', key => $full->{apiKey}), substr($api, -12),
    'and it works');
$r = $admin->call('PATCH', "keys/$full->{id}", {});
is($r->{status}, 200, 'a change of nothing');
is($r->json->{keyName}, 'renamed', 'answers the key');

# rotated

my $old = $key->{apiKey};
$r = $admin->call('POST', "keys/$key->{id}/rotate", {});
is($r->{status}, 200, 'a key is rotated');
my $new = $r->json->{apiKey};
isnt($new, $old, 'it is another');
is(key_flaws($r->json, id => $key->{id}, keyName => $key->{keyName},
    createdAt => $key->{createdAt}, previousUntil => undef,
    tokenDisplay => $key->{tokenDisplay}), '', 'the rest stays');
is($r->header('cache-control'), 'no-store', 'nobody keeps the answer');
is_error($t->chat('hi', key => $old), 401, 'invalid_api_key',
    'the old one is refused at once');
is_chat($t->chat('[[token]]', key => $new), substr($token, -12),
    'the new one has the credential');

$r = $admin->call('POST', "keys/$key->{id}/rotate", { grace => 3600 });
my $newer = $r->json->{apiKey};
like($r->json->{previousUntil}, qr/^\d{4}-.*Z$/, 'rotated with grace');
is_chat($t->chat('[[token]]', key => $_), substr($token, -12),
    'old and new both work') for $new, $newer;
$r = $admin->call('POST', "keys/$key->{id}/rotate", { grace => 0 });
$key->{apiKey} = $r->json->{apiKey};
is_error($t->chat('hi', key => $_), 401, 'invalid_api_key',
    'the next rotation ends both') for $new, $newer;

# another credential

my $other = $t->secret(token());
$r = $admin->call('POST', "keys/$key->{id}/token", { oauthToken => $other });
is($r->{status}, 200, 'the credential is replaced');
is($r->json->{tokenDisplay}, 'sk-ant-oat01-…' . substr($other, -4),
    'it shows the new one');
ok(!exists $r->json->{apiKey}, 'the key stays');
is_chat($t->chat('[[token]]', key => $key->{apiKey}), substr($other, -12),
    'and has the new credential');

# ended

my @streams = map { my $s = $t->stream('[[wait]]', key => $key->{apiKey});
    $s->head; $s } 1 .. 4;
$_->event for @streams;
$r = $admin->call('DELETE', "keys/$key->{id}");
is($r->{status}, 204, 'a key is deleted');
is($r->{body}, '', 'without a word');
for my $s (@streams) {
    my @events = $s->events;
    is($events[-1]{error}{code}, 'invalid_api_key',
        'its open calls end, in whatever worker');
    $s->close;
}
is_error($t->chat('hi', key => $key->{apiKey}), 401, 'invalid_api_key',
    'it is refused');
is_error($admin->call(@$_), 404, 'key_not_found', "it is gone: $_->[0] $_->[1]")
    for ['GET', "keys/$key->{id}"], ['DELETE', "keys/$key->{id}"],
        ['PATCH', "keys/$key->{id}", { keyName => 'x' }],
        ['POST', "keys/$key->{id}/rotate"],
        ['POST', "keys/$key->{id}/token", { oauthToken => token() }],
        ['POST', "keys/$key->{id}/verify"];

# what is in the log is what was answered

$t->reload;
is(key_flaws($admin->key($full->{id}), keyName => 'renamed'), '',
    'a reload changes nothing');
my ($logged) = grep { $_->{id} eq $full->{id} } $t->keys->list;
is($logged->{keyName}, 'renamed', 'claude-keys sees it too');
my $mine = $t->add_key('by command');
wait_until(sub {
    grep { $_->{keyName} eq 'by command' }
        @{ $admin->call('GET', 'keys')->json->{data} };
}, 'a key of the command line');
pass('and the API sees what claude-keys does');

# changes at once lose nothing

my $shared = $admin->create('shared');
my @fields = (['requestsPerMinute', 100], ['dayTokens', 200],
    ['monthCost', 3], ['keyName', 'all of it'], ['concurrentRequests', 5]);
my @open = map {
    my $c = $t->connect;
    $c->send($t->request('PATCH', "/admin/api/keys/$shared->{id}",
        headers => $admin->headers, body => { $_->[0] => $_->[1] }));
    $c;
} @fields;
is(join(' ', map { $_->response->{status} } @open), '200 200 200 200 200',
    'five changes at once');
is(key_flaws($admin->key($shared->{id}), map { @$_ } @fields), '',
    'and none is lost');

$t->finish;
