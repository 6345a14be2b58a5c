package Room;

# The way for machines where podman can build an image but start no container:
# its root in a chroot, with the mounts, users and capabilities that docker
# would give it, in namespaces of mounts, processes and network.
#
#   my $room = Room->new(docker => \&docker, dir => DIR, image => NAME);
#   $room->start(binds => [[HOST, PLACE, ro]], env => [...], cmd => [...]);
#   my $got = $room->exec('www-data', 'claude-keys', 'list');

use strict;
use warnings;

use Claude::Process qw(run alive wait_until read_file);

# as root, in the new namespaces: mounts, then the image's user
my $enter = <<'EOC';
set -e
root=$1 net=$2 user=$3 caps=$4
shift 4
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -o remount,ro,bind "$root"
while [ "$1" != -- ]; do
    mount --bind "$1" "./$2"
    mount -o "remount,$3,bind" "./$2"
    shift 3
done
shift
mount --rbind /dev ./dev
mount -t proc proc ./proc
for at in run tmp; do
    mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs ./$at
done
[ "$net" = host ] || chroot . ip link set lo up
exec chroot . setpriv --reuid "$user" --regid "$user" --init-groups \
    --inh-caps=-all --ambient-caps=-all --bounding-set="-all$caps" -- "$@"
EOC

sub new {
    my ($class, %opt) = @_;
    my ($root) = split /\n/,
        $opt{docker}->('image', 'mount', $opt{image})->{out};
    die "$opt{image} can't be mounted\n" unless length($root // '');
    return bless { %opt, root => $root }, $class;
}

sub command {
    my ($self, %opt) = @_;
    my $net = $opt{host_net} ? 'host' : 'own';
    my @caps = map { "+$_" } @{ $opt{caps} // [] };
    return ['unshare', '--mount', '--pid', '--ipc', '--fork', '--kill-child',
        ($opt{host_net} ? () : '--net'), 'env', '-i',
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin', @{ $opt{env} // [] },
        'sh', '-c', $enter, 'sh', $self->{root}, $net, $opt{user},
        join('', map { ",$_" } @caps),
        (map { @$_ } @{ $opt{binds} // [] }), '--', @{ $opt{cmd} }];
}

sub run_once {
    my ($self, %opt) = @_;
    return run($self->command(%opt));
}

sub start {
    my ($self, %opt) = @_;
    $self->{out} = "$self->{dir}/room.log";
    unlink $self->{out};
    $self->{unshare} = Claude::Process::spawn(cmd => $self->command(%opt),
        out => $self->{out}, err => $self->{out});
    return $self->{init} = wait_until(sub {
        die $self->log unless alive($self->{unshare});
        my ($pid) = split ' ', read_file("/proc/$self->{unshare}/task/"
            . "$self->{unshare}/children") // '';
        $pid && (read_file("/proc/$pid/comm") // '') =~ /^tini/ && $pid;
    }, 'the room', 60);
}

sub log { return read_file($_[0]{out}) // '' }

# a program beside, in the same namespaces, as docker exec
sub exec_command {
    my ($self, $user, @cmd) = @_;
    return ['nsenter', '-t', $self->{init}, '--mount', '--pid', '--net',
        '--ipc', "--root=/proc/$self->{init}/root", '--wd=/', 'env', '-i',
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'setpriv', '--reuid', $user,
        '--regid', $user, '--init-groups', '--inh-caps=-all',
        '--bounding-set=-all', '--', @cmd];
}

sub exec {
    my ($self, $user, @cmd) = @_;
    return run($self->exec_command($user, @cmd));
}

sub exec_with {
    my ($self, $input, $user, @cmd) = @_;
    return run($self->exec_command($user, @cmd), $input);
}

sub spawn {
    my ($self, $user, @cmd) = @_;
    return Claude::Process::spawn(cmd => $self->exec_command($user, @cmd));
}

# SIGTERM to its init, as docker stop; gives the exit status
sub stop {
    my ($self) = @_;
    kill 'TERM', $self->{init};
    waitpid $self->{unshare}, 0;
    my $status = $?;
    return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

1;
