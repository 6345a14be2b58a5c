#!/usr/bin/perl

# OpenAI's Responses: what arrives at the bridge, answers whole and streamed,
# what comes back in the next request, failures, and WebSocket's refusal.

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

sub thinking {
    my ($reply) = @_;
    $reply->stream_head;
    $reply->body($reply->message_start(cache_read_input_tokens => 5));
    $reply->block('thinking', thinking => '', signature => '');
    $reply->event('content_block_delta', { index => 0, delta => {
        type => 'thinking_delta', thinking => 'h"m' } });
    $reply->event('content_block_delta', { index => 0, delta => {
        type => 'signature_delta', signature => 'c2ln' } });
    $reply->block_stop;
}

my $bridge = $t->bridge(
    call => sub {
        my ($reply) = @_;
        thinking($reply);
        $reply->block('tool_use', id => 'toolu_1', name => 'files__get',
            input => {});
        $reply->event('content_block_delta', { index => 1, delta => {
            type => 'input_json_delta', partial_json => $_ } })
            for '', '{"a":', '[1]}';
        $reply->block_stop;
        $reply->block('tool_use', id => 'toolu_2', name => 'put',
            input => {});
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
    silent => sub {
        my ($reply) = @_;
        $reply->stream_head;
        $reply->cut;
    },
    long => sub {
        my ($reply) = @_;
        $reply->start;
        $reply->finish('max_tokens');
    },
);
$t->secret('canary-upstream-message');

$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    client_max_body_size 4m;
    location /v1/ { claude_pass bridge; }
    location = /openai/v1/responses { claude_pass bridge; }
}
EOC

my $tools = [
    { type => 'namespace', name => 'files', description => 'Files.',
        tools => [{ type => 'function', name => 'get', strict => $false,
            parameters => { type => 'object' } }] },
    { type => 'function', name => 'put', parameters => undef },
    { type => 'web_search', external_web_access => $true },
];

sub responses {
    my ($input, %opt) = @_;
    my $fields = delete $opt{fields} // {};
    return $t->http('POST', delete $opt{uri} // '/v1/responses', key => $key,
        body => json_encode({ model => 'sonnet', input => $input, %$fields }),
        %opt);
}

# the events of a stream, each under its own name, numbered without a gap
sub events {
    my ($r, $name) = @_;
    my (@events, @wrong);
    for my $event (split /\n\n/, $r->{body}) {
        next if $event =~ /^:/;
        my ($type, $data) = $event =~ /^event: (\S+)\ndata: (.+)\z/
            or push(@wrong, $event), next;
        $data = json_decode($data);
        push @wrong, $event if $data->{type} ne $type
            || $data->{sequence_number} != @events;
        push @events, $data;
    }
    is("@wrong", '', "$name: each event is named and numbered");
    return @events;
}

sub short {
    return join ' ', map { $_->{type} =~ s/^response\.//r } @_;
}

sub arrived { return $bridge->last_body }

# whole

my $r = responses("hi", fields => { metadata => { a => 'b' },
    instructions => 'Be brief.', user => 'u', reasoning => { effort => 'low' },
    max_output_tokens => 99, store => $false });
is($r->{status}, 200, 'an answer');
like($r->header('content-type'), qr{^application/json}, 'as JSON');
my $doc = $r->json;
like($doc->{id}, qr/^resp_\w+$/, 'its id');
is_deeply([@$doc{qw(object status model store error incomplete_details)}],
    ['response', 'completed', 'sonnet', $false, undef, undef], 'its fields');
is_deeply($doc->{metadata}, { a => 'b' }, 'the metadata come back');
is_deeply([@$doc{qw(instructions max_output_tokens truncation)}],
    ['Be brief.', 99, 'disabled'], 'and what was asked for');
is_deeply($doc->{reasoning}, { effort => 'low', summary => undef },
    'and the effort');
is(scalar @{ $doc->{output} }, 1, 'one item');
is_deeply($doc->{output}[0]{content}, [{ type => 'output_text',
    text => 'Hello world', annotations => [], logprobs => [] }], 'its text');
like($doc->{output}[0]{id}, qr/^msg_\w+$/, 'its id');
is_deeply($doc->{usage}, { input_tokens => 11, output_tokens => 7,
    total_tokens => 18, input_tokens_details => { cached_tokens => 0 },
    output_tokens_details => { reasoning_tokens => 0 } }, 'its usage');
my $body = arrived();
is_deeply($body->{messages}, [{ role => 'user',
    content => [{ type => 'text', text => 'hi' }] }], 'what arrived');
is_deeply($body->{system}, [{ type => 'text', text => 'Be brief.' }],
    'with the instructions');
is_deeply($body->{output_config}, { effort => 'low' }, 'and the effort');

is(responses('hi', uri => '/openai/v1/responses')->{status}, 200,
    'an exact location serves it, too');

# streamed

$r = responses('hi', fields => { stream => $true });
is($r->{status}, 200, 'a stream');
like($r->header('content-type'), qr{^text/event-stream}, 'as SSE');
my @events = events($r, 'text');
is(short(@events), 'created in_progress output_item.added content_part.added '
    . 'output_text.delta output_text.delta output_text.done '
    . 'content_part.done output_item.done completed', 'a text\'s events');
is(join('', map { $_->{delta} // '' } @events), 'Hello world', 'the deltas');
is($events[-2]{item}{content}[0]{text}, 'Hello world', 'the item is whole');
is_deeply($events[-1]{response}{output}, [$events[-2]{item}],
    'and is in the response');
is($events[-1]{response}{usage}{total_tokens}, 18, 'with its usage');
is($events[0]{response}{status}, 'in_progress', 'which began in progress');

# thinking and calls, as Codex asks for them

my $question = [
    { type => 'message', role => 'developer', id => 'msg_0',
        content => [{ type => 'input_text', text => 'Rules.' }] },
    { type => 'message', role => 'user',
        content => [{ type => 'input_text', text => '[[call]]' }] },
];
my %codex = (stream => $true, store => $false, tools => $tools,
    tool_choice => 'auto', parallel_tool_calls => $true,
    include => ['reasoning.encrypted_content'],
    reasoning => { summary => 'auto' }, prompt_cache_key => 'k',
    client_metadata => { x => 'y' }, text => { verbosity => 'low' });
$r = responses($question, fields => \%codex);
is($r->{status}, 200, 'what Codex sends is taken');
@events = events($r, 'calls');
is(short(@events), 'created in_progress '
    . 'output_item.added reasoning_summary_part.added '
    . 'reasoning_summary_text.delta reasoning_summary_text.done '
    . 'reasoning_summary_part.done output_item.done '
    . 'output_item.added function_call_arguments.delta '
    . 'function_call_arguments.delta function_call_arguments.done '
    . 'output_item.done '
    . 'output_item.added function_call_arguments.delta '
    . 'function_call_arguments.done output_item.done completed',
    'the events of thinking and of calls');
my @items = map { $_->{item} }
    grep { $_->{type} eq 'response.output_item.done' } @events;
is_deeply($items[0]{summary}, [{ type => 'summary_text', text => 'h"m' }],
    'thinking as a summary');
is_deeply([@{ $items[1] }{qw(type namespace name call_id arguments)}],
    ['function_call', 'files', 'get', 'toolu_1', '{"a":[1]}'],
    'a call of a namespace');
is_deeply([@{ $items[2] }{qw(name call_id arguments namespace)}],
    ['put', 'toolu_2', '{}', undef], 'and one without arguments');
$body = arrived();
is_deeply($body->{tools}, [
    { name => 'files__get', input_schema => { type => 'object' } },
    { name => 'put', input_schema => { type => 'object',
        properties => {} } } ], 'web search is left out of the tools');
is_deeply($body->{thinking}, { type => 'adaptive', display => 'summarized' },
    'thinking is shown');

# and what comes back

my @outputs = (
    { type => 'function_call_output', call_id => 'toolu_2', output => 'ok' },
    { type => 'function_call_output', call_id => 'toolu_1', output => [
        { type => 'input_text', text => 'A' } ] },
);
is(responses([@$question[0], { role => 'user', content => 'go' }, @items,
    @outputs], fields => \%codex)->{status}, 200, 'the outputs are taken');
is_deeply(arrived()->{messages}, [
    { role => 'user', content => [{ type => 'text', text => 'go' }] },
    { role => 'assistant', content => [
        { type => 'thinking', thinking => 'h"m', signature => 'c2ln' },
        { type => 'tool_use', id => 'toolu_1', name => 'files__get',
            input => { a => [1] } },
        { type => 'tool_use', id => 'toolu_2', name => 'put',
            input => {} } ] },
    { role => 'user', content => [
        { type => 'tool_result', tool_use_id => 'toolu_2',
            content => [{ type => 'text', text => 'ok' }] },
        { type => 'tool_result', tool_use_id => 'toolu_1',
            content => [{ type => 'text', text => 'A' }] } ] },
], 'the thinking and its calls arrive as they were');

# by a thread

$r = responses('x' x 600_000 . '[[call]]', fields => { %codex,
    stream => $false });
is($r->{status}, 200, 'a long input');
is($r->json->{output}[1]{namespace}, 'files', 'and its tools\' names');

# failures

$r = responses('[[break]]', fields => { stream => $true });
@events = events($r, 'failure');
is(short(@events), 'created in_progress output_item.added '
    . 'content_part.added output_text.delta failed', 'a stream that failed');
is($events[-1]{response}{status}, 'failed', 'says so');
is($events[-1]{response}{error}{code}, 'server_is_overloaded', 'and why');
like($events[-1]{response}{error}{message}, qr/overloaded/, 'in words');

$r = responses('[[cut]]', fields => { stream => $true });
is((events($r, 'cut'))[-1]{type}, 'response.failed', 'one that was cut');

$r = responses('[[silent]]', fields => { stream => $true, %codex });
is(short(events($r, 'silence')), 'created in_progress failed',
    'one that never began');

$r = responses('[[long]]', fields => { stream => $true });
@events = events($r, 'limit');
is($events[-1]{type}, 'response.incomplete', 'one that a limit cut');
is_deeply($events[-1]{response}{incomplete_details},
    { reason => 'max_output_tokens' }, 'says which');
is(responses('[[long]]')->json->{status}, 'incomplete', 'a whole one, too');

for my $stream ($true, $false) {
    $r = responses('[[fail 529 overloaded_error]]',
        fields => { stream => $stream });
    is($r->{status}, 503, 'a failure before the stream has its status');
    is($r->error->{code}, 'overloaded', 'and its code');
}

for my $case (
    [{ previous_response_id => 'resp_1' }, 'previous_response_id'],
    [{ store => $true }, 'store'],
    [{ conversation => 'conv_1' }, 'conversation'],
    [{ background => $true }, 'background'],
    [{ tools => [{ type => 'web_search' }] }, 'tools[0].type'],
    [{ tools => [{ type => 'file_search' }] }, 'tools[0].type'],
    [{ tools => [{ type => 'computer_use_preview' }] }, 'tools[0].type'],
) {
    my ($fields, $param) = @$case;
    $r = responses('hi', fields => $fields);
    is($r->{status}, 400, "$param is refused");
    is_deeply([@{ $r->error }{qw(code param)}],
        ['unsupported_parameter', $param], 'by name');
}
like(responses('hi', fields => { store => $true })->error->{message},
    qr/nothing is stored/, 'and with the reason');
is(responses('hi', fields => { model => 'gpt-x' })->{status}, 404,
    'an unknown model');

# other methods

$r = $t->http('GET', '/v1/responses', key => $key, headers => [
    'Connection: Upgrade', 'Upgrade: websocket'], close => 0);
is($r->{status}, 426, 'a WebSocket is refused at once');
is($r->error->{code}, 'websocket_not_supported', 'by name');
is($r->header('upgrade'), 'HTTP/1.1', 'with what is spoken');
$r = $t->http('GET', '/v1/responses', key => $key);
is($r->{status}, 405, 'a plain GET');
is($r->header('allow'), 'POST', 'which POST is for');
is($t->http('GET', '/v1/responses/resp_1', key => $key)->{status}, 404,
    'nothing is kept');
is($t->http('GET', '/v1/responses', headers => ['Upgrade: websocket'])
    ->{status}, 401, 'nothing is said without a key');

$t->allow(qr/upstream broke a stream off|the bridge refused|prematurely/);
$t->finish;
