#!/usr/bin/perl

# W3C trace contexts: one that came is gone on with, one that is none is as if
# it had not come; what goes to the bridge, into logs and back to the client is
# of one trace, and nothing of it reaches the model's API.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Curl qw(certificate);
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $sdk = Claude::SDK->start($t, pool => 1);
my $fake = $t->bridge_at('fake', bad => sub { $_[0]->error(500, 'api_error') },
    midway => sub { my ($r) = @_; $r->start; $r->text('x'); $r->cut });
my $tls = certificate($t->dir);

my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
my $span = '00f067aa0ba902b7';
my $whole = "00-$trace-$span-01";
my $form = qr/^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/;

mkdir $t->dir . '/html', 0755;
write_file($t->dir . '/html/index.html', 'the page');

my $admin_at = Claude::Admin->location($t);
$t->start(<<"EOC");
upstream fake { server unix:%%DIR%%/fake/sock; }
log_format trace escape=json '{"all":"\$claude_traceparent",'
    '"trace":"\$claude_trace_id","span":"\$claude_span_id",'
    '"parent":"\$claude_parent_id","again":"\$claude_traceparent",'
    '"id":"\$request_id"}';
claude_audit_log %%DIR%%/audit.log level=all;
server {
    listen %%ADDR%%;
    listen %%ADDR_tls%% ssl;
    $tls
    access_log %%DIR%%/trace.log trace;
    large_client_header_buffers 4 32k;
    root %%DIR%%/html;

    location /v1/ { claude_pass fake; claude_cors https://app.test; }
    location /real/ { claude_pass bridge; }
    location /off/ { claude_trace off; claude_pass fake; }
    location /new/ {
        claude_trace new;
        claude_pass fake;
        location /new/not/ { claude_trace on; claude_pass fake; }
        location /new/too/ { claude_pass fake; }
    }
    location /given/ {
        claude_trace 00-\$arg_trace-\$arg_span-0\$arg_flags;
        claude_pass fake;
        location /given/too/ { claude_pass fake; }
    }
    location /index/ { alias %%DIR%%/html/; index index.html;
        add_header X-Trace \$claude_traceparent; }
    location /plain { return 200 "\$claude_traceparent"; }
    location /proxied/ {
        claude_auth on;
        proxy_set_header traceparent \$claude_traceparent;
        proxy_pass http://%%ADDR_app%%;
    }
    $admin_at
}
server {
    listen %%ADDR_app%%;
    location / { return 200 "\$http_traceparent"; }
}
EOC

# the log line of a request, once it is there
my $lines = 0;
sub logged {
    my ($r) = @_;
    my @lines = @{ wait_until(sub {
        my @got = split /\n/, read_file($t->dir . '/trace.log') // '';
        return @got > $lines ? \@got : undef;
    }, 'a log line') };
    $lines = @lines;
    return json_decode($lines[-1]);
}

sub get {
    my ($uri, @headers) = @_;
    return $t->http('GET', $uri, key => $key, headers => \@headers);
}

sub ask {
    my ($uri, @headers) = @_;
    return $t->chat('hi', key => $key, uri => "$uri/chat/completions",
        headers => \@headers);
}

# the answer, the log and, where it was asked, the bridge agree: trace, span,
# flags
sub all_same {
    my ($r, $name, $bridge) = @_;
    my $told = $r->header('traceparent') // '';
    my $line = logged();
    like($told, $form, "$name: a traceparent") or return;
    my ($id, $of, $flags) = $told =~ $form;
    is_deeply([@$line{qw(all again trace span)}], [$told, $told, $id, $of],
        "$name: the log has it");
    is(($bridge->calls)[-1]{headers}{traceparent}, $told,
        "$name: the bridge has it") if $bridge;
    return ($id, $of, $flags, $line->{parent});
}

# none that came

my %seen;
for my $n (1 .. 20) {
    my ($id, $of, $flags, $parent)
        = all_same(ask('/v1'), "made ($n)", $fake);
    is("$flags $parent", '02 ', 'random, not sampled, of nobody');
    $seen{$_}++ for $id, $of;
}
is(scalar keys %seen, 40, 'no id twice');

# one that came

for my $flags (qw(00 01 02 03)) {
    my ($id, $of, $got, $parent) = all_same(
        ask('/v1', "traceparent: 00-$trace-$span-$flags"), $flags, $fake);
    is("$id $parent $got", "$trace $span $flags", 'the trace goes on');
    isnt($of, $span, 'in a span of its own');
    ok(!$seen{$of}++, 'which no other has');
}
for my $header ("TraceParent: $whole", "traceparent:   $whole  ",
    "traceparent: cc-$trace-$span-01", "traceparent: fe-$trace-$span-01-x",
    "traceparent: 42-$trace-$span-01-" . 'x' x 20_000)
{
    my ($id) = all_same(ask('/v1', $header), substr($header, 0, 20), $fake);
    is($id, $trace, 'is one too');
}

# what is none

my %bad = (
    'empty' => '',
    'a word' => 'x',
    'all zero' => '00-' . '0' x 32 . '-' . '0' x 16 . '-01',
    'no trace' => '00-' . '0' x 32 . "-$span-01",
    'no span' => "00-$trace-" . '0' x 16 . '-01',
    'upper case' => '00-' . uc($trace) . "-$span-01",
    'span in upper case' => "00-$trace-" . uc($span) . '-01',
    'not hex' => '00-' . $trace =~ s/^4/g/r . "-$span-01",
    'version ff' => "ff-$trace-$span-01",
    'no version' => "$trace-$span-01",
    'longer' => "$whole-",
    'long' => $whole . 'a' x 20_000,
    'longer, of a later version' => "01-$trace-$span-01x",
    'shorter' => "00-$trace-$span-1",
    'two in one' => "$whole,$whole",
    'quoted' => qq("$whole"),
    'spaces' => "00 $trace $span 01",
    'high bytes' => "00-$trace-$span-0\xff",
    'a variable' => '$claude_key_name',
    'escapes' => "$whole%0d%0aX-A: b",
);
for my $name (sort keys %bad) {
    my $r = ask('/v1', "traceparent: $bad{$name}");
    is($r->{status}, 200, "$name: is no error");
    my ($id, undef, $flags, $parent) = all_same($r, $name, $fake);
    isnt($id, $trace, "$name: is not gone on with");
    is("$flags $parent", '02 ', "$name: is as if it had not come");
}
for my $other ($whole, 'x', '', "00-$trace-1111111111111111-01") {
    for my $pair ([$whole, $other], [$other, $whole]) {
        my ($id) = all_same(ask('/v1', map { "traceparent: $_" } @$pair),
            'two', $fake);
        isnt($id, $trace, 'two are none');
    }
}

# nothing else of the client's goes on

ask('/v1', "traceparent: $whole", 'tracestate: pigeon=1', 'baggage: pigeon=1',
    'X-B3-TraceId: pigeon', 'uber-trace-id: pigeon', 'X-Trace-Id: pigeon',
    'traceresponse: pigeon', 'X-Cloud-Trace-Context: pigeon');
logged();
my ($last) = reverse $fake->calls;
unlike(json_encode($last), qr/pigeon/, 'no other header of tracing goes on');
is_deeply([grep { /trace|baggage|b3/i } keys %{ $last->{headers} }],
    ['traceparent'], 'but the one');

# every answer

my $c = $t->stream('hi', key => $key, headers => ["traceparent: $whole"]);
my $head = $c->head;
$c->events;
$c->close;
is((all_same($head, 'a stream', $fake))[0], $trace, 'a stream');

my @more = ("traceparent: $whole");
my %answers = (
    400 => sub { $t->http('POST', '/v1/chat/completions', key => $key,
        body => '{', headers => \@more) },
    401 => sub { $t->http('GET', '/v1/models', headers => \@more) },
    404 => sub { get('/v1/nothing', @more) },
    405 => sub { get('/v1/chat/completions', @more) },
    413 => sub { $t->http('POST', '/v1/chat/completions', key => $key,
        headers => [@more, 'Content-Length: 99999999999',
            'Content-Type: application/json']) },
    'bridge error' => sub { $t->chat('[[bad]]', key => $key,
        headers => \@more) },
    'bridge gone' => sub { $t->chat('[[midway]]', key => $key,
        headers => \@more) },
    models => sub { get('/v1/models', @more) },
    health => sub { get('/v1/health', @more) },
    preflight => sub { $t->http('OPTIONS', '/v1/models', headers => [@more,
        'Origin: https://app.test', 'Access-Control-Request-Method: POST',
        'Access-Control-Request-Headers: traceparent']) },
);
for my $name (sort keys %answers) {
    is((all_same($answers{$name}->(), $name))[0], $trace, "$name: that trace");
}
like(get('/v1/models', 'Origin: https://app.test')
    ->header('access-control-expose-headers'), qr/\btraceparent\b/i,
    'a page may read it');
logged();

$c = $t->connect;
$c->send("GET /v1/models HTTP/1.1\r\nHost: a\r\nbad header\0: x\r\n"
    . "traceparent: $whole\r\n\r\n");
like($c->response->header('traceparent'), $form, 'a request that is none');
$c->close;
logged();

my $admin = Claude::Admin->new($t);
logged();
like($admin->call('GET', 'session')->header('traceparent'), $form,
    'the admin');
logged();

# as configured

my $r = ask('/off', "traceparent: $whole");
is($r->header('traceparent'), undef, 'off: the client has none');
is(($fake->calls)[-1]{headers}{traceparent}, undef, 'nor the bridge');
is_deeply({ %{ logged() }, id => 0 }, { id => 0, map { $_ => '' }
    qw(all trace span parent again) }, 'nor the log');

for (['/new', 0], ['/new/too', 0], ['/new/not', 1]) {
    my ($uri, $is_taken) = @$_;
    my ($id, undef, undef, $parent)
        = all_same(ask($uri, "traceparent: $whole"), $uri, $fake);
    is($id eq $trace ? 1 : 0, $is_taken, "$uri: "
        . ($is_taken ? 'taken' : 'begun anew'));
    is($parent, $is_taken ? $span : '', "$uri: and its parent");
}

for my $uri ('/given', '/given/too') {
    my ($id, $of, $flags, $parent) = all_same($t->chat('hi', key => $key,
        uri => "$uri/chat/completions?trace=$trace&span=$span&flags=1"),
        $uri, $fake);
    is("$id $parent $flags", "$trace $span 01", "$uri: by a variable");
    ($id) = all_same(ask($uri, "traceparent: $whole"), $uri, $fake);
    isnt($id, $trace, "$uri: one that is empty, whatever the header says");
}

# one request has one, wherever it goes inside

$r = get('/proxied/', @more);
like($r->{body}, $form, 'a proxy may pass it on');
is($r->{body}, logged()->{all}, 'the same');
is($r->{body} =~ $form ? $1 : '', $trace, 'of that trace');
$r = get('/index/', @more);
is($r->header('x-trace'), logged()->{all}, 'an internal redirect keeps it');
$r = get('/plain', @more);
is($r->{body}, logged()->{all}, 'it is there without any of the module');

# events

$r = $t->http('GET', '/v1/models', key => 'sk-' . 'x' x 48,
    headers => ["traceparent: 00-$trace-$span-01"]);
logged();
my ($event) = grep { ($_->{requestId} // '') eq $r->header('x-request-id') }
    map { json_decode($_) } split /\n/, read_file($t->dir . '/audit.log');
is($event->{traceId}, $trace, 'the audit log has it');
my ($of) = grep { ($_->{requestId} // '') eq $r->header('x-request-id') }
    @{ $admin->call('GET', 'audit')->json->{data} };
is($of->{traceId}, $trace, "so has the admin's API");
logged();

# the real bridge, and what is behind it

sub bridge_line {
    my ($r) = @_;
    return wait_until(sub {
        my ($line) = grep { $_->{event} eq 'request'
            && $_->{request_id} eq $r->header('x-request-id') }
            map { json_decode($_) } grep { /^\{.*\}$/ } split /\n/,
            read_file($t->dir . '/sdk.err') // '';
        return $line;
    }, "the bridge's log line");
}

$r = ask('/real', "traceparent: $whole", "tracestate: pigeon=$span");
is($r->{status}, 200, 'the real bridge answers');
my ($id, $call_span) = all_same($r, 'the real bridge');
is($id, $trace, 'the trace');
is_deeply([@{ bridge_line($r) }{qw(trace_id span_id)}], [$trace, $call_span],
    'the bridge logs trace and span');
$r = ask('/real');
($id, $call_span) = all_same($r, 'one that was made');
is_deeply([@{ bridge_line($r) }{qw(trace_id span_id)}], [$id, $call_span],
    'likewise');

my @api = $sdk->requests;
is(scalar @api, 2, 'the API was asked');
is_deeply([map { grep { /trace|baggage|b3$/i } keys %{ $_->{headers} } }
    @api], [], 'and has no header of tracing');
unlike(json_encode(\@api), qr/$trace|$id|$call_span|pigeon/,
    'nor any of the ids');

# nginx -t

for (['maybe', qr/must be "on", "off", "new", or have a variable/],
    ["00-$trace-$span-01", qr/must be "on"/],
    ['', qr/must be "on"/],
    ['$no_such_variable', qr/unknown "no_such_variable" variable/],
    ['on; claude_trace off', qr/"claude_trace" directive is duplicate/],
    ['on off', qr/invalid number of arguments in "claude_trace"/])
{
    my ($value, $why) = @$_;
    my $got = $t->check("claude_trace " . ($value eq '' ? '""' : $value)
        . ";\nserver { listen %%ADDR%%; }");
    isnt($got->{status}, 0, "nginx -t refuses: $value");
    like($got->{err}, $why, 'and says why');
}

$t->allow(qr/upstream|client sent invalid header|too large body|bridge/);
$t->finish;
