#!/usr/bin/perl

# docs/operations.md, word for word and under load: a bridge takes over from
# another, and the other way round, also as the package has it.  No request is
# lost, and the old one's streams end whole.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Docs;
use Claude::Load;
use Claude::Process ();
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $key = $t->add_key('alice');
my $docs = Claude::Docs->new($t, 'docs/operations.md');
my $heading = 'From source';

# the machine of the document: its source, npm without the net, a journal

symlink root(), "$dir/src" or die $!;
mkdir "$dir/$_" for qw(opt bridge systemd);
$docs->command('npm', "ln -s '" . root() . "/src/sdk/node_modules' .\n");
$docs->command('journalctl', "cat '$dir'/bridge*.err\n");

my ($unit) = $docs->blocks($heading, 'ini');
my %env = map { split /=/, $_, 2 } $docs->place($unit)
    =~ /^Environment=(.*)$/mg;
my ($command) = $docs->place($unit) =~ /^ExecStart=(.*)$/m;
my ($group) = $unit =~ /^Group=(.*)$/m;
my %pid;

# the unit's command in its group, whose workers may use the socket
sub start_bridge {
    my ($n, %opt) = @_;
    my $version = $opt{version} // $n;
    my @cmd = split ' ', $command =~ s/%i/$version/gr;
    $cmd[0] =~ s{.*/}{};
    @cmd = ('setpriv', '--regid', $group, '--clear-groups', @cmd) if !$>;
    $pid{$n} = $t->daemon("bridge$n", cmd => \@cmd, env => { %env,
        CLAUDE_BRIDGE_POOL => 1, %{ $opt{env} // {} } });
}

sub says { (read_file("$dir/bridge$_[0].err") // '') =~ /"event":"$_[1]"/g }
sub says_n { my @all = says(@_); return scalar @all }

# none is left where the test breaks off
END { kill 'KILL', $pid{4} if $pid{4} && alive($pid{4}) }

# whether it ended, by itself and well
sub ended {
    my ($n) = @_;
    my $pid = $pid{$n};
    wait_until(sub { waitpid($pid, 1) == $pid }, "the end of bridge $n");
    $t->forget_daemon($pid);
    return $? == 0;
}

my %systemctl = (
    (map { my $n = $_; ("start claude-bridge\@$n" => sub { start_bridge($n) },
        "stop claude-bridge\@$n" => sub { },
        "enable claude-bridge\@$n" => sub { },
        "disable claude-bridge\@$n" => sub { }) } 1, 2),
    'reload nginx-claude-bridge' => sub { take_over(4) },
);

# ExecReload of the package's unit, which tells systemd of the new process
sub take_over {
    my ($n) = @_;
    $docs->command('systemd-notify', "echo \"\$@\" > '$dir/notified'\n");
    my $got = run(['sh', '-c', 'cd "$0" && ' . ($> ? '' : "setpriv --regid "
        . "$group --clear-groups ") . "./take-over 2>>'$dir/bridge$n.err'",
        "$dir/opt/2"], undef, %env, CLAUDE_BRIDGE_POOL => 1,
        PATH => "$dir/bin:$ENV{PATH}");
    is($got->{status}, 0, 'take-over') or diag read_file("$dir/bridge$n.err");
    ($pid{$n}) = (read_file("$dir/notified") // '') =~ /^MAINPID=(\d+)$/;
}

my %steps;
sub step {
    my ($heading, $n, $edit) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $steps{$heading} //= [$docs->blocks($heading, 'sh')];
    my $block = $steps{$heading}[$n - 1];
    $block = $edit->($block) if $edit;
    my $got = $docs->shell($block, %systemctl);
    is($got->{status}, 0, "$heading, step $n") or diag $got->{err};
    return $got->{out};
}

sub held {
    my ($name) = @_;
    my $c = $t->stream("[[stub deltas=4 hang=stream after=2 name=$name]]",
        key => $key);
    $c->head;
    $c->event for 1, 2;
    return $c;
}

sub text {
    my ($c) = @_;
    my @events = $c->events;
    $c->close;
    return join '', map { ref $_ ? $_->{choices}[0]{delta}{content} // ''
        : $_ } @events;
}

step($heading, 1);
step($heading, 1, sub { $_[0] =~ s{/claude-bridge/2}{/claude-bridge/1}gr });
run(['cp', root() . '/conf-examples/systemd/take-over', "$dir/opt/2/"]);

my $sdk = Claude::SDK->start_stub($t);
$env{ANTHROPIC_BASE_URL} = $sdk->{url};
start_bridge(1);
$t->conf(<<'EOC', workers => 3);
upstream bridge {
    server unix:%%DIR%%/bridge/sock;
    keepalive 8;
    keepalive_timeout 2s;
}
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC
$t->start(undef);
wait_until(sub { ($t->http('GET', '/v1/health') // next)->{status} == 200 },
    'the bridge', 60);

# chats, and many calls that the bridge answers at once
sub loads {
    return (Claude::Load->start($t, key => $key, n => 1,
        pause => 1), Claude::Load->start(
        $t, get => '/v1/health', n => 2, pause => 0.02));
}

# bridge $new takes over from $old by these steps
sub hand_over {
    my ($name, $old, $new, @steps) = @_;
    my @loads = loads();
    my $stream = held($name);
    $_->more(1) for @loads;
    my ($relieved, $before) = (says_n($old, 'relieved'),
        says_n($new, 'request'));
    step(@$_) for @steps;
    wait_until(sub { says_n($old, 'relieved') > $relieved },
        'the old one to see it');
    pass("$name: the old bridge sees that it is relieved");
    my $said = step($heading, 3);
    like($said, qr/"event":"listening".*\{"status":"ok"/s,
        "$name: what the log and the new one say");
    $loads[1]->more(50);
    wait_until(sub { says_n($new, 'request') > $before }, 'an answer', 60);
    pass("$name: the new one answers");
    ok(alive($pid{$old}), "$name: the old one waits for its stream");
    $sdk->release($name);
    like(text($stream), qr/3 4 \[DONE\]\z/, "$name: which ends whole");
    ok(ended($old), "$name: then it ends");
    $_->more(1) for @loads;
    is_deeply([map { keys %{ $_->stop } } @loads], ['whole', 'whole'],
        "$name: no request is lost");
}

hand_over('there', 1, 2, [$heading, 2]);
step($heading, 4);
hand_over('back', 2, 1, ['Back to the old bridge', 1]);
step('Back to the old bridge', 2);
hand_over('package', 1, 4, ['With the package', 1]);

# one that can't start anything

start_bridge(3, version => 2, env => {
    CLAUDE_BRIDGE_CLAUDE => "$dir/nothing" });
wait_until(sub { says_n(3, 'claude_missing') }, 'a bridge that can\'t start');
is($t->http('GET', '/v1/health')->{status}, 200,
    'one that can\'t start anything takes nothing over');
kill 'TERM', $pid{3};
ok(ended(3), 'and ends when it is told to');
ok(-S "$dir/bridge/sock", 'the socket is left alone');

# a plain end takes the socket along

kill 'TERM', $pid{4};
wait_until(sub { !alive($pid{4}) }, 'the end of the last one');
ok(!-e "$dir/bridge/sock", 'and takes its socket along');

# until there is a bridge
$t->allow(qr/connect\(\) to .*health/, qr/upstream timed out.*health/);
$t->finish;
