#!/usr/bin/perl

# The same over HTTP/3, from headless Chromium, where nginx was built with it:
# Debian 12's was not, make check-nginx builds it in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/clients";
use Test::More;

use Claude::Curl qw(certificate);
use Claude::Test;
use NodeTap;

my $nginx = $ENV{CLAUDE_TEST_NGINX} // '/usr/sbin/nginx';
plan skip_all => 'this nginx has no HTTP/3'
    unless run([$nginx, '-V'])->{err} =~ /--with-http_v3_module/;

$ENV{CHROMIUM} //= '/usr/bin/chromium';
-x $ENV{CHROMIUM} or BAIL_OUT("no $ENV{CHROMIUM}: run make deps");

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    hold => sub { my ($r) = @_; $r->start; $r->text('part'); $r->hold },
    midway => sub { my ($r) = @_; $r->start; $r->text('part'); $r->cut },
    large => sub { my ($r) = @_; $r->start; $r->text('x' x 100_000) for 1 .. 9;
        $r->finish },
);
my $tls = certificate($t->dir);
my $port = $t->free_udp('tls');
$t->start(<<"EOC");
log_format protocol '\$server_protocol \$status \$uri';
server {
    listen %%ADDR_tls%% quic reuseport;
    listen %%ADDR_tls%% ssl;
    $tls
    access_log %%DIR%%/protocol.log protocol;
    location = /page { default_type text/html; return 200 '<p>hello'; }
    location = /favicon.ico { return 204; }
    location /v1/ { claude_pass bridge; }
    location = /v1/messages { client_max_body_size 1k; claude_pass bridge; }
}
EOC

my $spki = run(['sh', '-c', 'openssl x509 -in "$1" -noout -pubkey'
    . ' | openssl pkey -pubin -outform der'
    . ' | openssl dgst -sha256 -binary | base64', 'sh',
    $t->dir . '/tls.crt'])->{out} =~ s/\s//gr;

@ENV{qw(HTTP3_ORIGIN HTTP3_SPKI API_KEY)}
    = ("https://127.0.0.1:$port", $spki, $key);
node_tests_in('browser', 'http3');

ok($bridge->wait_closed(4), 'calls end whose client has gone');
my $large = 'y' x 500_000;
is(scalar(grep { index($_->{body}, $large) >= 0 } $bridge->calls), 1,
    'a large body arrives as it is');

$t->stop_nginx;
my @lines = split /\n/, read_file($t->dir . '/protocol.log');
my @api = grep { m{/v1/} } @lines;
cmp_ok(scalar @api, '>', 8, 'the log has the requests');
is(join("\n", grep { !/^HTTP\/3\.0 / } @api), '', 'all came over HTTP/3');

$t->allow(qr/upstream/, qr/client (?:sent too many|intended)/);
$t->finish;
