#!/usr/bin/perl

# What a key's own limits refuse, when, and with which words and headers; and
# that nothing of it reaches the bridge.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;

# answers with these usage counts, and a cost in dollars
sub used {
    my ($r, $input, $output, $cost) = @_;
    $r->start(input_tokens => $input + 0);
    $r->text('done');
    $r->block_stop;
    $r->event('message_delta', { delta => { stop_reason => 'end_turn',
        stop_sequence => undef }, usage => { output_tokens => $output + 0 } });
    $r->event('claude_cost', { cost_usd => $cost + 0 }) if defined $cost;
    $r->event('message_stop', {});
    $r->end;
}

my $bridge = $t->bridge(
    used => \&used,
    held => sub {
        my ($r, $gate, @counts) = @_;
        $r->hold($gate) and used($r, @counts);
    },
    broken => sub { $_[0]->error(529, 'overloaded_error') },
);

my %limits = (
    free => [],
    requests => ['--requests-per-minute', 3],
    tokens => ['--tokens-per-minute', 1000],
    estimated => ['--tokens-per-minute', 2000],
    day_tokens => ['--day-tokens', 100],
    month_tokens => ['--month-tokens', 100],
    day_cost => ['--day-cost', '0.5'],
    month_cost => ['--month-cost', '0.000002'],
    alias => ['--allowed-model', 'sonnet'],
    upstream => ['--allowed-model', 'claude-opus-5-5'],
    mine => ['--allowed-model', 'mine'],
    v4 => ['--allowed-address', '192.0.2.0/24',
        '--allowed-address', '198.51.100.7'],
    v6 => ['--allowed-address', '2001:db8:1::/48'],
    plain => ['--requests-per-minute', 2],
);
my %key;
for my $name (sort keys %limits) {
    $key{$name} = $t->add_key($name);
    $keys->set($key{$name}, @{ $limits{$name} }) if @{ $limits{$name} };
}

my $config = <<'EOC';
set_real_ip_from 127.0.0.1;
real_ip_header X-Forwarded-For;
claude_model mine claude-haiku-5-5;
claude_limit_zone $http_x_address zone=addresses:1m rate=5r/m;
log_format quota '$claude_limit_status cost=$claude_cost '
    'cached=$claude_cached_tokens';
server {
    listen %%ADDR%%;
    access_log %%DIR%%/quota.log quota;
    location /v1/ { claude_pass bridge; }
    location /limited/ { claude_pass bridge; claude_limit zone=addresses; }
    location /proxied/ {
        claude_auth on;
        proxy_pass http://%%ADDR_origin%%/;
    }
}
server { listen %%ADDR_origin%%; location / { return 200 "origin\n"; } }
EOC
$t->start($config, workers => 4);

sub ask {
    my ($name, $text, %opt) = @_;
    return $t->chat($text // 'hi', key => $key{$name}, %opt);
}

sub refused {
    my ($r, $code, $name, %more) = @_;
    my $status = $more{status} // 429;
    is_error($r, $status, $code, $name) or return;
    return if $status != 429;
    my ($seconds, $ms) = map { $r->header($_) // 0 }
        qw(retry-after retry-after-ms);
    ok($seconds > 0 && $ms > 0 && $seconds == int(($ms + 999) / 1000),
        "$name: when to come again, $seconds s");
    is($r->header('x-should-retry'), $more{again} // 'true',
        "$name: whether that is of use");
}

# requests a minute

my @left;
for (1 .. 3) {
    my $r = ask('requests');
    is($r->{status}, 200, "request $_ of three");
    is($r->header('x-ratelimit-limit-requests'), 3, 'the limit is told');
    push @left, $r->header('x-ratelimit-remaining-requests');
}
is_deeply(\@left, [2, 1, 0], 'what remains is told');
my $hits = $bridge->hits;
my $r = ask('requests');
refused($r, 'rate_limit_exceeded', 'the fourth');
is($r->header('x-ratelimit-remaining-requests'), 0, 'with its headers');
like($r->header('x-ratelimit-reset-requests'), qr/^\d+(\.\d)?s$|^1m0s$/,
    'and the time when all is there again');
is($r->header('x-ratelimit-limit-tokens'), undef, 'no header without a limit');
refused($t->http('GET', '/v1/models', key => $key{requests}),
    'rate_limit_exceeded', 'a list of models counts as well');
is($bridge->hits, $hits, 'none of it reached the bridge');
is(ask('free')->{status}, 200, 'another key is not concerned');

$keys->set($key{requests}, '--requests-per-minute', 'none');
wait_until(sub { ask('requests')->{status} == 200 }, 'a limit taken away');
pass('a limit that is taken away is no more');
sub proxied { $t->http('GET', '/proxied/', key => $key{plain})->{status} }
is_deeply([map { proxied() } 1 .. 3], [200, 200, 429],
    'what is not answered by a model counts too');

# the address's limit and the key's: the nearer one is told

$keys->set($key{plain}, '--requests-per-minute', 100);
wait_until(sub { proxied() == 200 }, 'a larger limit');
$r = ask('plain', 'hi', uri => '/limited/chat/completions',
    headers => ['X-Address: a']);
is($r->header('x-ratelimit-limit-requests'), 5, 'the address is nearer');
$keys->set($key{plain}, '--requests-per-minute', 2);
wait_until(sub { proxied() == 429 }, 'a smaller limit');
$r = ask('plain', 'hi', uri => '/limited/chat/completions',
    headers => ['X-Address: b']);
is($r->{status}, 429, 'the key is over its limit');
is($r->header('x-ratelimit-limit-requests'), 2, 'and nearer');

# tokens a minute

$r = ask('tokens', '[[used 100 50]]', fields => { max_tokens => 200 });
is($r->{status}, 200, 'within the tokens of a minute');
is($r->header('x-ratelimit-limit-tokens'), 1000, 'the limit is told');
cmp_ok($r->header('x-ratelimit-remaining-tokens'), '>', 700,
    'what remains, with the call estimated');
cmp_ok($r->header('x-ratelimit-remaining-tokens'), '<', 800, 'at most');
like($r->header('x-ratelimit-reset-tokens'), qr/^1\d(\.\d)?s$/,
    'and the time until all is there again');
is(ask('tokens', '[[used 700 300]]')->{status}, 200,
    'what is left is enough for a prompt');
$hits = $bridge->hits;
$r = ask('tokens', 'hi');
refused($r, 'rate_limit_exceeded', 'over the tokens of a minute');
is($r->header('x-ratelimit-remaining-tokens'), 0, 'none remain');
like($r->error('message'), qr/tokens/, 'and which limit it is');
$r = ask('estimated', 'long ' x 2000);
refused($r, 'rate_limit_exceeded', 'a prompt that is too long for a minute',
    again => 'false');
is($bridge->hits, $hits, 'none of it reached the bridge');

my $first = $t->stream('[[held first 10 10]]', key => $key{estimated},
    fields => { max_tokens => 50000 });
$bridge->wait_hits($hits + 1);
my $second = $t->stream('[[held first 10 10]]', key => $key{estimated},
    fields => { max_tokens => 50000 });
$bridge->wait_hits($hits + 2);
refused(ask('estimated'), 'rate_limit_exceeded',
    'what running calls may use is in the way');
$bridge->open_gate('first');
for ($first, $second) { $_->head; $_->events }
wait_until(sub { ask('estimated', '[[used 1 1]]')->{status} == 200 },
    'tokens that are given back');
pass('but is given back where they used less');

# budgets

for my $name (qw(day_tokens month_tokens)) {
    is(ask($name, '[[used 40 10]]')->{status}, 200, "$name: a first call");
    is(ask($name, '[[used 40 10]]')->{status}, 200, "$name: a second");
    $hits = $bridge->hits;
    $r = ask($name);
    refused($r, 'insufficient_quota', "$name: used up", again => 'false');
    cmp_ok($r->header('retry-after'), '<=',
        $name eq 'day_tokens' ? 86400 : 31 * 86400, "$name: until it ends");
    is($bridge->hits, $hits, "$name: no call of the bridge");
    is($t->http('GET', '/v1/models', key => $key{$name})->{status}, 200,
        "$name: what costs nothing is answered");
}

is(ask('day_cost', '[[used 1000 1000 0.3]]')->{status}, 200,
    'day_cost: a first call');
is(ask('day_cost', '[[used 1000 1000 0.199999]]')->{status}, 200,
    'day_cost: a second');
is(ask('day_cost', '[[used 1000 1000 0.000001]]')->{status}, 200,
    'day_cost: a third, for the last micro-dollar');
refused(ask('day_cost'), 'insufficient_quota', 'day_cost: used up',
    again => 'false');
is(ask('month_cost', '[[broken]]')->{status}, 503,
    'month_cost: what fails costs nothing');
is(ask('month_cost', '[[used 1 1 0.000002]]')->{status}, 200,
    'month_cost: a first call');
refused(ask('month_cost'), 'insufficient_quota', 'month_cost: used up',
    again => 'false');

my $calls = $t->stream('[[held budget 10 10]]', key => $key{day_tokens});
is_error($calls->response, 429, 'insufficient_quota', 'streams as well');
$keys->set($key{day_tokens}, '--day-tokens', 1500);
wait_until(sub { ask('day_tokens', '[[used 1 1]]')->{status} == 200 },
    'a larger budget');
$hits = $bridge->hits;
my @open = map { $t->stream('[[held budget 10 10]]',
    key => $key{day_tokens}) } 1 .. 2;
$bridge->wait_hits($hits + 2);
refused(ask('day_tokens'), 'insufficient_quota',
    'what running calls may use counts', again => 'false');
$bridge->open_gate('budget');
for (@open) { $_->head; $_->events }
wait_until(sub { ask('day_tokens', '[[used 1 1]]')->{status} == 200 },
    'a budget that is given back');
pass('until they end');

# models

sub models {
    my $doc = $t->http('GET', '/v1/models', key => $key{$_[0]})->json;
    return join ' ', map { $_->{id} } @{ $doc->{data} };
}
sub model {
    my ($name, $model) = @_;
    return ask($name, 'hi', fields => { model => $model });
}

is(models('free'), 'mine sonnet opus haiku fable', 'a key without a limit');
is(models('alias'), 'sonnet', 'a list has what the key may use');
is(models('upstream'), 'opus', 'by the name that is known upstream');
is(models('mine'), 'mine', 'by one that is configured');
is(model('alias', 'sonnet')->{status}, 200, 'the model that is allowed');
is(model('upstream', 'opus')->{status}, 200, 'by what it stands for');
is(model('upstream', 'claude-opus-5-5')->{status}, 200, 'and by itself');
$hits = $bridge->hits;
refused(model('alias', $_), 'model_not_allowed', "not $_", status => 403)
    for qw(opus claude-sonnet-5-5 mine);
refused(model('upstream', 'sonnet'), 'model_not_allowed', 'nor another',
    status => 403);
refused(model('mine', 'haiku'), 'model_not_allowed',
    'nor what it stands for, by another name', status => 403);
is_error(model('alias', 'gpt-4o'), 404, 'model_not_found',
    'one that does not exist is not found');
is_error($t->http('GET', '/v1/models/opus', key => $key{alias}), 404,
    'model_not_found', 'one that is not allowed can not be looked at');
is($t->http('GET', '/v1/models/sonnet', key => $key{alias})->{status}, 200,
    'the other can');
is($bridge->hits, $hits, 'none of it reached the bridge');

# addresses

sub from {
    my ($name, $address) = @_;
    return $t->http('GET', '/v1/models', key => $key{$name},
        headers => ["X-Forwarded-For: $address"]);
}

is(from('v4', $_)->{status}, 200, "from $_")
    for qw(192.0.2.0 192.0.2.255 198.51.100.7 ::ffff:192.0.2.9);
refused(from('v4', $_), 'address_not_allowed', "not from $_", status => 403)
    for qw(192.0.3.0 198.51.100.8 127.0.0.1 ::1 2001:db8:1::1 ::192.0.2.1);
is(from('v6', $_)->{status}, 200, "from $_")
    for qw(2001:db8:1:: 2001:db8:1:ffff:ffff:ffff:ffff:ffff);
refused(from('v6', $_), 'address_not_allowed', "not from $_", status => 403)
    for qw(2001:db8:2::1 192.0.2.1 ::1);
refused(ask('v4', 'hi'), 'address_not_allowed', 'nor a call', status => 403);

my $log = wait_until(sub {
    my $text = read_file($t->dir . '/quota.log') // '';
    $text =~ /^REJECTED cost=- /m && $text;
}, 'the log');
like($log, qr/^PASSED cost=\d/m, 'the log says what passed');
like($log, qr/ cost=0\.300000 cached=0$/m, 'and what it cost');

# over a reload and a restart

$t->reload($config, workers => 4);
refused(ask('month_tokens'), 'insufficient_quota', 'after a reload',
    again => 'false');
refused(ask('requests', 'hi') && ask('plain'), 'rate_limit_exceeded',
    'requests a minute go on too');
$t->stop_nginx;
$t->start($config, workers => 4);
refused(ask($_), 'insufficient_quota', "$_: after a restart",
    again => 'false') for qw(month_tokens day_cost month_cost);
is(ask('plain')->{status}, 200, 'a minute is not worth keeping');

$t->allow(qr/the bridge refused a request/);
$t->finish;
