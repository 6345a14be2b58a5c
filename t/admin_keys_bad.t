#!/usr/bin/perl

# What the admin's API refuses: 400 that names the field, and nothing changed.
# And what could not be made durable: 5xx, not visible, and the API goes on.

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
my $bridge = $t->bridge;
my $head = 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t) . ' }';
for my $case (['foo', qr/invalid value "foo"/],
    ['oauth oauth2', qr/invalid value "oauth2"/],
    ['', qr/invalid number of arguments/])
{
    my $got = $t->check("claude_credentials $case->[0]; $head");
    ok($got->{status} && $got->{err} =~ $case->[1]
        && $got->{err} =~ /nginx\.conf:\d+/, "claude_credentials $case->[0]")
        or diag($got->{err});
}
is($t->check("claude_credentials $_; $head")->{status}, 0,
    "claude_credentials $_") for 'oauth', 'api_key', 'oauth api_key';

$t->start($head);
my $admin = Claude::Admin->new($t);
my $key = $admin->create('the one', dayTokens => 5);
my $log = $t->dir . '/keys/keys.jsonl';
my $before = read_file($log);
my $was = json_encode($admin->key($key->{id}));
my $token = $t->secret(token());

# each body is tried where its field is one

my $name129 = 'é' x 129;
my @bad = (
    # field, value as JSON, code
    (map { ['keyName', $_, 'invalid_type'] }
        '1', 'null', 'true', '[]', '["a"]', '{}'),
    (map { ['keyName', $_, 'invalid_value'] }
        '""', qq("$name129"), '"a\u0000b"', '"a\nb"', '"a\u007f"',
        '"a\u0085"', '"\u202eevil"', '"\u2066x"', '"\u2028"'),
    (map { ['enabled', $_, 'invalid_type'] } '1', '"true"', 'null', '[]'),
    (map { ['expiresAt', $_, 'invalid_type'] } '1', 'false', '[]', '{}'),
    (map { ['expiresAt', $_, 'invalid_value'] } '""', '"tomorrow"',
        '"2001-01-01T00:00:00Z"', '"2037-02-30T00:00:00Z"', '"2037-01-01"',
        '"99999-01-01T00:00:00Z"', '"2037-01-01T00:00:00"'),
    map({
        my $field = $_;
        (map({ [$field, $_, 'invalid_value'] } '0', '-1', '-0', '1.5', '1e2',
            '1000000000001', '9' x 30, '1' . '0' x 20),
        map({ [$field, $_, 'invalid_type'] } '"1"', 'true', '[1]', '{}'))
    } qw(requestsPerMinute tokensPerMinute concurrentRequests dayTokens
        monthTokens)),
    ['requestsPerMinute', '1000001', 'invalid_value'],
    ['concurrentRequests', '10001', 'invalid_value'],
    map({
        my $field = $_;
        (map({ [$field, $_, 'invalid_value'] } '0', '-1', '0.0000001',
            '1000000.000001', '1e3'),
        map({ [$field, $_, 'invalid_type'] } '"1"', 'false', '[]'))
    } qw(dayCost monthCost)),
    (map { ['allowedModels', $_, 'invalid_type'] }
        '"sonnet"', '1', '{}', '[1]', '[null]', '["a",null]', '[["a"]]',
        '[{"a":"b"}]'),
    (map { ['allowedModels', $_, 'invalid_value'] }
        '[]', '[""]', '["a\nb"]', '["a","a"]',
        json_encode([map { "model-$_" } 1 .. 17]),
        json_encode(['m' x 129]), json_encode([map { $_ x 60 } 'a' .. 'e'])),
    (map { ['allowedAddresses', $_, 'invalid_type'] }
        '"127.0.0.1"', '{}', '[1]', '[null]', '[["::1"]]'),
    (map { ['allowedAddresses', $_, 'invalid_value'] }
        '[]', '[""]', '["localhost"]', '["127.0.0.1/33"]', '["::1/129"]',
        '["10.0.0.1/8"]', '["1.2.3"]', '["1.2.3.4/"]', '["1.2.3.4/-1"]',
        '["1.2.3.4/08"]', '["::1%eth0"]', '["1.2.3.4","1.2.3.4"]',
        json_encode([map { "10.0.0.$_" } 1 .. 17])),
);

sub as_json { my ($text) = @_; utf8::encode($text); return $text }

for (@bad) {
    my ($field, $value, $code) = @$_;
    my $short = length $value > 50 ? substr($value, 0, 47) . '...' : $value;
    $short =~ s/[^ -~]/?/g;
    my $pair = qq("$field":$value);
    my $with_name = $field eq 'keyName' ? '' : '"keyName":"n",';
    is_error($admin->call('POST', 'keys', as_json(
        qq({"oauthToken":"$token",$with_name$pair}))), 400, $code,
        "make: $field $short", param => $field);
    is_error($admin->call('PATCH', "keys/$key->{id}", as_json("{$pair}")),
        400, $code, "change: $field $short", param => $field);
}

for my $value ('1', 'null', '[]') {
    is_error($admin->call(@$_, qq({"keyName":"n","oauthToken":$value})
        =~ s/"keyName":"n",//r), 400, 'invalid_type',
        "$_->[1]: oauthToken $value", param => 'oauthToken')
        for ['POST', "keys/$key->{id}/token"];
}
my @tokens = ('', 'sk-ant-oat01-short', "$token ", "x$token", 'sk-ant-oat02-'
    . 'a' x 40, token('api03'), 'sk-ant-oat01-' . 'a' x 188,
    'sk-ant-oat01-' . 'a' x 30 . '/', substr($key->{apiKey}, 0, 51));
for my $bad (@tokens) {
    $t->secret($bad) if length $bad > 30;
    for (['keys', keyName => 'n'], ["keys/$key->{id}/token"]) {
        my ($path, %more) = @$_;
        my $r = $admin->call('POST', $path, { oauthToken => $bad, %more });
        is_error($r, 400, 'invalid_value', "$path: a token that is none",
            param => 'oauthToken');
        ok(index($r->{body}, $bad) < 0, 'and is not said again') if $bad;
    }
}
like($admin->call('POST', 'keys', { keyName => 'n',
    oauthToken => $tokens[5] })->error('message'), qr/claude_credentials/,
    'an API key is told from a token');

for my $grace ('-1', '604801', '1.5', '1e3') {
    is_error($admin->call('POST', "keys/$key->{id}/rotate",
        qq({"grace":$grace})), 400, 'invalid_value', "grace $grace",
        param => 'grace');
}
is_error($admin->call('POST', "keys/$key->{id}/rotate", qq({"grace":$_})),
    400, 'invalid_type', "grace $_", param => 'grace')
    for '"1"', 'null', 'true', '[]';

# fields of no call, or of another

for my $case (
    ['POST', 'keys', 'id'], ['POST', 'keys', 'apiKey'],
    ['POST', 'keys', 'keyname'], ['POST', 'keys', 'grace'],
    ['POST', 'keys', 'lastUsed'], ['POST', 'keys', 'digest'],
    ['POST', 'keys', '__proto__'], ['PATCH', "keys/$key->{id}", 'oauthToken'],
    ['PATCH', "keys/$key->{id}", 'grace'],
    ['PATCH', "keys/$key->{id}", 'createdAt'],
    ['POST', "keys/$key->{id}/rotate", 'keyName'],
    ['POST', "keys/$key->{id}/rotate", 'dayTokens'],
    ['POST', "keys/$key->{id}/token", 'keyName'],
    ['DELETE', "keys/$key->{id}", 'keyName'],
) {
    my ($method, $path, $field) = @$case;
    my %good = $path eq 'keys' ? (oauthToken => $token, keyName => 'n') : ();
    is_error($admin->call($method, $path, { %good, $field => 'x' }), 400,
        'unsupported_parameter', "$method $path: $field is none",
        param => $field);
}
my $r = $admin->call('POST', 'keys', { keyName => 'n', $token => 1 });
is_error($r, 400, 'unsupported_parameter', 'a token as a name');
unlike($r->{body}, qr/\Q$token\E/, 'is not said again');
is_error($admin->call('POST', 'keys', { keyName => 'n' }), 400,
    'missing_required_parameter', 'no token', param => 'oauthToken');
is_error($admin->call('POST', 'keys', { oauthToken => $token }), 400,
    'missing_required_parameter', 'no name', param => 'keyName');

# no JSON

for my $case (
    ['{', 'half'], ['{"keyName":"a"}x', 'more behind it'], ['{]', 'mixed'],
    ['{"keyName":"a","keyName":"b"}', 'a name twice'],
    ['{"keyName":"a","\u006beyName":"b"}', 'and once escaped'],
    ["{\"keyName\":\"\xc0\x80\"}", 'overlong'],
    ["{\"keyName\":\"\xed\xa0\x80\"}", 'a surrogate'],
    ["{\"keyName\":\"\xf4\x90\x80\x80\"}", 'above Unicode'],
    ['{"keyName":"\ud800"}', 'a lone surrogate'],
    ["\xef\xbb\xbf{}", 'a byte order mark'], ["{\"a\0\":1}", 'a zero byte'],
    ['[' x 60_000, 'deep'], ['{"dayCost":1e999}', 'a number beyond all'],
    ["{'keyName':'a'}", 'other quotes'], ['{keyName:"a"}', 'no quotes'],
    ['NaN', 'no value'], [' ', 'nothing'],
) {
    my ($text, $name) = @$case;
    is_error($admin->call($_->[0], $_->[1], $text), 400, 'invalid_json',
        "$_->[0] $_->[1]: $name")
        for ['POST', 'keys'], ['PATCH', "keys/$key->{id}"];
}
is_error($admin->call('POST', 'keys', $_), 400, 'invalid_json',
    "no object: $_") for '[]', 'null', '"a"', '1', 'true';
is_error($admin->call('POST', 'keys', ''), 400, 'invalid_json', 'no body');
my $large = $admin->call('POST', 'keys', '{"keyName":"' . 'a' x 70_000
    . '"}');
is_error($large, 413, 'request_too_large', 'a body that is too long');
my $over = $admin->call('POST', 'keys', '{"keyName":"' . 'a' x 2_000_000
    . '"}');
is_error($over, 413, 'request_too_large', 'one that nginx refuses');
is($_->error->{message}, 'The request is larger than any that the admin API '
    . 'takes.', 'it says of what API') for $large, $over;
is($admin->call('GET', 'nothing')->error->{message}, 'There is no such '
    . 'endpoint of the admin API.', 'so does a path that is none');
is_error($admin->call('POST', 'keys', '{}', type => 'text/plain'), 415,
    'unsupported_media_type', 'another media type');

# ids and methods

is_error($admin->call('GET', "keys/$_"), 404, undef, "id $_")
    for 'x', 'key_', 'key_0000000000000000000', '..', '%2e%2e', 'a%2fb',
        $key->{id} . '0', uc $key->{id}, 'key_00000000000000000000';
is_error($admin->call('PUT', "keys/$key->{id}", '{}'), 405,
    'method_not_allowed', 'PUT');
is_error($admin->call('GET', "keys/$key->{id}/rotate"), 405,
    'method_not_allowed', 'rotation by GET');
is($admin->call('GET', "keys/$key->{id}/rotate")->header('allow'), 'POST',
    'says what is allowed');

is(read_file($log), $before, 'nothing of all that was written');
is(json_encode($admin->key($key->{id})), $was, 'and nothing changed');

# what can't be made durable: a file system that is full, then read-only

SKIP: {
    skip 'mounting needs root', 1 if $>;
    my $disk = $t->dir . '/disk';
    mkdir $disk;
    my $got = run(['mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700',
        'claude-test', $disk]);
    skip "no tmpfs here: $got->{err}", 1 if $got->{status};

    my $ok = eval { full_disk($disk); 1 };
    my $why = $@;
    $t->stop_nginx;
    run(['umount', $disk]);
    ok($ok, 'with a small disk') or diag($why);
}

sub full_disk {
    my ($disk) = @_;
    $t->stop_nginx;
    $t->own($disk, 0700);
    $t->start($head, keystore =>
        "zone=keys:1m path=$disk/keys.jsonl flush=1h");
    $admin = Claude::Admin->new($t);
    $key = $admin->create('durable');
    fill($disk);

    my $size = -s "$disk/keys.jsonl";
    my @made;
    for (1 .. 20) {         # there may be room for some in the last page
        my $r = $admin->call('POST', 'keys', { keyName => 'x' x 128,
            oauthToken => token() });
        push @made, $r->json if $r->{status} == 201;
        $r->{status} == 201 or last;
        $size = -s "$disk/keys.jsonl";
    }

    is_error($admin->call('POST', 'keys', { keyName => 'x' x 128,
        oauthToken => token() }), 503, 'store_unavailable', 'no room to make');
    is_error($admin->call('PATCH', "keys/$key->{id}", { keyName =>
        'y' x 128 }), 503, 'store_unavailable', 'nor to change');
    is_error($admin->call('POST', "keys/$key->{id}/rotate"), 503,
        'store_unavailable', 'nor to rotate');
    is(-s "$disk/keys.jsonl", $size, 'the log is as long as before');
    is($admin->key($key->{id})->{keyName}, 'durable', 'nothing changed');
    is($admin->call('GET', 'keys')->json->{total}, 1 + @made,
        'nothing is there that was not acknowledged');
    is_chat($t->chat('hi', key => $key->{apiKey}), 'Hello world',
        'the API lives on with the old key');

    unlink "$disk/fill";
    is($admin->call('PATCH', "keys/$key->{id}", { keyName => 'room' })
        ->{status}, 200, 'with room again it is made');
    my $new = $admin->create('after');
    is_chat($t->chat('hi', key => $new->{apiKey}), 'Hello world',
        'a new key too');

    my $got = run(['mount', '-o', 'remount,ro', $disk]);
    if ($got->{status}) {
        diag("no remount: $got->{err}");
        return;
    }
    is_error($admin->call('DELETE', "keys/$new->{id}"), 503,
        'store_unavailable', 'read-only: nothing is deleted');
    is_error($admin->call('POST', 'keys', { keyName => 'n',
        oauthToken => token() }), 503, 'store_unavailable', 'nor made');
    is_chat($t->chat('hi', key => $new->{apiKey}), 'Hello world',
        'and the API lives on');
    run(['mount', '-o', 'remount,rw', $disk]);
    is($admin->call('DELETE', "keys/$new->{id}")->{status}, 204,
        'writable again it is');

    $t->stop_nginx;
    $t->start;
    $admin = Claude::Admin->new($t);
    is($admin->key($key->{id})->{keyName}, 'room',
        'what was acknowledged is there after a restart');
    is($admin->key($new->{id}), undef, 'and what was deleted is not');
}

sub fill {
    my ($disk) = @_;
    open my $file, '>', "$disk/fill" or die "fill: $!\n";
    while (syswrite $file, 'x' x 512) { }
    close $file;
}

# a zone without room: nothing is acknowledged, and the log keeps nothing

$t->start($head, zone => '100k');
$admin = Claude::Admin->new($t);
my ($n, $full) = (0, undef);
for (1 .. 400) {
    $full = $admin->call('POST', 'keys', { keyName => "key $_",
        oauthToken => token() });
    $t->secret($full->json->{apiKey}) if $full->{status} == 201;
    last unless $full->{status} == 201;
    $n++;
}
is_error($full, 507, 'keystore_full', "after $n keys there is no room");
my @list = $t->keys->list;
is(scalar(grep { $_->{keyName} =~ /^key / } @list), $n,
    'the log holds what was acknowledged and no more');
my ($some) = grep { $_->{keyName} eq 'key 1' } @list;
is_error($admin->call('PATCH', "keys/$some->{id}", { keyName => 'z' x 128,
    allowedModels => [map { 'm' x 40 . $_ } 1 .. 6],
    allowedAddresses => [map { "2001:db8::$_" } 1 .. 16] }), 507,
    'keystore_full', 'nor for a change that needs more');
is(json_encode($admin->key($some->{id})->{allowedModels}), 'null',
    'which is not made');
is_deeply([grep { $_->{id} eq $some->{id} } $t->keys->list], [$some],
    'and not in the log');
is($admin->call('DELETE', "keys/$some->{id}")->{status}, 204,
    'one can be deleted');
is($admin->call('POST', 'keys', { keyName => 'again', oauthToken => token() })
    ->{status}, 201, 'and another made in its place');

$t->allow(qr/a change of key \S+ was not made/, qr/do not fit/,
    qr/keys\.jsonl/, qr/client intended to send too large body/,
    qr/last use of/);
$t->finish;
