#!/usr/bin/perl

# Long bodies are translated in a thread: they arrive as they are, others are
# answered meanwhile, and neither a reload nor a client that goes cuts in.

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

$t->start('server { listen %%ADDR%%; client_max_body_size 64m; '
    . 'location /v1/ { claude_pass bridge; } }', workers => 1);

# many messages take longer than one that is as long
my $n = 49_999;
my $long = json_encode({ model => 'sonnet', messages => [
    map +{ role => $_ % 2 ? 'user' : 'assistant',
        content => "number $_" . '.' x 60 }, 1 .. 2 * $n + 1 ] });

my $r = $t->http('POST', '/v1/chat/completions', key => $key, body => $long);
is_chat($r, 'Hello world', 'a long body');
my $messages = $bridge->last_body->{messages};
is(scalar @$messages, 2 * $n + 1, 'all of it arrives');
like(json_encode($messages->[-1]), qr/number ${\ (2 * $n + 1)}\./,
    'in its order');

$r = $t->http('POST', '/v1/chat/completions', key => $key,
    body => substr $long, 0, -2);
is_error($r, 400, 'invalid_json', 'a long body that is cut');

# a reload, or the client's end, while the thread is at work

for my $round (1 .. 3) {
    my $c = $t->connect;
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $long));
    $t->reload;
    is_chat($c->response, 'Hello world', "reload $round does not cut in");
}

my $hits = $bridge->hits;
for (1 .. 3) {
    my $c = $t->connect;
    $c->send($t->request('POST', '/v1/chat/completions', key => $key,
        body => $long));
    $c->reset;
}
is_chat($t->chat('hi', key => $key), 'Hello world',
    'others are answered when clients go');

$t->finish;
