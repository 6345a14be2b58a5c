#!/usr/bin/perl

# The image where no container can be started: its root in a chroot, with the
# mounts, users and capabilities of a container.  Run everywhere, so that this
# way is known to work too; t/packages/image.pl has what only containers show.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Test::More;

use Claude::Process qw(read_file wait_until write_file);
use Image qw(docker lines prepare root sh work);
use Room;

plan skip_all => 'only root can make a root for it' if $>;

my ($root, $dir) = (root(), work());
prepare();

# where no container can be started, none can for a build
my $chroot = docker('run', '--rm', 'localhost/debian:12-slim', 'true')
    ->{status};
my @isolation = $chroot ? ('--isolation', 'chroot') : ();
diag $chroot ? 'run in a chroot: no containers here'
    : 'run in a chroot, as where there are no containers';

for my $image (['nginx-claude'], ['nginx-claude:sdk', '--target', 'sdk']) {
    my ($name, @target) = @$image;
    my $built = docker('build', @isolation, '-t', $name, @target,
        "$dir/checkout");
    is($built->{status}, 0, "$name is built") or BAIL_OUT $built->{err};
}

my %owner = (sdk => 10003, state => 33, secrets => 33);
for my $name (keys %owner) {
    mkdir "$dir/$name" or die "$dir/$name: $!\n";
    chown $owner{$name}, $owner{$name}, "$dir/$name";
    chmod $owner{$name} == 33 ? 0700 : 0755, "$dir/$name";
}

# the SDK

my $ca = '/etc/ssl/certs/ca-certificates.crt';
my @npm = map { "$_=$ENV{$_}" } grep { defined $ENV{$_} }
    qw(npm_config_registry HTTPS_PROXY HTTP_PROXY NO_PROXY);
my $fetcher = Room->new(docker => \&docker, dir => $dir,
    image => 'nginx-claude:sdk');
my $fetched = $fetcher->run_once(user => 'claude-sdk', host_net => 1,
    env => \@npm,
    binds => [["$dir/sdk", '/opt/claude/sdk', 'rw'],
        [$ca, $ca, 'ro'],
        ['/etc/resolv.conf', '/etc/resolv.conf', 'ro']],
    cmd => ['sh', '-c', "cd /opt/claude/bridge
        export NODE_EXTRA_CA_CERTS=$ca
        exec tini -- /usr/libexec/claude/sdk.sh"]);
is($fetched->{status}, 0, 'the SDK is fetched') or diag $fetched->{err};

# nginx and the bridge

my $room = Room->new(docker => \&docker, dir => $dir,
    image => 'nginx-claude');
$room->start(user => 'claude-init', caps => ['setuid', 'setgid'],
    env => ['CLAUDE_BRIDGE_DIR=/tmp/bridge',
        'ANTHROPIC_BASE_URL=http://127.0.0.1:9009'],
    binds => [["$dir/sdk", '/opt/claude/sdk', 'ro'],
        ["$dir/state", '/var/lib/nginx-claude', 'rw'],
        ["$dir/secrets", '/etc/nginx/claude', 'rw'],
        ["$root/t/stub", '/mnt', 'ro']],
    cmd => ['tini', '--', '/usr/libexec/claude/start.sh', 'both']);

my $stub = $room->spawn('claude-bridge', 'node', '/mnt/anthropic.mjs',
    '--port', '9009');

my $healthy = sub {
    wait_until(sub {
        sleep 1;
        !$room->exec('claude-init', '/usr/libexec/claude/health.sh', 'nginx')
            ->{status};
    }, 'the health check', 180);
};
ok(eval { $healthy->() }, 'it is healthy') or diag "$@", $room->log;

my $token = 'sk-ant-oat01-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 95;
my ($key) = lines($room->exec_with($token, 'www-data', 'claude-keys', 'add',
    '--name', 'alice', '--token-stdin')->{out});
like($key, qr/^sk-\w{48}$/, 'a key is made');

sub chat {
    my $text = '{"model":"sonnet","messages":[{"role":"user",'
        . '"content":"hi"}]}';
    return $room->exec('claude-init', 'bash', '-c', 'exec 3<> '
        . '/dev/tcp/127.0.0.1/8080; printf "POST /v1/chat/completions '
        . 'HTTP/1.0\r\nAuthorization: Bearer %s\r\nContent-Type: '
        . 'application/json\r\nContent-Length: %d\r\n\r\n%s" "$1" ${#2} '
        . '"$2" >&3; cat <&3', 'bash', $key, $text)->{out};
}
# all of nginx knows a new key within a second; who asks too often is refused
my $answer;
ok(eval { wait_until(sub {
    sleep 1;
    ($answer = chat()) =~ m{^HTTP/1.1 200 .*chat\.completion}s;
}, 'the key', 60) }, 'and works') or diag "$@", $answer;

my @all = map { [split ' '] } lines($room->exec('claude-init', 'sh', '-c',
    'for p in /proc/[0-9]*; do
        echo $(sed -n -E "s/^(Name|Uid|CapEff|CapPrm):\s+(\S+).*/\2/p" \
            $p/status) ${p#/proc/}
    done')->{out});
my %of = map { $_->[0] => $_ } grep { @$_ == 5 } @all;
is_deeply([map { $of{$_}[1] } qw(tini nginx node claude)],
    [10001, 33, 10002, 10002], 'as two users, and one that starts them');
is(join(' ', grep { hex } map { @{$_}[2, 3] } values %of), '',
    'none has a capability');
isnt($room->exec('www-data', 'cat', "/proc/$of{node}[4]/environ")->{status},
    0, "nginx can't read the bridge's environment");
isnt($room->exec('claude-bridge', 'cat', "/proc/$of{nginx}[4]/environ")
    ->{status}, 0, "nor the bridge nginx's");
isnt($room->exec($_, 'touch', '/etc/x', '/opt/x')->{status}, 0,
    "$_ can't write to the root") for qw(www-data claude-bridge);
isnt($room->exec('claude-bridge', 'ls', $_)->{status}, 0,
    "the bridge can't read $_") for qw(/etc/nginx/claude
    /var/lib/nginx-claude);

kill 'TERM', $stub;
is($room->stop, 0, 'SIGTERM ends it with status 0');
like($room->log, qr/"event":"stopped"/, 'the bridge in good order');
unlike($room->log, qr/\Q$_\E/, 'no secret is in the log') for $key, $token;
docker('image', 'unmount', '--all');

done_testing();
