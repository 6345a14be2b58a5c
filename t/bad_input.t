#!/usr/bin/perl

# Requests that are wrong: each gets its status and an OpenAI error body,
# reaches no bridge, and leaves connection and worker sound.

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
    client_max_body_size 2m;
    client_body_timeout 1s;
    location /v1/ { claude_pass bridge; }
    location /unbounded/ { client_max_body_size 0; claude_pass bridge; }
    location /small/ { client_max_body_size 1k; claude_pass bridge; }
}
EOC
my %workers = map { $_ => 1 } $t->workers;

my $post = 'POST /v1/chat/completions HTTP/1.1';
my $uri = '/v1/chat/completions';

# a body as bytes
sub body {
    my ($body, $status, $code, $name, %more) = @_;
    is_refused_early($t, $t->request('POST', $uri, key => $key,
        body => $body, %more), $status, $code, $name, %more);
}

# a body as data: a sound one with these fields
sub fields {
    my ($name, $code, $param, %fields) = @_;
    my $body = $t->chat_body('hi', %fields);
    my $status = ($code // '') eq 'model_not_found' ? 404 : 400;
    body(json_encode($body), $status, $code, $name,
        defined $param ? (param => $param) : ());
}

# the same in the text of JSON, for what Perl can't write
sub raw_fields {
    my ($name, $code, $param, $json) = @_;
    body('{"model":"sonnet","messages":[{"role":"user","content":"hi"}],'
        . "$json}", 400, $code, $name,
        defined $param ? (param => $param) : ());
}

sub messages {
    my ($name, $messages, %more) = @_;
    body(json_encode({ model => 'sonnet', messages => $messages }), 400,
        $more{code}, $name, param => qr/^messages\b/, %more);
}

# no JSON

my $good = json_encode($t->chat_body('hi'));
is_refused_early($t, $t->request('POST', $uri, key => $key, headers =>
    ['Content-Type: application/json']), 400, 'invalid_json',
    'no body and no length');
body('', 400, 'invalid_json', 'an empty body');
body('   ', 400, 'invalid_json', 'nothing but spaces');
body('hello', 400, 'invalid_json', 'not JSON');
body('[]', 400, 'invalid_json', 'an array');
body('"text"', 400, 'invalid_json', 'a string');
body('null', 400, 'invalid_json', 'null');
body('17', 400, 'invalid_json', 'a number');
body(substr($good, 0, -1), 400, 'invalid_json', 'truncated at the end');
body(substr($good, 0, length($good) / 2), 400, 'invalid_json',
    'truncated in the middle');
body("$good x", 400, 'invalid_json', 'with trailing bytes');
body("$good$good", 400, 'invalid_json', 'two documents');
body("\xef\xbb\xbf$good", 400, 'invalid_json', 'with a byte order mark');
body(substr($good, 0, -1) . ',}', 400, 'invalid_json', 'a trailing comma');
body($good =~ s/"/'/gr, 400, 'invalid_json', 'single quotes');
body('{"a":1,' x 10, 400, 'invalid_json', 'keys without values');
body(('[' x 300_000) . (']' x 300_000), 400, 'invalid_json',
    'nested 300,000 deep');
body(('{"a":' x 300_000) . '1' . ('}' x 300_000), 400, 'invalid_json',
    'objects nested 300,000 deep');
body('[' . '1,' x 500_000 . '1]', 400, 'invalid_json', 'a megabyte of 1,');

my $r = $t->http('POST', $uri, key => $key, body => '{"model": @nonsense}');
like($r->error('message'), qr/\b10\b/, 'the message gives the byte offset');
unlike($r->{body}, qr/nonsense/, 'and quotes nothing');

# no UTF-8

my %bytes = ('an overlong NUL' => "\xc0\x80", 'a surrogate' => "\xed\xa0\x80",
    'above U+10FFFF' => "\xf4\x90\x80\x80", 'a lone continuation' => "\x80",
    'a cut sequence' => "\xe2\x82", 'Latin-1' => "caf\xe9",
    'an overlong slash' => "\xc0\xaf", 'FF' => "\xff");
for my $name (sort keys %bytes) {
    body($good =~ s/hi/$bytes{$name}/r, 400, 'invalid_json',
        "bad UTF-8: $name");
}
body($good =~ s/hi/\\ud800/r, 400, 'invalid_json', 'a lone high surrogate');
body($good =~ s/hi/\\udc00/r, 400, 'invalid_json', 'a lone low surrogate');
body($good =~ s/hi/\\ud800\\u0041/r, 400, 'invalid_json',
    'a high surrogate before a letter');
body($good =~ s/hi/\\x41/r, 400, 'invalid_json', 'an unknown escape');
body($good =~ s/hi/a\nb/r, 400, 'invalid_json', 'a bare line feed');
body($good =~ s/hi/a\0b/r, 400, 'invalid_json', 'a bare NUL');

# numbers and names

raw_fields('1e999', undef, undef, '"temperature":1e999');
raw_fields('a number with a leading zero', 'invalid_json', undef,
    '"max_tokens":01');
raw_fields('NaN', 'invalid_json', undef, '"max_tokens":NaN');
raw_fields('a number too large for any', undef, 'max_tokens',
    '"max_tokens":99999999999999999999999999');
body('{"messages":[],' . substr($good, 1), 400, 'invalid_json',
    'duplicate messages');
body('{"model":"opus",' . substr($good, 1), 400, 'invalid_json',
    'duplicate model');
body('{"mess\u0061ges":[],' . substr($good, 1), 400, 'invalid_json',
    'duplicate messages, one with an escape');
body($good =~ s/"messages"/"messages\\u0000"/r, 400, undef,
    'a NUL in a name');

# messages

body('{"model":"sonnet"}', 400, 'invalid_messages', 'no messages',
    param => 'messages');
messages('messages: null', undef, code => 'invalid_messages',
    param => 'messages');
messages('messages: a string', 'hi', code => 'invalid_messages',
    param => 'messages');
messages('messages: an object', {}, code => 'invalid_messages',
    param => 'messages');
messages('messages: empty', [], code => 'invalid_messages',
    param => 'messages');
messages('messages: of strings', ['hi']);
messages('messages: of null', [undef]);
messages('a message without role', [{ content => 'hi' }]);
messages('an unknown role', [{ role => 'god', content => 'hi' }]);
messages('a role that is a number', [{ role => 1, content => 'hi' }]);
messages('a message without content', [{ role => 'user' }]);
messages('content: null', [{ role => 'user', content => undef }]);
messages('content: a number', [{ role => 'user', content => 5 }]);
messages('content: an object', [{ role => 'user', content => {} }]);
messages('content: no parts', [{ role => 'user', content => [] }]);
messages('nothing but a system message',
    [{ role => 'system', content => 'x' }]);
messages('a part that is a string', [{ role => 'user', content => ['x'] }]);

sub part {
    my ($name, $part, %more) = @_;
    messages($name, [{ role => 'user', content => [$part] }], %more);
}
part('a part of no type', { text => 'x' });
part('a part of an unknown type', { type => 'video' });
part('a text part without text', { type => 'text' });
part('a text part of a number', { type => 'text', text => 1 });
part('an image part without image', { type => 'image_url' });
part('an image part of a string', { type => 'image_url', image_url => 'x' });

sub image {
    my ($name, $url) = @_;
    part($name, { type => 'image_url', image_url => { url => $url } });
}
image('an image that is not base64', 'data:image/png;base64,@@@@');
image('an image of broken base64', 'data:image/png;base64,QUJ');
image('an empty image', 'data:image/png;base64,');
image('an image that says no base64', 'data:image/png,abcd');
image('an image of a type that no model sees',
    'data:image/tiff;base64,QUJD');
image('no image', 'data:text/plain;base64,QUJD');
image('an image over plain http', 'http://a.test/a.png');
image('an image from a file', 'file:///etc/passwd');
image('an image from nowhere', '');

# fields

fields('an unknown model', 'model_not_found', 'model',
    model => 'gpt-oss-999');
fields('a model that is a number', 'invalid_type', 'model', model => 5);
fields('a model that is empty', 'model_not_found', 'model', model => '');
body(json_encode({ messages => [{ role => 'user', content => 'hi' }] }),
    400, 'missing_required_parameter', 'no model', param => 'model');
fields('n: 2', undef, 'n', n => 2);
fields('n: 0', undef, 'n', n => 0);
fields('logprobs', undef, 'logprobs', logprobs => JSON::PP::true);
fields('audio', undef, 'modalities', modalities => ['text', 'audio']);
fields('stream: a string', 'invalid_type', 'stream', stream => 'yes');
fields('stream_options: a string', 'invalid_type', 'stream_options',
    stream_options => 'x');
for my $name (qw(max_tokens max_completion_tokens)) {
    fields("$name: 0", 'invalid_value', $name, $name => 0);
    fields("$name: -1", 'invalid_value', $name, $name => -1);
    fields("$name: 1.5", undef, $name, $name => 1.5);
    fields("$name: a string", 'invalid_type', $name, $name => '10');
}
fields('temperature: -0.1', 'invalid_value', 'temperature',
    temperature => -0.1);
fields('temperature: 2.1', 'invalid_value', 'temperature',
    temperature => 2.1);
fields('temperature: a string', 'invalid_type', 'temperature',
    temperature => 'hot');
fields('top_p: 1.5', 'invalid_value', 'top_p', top_p => 1.5);
fields('top_p: -1', 'invalid_value', 'top_p', top_p => -1);
fields('stop: five', undef, qr/^stop\b/, stop => ['a' .. 'e']);
fields('stop: a number', 'invalid_type', 'stop', stop => 5);
fields('stop: of numbers', undef, undef, stop => [1]);
fields('reasoning_effort: much', 'invalid_value', 'reasoning_effort',
    reasoning_effort => 'much');

# what can't be had is refused by name, never silently left out

my $tool = { type => 'function', function => { name => 'f' } };
fields('a tool of another type', 'unsupported_parameter', 'tools[0].type',
    tools => [{ type => 'web_search' }]);
fields('a tool without a name', 'missing_required_parameter',
    'tools[0].function.name', tools => [{ type => 'function',
    function => {} }]);
fields('a tool twice', 'invalid_value', 'tools[1].function.name',
    tools => [$tool, $tool]);
fields('a choice that is none', 'invalid_value', 'tool_choice',
    tools => [$tool], tool_choice => { type => 'function',
    function => { name => 'g' } });
fields('functions beside tools', 'invalid_value', 'functions',
    tools => [$tool], functions => [{ name => 'g' }]);
fields('response_format: a grammar', 'invalid_value', 'response_format.type',
    response_format => { type => 'grammar' });
fields('response_format: json_schema without a name',
    'missing_required_parameter', 'response_format.json_schema.name',
    response_format => { type => 'json_schema', json_schema =>
    { schema => {} } });
messages('a result without its call', [{ role => 'user', content => 'hi' },
    { role => 'tool', tool_call_id => 'a', content => 'x' }]);
messages('a call without its result', [{ role => 'user', content => 'hi' },
    { role => 'assistant', content => undef, tool_calls => [{ id => 'a',
    type => 'function', function => { name => 'f', arguments => '{}' } }] },
    { role => 'user', content => 'x' }]);
part('audio input', { type => 'input_audio', input_audio =>
    { data => 'QUJD', format => 'wav' } });
part('a file of another server',
    { type => 'file', file => { file_id => 'x' } });

# method, path, type, size

sub asked {
    my ($method, $path, $status, $code, $name, %opt) = @_;
    is_refused_early($t, $t->request($method, $path, key => $key, %opt),
        $status, $code, $name);
}
asked('GET', $uri, 405, 'method_not_allowed', 'GET of a chat');
asked('PUT', $uri, 405, undef, 'PUT of a chat', body => $good);
asked('DELETE', $uri, 405, undef, 'DELETE of a chat');
asked('POST', '/v1/models', 405, undef, 'POST of models', body => $good);
is($t->http('GET', $uri, key => $key)->header('allow'), 'POST',
    'a 405 says what is allowed');
like($t->http('POST', '/v1/models', key => $key, body => '{}')
    ->header('allow'), qr/\bGET\b/, 'for models too');
asked('GET', '/v1/', 404, 'endpoint_not_found', 'the root');
asked('GET', '/v1/nothing', 404, 'endpoint_not_found', 'an unknown path');
asked('POST', '/v1/chat', 404, 'endpoint_not_found', 'half a path',
    body => $good);
asked('POST', "$uri/x", 404, 'endpoint_not_found', 'more than a path',
    body => $good);
asked('POST', '/v1/completions', 404, 'endpoint_not_found',
    'the old completions', body => $good);
asked('POST', '/v1/embeddings', 404, 'endpoint_not_found', 'embeddings',
    body => $good);
asked('POST', $uri, 415, 'unsupported_media_type', 'a form', body => 'a=b',
    type => 'application/x-www-form-urlencoded');
asked('POST', $uri, 415, undef, 'plain text', body => $good,
    type => 'text/plain');
asked('POST', $uri, 415, undef, 'a type that begins like JSON',
    body => $good, type => 'application/jsonp');
is_chat($t->http('POST', $uri, key => $key, body => $good,
    type => 'Application/JSON ; charset=utf-8'), 'Hello world',
    'a content type with parameters');
is_chat($t->http('POST', $uri, key => $key, body => $good, type => undef),
    'Hello world', 'no content type is taken for JSON');

is_error($t->http('POST', $uri, key => $key,
    body => '{' . ' ' x (2 << 20) . '}'), 413, 'request_too_large',
    'a body over the limit');
is_error($t->http('POST', '/small/chat/completions', key => $key,
    body => '{' . ' ' x 2000 . '}'), 413, 'request_too_large',
    "over the location's limit");

is_error($t->http('POST', '/unbounded/chat/completions', key => $key,
    body => '{"a":"' . 'x' x (65 << 20) . '"}'), 413, undef,
    'client_max_body_size 0 is 64 MB');

my $hits = $bridge->hits;
is($hits, 2, 'nothing but the good ones reached the bridge');

# chunked and slow bodies

sub chunked {
    my ($size, $body, $end) = @_;
    my $text = '';
    while (length $body) {
        my $piece = substr $body, 0, $size, '';
        $text .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }
    return $text . ($end // "0\r\n\r\n");
}
my $head = "$post\r\nHost: a\r\nAuthorization: Bearer $key\r\n"
    . "Content-Type: application/json\r\n";
my $coded = "${head}Transfer-Encoding: chunked\r\n\r\n";

sub answer_to {
    my (@pieces) = @_;
    my $c = $t->connect;
    $c->send($_) || last for @pieces;
    my $answer = $c->response;
    $c->close;
    return $answer;
}

is_chat(answer_to($coded . chunked(7, $good)), 'Hello world',
    'a chunked body');
is_chat(answer_to($coded, (map { chunked(1, $_, '') } split //, $good),
    "0\r\n\r\n"), 'Hello world', 'in chunks of one byte');
is_chat(answer_to($coded . chunked(9, $good, "0\r\nX-Trailer: 1\r\n\r\n")),
    'Hello world', 'with a trailer');
is_error(answer_to($coded . "0\r\n\r\n"), 400, 'invalid_json',
    'a chunked body of nothing');
is_error(answer_to($coded . "zz\r\n"), 400, undef, 'chunks that are none');
is_error(answer_to($coded . 'ffffffffffffffffff' . "\r\n"), 400, undef,
    'a chunk whose size overflows');
is_error(answer_to($coded . chunked(65536, ' ' x (3 << 20))), 413, undef,
    'a chunked body over the limit');

my $length = "${head}Content-Length: " . length($good) . "\r\n\r\n";
is_chat(answer_to($length, split //, $good), 'Hello world',
    'a body byte by byte');
my $given_up = answer_to($length, substr $good, 0, 20);
is($given_up ? $given_up->{status} : 408, 408,
    'a body that stops is given up');

my $large = json_encode($t->chat_body('x' x 1_500_000));
is_chat(answer_to($head . 'Content-Length: ' . length($large) . "\r\n\r\n"
    . $large), 'Hello world', 'a body of 1.5 MB');
is(length $bridge->last_body->{messages}[0]{content}, 1_500_000,
    'arrives whole') unless ref $bridge->last_body->{messages}[0]{content};

my $gone = $t->connect;
$gone->send($length . substr $good, 0, 20);
$gone->reset;

is_chat($t->http('POST', $uri, key => $key, body => $good), 'Hello world',
    'the next one is answered as if nothing had happened');
is_deeply({ map { $_ => 1 } $t->workers }, \%workers,
    'by the workers of the beginning');

$t->allow(qr/client (?:sent|intended)/);
$t->finish;
