#!/usr/bin/perl

# docs/openapi.json against what is really answered: each operation, each
# status that a test from outside can bring about, each body and header.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

-d "$FindBin::Bin/clients/node_modules/ajv"
    or die "the clients are missing: npm ci --prefix t/clients\n";

my $t = Claude::Test->new;
$t->private('samples.json', 'broken.json');
my $document = root() . '/docs/openapi.json';
my $openapi = json_decode(read_file($document));

# the paths are those of the routes

my %routes;
for my $file (glob root() . '/src/http/ngx_http_claude_admin*.c') {
    my $text = read_file($file);
    $routes{"/$1"}{ lc $2 } = 1
        while $text =~ /ngx_string\("(api\/[^"]+)"\),\s*NGX_HTTP_(\w+)/g;
}
is(json_encode({ map { my $path = $_; $path => { map { $_ => 1 }
    grep { $_ ne 'parameters' } keys %{ $openapi->{paths}{$path} } } }
    keys %{ $openapi->{paths} } }), json_encode(\%routes),
    'the document has the routes, and no others');

my $bridge = $t->bridge(health => sub { $_[0]->health(200, starting => 0,
    queue => 0) });
$t->start('claude_audit_log %%DIR%%/audit.log level=all; '
    . 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t, upstream => 'bridge', names => ['a', 'b'])
    . Claude::Admin->location($t, uri => '/none/', names => ['a', 'b']) . '}',
    zone => '100k');

my @samples;
my $admin;

# a call as one of the document's operations; options of Claude::Admin's call
sub sample {
    my ($method, $path, $body, %opt) = @_;
    my $uri = delete $opt{as} // $path;
    $body //= {} if $method =~ /^(?:POST|PATCH|DELETE)$/;
    $body = json_encode($body) if ref $body;
    my $r = $admin->call($method, $uri, $body, %opt);
    utf8::decode(my $text = $r->{body});
    push @samples, { method => $method, path => '/api/'
        . $path =~ s/\?.*//r, status => $r->{status},
        headers => $r->{headers}, body => $text, sent => $body };
    return $r;
}

# who is not signed in, from elsewhere, in plain text, with bad bodies: all
# operations alike

my @operations = map { my $p = $_; map { [uc $_, $p =~ s{^/api/}{}r] }
    grep { $_ ne 'parameters' } keys %{ $openapi->{paths}{$p} } }
    sort keys %{ $openapi->{paths} };
my $id = 'key_' . '0' x 20;
$admin = bless { t => $t, uri => '/admin/' }, 'Claude::Admin';
for (@operations) {
    my ($method, $path) = @$_;
    my %as = (as => $path =~ s/\{id\}/$id/r);
    sample($method, $path, undef, %as) if $path ne 'login';
    $admin->{plain} = 1;
    sample($method, $path, undef, %as);
    delete $admin->{plain};
    sample($method, $path, '{}', %as, type => 'text/plain')
        if $method ne 'GET';
}

sample('POST', 'login', { name => 'a', password => 'wrong' });
sample('POST', 'login', { name => 'a' });
my $good = Claude::Admin->new($t, name => 'b');
$admin = $good;
my $second = Claude::Admin->new($t, name => 'b');
{
    local $admin->{cookie};
    my $r = sample('POST', 'login', { name => 'a',
        password => Claude::Admin::PASSWORD });
    $t->secret(($r->header('set-cookie') // '') =~ /=([^;]+)/);
}
sample('GET', 'session');
my $r = sample('GET', 'sessions');
my ($other) = grep { !$_->{current} } @{ $r->json->{data} };
sample('DELETE', 'sessions/{id}', undef, as => "sessions/$other->{id}");
sample('DELETE', 'sessions/{id}', undef, as => "sessions/$other->{id}");
sample('POST', $_, ' ' x 70_000) for 'login', 'logout';
sample('DELETE', 'sessions/{id}', ' ' x 70_000, as => 'sessions/x');
for (@operations) {
    my ($method, $path) = @$_;
    next if $method eq 'GET' || $path =~ /^(?:sessions|log)/;
    my $key = ($admin->call('GET', 'keys?limit=1')->json->{data}[0]
        // $admin->create('x'))->{id};
    my %as = (as => $path =~ s/\{id\}/$key/r);
    sample($method, $path, '{"x":', %as);
    sample($method, $path, '{"x":1}', %as);
    sample($method, $path, '{"x":"' . 'x' x 70_000 . '"}', %as);
}

# keys

my %all = (requestsPerMinute => 60, tokensPerMinute => 10_000,
    concurrentRequests => 4, dayTokens => 1e6, monthTokens => 1e7,
    dayCost => 0.001, monthCost => 12.5, allowedModels => ['sonnet'],
    allowedAddresses => ['127.0.0.1', '::1', '10.0.0.0/8']);
my $token = $t->secret(token());
my $key = sample('POST', 'keys', { keyName => 'all', oauthToken => $token,
    enabled => JSON::PP::true, expiresAt => '2037-01-01T00:00:00Z', %all })
    ->json;
$t->secret($key->{apiKey});
sample('POST', 'keys', { keyName => 'few', oauthToken => token() });
sample('POST', 'keys', { keyName => "a\nb", oauthToken => $token });
is_chat($t->chat('hi', key => $key->{apiKey}), 'Hello world', 'a key is used');
my %as = (as => "keys/$key->{id}");
sample('PATCH', 'keys/{id}', { keyName => 'renamed', enabled =>
    JSON::PP::false, expiresAt => undef }, %as);
sample('PATCH', 'keys/{id}', { map { $_ => undef } keys %all }, %as);
sample('PATCH', 'keys/{id}', { dayTokens => -1 }, %as);
sample('GET', 'keys/{id}', undef, %as);
sample('GET', 'keys');
sample('GET', 'keys', undef, as => "keys?limit=1&$_")
    for 'sort=cost', 'state=disabled', 'q=few', 'offset=5';
sample('GET', 'keys', undef, as => 'keys?limit=0');
sample('POST', 'keys/{id}/rotate', { grace => 60 },
    as => "keys/$key->{id}/rotate");
sample('GET', 'keys/{id}', undef, %as);
sample('POST', 'keys/{id}/rotate', '', as => "keys/$key->{id}/rotate");
sample('POST', 'keys/{id}/rotate', { grace => -1 },
    as => "keys/$key->{id}/rotate");
sample('POST', 'keys/{id}/token', { oauthToken => token() },
    as => "keys/$key->{id}/token");
sample('POST', 'keys/{id}/verify', undef, as => "keys/$key->{id}/verify");
$bridge->stop_listening;
sample('POST', 'keys/{id}/verify', undef, as => "keys/$key->{id}/verify");
sample('GET', 'status');
$bridge->listen;
sample('GET', 'status');
{
    local $admin->{uri} = '/none/';
    sample('POST', 'keys/{id}/verify', undef, as => "keys/$key->{id}/verify");
    sample('GET', 'status');
}
sample('GET', 'usage', undef, as => "usage?$_") for 'group=day,model,key',
    'format=csv', 'from=x';
sample('GET', 'audit', undef, as => "audit?$_") for '', 'after=0', 'limit=2',
    'after=x';

for (['GET', 'keys/{id}'], ['PATCH', 'keys/{id}'], ['DELETE', 'keys/{id}'],
    ['POST', 'keys/{id}/rotate'], ['POST', 'keys/{id}/token'],
    ['POST', 'keys/{id}/verify'])
{
    sample(@$_, undef, as => $_->[1] =~ s/\{id\}/$id/r);
}
sample('DELETE', 'keys/{id}', undef, %as);

# a store that can't be written, and one that is full

my $dir = $t->dir . '/keys';
rename "$dir/keys.jsonl", "$dir/away";
$key = ($admin->call('GET', 'keys?limit=1')->json->{data}[0])->{id};
sample('POST', 'keys', { keyName => 'n', oauthToken => token() });
sample('PATCH', 'keys/{id}', { keyName => 'n' }, as => "keys/$key");
sample('POST', 'keys/{id}/rotate', undef, as => "keys/$key/rotate");
sample('POST', 'keys/{id}/token', { oauthToken => token() },
    as => "keys/$key/token");
sample('DELETE', 'keys/{id}', undef, as => "keys/$key");
rename "$dir/away", "$dir/keys.jsonl";
wait_until(sub { $admin->call('GET', 'status')->json->{store}{ok} },
    'the store');

for (1 .. 300) {
    my $r = $admin->call('POST', 'keys', { keyName => 'filling',
        oauthToken => token() });
    last if $r->{status} != 201;
}
sample('POST', 'keys', { keyName => 'n', oauthToken => token() });
sample('PATCH', 'keys/{id}', { keyName => 'z' x 128,
    allowedModels => [map { 'm' x 40 . $_ } 1 .. 5],
    allowedAddresses => [map { "2001:db8::$_" } 1 .. 16] },
    as => "keys/$key");

# the last: too many wrong logins, and the end

for (1 .. 6) {
    local $admin->{cookie};
    sample('POST', 'login', { name => 'a', password => 'wrong' });
}
sample('POST', 'logout', {});

# what node says of it

sub faults {
    my ($file, $samples) = @_;
    write_file($t->dir . "/$file", json_encode($samples));
    my $got = run(['node', root() . '/t/clients/openapi.mjs', $document,
        $t->dir . "/$file"]);
    is($got->{err}, '', 'samples are held against the document');
    return split /\n/, $got->{out};
}

my @all = faults('samples.json', \@samples);
is(join("\n", grep { !/^unseen: / } @all), '', scalar(@samples)
    . ' answers are as the document says');

# those that can't be had from outside on purpose
is(join("\n", grep { !/ (?:500|503)$/ && !/(?:rotate|token) 507$/ }
    grep { /^unseen: / } @all), '', 'and all that it says were seen');

my ($one) = grep { $_->{method} eq 'GET' && $_->{path} eq '/api/keys/{id}'
    && $_->{status} == 200 } @samples;
my @broken = map { { %$one, headers => { %{ $one->{headers} } } } } 1 .. 5;
$broken[0]{body} =~ s/"keyName":/"keyname":/;
$broken[1]{body} =~ s/"running":\d+/"running":-1/;
delete $broken[2]{headers}{'x-request-id'};
$broken[3]{headers}{'cache-control'} = 'public';
$broken[4]{status} = 202;
my %said = map { $_ => 1 } grep { !/^unseen/ } faults('broken.json', \@broken);
cmp_ok(scalar keys %said, '>=', 6, 'what is not so is seen');

$t->allow(qr/a change of key \S+ was not made/, qr/do not fit/,
    qr/keys\.jsonl/, qr/client intended to send too large body/, qr/upstream/,
    qr/connect\(\)/, qr/last use of/, qr/the usage /);
$t->finish;
