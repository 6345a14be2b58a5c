package Claude::Machine;

# A bare Debian 12 with systemd, booted by systemd-nspawn in the network of
# this machine, for the tests of packages.  Its root is made anew from the tar
# of t/packages/base.sh, which stays in BUILD/packages, as do Debian's packages.
#
#   my $m = Claude::Machine->new(CLAUDE_BUILD);
#   my $got = $m->sh('systemctl start nginx');     # {status, out, err}

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

use Claude::Process qw(spawn run stop wait_until read_file write_file
    children);

use constant BOOT => 180;

# what a Debian that was installed has, and the essential packages have not
my @plain = qw(init logrotate ca-certificates);

# in no object's destructor: the order of these is nobody's at the end
my $owner = $$;
my @machines;

my $here = dirname(abs_path(__FILE__));
my $nspawn = 'systemd-nspawn';
my @quiet = qw(--quiet --register=no --keep-unit --settings=no);

sub new {
    my ($class, $build) = @_;
    make_path("$build/packages");
    my $packages = abs_path($build) . '/packages';
    $class->host("$here/../../packages/base.sh", $packages);
    my $base = "$packages/base-bookworm.tar";
    my $plain = "$packages/plain-bookworm.tar";
    my $root = tempdir("$packages/machine.XXXXXX");
    my $self = bless { root => $root, log => "$packages/machine.log" }, $class;

    # what is interrupted takes it down too
    $SIG{$_} //= sub { exit 1 } for qw(INT TERM HUP);
    push @machines, $self;
    $self->take_archives($packages);
    chmod 0755, $root;
    # one makes it, the others wait
    open my $lock, '>', "$plain.lock" or die "$plain.lock: $!\n";
    flock $lock, LOCK_EX;
    if (-e $plain && -M $plain < -M $base) {
        $self->host('tar', '-xf', $plain, '-C', $root);
        $self->join_network($packages);
        return $self;
    }

    $self->host('tar', '-xf', $base, '-C', $root);
    $self->join_network($packages);
    my $got = $self->contained('apt-get -q update && DEBIAN_FRONTEND='
        . 'noninteractive apt-get -q -y --no-install-recommends install '
        . "@plain && rm -rf /var/lib/apt/lists/*");
    die "no Debian to test on: $got->{err}$got->{out}" if $got->{status};
    $self->host('tar', '--one-file-system', '-cf', "$plain.new", '-C', $root,
        '.');
    rename "$plain.new", $plain or die "$plain: $!\n";
    return $self;
}

# Debian's packages that were fetched before, for one machine at a time
sub take_archives {
    my ($self, $packages) = @_;
    for (my $n = 0; !$self->{archives}; $n++) {
        my $archives = "$packages/archives" . ($n || '');
        mkdir $archives;
        mkdir "$archives/partial";
        open my $lock, '>', "$archives/ours" or die "$archives: $!\n";
        @$self{qw(archives lock)} = ($archives, $lock)
            if flock $lock, LOCK_EX | LOCK_NB;
    }
}

# names, authorities and mirrors as this machine has them
sub join_network {
    my ($self, $packages) = @_;
    my $root = $self->{root};
    for my $file ('/etc/resolv.conf', '/etc/hosts') {
        my $text = read_file($file) // next;
        unlink "$root$file";
        write_file("$root$file", $text, 0644);
    }
    write_file("$root/etc/apt/apt.conf.d/99host",
        read_file("$packages/apt-host.conf") // '', 0644);
    # what is thrown away need not be on the disk in time
    write_file("$root/etc/dpkg/dpkg.cfg.d/unsafe-io", "force-unsafe-io\n",
        0644);
    write_file("$root/usr/local/share/authorities.pem",
        read_file('/etc/ssl/certs/ca-certificates.crt') // '', 0644);
}

sub host {
    my ($self, @cmd) = @_;
    my $got = run(\@cmd);
    die "@cmd: $got->{err}" if $got->{status};
    return $got->{out};
}

sub binds {
    my ($self) = @_;
    return ("--bind=$self->{archives}:/var/cache/apt/archives",
        '--resolv-conf=off', '--timezone=off');
}

# before it is booted
sub contained {
    my ($self, $text) = @_;
    return run([$nspawn, @quiet, $self->binds, '-D', $self->{root},
        '--console=pipe', '/bin/sh', '-euc', $text]);
}

# true when systemd runs in it
sub boot {
    my ($self) = @_;
    $self->{pid} = spawn(cmd => [$nspawn, @quiet, $self->binds, '-D',
        $self->{root}, '--console=pipe', '--boot'], out => $self->{log},
        err => $self->{log});

    my $end = time + BOOT;
    until (($self->{leader}) = children($self->{pid})) {
        return 0 if time > $end || waitpid($self->{pid}, 1) == $self->{pid};
        sleep 1;
    }
    return eval {
        wait_until(sub {
            $self->sh('systemctl is-system-running || :')->{out}
                =~ /running|degraded/;
        }, 'systemd', BOOT);
    } // 0;
}

# runs commands in it, as root, from /root, with nothing to read but input
sub sh {
    my ($self, $text, $input, %env) = @_;
    return run(['nsenter', '-t', $self->{leader}, qw(-m -u -i -p -r -w),
        '/usr/bin/env', '-i', 'HOME=/root', 'TERM=dumb',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'NODE_EXTRA_CA_CERTS=/usr/local/share/authorities.pem',
        (map { "$_=$env{$_}" } sort keys %env),
        'sh', '-euc', "cd /root\n$text"], $input);
}

# a file of it
sub path { "$_[0]{root}$_[1]" }

# pids, of this machine, of what runs in it by a command line
sub pids {
    my ($self, $pattern) = @_;
    return grep { (read_file("/proc/$_/cmdline") // '') =~ $pattern }
        Claude::Process::descendants($self->{leader});
}

sub halt {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    # nspawn hands it to systemd as a request to power off
    stop($pid, 'TERM', 60);
}

END {
    local $?;
    for my $self ($$ == $owner ? @machines : ()) {
        $self->halt;
        run(['rm', '-rf', '--one-file-system', $self->{root}]);
    }
}

1;
