#!/usr/bin/perl

# "Try it" of README.md on a bare Debian 12: what is named there, a clone of
# this repository, "make run", and the line that it prints.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Claude::Machine;
use Claude::Process qw(read_file run wait_until);
use Claude::Test;
use Claude::Walk;

plan skip_all => 'only root can boot a Debian' if $>;
plan skip_all => 'there is no clone without .git' unless -e root() . '/.git';

my $began = time;
my ($text) = read_file(root() . '/README.md')
    =~ /^## Try it\n(.*?)^`make run` installs/ms or die "README.md?\n";
my ($install) = $text =~ /`(apt-get install [^`]*)`/;
my ($clone, $make) = map { s/^ +//r } $text =~ /^( {4}.*\n)/mg;

sub free_port {
    return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        ->sockport;
}

my $m = Claude::Machine->new(Claude::Test::build());
$m->boot or BAIL_OUT('no systemd here: ' . read_file($m->{log}));
my $walk = Claude::Walk->new(Claude::Test::build(), 'run');

sub walk {
    my ($text, $code) = @_;
    return $walk->step('Try it', $text, $code);
}

my $got = walk($install, sub {
    $m->sh('export DEBIAN_FRONTEND=noninteractive; apt-get -q update; '
        . $install =~ s/install/install -y --no-install-recommends sudo/r);
});
is($got->{status}, 0, $install) or diag $got->{err};

# a user who may call sudo
$m->sh('useradd -m -s /bin/sh dev; install -m 0440 /dev/stdin '
    . '/etc/sudoers.d/dev', "dev ALL=(ALL) NOPASSWD: ALL\n"
    . "Defaults env_keep += NODE_EXTRA_CA_CERTS\n");
my $repository = $m->path('/usr/src/repository');
is(run(['git', 'clone', '-q', '--bare', root(), $repository])->{status}, 0,
    'a repository');
$m->sh('chown -R dev: /usr/src/repository');

my %env = (HTTP_PORT => free_port(), HTTPS_PORT => free_port(),
    map { $_ => $ENV{$_} } grep { defined $ENV{$_} }
    qw(npm_config_registry HTTPS_PROXY HTTP_PROXY NO_PROXY));
# a shell has what it starts in the background ignore SIGINT
my @as_dev = qw(setpriv --reuid=dev --regid=dev --init-groups env
    --default-signal=INT HOME=/home/dev USER=dev);

sub as_dev {
    my ($command) = @_;
    return $m->sh("cd /home/dev; exec @as_dev sh -c \"\$0\"" =~
        s/\$0/$command/r, undef, %env);
}

my $cloned = walk($clone, sub {
    as_dev($clone =~ s/\n//r =~ s/REPOSITORY/\/usr\/src\/repository/r);
});
is($cloned->{status}, 0, 'git clone') or diag $cloned->{err};

# in the foreground of its own session, until it is ended
$m->sh("cd /home/dev/ngx_http_claude_module; setsid @as_dev $make"
    =~ s/\n//r . ' > /var/tmp/out 2> /var/tmp/err < /dev/null &
    echo $! > /var/tmp/pid', undef, %env);
my $alive = 'kill -0 $(cat /var/tmp/pid)';
my $ran = walk($make, sub {
    my $got = { err => '' };
    my $said = eval { wait_until(sub {
        sleep 1;
        my $out = read_file($m->path('/var/tmp/out')) // '';
        die "it ended\n" unless $m->sh($alive)->{status} == 0;
        $out =~ /^Ctrl-C/m;
    }, 'make run', 900) };
    $got->{status} = $said ? 0 : 1;
    $got->{err} = read_file($m->path('/var/tmp/err')) . ($said ? '' : $@);
    $got->{out} = read_file($m->path('/var/tmp/out'));
    return $got;
});
is($ran->{status}, 0, 'make run') or diag @$ran{qw(out err)};

if ($ran->{status} == 0) {
    my ($curl) = $ran->{out} =~ /^(curl .*)$/m;
    my $answer = walk($curl // 'false', sub { $m->sh($curl // 'false') });
    like($answer->{out}, qr/"chat\.completion".*demo model/s,
        'the line that it prints is answered') or diag $answer->{err};
    ok($m->pids(qr/^nginx: master/), 'nginx runs');
    isnt($m->sh('systemctl is-active nginx')->{status}, 0,
        'but not as a service');
    $m->sh('kill -INT -$(cat /var/tmp/pid)');
    ok(eval { wait_until(sub {
        $m->sh($alive)->{status};
    }, 'its end', 60) }, 'Ctrl-C ends it');
    is(join(' ', $m->pids(qr/^(?:nginx|\S*node\0|\S*claude\0)/)), '',
        'with all that it started');
}

$m->halt;
note(sprintf 'all of it took %.1f min', (time - $began) / 60);
done_testing();
