#!/usr/bin/perl

# Whole tools that people use, on the whole path: make check-clients.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../clients";
use Test::More;

use Claude::SDK;
use Claude::Test;
use NodeTap;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $sdk = Claude::SDK->start($t, pool => 2);
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    location / { return 404; }
    location /v1/ { claude_pass bridge; }
}
EOC

@ENV{qw(GATEWAY_URL STUB_URL API_KEY)}
    = ('http://127.0.0.1:' . $t->port, $sdk->{url}, $key);

node_tests_in('.', 'tools');

$t->allow(qr/upstream/);
$t->finish;
