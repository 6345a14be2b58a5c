#!/usr/bin/perl

# Streams: each delta goes on as it comes, and every chunk has the form that
# OpenAI's clients check.

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
my $true = JSON::PP::true;

my $bridge = $t->bridge(
    step => sub {
        my ($r) = @_;
        $r->start;
        for my $n (1 .. 3) {
            $r->text("part$n ");
            $r->hold("step$n") or return;
        }
        $r->finish;
    },
    silent => sub {
        my ($r) = @_;
        $r->start;
        $r->hold('silence') or return;
        $r->text('at last');
        $r->finish;
    },
    waiting => sub {
        my ($r) = @_;
        $r->hold('headers') or return;
        $r->hello;
    },
    think => sub {
        my ($r) = @_;
        $r->stream_head;
        $r->body($r->message_start(cache_read_input_tokens => 5,
            cache_creation_input_tokens => 2));
        $r->block('thinking', thinking => '', signature => '');
        $r->event('content_block_delta', { index => 0,
            delta => { type => 'thinking_delta', thinking => 'Hm, "so".' } });
        $r->event('content_block_delta', { index => 0,
            delta => { type => 'signature_delta', signature => 'c2ln' } });
        $r->block_stop;
        $r->event('ping', {});
        $r->block('text', text => '');
        $r->text('Yes.');
        $r->finish('end_turn', output_tokens => 9,
            output_tokens_details => { thinking_tokens => 4 });
    },
    blocks => sub {
        my ($r) = @_;
        $r->start;
        $r->text('one');
        $r->block_stop;
        $r->block('text', text => 'two');
        $r->text('three');
        $r->finish;
    },
    reason => sub {
        my ($r, $reason) = @_;
        $r->start;
        $r->text('x');
        $r->finish($reason);
    },
    odd => sub {
        my ($r) = @_;
        $r->start;
        $r->event('content_block_delta', qq({ "index" : 0, "delta" : )
            . qq({ "text" : "\\u00e9\\ud83d\\ude00\\n\\"\\u0000\\/" , )
            . qq("type":"text_delta"}, "type" : "content_block_delta" }));
        $r->text("\x{e9}\x{1f600}\n\"\x{0}/");
        $r->event('something_new', { value => [1, 2] });
        $r->finish;
    },
    bytes => sub {
        my ($r) = @_;
        $r->stream_head;
        my $text = $r->message_start;
        $r->{index} = 0;
        $text .= $r->event_text('content_block_start', { index => 0,
            content_block => { type => 'text', text => '' } })
            . $r->delta_text("gr\x{fc}\x{1f600}") . $r->delta_text('end');
        $r->body($_) for split //, $text;
        $r->finish;
    },
    crlf => sub {
        my ($r) = @_;
        $r->stream_head;
        $r->{index} = 0;
        my $text = $r->message_start . $r->event_text('content_block_start',
            { index => 0, content_block => { type => 'text', text => '' } })
            . ": a comment\n\n" . $r->delta_text('line ends')
            . $r->event_text('content_block_stop', { index => 0 })
            . $r->event_text('message_delta', { delta =>
                { stop_reason => 'end_turn' },
                usage => { output_tokens => 2 } })
            . $r->event_text('message_stop', {});
        $r->body($text =~ s/\n/\r\n/gr);
        $r->end;
    },
    many => sub {
        my ($r, $n, $size) = @_;
        $r->start;
        $r->text('x' x $size) for 1 .. $n;
        $r->finish;
    },
);

$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /tiny/ { claude_buffer_size 1k; claude_pass bridge; }
    location = /only/chat/completions { claude_pass bridge; }
    location /ping/ { claude_ping 100ms; claude_pass bridge; }
}
EOC

sub events {
    my ($text, %opt) = @_;
    my $c = $t->stream($text, key => $key, %opt);
    $c->head // die "no answer\n";
    my @events = $c->events;
    $c->close;
    return @events;
}

sub text_of {
    my ($field, @events) = @_;
    return join '', map { ref $_ && @{ $_->{choices} }
        ? $_->{choices}[0]{delta}{$field} // '' : () } @events;
}

# each delta goes on by itself

my $c = $t->stream('[[step]]', key => $key);
my $head = $c->head;
is($head->{status}, 200, 'the stream begins');
like($head->header('content-type'), qr{^text/event-stream\b}, 'as SSE');
like($head->header('cache-control'), qr/no-(cache|store)/,
    'which nobody stores');
for my $n (1 .. 3) {
    my $event;
    do { $event = $c->event } until text_of('content', $event) ne '';
    is(text_of('content', $event), "part$n ",
        "part $n comes while the bridge holds the next");
    $bridge->open_gate("step$n");
}
my @rest = $c->events;
is($rest[-1], '[DONE]', 'then the stream ends');
$c->close;

# the form of chunks

my @events = events('hi');
is(pop @events, '[DONE]', 'the last line is [DONE]');
my %ids = map { $_->{id} => 1 } @events;
is(scalar keys %ids, 1, 'one id');
like((keys %ids)[0], qr/^chatcmpl-\S+$/, 'in its form');
my %created = map { $_->{created} => 1 } @events;
is(scalar keys %created, 1, 'one time');
is_deeply([grep { $_->{object} ne 'chat.completion.chunk' } @events], [],
    'every object is a chunk');
is_deeply([grep { $_->{model} ne 'sonnet' } @events], [],
    'every model the one asked for');
is_deeply([grep { @{ $_->{choices} } != 1 } @events], [],
    'every chunk has a choice when usage was not asked for');
is_deeply([grep { exists $_->{usage} && defined $_->{usage} } @events], [],
    'and no usage');
is_deeply($events[0]{choices}[0]{delta},
    { role => 'assistant', content => '' }, 'the first delta has the role');
is_deeply([grep { exists $_->{choices}[0]{delta}{role} }
    @events[1 .. $#events]], [], 'the others have not');
is_deeply([map { $_->{choices}[0]{finish_reason} } @events],
    [(undef) x $#events, 'stop'], 'finish_reason is in the last alone');
is_deeply([grep { !exists $_->{choices}[0]{finish_reason}
    || $_->{choices}[0]{index} != 0 } @events], [],
    'choices have index and finish_reason');
is(text_of('content', @events), 'Hello world', 'the text');

# usage

@events = events('hi', fields => { stream_options =>
    { include_usage => $true } });
pop @events;
my $usage = pop @events;
is_deeply($usage->{choices}, [], 'the usage chunk has no choice');
is($usage->{usage}{prompt_tokens}, 11, 'prompt_tokens');
is($usage->{usage}{completion_tokens}, 7, 'completion_tokens');
is($usage->{usage}{total_tokens}, 18, 'total_tokens');
is($events[-1]{choices}[0]{finish_reason}, 'stop', 'it comes last');
is_deeply([grep { !exists $_->{usage} || defined $_->{usage} } @events], [],
    'in all others usage is null');
is(scalar(events('hi', fields => { stream_options => undef })),
    scalar(events('hi')), 'stream_options may be null');

# what a model can say

@events = events('[[think]]', fields => { stream_options =>
    { include_usage => $true } });
is(text_of('reasoning_content', @events), 'Hm, "so".',
    'thoughts are reasoning_content');
is(text_of('content', @events), 'Yes.', 'and no content');
$usage = $events[-2]{usage};
is($usage->{prompt_tokens}, 18, 'the cache counts as prompt');
is($usage->{prompt_tokens_details}{cached_tokens}, 5, 'cached_tokens');
is($usage->{completion_tokens_details}{reasoning_tokens}, 4,
    'reasoning_tokens');
unlike(json_encode(\@events), qr/c2ln/, 'a signature is not passed on');

is(text_of('content', events('[[blocks]]')), 'onetwothree',
    'texts of several blocks follow each other');

my %reasons = (end_turn => 'stop', stop_sequence => 'stop',
    max_tokens => 'length', model_context_window_exceeded => 'length',
    refusal => 'content_filter');
for my $reason (sort keys %reasons) {
    @events = events("[[reason $reason]]");
    is($events[-2]{choices}[0]{finish_reason}, $reasons{$reason},
        "$reason is $reasons{$reason}");
    is($t->chat("[[reason $reason]]", key => $key)
        ->json->{choices}[0]{finish_reason}, $reasons{$reason},
        "$reason, not streamed");
}

# however it is written

my $tricky = "\x{e9}\x{1f600}\n\"\x{0}/";
is(text_of('content', events('[[odd]]')), $tricky x 2,
    'an event in another form says the same as in the usual one');
is_chat($t->chat('[[odd]]', key => $key), $tricky x 2, 'not streamed too');
is(text_of('content', events('[[bytes]]')), "gr\x{fc}\x{1f600}end",
    'a byte a chunk');
is_chat($t->chat('[[bytes]]', key => $key), "gr\x{fc}\x{1f600}end",
    'a byte a chunk, not streamed');
is(text_of('content', events('[[crlf]]')), 'line ends',
    'CR LF line ends and comments');
is(length text_of('content', events('[[many 2000 10]]')), 20000,
    '2,000 small deltas');
is(length text_of('content', events('[[many 8 200000]]')), 1600000,
    'large deltas');
is(length $t->chat('[[many 8 200000]]', key => $key)
    ->json->{choices}[0]{message}{content}, 1600000, 'not streamed');
is_error($t->chat('[[many 90 200000]]', key => $key), 502, undef,
    'a whole answer is bounded at 16 MB');

for my $how (['tiny', 'buffers of 1 KB'], ['only', 'an exact location']) {
    my $uri = "/$how->[0]/chat/completions";
    is(text_of('content', events('[[many 20 3000]]', uri => $uri)),
        'x' x 60_000, "$how->[1], streamed");
    is_chat($t->chat('[[many 20 3000]]', uri => $uri, key => $key),
        'x' x 60_000, "$how->[1], whole");
}

# silence

$c = $t->stream('[[silent]]', uri => '/ping/chat/completions', key => $key);
$c->head;
my $pings = 0;
while ($pings < 3) {
    my $event = $c->event;
    $pings++ if ref $event && $event->{comment};
}
is($pings, 3, 'pings come while the model is silent');
$bridge->open_gate('silence');
is(text_of('content', $c->events), 'at last', 'then the stream goes on');
$c->close;

$c = $t->stream('[[waiting]]', uri => '/ping/chat/completions', key => $key);
$bridge->open_gate('headers');
is($c->head->{status}, 200, 'no ping comes before the bridge has answered');
is(text_of('content', $c->events), 'Hello world', 'then all of it');
$c->close;

# one connection, many streams

$c = $t->connect;
for my $n (1 .. 5) {
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $t->chat_body('hi', stream => $n % 2 ? $true
            : JSON::PP::false)));
    $head = $c->head;
    if ($n % 2) {
        is(text_of('content', $c->events), 'Hello world', "stream $n");
        next;
    }
    while (defined(my $data = $c->data)) { $head->{body} .= $data }
    is_chat($head, 'Hello world', "answer $n on the same connection");
}
$c->close;

my %connections = map { $_->{pid} => 1 } $bridge->calls;
cmp_ok(scalar keys %connections, '<', $bridge->hits,
    'connections to the bridge are used again');

$t->allow(qr/upstream sent too|too (?:big|large)|upstream/);
$t->finish;
