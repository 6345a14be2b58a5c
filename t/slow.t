#!/usr/bin/perl

# Clients that drip: hundreds of them hold nothing up, and are let go.

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
    listen %%ADDR%% backlog=1024;
    client_header_timeout 3s;
    client_body_timeout 3s;
    location /v1/ { claude_pass bridge; }
}
EOC

my $request = $t->request('POST', '/v1/chat/completions', key => $key,
    body => $t->chat_body('hi'));
my $head = index $request, "\r\n\r\n";

my @drips = map {
    my $c = $t->connect;
    $c->send(substr $request, 0, $_ % 2 ? $head - 10 : $head + 20);
    $c;
} 1 .. 500;
is_chat($t->chat('hi', key => $key), 'Hello world',
    "500 that drip don't hold up one that doesn't") for 1 .. 10;

my %ends;
for my $c (@drips) {
    my $r = $c->response;
    $ends{ $r ? $r->{status} : 'closed' }++;
    $c->close;
}
is($ends{200} // 0, 0, 'none of them is answered');
is(($ends{408} // 0) + ($ends{closed} // 0), 500,
    'all of them are let go') or diag explain \%ends;
is($bridge->hits, 10, 'and none of them called the bridge');
is_chat($t->chat('hi', key => $key), 'Hello world', 'the next is served');

$t->finish;
