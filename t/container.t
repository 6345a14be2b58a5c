#!/usr/bin/perl

# nginx with no more than what docs/SECURITY.md leaves it in a container: these
# capabilities, a root that is read-only, and these places to write to.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::SignIn;
use Claude::Test;

plan skip_all => 'only root can take capabilities away' if $>;

my ($row) = read_file(root() . '/docs/SECURITY.md')
    =~ /^\| container permissions \| (.*) \|$/m;
my @caps = map { lc } $row =~ /--cap-add (\w+)/g;
my @tmpfs = $row =~ /--tmpfs (\/[\w\/]+)/g;

my $t = Claude::Test->new;
my $dir = $t->dir;

# the directory of the test stands for the volumes
my $container = <<'EOC';
set -e
dir=$1 caps=$2 tmpfs=$3
shift 3
mount --make-rprivate /
mount --bind "$dir" "$dir"
for at in $tmpfs; do mount -t tmpfs claude "$at"; done
mount -o remount,ro,bind /
exec setpriv --no-new-privs --inh-caps=-all --bounding-set="$caps" "$@"
EOC

sub contained {
    my (@cmd) = @_;
    return ['unshare', '-m', 'sh', '-c', $container, 'sh', $dir,
        join(',', '-all', map { "+$_" } @caps), "@tmpfs", @cmd];
}

my $try = run(contained('true'));
if ($try->{status}) {
    note($try->{err});
    plan skip_all => 'nothing can be mounted here';
}

cmp_ok(scalar @caps, '>', 2, 'the document says which capabilities');

my $password = 'a password in a container';
my $door = Claude::SignIn->new($t, admin => $password);
$t->keys->init;
$t->bridge;
$t->conf($door->server);

# temporary files and the pid lie where nginx was built to have them
my $conf = read_file("$dir/nginx.conf");
$conf =~ s/^(?:pid|\w+_temp_path) .*\n//mg;
write_file("$dir/nginx.conf", $conf);
$t->own("$dir/keys", 0700);

my $nginx = $t->daemon('nginx', cmd => contained(@{ $t->nginx_cmd }),
    env => { $t->nginx_env });
my $answers = sub {
    die read_file("$dir/nginx.err") . $t->log unless alive($nginx);
    return eval { $door->call('GET', 'session')->{status} == 401 };
};
wait_until($answers, 'nginx');
pass('nginx starts, and makes the key log');

my $cookie = $door->sign_in($password);
my $token = $t->secret(token());
my $made = $door->call('POST', 'keys', cookie => $cookie,
    body => { oauthToken => $token, keyName => 'contained' });
is($made->{status}, 201, 'a key is made');
my $key = $t->secret($made->json->{apiKey});
is($t->chat('hi', key => $key)->{status}, 200, 'and works');

my %old = map { $_ => 1 } $t->workers(of => $nginx);
kill 'HUP', $nginx;
wait_until(sub {
    my @now = $t->workers(of => $nginx);
    return @now && !grep { $old{$_} } @now;
}, 'new workers');
ok($door->is_in($cookie), 'a reload finds all that it reads');
is($t->chat('hi', key => $key)->{status}, 200, 'the key log too');

$t->finish;
