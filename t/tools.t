#!/usr/bin/perl

# Tools, formats and files on chat completions: what arrives at the bridge,
# and how calls are told, whole and streamed, in the new way and the old.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use Claude::Checks;
use Claude::Test;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

my $t = Claude::Test->new;
my $key = $t->add_key('alice');

sub arguments {
    my ($reply, $index, @parts) = @_;
    $reply->event('content_block_delta', { index => $index, delta => {
        type => 'input_json_delta', partial_json => $_ } }) for @parts;
}

my $bridge = $t->bridge(
    call => sub {
        my ($reply) = @_;
        $reply->stream_head;
        $reply->body($reply->message_start);
        $reply->block('thinking', thinking => '', signature => '');
        $reply->event('content_block_delta', { index => 0, delta => {
            type => 'thinking_delta', thinking => 'hm' } });
        $reply->block_stop;
        $reply->block('tool_use', id => 'toolu_1', name => 'f', input => {});
        arguments($reply, 1, '', '{"a":', '"\\u00fc"}');
        $reply->block_stop;
        $reply->block('tool_use', id => 'toolu_2', name => 'g', input => {});
        $reply->finish('tool_use');
    },
    one => sub {
        my ($reply) = @_;
        $reply->stream_head;
        $reply->body($reply->message_start);
        $reply->block('tool_use', id => 'toolu_1', name => 'f', input => {});
        arguments($reply, 0, '{"a":1}');
        $reply->finish('tool_use');
    },
);

$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
}
EOC

sub chat {
    my ($messages, %fields) = @_;
    return $t->chat('x', key => $key, fields => { %fields,
        messages => ref $messages ? $messages
            : [{ role => 'user', content => $messages }] });
}

# the chunks of a stream, [DONE] taken off and looked at
sub chunks {
    my ($text, %fields) = @_;
    my @chunks = map { s/^data: //r } grep { /^data: / }
        split /\n\n/, chat($text, %fields, stream => $true)->{body};
    is(pop @chunks, '[DONE]', "$text is whole");
    return map { json_decode($_)->{choices}[0] } @chunks;
}

my @tools = map { { type => 'function', function => { name => $_,
    description => "does $_", strict => $true, parameters => {
    type => 'object', properties => { a => { type => 'string' } } } } } }
    qw(f g);

# calls of an answer

my $r = chat('[[call]]', tools => \@tools);
is($r->{status}, 200, 'an answer with calls');
my $choice = $r->json->{choices}[0];
is($choice->{finish_reason}, 'tool_calls', 'its reason');
is($choice->{message}{content}, undef, 'says nothing');
is($choice->{message}{reasoning_content}, 'hm', 'but what it thought');
is_deeply($choice->{message}{tool_calls}, [
    { id => 'toolu_1', type => 'function', function => { name => 'f',
        arguments => "{\"a\":\"\\u00fc\"}" } },
    { id => 'toolu_2', type => 'function', function => { name => 'g',
        arguments => '{}' } } ], 'and both calls');

my $body = $bridge->last_body;
is_deeply($body->{tools}, [map { { name => $_->{function}{name},
    description => $_->{function}{description}, strict => $true,
    input_schema => $_->{function}{parameters} } } @tools],
    'the tools arrive as they were declared');
ok(!exists $body->{tool_choice}, 'and nothing is chosen');

my @chunks = chunks('[[call]]', tools => \@tools);
is_deeply($chunks[0]{delta}, { role => 'assistant', content => '' },
    'a stream begins with the role');
my @calls = map { @{ $_->{delta}{tool_calls} // [] } } @chunks;
is_deeply([map { $_->{index} } @calls], [0, 0, 0, 1, 1],
    'the index counts calls alone');
is_deeply($calls[0], { index => 0, id => 'toolu_1', type => 'function',
    function => { name => 'f', arguments => '' } }, 'the name comes first');
is_deeply($calls[1], { index => 0, function => { arguments => '{"a":' } },
    'then the arguments as they come');
is($calls[4]{function}{arguments}, '{}', 'no arguments are an object');
is($chunks[-1]{finish_reason}, 'tool_calls', 'the reason');

# the old way

my @functions = map { $_->{function} } @tools;
$r = chat('[[one]]', functions => \@functions,
    function_call => { name => 'f' });
$choice = $r->json->{choices}[0];
is($choice->{finish_reason}, 'function_call', 'the old reason');
is_deeply($choice->{message}{function_call},
    { name => 'f', arguments => '{"a":1}' }, 'the old call');
ok(!exists $choice->{message}{tool_calls}, 'and no new one');
is_deeply($bridge->last_body->{tool_choice}, { type => 'tool', name => 'f',
    disable_parallel_tool_use => $true }, 'one call is asked for');

@chunks = chunks('[[one]]', functions => \@functions);
@calls = grep { $_ } map { $_->{delta}{function_call} } @chunks;
is_deeply(\@calls, [{ name => 'f', arguments => '' },
    { arguments => '{"a":1}' }], 'the old call as a stream');

# nobody has asked for tools

is_error(chat('[[one]]'), 502, 'bad_gateway',
    'a call where there are no tools is no answer');

# results of the history

my $png = 'data:image/png;base64,iVBORw0KGgo=';
chat([
    { role => 'user', content => 'A' },
    { role => 'assistant', content => undef, tool_calls => [
        { id => 'call_1', type => 'function', function => { name => 'f',
            arguments => '{"a":[1]}' } },
        { id => 'call.2', type => 'function', function => { name => 'gone',
            arguments => '' } } ] },
    { role => 'tool', tool_call_id => 'call.2', content => 'two' },
    { role => 'tool', tool_call_id => 'call_1', content => [
        { type => 'text', text => 'one' },
        { type => 'image_url', image_url => { url => $png,
            detail => 'high' } } ] },
], tools => [$tools[0]], parallel_tool_calls => $false);
my $turns = $bridge->last_body->{messages};
is(scalar @$turns, 3, 'results are one turn');
my ($one, $two) = @{ $turns->[1]{content} };
is_deeply($one, { type => 'tool_use', id => 'call_1', name => 'f',
    input => { a => [1] } }, 'a call of the history');
like($two->{id}, qr/^call_[0-9a-f]{32}$/, 'an id the API takes for another');
is_deeply($turns->[2]{content}, [
    { type => 'tool_result', tool_use_id => $two->{id}, content => [
        { type => 'text', text => 'two' } ] },
    { type => 'tool_result', tool_use_id => 'call_1', content => [
        { type => 'text', text => 'one' },
        { type => 'image', source => { type => 'base64',
            media_type => 'image/png', data => 'iVBORw0KGgo=' } } ] } ],
    'the results, as they came');
is_deeply($bridge->last_body->{tool_choice}, { type => 'auto',
    disable_parallel_tool_use => $true }, 'parallel_tool_calls');

# formats and files

my %schema = (type => 'object', properties => { n => { minimum => 1 } });
chat('x', response_format => { type => 'json_schema', json_schema => {
    name => 's', strict => $true, schema => \%schema } },
    reasoning_effort => 'xhigh');
is_deeply($bridge->last_body->{output_config}, { effort => 'xhigh',
    format => { type => 'json_schema', schema => \%schema } },
    'a schema and an effort');
is_deeply($bridge->last_body->{thinking}, { type => 'adaptive',
    display => 'summarized' }, 'with thinking that is told');

chat('x', response_format => { type => 'json_object' });
is_deeply($bridge->last_body->{output_config}{format}{schema},
    { type => 'object' }, 'any object');

my $pdf = encode_base64('%PDF-1.4', '');
chat([{ role => 'user', content => [
    { type => 'file', file => { filename => 'a.pdf',
        file_data => "data:application/pdf;base64,$pdf" } },
    { type => 'file', file => { file_data => 'data:text/plain;base64,'
        . encode_base64("a \"b\"\n", '') } } ] }]);
is_deeply($bridge->last_body->{messages}[0]{content}, [
    { type => 'document', title => 'a.pdf', source => { type => 'base64',
        media_type => 'application/pdf', data => $pdf } },
    { type => 'document', source => { type => 'text',
        media_type => 'text/plain', data => "a \"b\"\n" } } ],
    'a PDF and a text');

# what is not served says what is

for my $path (qw(completions embeddings)) {
    $r = $t->http('POST', "/v1/$path", key => $key,
        body => { model => 'sonnet', prompt => 'x' });
    is_error($r, 404, 'endpoint_not_found', $path);
    like($r->json->{error}{message}, qr{/v1/chat/completions},
        "$path: what to call instead");
}

$t->finish;
