#!/usr/bin/perl

# The module's variables, as log_format, map, limit_conn, hash and add_header
# see them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bob = $t->add_key("b\x{c3}\x{b6}b \"quoted\"");
my @answers = (
    midway => sub {
        my ($r) = @_;
        $r->start;
        $r->text('part');
        $r->cut;
    },
    refuse => sub { $_[0]->error(429, 'rate_limit_error') },
    length => sub { my ($r) = @_; $r->start; $r->text('x');
        $r->finish('max_tokens') },
    call => sub { my ($r, $reason) = @_; $r->start; $r->text('x');
        $r->block_stop; $r->block('tool_use', id => 'toolu_1', name => 'f',
            input => {}); $r->finish($reason) },
    nothing => sub { my ($r, $reason) = @_; $r->start; $r->text('x');
        $r->finish($reason) },
    think => sub { my ($r) = @_; $r->start(cache_read_input_tokens => 100);
        $r->text('x'); $r->finish },
);
my @bridges = ($t->bridge(@answers), $t->bridge_at('b2'),
    $t->bridge_at('b3'));

$t->start(<<'EOC');
log_format ai escape=json '{"id":"$claude_key_id","name":"$claude_key_name",'
    '"model":"$claude_model","upstream":"$claude_upstream_model",'
    '"prompt":"$claude_prompt_tokens",'
    '"completion":"$claude_completion_tokens","ttft":"$claude_ttft",'
    '"finish":"$claude_finish_reason","error":"$claude_error",'
    '"limit":"$claude_limit_status","conversation":"$claude_conversation",'
    '"status":"$status","uri":"$uri","at":"$upstream_addr"}';
claude_limit_zone $binary_remote_addr zone=few:1m rate=1r/m;
upstream several {
    hash $claude_conversation consistent;
    server unix:%%DIR%%/bridge/sock;
    server unix:%%DIR%%/b2/sock;
    server unix:%%DIR%%/b3/sock;
}
server {
    listen %%ADDR%%;
    access_log %%DIR%%/ai.log ai;
    location /v1/ { claude_pass bridge; claude_model mine opus; }
    location /few/ { claude_limit zone=few burst=1; claude_pass bridge; }
    location /several/ { claude_pass several; }
    location /plain { return 200 "plain\n"; }
}
EOC

# the log line of a request, once it is there
my $lines = 0;
sub logged {
    my ($r) = @_;
    my @lines = @{ wait_until(sub {
        my @got = split /\n/, read_file($t->dir . '/ai.log') // '';
        return @got > $lines ? \@got : undef;
    }, 'a log line') };
    is(@lines - $lines, 1, 'one line') if @lines - $lines != 1;
    $lines = @lines;
    return json_decode($lines[-1]);
}

my $stream = sub {
    my $c = $t->stream(@_, key => $key);
    $c->head;
    my @events = $c->events;
    $c->close;
    return @events;
};

# an answer

my $r = $t->chat('hi', key => $key, fields => { model => 'mine' });
my $line = logged();
is($line->{id}, $t->keys->id($key), '$claude_key_id');
is($line->{name}, 'alice', '$claude_key_name');
is($line->{model}, 'mine', '$claude_model');
like($line->{upstream}, qr/opus/, '$claude_upstream_model');
is($line->{prompt}, $r->json->{usage}{prompt_tokens},
    '$claude_prompt_tokens');
is($line->{completion}, $r->json->{usage}{completion_tokens},
    '$claude_completion_tokens');
like($line->{ttft}, qr/^\d+(\.\d+)?$/, '$claude_ttft');
is($line->{finish}, 'stop', '$claude_finish_reason');
is($line->{error}, '', '$claude_error of a good answer');
is($line->{limit}, '', '$claude_limit_status without a limit');
like($line->{conversation}, qr/^[0-9a-f]{16,}$/, '$claude_conversation');

$stream->('hi');
my $streamed = logged();
is($streamed->{completion}, 7, 'tokens of a stream, usage asked for or not');
is($streamed->{finish}, 'stop', 'its finish_reason');
like($streamed->{ttft}, qr/^\d+(\.\d+)?$/, 'its time to the first token');
$stream->('[[length]]');
is(logged()->{finish}, 'length', 'another finish_reason');

# why it ended: what a chat completion says, whichever API is spoken

my %function = (name => 'f', parameters => { type => 'object' });
my @tools = (tools => [{ type => 'function', function => \%function }]);
for (['[[call tool_use]]', 'tool_calls', 'a call'],
    ['[[call end_turn]]', 'tool_calls', 'one after which all is said'],
    ['[[call max_tokens]]', 'length', 'one that was cut'],
    ['[[nothing refusal]]', 'content_filter', 'a refusal'],
    ['[[nothing pause_turn]]', 'length', 'a pause'],
    ['[[nothing stop_sequence]]', 'stop', 'a stop sequence'])
{
    my ($ask, $reason, $name) = @$_;
    is($t->chat($ask, key => $key, fields => {@tools})
        ->json->{choices}[0]{finish_reason}, $reason, "$name: the answer");
    is(logged()->{finish}, $reason, "$name: the log");
    $stream->($ask, fields => {@tools});
    is(logged()->{finish}, $reason, "$name: streamed");
    $t->http('POST', '/v1/messages', key => $key, body => {
        model => 'sonnet', max_tokens => 9, messages => [
            { role => 'user', content => $ask }],
        tools => [{ name => 'f', input_schema => { type => 'object' } }] });
    is(logged()->{finish}, $reason, "$name: of the Messages API");
    $t->http('POST', '/v1/responses', key => $key, body => {
        model => 'sonnet', input => $ask,
        tools => [{ type => 'function', %function }] });
    is(logged()->{finish}, $reason, "$name: of the Responses API");
}
is($t->chat('[[call tool_use]]', key => $key,
    fields => { functions => [\%function] })
    ->json->{choices}[0]{finish_reason}, 'function_call', 'the old way');
is(logged()->{finish}, 'tool_calls', 'is a call too');
is($t->chat('[[nothing tool_use]]', key => $key)->{status}, 502,
    'an end for a call that is none is no answer');
is(logged()->{finish}, '', 'and has no reason');
$stream->('[[nothing tool_use]]');
is(logged()->{finish}, '', 'streamed it has none either');

$t->chat('[[think]]', key => $key);
is(logged()->{prompt}, 111, 'tokens of a cache count');

# errors

$stream->('[[midway]]');
$line = logged();
is($line->{status}, 200, 'a stream that broke has status 200');
is($line->{error}, 'bad_gateway', 'and $claude_error');
is($line->{finish}, '', 'and no finish_reason');
$t->chat('[[refuse]]', key => $key);
is(logged()->{error}, 'rate_limit_exceeded', 'a refusal of the bridge');
$t->http('GET', '/v1/models');
$line = logged();
is($line->{error}, 'missing_api_key', 'no key');
is($line->{id}, '', 'has no id');
$t->http('POST', '/v1/chat/completions', key => $key, body => '{');
$line = logged();
is($line->{error}, 'invalid_json', 'bad JSON');
is($line->{id}, $t->keys->id($key), 'of a known key');
is($line->{model}, '', 'and no model');
$t->chat('hi', key => $key, fields => { model => "evil\n\"name" });
$line = logged();
is($line->{error}, 'model_not_found', 'an unknown model');
unlike(read_file($t->dir . '/ai.log'), qr/evil\n/,
    'logged by its name, it makes no second line');
$t->chat('hi', key => $key, fields => { model => 'm' x 100_000 });
cmp_ok(length logged()->{model}, '<', 1000, 'a long name is not logged');

# the limit

$t->http('GET', '/few/models', key => $key);
is(logged()->{limit}, 'PASSED', '$claude_limit_status: PASSED');
$t->http('GET', '/few/models', key => $key);
$line = logged();
is($line->{limit}, 'REJECTED', '$claude_limit_status: REJECTED');
is($line->{error}, 'rate_limit_exceeded', 'and the error');

# where there is nothing to say

$t->http('GET', '/v1/models', key => $bob);
$line = logged();
is($line->{name}, "b\x{f6}b \"quoted\"", 'any name');
is_deeply([@$line{qw(model upstream prompt completion ttft finish)}],
    [('') x 6], 'no model, no tokens');
$t->http('GET', '/plain', key => $key);
is(logged()->{id}, '', 'nor a key where none is checked');

# a conversation goes to one bridge, whatever else it is behind

sub turn {
    my ($key, $first, @more) = @_;
    $t->chat({ model => 'sonnet', messages => [
        { role => 'user', content => $first }, @more ] }, key => $key,
        uri => '/several/chat/completions');
    my $line = logged();
    return @$line{qw(conversation at)};
}
my ($hash, $at) = turn($key, 'first question');
for my $more (1 .. 3) {
    my @turns = map { ({ role => 'assistant', content => "answer $_" },
        { role => 'user', content => "question $_" }) } 1 .. $more;
    is_deeply([turn($key, 'first question', @turns)], [$hash, $at],
        "turn $more goes where the first went");
}
my ($foreign) = turn($bob, 'first question');
isnt($foreign, $hash, 'the same words under another key are another one');
my %where = map { (turn($key, "question $_"))[1] => 1 } 1 .. 12;
cmp_ok(scalar keys %where, '>', 1, 'conversations are spread');

$t->allow(qr/upstream/);
$t->finish;
