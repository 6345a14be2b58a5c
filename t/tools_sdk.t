#!/usr/bin/perl

# An agent's loop on the whole path: nginx, the bridge, a real SDK process,
# and the stub of Anthropic's API, whose journal shows what arrived.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;

use Claude::Checks;
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $sdk = Claude::SDK->start($t, pool => 2,
    env => { CLAUDE_BRIDGE_KEEP => 4 });
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
}
EOC

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub chat {
    my ($messages, %fields) = @_;
    $messages = [{ role => 'user', content => $messages }]
        unless ref $messages;
    return $t->chat({ model => 'sonnet', messages => $messages, %fields },
        key => $key);
}

# the conversation as it arrived, without the SDK's own notes
sub arrived {
    return grep { $_->{role} ne 'system' }
        @{ $sdk->last_request->{json}{messages} };
}

my $schema = { type => 'object', properties => { city => {
    type => 'string' } }, required => ['city'], '$schema' => 'x' };
my @tools = map { { type => 'function', function => { name => $_,
    description => 'D' x 5000, parameters => $schema } } } qw(weather Bash);

# two calls, their results, an answer

my $ask = '[[stub tool=weather args={"city":"Bonn"} id=toolu_one '
    . 'tool=Bash args={"city":"Rome"} id=toolu_two]]';
my $r = chat($ask, tools => \@tools);
is($r->{status}, 200, 'an answer with calls');
my $message = $r->json->{choices}[0]{message};
is($r->json->{choices}[0]{finish_reason}, 'tool_calls', 'its reason');
is_deeply([map { "$_->{id} $_->{function}{name}" }
    @{ $message->{tool_calls} }], ['toolu_one weather', 'toolu_two Bash'],
    'the calls, by the names and ids of the API');
is_deeply(json_decode($message->{tool_calls}[0]{function}{arguments}),
    { city => 'Bonn' }, 'the arguments');

my $body = $sdk->last_request->{json};
is_deeply([map { $_->{name} } @{ $body->{tools} }], [qw(weather Bash)],
    'no tool but the client\'s is offered');
is_deeply($body->{tools}[0]{input_schema}, $schema,
    'the schema reaches the API unchanged');
is(length $body->{tools}[0]{description}, 5000, 'so does the description');

$r = chat([{ role => 'user', content => $ask }, $message,
    { role => 'tool', tool_call_id => 'toolu_two', content => 'dry' },
    { role => 'tool', tool_call_id => 'toolu_one', content => [
        { type => 'text', text => 'wet [[stub text="Bring an umbrella."]]' },
    ] }], tools => \@tools);
is_chat($r, 'Bring an umbrella.', 'the results are answered');
my @turns = arrived();
is_deeply([map { $_->{role} } @turns], [qw(user assistant user)],
    'the history has true roles');
is_deeply([map { $_->{id} } grep { $_->{type} eq 'tool_use' }
    @{ $turns[1]{content} }], [qw(toolu_one toolu_two)],
    'the calls are there with their ids');
is_deeply({ map { $_->{tool_use_id} => ref $_->{content}
    ? $_->{content}[0]{text} : $_->{content} } grep {
    $_->{type} eq 'tool_result' } @{ $turns[2]{content} } },
    { toolu_one => 'wet [[stub text="Bring an umbrella."]]',
    toolu_two => 'dry' }, 'and each has its result');

# a stream, and the old way

my $c = $t->stream($ask, key => $key, fields => { tools => \@tools });
$c->head;
my @events = $c->events;
is(pop @events, '[DONE]', 'a streamed call is whole');
my @calls = map { @{ $_->{choices}[0]{delta}{tool_calls} // [] } } @events;
is(join('', map { $_->{function}{arguments} } grep { $_->{index} == 1 }
    @calls), '{"city":"Rome"}', 'the deltas make the second call');

$r = chat('[[stub tool=weather args={"city":"Bonn"}]]',
    functions => [map { $_->{function} } @tools]);
is($r->json->{choices}[0]{finish_reason}, 'function_call', 'the old way');
is($r->json->{choices}[0]{message}{function_call}{name}, 'weather',
    'calls one function');

$r = chat('which?', tools => \@tools, tool_choice => { type => 'function',
    function => { name => 'weather' } });
is($r->json->{choices}[0]{message}{tool_calls}[0]{function}{name}, 'weather',
    'one function can be demanded');
is_deeply($sdk->last_request->{json}{tool_choice}, { type => 'tool',
    name => 'weather' }, 'as the API says it');

# structured output

my %format = (type => 'json_schema', json_schema => { name => 's', schema => {
    type => 'object', additionalProperties => $false, required => ['n'],
    properties => { n => { type => 'integer' } } } });
$r = chat('[[stub text="{\"n\":7}"]]', response_format => \%format);
is_deeply(json_decode($r->json->{choices}[0]{message}{content}), { n => 7 },
    'an answer fits its schema');
is_deeply($sdk->last_request->{json}{output_config}{format}{schema},
    $format{json_schema}{schema}, 'which the API is told');
is_error(chat('[[stub text="{\"n\":\"x\"}"]]', response_format => \%format),
    502, 'invalid_answer', 'one that does not is an error');
$r = chat('[[stub text="{\"any\":[1]}"]]',
    response_format => { type => 'json_object' });
is_deeply(json_decode($r->json->{choices}[0]{message}{content}),
    { any => [1] }, 'json_object');
is_error(chat('[[stub text="no object"]]',
    response_format => { type => 'json_object' }), 502, 'invalid_answer',
    'nothing else than an object');
$c = $t->stream('[[stub text="no object"]]', key => $key,
    fields => { response_format => { type => 'json_object' } });
$c->head;
@events = $c->events;
ok(ref $events[-1] && $events[-1]{error}, 'in a stream neither');
$c->close;

# strict schemas of OpenAI's that the API can't bind an answer to: the model is
# told, and its answer held against them

my %node = (type => 'object', additionalProperties => $false,
    required => [qw(v next)], properties => { v => { type => 'integer' },
    next => { anyOf => [{ '$ref' => '#/$defs/node' }, { type => 'null' }] } });
my %unbound = (
    'a recursive one' => [{ type => 'object', additionalProperties => $false,
        required => ['list'], properties => { list => {
        '$ref' => '#/$defs/node' } }, '$defs' => { node => \%node } },
        '{"list":{"v":1,"next":{"v":2,"next":null}}}',
        '{"list":{"v":1,"next":{"v":"2","next":null}}}'],
    'one that is its own root' => [{ type => 'object', required => ['ui'],
        additionalProperties => $false, properties => { ui => {
        type => 'array', items => { '$ref' => '#' } } } },
        '{"ui":[{"ui":[]},{"ui":[{"ui":[]}]}]}', '{"ui":[{"iu":[]}]}'],
);
for my $name (sort keys %unbound) {
    my ($unbound, $good, $bad) = @{ $unbound{$name} };
    my $says = sub { '[[stub text=' . json_encode($_[0]) . ']]' };
    my @strict = (response_format => { type => 'json_schema', json_schema => {
        name => 's', strict => $true, schema => $unbound } });
    $r = chat($says->($good), @strict);
    is($r->{status}, 200, "$name: is answered") or diag $r->{body};
    is($r->json->{choices}[0]{message}{content}, $good, "$name: as it fits");
    $body = $sdk->last_request->{json};
    is($body->{output_config}{format}, undef, "$name: the API isn't asked");
    my ($told) = ($body->{system}[-1]{text} // '') =~ /(\{.*\})\s*\z/s;
    is_deeply(json_decode($told // 'null'), $unbound, "$name: the model is");
    is_error(chat($says->($bad), @strict), 502, 'invalid_answer',
        "$name: what doesn't fit is no answer");
}

# and a tool's: the API is asked for what it is, and its refusal passed on

my @strict = map { { type => 'function', function => { name => 'walk',
    strict => $true, parameters => $_->[0] } } } $unbound{'a recursive one'};
$r = chat('[[stub tool=walk args={"list":{"v":1,"next":null}}]]',
    tools => \@strict);
is($r->json->{choices}[0]{finish_reason}, 'tool_calls', 'a strict tool');
my ($sent) = @{ $sdk->last_request->{json}{tools} };
is_deeply([$sent->{strict}, $sent->{input_schema}],
    [$true, $unbound{'a recursive one'}[0]], 'reaches the API as it is');
$r = chat('[[stub status=400 type=invalid_request_error message="tools.0: '
    . 'recursive schemas are not supported"]]', tools => \@strict);
is_error($r, 400, 'rejected_by_model', 'the API refuses to bind it');
is($r->header('x-should-retry'), 'false', 'for good');

# thinking

$r = chat('[[stub thinking="Let me see." text="Yes."]]',
    reasoning_effort => 'high');
is($r->json->{choices}[0]{message}{reasoning_content}, 'Let me see.',
    'thinking is told');
cmp_ok($r->json->{usage}{completion_tokens_details}{reasoning_tokens}, '>',
    0, 'and counted');

$t->allow(qr/broke a stream off: invalid_answer/);
$t->finish;
