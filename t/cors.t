#!/usr/bin/perl

# claude_cors: browsers may call from the configured origins, and never with
# credentials of their own.

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
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    claude_cors https://app.test https://other.test:8443;
    location /v1/ { claude_pass bridge; }
    location /any/ { claude_cors *; claude_pass bridge; }
    location /off/ { claude_cors off; claude_pass bridge; }
}
EOC

my @from = ('Origin: https://app.test');
my @preflight = ('Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: authorization, content-type, x-foo');

sub preflight {
    my ($uri, @headers) = @_;
    return $t->http('OPTIONS', "$uri/chat/completions",
        headers => [@headers, @preflight]);
}

sub allowed { $_[0]->header('access-control-allow-origin') }

my $r = preflight('/v1', @from);
is($r->{status}, 204, 'a preflight needs no key');
is(allowed($r), 'https://app.test', 'and allows the origin');
like($r->header('access-control-allow-methods'), qr/\bPOST\b/, 'the method');
like($r->header('access-control-allow-headers'),
    qr/authorization.*content-type/i, 'the headers');
like($r->header('access-control-max-age'), qr/^\d+$/, 'for some time');
like($r->header('vary'), qr/\bOrigin\b/i, 'for this origin');
is(allowed(preflight('/v1', 'Origin: https://other.test:8443')),
    'https://other.test:8443', 'another configured origin');

for my $origin ('https://evil.test', 'https://app.test.evil.test',
    'https://app.tes', 'http://app.test', 'https://app.test:444', 'null',
    'https://other.test', '*')
{
    $r = preflight('/v1', "Origin: $origin");
    is(allowed($r), undef, "$origin is not allowed");
    cmp_ok($r->{status}, '>=', 400, 'and its preflight is refused');
}
is_error($t->http('OPTIONS', '/v1/models', key => $key), 405, undef,
    'OPTIONS that is no preflight');
is(preflight('/off', @from)->{status}, 401, 'off: no preflight');
is(allowed(preflight('/off', @from)), undef, 'and no origin');
is(allowed(preflight('/any', 'Origin: https://x.test')), '*',
    '* allows any origin');

# the answers themselves

my %answers = (
    200 => $t->chat('hi', key => $key, headers => [@from]),
    401 => $t->http('GET', '/v1/models', headers => [@from]),
    400 => $t->http('POST', '/v1/chat/completions', key => $key,
        body => '{', headers => [@from]),
    404 => $t->http('GET', '/v1/x', key => $key, headers => [@from]),
);
my $c = $t->stream('hi', key => $key, headers => [@from]);
$answers{stream} = $c->head;
$c->events;

for my $name (sort keys %answers) {
    my $answer = $answers{$name};
    is(allowed($answer), 'https://app.test', "$name: the origin");
    like($answer->header('access-control-expose-headers'),
        qr/x-request-id/i, "$name: what a page may read");
    like($answer->header('vary'), qr/\bOrigin\b/i, "$name: Vary");
}

$r = $t->chat('hi', key => $key, headers => ['Origin: https://evil.test']);
is(allowed($r), undef, 'another origin is not told');
like($r->header('vary'), qr/\bOrigin\b/i, 'and no cache mixes them up');
is(allowed($t->chat('hi', key => $key)), undef, 'nor who names none');

is_deeply([grep { defined $_->header('access-control-allow-credentials') }
    values %answers, preflight('/v1', @from),
    preflight('/any', 'Origin: https://x.test')], [],
    'credentials are never allowed');

$t->finish;
