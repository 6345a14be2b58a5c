#!/usr/bin/perl

# A bridge that misbehaves: whatever it sends, the client gets an error before
# the headers, an in-band error after them, never something that looks
# finished, and nothing of the bridge's own headers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Compress::Zlib ();
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');

# answers that the client must not take for one: each is written after the
# headers and a first delta (midway), or in their place (first)
my %first = (
    close_at_once => sub { $_[0]->cut },
    half_a_status => sub { $_[0]->raw('HTTP/1.1 2'); $_[0]->cut },
    half_a_header => sub {
        $_[0]->raw("HTTP/1.1 200 OK\r\nContent-Ty"); $_[0]->cut },
    no_http => sub { $_[0]->raw("nonsense\r\n\r\n"); $_[0]->cut },
    ssh => sub { $_[0]->raw("SSH-2.0-OpenSSH_9.2\r\n"); $_[0]->cut },
    bad_header => sub {
        $_[0]->raw("HTTP/1.1 200 OK\r\nbad\0header: x\r\n\r\n");
        $_[0]->cut },
    long_header => sub {
        $_[0]->raw("HTTP/1.1 200 OK\r\nX-A: " . 'a' x 200_000);
        $_[0]->hold },
    no_body => sub { $_[0]->head(200, 'Content-Type' =>
        'text/event-stream', 'Content-Length' => 0) },
    nothing => sub { $_[0]->stream_head; $_[0]->end },
    html => sub { $_[0]->head(200, 'Content-Type' => 'text/html',
        'Content-Length' => 5); $_[0]->raw('<p>hi') },
    json => sub { $_[0]->head(200, 'Content-Type' => 'application/json',
        'Content-Length' => 2); $_[0]->raw('{}') },
    two_lengths => sub { $_[0]->head(200, 'Content-Type' =>
        'text/event-stream', 'Content-Length' => 10, 'Content-Length' => 20);
        $_[0]->raw('x' x 20) },
    bad_length => sub { $_[0]->head(200, 'Content-Type' =>
        'text/event-stream', 'Content-Length' => '12x'); $_[0]->cut },
    started_in_the_middle => sub { $_[0]->stream_head; $_[0]{index} = 0;
        $_[0]->text('x'); $_[0]->finish },
    zip => sub {
        my ($r) = @_;
        my $text = Compress::Zlib::memGzip('event: ping');
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Content-Encoding' => 'gzip', 'Content-Length' => length $text);
        $r->raw($text);
    },
);

my %midway = (
    close => sub { $_[0]->cut },
    truncate => sub { $_[0]->end },
    truncate_in_a_line => sub { $_[0]->body('data: {"type":"conte');
        $_[0]->end },
    no_stop_reason => sub { $_[0]->block_stop;
        $_[0]->event('message_stop', {}); $_[0]->end },
    null_stop_reason => sub {
        my ($r) = @_;
        $r->block_stop;
        $r->event('message_delta', { delta => { stop_reason => undef },
            usage => { output_tokens => 1 } });
        $r->event('message_stop', {});
        $r->end;
    },
    no_message_stop => sub {
        my ($r) = @_;
        $r->block_stop;
        $r->event('message_delta', { delta => { stop_reason => 'end_turn' },
            usage => { output_tokens => 1 } });
        $r->end;
    },
    not_json => sub { $_[0]->body("data: nonsense\n\n"); $_[0]->finish },
    half_json => sub { $_[0]->body(qq(data: {"type":"ping"\n\n));
        $_[0]->finish },
    array => sub { $_[0]->body("data: []\n\n"); $_[0]->finish },
    bad_utf8 => sub { $_[0]->body(qq(data: {"type":"content_block_delta",)
        . qq("index":0,"delta":{"type":"text_delta","text":"\xff\xfe"}}\n\n));
        $_[0]->finish },
    bad_escape => sub { $_[0]->body(qq(data: {"type":"content_block_delta",)
        . qq("index":0,"delta":{"type":"text_delta","text":"a\\q"}}\n\n));
        $_[0]->finish },
    deep => sub { $_[0]->body('data: ' . '[' x 100_000 . "\n\n");
        $_[0]->finish },
    second_start => sub { $_[0]->body($_[0]->message_start);
        $_[0]->finish },
    other_block => sub { local $_[0]{index} = 7; $_[0]->text('x');
        $_[0]->finish },
    long_line => sub {
        my ($r) = @_;
        $r->body('data: ');
        $r->body('a' x 1_000_000) || last for 1 .. 10;
        $r->body("\n\n");
        $r->finish;
    },
    long_event => sub { $_[0]->text('x' x 2_000_000); $_[0]->finish },
    bad_chunk => sub { $_[0]->raw("zz\r\n"); $_[0]->cut },
    huge_chunk => sub { $_[0]->raw("ffffffffffffffff\r\nabc");
        $_[0]->cut },
    chunk_too_long => sub { $_[0]->raw("3\r\nabcdef\r\n0\r\n\r\n");
        $_[0]->cut },
);

# answers in a form that is unusual and sound
sub plain {
    my ($r, $ending) = @_;
    $r->{chunked} = 0;
    my @parts = ($r->message_start);
    $r->{index} = 0;
    push @parts, $r->event_text('content_block_start', { index => 0,
        content_block => { type => 'text', text => '' } }),
        $r->delta_text('plain'),
        $r->event_text('content_block_stop', { index => 0 }),
        $r->event_text('message_delta', { delta =>
            { stop_reason => 'end_turn' }, usage => { output_tokens => 3 } }),
        $r->event_text('message_stop', {});
    return join '', @parts;
}

my %sound = (
    with_length => sub {
        my ($r) = @_;
        my $text = plain($r);
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Content-Length' => length $text);
        $r->raw($text);
    },
    until_close => sub {
        my ($r) = @_;
        $r->head(200, 'Content-Type' => 'text/event-stream');
        $r->raw(plain($r));
        $r->cut;
    },
    with_continue => sub {
        my ($r) = @_;
        $r->raw("HTTP/1.1 100 Continue\r\n\r\n");
        my $text = plain($r);
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Content-Length' => length $text);
        $r->raw($text);
    },
    http10 => sub {
        my ($r) = @_;
        $r->raw("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            . plain($r));
        $r->cut;
    },
    chunk_extension => sub {
        my ($r) = @_;
        my $text = plain($r);
        $r->head(200, 'Content-Type' => 'text/event-stream; charset=utf-8',
            'Transfer-Encoding' => 'chunked');
        $r->raw(sprintf "%x;a=b\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n",
            length $text, $text);
    },
    byte_by_byte => sub {
        my ($r) = @_;
        my $text = plain($r);
        $r->raw($_) for split //, "HTTP/1.1 200 OK\r\n"
            . "Content-Type: text/event-stream\r\nContent-Length: "
            . length($text) . "\r\n\r\n$text";
    },
    no_event_lines => sub {
        my ($r) = @_;
        my $text = plain($r) =~ s/^event: .*\n//gmr;
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Content-Length' => length $text);
        $r->raw($text);
    },
    close_header => sub {
        my ($r) = @_;
        my $text = plain($r);
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Connection' => 'close', 'Content-Length' => length $text);
        $r->raw($text);
        $r->cut;
    },
    more_after_the_end => sub {
        my ($r) = @_;
        my $text = plain($r) . "event: ping\ndata: {\"type\":\"ping\"}\n\n";
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'Content-Length' => length $text);
        $r->raw($text);
    },
);

my $bridge = $t->bridge(
    (map { ("first_$_" => $first{$_}) } keys %first),
    (map { my $name = $_; ("midway_$_" => sub {
        my ($r) = @_;
        $r->start;
        $r->text('part');
        $midway{$name}->($r);
    }) } keys %midway),
    (map { ("sound_$_" => $sound{$_}) } keys %sound),
    headers => sub {
        my ($r) = @_;
        my $text = plain($r);
        $r->head(200, 'Content-Type' => 'text/event-stream',
            'X-Accel-Redirect' => '/secret', 'Set-Cookie' => 'a=b',
            'X-Accel-Buffering' => 'yes', 'X-Accel-Expires' => '100',
            'X-Accel-Limit-Rate' => '1', 'Location' => 'http://evil/',
            'Refresh' => '0; url=http://evil/', 'Server' => 'bridge/1',
            'X-Powered-By' => 'bridge', 'Access-Control-Allow-Origin' => '*',
            'X-Frame-Options' => 'ALLOWALL', 'Content-Length' =>
            length $text);
        $r->raw($text);
    },
    error_headers => sub {
        $_[0]->error(400, 'invalid_request_error', 'X-Accel-Redirect' =>
            '/secret', 'Set-Cookie' => 'a=b', 'WWW-Authenticate' => 'evil');
    },
);

$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location /v1/ { claude_read_timeout 10s; claude_pass bridge; }
    location /secret { internal; return 200 "secret\n"; }
}
EOC

sub stream {
    my ($name) = @_;
    my $c = $t->stream("[[$name]]", key => $key);
    my $head = $c->head // return;
    if ($head->{status} != 200) {
        while (defined(my $piece = $c->data)) { $head->{body} .= $piece }
        $c->close;
        return $head;
    }
    my @events = $c->events;
    $c->close;
    return ($head, @events);
}

# whether nothing in these events says that the answer is whole
sub unfinished {
    my ($name, @events) = @_;
    my $last = @events && ref $events[-1] ? $events[-1]{error} : undef;
    my $good = $last && join(' ', sort keys %$last)
        eq 'code message param type';
    my @done = grep { !ref || ($_->{choices}
        && grep { defined $_->{finish_reason} } @{ $_->{choices} }) } @events;
    ok($good && !@done, $name) or diag explain \@events;
}

# no answer at all yet

for my $name (sort keys %first) {
    my ($r, @events) = stream("first_$name");
    is($r && $r->{status}, 502, 'a stream of no bytes is known to be none')
        if $name eq 'no_body';
    if ($r && $r->{status} == 200) {
        unfinished("$name, streamed: an error in the stream", @events);
    } else {
        is_error($r, 502, undef, "$name, streamed");
    }
    is_error($t->chat("[[first_$name]]", key => $key), 502, undef,
        "$name, whole");
}

# in the middle of one

for my $name (sort keys %midway) {
    my ($r, @events) = stream("midway_$name");
    is($r && $r->{status}, 200, "$name: the stream had begun");
    ok(!$r->{truncated}, "$name: its body ends in good order");
    unfinished("$name: and ends in an error", @events);
    is_error($t->chat("[[midway_$name]]", key => $key), 502, undef,
        "$name, whole");
}

# unusual, and right

for my $name (sort keys %sound) {
    is_chat($t->chat("[[sound_$name]]", key => $key), 'plain',
        "$name, whole");
    my ($r, @events) = stream("sound_$name");
    is($events[-1], '[DONE]', "$name, streamed");
}

# its headers

my $r = $t->chat('[[headers]]', key => $key);
is_chat($r, 'plain', 'X-Accel-Redirect leads nowhere');
my ($head, @events) = stream('headers');
is($events[-1], '[DONE]', 'nor in a stream');
for my $answer ($r, $head, $t->chat('[[error_headers]]', key => $key)) {
    unlike($answer->{raw} =~ s/^X-Accel-Buffering: no\r$//mr,
        qr/evil|a=b|bridge|X-Accel|ALLOWALL|Access-C/i,
        "no header of the bridge is passed on ($answer->{status})");
    is($answer->header('x-frame-options'), 'DENY', "the module's own are");
}

is_chat($t->chat('hi', key => $key), 'Hello world',
    'after all of this the next one is answered');

# never twice

my %calls;
$calls{ $_->{body} =~ /\[\[(\w+)/ ? $1 : 'hello' }++ for $bridge->calls;
is_deeply([grep { $calls{$_} != 2 } grep { /^(first|midway)_/ }
    sort keys %calls], [], 'no call was made a second time');

$t->allow(qr/upstream/, qr/claude/);
$t->finish;
