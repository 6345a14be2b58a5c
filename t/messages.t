#!/usr/bin/perl

# Anthropic's Messages API: what arrives at the bridge, answers whole and
# streamed, errors in Anthropic's shape wherever they come from, and counts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;

use Claude::Test;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $narrow = $t->add_key('bob');
my $few = $t->add_key('carol');
$t->keys->set($narrow, '--allowed-model', 'haiku');
$t->keys->set($few, '--requests-per-minute', 1);

my $bridge = $t->bridge(
    tools => sub {
        my ($reply) = @_;
        $reply->stream_head;
        $reply->body($reply->message_start(cache_read_input_tokens => 5));
        $reply->block('thinking', thinking => '', signature => '');
        $reply->event('content_block_delta', { index => 0, delta => {
            type => 'thinking_delta', thinking => 'hm' } });
        $reply->event('content_block_delta', { index => 0, delta => {
            type => 'signature_delta', signature => 'c2ln' } });
        $reply->block_stop;
        $reply->block('tool_use', id => 'toolu_1', name => 't', input => {});
        $reply->event('content_block_delta', { index => 1, delta => {
            type => 'input_json_delta', partial_json => '{"a":' } });
        $reply->event('content_block_delta', { index => 1, delta => {
            type => 'input_json_delta', partial_json => '[1]}' } });
        $reply->finish('tool_use');
    },
    fail => sub { my ($reply, @args) = @_; $reply->error(@args) },
    break => sub {
        my ($reply) = @_;
        $reply->start;
        $reply->text('x');
        $reply->event('error', { error => { type => 'overloaded_error',
            message => 'canary-upstream-message' } });
        $reply->end;
    },
    cut => sub {
        my ($reply) = @_;
        $reply->start;
        $reply->text('x');
        $reply->cut;
    },
    wait => sub {
        my ($reply) = @_;
        $reply->start;
        $reply->text('x');
        $reply->hold('go');
        $reply->finish;
    },
);
$t->secret('canary-upstream-message');

$t->start(<<'EOC');
claude_limit_zone $binary_remote_addr zone=address:1m rate=1r/m;
server {
    listen %%ADDR%%;
    client_max_body_size 100k;
    claude_ping 1s;
    location /v1/ { claude_pass bridge; }
    location = /anthropic/v1/messages { claude_pass bridge; }
    location /limited/ {
        claude_limit zone=address burst=1;
        claude_pass bridge;
    }
}
EOC

sub messages {
    my ($text, %opt) = @_;
    my $fields = delete $opt{fields} // {};
    my $uri = delete $opt{uri} // '/v1/messages?beta=true';
    my %messages = ref $text ? (messages => $text) : ();
    return $t->http('POST', $uri, key => $key, body => $t->chat_body($text,
        max_tokens => 99, %messages, %$fields), %opt);
}

# the events of a stream: [name, data]
sub events {
    my ($r) = @_;
    return map { /^event: (\w+)\ndata: (.+)$/
        ? [$1, json_decode($2)] : [$_] } split /\n\n/, $r->{body};
}

sub is_refused {
    my ($r, $status, $type, $name) = @_;
    my $doc = eval { $r->json } // {};
    subtest $name => sub {
        is($r->{status}, $status, 'status');
        is($doc->{type}, 'error', 'an error');
        is($doc->{error}{type}, $type, 'its type');
        like($doc->{error}{message}, qr/^[A-Z].+\.$/, 'its message');
        unlike($r->{body}, qr/canary/, 'nothing of the bridge\'s own');
        is(join(' ', sort keys %$doc), 'error request_id type', 'its fields');
        is($doc->{request_id}, $r->header('request-id'), 'request-id');
        like($r->header('content-type'), qr{^application/json}, 'as JSON');
    };
    return $doc->{error}{message};
}

# answers

my $r = messages('hi');
is($r->{status}, 200, 'a whole answer');
my $doc = $r->json;
is_deeply($doc->{content}, [{ type => 'text', text => 'Hello world' }],
    'its content');
like($doc->{id}, qr/^msg_\w+$/, 'its id');
is($doc->{model}, 'sonnet', 'the model as it was asked for');
is("$doc->{type} $doc->{role} $doc->{stop_reason}",
    'message assistant end_turn', 'type, role and reason');
is("$doc->{usage}{input_tokens} $doc->{usage}{output_tokens}", '11 7',
    'its usage');
ok($r->header('request-id'), 'request-id');
is($r->header('request-id'), $r->header('x-request-id'), 'is x-request-id');

$r = messages('hi', fields => { stream => $true });
like($r->header('content-type'), qr{^text/event-stream}, 'a streamed answer');
my @events = events($r);
is(join(' ', map { $_->[0] } @events), 'message_start content_block_start '
    . 'content_block_delta content_block_delta content_block_stop '
    . 'message_delta message_stop', 'its events');
ok(!(grep { $_->[0] ne $_->[1]{type} } @events), 'are named by their type');
is($events[0][1]{message}{model}, 'sonnet', 'the model as it was asked for');

for my $stream ($false, $true) {
    $r = messages('[[tools]]', fields => { stream => $stream,
        tools => [{ name => 't', input_schema => { type => 'object' } }] });
    my @blocks = $stream ? map { $_->[1]{content_block} // () } events($r)
        : @{ $r->json->{content} };
    is(join(' ', map { $_->{type} } @blocks), 'thinking tool_use',
        'thinking and a call');
    is("$blocks[1]{id} $blocks[1]{name}", 'toolu_1 t', 'of its tool');
    next if $stream;
    is($blocks[0]{signature}, 'c2ln', 'signed');
    is_deeply($blocks[1]{input}, { a => [1] }, 'with its input');
}

# what arrives; the query and the names of betas are the client's own

messages([
    { role => 'user', content => 'A' },
    { role => 'assistant', content => [{ type => 'tool_use', id => 'i',
        name => 't', input => {}, cache_control => { type => 'ephemeral' } }] },
    { role => 'system', content => 'S' },
    { role => 'user', content => [{ type => 'tool_result',
        tool_use_id => 'i', content => 'R' }] },
], headers => ['anthropic-beta: none-that-there-is-2030-01-01',
    'anthropic-version: 2023-06-01'],
    fields => { context_management => { edits => [] }, thinking => {
        type => 'adaptive', display => 'omitted' } });
my $body = $bridge->last_body;
is_deeply([map { $_->{role} } @{ $body->{messages} }],
    [qw(user assistant user)], 'messages arrive by turns');
is($body->{messages}[2]{content}[0]{type}, 'tool_result',
    'a result of a tool first');
like(json_encode($body->{messages}[2]{content}), qr/system-reminder.*"S"/,
    'then what the system says');
is_deeply($body->{thinking}, { type => 'adaptive', display => 'omitted' },
    'thinking arrives');
unlike(json_encode($body), qr/cache_control|context_management/,
    'what nobody needs does not');
is(messages('hi', uri => '/anthropic/v1/messages')->{status}, 200,
    'a location of its own');

# keys, in either header

is($t->http('POST', '/v1/messages', headers => ["x-api-key: $key"],
    body => $t->chat_body('hi', max_tokens => 1))->{status}, 200, 'x-api-key');

# refusals, from everywhere

my @long = (x => 'x' x 200_000);
is_refused(messages('hi', key => undef), 401, 'authentication_error',
    'no key');
is_refused(messages('hi', key => 'sk-x'), 401, 'authentication_error',
    'a wrong key');
is_refused(messages('hi', fields => { model => 'gpt-9' }), 404,
    'not_found_error', 'a model that there isn\'t');
is_refused(messages('hi', key => $narrow), 403, 'permission_error',
    'a model that the key may not use');
is_refused(messages('hi', fields => { @long }), 413, 'request_too_large',
    'a body that is too long');
is_refused(messages('hi', type => 'text/plain'), 415,
    'invalid_request_error', 'a body that is no JSON');
is_refused(messages('hi', body => '{'), 400, 'invalid_request_error',
    'broken JSON');
like(is_refused(messages('hi', fields => { tools => [
    { type => 'web_search_20250305', name => 'web_search' }] }), 400,
    'invalid_request_error', 'web search'), qr/web search is not served/,
    'by its name');
like(is_refused(messages([]), 400, 'invalid_request_error', 'no messages'),
    qr/'messages'/, 'by the name of the field');

$r = $t->http('GET', '/v1/messages', key => $key);
is_refused($r, 405, 'invalid_request_error', 'another method');
is($r->header('allow'), 'POST', 'with the one that there is');
is($t->http('HEAD', '/v1/messages', key => $key)->{status}, 405, 'HEAD');
is_refused($t->http('POST', '/v1/messages/batches', key => $key, body => '{}'),
    404, 'not_found_error', 'a path below');
is_refused($t->http('GET', '/v1/files', key => $key,
    headers => ['anthropic-version: 2023-06-01']), 404, 'not_found_error',
    'another path of Anthropic\'s');
is($t->http('GET', '/v1/files', key => $key)->error->{code},
    'endpoint_not_found', 'and of OpenAI\'s');

is(messages('hi', key => $few)->{status}, 200, 'a key for one request');
$r = messages('hi', key => $few);
is_refused($r, 429, 'rate_limit_error', 'and no more');
cmp_ok($r->header('retry-after'), '>', 0, 'Retry-After');
my $bad = "/limited/messages";
messages('hi', uri => $bad);
is_refused(messages('hi', uri => $bad), 429, 'rate_limit_error',
    'an address that asks too often');

my @failures = ([529, 'overloaded_error', 503, 'overloaded_error'],
    [429, 'rate_limit_error', 429, 'rate_limit_error'],
    [400, 'invalid_request_error', 400, 'invalid_request_error'],
    [401, 'authentication_error', 401, 'authentication_error'],
    [500, 'api_error', 502, 'api_error'],
    [504, 'timeout_error', 504, 'timeout_error']);
for my $case (@failures) {
    my ($status, $type, @expected) = @$case;
    is_refused(messages("[[fail $status $type]]"), @expected,
        "the bridge's $status");
    is_refused(messages("[[fail $status $type]]", fields => {
        stream => $true }), @expected, "the same of a stream");
}

for my $case ([break => 'overloaded_error'], [cut => 'api_error']) {
    my ($name, $type) = @$case;
    $r = messages("[[$name]]", fields => { stream => $true });
    is($r->{status}, 200, "$name: a stream that breaks");
    my ($event, $data) = @{ (events($r))[-1] };
    is("$event $data->{error}{type}", "error $type", 'says so at the end');
    is($data->{request_id}, $r->header('request-id'), 'and which it was');
    unlike($r->{body}, qr/message_stop|canary/, 'and no more');
    is_refused(messages("[[$name]]"), $type eq 'api_error' ? 502 : 503, $type,
        'and as a whole answer');
}

# a ping while nothing comes

my $c = $t->connect;
$c->send($t->request('POST', '/v1/messages', key => $key, close => 1,
    body => $t->chat_body('[[wait]]', max_tokens => 9, stream => $true)));
my $head = $c->head;
my $text = '';
until ($text =~ /event: ping\ndata: \{"type":"ping"\}\n\n/) {
    $text .= $c->data // last;
}
like($text, qr/event: ping/, 'a ping');
$bridge->open_gate('go');
while (defined(my $more = $c->data)) { $text .= $more }
like($text, qr/event: message_stop/, 'and the end');
$c->close;

# models, as who speaks of a version of Anthropic's API expects them

my @version = ('anthropic-version: 2023-06-01');
$doc = $t->http('GET', '/v1/models?limit=1000', key => $key,
    headers => \@version)->json;
is(join(' ', sort keys %$doc), 'data first_id has_more last_id',
    'a list of models');
is(join(' ', sort keys %{ $doc->{data}[0] }),
    'created_at display_name id type', 'and one of them');
is($doc->{last_id}, $doc->{data}[-1]{id}, 'the last one');
$doc = $t->http('GET', '/v1/models/sonnet', key => $key,
    headers => \@version)->json;
is("$doc->{type} $doc->{id}", 'model sonnet', 'one by its name');
is_refused($t->http('GET', '/v1/models/none', key => $key,
    headers => \@version), 404, 'not_found_error', 'one that there isn\'t');

# counts

sub count {
    my ($text, %opt) = @_;
    return messages($text, uri => '/v1/messages/count_tokens?beta=true', %opt);
}

my $hits = $bridge->hits;
$r = count('hi');
is($r->{status}, 200, 'a count');
like($r->json->{input_tokens}, qr/^[1-9]\d*$/, 'a number');
ok($r->json->{estimate}, 'said to be an estimate');
is($r->header('x-token-count'), 'estimate', 'in a header too');
ok($r->header('request-id'), 'request-id');
cmp_ok(count('word ' x 1000)->json->{input_tokens}, '>', 1000,
    'more text has more tokens');
cmp_ok(count('hi ' x 30_000)->json->{input_tokens}, '>', 20_000,
    'a long one, in a thread');
is($bridge->hits, $hits, 'the bridge isn\'t asked');
is_refused(count('hi', fields => { model => 'gpt-9' }), 404,
    'not_found_error', 'a count for a model that there isn\'t');
is_refused(count('hi', key => $narrow), 403, 'permission_error',
    'a count for a model that the key may not use');
is_refused(count('hi', key => undef), 401, 'authentication_error',
    'a count without a key');
is_refused(count([]), 400, 'invalid_request_error', 'a count of nothing');
is_refused($t->http('GET', '/v1/messages/count_tokens', key => $key), 405,
    'invalid_request_error', 'another method of counting');

$t->allow(qr/upstream broke a stream off/, qr/prematurely closed/,
    qr/too large body/);
$t->finish;
