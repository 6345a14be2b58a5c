#!/usr/bin/perl

# claude-keys from outside: each command, each way to call it wrongly, and what
# it leaves on disk. Beside a running nginx it is tested where that is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp qw(tempdir);
use JSON::PP ();
use POSIX ();

use Claude::Process qw(run read_file write_file);
use Claude::Test;

my $claude_keys = Claude::Test::build() . '/claude-keys';
BAIL_OUT("no $claude_keys: run make") unless -x $claude_keys;

umask 022;
my $dir = tempdir('claude-keys-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($master, $store) = ("$dir/master.key", "$dir/keys.jsonl");
my @files = ('--store', $store, '--master-key', $master);
my $json = JSON::PP->new->utf8;

my $KEY = qr/sk-[A-Za-z0-9]{48}/;
my $ID = qr/key_[A-Za-z0-9]{20}/;
my $TIME = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;

my %secrets;                    # nothing of these may ever be seen again

sub keys_cmd {
    my ($input, @args) = @_;
    my $got = run([$claude_keys, @args], $input);
    for my $secret (keys %secrets) {
        fail("a secret is in the output of $args[0]")
            if index($got->{out} . $got->{err}, $secret) >= 0;
    }
    return $got;
}

sub good {
    my ($name, @args) = @_;
    my $got = keys_cmd(undef, @args);
    is($got->{status}, 0, $name) or diag $got->{err};
    is($got->{err}, '', "$name: without a word on stderr");
    return $got->{out};
}

sub refused {
    my ($status, $like, $name, @args) = @_;
    my $got = keys_cmd(@args);
    is($got->{status}, $status, $name);
    like($got->{err}, $like, "$name: the reason");
    is($got->{out}, '', "$name: nothing on stdout");
    return;
}

sub credential { my $t = Claude::Test::token(@_); $secrets{$t} = 1; $t }

# a new key by --json, with the rest of add's arguments: its record
sub add {
    my ($name, @args) = @_;
    my $got = run([$claude_keys, 'add', @files, '--name', $name,
        '--token-stdin', '--json', @args], credential() . "\n");
    is($got->{status}, 0, "add $name") or diag $got->{err};
    my $record = $json->decode($got->{out});
    $secrets{ $record->{key} } = 1;
    return $record;
}

sub shown { $json->decode(good('show', 'show', $_[0], @files, '--json')) }
sub listed { @{ $json->decode(good('list', 'list', @files, '--json')) } }
sub log_lines { split /\n/, read_file($store) }
sub mode { sprintf '%04o', (stat $_[0])[2] & 07777 }
sub set_mode { chmod $_[1], $_[0] or die "$_[0]: $!" }

sub test_usage {
    my $help = good('--help', '--help');
    like($help, qr/^Usage: claude-keys COMMAND/, 'help says how');
    for (qw(init add list show set rotate token delete forget usage check
        compact backup restore rekey password))
    {
        like($help, qr/^  $_\b/m, "help has $_");
    }
    is(good('help of a command', 'add', '--help'), $help, 'is the same');
    like(good('--version', '--version'), qr/^claude-keys \d+\.\d+\.\d+\n\z/,
        'a version');

    my $id = 'key_' . 'a' x 20;
    my @add = ('add', @files, '--name', 'n');
    my $secret = 'sk-ant-oat01-inthewrongplace0123456789';
    $secrets{$secret} = 1;

    for (
        ['no command', qr/a command is missing/],
        ['another command', qr/no such command/, 'drop'],
        ['another option', qr/no such option/, 'list', '--all'],
        ['an option of another command', qr/no option --name/, 'list',
            '--name', 'x'],
        ['an option without its value', qr/lacks its value/, 'list',
            '--store'],
        ['an argument too many', qr/argument too many/, 'list', 'x'],
        ['no id', qr/id is missing/, 'show', @files],
        ['a malformed id', qr/an id is key_/, 'show', 'key_1', @files],
        ['two ids', qr/argument too many/, 'delete', $id, $id, @files],
        ['no name', qr/add needs --name/, 'add', @files, '--token-stdin'],
        ['no token', qr/add needs --token-file or --token-stdin/, @add],
        ['two tokens', qr/excludes/, @add, '--token-stdin', '--token-file',
            'x'],
        ['an empty name', qr/a name is/, 'add', @files, '--name', '',
            '--token-stdin'],
        ['a name of two lines', qr/a name is/, 'set', $id, '--name', "a\nb"],
        ['a name that turns around', qr/a name is/, 'set', $id, '--name',
            "a\xe2\x80\xaeb"],
        ['a name that is too long', qr/a name is/, 'set', $id, '--name',
            'x' x 129],
        ['another time', qr/a time is/, 'set', $id, '--expires', 'tomorrow'],
        ['a time that is over', qr/can't expire in the past: --expires/,
            'set', $id, '--expires', '2020-01-01T00:00:00Z'],
        ['a key that is dead at once', qr/can't expire in the past/, @add,
            '--token-stdin', '--expires', '2020-01-01T00:00:00Z'],
        ['nothing to set', qr/something to change/, 'set', $id, @files],
        ['both states', qr/--enable excludes --disable/, 'set', $id,
            '--enable', '--disable'],
        ['a token as an option', qr/no such option/, @add,
            "--token=$secret"],
        ['a token as an argument', qr/argument too many/, @add,
            '--token-stdin', $secret],
        ['a token as a command', qr/no such command/, $secret],
    ) {
        my ($name, $like, @args) = @$_;
        refused(2, $like, $name, "$secret\n", @args);
    }
    ok(!-e $store, 'wrong usage leaves nothing behind');
    return;
}

sub test_init {
    good('init', 'init', '--master-key', $master);
    is(mode($master), '0600', 'a master key is its owner\'s');
    like(read_file($master), qr{^[A-Za-z0-9+/]{43}=\n\z}, 'one key');
    ok(!-e $store, 'without --store there is no log');

    my $before = read_file($master);
    refused(1, qr/\Q$master\E .*exists/i, 'init again', undef, 'init',
        '--master-key', $master);
    is(read_file($master), $before, 'the master key stays');

    my ($other, $log) = ("$dir/other.key", "$dir/other.jsonl");
    good('init with --store', 'init', '--master-key', $other, '--store',
        $log);
    is(mode($log), '0600', 'a log is its owner\'s too');
    like(read_file($log), qr/^\{"format":"claude-keys","version":1,.*\}\n\z/,
        'with a header');
    like(good('check', 'check', '--store', $log, '--master-key', $other),
        qr/0 live in 1 lines, sound/, 'which is sound');

    is(good('list of no keys', 'list', '--store', $log), '', 'is empty');
    is_deeply($json->decode(good('list of no keys in JSON', 'list',
        '--store', $log, '--json')), [], 'is an empty array');

    unlink $other;
    refused(1, qr/\Q$log\E exists/, 'init with a log that exists', undef,
        'init', '--master-key', $other, '--store', $log);
    ok(!-e $other, 'makes no master key either');
    unlink $log;

    refused(1, qr/other\.key can't be made/, 'init in no directory', undef,
        'init', '--master-key', "$dir/none/other.key");
    refused(1, qr/none/, 'a log in no directory', undef, 'init',
        '--master-key', $other, '--store', "$dir/none/keys.jsonl");
    ok(!-e $other, 'takes its master key back');
    return;
}

sub test_add {
    my $token = credential();
    my $got = run([$claude_keys, 'add', @files, '--name', 'first',
        '--token-stdin'], "$token\n");
    is($got->{status}, 0, 'add');
    like($got->{out}, qr/^$KEY\n\z/, 'prints the key, on a line of its own');
    is($got->{err}, "claude-keys: made the key log $store\n",
        'and says that it made the log');
    my ($key) = $got->{out} =~ /($KEY)/;
    $secrets{$key} = 1;

    my ($first) = listed();
    is($first->{keyName}, 'first', 'its name');
    is($first->{display}, substr($key, 0, 7) . "\x{2026}" . substr($key, -4),
        'its key as it is shown');
    is($first->{tokenDisplay}, "sk-ant-oat01-\x{2026}" . substr($token, -4),
        'its credential as it is shown');
    is($first->{enabled}, JSON::PP::true, 'enabled');
    is($first->{lastUsed}, undef, 'never used');
    is($first->{expiresAt}, undef, 'never expiring');
    like($first->{createdAt}, qr/^$TIME\z/, 'made just now');
    is_deeply([sort keys %$first], [qw(allowedAddresses allowedModels
        concurrentRequests createdAt dayCost dayTokens display enabled
        expiresAt id keyName lastUsed monthCost monthTokens previousUntil
        requestsPerMinute state tokenDisplay tokenType tokensPerMinute)],
        'and nothing secret');

    my $text = read_file($store);
    for ($token, $key, substr($token, 13, 20), substr($key, 8, 30)) {
        ok(index($text, $_) < 0, 'no secret lies in the log');
    }

    write_file("$dir/token", credential('api03'));
    my $second = $json->decode(good('add from a file', 'add', @files,
        '--name', "Zwei \"\\ <\xc3\xbc>", '--token-file', "$dir/token",
        '--expires', '2030-06-01T12:00:00+02:00', '--json'));
    like($second->{key}, qr/^$KEY\z/, 'JSON has the key');
    $secrets{ $second->{key} } = 1;
    is($second->{keyName}, "Zwei \"\\ <\x{fc}>", 'a name as it is');
    is($second->{expiresAt}, '2030-06-01T10:00:00Z', 'an expiry in UTC');
    like($second->{tokenDisplay}, qr/^sk-ant-api03-/, 'an API key');
    is(scalar(listed()), 2, 'two keys');

    my @add = ('add', @files, '--name', 'x', '--token-stdin');
    my $long = 'sk-ant-oat01-' . 'x' x 188;
    my $size = -s $store;
    for (['nothing', ''], ['a line feed', "\n"],
        ['something else', 'sk-' . 'x' x 40], ['a short one', 'sk-ant-oat01-'],
        ['two lines', credential() . "\n\n"],
        ['with a space', ' ' . credential()],
        ['with a carriage return', credential() . "\r\n"],
        ['one that is too long', $long], ['a NUL', credential() . "\0"])
    {
        refused(1, qr/this is no credential/, "a credential: $_->[0]",
            $_->[1], @add);
    }
    is(-s $store, $size, 'none of them is added');

    refused(1, qr/none can't be opened/, 'a file that is not there', undef,
        'add', @files, '--name', 'x', '--token-file', "$dir/none");
    refused(1, qr/none/, 'no master key', credential(), 'add', '--store',
        $store, '--master-key', "$dir/none", '--name', 'x', '--token-stdin');
    unlink "$dir/token";
    return;
}

sub test_change {
    my $record = add('changing');
    my $id = $record->{id};
    delete $record->{key};
    is_deeply(shown($id), $record, 'show has what add has');

    like(good('show as text', 'show', $id, @files),
        qr/^id: +$id\nname: +changing\n(?:.*\n)*state: +active\n/,
        'a line a field');

    is(good('set a name', 'set', $id, @files, '--name', 'changed'), '',
        'says nothing');
    is_deeply(shown($id), { %$record, keyName => 'changed' },
        'changes the name alone');

    my $soon = time + 3;
    my $time = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $soon);
    good('set more', 'set', $id, @files, '--disable', '--expires', $time);
    is_deeply(shown($id), { %$record, keyName => 'changed',
        enabled => JSON::PP::false, state => 'disabled',
        expiresAt => $time }, 'changes both');
    like(good('list', 'list', @files), qr/^$id  .*  disabled  .*changed$/m,
        'a disabled key in the list');

    my $out = $json->decode(good('set with --json', 'set', $id, @files,
        '--enable', '--json'));
    is($out->{enabled}, JSON::PP::true, 'prints the record');
    Claude::Process::wait_until(sub { time > $soon }, 'its end');
    like(good('list', 'list', @files), qr/^$id  .*  expired   /m,
        'an expired key in the list');

    good('set never', 'set', $id, @files, '--expires', 'never');
    is(shown($id)->{expiresAt}, undef, 'expires no more');

    my $before = shown($id);
    my $new = good('rotate', 'rotate', $id, @files);
    like($new, qr/^$KEY\n\z/, 'prints another key');
    chomp $new;
    $secrets{$new} = 1;
    is_deeply(shown($id), { %$before,
        display => substr($new, 0, 7) . "\x{2026}" . substr($new, -4) },
        'and changes nothing else');
    like(good('check', 'check', @files), qr/, sound\n/,
        'the credential opens as before');

    is(good('delete', 'delete', $id, @files), '', 'says nothing');
    for (['show'], ['set', '--enable'], ['rotate'], ['delete']) {
        my ($cmd, @args) = @$_;
        refused(3, qr/\Q$store\E has no key $id/, "$cmd of no key", undef,
            $cmd, $id, @files, @args);
    }
    ok(!(grep { $_->{id} eq $id } listed()), 'it is in the list no more');
    return;
}

sub test_compact {
    my $record = add('compacted');
    my $id = $record->{id};
    good('set', 'set', $id, @files, '--name', $_) for 1 .. 3;

    my $use = qq({"op":"use","id":"$id","lastUsed":"2026-01-02T03:04:05Z"}\n);
    write_file($store, read_file($store) . $use);
    is(shown($id)->{lastUsed}, '2026-01-02T03:04:05Z', 'a later use counts');
    good('set', 'set', $id, @files, '--name', 'used');
    is(shown($id)->{lastUsed}, '2026-01-02T03:04:05Z',
        'and outlives a change');

    my @before = listed();
    my $lines = log_lines();
    is(good('compact', 'compact', @files), '', 'says nothing');
    is_deeply([listed()], \@before, 'all keys are as they were, in order');
    is(scalar(log_lines()), @before + 1, 'one line a key');
    cmp_ok(scalar(log_lines()), '<', $lines, 'which is fewer');
    like(good('check', 'check', @files), qr/, sound\n/, 'all of it sound');
    return;
}

# what other programs must not leave in a log
sub with_log {
    my ($name, $edit, $code) = @_;
    my $good = read_file($store);
    write_file($store, $edit->($good));
    my $bad = read_file($store);
    $code->($name);
    is(read_file($store), $bad, "$name: the log is left as it is");
    write_file($store, $good);
    return;
}

sub test_check {
    my $first = add('one')->{id};
    good('compact', 'compact', @files);
    my $n = log_lines();

    is_deeply($json->decode(good('check --json', 'check', @files, '--json')),
        { faults => [], keys => $n - 1, lines => $n, tornBytes => 0 },
        'nothing is wrong');

    my $put = (log_lines())[-1];
    for (
        ['a flipped byte', sub { $_[0] =~ s/"op":"put"/"op":"pot"/r }, 2,
            'op is none of put, use, delete'],
        ['a digest twice', sub { "$_[0]" . ($put =~ s/"key_..../"key_0000/r)
            . "\n" }, $n + 1, 'duplicate digest'],
        ['a token of another key', sub {
            my ($a) = $_[0] =~ /"oauthToken":"([^"]+)"/;
            $_[0] =~ s/("oauthToken":")[^"]+("[^\n]*\n\z)/$1$a$2/r;
        }, $n, 'oauthToken doesn\'t open'],
        ['no JSON', sub { "$_[0]\{\n" }, $n + 1, undef],
        ['an empty line', sub { "$_[0]\n" }, $n + 1, undef],
    ) {
        my ($name, $edit, $line, $reason) = @$_;
        with_log($name, $edit, sub {
            my $got = keys_cmd(undef, 'check', @files);
            is($got->{status}, 4, "$name is damage");
            like($got->{err}, qr/^claude-keys: \Q$store\E:$line: \S/m,
                "$name: file and line");
            like($got->{err}, qr/:$line: \Q$reason\E$/m, "$name: the reason")
                if $reason;

            my $doc = $json->decode(keys_cmd(undef, 'check', @files,
                '--json')->{out});
            is($doc->{faults}[0]{line}, $line, "$name: the line in JSON");
        });
    }

    with_log('two bad lines', sub { $_[0] . "{}\n" . $put =~ s/t/T/r
        . "\n$put\n" }, sub {
        my $got = keys_cmd(undef, 'check', @files);
        is(() = $got->{err} =~ /^claude-keys: /mg, 2, 'each line is told');
        like($got->{err}, qr/keys\.jsonl:@{[$n + 2]}: /, 'the second too');
    });

    with_log('a damaged log', sub { "$_[0]\{}\n" }, sub {
        my $token = credential();
        for (['list'], ['show', $first], ['set', $first, '--enable'],
            ['rotate', $first], ['delete', $first], ['compact'],
            ['add', '--name', 'x', '--token-stdin'])
        {
            refused(4, qr/keys\.jsonl:@{[$n + 1]}: lacks a name/,
                "$_->[0] of a damaged log", $token, @$_, @files);
        }
    });

    with_log('a later version', sub { $_[0] =~ s/"version":1/"version":2/r },
        sub { refused(4, qr/keys\.jsonl:1: version is newer/, $_[0], undef,
            'list', @files) });
    with_log('an empty log', sub { '' }, sub {
        refused(4, qr/keys\.jsonl is empty/, $_[0], undef, 'list', @files);
    });

    with_log('a torn line', sub { $_[0] . '{"op":"put","id' }, sub {
        my $got = keys_cmd(undef, 'check', @files);
        is($got->{status}, 0, 'a torn line is no damage');
        like($got->{out}, qr/keys\.jsonl:@{[$n + 1]}: torn/, 'but told');
        is(scalar(listed()), $n - 1, 'and not read');
    });
    my $good = read_file($store);
    write_file($store, $good . '{"op":"put","id');
    good('set', 'set', $first, @files, '--enable');
    like(read_file($store), qr/\A\Q$good\E\{"op":"put".*\}\n\z/,
        'the next change cuts it');

    good('another master key', 'init', '--master-key', "$dir/other.key");
    refused(1, qr/keys\.jsonl:1: no key of .*other\.key opens/,
        'a wrong master key', undef, 'check', '--store', $store,
        '--master-key', "$dir/other.key");
    unlink "$dir/other.key";
    return;
}

sub test_trust {
    for ([0640, 'a log for a group'], [0604, 'a log for all']) {
        set_mode($store, $_->[0]);
        refused(1, qr/keys\.jsonl is accessible to group or others/, $_->[1],
            undef, 'list', @files);
    }
    set_mode($store, 0600);

    set_mode($master, 0644);
    refused(1, qr/master\.key is accessible to group or others/,
        'a master key for all', credential(), 'add', @files, '--name', 'x',
        '--token-stdin');
    set_mode($master, 0600);

    rename $store, "$store.real" or die $!;
    symlink "$store.real", $store or die $!;
    refused(1, qr/is a symbolic link/, 'a link', undef, 'list', @files);
    unlink $store;
    refused(1, qr/keys\.jsonl can't be looked at: No such file/, 'no log',
        undef, 'list', @files);
    rename "$store.real", $store or die $!;

    set_mode($dir, 0777);
    refused(1, qr/in a directory that group or others may write to/,
        'a directory for all', undef, 'list', @files);
    set_mode($dir, 0700);

    for my $text ("nonsense\n", "\n# nothing\n") {
        write_file("$dir/bad.key", $text);
        set_mode("$dir/bad.key", 0600);
        refused(1, qr/bad\.key(?::1:)? is not a list of keys|bad\.key:1: /,
            'a malformed master key', credential(), 'add', '--store', $store,
            '--master-key', "$dir/bad.key", '--name', 'x', '--token-stdin');
    }
    unlink "$dir/bad.key";
    return;
}

# as root on a log of the workers' user: its owner and mode stay
sub test_owner {
    return note('only root can work on the log of another') if $>;

    my $theirs = "$dir/theirs";
    mkdir $theirs, 0700 or die $!;
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
    chown $uid, $gid, $theirs or die $!;
    my @theirs = ('--store', "$theirs/keys.jsonl", '--master-key', $master);

    my $owner = sub {
        my @st = stat "$theirs/keys.jsonl";
        return join ' ', @st[4, 5], sprintf '%04o', $st[2] & 07777;
    };

    my $got = run([$claude_keys, 'add', @theirs, '--name', 'x',
        '--token-stdin', '--json'], credential());
    my $id = $json->decode($got->{out})->{id};
    $secrets{ $json->decode($got->{out})->{key} } = 1;
    is($owner->(), "$uid $gid 0600", 'a log belongs to whom its directory');
    good('set', 'set', $id, @theirs, '--name', 'y');
    is($owner->(), "$uid $gid 0600", 'also after a change');
    good('compact', 'compact', @theirs);
    is($owner->(), "$uid $gid 0600", 'and compacted');

    my $pid = fork // die $!;
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        ($(, $)) = ($gid, "$gid $gid");
        ($<, $>) = ($uid, $uid);
        { no warnings 'exec'; exec $claude_keys, 'list', @files; }
        POSIX::_exit(127);
    }
    waitpid $pid, 0;
    is($? >> 8, 1, 'others can\'t read it');
    return;
}

# a backup is a copy of two files; a restore checks it and renames it
sub test_restore {
    my $backup = "$dir/backup";
    mkdir $backup, 0700 or die $!;
    for (['keys.jsonl', $store], ['master.key', $master]) {
        write_file("$backup/$_->[0]", read_file($_->[1]));
        set_mode("$backup/$_->[0]", 0600);
    }
    # copied while a line was being written
    write_file("$backup/keys.jsonl",
        read_file("$backup/keys.jsonl") . '{"op":"use","id":"key_');

    my @before = listed();
    good('delete', 'delete', $before[0]{id}, @files);
    isnt(scalar(listed()), scalar(@before), 'a key is gone');

    my @copy = ('--store', "$backup/keys.jsonl", '--master-key',
        "$backup/master.key");
    like(good('check of the copy', 'check', @copy), qr/, sound\n/,
        'the copy is sound');
    rename "$backup/keys.jsonl", $store or die $!;
    is_deeply([listed()], \@before, 'and is what was there');
    good('set', 'set', $before[0]{id}, @files, '--enable');
    like(good('check', 'check', @files), qr/ sound\n\z/,
        'a line that was torn by the copy is cut');
    return;
}

# many at once on one log: each change is there, and none twice
sub test_concurrent {
    my ($n, $each) = (6, 5);
    my $before = () = listed();
    my @pids;

    for my $i (1 .. $n) {
        my $pid = fork // die $!;
        if (!$pid) {
            for my $j (1 .. $each) {
                my $got = run([$claude_keys, 'add', @files, '--name',
                    "c$i.$j", '--token-stdin'], Claude::Test::token());
                POSIX::_exit(1) if $got->{status};
                $got = run([$claude_keys, 'compact', @files]) if $j == 3;
            }
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }

    my $failed = 0;
    for (@pids) { waitpid $_, 0; $failed++ if $? }
    is($failed, 0, 'many at once all succeed');

    my @names = sort map { $_->{keyName} } listed();
    is(scalar(@names), $before + $n * $each, 'each key is there');
    my %seen;
    is((grep { $seen{$_}++ } grep { /^c/ } @names), 0, 'once');
    like(good('check', 'check', @files), qr/, sound\n/, 'the log is sound');
    ok(!-e "$store.compact", 'nothing is left beside it');
    return;
}

# add with its stdout where it can't be written: what it said
sub add_to {
    my ($stdout) = @_;
    pipe my $in, my $to or die $!;
    syswrite $to, credential();
    close $to;

    my $pid = fork // die $!;
    if (!$pid) {
        $SIG{PIPE} = 'DEFAULT';
        open STDIN, '<&', $in;
        open STDOUT, '>&', $stdout;
        open STDERR, '>', "$dir/err";
        no warnings 'exec';
        exec $claude_keys, 'add', @files, '--name', 'unseen',
            '--token-stdin';
        POSIX::_exit(127);
    }
    waitpid $pid, 0;
    is($?, 1 << 8, 'a key that can\'t be printed is a failure');
    my $said = read_file("$dir/err");
    unlink "$dir/err";
    return $said;
}

sub test_output {
    my $before = () = listed();

    pipe my $gone, my $pipe or die $!;
    close $gone;
    like(add_to($pipe), qr/the key of $ID can't be printed: Broken pipe/,
        'a pipe to nobody: it says which');
    is(scalar(listed()), $before + 1, 'since it was made');

    open my $full, '>', '/dev/full' or return note('no /dev/full');
    like(add_to($full), qr/the key of $ID can't be printed: No space/,
        'a full disk: it says which');
    return;
}

# a log that can grow no further
sub test_limit {
    my $before = read_file($store);
    my $got = run(['sh', '-c', 'ulimit -f 1; exec "$@"', 'sh', $claude_keys,
        'add', @files, '--name', 'x', '--token-stdin'], credential());
    is($got->{status}, 1, 'no room is a failure');
    like($got->{err}, qr/keys\.jsonl can't be written: File too large/,
        'which is told');
    is($got->{out}, '', 'no key is printed');
    is(read_file($store), $before, 'none is made');
    return;
}

test_usage();
test_init();
test_add();
test_change();
test_compact();
test_check();
test_trust();
test_owner();
test_restore();
test_concurrent();
test_output();
test_limit();

done_testing();
