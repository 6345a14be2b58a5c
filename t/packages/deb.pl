#!/usr/bin/perl

# The packages of "make deb": what lintian and systemd say of them, and
# docs/install.md followed word for word on a bare Debian 12 with systemd, the
# SDK from the npm registry, against the stub of Anthropic's API: installed,
# used, confined, changed, removed, purged.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp ();
use HTTP::Tiny ();
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);

use Claude::Docs;
use Claude::Machine;
use Claude::Process qw(spawn stop);
use Claude::Test;
use Claude::Walk;

plan skip_all => 'only root can boot a Debian' if $>;

my $build = Claude::Test::build();
my @names = qw(libnginx-mod-http-claude nginx-claude-bridge claude-keys);
my %deb = map { $_ => (glob "$build/deb/${_}_*.deb")[0] } @names;
my @debs = map { $_ // BAIL_OUT('no packages: run make deb') } @deb{@names};
my $began = time;

sub out { run([@_])->{out} }
sub minutes { sprintf '%.1f min', (time - $began) / 60 }

sub is_clean {
    my ($got, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is($got->{status}, 0, $name) || diag $got->{err}, $got->{out};
}

# what they are

my $lintian = run(['lintian', '--profile', 'debian', '--tag-display-limit',
    '0', '--fail-on', 'error,warning', '--allow-root', @debs]);
is_clean($lintian, 'lintian finds no error and no warning');
note('lintian: ', $lintian->{out} || 'nothing');

my %files = map { $_ => out('dpkg-deb', '-c', $deb{$_}) } @names;
is(join('', grep { /anthropic|\.node$/ && !/ -> / }
    map { split /^/ } values %files), '', 'no file is of the SDK');
cmp_ok((sort { $b <=> $a } map { -s } @debs)[0], '<', 2 << 20,
    'none is as large as that');
like($files{'nginx-claude-bridge'}, qr{ -> /var/lib/nginx-claude-sdk/}, 'the '
    . 'bridge looks for it where it will be');

like($files{'claude-keys'}, qr{ \./usr/share/$_\n}, "claude-keys has $_")
    for 'man/man1/claude-keys.1.gz', 'zsh/vendor-completions/_claude-keys',
    'bash-completion/completions/claude-keys';

my ($abi) = read_file('/usr/share/nginx/src/debian/libnginx-mod.abisubstvars')
    =~ /^nginx:abi=(\S+)$/m;
like(out('dpkg-deb', '-f', $deb{$names[0]}, 'Depends'), qr/\b\Q$abi\E\b/,
    "the module depends on $abi");

my @versions = map { out('dpkg-deb', '-f', $_, 'Version') =~ s/\n//r } @debs;
is("@versions", "@versions[0, 0, 0]", "all are of version $versions[0]");
my ($said) = read_file(root() . '/src/core/claude_core.h')
    =~ /^#define CLAUDE_VERSION +"(.*)"$/m;
is($versions[0], "$said-1", 'which is that of the sources');

# pages and completion know what the command knows

my $help = out('sed', '-n', 's/^    "\(.*\)\\\\n"$/\1/p',
    root() . '/src/tools/claude_keys.c');
my %option = map { $_ => 1 } $help =~ /(--[a-z-]+)/g;
my @commands = $help =~ /^  ([a-z]+)  ?/mg;
cmp_ok(scalar @commands, '>', 15, 'the help has commands');
my $page = out('man', '-E', 'UTF-8', '-P', 'cat',
    root() . '/debian/man/claude-keys.1') =~ s/.\x08//gr
    =~ s/\x{e2}\x{80}.|\e\[\d*m/-/gr;
for my $file ('claude-keys', '_claude-keys') {
    my $text = read_file(root() . "/debian/completions/$file");
    is(join(' ', grep { $text !~ /(?<![\w-])\Q$_\E\b/ } @commands,
        grep { !/help|version|-to$/ } sort keys %option), '',
        "completion $file has all");
}
is(join(' ', grep { $page !~ /\Q$_\E\b/ } @commands, sort keys %option), '',
    'claude-keys(1) has all');
my $completed = run(['bash', '-c', <<'EOC', 'bash', root()]);
. /usr/share/bash-completion/bash_completion
. "$1/debian/completions/claude-keys"
COMP_WORDS=(claude-keys ro) COMP_CWORD=1 COMP_LINE='claude-keys ro'
COMP_POINT=${#COMP_LINE}
_claude_keys; echo "${COMPREPLY[@]}"
COMP_WORDS=(claude-keys rotate --gr) COMP_CWORD=2
COMP_LINE='claude-keys rotate --gr' COMP_POINT=${#COMP_LINE}
_claude_keys; echo "${COMPREPLY[@]}"
EOC
is($completed->{out}, "rotate\n--grace\n", 'bash completes')
    or diag $completed->{err};

# a bare Debian 12

my $dir = File::Temp->newdir;
my @started;
END { local $?; stop($_) for @started }

# the commands under a heading of docs/install.md
sub blocks {
    return Claude::Docs::blocks({ file => 'docs/install.md' }, $_[0], 'sh');
}

for my $port (80, 443) {
    IO::Socket::INET->new(LocalPort => $port, Listen => 1, ReuseAddr => 1)
        or BAIL_OUT("port $port of this machine is taken");
}

my $m = Claude::Machine->new($build);
my $systemd = $m->boot or BAIL_OUT('no systemd here: ' . read_file($m->{log}));
note("a Debian with systemd runs after @{[minutes()]}");

my $walk = Claude::Walk->new($build, 'deb');

sub machine {
    my ($name, $text, @more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $walk->step($name, $text, sub { $m->sh($text, @more) });
    is_clean($got, $name);
    return $got;
}

# follows them
sub follow {
    my ($heading, @more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @got = map { machine("$heading: " . s/\n.*//sr, $_, @more) }
        blocks($heading);
    note("$heading: @{[minutes()]}");
    return wantarray ? @got : { map { my $k = $_; $k => join '',
        map { $_->{$k} } @got } qw(out err) };
}

sub files_of_ours {
    return sort split /\n/, $m->sh('find / -xdev \( -path /var/cache -o '
        . '-path /root \) -prune -o -iname "*claude*" -print')->{out};
}

run(['cp', @debs, $m->path('/root')]);
chmod 0755, $m->path('/root');
my @before = files_of_ours();

my $installed = follow('Install');
like($installed->{out}, qr/claude-bridge-install-sdk/,
    'says what is left to do');
is($m->sh('readlink /etc/nginx/modules-enabled/50-mod-http-claude.conf')
    ->{out}, "/usr/share/nginx/modules-available/mod-http-claude.conf\n",
    'the module is enabled as Debian\'s own');
machine('nginx loads it', 'nginx -t && systemctl is-active nginx');
my $journal = 'journalctl --no-pager -o cat -u nginx-claude-bridge';
wait_until(sub { $m->sh('systemctl is-failed nginx-claude-bridge || :')
    ->{out} =~ /^failed/ }, 'the bridge to fail', 60);
like($m->sh($journal)->{out},
    qr/SDK is not installed: run claude-bridge-install-sdk/,
    'the bridge says which command it needs');

# a file that is not the one that was pinned

push @started, spawn(cmd => ['node', root() . '/t/stub/anthropic.mjs'],
    out => "$dir/stub.out");
my ($url) = wait_until(sub {
    (read_file("$dir/stub.out") // '') =~ m{listening on (http://\S+)}
        && $1;
}, 'the stub API');
machine('settings', 'echo "$0" >> /etc/default/nginx-claude-bridge' =~
    s/\$0/ANTHROPIC_BASE_URL=$url/r);

my $lock = '/usr/share/nginx-claude-bridge/package-lock.json';
machine('a hash is changed', "cp $lock lock && sed -i "
    . "'/claude-agent-sdk\": {/,/integrity/s/sha512-..../sha512-AAAA/' $lock");
my $bad = $m->sh('claude-bridge-install-sdk');
is($bad->{status}, 1, 'the SDK with another hash is refused');
like($bad->{err}, qr/EINTEGRITY/, 'and why');
is($m->sh('ls -A /var/lib/nginx-claude-sdk')->{out}, '', 'nothing is left');
machine('the lock is the package\'s again', "mv lock $lock");

follow('The SDK');
is($m->sh('find /var/lib/nginx-claude-sdk \( ! -user root -o ! -group root '
    . '-o -perm /7022 -o ! -type f ! -type d \)')->{out}, '',
    'the SDK is root\'s, and nobody else can write to it');
like(follow('The SDK')->{err}, qr/is there/, 'a second time does nothing');
wait_until(sub { $m->sh($journal)->{out} =~ /"listening"/ }, 'the bridge', 60);
is($m->sh('systemctl is-active nginx-claude-bridge')->{out}, "active\n",
    'the bridge runs');

write_file($m->path('/root/token.txt'), token(), 0600);
follow('A key');
is($m->sh('claude-keys --version')->{out}, "claude-keys $said\n",
    'the command has its version');
my $key = read_file($m->path('/root/alice.key')) =~ s/\n//r;
like($key, qr/^sk-\w{48}$/, 'a key is made');
follow('nginx');
# a reload takes a moment, less than it takes anybody to type the next line
wait_until(sub {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 443);
}, 'nginx on port 443', 60);
sub answers {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = follow('Try it');
    my $text = eval { json_decode($got->{out})->{choices}[0]{message}{content}
    };
    like($text // '', qr/Hello/, $name) or diag $got->{out},
        $m->sh("$journal | tail -n 20")->{out},
        $m->sh('tail -n 20 /var/log/nginx/error.log')->{out};
}
answers('the endpoint answers, on TLS');

# confined

follow('Confinement');
answers('with a confined nginx too');
my ($worker) = $m->pids(qr/^nginx: worker/);
isnt(run(['nsenter', '-t', $worker, '-m', 'touch', '/etc/x'])->{status}, 0,
    'which can\'t write to its own configuration');

my $unit = 'nginx-claude-bridge.service';
my $security = machine('systemd-analyze security', "systemd-analyze "
    . "security --no-pager $unit")->{out};
my ($exposure) = $security =~ /exposure level.*: ([\d.]+)/;
cmp_ok($exposure, '<', 2.0, "exposure of the bridge is $exposure");
machine('systemd-analyze verify', "systemd-analyze verify --man=no $unit");
my %set = $m->sh("systemctl show -p MemoryMax -p TasksMax -p NoNewPrivileges "
    . "-p ProtectSystem -p PrivateTmp $unit")->{out} =~ /^(\w+)=(.*)$/mg;
is_deeply(\%set, { MemoryMax => 6 << 30, TasksMax => 1024, NoNewPrivileges =>
    'yes', ProtectSystem => 'strict', PrivateTmp => 'yes' }, 'its limits');

my @bridge = $m->pids(qr/^\S*node\0.*bridge\.mjs/);
my @claude = $m->pids(qr/^\S*claude\0.*stream-json/);
ok(@bridge && @claude, 'bridge and SDK run');
for my $pid (@bridge, @claude) {
    my %is = (read_file("/proc/$pid/status") // '') =~ /^(\w+):\s+(\S+)/mg;
    is(join(' ', @is{qw(NoNewPrivs Seccomp CapEff CapBnd)}),
        '1 2 0000000000000000 0000000000000000',
        'no privileges, a filter of calls, no capability');
    isnt($is{Uid}, 0, 'not root');
}

# what can be done where such a process is: by root, whom no mode of a file
# stops, and as its user
my @places = qw(/tmp /var/tmp /run/claude /run/claude-bridge /dev/shm);
sub inside {
    my ($text, @as) = @_;
    return run(['nsenter', '-t', $bridge[0], '-m', @as, 'sh', '-c', $text])
        ->{out};
}
sub as_it {
    my ($uid) = read_file("/proc/$bridge[0]/status") =~ /^Uid:\s+(\d+)/m;
    return ('setpriv', "--reuid=$uid", "--regid=$uid", '--clear-groups',
        '--no-new-privs');
}
is(inside('for d in / /usr /usr/share/nginx-claude-bridge /etc /var /var/lib '
    . '/var/lib/nginx-claude-sdk /opt /srv /run /run/systemd ' . "@places; do "
    . '(: > $d/x) 2> /dev/null && echo $d; rm -f $d/x; done'),
    join('', map { "$_\n" } @places), 'its own places can be written to, '
    . 'nothing else');
is(inside("cd /; for d in @places; do "
    . 'printf "#!/bin/sh\necho $d" > $d/x && chmod 755 $d/x && $d/x; '
    . 'rm -f $d/x; done 2> /dev/null', as_it()), '',
    'and nothing that is written there can be run');
is(inside('for d in /etc/nginx /var/lib/nginx-claude /var/log /home /root; do '
    . 'ls -A $d 2> /dev/null; done', as_it()), '', 'it sees nothing of nginx');

my $call = 'curl -sS -o /dev/null --unix-socket /run/claude/sdk.sock '
    . 'http://bridge/health';
my $as = 'setpriv --clear-groups --reuid=%s --regid=%s ';
machine('nginx\'s group reaches the socket',
    sprintf($as, 'www-data', 'www-data') . $call);
isnt($m->sh(sprintf($as, 'nobody', 'nogroup') . $call)->{status}, 0,
    'nobody else does');
is($m->sh('stat -c "%U:%G %a" /run/claude /run/claude/sdk.sock')->{out},
    "_claude-bridge:www-data 2750\n_claude-bridge:www-data 660\n",
    'by owner and mode');

# without systemd's help

machine('the bridge is stopped', 'systemctl stop nginx-claude-bridge');
follow('Without systemd', undef, ANTHROPIC_BASE_URL => $url);
wait_until(sub { $m->sh($call)->{status} == 0 }, 'the bridge', 60);
is($m->sh('stat -c "%U:%G %a" /run/claude/sdk.sock')->{out},
    "_claude-bridge:www-data 660\n", 'without systemd the socket is the same');
answers('and the bridge answers');
my ($alone) = $m->pids(qr/^\S*node\0.*claude-bridge/);
kill 'TERM', $alone;
wait_until(sub { !alive($alone) }, 'its end', 60);
machine('the unit again', 'systemctl start nginx-claude-bridge');
wait_until(sub { $m->sh($call)->{status} == 0 }, 'the bridge', 60);

# changed while an answer is under way

my $http = HTTP::Tiny->new(timeout => 20);
sub main_pid { $m->sh("systemctl show -P MainPID $unit")->{out} + 0 }

# starts an answer that hangs; what it gives is told later
sub hanging {
    my $text = '[[stub deltas=4 hang=stream]]';
    my $pid = spawn(out => "$dir/hang.out", err => "$dir/hang.err",
        cmd => ['curl', '-sSkN', 'https://127.0.0.1/v1/chat/completions', '-H',
        "Authorization: Bearer $key", '-H', 'Content-Type: application/json',
        '-d', json_encode({ model => 'sonnet', stream => \1, messages =>
        [{ role => 'user', content => $text }] })]);
    wait_until(sub {
        my $r = $http->get("$url/_stub/open");
        $r->{success} && json_decode($r->{content})->{open};
    }, 'an answer under way', 60);
    return $pid;
}
sub ends_well {
    my ($pid, $name) = @_;
    $http->post("$url/_stub/release");
    waitpid $pid, 0;
    my $text = read_file("$dir/hang.out");
    unlink "$dir/hang.out";
    like($text, qr/\[DONE\]/, $name) or diag $text;
}

my $open = hanging();
my $old = main_pid();
machine('another bridge', 'systemctl reload nginx-claude-bridge');
isnt(main_pid(), $old, 'is the unit\'s main process');
answers('and answers');
ends_well($open, 'the old one ends its answer');
$m->sh("kill -9 " . main_pid());
wait_until(sub { main_pid() && $m->sh($call)->{status} == 0 },
    'the bridge that was killed', 60);
pass('one that was killed is started again');

machine('the audit log is rotated',
    'logrotate -f /etc/logrotate.d/libnginx-mod-http-claude');
machine('and goes on', 'cd /var/log/nginx-claude; grep -q start audit.log.1;'
    . 'nginx -s reload; for i in $(seq 100); do grep -q reload audit.log && '
    . 'exit; sleep 0.1; done; exit 1');

# the master key as a credential of systemd's, which it stays for the upgrade

sub keys_md {
    return Claude::Docs::blocks({ file => 'docs/keys.md' },
        'Without a file on disk', $_[0]);
}
my ($encrypt, $by_hand, $decrypt) = keys_md('sh');
my ($directive) = map { s{\n}{}r } keys_md('nginx');
my ($drop_in) = read_file(root() . '/conf-examples/systemd/nginx.service.d/'
    . 'claude-master.conf') =~ s/^#.*\n//gmr =~ /(\[Service\].*)/s;
like(read_file(root() . '/docs/keys.md'), qr/^```\n\Q$drop_in\E```$/m,
    'the drop-in of the package is that of docs/keys.md');
my $given = '/run/credentials/nginx.service/claude-master';
machine('a master key in memory, encrypted', $encrypt);
machine('the keys are wrapped by it', <<'EOC');
cd /etc/nginx/claude
(umask 077; cat /run/claude-master/key master.key > both.key)
mv both.key master.key
claude-keys rekey
rm -r master.key /run/claude-master
EOC
machine('nginx takes it from systemd', "sed -i 's|^claude_master_key .*|"
    . "$directive|' /etc/nginx/conf.d/claude.conf\n"
    . 'install -m 0644 -t /etc/systemd/system/nginx.service.d /usr/share/doc/'
    . 'libnginx-mod-http-claude/examples/systemd/nginx.service.d/'
    . "claude-master.conf\nsystemctl daemon-reload\nsystemctl restart nginx");
answers('with LoadCredentialEncrypted=, nginx opens its keys');
is($m->sh("stat -c '%U %a' $given")->{out}, "root 400\n", 'from a file that '
    . 'is root\'s alone');
is($m->sh("grep -rlFf $given /etc /root /var/lib/nginx-claude "
    . '/var/lib/systemd /var/log || :')->{out}, '', 'and not on the disk');
like(machine('by hand too', $by_hand)->{out}, qr/\b1 live\b/, 'with the '
    . 'variable of systemd\'s');
my ($before) = $m->pids(qr/^nginx: worker/);
machine('a reload', 'systemctl reload nginx && systemctl is-active nginx');
wait_until(sub { !alive($before) }, 'the workers of before to end', 60);
answers('and new workers open them');

# version + 1

for my $name (@names) {
    my $tree = "$dir/$name";
    my $next = "$versions[0]+next";
    my $script = <<'EOC';
dpkg-deb -R "$1" "$2"
sed -i "s/^Version: .*/Version: $3/" "$2/DEBIAN/control"
rm "$4"
dpkg-deb --root-owner-group -b "$2" "$5"
EOC
    my $file = $deb{$name} =~ s{.*/}{}r;
    my $to = $m->path('/root/') . ($file =~ s/_[^_]*_/_${next}_/r);
    is_clean(run(['sh', '-euc', $script, 'sh', $deb{$name}, $tree, $next,
        $m->path("/root/$file"), $to]), "$name, another version");
}
$open = hanging();
$old = main_pid();
my ($master) = $m->pids(qr/^nginx: master/);
follow('Upgrade');
is($m->sh("dpkg-query -W -f '\${Version} ' @names")->{out},
    "$versions[0]+next " x 3, 'the other version is there');
isnt(main_pid(), $old, 'a new bridge took over');
answers('it answers');
ends_well($open, 'and what was under way ends well');
wait_until(sub { !alive($master) }, 'the old nginx', 60);
machine('systemd knows the new nginx', 'systemctl reload nginx && systemctl '
    . 'is-active nginx');
answers('which answers too');

machine('the master key as a file again', "$decrypt\n" . <<'EOC');
install -m 0600 /run/claude-master/key /etc/nginx/claude/master.key
rm -r /run/claude-master /etc/credstore.encrypted
EOC

# gone

my @remove = blocks('Remove');
machine('Remove', shift @remove);
my @left = files_of_ours();
ok((grep { $_ eq "/var/lib/nginx-claude" } @left)
    && (grep { m{^/var/lib/nginx-claude-sdk/.*/claude$} } @left)
    && (grep { $_ eq '/etc/default/nginx-claude-bridge' } @left),
    'keys, the SDK and settings stay');
is($m->sh('cat /etc/nginx/claude/master.key /var/lib/nginx-claude/keys.jsonl '
    . '| wc -l')->{out} > 2, 1, 'keys with what is in them');
machine('nginx runs without', 'nginx -t && systemctl is-active nginx');

my $purged = machine('purge', @remove);
like($purged->{out}, qr{keys are left in \Q$_\E;}, "purge says: $_")
    for qw(/etc/nginx/claude /var/lib/nginx-claude);
my @kept = qw(/etc/nginx/claude /var/lib/nginx-claude);
is(join("\n", files_of_ours()), join("\n", sort @before, @kept),
    'and nothing else is');
is($m->sh('getent passwd | grep claude || :')->{out}, '', 'no user either');
is($m->sh('ls /run | grep claude || :')->{out}, '', 'nothing in /run');

# from source, with a stock nginx: the release that Debian's source package has

machine('no keys, no nginx', 'systemctl stop nginx; rm -r /etc/nginx/claude '
    . '/var/lib/nginx-claude');
is_clean(run(['sh', '-euc', 'mkdir "$2"; cd "$1"; git ls-files -z '
    . '| tar -c --null -T - | tar -x -C "$2"', 'sh', root(),
    $m->path('/usr/src/ngx_http_claude_module')]), 'these sources');
machine('nginx\'s sources', q{
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list \
        > /etc/apt/sources.list.d/src.list
    apt-get update
    mkdir /usr/src/nginx
    cd /tmp
    apt-get source --download-only --tar-only nginx
    tar -xzf nginx_*.orig.tar.gz -C /usr/src/nginx --strip-components=1
});
my @source = blocks('From source');
my $start = pop @source;
machine('settings', "echo ANTHROPIC_BASE_URL=$url "
    . '> /etc/default/nginx-claude-bridge');
machine('From source: ' . s/\n.*//sr, $_) for @source;
note("From source: @{[minutes()]}");
write_file($m->path('/root/token.txt'), token(), 0600);
follow('A key');
machine('From source: the server', $start);
wait_until(sub { $m->sh($call)->{status} == 0 }, 'the bridge', 60);
answers('a stock nginx with all from source answers');

$m->halt;
note("all of it took @{[minutes()]}");
done_testing();
