#!/usr/bin/perl

# What the bridge refuses, and what the client hears of it: OpenAI's form, the
# meaning kept, nothing quoted, and never a second call.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');

my %types = (400 => 'invalid_request_error', 401 => 'authentication_error',
    403 => 'permission_error', 404 => 'not_found_error',
    413 => 'request_too_large', 429 => 'rate_limit_error',
    500 => 'api_error', 504 => 'timeout_error', 529 => 'overloaded_error');

my $bridge = $t->bridge(
    status => sub {
        my ($r, $status, @headers) = @_;
        $r->error($status, $types{$status} // 'api_error',
            map { split /=/ } @headers);
    },
    html => sub {
        my ($r, $status) = @_;
        my $body = '<html>canary-upstream-message</html>';
        $r->head($status, 'Content-Type' => 'text/html',
            'Content-Length' => length $body);
        $r->raw($body);
    },
    empty => sub {
        my ($r, $status) = @_;
        $r->head($status, 'Content-Length' => 0);
    },
    first => sub {
        my ($r, $type) = @_;
        $r->stream_head;
        $r->event('error', { error => { type => $type,
            message => 'canary-upstream-message' } });
        $r->end;
    },
    midway => sub {
        my ($r, $type) = @_;
        $r->start;
        $r->text('part');
        $r->event('error', { error => { type => $type,
            message => 'canary-upstream-message' } });
        $r->end;
    },
    slow => sub { $_[0]->hold },
    stall => sub {
        my ($r) = @_;
        $r->start;
        $r->text('part');
        $r->hold;
    },
    drop => sub { $_[0]->cut },
    steady => sub {
        my ($r) = @_;
        $r->start;
        for my $n (1 .. 8) {
            $r->text("$n ");
            $r->hold('never', 0.4);
        }
        $r->finish;
    },
);

$t->start(<<'EOC');
upstream refused { server unix:%%DIR%%/nothing; }
upstream second {
    server unix:%%DIR%%/nothing;
    server unix:%%DIR%%/bridge/sock;
}
upstream twice {
    server unix:%%DIR%%/bridge/sock max_fails=0;
    server unix:%%DIR%%/bridge/../bridge/sock max_fails=0;
}
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /refused/ { claude_pass refused; }
    location /second/ { claude_pass second; }
    location /twice/ { claude_read_timeout 2s; claude_pass twice; }
    location /explicit/ {
        claude_next_upstream error timeout;
        claude_read_timeout 2s;
        claude_pass twice;
    }
    location /short/ { claude_read_timeout 1s; claude_pass bridge; }
    location /longer/ { claude_read_timeout 2s; claude_pass bridge; }
}
EOC

# both kinds of answer fail alike while nothing has been sent; in_band: but a
# stream for which the bridge sent headers has status 200
sub fails {
    my ($text, $status, $code, $name, %opt) = @_;
    my $before = $bridge->hits;
    my @answers;

    for my $kind ('whole', 'stream') {
        my $c = $kind eq 'whole' ? $t->connect : $t->stream($text,
            key => $key, %opt);
        $c->send($t->request('POST', $opt{uri} // '/v1/chat/completions',
            key => $key, body => $t->chat_body($text))) if $kind eq 'whole';
        my $r = $c->response;
        if ($kind eq 'stream' && $opt{in_band}) {
            my ($data) = $r->{body} =~ /\Adata: (.*)\n\n\z/;
            is(json_decode($data // '{}')->{error}{code}, $code,
                "$name: in the stream, alone");
        } else {
            is_error($r, $status, $code, "$name, $kind");
        }
        unlike(($r->{raw} // '') . ($r->{body} // ''), qr/canary/,
            "$name, $kind: nothing of it is quoted");
        $c->close;
        push @answers, $r;
    }

    is($bridge->hits - $before, $opt{calls} // 2, "$name: one call each");
    return $answers[0];
}

my @table = (
    [400, 400, 'rejected_by_model'],
    [401, 401, 'credential_refused'],
    [403, 403, 'permission_denied'],
    [404, 404, 'model_not_found'],
    [413, 413, 'request_too_large'],
    [429, 429, 'rate_limit_exceeded'],
    [500, 502, 'upstream_error'],
    [503, 503, 'service_unavailable'],
    [504, 504, 'timeout'],
    [529, 503, 'overloaded'],
);

for my $row (@table) {
    my ($upstream, $status, $code) = @$row;
    fails("[[status $upstream]]", $status, $code, "$upstream of the bridge");
    my $type = $types{$upstream} // next;
    fails("[[first $type]]", $status, $code, "$type before any content",
        in_band => 1);
}

my $r = fails('[[status 429 retry-after=37]]', 429, 'rate_limit_exceeded',
    'a limit with retry-after');
is($r->header('retry-after'), 37, 'the time to wait is passed on');
$r = fails('[[status 529 retry-after=2]]', 503, 'overloaded',
    'a full queue');
is($r->header('retry-after'), 2, 'with the time to wait too');
$r = fails('[[status 429 retry-after=soon]]', 429, 'rate_limit_exceeded',
    'a limit with a time that is none');
unlike($r->{raw}, qr/soon/, 'which is not passed on');

fails('[[html 500]]', 502, undef, 'an HTML page for an error');
fails('[[html 404]]', 502, undef, 'an HTML page for a 404: a wrong address');
fails('[[empty 500]]', 502, undef, 'an error without body');
fails('[[status 302]]', 502, undef, 'a redirect');
fails('[[status 204]]', 502, undef, 'a status that says nothing');
fails('[[html 200]]', 502, undef, 'an HTML page for an answer');

# whether a client may try again

is($t->chat('[[status 400]]', key => $key)->header('x-should-retry'),
    'false', 'a refused request is not to be repeated');
is($t->chat('[[status 529]]', key => $key)->header('x-should-retry'),
    'true', 'an overloaded API may be asked again');
is($t->chat('hi', key => $key, uri => '/refused/chat/completions')
    ->header('x-should-retry'), 'true', 'so may a bridge that is not there');
is($t->chat('[[midway overloaded_error]]', key => $key)
    ->header('x-should-retry'), 'false',
    'an answer that had begun has been billed');
is($t->chat('[[drop]]', key => $key)->header('x-should-retry'), 'false',
    'one that was lost may have been');

# after the first delta

for my $type (qw(overloaded_error api_error authentication_error)) {
    my $c = $t->stream("[[midway $type]]", key => $key);
    is($c->head->{status}, 200, "$type midway: the stream had begun");
    my @events = $c->events;
    my $last = pop @events;
    is(ref $last && join(' ', sort keys %{ $last->{error} // {} }),
        'code message param type', 'it ends in an error with all fields');
    is(scalar(grep { !ref } @events), 0, 'and no [DONE]');
    is(scalar(grep { $_->{choices}[0]{finish_reason} } @events), 0,
        'and no finish_reason');
    unlike($c->{response}{body}, qr/canary/, 'and quotes nothing');
    $c->close;
    isnt($t->chat("[[midway $type]]", key => $key)->{status}, 200,
        'not streamed it is no answer');
}

# nobody there, and silence

fails('hi', 503, 'service_unavailable', 'no bridge',
    uri => '/refused/chat/completions', calls => 0);
is_chat($t->chat('hi', key => $key, uri => '/second/chat/completions'),
    'Hello world', 'a connection that fails goes to the next server')
    for 1 .. 2;
fails('[[slow]]', 504, 'timeout', 'a bridge that says nothing',
    uri => '/short/chat/completions');
for my $place (qw(twice explicit)) {
    my @uri = (uri => "/$place/chat/completions");
    fails('[[slow]]', 504, 'timeout',
        "$place: a timeout goes to no other server", @uri);
    fails('[[drop]]', 502, undef,
        "$place: a connection that is dropped goes to none", @uri);
}

my $c = $t->stream('[[stall]]', uri => '/short/chat/completions',
    key => $key);
$c->head;
my @events = $c->events;
ok(ref $events[-1] && $events[-1]{error}, 'a stream that stalls is ended');
$c->close;
is_error($t->chat('[[stall]]', uri => '/short/chat/completions',
    key => $key), 504, 'timeout', 'a whole answer that stalls is a 504');

is_chat($t->chat('[[steady]]', uri => '/longer/chat/completions',
    key => $key), '1 2 3 4 5 6 7 8 ',
    'the timeout is one of silence, not of the whole answer');

$bridge->stop_listening;
fails('hi', 503, 'service_unavailable', 'a bridge that has gone', calls => 0);
$bridge->listen;
is_chat($t->chat('hi', key => $key), 'Hello world',
    'and it is used again when it is back');

is(join(' ', sort { $a <=> $b } keys %{ { map { $_ => 1 }
    read_file($t->dir . '/access.log')
        =~ m{/refused/chat/completions HTTP/1.1" (\d+) }g } }), 503,
    'nginx logs the status that the client gets');

$t->allow(qr/upstream/, qr/no live upstreams/);
$t->finish;
