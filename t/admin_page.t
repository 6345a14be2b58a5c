#!/usr/bin/perl

# The admin's page in headless Chromium, on the whole path: the browser, nginx
# with TLS, a store of ten thousand keys.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/clients";
use Test::More;

use Claude::Curl qw(certificate);
use Claude::Test;
use NodeTap;

use constant COUNT => 10_000;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $password = $t->secret('correct horse battery staple');

$ENV{CHROMIUM} //= '/usr/bin/chromium';
-x $ENV{CHROMIUM} or BAIL_OUT("no $ENV{CHROMIUM}: run make deps");

my $hash = crypt $password, '$2y$10$Li3QnDR6jeXBUuMVlBhYFO';
my %people = (admin => ['admin'], several => [qw(alice bob)]);
for my $file (keys %people) {
    write_file("$dir/$file.htpasswd",
        join '', map { "$_:$hash\n" } @{ $people{$file} });
    chmod 0600, "$dir/$file.htpasswd";
}
write_file("$dir/secrets", '');
$t->private('secrets');

$t->bridge;
$t->keys->init;
my $tls = certificate($dir);
my $store = "zone=keys:16m path=$dir/keys/keys.jsonl flush=1h";
my $conf = <<"EOC";
server {
    listen %%ADDR%% ssl http2;
    server_name localhost;
    $tls
    location /v1/ { claude_pass bridge; }
    location /admin/ {
        claude_admin upstream=bridge;
        claude_admin_password_file %%DIR%%/admin.htpasswd;
    }
    location /several/ {
        claude_admin;
        claude_admin_password_file %%DIR%%/several.htpasswd;
    }
}
EOC

my $url = 'https://localhost:' . $t->port;
@ENV{qw(ADMIN_URL SEVERAL_URL ADMIN_PASSWORD SECRETS)} = ("$url/admin/",
    "$url/several/", $password, "$dir/secrets");

# a gateway without keys

$t->start($conf, keystore => $store);
node_tests_in('browser', 'first');
$t->stop_nginx;

# one with many

my $filled = run([$t->build . '/fill_store',
    map({ "$dir/keys/$_" } 'master.key', 'keys.jsonl'), COUNT, COUNT]);
is($filled->{err}, '', COUNT . ' keys are in the log');

$t->start($conf, keystore => $store);
node_tests_in('browser', 'filled');

$t->secret(split /\n/, read_file("$dir/secrets"));
$t->finish;
