#!/usr/bin/perl

# claude-keys rekey: another master key, another sealing secret, killed at
# every step, beside other changes, and beside an nginx that goes on serving.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Process ();
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $dir = $t->dir;
my ($store, $master) = ($keys->{store}, $keys->{master});
my @files = $keys->files;

sub good {
    my ($name, @args) = @_;
    my $got = $keys->command(undef, @args);
    is($got->{status}, 0, $name) or diag $got->{err};
    return $got->{out};
}

# the master key file, from the first key in it on
sub masters {
    my (@lines) = @_;
    write_file("$master.new", join '', @lines);
    chmod 0600, "$master.new";
    rename "$master.new", $master or die $!;
}

sub new_master {
    good('another master key', 'init', '--master-key', "$dir/keys/other");
    my $line = read_file("$dir/keys/other");
    unlink "$dir/keys/other";
    return $line;
}

sub is_sound {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $keys->command(undef, 'check', @files);
    is($got->{status}, 0, $name) or diag $got->{err};
}

sub sealed { [(read_file($store) // '') =~ /"oauthToken":"([^"]+)"/g] }
sub records { [map { delete $_->{state}; $_ } $keys->list] }

my %key = map { $_ => $t->add_key($_) } qw(alice bob carol);
my $old = read_file($master);
my $new = new_master();

# what changes and what doesn't

my ($records, $sealed) = (records(), sealed());
my ($header) = read_file($store) =~ /\A(.*)\n/;
masters($new, $old);
is(good('rekey', 'rekey', @files), '', 'says nothing');
isnt((read_file($store) =~ /\A(.*)\n/)[0], $header,
    'the secrets are wrapped anew');
is_deeply(sealed(), $sealed, 'credentials are sealed as they were');
is_deeply(records(), $records, 'keys are the same');
masters($new);
is_sound('the new master key alone opens all');
masters($old);
is($keys->command(undef, 'check', @files)->{status}, 1,
    'the old one opens nothing any more');
like($keys->command(undef, 'rekey', @files)->{err},
    qr/keys\.jsonl:1: no key of .* opens/, 'nor does it rekey');

masters($new);
good('rekey --reseal', 'rekey', '--reseal', @files);
my %before = map { $_ => 1 } @$sealed;
is((grep { $before{$_} } @{ sealed() }), 0, 'each credential is sealed anew');
is_deeply(records(), $records, 'keys are the same');
is_sound('and all opens');
is($keys->command(undef, 'rekey', '--reseal', $_, @files)->{status}, 2,
    "rekey takes no $_") for 'x', '--json';

# a damaged log is left as it is

my $text = read_file($store);
for (['a line', sub { "$_[0]\{}\n" }], ['a token', sub {
    $_[0] =~ s/("oauthToken":")(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/er }])
{
    my ($name, $damage) = @$_;
    write_file($store, $damage->($text));
    my $damaged = read_file($store);
    my $got = $keys->command(undef, 'rekey', '--reseal', @files);
    is($got->{status}, 4, "a damaged log: $name") or diag $got->{err};
    is(read_file($store), $damaged, 'is left as it is');
    ok(!-e "$store.compact", 'with nothing beside it');
    write_file($store, $text);
}
$t->own($store, 0600);

# killed at every step

sub killer {
    my $lib = "$dir/kill_at.so";
    my $got = run(['cc', '-shared', '-fPIC', '-o', $lib,
        root() . '/t/lib/kill_at.c', '-ldl']);
    BAIL_OUT("kill_at.c: $got->{err}") if $got->{status};
    return $lib;
}

my $preload = killer();
my %env = (LD_PRELOAD => $preload, ASAN_OPTIONS => 'verify_asan_link_order=0');
my $claude_keys = Claude::Test::build() . '/claude-keys';
masters($new, $old);

for my $torn (0, 1) {
    my ($steps, @bad) = (0);
    for my $n (1 .. 200) {
        write_file($store, $text);
        $t->own($store, 0600);
        my $got = run([$claude_keys, 'rekey', '--reseal', @files], undef,
            %env, KILL_AT => $n, ($torn ? (KILL_TORN => 1) : ()));
        push @bad, "step $n: check" if $keys->command(undef, 'check',
            @files)->{status};
        push @bad, "step $n: keys" if json_encode(records())
            ne json_encode($records);
        last if $got->{status} == 0;
        push @bad, "step $n: status $got->{status}"
            if $got->{status} != 128 + 9;
        $steps++;
        push @bad, "step $n: again" if $keys->command(undef, 'rekey',
            '--reseal', @files)->{status};
        push @bad, "step $n: leftover" if -e "$store.compact";
    }
    cmp_ok($steps, '>=', 8, "it was killed at each of $steps steps"
        . ($torn ? ', in the middle of writes' : ''));
    is(join('; ', @bad), '', 'and the log was whole after each');
}

# beside other changes

write_file($store, $text);
$t->own($store, 0600);
my $pid = fork // die $!;
if (!$pid) {
    my $failed = 0;
    for (1 .. 15) {
        my $got = run([$claude_keys, 'add', @files, '--name', "beside$_",
            '--token-stdin'], Claude::Test::token());
        $failed++ if $got->{status};
    }
    POSIX::_exit($failed);
}
my $rekeyed = 0;
until (waitpid $pid, 1) {
    my $got = $keys->command(undef, 'rekey', '--reseal', @files);
    $rekeyed++ if $got->{status} == 0;
    last if $got->{status} > 1;
}
is($? >> 8, 0, 'changes go on while it is sealed anew');
cmp_ok($rekeyed, '>=', 1, "which was done $rekeyed times");
is(scalar(grep { $_->{keyName} =~ /^beside/ } $keys->list), 15,
    'each of them is there');
is_sound('and opens');

# beside nginx, which holds both master keys

my $bridge = $t->bridge;
$t->start(<<'EOC');
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

# whether calls with a key bear its own credential, several times
sub serves {
    my ($name, $which, $n) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $bridge->forget;
    my @status = map { $t->chat('hi', key => $which)->{status} } 1 .. $n // 6;
    is_deeply(\@status, [(200) x @status], "$name: is answered");
    my $token = $keys->token($which);
    is(scalar(grep { index(json_encode($_->{headers}), $token) < 0 }
        $bridge->calls), 0, "$name: with its own credential");
}

sub status { $t->http('GET', '/v1/models', key => $_[0])->{status} }

sub becomes {
    my ($which, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until(sub { status($which) == $status }, "$status");
    is_deeply([map { status($which) } 1 .. 8], [($status) x 8], $name);
}

# the zone has followed the log when a change behind it is felt
sub followed {
    my ($name) = @_;
    my $fresh = $t->add_key($name);
    wait_until(sub { status($fresh) == 200 }, 'a new key');
    return $fresh;
}

serves('before', $key{alice});
for my $round (1 .. 3) {
    good('rekey --reseal', 'rekey', '--reseal', @files);
    serves("round $round, at once", $key{alice});
    my $fresh = followed("fresh$round");
    serves("round $round, read again", $key{$_}) for qw(alice bob);
    serves("round $round, a key made since", $fresh);
    $keys->delete($fresh);
    becomes($fresh, 401, "round $round: a deleted key is refused");
}
unlike($t->log, qr/\[(?:crit|error)\]/, 'no process was at a loss');

# beside nginx that was started without the new master key

my $third = new_master();
masters($third, $new, $old);
good('rekey --reseal by a master key that nginx has not read', 'rekey',
    '--reseal', @files);
wait_until(sub { $t->log =~ /\[crit\].*started without, reload it/ },
    'a complaint');
serves('keys stay as they are', $key{alice});
$t->reload(undef);
serves('a reload', $key{alice});
my $last = followed('last');
serves('it follows the log again', $_) for $last, $key{bob};
$keys->disable($key{carol});
becomes($key{carol}, 401, 'a revoked key is refused');

# the old ones can go

masters($third);
$t->reload(undef);
serves('by the new master key alone', $_) for $last, $key{alice};
ok($t->stop_nginx, 'nginx ends');
$t->start(undef);
serves('after a restart', $_) for $last, $key{alice};

$t->allow(qr/\[crit\].*started without, reload it/);
$t->finish;
