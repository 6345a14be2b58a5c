#!/usr/bin/perl

# Signing in: what the body may be, which hashes are taken, whose names, and
# how many wrong tries.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $password = 'correct horse "battery" \\ staple';
my $long = 'x' x 71 . 'y';
my $door = Claude::SignIn->new($t, alice => $password);
$t->add_key('one');

# another client each time, where tries are not what is tested
my $client = 0;
sub somebody { '192.0.' . int(++$client / 250) . '.' . ($client % 250 + 1) }

sub refused {
    my ($name, $r, $status, $code, $param) = @_;
    my $got = join ' ', $r->{status}, map { $_ // '-' } $r->error('code'),
        $r->error('param');
    is($got, join(' ', $status, $code, $param // '-'), $name);
}

$t->start(Claude::SignIn::realip() . $door->server);

# the answer and the cookie

my $r = $door->login($password, from => '192.0.2.1');
is($r->{status}, 200, 'the right password: in');
like($r->header('set-cookie'), qr/^__Host-claude_session=[\w-]{43};\ Path=\/;
    \ Max-Age=86400;\ Secure;\ HttpOnly;\ SameSite=Strict$/x,
    'the cookie has all its attributes');
is_deeply([sort keys %{ $r->json }], [qw(createdAt expiresAt name)],
    'the answer has a name and two times');
is($r->json->{name}, 'alice', 'the name where none was given');
is($r->header('cache-control'), 'no-store', 'and is not stored');

my $cookie = Claude::SignIn::cookie($r);
$t->secret($cookie);
isnt(Claude::SignIn::cookie($door->login($password, from => '192.0.2.1')),
    $cookie, 'another login, another session');
is($door->login($password, name => 'alice', from => somebody())->{status}, 200,
    'the name may be given');
refused('another name is wrong', $door->login($password, name => 'bob',
    from => somebody()), 401, 'invalid_credentials');
is($r->header('www-authenticate'), undef, 'no scheme of HTTP\'s is asked for');

# bodies

my @bodies = (
    ['no body', '', 400, 'invalid_json'],
    ['no JSON', '{', 400, 'invalid_json'],
    ['bad UTF-8', "{\"password\":\"\xc0\x80\"}", 400, 'invalid_json'],
    ['an array', '["password"]', 400, 'invalid_json'],
    ['a string', '"password"', 400, 'invalid_json'],
    ['more behind it', '{"password":"a"}1', 400, 'invalid_json'],
    ['the same name twice', '{"password":"a","password":"b"}', 400,
        'invalid_json'],
    ['no password', '{}', 400, 'missing_required_parameter', 'password'],
    ['a number', '{"password":1}', 400, 'invalid_type', 'password'],
    ['null', '{"password":null}', 400, 'invalid_type', 'password'],
    ['an object', '{"password":{"a":1}}', 400, 'invalid_type', 'password'],
    ['a name that is none', '{"name":[],"password":"a"}', 400, 'invalid_type',
        'name'],
    ['an empty name', '{"name":"","password":"a"}', 400, 'invalid_value',
        'name'],
    ['a long name', '{"name":"' . 'n' x 65 . '","password":"a"}', 400,
        'invalid_value', 'name'],
    ['an empty password', '{"password":""}', 400, 'invalid_value',
        'password'],
    ['73 bytes', '{"password":"' . $long . 'z"}', 400, 'invalid_value',
        'password'],
    ['73 bytes in 25 characters', '{"password":"' . "\xe2\x82\xac" x 24
        . 'z"}', 400, 'invalid_value', 'password'],
    ['a NUL', '{"password":"a\u0000b"}', 400, 'invalid_value', 'password'],
    ['an unknown field', '{"password":"a","role":"root"}', 400,
        'unsupported_parameter'],
    ['a megabyte', '{"password":"' . 'a' x 70_000 . '"}', 413,
        'request_too_large'],
    ['deep nesting', '{"password":' . '[' x 30_000, 400, 'invalid_type',
        'password'],
);

for my $case (@bodies) {
    my ($name, $body, $status, $code, $param) = @$case;
    $r = $door->call('POST', 'login', body => $body, from => '192.0.2.9');
    refused("the body: $name", $r, $status, $code, $param);
    unlike($r->{body}, qr/role|"[xa]{5}/, "the body: $name: isn't repeated")
        if $code =~ /^(?:unsupported|invalid_value)/;
}
is($door->login($password, from => '192.0.2.9')->{status}, 200,
    'none of them counts as a try');

my $c = $t->connect;
my $body = json_encode({ password => $password });
$c->send(join "\r\n", 'POST /admin/api/login HTTP/1.1', 'Host: localhost',
    $door->headers('POST', from => somebody()),
    'Content-Type: application/json', 'Transfer-Encoding: chunked', '', '');
$c->send(sprintf "1\r\n%s\r\n", $_) for split //, $body;
$c->send("0\r\n\r\n");
is($c->response->{status}, 200, 'a body in chunks of a byte');
$c->close;

$r = $door->call('GET', 'login');
is($r->{status} . ' ' . $r->header('allow'), '405 POST',
    'GET doesn\'t sign in');
is($door->call('GET', 'session', uri => '/admin/api/session?password='
    . 'x')->{status}, 401, 'nor does a query');

# names and hashes

my %people = (alice => 'one', bob => 'two', carol => "gr\xc3\xbc\xc3\x9fe",
    "J\xc3\xbcrgen" => $long, 'a b' => 'six', dave => 'seven');
my %kind = (alice => [10, '2a'], bob => [10, '2b'], carol => [11, '2y']);
write_file($door->file, "# who may sign in\n\n" . join('', map {
    "$_:" . Claude::SignIn::hash($people{$_}, @{ $kind{$_} // [] }) . "\n"
} sort keys %people), 0600);
$t->reload;

refused('a name where there are several', $door->login('one',
    from => somebody()), 400, 'missing_required_parameter', 'name');
for my $name (sort keys %people) {
    $r = $door->call('POST', 'login', from => somebody(), body =>
        qq({"name":"$name","password":"$people{$name}"}));
    is($r->{status}, 200, "$name signs in with the password of "
        . length($people{$name}) . ' bytes');
    is($r->json && $r->{body} =~ /"name":"\Q$name\E"/, 1, 'and is called so');
}
refused('another\'s password', $door->login('two', name => 'alice',
    from => somebody()), 401, 'invalid_credentials');
refused('one byte less than 72', $door->call('POST', 'login',
    from => somebody(), body => "{\"name\":\"J\xc3\xbcrgen\",\"password\":\""
    . 'x' x 71 . '"}'), 401, 'invalid_credentials');
refused('names have their case', $door->login('one', name => 'Alice',
    from => somebody()), 401, 'invalid_credentials');

# wrong tries

$cookie = $door->sign_in('one', name => 'alice', from => '198.51.100.1');

sub tries {
    my ($n, @from) = @_;
    return join ' ', map {
        $door->login('wrong', name => 'alice', from => $from[$_ % @from])
            ->{status}
    } 1 .. $n;
}

is(tries(5, '198.51.100.1'), '401 401 401 401 429',
    'the fifth wrong try is one too many');
$r = $door->login('one', name => 'alice', from => '198.51.100.1');
refused('then the right password is too', $r, 429, 'too_many_attempts');
cmp_ok($r->header('retry-after'), '>', 600, 'for most of 15 minutes');
cmp_ok($r->header('retry-after'), '<=', 900, 'and not more');
ok($door->is_in($cookie, from => '198.51.100.1'),
    'a live session from there goes on');
is($door->login('one', name => 'alice', from => '198.51.100.2')->{status},
    200, 'and so does another address');

is(tries(5, '198.51.100.3') . ' ' . tries(1, '198.51.100.4'),
    '401 401 401 401 429 401', 'every address has its own');
is(tries(4, '198.51.100.5') . ' ' . join(' ', map { $door->login('one',
    name => 'alice', from => '198.51.100.5')->{status} } 1 .. 3) . ' '
    . tries(1, '198.51.100.5'), '401 401 401 401 200 200 200 429',
    'a right one isn\'t counted, and takes no wrong one away');

is(tries(5, map { sprintf '2001:db8::%x', $_ } 1 .. 5),
    '401 401 401 401 429', 'a /64 of IPv6 is one address');
is(tries(2, '2001:db8::99', '2001:db8:0:1::1'), '401 429',
    'and the next /64 another');
is(tries(5, '198.51.100.6', '::ffff:198.51.100.6'), '401 401 401 401 429',
    '::ffff: is IPv4');

# at once: a try counts before it is looked at

my @all = map { $t->connect } 1 .. 12;
$_->send($t->request('POST', '/admin/api/login', close => 1,
    body => { name => 'alice', password => 'wrong' },
    headers => [$door->headers('POST', from => '198.51.100.7')])) for @all;
my %got;
$got{ $_->response->{status} }++ for @all;
$_->close for @all;
cmp_ok($got{401} // 0, '<=', 4, 'twelve wrong ones at once: four are looked at')
    or diag json_encode(\%got);
is(($got{401} // 0) + ($got{429} // 0) + ($got{503} // 0), 12,
    'and the others refused');

# an address that the client makes up

$t->reload($door->server);
is(tries(4, map { somebody() } 1 .. 4), '401 401 401 401',
    'X-Forwarded-For that nobody trusts');
is(tries(2, map { somebody() } 1 .. 2), '429 429',
    'is no way to have more tries');

$t->finish;
