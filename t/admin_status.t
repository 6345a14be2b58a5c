#!/usr/bin/perl

# GET api/status: versions, uptime, the store, what the bridge says of itself
# whatever it says, and the zones' fill.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
$t->add_key('first');
my $bridge = $t->bridge(health => sub {
    my ($r) = @_;
    my $text = read_file($t->dir . '/health') // '{"status":"ok","ready":true,'
        . '"parked":2,"busy":1,"starting":0,"queue":3}';
    my ($status) = $text =~ s/^(\d{3}) // ? $1 : 200;
    $r->head($status, 'Content-Type' => 'application/json',
        'Content-Length' => length $text);
    $r->raw($text);
});
my $gone = 'upstream gone { server unix:' . $t->dir . '/gone; }';
$t->start("upstream bridge { server unix:" . $t->dir . "/bridge/sock; "
    . "keepalive 4; } $gone server { listen %%ADDR%%;"
    . Claude::Admin->location($t, upstream => 'bridge')
    . Claude::Admin->location($t, upstream => 'gone', uri => '/gone/')
    . Claude::Admin->location($t, uri => '/none/') . ' }');
my $admin = Claude::Admin->new($t);

sub status {
    my ($uri) = @_;
    local $admin->{uri} = $uri // '/admin/';
    return $admin->call('GET', 'status');
}

my $r = status();
is($r->{status}, 200, 'the status');
is($r->header('cache-control'), 'no-store', 'is kept by nobody');
my $doc = $r->json;
like($doc->{version}, qr/^\d+\.\d+\.\d+$/, 'the version of the module');
like($doc->{nginx}, qr/^\d+\.\d+\.\d+$/, 'and of nginx');
is($doc->{workers}, 2, 'workers');
like($doc->{startedAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'the start');
cmp_ok($doc->{uptime}, '>=', 0, 'uptime');
is(json_encode($doc->{store}{ok}), 'true', 'the store is well');
is($doc->{store}{trouble}, undef, 'without trouble');
is($doc->{store}{keys}, 1, 'keys');
is($doc->{store}{enabled}, 1, 'enabled ones');
cmp_ok($doc->{store}{capacity}, '>', 100, 'and how many fit');
like($doc->{store}{storeId}, qr/^store_[0-9A-Za-z]{20}$/, 'its id');

is($doc->{calls}{running}, 0, 'no call is under way');
cmp_ok($doc->{calls}{capacity}, '>', 100, 'and many may be');

my %bridge = (configured => JSON::PP::true, reachable => JSON::PP::true,
    status => 'ok', ready => JSON::PP::true, parked => 2, busy => 1,
    starting => 0, queue => 3);
is(json_encode($doc->{bridge}), json_encode(\%bridge),
    'the bridge as it says itself');

my ($keys) = grep { $_->{name} eq 'keys' } @{ $doc->{zones} };
is($keys->{size}, 1024 * 1024, 'the zone of the keys');
ok($keys->{used} > 0 && $keys->{used} < $keys->{size}, 'is filled a little');
cmp_ok(scalar @{ $doc->{zones} }, '>', 1, 'there are other zones');
ok(!(grep { $_->{used} > $_->{size} / 2 } @{ $doc->{zones} }),
    'none is half full by now');
my ($sessions) = grep { $_->{name} =~ /session/ } @{ $doc->{zones} };
cmp_ok($sessions->{used}, '>', 0, 'there is a session in theirs');

# the bridge says something else

my %nothing = (status => undef, ready => undef, parked => undef,
    busy => undef, starting => undef, queue => undef);
for my $case (
    ['503 {"status":"unavailable","ready":false,"parked":0,"busy":0,'
        . '"starting":1,"queue":0}', 'unavailable', status => 'unavailable',
        ready => JSON::PP::false, parked => 0, busy => 0, starting => 1,
        queue => 0],
    ['nonsense', 'no JSON', %nothing],
    ['[]', 'no object', %nothing],
    ['{"status":"<b>","ready":"yes","parked":-1,"busy":1e999}', 'bad values',
        %nothing],
    ['{"status":"' . 'a' x 33 . '","parked":4294967296}', 'values too long',
        %nothing],
    ['{"parked":5,"more":{"parked":6}}', 'only some, and more', %nothing,
        parked => 5],
    ['{"status":"ok","pad":"' . 'x' x 50_000 . '"}', 'far too much',
        %nothing],
) {
    my ($text, $name, %says) = @$case;
    write_file($t->dir . '/health', $text);
    $r = status();
    is($r->{status}, 200, "$name: the status is answered");
    is(json_encode($r->json->{bridge}), json_encode({ %bridge, %says }),
        'and says what could be read');
}

$r = status('/gone/');
is($r->{status}, 200, 'a bridge that is not there');
is($r->header('content-type'), 'application/json', 'is no error');
is(json_encode($r->json->{bridge}), json_encode({ %bridge, %nothing,
    reachable => JSON::PP::false }), 'but said to be out of reach');
is($r->header('cache-control'), 'no-store', 'nobody keeps that either');
is(json_encode(status('/none/')->json->{bridge}), json_encode({ %bridge,
    %nothing, configured => JSON::PP::false, reachable => JSON::PP::false }),
    'no bridge is named');

# trouble with the store

my $log = $t->dir . '/keys/keys.jsonl';
my $good = read_file($log);
open my $file, '>>', $log or die "$log: $!\n";
print $file "damage\n";
close $file;
wait_until(sub { !status('/none/')->json->{store}{ok} }, 'trouble');
$doc = status('/none/')->json;
like($doc->{store}{trouble}, qr/\S/, 'trouble of the store is said');
is($doc->{store}{keys}, 1, 'its keys go on');
open $file, '+<', $log or die "$log: $!\n";
truncate $file, length $good;
close $file;
wait_until(sub { status('/none/')->json->{store}{ok} }, 'the end of it');
pass('and its end too');

is_error($t->http('GET', '/admin/api/status'), 403, 'https_required',
    'not in plain text');
is_error($t->http('GET', '/admin/api/status',
    headers => ['X-Forwarded-Proto: https']), 401, 'not_signed_in',
    'not to everybody');

$t->allow(qr/connect\(\) to .* failed/, qr/no live upstreams/,
    qr/keys\.jsonl/);
$t->finish;
