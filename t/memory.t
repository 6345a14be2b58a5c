#!/usr/bin/perl

# What a request holds in memory: a small multiple of its body, whatever the
# body is made of.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my ($requests, $size) = (4, 8_000_000);

# docs/directives.md: twice the body while it is read, as much again for its
# translation
my $multiple = 4;

my $t = Claude::Test->new;
plan skip_all => 'sanitizers keep what is freed' if $t->sanitized;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(hold => sub { $_[0]->hold('go') and $_[0]->hello });
$t->start(<<'EOC', workers => 1);
server {
    listen %%ADDR%%;
    client_max_body_size 10m;
    location /v1/ { claude_pass bridge; }
}
EOC

sub memory {
    my ($pid) = $t->workers;
    my ($kb) = read_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
    return $kb * 1024;
}

# bodies that differ in what translation has to do with them
my %bodies = (
    'a long text' => $t->chat_body('[[hold]]' . 'x' x $size),
    'a text of escapes' => json_encode($t->chat_body('[[hold]]'
        . '@' x ($size / 6))) =~ s/@/\\u0041/gr,
    'many messages' => { model => 'sonnet', messages => [
        (map { { role => $_ % 2 ? 'user' : 'assistant',
        content => "message $_" } } 1 .. 90_000),
        { role => 'user', content => '[[hold]]' } ] },
    'many parts' => { model => 'sonnet', messages => [{ role => 'user',
        content => [(map { { type => 'text', text => "part $_" } }
        1 .. 90_000), { type => 'text', text => '[[hold]]' }] }] },
);

for my $name (sort keys %bodies) {
    my $body = ref $bodies{$name} ? json_encode($bodies{$name})
        : $bodies{$name};
    my $request = $t->request('POST', '/v1/chat/completions', key => $key,
        body => $body);
    unlink $bridge->{dir} . '/gate-go';
    $bridge->forget;

    # a worker that has done nothing else
    $t->reload;
    is_chat($t->chat('hi', key => $key), 'Hello world', 'a first request');
    my $idle = memory();

    my @open = map {
        my $c = $t->connect(patience => 60);
        $c->send($request);
        $c;
    } 1 .. $requests;
    wait_until(sub { $bridge->hits > $requests }, 'the calls', 60);

    my $held = (memory() - $idle) / $requests / length $body;
    cmp_ok($held, '<', $multiple, "$name: what a request holds");
    note(sprintf '%.2f times a body of %d bytes', $held, length $body);

    $bridge->open_gate('go');
    is_chat($_->response, 'Hello world', "$name: it is answered") for @open;
    $_->close for @open;
}

$t->finish;
