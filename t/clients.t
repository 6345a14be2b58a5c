#!/usr/bin/perl

# Official clients on the whole path: nginx, the bridge, real SDK processes,
# and the stub of Anthropic's API.  prove t/clients.t :: NAME runs one file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/clients";
use Test::More;

use Claude::SDK;
use Claude::Test;
use NodeTap;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $sdk = Claude::SDK->start($t, pool => 2);
$t->start(<<'EOC');
claude_limit_zone $binary_remote_addr zone=address:1m rate=10r/s;
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /limited/ {
        claude_limit zone=address burst=1;
        claude_pass bridge;
    }
}
EOC

my $url = 'http://127.0.0.1:' . $t->port;
@ENV{qw(BASE_URL LIMITED_URL STUB_URL API_KEY)}
    = ("$url/v1", "$url/limited", $sdk->{url}, $key);

node_tests(@ARGV ? @ARGV : qw(openai openai-errors openai-tools responses
    anthropic ai ai-tools langchain agents));

$t->allow(qr/upstream/);
$t->finish;
