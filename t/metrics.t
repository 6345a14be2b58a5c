#!/usr/bin/perl

# claude_metrics: each family moves when its cause happens, in both forms, over
# a reload and the death of a worker, whatever the bridge does, and with bounds
# on what clients choose.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Metrics;
use Claude::Test;

my $open = 'application/openmetrics-text;version=1.0.0,'
    . 'application/openmetrics-text;version=0.0.1;q=0.75,'
    . 'text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

my $t = Claude::Test->new;
my $keys = $t->keys;

# answers with these counts of tokens, and a cost in dollars
sub used {
    my ($r, $cost, %usage) = @_;
    my $output = delete $usage{output_tokens};
    $r->start(%usage);
    $r->text('done');
    $r->block_stop;
    $r->event('message_delta', { delta => { stop_reason => 'end_turn',
        stop_sequence => undef }, usage => { output_tokens => $output } });
    $r->event('claude_cost', { cost_usd => $cost });
    $r->event('message_stop', {});
    $r->end;
}

my $bridge = $t->bridge(
    health => sub {
        my ($r) = @_;
        my $text = read_file($t->dir . '/health') // '{"status":"ok",'
            . '"ready":true,"parked":2,"busy":1,"starting":3,"kept":4,'
            . '"queue":5,"refused":6,"starts":7,"failedStarts":8,'
            . '"continued":9,"secret":"canary","x\"} 1\ny":10}';
        $r->head(200, 'Content-Length' => length $text);
        $r->raw($text);
    },
    used => sub {
        used($_[0], 0.25, input_tokens => 10, output_tokens => 5,
            cache_read_input_tokens => 3, cache_creation_input_tokens => 2);
    },
    held => sub { $_[0]->hold('held') and $_[0]->hello },
    refused => sub { $_[0]->error(401, 'authentication_error') },
    limited => sub { $_[0]->error(429, 'rate_limit_error') },
    cut => sub {
        my ($r) = @_;
        $r->start;
        $r->text('begun');
        $r->cut;
    },
);

my %key = map { $_ => $t->add_key($_) } qw(free requests tokens concurrent
    budget model address disabled expired);
$keys->set($key{requests}, '--requests-per-minute', 1);
$keys->set($key{tokens}, '--tokens-per-minute', 10);
$keys->set($key{concurrent}, '--concurrent-requests', 1);
$keys->set($key{budget}, '--day-cost', 1, '--month-cost', 10);
$keys->set($key{model}, '--allowed-model', 'opus');
$keys->set($key{address}, '--allowed-address', '192.0.2.1');
$keys->disable($key{disabled});
$keys->expire($key{expired});

# two certificates of two kinds, by the times when they end
my %cert = (rsa => ['rsa:2048', 30], ecdsa => ['ec -pkeyopt '
    . 'ec_paramgen_curve:P-256', 3]);
for (keys %cert) {
    my ($kind, $days) = @{ $cert{$_} };
    my $got = Claude::Process::run(['sh', '-c', "openssl req -x509 -newkey "
        . "$kind -nodes -subj /CN=$_ -days $days -keyout \$1.key -out "
        . "\$1.crt", 'sh', $t->dir . "/$_"]);
    die $got->{err} if $got->{status};
}

my $config = <<"EOC";
claude_limit_zone \$http_x_client zone=clients:1m rate=1r/m;
server {
    listen %%ADDR%%;
    location /v1/ { claude_limit zone=clients; claude_pass bridge; }
    location /other/ { claude_auth on; empty_gif; }
    location /plain/ { return 200 "plain\\n"; }
    location = /metrics { claude_metrics upstream=bridge; allow 127.0.0.1;
        deny all; }
    location = /few { claude_metrics per_key=2; }
    location = /down { claude_metrics upstream=unix:%%DIR%%/gone; }
    location = /denied { claude_metrics; deny all; }
    error_page 502 503 504 405 /plain/;
EOC
# what nginx -t refuses

for my $case (['claude_metrics nonsense;', 'invalid parameter "nonsense"'],
    ['claude_metrics per_key=0;', 'must be 1 to 1000'],
    ['claude_metrics per_key=1001;', 'must be 1 to 1000'],
    ['claude_metrics per_key per_key=5;', 'invalid parameter "per_key=5"'],
    ['claude_metrics upstream=;', 'invalid parameter "upstream="'],
    ['claude_metrics; claude_metrics;', 'is duplicate'],
    ['claude_metrics; claude_pass bridge;', 'another content handler'],
    ['claude_pass bridge; claude_metrics;', 'another content handler'],
    ['claude_metrics; stub_status;', 'another content handler'],
    ['claude_metrics upstream=192.0.2.1:80;', 'not on this host'])
{
    my $got = $t->check('server { listen %%ADDR%%; location /m {'
        . " $case->[0] } }");
    ok($got->{status} && index($got->{err}, $case->[1]) >= 0,
        "$case->[0] is refused") or diag($got->{err});
}
my $got = $t->check('server { listen %%ADDR%%; location /m {'
    . ' claude_metrics; } }', keystore => 0);
like($got->{err}, qr/"claude_metrics" needs "claude_keystore" in/,
    'so is one without a keystore');
is($t->check('server { listen %%ADDR%%; location /m { claude_metrics per_key;'
    . ' if ($arg_x) { add_header x y; } } location /n { claude_metrics; } }')
    ->{status}, 0, 'two are not, nor is if inside of one');

$config .= Claude::Admin->location($t) . <<'EOC';
}
server {
    listen %%ADDR_TLS%% ssl;
    server_name one.example two.example;
    ssl_certificate %%DIR%%/rsa.crt;
    ssl_certificate_key %%DIR%%/rsa.key;
    ssl_certificate %%DIR%%/ecdsa.crt;
    ssl_certificate_key %%DIR%%/ecdsa.key;
}
server {
    listen %%ADDR_TLS%% ssl;
    server_name 'e"v\\il';
    ssl_certificate %%DIR%%/rsa.crt;
    ssl_certificate_key %%DIR%%/rsa.key;
}
server {
    listen %%ADDR_TLS%% ssl;
    ssl_certificate %%DIR%%/$http_x_which.crt;
    ssl_certificate_key %%DIR%%/$http_x_which.key;
}
server {
    listen %%ADDR_PLAIN%%;
    server_name plain.example;
    ssl_certificate %%DIR%%/rsa.crt;
    ssl_certificate_key %%DIR%%/rsa.key;
}
EOC
$t->start($config, workers => 3);

# the metrics as they are, all of them well-formed
sub metrics {
    my ($uri, $accept) = @_;
    my $r = $t->http('GET', $uri // '/metrics',
        headers => ['Accept: ' . ($accept // $open)]);
    die "no metrics: $r->{status}\n" unless $r->{status} == 200;
    my $m = Claude::Metrics->read($r->{body}, !defined $accept);
    fail(($uri // '/metrics') . ': ' . $m->faults) if $m->faults;
    $m->{text} = $r->{body};
    return $m;
}

# does something, and checks how samples change: [name, labels, by]
sub moves {
    my ($what, $do, @samples) = @_;
    my $before = metrics();
    $do->();
    my $after;
    my $differ = sub {
        my ($name, $labels, $by) = @{ $_[0] };
        return ($after->value($name, %$labels) // 0)
            - ($before->value($name, %$labels) // 0);
    };
    # the end of a request is counted when nginx is done with it
    eval {
        wait_until(sub {
            $after = metrics();
            return !grep { $differ->($_) != $_->[2] } @samples;
        }, $what, 5);
    };
    for my $sample (@samples) {
        my ($name, $labels, $by) = @$sample;
        is($differ->($sample), $by, "$what: $name "
            . join ' ', map { "$_=$labels->{$_}" } sort keys %$labels);
    }
    return $after;
}

# the metrics, once a sample has a value: nginx counts a request when it is done
# with it, which may be after the answer
sub settled {
    my ($uri, $by, $name, %labels) = @_;
    my $now;
    eval {
        wait_until(sub {
            $now = metrics($uri);
            return ($now->value($name, %labels) // 0) == $by;
        }, $name, 5);
    };
    return $now;
}

sub request {
    my ($route, $code, $reason, $by) = @_;
    return ['claude_requests_total', { route => $route, code => $code,
        reason => $reason }, $by // 1];
}

# forms

my $r = $t->http('GET', '/metrics', headers => ["Accept: $open"]);
is($r->{status}, 200, 'metrics');
is($r->header('content-type'), 'application/openmetrics-text; version=1.0.0; '
    . 'charset=utf-8', 'are OpenMetrics for Prometheus');
is($r->header('cache-control'), 'no-store', 'nobody keeps them');
my $m = Claude::Metrics->read($r->{body}, 1);
is($m->faults, '', 'nothing is wrong with them');
cmp_ok(scalar($m->families), '>=', 28, 'there are many');

$r = $t->http('GET', '/metrics');
is($r->header('content-type'), 'text/plain; version=0.0.4; charset=utf-8',
    'the older form without Accept');
my $text = Claude::Metrics->read($r->{body}, 0);
is($text->faults, '', 'nothing is wrong with that either');
for my $form ('*/*', 'text/plain', 'text/html') {
    is($t->http('GET', '/metrics', headers => ["Accept: $form"])
        ->header('content-type') =~ s/;.*//r, 'text/plain', "so with $form");
}

SKIP: {
    my $lint = eval { Claude::Process::run(['promtool', 'check', 'metrics'],
        $t->http('GET', '/few')->{body} . '') };
    skip 'no promtool', 2 unless $lint && $lint->{status} != 127;
    $lint = Claude::Process::run(['promtool', 'check', 'metrics'],
        $t->http('GET', '/metrics')->{body});
    is("$lint->{out}$lint->{err}", '', 'promtool has nothing to say');
    is($lint->{status}, 0, 'and is content');
}

$t->allow(qr/access forbidden by rule/, qr/gone failed/);
$r = $t->http('HEAD', '/metrics');
is($r->{status}, 200, 'HEAD');
is($r->{body}, '', 'has no body');
$r = $t->http('POST', '/metrics', body => '{}');
is($r->{status}, 405, 'POST is refused, whatever error_page says');
is($r->header('allow'), 'GET, HEAD', 'and what is taken is said');
is($t->http('GET', '/denied')->{status}, 403, 'deny is obeyed');

# what there is from the start

for (['claude_limited_total', { limit => 'address' }],
    ['claude_credential_refusals_total', { status => '429' }],
    ['claude_login_attempts_total', { outcome => 'limited' }],
    ['claude_store_errors_total', {}], ['claude_usage_lost_calls_total', {}],
    ['claude_calls_running', {}], ['claude_budget_used_ratio',
        { window => 'month' }])
{
    is($m->value($_->[0], %{ $_->[1] }), 0, "$_->[0] begins with 0");
}
is($m->value('claude_keys', state => 'active'), 7, 'active keys');
is($m->value('claude_keys', state => 'disabled'), 1, 'a disabled one');
is($m->value('claude_keys', state => 'expired'), 1, 'an expired one');
is($m->value('claude_store_writable', file => $_), 1, "$_ can be written")
    for qw(keys usage);
cmp_ok($m->value('claude_store_lag_seconds'), '<', 30, 'the store is followed');
is($m->value('claude_zone_size_bytes', zone => 'keys', kind => 'keys'),
    1024 * 1024, 'the zone of the keys');
my $fill = $m->value('claude_zone_used_bytes', zone => 'keys',
    kind => 'keys');
ok($fill > 0 && $fill < 1024 * 1024 / 10, 'is used a little');
for my $kind (qw(limit sessions attempts events metrics)) {
    is(scalar(grep { $_->{labels}{kind} eq $kind }
        $m->list('claude_zone_used_bytes')), 1, "a zone of $kind");
}
my ($build) = $m->list('claude_build_info');
like($build->{labels}{version}, qr/^\d+\.\d+\.\d+$/, 'the version');
like($build->{labels}{nginx}, qr/^\d+\.\d+\.\d+$/, 'and nginx\'s');
cmp_ok($m->value('claude_start_time_seconds'), '<=', time, 'the start');
cmp_ok($m->value('claude_calls_capacity'), '>', 100, 'room for calls');

# certificates

my $ends = 'claude_certificate_expiry_timestamp_seconds';
for (keys %cert) {
    my $days = ($m->value($ends, server_name => 'one.example', type => $_)
        // 0) - time;
    my $expected = $cert{$_}[1] * 86400;
    ok($days > $expected - 3600 && $days <= $expected, "the end of $_");
}
is(scalar($m->list($ends)), 3, 'of each server that listens with TLS');
ok($m->value($ends, server_name => "e\"v\\il", type => 'rsa'),
    'whatever its name');
is($m->value('claude_certificate_unknown_servers'), 1,
    'one is known at the handshake only');

# the bridge

my %said = (parked => 2, starting => 3, kept => 4, busy => 1);
is($m->value('claude_bridge_up'), 1, 'the bridge is up');
is($m->value('claude_bridge_ready'), 1, 'and ready');
is($m->value('claude_bridge_processes', state => $_), $said{$_}, "$_ ones")
    for sort keys %said;
is($m->value('claude_bridge_queued'), 5, 'its queue');
is($m->value('claude_bridge_refused_total'), 6, 'its refusals');
is($m->value('claude_bridge_starts_total'), 7, 'its starts');
is($m->value('claude_bridge_failed_starts_total'), 8, 'failed ones');
is($m->value('claude_bridge_continued_total'), 9, 'continued requests');
unlike($m->{text} // $r->{body}, qr/canary/, 'nothing else of it');
for my $case (['{"status":"unavailable","ready":false,"parked":0}', 0],
    ['nonsense', 0], ['{"status":"ok","parked":-1,"busy":4294967296}', 1],
    ['', 0])
{
    write_file($t->dir . '/health', $case->[0]);
    my $got = metrics();
    is($got->value('claude_bridge_up'), $case->[1], "it says '$case->[0]'");
    is($got->value('claude_keys', state => 'active'), 7,
        'and the rest is told');
    is($got->value('claude_bridge_processes', state => 'busy'), undef,
        'without what it does not say');
}
unlink $t->dir . '/health';
my $down = metrics('/down');
is($down->value('claude_bridge_up'), 0, 'a bridge that is down');
is($down->value('claude_bridge_processes', state => 'parked'), undef,
    'says nothing');
is($down->value('claude_keys', state => 'active'), 7, 'the rest is told');
is($t->http('GET', '/down', headers => ["Accept: $open"])
    ->header('content-type') =~ s/;.*//r, 'application/openmetrics-text',
    'in the form that was asked for');
is(metrics('/few')->value('claude_bridge_up'), undef,
    'without upstream nothing is told of it');

# requests

my %sonnet = (model => 'claude-sonnet-5-5');
$m = moves('a call', sub { $t->chat('[[used]]', key => $key{free}) },
    request('chat/completions', 200, 'ok'),
    ['claude_tokens_total', { %sonnet, type => 'input' }, 10],
    ['claude_tokens_total', { %sonnet, type => 'cache_read' }, 3],
    ['claude_tokens_total', { %sonnet, type => 'cache_write' }, 2],
    ['claude_tokens_total', { %sonnet, type => 'output' }, 5],
    ['claude_cost_dollars_total', { %sonnet }, 0.25],
    ['claude_time_to_first_token_seconds_count', { %sonnet }, 1],
    ['claude_time_between_tokens_seconds_count', { %sonnet }, 1],
    ['claude_request_duration_seconds_count',
        { route => 'chat/completions' }, 1]);
moves('a stream', sub {
    my $c = $t->stream('hi', key => $key{free});
    $c->head;
    $c->events;
    $c->close;
}, request('chat/completions', 200, 'ok'),
    ['claude_time_to_first_token_seconds_count', { %sonnet }, 1],
    ['claude_tokens_total', { %sonnet, type => 'output' }, 7]);

moves('no key', sub { $t->chat('hi') },
    request('chat/completions', 401, 'missing_api_key'));
moves('a key that is none', sub {
    $t->http('POST', '/v1/responses', key => 'sk-none', body => '{}');
}, request('responses', 401, 'invalid_api_key'));
moves('a disabled one', sub { $t->chat('hi', key => $key{disabled}) },
    request('chat/completions', 401, 'invalid_api_key'));
moves('a bad body', sub {
    $t->http('POST', '/v1/messages', key => $key{free}, body => '{');
}, request('messages', 400, 'invalid_json'));
moves('models', sub {
    $t->http('GET', '/v1/models', key => $key{free});
    $t->http('GET', '/v1/models/sonnet', key => $key{free});
}, request('models', 200, 'ok', 2));
moves('health', sub { $t->http('GET', '/v1/health') },
    request('health', 200, 'ok'));
moves('no endpoint', sub { $t->http('GET', '/v1/no', key => $key{free}) },
    request('none', 404, 'endpoint_not_found'));
moves('another method', sub {
    $t->http('GET', '/v1/chat/completions', key => $key{free});
}, request('chat/completions', 405, 'method_not_allowed'));
moves('another content handler', sub {
    $t->http('GET', '/other/', key => $key{free});
    $t->http('GET', '/other/');
}, request('guarded', 200, 'ok'), request('guarded', 401, 'missing_api_key'));
my $sum = sub { $_[0]->sum('claude_requests_total') };
my $before = $sum->(metrics());
$t->http('GET', '/plain/');
$t->http('GET', '/metrics') for 1 .. 3;
is($sum->(metrics()), $before, 'other locations are not counted');

# failures of the API

$t->allow(qr/upstream broke a stream off/, qr/upstream prematurely closed/);
moves('a refused credential', sub { $t->chat('[[refused]]',
    key => $key{free}) }, request('chat/completions', 401,
    'credential_refused'),
    ['claude_credential_refusals_total', { status => 401 }, 1]);
moves('a limited one', sub { $t->chat('[[limited]]', key => $key{free}) },
    request('chat/completions', 429, 'rate_limit_exceeded'),
    ['claude_credential_refusals_total', { status => 429 }, 1]);
moves('a stream that breaks off', sub {
    my $c = $t->stream('[[cut]]', key => $key{free});
    $c->head;
    $c->events;
    $c->close;
}, request('chat/completions', 200, 'bad_gateway'));
moves('a client that leaves', sub {
    my $c = $t->stream('[[held]]', key => $key{free});
    wait_until(sub { metrics()->value('claude_calls_running') == 1 },
        'a call under way');
    $c->close;
}, request('chat/completions', 499, 'client_closed'));

# limits

sub limit {
    my ($name, $code, $reason, $do) = @_;
    moves("the limit $name", $do,
        ['claude_limited_total', { limit => $name }, 1],
        request('chat/completions', $code, $reason));
}
my @limited = (429, 'rate_limit_exceeded');
$t->chat('hi', key => $key{requests});
limit('key_requests', @limited, sub { $t->chat('hi', key => $key{requests}) });
limit('key_tokens', @limited, sub {
    $t->chat('long ' x 100, key => $key{tokens});
});
my $held = $t->stream('[[held]]', key => $key{concurrent});
wait_until(sub { metrics()->value('claude_calls_running') == 1 },
    'a call under way');
limit('key_concurrency', @limited,
    sub { $t->chat('hi', key => $key{concurrent}) });
$held->close;
$t->chat('[[used]]', key => $key{budget});
my %day = (window => 'day');
my $half = settled('/metrics', 0.25, 'claude_budget_used_ratio', %day);
is($half->value('claude_budget_used_ratio', window => 'day'), 0.25,
    'a quarter of a day\'s budget');
is($half->value('claude_budget_used_ratio', window => 'month'), 0.025,
    'and less of a month\'s');
$t->chat('[[used]]', key => $key{budget}) for 1 .. 3;
settled('/metrics', 1, 'claude_budget_used_ratio', %day);
limit('key_budget', 429, 'insufficient_quota',
    sub { $t->chat('hi', key => $key{budget}) });
is(settled('/metrics', 1, 'claude_budget_used_ratio', %day)
    ->value('claude_budget_used_ratio', %day), 1, 'all of the budget');
limit('key_model', 403, 'model_not_allowed',
    sub { $t->chat('hi', key => $key{model}) });
limit('key_address', 403, 'address_not_allowed',
    sub { $t->chat('hi', key => $key{address}) });
my @client = (headers => ['X-Client: one']);
$t->chat('hi', key => $key{free}, @client);
limit('address', @limited, sub { $t->chat('hi', key => $key{free}, @client) });

# models that clients choose

my @evil = ("claude-\"} 1\nevil 2", "claude-a\\", "claude-\n", 'x"y');
is($t->chat('[[used]]', key => $key{free}, fields => { model => $_ })
    ->{status}, 404, 'a model of no name') for @evil;
$t->chat('[[used]]', key => $key{free},
    fields => { model => "claude-$_-1" }) for 1 .. 70;
$m = settled('/metrics', 80, 'claude_tokens_total', model => 'other',
    type => 'input');
is($m->value('claude_tokens_total', model => 'claude-1-1', type => 'input'),
    10, 'a model has its tokens');
is($m->value('claude_tokens_total', model => 'claude-70-1', type => 'input'),
    undef, 'not each has a series');
is($m->value('claude_tokens_total', model => 'other', type => 'input'), 80,
    'the others have one');
is(scalar($m->list('claude_cost_dollars_total')), 64, 'there is a bound');
cmp_ok($m->sum('claude_tokens_total', type => 'output'), '>', 350,
    'no token is lost');

# keys one by one

my %budget = (key => $keys->id($key{budget}));
$m = settled('/few', 4, 'claude_key_requests_total', %budget);
is(scalar($m->list('claude_key_requests_total')), 2, 'two keys');
is($m->value('claude_key_requests_total', %budget), 4, 'calls of one');
is($m->value('claude_key_cost_dollars_total', %budget), 1, 'its cost');
is($m->value('claude_key_tokens_total', %budget, type => 'output'), 20,
    'its tokens');
is($m->value('claude_key_tokens_total', %budget, type => 'input'), 48,
    'as they are counted of models');
is($m->value('claude_key_budget_used_ratio', %budget, window => 'day'), 1,
    'its budget');
is($m->value('claude_key_budget_used_ratio',
    key => $keys->id($key{free}), window => 'day'), undef,
    'one without a budget has none');
is($m->value('claude_key_running', %budget), 0, 'it rests');
cmp_ok($m->value('claude_keys_left_out'), '>', 0, 'others are left out');
is(scalar(metrics()->list('claude_key_requests_total')), 0,
    'none without the switch');
unlike($m->{text}, qr/sk-|concurrent"|canary/, 'no secret, no name of a key');

# logins

my $admin;
moves('a login', sub { $admin = Claude::Admin->new($t) },
    request('admin', 200, 'ok'),
    ['claude_login_attempts_total', { outcome => 'ok' }, 1]);
my $wrong = sub {
    $t->http('POST', '/admin/api/login', body => { password => 'wrong' },
        headers => ['X-Forwarded-Proto: https', 'Origin: https://localhost']);
};
moves('wrong ones', sub { $wrong->() for 1 .. 7 },
    ['claude_login_attempts_total', { outcome => 'failed' }, 4],
    ['claude_login_attempts_total', { outcome => 'limited' }, 3],
    request('admin', 401, 'invalid_credentials', 4),
    request('admin', 429, 'too_many_attempts', 3));

# a worker's death, a reload

$m = metrics();
my ($victim) = $t->workers;
$t->allow(qr/exited on signal 9/);
kill 'KILL', $victim;
wait_until(sub { my @now = $t->workers; @now == 3
    && !grep { $_ == $victim } @now }, 'a new worker');
my $after = metrics();
is($sum->($after), $sum->($m), 'a worker\'s death takes no count');
is($after->sum('claude_tokens_total'), $m->sum('claude_tokens_total'),
    'and no token');
my @many = map { my $c = $t->connect; $c->send($t->request('GET',
    '/v1/models', key => $key{free}, close => 1)); $c } 1 .. 40;
$_->response for @many;
wait_until(sub { $sum->(metrics()) == $sum->($after) + 40 },
    'what all workers did');
pass('all workers count together');

$m = metrics();
$t->reload($config =~ s/rate=1r/rate=2r/r, workers => 3);
is($sum->(metrics()), $sum->($m), 'a reload keeps what was counted');

# a log that can't be written, which workers learn from a change

$t->allow(qr/key log \S+ can.t be opened/, qr/was not made: can.t be opened/);
my %new = (keyName => 'new', oauthToken => $t->secret(Claude::Test::token()));
my $file = $t->dir . '/keys/keys.jsonl';
SKIP: {
    skip 'the user may write whatever the mode says', 5 unless $t->{user};
    $t->own($file, 0400);
    moves('a log that can not be written', sub {
        $admin->call('POST', 'keys', \%new);
    }, ['claude_store_writable', { file => 'keys' }, -1],
        ['claude_store_errors_total', {}, 1], request('admin', 503,
            'store_unavailable'));
    $t->own($file, 0600);
    moves('and again', sub { $admin->create('newer') },
        ['claude_store_writable', { file => 'keys' }, 1],
        ['claude_keys', { state => 'active' }, 1]);
}

# trouble with the store

my $log = $t->dir . '/keys/keys.jsonl';
my $good = read_file($log);
$t->allow(qr/keys stay as they are/);
moves('damage', sub {
    open my $file, '>>', $log or die "$log: $!\n";
    print $file "damage\n";
    close $file;
    wait_until(sub { metrics()->value('claude_store_writable',
        file => 'keys') == 0 }, 'trouble');
}, ['claude_store_errors_total', {}, 1],
    ['claude_store_writable', { file => 'keys' }, -1]);
wait_until(sub { metrics()->value('claude_store_lag_seconds') > 1 }, 'a lag');
write_file($log, $good);
$t->own($log, 0600);
wait_until(sub {
    my $now = metrics();
    return $now->value('claude_store_writable', file => 'keys') == 1
        && $now->value('claude_store_lag_seconds') < 1;
}, 'the store followed again');
pass('a store that is mended is well');

$t->finish;
