#!/usr/bin/perl

# The per-address limit: it comes before the key, counts in all workers
# together, and says when to come again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge;

# rates so low that nothing comes back while the test runs, but for /fast/
$t->start(<<'EOC', limit => 1);
claude_limit_zone $binary_remote_addr zone=slow:1m rate=1r/m;
claude_limit_zone $binary_remote_addr zone=fast:1m rate=600r/m;
claude_limit_zone $binary_remote_addr zone=net:1m rate=1r/m;
claude_limit_zone $binary_remote_addr zone=net48:1m rate=1r/m ipv6_prefix=48;
claude_limit_zone $binary_remote_addr zone=small:32k rate=1r/m;
claude_limit_zone $http_x_team zone=team:1m rate=1r/m;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real;

server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /slow/ { claude_limit zone=slow burst=5; claude_pass bridge; }
    location /fast/ { claude_limit zone=fast burst=2; claude_pass bridge; }
    location /net/ { claude_limit zone=net burst=3; claude_pass bridge; }
    location /net48/ { claude_limit zone=net48 burst=1; claude_pass bridge; }
    location /small/ { claude_limit zone=small burst=1; claude_pass bridge; }
    location /team/ { claude_limit zone=team burst=1; claude_pass bridge; }
    location /off/ { claude_limit off; claude_pass bridge; }
    location /other/ {
        claude_auth on;
        claude_limit zone=team burst=1;
        proxy_pass http://%%ADDR_origin%%;
    }
}
server {
    listen %%ADDR_origin%%;
    location / { return 200 "origin\n"; }
}
EOC

# statuses of n requests, each on a connection of its own
sub statuses {
    my ($n, $uri, %opt) = @_;
    return map { $t->http('GET', $uri, key => $key, %opt)->{status} } 1 .. $n;
}

sub real { (headers => ["X-Real: $_[0]"]) }

# the default: 100 a minute, all of them at once if the client was quiet

my @from = real('192.0.2.1');
my $r = $t->http('GET', '/v1/models', key => $key, @from);
is($r->{status}, 200, 'a first request passes');
is($r->header('x-ratelimit-limit-requests'), 100, 'the limit is 100');
is($r->header('x-ratelimit-remaining-requests'), 99, '99 are left');
like($r->header('x-ratelimit-reset-requests'), qr/^\d+(\.\d+)?(ms|s)$/,
    'the reset is a duration');
is($r->header('retry-after'), undef, 'an answer has no Retry-After');

my @many = statuses(104, '/v1/models', @from);
my $passed = grep { $_ == 200 } @many;
cmp_ok($passed, '>=', 99, 'the default lets 100 pass at once');
cmp_ok($passed, '<', 104, 'but not any number');
is($many[-1], 429, 'the last is refused');

$r = $t->http('GET', '/v1/models', key => $key, @from);
is_error($r, 429, 'rate_limit_exceeded', 'the refusal is a 429');
like($r->header('retry-after'), qr/^[1-9]\d*$/, 'with Retry-After');
like($r->header('retry-after-ms'), qr/^[1-9]\d*$/, 'with retry-after-ms');
cmp_ok($r->header('retry-after') * 1000, '>=', $r->header('retry-after-ms'),
    'which says no less');
cmp_ok($r->header('retry-after-ms'), '<=', 600, 'and no more than needed');
is($r->header('x-ratelimit-limit-requests'), 100, 'and the limit');
is($r->header('x-ratelimit-remaining-requests'), 0, 'and nothing left');
like($r->header('x-ratelimit-reset-requests'), qr/^\d+(\.\d+)?(ms|s)$/,
    'and the reset');

is_deeply([statuses(1, '/v1/models', real('192.0.2.2'))], [200],
    'another address is not affected');
is_deeply([statuses(1, '/off/models', @from)], [200],
    'nor a location without limit');

# before the key, and with a bucket for all workers

is(scalar(grep { $_ == 200 } statuses(20, '/slow/models',
    real('192.0.2.10'))), 5, 'workers count together: exactly 5 pass');
is_deeply([map { $t->http('GET', '/slow/models', real('192.0.2.11'))
    ->{status} } 1 .. 7], [(401) x 5, (429) x 2],
    'requests without a key count');
is_deeply([statuses(1, '/slow/models', real('192.0.2.11'))], [429],
    'and then a key does not help');
is($t->http('POST', '/slow/chat/completions', key => $key,
    body => $t->chat_body('hi'), real('192.0.2.11'))->{status}, 429,
    'nor another path');
is($bridge->hits, 0, 'nothing of it reached the bridge');

# a refused client may come again

my @fast = real('192.0.2.20');
my @got;
wait_until(sub {
    push @got, statuses(1, '/fast/models', @fast);
    return $got[-1] == 429;
}, 'a refusal');
my $again = wait_until(sub {
    return grep { $_ == 200 } statuses(1, '/fast/models', @fast);
}, 'a request that passes again');
ok($again, 'after a while a request passes again');

# whom the bucket belongs to

is_deeply([statuses(4, '/slow/models', from => '127.0.0.2',
    headers => ['X-Forwarded-For: 198.51.100.' . int rand 250]), statuses(2,
    '/slow/models', from => '127.0.0.2', real('198.51.100.1'))],
    [200, 200, 200, 200, 200, 429],
    'headers of a peer that is no trusted proxy change nothing');

sub passes {
    my ($uri, @addresses) = @_;
    return join ' ', map { statuses(1, $uri, real($_)) } @addresses;
}

is(passes('/net/models', map { sprintf '2001:db8:1:2:%x::%x', $_, $_ * 7 }
    1 .. 6), '200 200 200 429 429 429', 'a /64 of IPv6 is one client');
is(passes('/net/models', '2001:db8:1:3::1'), '200', 'another /64 another');
is(passes('/net/models', '203.0.113.9', '::ffff:203.0.113.9',
    '::ffff:203.0.113.9', '203.0.113.9', '203.0.113.10'),
    '200 200 200 429 200', '::ffff:a.b.c.d is a.b.c.d');
is(passes('/net48/models', '2001:db8:5:1::1', '2001:db8:5:2::1',
    '2001:db8:6:1::1'), '200 429 200', 'ipv6_prefix=48');

is_deeply([statuses(2, '/team/models', headers => ['X-Team: a']),
    statuses(1, '/team/models', headers => ['X-Team: b'])],
    [200, 429, 200], 'any variable can be the key');
is_deeply([statuses(3, '/team/models')], [200, 200, 200],
    'an empty key is not limited');

# many addresses: the zone forgets those that were quiet the longest

my $c = $t->connect;
my %seen;
for my $n (1 .. 3000) {
    $c->send($t->request('GET', '/small/models', key => $key,
        real('10.1.' . ($n >> 8) . '.' . ($n & 255))));
    $seen{ ($c->response // { status => 0 })->{status} }++;
    if ($n % 900 == 0) {
        $c->close;
        $c = $t->connect;
    }
}
$c->close;
is_deeply(\%seen, { 200 => 3000 },
    'more addresses than the zone holds: each is let in once');
is(passes('/small/models', '10.1.11.184'), '429',
    'the last is still remembered');
is(passes('/small/models', '10.1.0.1'), '200', 'the first is forgotten');

# before an ordinary upstream too

my @team = (headers => ['X-Team: c']);
is_deeply([statuses(1, '/other/', @team)], [200], 'with proxy_pass: passes');
is_error($t->http('GET', '/other/', key => $key, @team), 429,
    'rate_limit_exceeded', 'with proxy_pass: refused as JSON');

$t->finish;
