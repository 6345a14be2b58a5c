#!/usr/bin/perl

# GET api/audit, and the events of the admin: who signs in, what is changed,
# and how a client follows it over reloads and crashes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
$t->bridge;

my $location = Claude::Admin->location($t, upstream => 'bridge',
    names => ['admin', 'eve']);
my $config = <<"EOC";
claude_audit_log $dir/audit.log level=all;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real;
server {
    listen %%ADDR%%;
    server_name localhost;
    $location
    location /v1/ { claude_pass bridge; }
}
EOC
$t->start($config, keystore =>
    "zone=keys:1m path=$dir/keys/keys.jsonl flush=1h");
my $admin = Claude::Admin->new($t, name => 'admin');

sub audit {
    my ($query, %opt) = @_;
    my $r = $admin->call('GET', 'audit' . ($query // ''), undef, %opt);
    return $r->{status} == 200 ? $r->json : $r;
}

# what code adds
my $next = audit()->{next};
sub told {
    my ($code) = @_;
    $code->();
    my $doc = audit("?after=$next");
    $next = $doc->{next};
    return single(@{ $doc->{data} });
}

# numbers of what came again are told when their time has come
sub single { grep { !$_->{suppressed} } @_ }

sub words { [map { my $e = $_; join ' ', map { $e->{$_} // '-' }
    qw(event outcome level code) } @_] }

# the document

my $doc = audit();
is_deeply(words(@{ $doc->{data} }), ['start ok security start',
    'login ok security -'], 'a start and a login are there');
is_deeply([sort keys %$doc], [qw(data lost next)], 'data, next, lost');
is_deeply([sort keys %{ $doc->{data}[1] }], [qw(address code event keyId level
    outcome requestId seq suppressed time traceId)],
    'an event has all its names');
is_deeply([@{ $doc->{data}[1] }{qw(address keyId code suppressed)}],
    ['127.0.0.0/24', undef, undef, 0], 'and what there isn\'t is null');
like($doc->{data}[1]{requestId}, qr/^[0-9a-f]{32}$/, 'the request is told');
is($doc->{data}[1]{seq}, $doc->{next}, 'next is the last number');
is($doc->{lost}, JSON::PP::false, 'nothing is lost');
is(audit()->{next}, $doc->{next}, 'to look is no event');

# what goes wrong at the door

my @forwarded = ('X-Forwarded-Proto: https');
my @tries = (
    ['plain HTTP', 'admin_refused refused security https_required',
        'POST', 'login', ['Origin: https://localhost'], 403],
    ['another origin', 'admin_refused refused security cross_origin_request',
        'POST', 'login', [@forwarded, 'Origin: https://evil.test'], 403],
    ['a wrong password', 'login failed security invalid_credentials',
        'POST', 'login', [@forwarded, 'Origin: https://localhost'], 401],
);
for (@tries) {
    my ($name, $words, $method, $path, $headers, $status) = @$_;
    my @told = told(sub {
        my $r = $t->http($method, "/admin/api/$path", headers =>
            [@$headers, 'X-Real: 192.0.2.9'], body => { name => 'admin',
            password => 'wrong' });
        is($r->{status}, $status, "$name: $status");
    });
    like(words(@told)->[0] // '', qr/^\Q$words\E|^login failed security/,
        "$name is told") or diag explain \@told;
    is($told[0]{address}, '192.0.2.0/24', "$name: from where");
}
my @told = told(sub {
    for (1 .. 6) {
        $t->http('POST', '/admin/api/login', headers => [@forwarded,
            'Origin: https://localhost', 'X-Real: 192.0.2.9'],
            body => { name => 'admin', password => 'wrong' });
    }
});
my $words = join '; ', @{ words(@told) };
like($words, qr/^(login failed security \S+; ){3}login limited/,
    'each wrong try is told, and that there were too many');
is(() = $words =~ /limited/g, 1, 'which is told once');

# sessions

my $eve = Claude::Admin->new($t, name => 'eve');
$next = audit()->{next};
@told = told(sub { $eve->call('POST', 'logout') });
is_deeply(words(@told), ['logout ok security -'], 'a logout');
my $other = Claude::Admin->new($t, name => 'admin');
my ($session) = grep { !$_->{current} }
    @{ $admin->call('GET', 'sessions')->json->{data} };
$next = audit()->{next};
@told = told(sub { $admin->call('DELETE', "sessions/$session->{id}") });
is($told[0]{event}, 'session_ended', 'a session that is ended');

# keys

my ($key, $id);
@told = told(sub { $key = $admin->create('of a test'); $id = $key->{id} });
is_deeply(words(@told), ['key_created ok admin -'], 'a new key');
is($told[0]{keyId}, $id, 'which one');
for (['key_changed', 'PATCH', "keys/$id", { keyName => 'other' }],
    ['key_token', 'POST', "keys/$id/token",
        { oauthToken => $t->secret(token()) }],
    ['key_verified', 'POST', "keys/$id/verify", {}],
    ['key_rotated', 'POST', "keys/$id/rotate", {}],
    ['key_deleted', 'DELETE', "keys/$id", {}])
{
    my ($event, @call) = @$_;
    @told = told(sub { $admin->call(@call) });
    is_deeply([map { ($_->{event}, $_->{outcome}, $_->{keyId}) } @told],
        [$event, 'ok', $id], $event);
}
@told = told(sub {
    $admin->call('GET', 'keys');
    $admin->call('GET', "keys/$id");
    $admin->call('POST', 'keys', { keyName => 'no token' });
    $admin->call('PATCH', "keys/$id", { keyName => 'gone' });
});
is_deeply(\@told, [], 'what changes nothing is no event');

my $limited = $admin->create('limited', requestsPerMinute => 1);
$next = audit()->{next};
@told = told(sub { $t->chat('hi', key => $limited->{apiKey}) for 1, 2 });
is_deeply([map { @$_{qw(event outcome level keyId code)} } @told],
    ['quota', 'refused', 'all', $limited->{id}, 'rate_limit_exceeded'],
    'a key over its limit');

SKIP: {
    my $store = "$dir/keys/keys.jsonl";
    skip 'a file can be made immutable by root alone', 1 if $>;
    my $aside = "$store.aside";
    rename $store, $aside or die;
    mkdir $store;
    @told = told(sub {
        my $r = $admin->call('PATCH', "keys/$limited->{id}",
            { keyName => 'lost' });
        cmp_ok($r->{status}, '>=', 500, 'a change that can\'t be kept');
    });
    rmdir $store;
    rename $aside, $store or die;
    my ($failed) = grep { $_->{event} eq 'change_failed' } @told;
    is_deeply([@$failed{qw(outcome level keyId code)}], ['failed', 'admin',
        $limited->{id}, 'store_unavailable'], 'is told');
}

# the log has them all, in the same words

my @log = map { json_decode($_) } (read_file("$dir/audit.log") =~ /(.+)\n/g);
my @ring = @{ audit('?after=0&limit=1000')->{data} };
is_deeply(words(single(@log)), words(single(@ring)),
    'the log has what the ring has');

# following

my @all = @ring;
my ($from, @pages) = (0);
for (1 .. 100) {
    my $page = audit("?after=$from&limit=4");
    is($page->{lost}, JSON::PP::false, 'no page lacks any') if $_ == 3;
    last unless @{ $page->{data} };
    push @pages, @{ $page->{data} };
    $from = $page->{next};
}
is_deeply([map { $_->{seq} } @pages[0 .. $#all]], [map { $_->{seq} } @all],
    'pages follow each other');
ok(wait_until(sub {
    my @last = map { $_->{seq} } @{ audit('?limit=3')->{data} };
    my @first = map { $_->{seq} } @{ audit('?after=0&limit=1000')->{data} };
    "@last" eq "@first[-3 .. -1]";
}, 'the same'), 'without after it is the last');
my $none = wait_until(sub {
    my $page = audit('?after=' . ($next = audit()->{next}));
    @{ $page->{data} } ? undef : $page;
}, 'nothing new');
is_deeply($none, { data => [], next => $next, lost => JSON::PP::false },
    'nothing new is nothing');
for (['of an earlier run', 5], ['of another', $next + 1e9]) {
    my $page = audit("?after=$_->[1]&limit=1");
    is($page->{lost}, JSON::PP::true, "a number $_->[0]: some are lost");
    is($page->{data}[0]{seq}, $all[0]{seq}, 'and it begins anew');
}

# bad queries, and who may not ask

for (['after=-1', 'after'], ['after=x', 'after'], ['after=', 'after'],
    ['after=99999999999999999999', 'after'], ['after=1.5', 'after'],
    ['limit=0', 'limit'], ['limit=1001', 'limit'], ['limit=%00', 'limit'])
{
    my ($query, $param) = @$_;
    is_error(audit("?$query"), 400, 'invalid_value', "$query is refused",
        param => $param);
}
is($admin->call('POST', 'audit')->{status}, 405, 'it can\'t be posted to');
is($admin->call('DELETE', 'audit')->{status}, 405, 'nor deleted');
is($admin->call('HEAD', 'audit')->{status}, 200, 'HEAD is GET');
is_error($t->http('GET', '/admin/api/audit', headers => \@forwarded), 401,
    'not_signed_in', 'nobody sees it without a session');
my $r = $t->http('GET', '/admin/api/audit', headers => $admin->headers);
is($r->header('cache-control'), 'no-store', 'and nobody keeps it');

# over a reload, and over the death of workers

$t->reload;
@told = told(sub { });
is_deeply(words(@told), ['start ok security reload'],
    'a reload is told, and numbers go on');
for (1 .. 3) {
    my @old = $t->workers;
    kill 'KILL', @old;
    wait_until(sub { my %old = map { $_ => 1 } @old;
        my @now = grep { !$old{$_} } $t->workers; @now >= 2 }, 'new workers');
    my $number = $_;
    @told = told(sub { $t->http('GET', '/v1/models', key => 'sk-x',
        headers => ["X-Real: 198.51.$number.1"]) });
    is_deeply([map { "$_->{event} $_->{address}" } @told],
        ["key_refused 198.51.$number.0/24"], "workers killed, $number");
}

$t->allow(qr/signal 9/, qr/a change of key .* was not made/,
    qr/key log .* keys stay as they are/, qr/last use of/,
    qr/exited on signal 9/, qr/directory|Is a directory/);
$t->finish;
