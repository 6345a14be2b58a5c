#!/usr/bin/perl

# Backups: whole beside a running nginx, of no use when damaged, and made and
# restored as docs/backup.md says, word for word.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Test::More;

use Claude::Checks;
use Claude::Docs;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $dir = $t->dir;
my ($store, $master) = ($keys->{store}, $keys->{master});
my @files = $keys->files;
my $claude_keys = Claude::Test::build() . '/claude-keys';
my $today = strftime('%Y-%m-%d', gmtime);

sub good {
    my ($name, @args) = @_;
    my $got = $keys->command(undef, @args);
    is($got->{status}, 0, $name) or diag $got->{err};
    return $got->{out};
}

sub refused {
    my ($status, $like, $name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $keys->command(undef, @args);
    is($got->{status}, $status, $name) or diag $got->{err};
    like($got->{err}, $like, "$name: the reason");
}

sub mode { sprintf '%04o', (stat $_[0])[2] & 07777 }
sub names { opendir my $d, $_[0] or die "$_[0]: $!"; sort grep { !/^\.\.?$/ }
    readdir $d }

# the same records, but for what is only as of now
sub records {
    my (@store) = @_;
    my $got = $keys->command(undef, 'list', '--json', @store ? @store
        : @files);
    return $got->{status} ? $got->{err} : json_decode($got->{out});
}

# an empty place for a store
my $places = 0;
sub place {
    my $place = "$dir/place" . ++$places;
    mkdir $place, 0700 or die $!;
    return $place;
}

sub restore {
    my ($file, $place, @args) = @_;
    return $keys->command(undef, 'restore', $file, '--store',
        "$place/keys.jsonl", '--master-key', $master, @args);
}

my %key = map { $_ => $t->add_key($_) } qw(alice bob carol);
$keys->set($key{alice}, '--day-tokens', 1000, '--allowed-model', 'sonnet');
mkdir "$store.usage", 0700 or die $!;
$t->own("$store.usage", 0700);
for my $day ('2026-11-01', $today) {
    write_file("$store.usage/$day.jsonl", sprintf '{"id":"%s","model":"m1",'
        . '"requests":1,"errors":0,"promptTokens":5,"cachedTokens":0,'
        . '"completionTokens":7,"cost":12}' . "\n", $keys->id($key{alice}));
    $t->own("$store.usage/$day.jsonl", 0600);
}

# what one is

my $file = "$dir/first.tar";
my $said = good('backup', 'backup', $file, @files);
like($said, qr/^\Q$file\E: keys: 3, days of usage: 2$/m, 'says what it has');
like($said, qr/master key is not in it.*\Q$master\E/s,
    'and that the master key is not in it');
is(mode($file), '0600', 'it is its owner\'s');
my $bytes = read_file($file);
my ($secret) = read_file($master) =~ /^(\S{44})$/m;
ok(index($bytes, $secret) < 0, 'the master key is not in it');
refused(1, qr/exists: nothing is overwritten/, 'a file that is there',
    'backup', $file, @files);
is(read_file($file), $bytes, 'stays as it is');
refused(2, qr/file is missing/, 'no file', 'backup', @files);
refused(1, qr/can't be made: No such file/, 'no directory', 'backup',
    "$dir/none/x.tar", @files);
is_deeply([grep { /tar/ } names($dir)], ['first.tar'],
    'nothing is left beside it');

is(run(['tar', '-tf', $file])->{out}, join("\n", 'backup.json', 'keys.jsonl',
    'usage/2026-11-01.jsonl', "usage/$today.jsonl", 'SHA256SUMS', ''),
    'tar reads it');
my $apart = place();
is(run(['sh', '-c', "cd $apart && tar -xf $file && sha256sum -c SHA256SUMS"])
    ->{status}, 0, 'and sha256sum its sums');
is(read_file("$apart/keys.jsonl"), read_file($store), 'the log as it is');

# restored

my $place = place();
my $got = restore($file, $place);
is($got->{status}, 0, 'restore') or diag $got->{err};
is($got->{out}, "$place/keys.jsonl: keys: 3, days of usage: 2\n",
    'says what there is');
is_deeply(records('--store', "$place/keys.jsonl"), records(),
    'every key is as it was');
is_deeply([names("$place/keys.jsonl.usage")], ['2026-11-01.jsonl',
    "$today.jsonl"], 'and the usage');
is(mode("$place/keys.jsonl"), '0600', 'the log is its owner\'s');
is(mode("$place/keys.jsonl.usage"), '0700', 'so is the usage');
is_deeply([names($place)], ['keys.jsonl', 'keys.jsonl.usage'],
    'nothing is left beside them');
is(good('usage', 'usage', '--group', 'key', @files), good('usage', 'usage',
    '--group', 'key', '--store', "$place/keys.jsonl"), 'it counts');

sub untouched {
    my ($name, $like, $status, $place, $from, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @before = names($place);
    my $got = restore($from, $place, @args);
    is($got->{status}, $status, $name) or diag $got->{err};
    like($got->{err}, $like, "$name: the reason");
    is_deeply([names($place)], \@before, "$name: nothing was written");
}

untouched('a log that is there', qr/keys\.jsonl exists, and nothing is over/,
    1, $place, $file);
rename "$place/keys.jsonl", "$place/away" or die $!;
untouched('a usage that is there', qr/keys\.jsonl\.usage exists, and/, 1,
    $place, $file);
my $empty = place();
untouched('no file', qr/none can't be opened: No such/, 1, $empty,
    "$dir/none");
untouched('a directory', qr/is not a regular file/, 1, $empty, $dir);
untouched('another master key', qr/no key of .*other opens it/, 1, $empty,
    $file, '--master-key', do { good('another master key', 'init',
        '--master-key', "$dir/keys/other"); "$dir/keys/other" });
untouched('no master key', qr/none can't be opened/, 1, $empty, $file,
    '--master-key', "$dir/none");
chmod 0777, $empty;
untouched('a directory for all', qr/written to by group or others/, 1,
    $empty, $file);
chmod 0700, $empty;

# as root, for whom the directory belongs to

SKIP: {
    skip 'only root can restore for another', 2 if $>;
    my $theirs = place();
    $t->own($theirs, 0700);
    is(restore($file, $theirs)->{status}, 0, 'restore for another user');
    my %owners = map { (stat $_)[4] => 1 } "$theirs/keys.jsonl",
        glob "$theirs/keys.jsonl.usage{,/*}";
    is_deeply([keys %owners], [(stat $theirs)[4]], 'all of it is theirs');
}

# damaged anywhere

my @bad;
srand 4;
for my $at (0, 1, 156, 257, 511, 512, map { int rand length $bytes } 1 .. 60) {
    my $damaged = $bytes;
    substr($damaged, $at, 1) ^= "\x01";
    next if padding($at);
    write_file("$dir/bad.tar", $damaged);
    my $got = restore("$dir/bad.tar", $empty);
    push @bad, "byte $at: $got->{status} $got->{err}"
        if $got->{status} != 4 || names($empty);
}
is(join("\n", @bad), '', 'a byte that differs is damage');

# what is not looked at: zeroes behind a file, and what tar says of owners
sub padding {
    my ($at) = @_;
    my $pos = 0;
    while ($pos < length $bytes) {
        my $size = oct((unpack "x$pos x124 a11", $bytes) =~ s/\0//gr || 0);
        my $end = $pos + 512 + $size;
        my $next = $pos + 512 + int(($size + 511) / 512) * 512;
        return 1 if $at >= $end && $at < $next;
        $pos = $next;
        return $at >= $pos if substr($bytes, $pos, 1) eq "\0";
    }
    return 0;
}

@bad = ();
for my $len (map { $_ * 512 } 0 .. length($bytes) / 512 - 3) {
    write_file("$dir/bad.tar", substr $bytes, 0, $len);
    my $got = restore("$dir/bad.tar", $empty);
    push @bad, "$len bytes: $got->{status}"
        if $got->{status} != 4 || names($empty);
}
is(join("\n", @bad), '', 'so is one that is cut');

# well made, and wrong

sub remade {
    my ($name, $like, $edit, %opt) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $parts = place();
    run(['tar', '-xf', $file, '-C', $parts]);
    my %part = map { $_ => read_file("$parts/$_") } qw(backup.json keys.jsonl
        usage/2026-11-01.jsonl);
    $edit->(\%part, $parts);
    write_file("$parts/$_", $part{$_}) for grep { defined $part{$_} }
        keys %part;
    my @names = $opt{names} ? @{ $opt{names} } : ('backup.json', 'keys.jsonl',
        'usage/2026-11-01.jsonl', "usage/$today.jsonl");
    run(['sh', '-c', "cd $parts && rm -f $dir/bad.tar && sha256sum @names "
        . "> SHA256SUMS; tar --format=ustar -cf $dir/bad.tar @names "
        . ($opt{sums} // 'SHA256SUMS')]);
    return restore("$dir/bad.tar", $opt{place}) if $opt{place};
    untouched($name, $like, 4, $empty, "$dir/bad.tar");
}

is(remade('', '', sub { }, place => place())->{status}, 0,
    'one that is made anew by tar is as good');
remade('a later version', qr/backup\.json:1: version is newer/,
    sub { $_[0]{'backup.json'} =~ s/"version":1/"version":2/ });
remade('another format', qr/format is not claude-backup/,
    sub { $_[0]{'backup.json'} =~ s/claude-backup/else/ });
remade('of another store', qr/keys\.jsonl:1: is of another store/,
    sub { $_[0]{'backup.json'} =~ s/store_..../store_0000/ });
remade('a line that is none', qr/keys\.jsonl:3: op is none/,
    sub { $_[0]{'keys.jsonl'} =~ s/(?:.*\n){2}\{"op":"\Kput/pot/ });
remade('a line that is cut', qr/keys\.jsonl:\d+: ends within a line/,
    sub { chop $_[0]{'keys.jsonl'} });
remade('no header', qr/keys\.jsonl:1: /,
    sub { $_[0]{'keys.jsonl'} =~ s/\A.*\n// });
remade('no log', qr/keys\.jsonl:1: ends within a line/,
    sub { $_[0]{'keys.jsonl'} = '' });
remade('a later log', qr/keys\.jsonl:1: version is newer/,
    sub { $_[0]{'keys.jsonl'} =~ s/"version":1/"version":9/ });
remade('a key twice', qr/keys\.jsonl:\d+: duplicate digest/, sub {
    my ($put) = $_[0]{'keys.jsonl'} =~ /(.*"keyName":"bob".*\n)/;
    $_[0]{'keys.jsonl'} .= $put =~ s/key_..../key_0000/r;
});
remade('a credential of another key', qr/keys\.jsonl:\d: oauthToken doesn't/,
    sub {
        my @tokens = $_[0]{'keys.jsonl'} =~ /"oauthToken":"([^"]+)"/g;
        $_[0]{'keys.jsonl'} =~ s/\Q$tokens[1]\E/$tokens[0]/;
    });
remade('a long line', qr/keys\.jsonl:\d+: line is too long/,
    sub { $_[0]{'keys.jsonl'} .= ' ' x 100000 . "\n" });
remade('usage that is none', qr/2026-11-01\.jsonl:2: is no line of usage/,
    sub { $_[0]{'usage/2026-11-01.jsonl'} .= "{}\n" });
for (['a file more', "x"], ['a usage of no day', 'usage/2026-13-01.jsonl'],
    ['one outside', '../outside'], ['an absolute one', "$dir/outside"])
{
    my ($name, $more) = @$_;
    remade($name, qr/has not the files that a backup has/,
        sub { $_[0]{$more} = "{}\n" if $more !~ m{^/}; write_file(
            "$dir/outside", 'x'); }, names => ['-P', 'backup.json',
            'keys.jsonl', $more]);
}
remade('files in another order', qr/has not the files/, sub { },
    names => ['keys.jsonl', 'backup.json']);
remade('no sums', qr/has not the files/, sub { }, sums => '');
remade('a link', qr/is no backup, or is damaged/, sub {
    delete $_[0]{'keys.jsonl'};
    unlink "$_[1]/keys.jsonl";
    symlink '/etc/passwd', "$_[1]/keys.jsonl";
});

# killed at every step

my $lib = "$dir/kill_at.so";
BAIL_OUT('kill_at.c') if run(['cc', '-shared', '-fPIC', '-o', $lib,
    root() . '/t/lib/kill_at.c', '-ldl'])->{status};
my %env = (LD_PRELOAD => $lib, ASAN_OPTIONS => 'verify_asan_link_order=0');

sub killed {
    my ($name, $least, $run, $whole) = @_;
    my ($steps, @bad) = (0);
    for my $n (1 .. 300) {
        my $at = place();
        my $got = run($run->($at), undef, %env, KILL_AT => $n);
        push @bad, "step $n: " . $whole->($at, $got->{status});
        last if $got->{status} == 0;
        $steps++;
    }
    cmp_ok($steps, '>=', $least, "$name, killed at each of $steps steps");
    is(join('; ', grep { /: ./ } @bad), '', "$name is whole or not at all");
}

killed('a backup', 20, sub { [$claude_keys, 'backup', "$_[0]/b.tar",
    @files] }, sub {
        my ($at) = @_;
        return '' unless -e "$at/b.tar";
        my $got = restore("$at/b.tar", place());
        return $got->{status} ? $got->{err} : '';
    });
killed('a restore', 20, sub { [$claude_keys, 'restore', $file, '--store',
    "$_[0]/keys.jsonl", '--master-key', $master] }, sub {
        my ($at) = @_;
        my @store = ('--store', "$at/keys.jsonl", '--master-key', $master);
        if (!-e "$at/keys.jsonl") {
            run(['sh', '-c', "rm -rf $at/*"]);
            my $got = restore($file, $at);
            return "again: $got->{err}" if $got->{status};
        }
        return 'check' if $keys->command(undef, 'check', @store)->{status};
        return 'usage' unless -e "$at/keys.jsonl.usage/$today.jsonl";
        return '';
    });

# beside nginx, and beside changes

my $bridge = $t->bridge;
$t->start(<<'EOC');
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

$t->private('acknowledged');
my $pid = fork // die $!;
if (!$pid) {
    open my $out, '>', "$dir/acknowledged";
    $out->autoflush(1);
    for my $n (1 .. 40) {
        my $got = run([$claude_keys, 'add', @files, '--name', "beside$n",
            '--token-stdin'], Claude::Test::token());
        POSIX::_exit(1) if $got->{status};
        print $out "beside$n\n";
        run([$claude_keys, 'compact', @files]) if $n % 8 == 0;
    }
    POSIX::_exit(0);
}
my ($n, @lost) = (0);
for (;;) {
    my $over = waitpid $pid, 1;
    my @acknowledged = split /\n/, read_file("$dir/acknowledged") // '';
    my $busy = "$dir/busy" . ++$n . '.tar';
    my $got = $keys->command(undef, 'backup', $busy, @files);
    push @lost, "backup $n: $got->{err}" if $got->{status};
    my $at = place();
    $got = restore($busy, $at);
    push @lost, "restore $n: $got->{err}" if $got->{status};
    my %has = map { $_->{keyName} => 1 }
        @{ records('--store', "$at/keys.jsonl") };
    push @lost, grep { !$has{$_} } @acknowledged;
    last if $over;
}
is($? >> 8, 0, 'changes go on beside backups');
is(join("\n", @lost), '', "each of $n backups has what was acknowledged");
ok($t->stop_nginx, 'nginx ends');

# as documented

my $docs = Claude::Docs->new($t, 'docs/backup.md');
rename $master, "$dir/etc/master.key" or die $!;
rename "$dir/keys/other", "$dir/other";
$keys->{master} = $master = "$dir/etc/master.key";
my $conf = read_file("$dir/nginx.conf");
write_file("$dir/nginx.conf", $conf =~ s{\Q$dir/keys/master.key}{$master}gr);
my %systemctl = (
    start => sub { $t->start(undef) },
    stop => sub { $t->stop_nginx },
    reload => sub { $t->reload(undef) },
);

sub followed {
    my ($heading, $like) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $got ($docs->follow($heading, %systemctl)) {
        is($got->{status}, 0, "docs/backup.md: $heading")
            or diag $got->{err};
        like($got->{out}, $like, "$heading: what is said") if $like;
    }
}

sub status { $t->http('GET', '/v1/models', key => $_[0])->{status} }

@files = $keys->files;
$keys->{master} = $master;
$t->start(undef);
followed('Before the first backup');
followed('Make a backup', qr/keys: 43, days of usage: 2/);
my ($made) = glob "$dir/backups/*.tar";
like($made, qr/keys-\d{8}T\d{6}Z\.tar$/, 'a backup is there');

my ($cron) = $docs->blocks('Make a backup', 'cron');
my ($path, @lines) = split /\n/, $cron;
like($path, qr{^PATH=/usr/local/bin:}, 'cron is told where to look');
like($_, qr/^\d+ \d+ \* \* \* root /, 'a line of cron') for @lines;
unlink $made;
for my $line (@lines) {
    my ($command) = $line =~ /root (.*)/;
    my $got = $docs->shell($command =~ s/\\%/%/gr . "\n");
    is($got->{status}, 0, 'which runs') or diag $got->{err};
}
($made) = glob "$dir/backups/*.tar";
like($made, qr/keys-\d{8}\.tar$/, 'and makes one');

followed('Try a restore', qr/keys: 43,.*carol/s);
ok(!-e "$dir/var-tmp/claude-try", 'which leaves nothing behind');
followed('The file', qr/^keys\.jsonl\n/m);

my $before = records();
my $late = $t->add_key('late');
$keys->delete($key{bob});
wait_until(sub { status($key{bob}) == 401 && status($late) == 200 },
    'changes');
followed('Restore on the same machine', qr/, sound\n/);
is_deeply([map { status($_) } @key{qw(alice bob carol)}, $late],
    [200, 200, 200, 401], 'keys are those of the backup');
is_deeply(records(), $before, 'as they were');
is_chat($t->chat('hi', key => $key{alice}), 'Hello world', 'a key serves');
ok($t->stop_nginx, 'nginx ends');

run(['rm', '-rf', "$dir/keys", "$dir/keys.old", "$dir/etc"]);
followed('Restore on another machine');
is_deeply([map { status($_) } @key{qw(alice bob carol)}], [200, 200, 200],
    'another machine serves the same keys');
is_chat($t->chat('hi', key => $key{carol}), 'Hello world', 'and answers');

my $claude_docs = Claude::Docs->new($t, 'docs/claude-keys.md');
my $first = read_file($master);
my ($followed) = $claude_docs->follow('Another master key', %systemctl);
is($followed->{status}, 0, 'docs/claude-keys.md: Another master key')
    or diag $followed->{err};
isnt(read_file($master), $first, 'it is another');
is(() = read_file($master) =~ /\n/g, 1, 'and only that');
is(mode($master), '0600', 'for its owner alone');
is($keys->command(undef, 'check', '--store', $store, '--master-key',
    $master)->{status}, 0, 'by which all opens');
is_chat($t->chat('hi', key => $key{alice}), 'Hello world', 'a key serves');

($followed) = $claude_docs->follow('Passwords', input => 'correct horse 42');
is($followed->{status}, 0, 'docs/claude-keys.md: Passwords')
    or diag $followed->{err};
like(read_file("$dir/etc/admin.htpasswd"), qr/\Aalice:\$2b\$12\$.{53}\n\z/,
    'a line of a password file');
is(mode("$dir/etc/admin.htpasswd"), '0600', 'for its owner alone');

$t->finish;
