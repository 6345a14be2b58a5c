#!/usr/bin/perl

# "make run" as a developer sees it: what it prints, what it starts and as
# whom, that a second run goes on, that it ends whole, and what it says when
# it can't start.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Test::More;

use Claude::Process qw(spawn stop descendants);
use Claude::SDK;
use Claude::Test;

use constant SOON => 5;         # seconds in which all must have ended

# a make around this one must not tell the inner one anything
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
    CLAUDE_CODE_OAUTH_TOKEN ANTHROPIC_API_KEY ANTHROPIC_BASE_URL
    ADMIN_PASSWORD)};

my $t = Claude::Test->new;
plan skip_all => 'nginx would need the sanitizer preloaded'
    if Claude::Test::sanitized();

my $dir = $t->dir;
my $state = "$dir/a state";
my ($http, $https) = ($t->port('http'), $t->port('https'));
my @ports = ("HTTP_PORT=$http", "HTTPS_PORT=$https");
my $base = "http://localhost:$http/v1";
my $runs = 0;

$t->private('a state/api-key.json');

# starts make run in a process group of its own, as a terminal does
sub start_run {
    my (%env) = @_;
    my $out = "$dir/run" . ++$runs;
    $t->private("run$runs.out");
    my $pid = spawn(cmd => ['setsid', 'make', 'run', "STATE_DIR=$state",
        @ports], dir => root(), env => \%env,
        out => "$out.out", err => "$out.err");
    my $run = { pid => $pid, out => "$out.out", err => "$out.err" };

    wait_until(sub {
        die 'make run ended: ' . read_file($run->{err})
            if waitpid($pid, 1) == $pid;
        return (read_file($run->{out}) // '') =~ /^Ctrl-C/m;
    }, 'make run', 90);

    $run->{text} = read_file($run->{out});
    ($run->{key}) = $run->{text} =~ /^API key: (sk-[A-Za-z0-9]{48})$/m;
    ($run->{curl}) = $run->{text} =~ /^(curl .*)$/m;
    $t->secret($run->{key}) if $run->{key};
    ($run->{password}) = $run->{text} =~ /^Admin password: (\S{24}) \(/m;
    $t->secret($run->{password}) if $run->{password};
    return $run;
}

# the status of a login at the admin
sub signs_in {
    my ($password) = @_;
    return run(['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}',
        '-H', 'Content-Type: application/json', '-H',
        'Sec-Fetch-Site: same-origin', '--data-binary', '@-',
        "https://localhost:$https/admin/api/login"],
        json_encode({ password => $password }))->{out};
}

sub says { read_file($_[0]{err}) }

# processes of a run, by what their command lines match
sub processes {
    my ($run, $pattern) = @_;
    return grep { (read_file("/proc/$_/cmdline") // '') =~ $pattern }
        descendants($run->{pid});
}

sub uid {
    my ($pid) = @_;
    return (read_file("/proc/$pid/status") =~ /^Uid:\s+\d+\s+(\d+)/m)[0];
}

# true when the signal ended the run and all that it had started
sub ends {
    my ($run, $signal, $to) = @_;
    my @all = descendants($run->{pid});
    my %what = map { $_ => read_file("/proc/$_/cmdline") } @all;
    kill $signal, $to // $run->{pid};
    my $good = stop($run->{pid}, 'CONT', SOON);
    diag('still there: ', $what{$_} =~ tr/\0/ /r) for grep { alive($_) } @all;
    return $good && !grep { alive($_) } @all;
}

# one of the programs is killed
sub dies {
    my ($run, $name, $pattern) = @_;
    my @all = descendants($run->{pid});
    kill 'KILL', processes($run, $pattern);
    wait_until(sub { waitpid($run->{pid}, 1) == $run->{pid} }, 'the end');
    isnt($?, 0, "when $name dies the run fails");
    like(says($run), qr/^error: $name ended by itself/m, 'and says so');
    is(join(' ', grep { alive($_) } @all), '', 'and leaves nothing behind');
}

# a make run that can't start: {status, text}
sub fails {
    my ($env, @args) = @_;
    my $got = run(['make', '-C', root(), 'run', @ports, @args], undef, %$env);
    return { status => $got->{status}, text => "$got->{err}$got->{out}" };
}

# the demo model, and a SIGTERM while an SDK process hangs
my $first = start_run();
ok($first->{key}, 'the key stands on a line of its own');
like($first->{text}, qr/^API: \Q$base\E$/m, 'so does the base URL');
like(says($first), qr/^Demo model: .*stub/m, 'the demo model is called so');

my $reply = run(['sh', '-c', $first->{curl} // 'false']);
is($reply->{status}, 0, 'the curl line works when pasted');
ok(eval { json_decode($reply->{out})->{choices}[0]{message}{content} },
    'and shows an answer') or diag $reply->{out}, $reply->{err};
is(run(['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}',
    "https://localhost:$https/v1/health"])->{out}, 200, 'HTTPS answers too');

like($first->{text}, qr{^Admin: https://localhost:$https/admin/$}m,
    'so does the admin');
ok($first->{password}, 'with a password of its own');
is(signs_in($first->{password}), 200, 'which signs in');
is(signs_in('another password'), 401, 'and no other one does');
is(run(['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}',
    "https://localhost:$https/admin/"])->{out}, 200, 'to a page');
is(run(['curl', '-s', '-o', '/dev/null', '-w', '%{redirect_url}',
    "http://localhost:$http/admin/"])->{out},
    "https://localhost:$https/admin/", 'that HTTP leads to');

SKIP: {
    skip 'only root has users to give', 3 if $>;
    my %workers = map { uid($_) => 1 } processes($first, qr/worker process/);
    my %bridge = map { uid($_) => 1 }
        processes($first, qr/bridge\.mjs|stream-json/);
    is(keys %workers, 1, 'workers run as one user');
    is(keys %bridge, 1, 'bridge and SDK processes as one');
    is(grep({ !$_ || $workers{$_} } keys %bridge), 0,
        'another one, and not as root');
}

my ($hung) = processes($first, qr/stream-json/);
kill 'STOP', $hung;
ok(ends($first, 'TERM'), 'SIGTERM ends all, a hanging SDK process too');

# the same state once more, ended as Ctrl-C does it
my $second = start_run();
is($second->{key}, $first->{key}, 'a second run goes on with the same key');
is(run(['sh', '-c', $second->{curl}])->{status}, 0, 'which still works');
is($second->{password}, undef, 'the admin\'s password is not shown again');
is(signs_in($first->{password}), 200, 'and is still good');
my $busy = fails({}, "STATE_DIR=$dir/other");
isnt($busy->{status}, 0, 'a port that is taken: no start');
like($busy->{text}, qr/port $http is taken/, 'and which port it is');
ok(ends($second, 'INT', -$second->{pid}), 'Ctrl-C ends all');

# a credential of one's own, and another API
my $sdk = Claude::SDK->start($t, pool => 0, dont_wait => 1);
my $token = token();
$t->secret($token);
my $password = $t->secret('a password of my own');
my $own = start_run(CLAUDE_CODE_OAUTH_TOKEN => $token,
    ANTHROPIC_BASE_URL => $sdk->{url}, ADMIN_PASSWORD => $password);
isnt($own->{key}, $first->{key}, 'a credential gets a key of its own');
unlike(says($own), qr/Demo model:/, 'and no demo model');
is(run(['sh', '-c', $own->{curl}])->{status}, 0, 'which works');
is($sdk->last_request->{headers}{authorization}, "Bearer $token",
    'the credential reaches the API that ANTHROPIC_BASE_URL names');

my @told = grep {
    my $all = join '', map { $_ // '' } map { read_file($_) }
        "/proc/$_/environ", "/proc/$_/cmdline";
    index($all, $token) >= 0 || index($all, $password) >= 0;
} processes($own, qr/nginx|bridge\.mjs|stream-json/);
is("@told", '', 'nginx, bridge and SDK don\'t have it in their environment');

is(signs_in($password), 200, 'ADMIN_PASSWORD is the admin\'s password');
is(signs_in($first->{password}), 401, 'in place of the one before');

dies($own, 'nginx', qr/nginx: master/);

my $again = start_run();
is($again->{key}, $own->{key}, 'a run without credential keeps the key');
unlike(says($again), qr/Demo model:/, 'and the credential behind it');
dies($again, 'bridge', qr/bridge\.mjs/);

# what can't work
my $refused = fails({ ANTHROPIC_API_KEY => 'not a credential' },
    "STATE_DIR=$dir/other");
isnt($refused->{status}, 0, 'a malformed credential: no start');
unlike($refused->{text}, qr/not a credential/, 'and it isn\'t shown');

my $weak = fails({ ADMIN_PASSWORD => 'short' }, "STATE_DIR=$dir/other");
isnt($weak->{status}, 0, 'a password that is too short: no start');
like($weak->{text}, qr/^error: claude-keys password: .*12/m, 'and why');

my $unwritable = fails({}, "STATE_DIR=$dir/run1.out/state");
isnt($unwritable->{status}, 0, 'a directory that can\'t be made: no start');
like($unwritable->{text}, qr{error: .*\Q$dir/run1.out/state\E},
    'and which it is');

# a PATH that has these, and of the rest what the link names
sub path_with {
    my ($name, %scripts) = @_;
    my $bin = "$dir/$name";
    mkdir $bin;
    for my $tool (qw(sh dirname mktemp rm tail cat id gcc nginx npm node
        setpriv openssl))
    {
        my ($found) = grep { -x } map { "$_/$tool" } split(/:/, $ENV{PATH}),
            '/usr/sbin';
        symlink $found, "$bin/$tool" unless exists $scripts{$tool};
    }
    write_file("$bin/$_", "#!/bin/sh\n$scripts{$_}\n", 0755)
        for keys %scripts;
    return $bin;
}

sub deps {
    my ($bin) = @_;
    return run([root() . '/src/tools/claude-deps.sh', 'run'], undef,
        PATH => $bin);
}

my $old = deps(path_with('old', node => 'echo v16.0.0; exit 1',
    curl => 'true'));
isnt($old->{status}, 0, 'an old Node: no start');
like($old->{err}, qr/node is v16.0.0: Node 18\.14 or later/, 'and it says so');

my $user = deps(path_with('user', id => 'echo 1000', 'apt-get' => 'true'));
isnt($user->{status}, 0, 'a package is missing and there\'s no sudo: no start');
like($user->{err}, qr/apt-get install curl$/m, 'and which to install');

my $offline = deps(path_with('offline', id => 'echo 0',
    'apt-get' => 'echo "E: Unable to locate package" >&2; exit 100',
    printf => 'true', chmod => 'true'));
isnt($offline->{status}, 0, 'a package can\'t be had: no start');
like($offline->{err}, qr/could not install Debian packages: curl$/m,
    'and which it is');

$t->finish;
