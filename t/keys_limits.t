#!/usr/bin/perl

# claude-keys from outside: limits, rotation with a grace, another credential,
# usage, forgetting, passwords.  That limits hold is tested where nginx is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use JSON::PP ();
use POSIX qw(strftime);

use Claude::Process qw(run read_file write_file wait_until);
use Claude::Test;

my $claude_keys = Claude::Test::build() . '/claude-keys';
BAIL_OUT("no $claude_keys: run make") unless -x $claude_keys;

umask 022;
my $dir = tempdir('claude-limits-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($master, $store) = ("$dir/master.key", "$dir/keys.jsonl");
my @files = ('--store', $store, '--master-key', $master);
my $json = JSON::PP->new->utf8;

my $KEY = qr/sk-[A-Za-z0-9]{48}/;
my @LIMITS = qw(requestsPerMinute tokensPerMinute concurrentRequests dayTokens
    monthTokens dayCost monthCost allowedModels allowedAddresses);

sub keys_cmd { run([$claude_keys, @_], undef) }

sub good {
    my ($name, @args) = @_;
    my $got = keys_cmd(@args);
    is($got->{status}, 0, $name) or diag $got->{err};
    return $got->{out};
}

sub refused {
    my ($like, $name, @args) = @_;
    my $before = read_file($store);
    my $got = keys_cmd(@args);
    is($got->{status}, 2, $name);
    like($got->{err}, $like, "$name: the reason");
    is(read_file($store), $before, "$name: nothing changed");
    return;
}

sub add {
    my ($name, @args) = @_;
    my $got = run([$claude_keys, 'add', @files, '--name', $name,
        '--token-stdin', '--json', @args], Claude::Test::token());
    is($got->{status}, 0, "add $name") or diag $got->{err};
    return $json->decode($got->{out});
}

sub sound {
    like(good('check', 'check', @files), qr/, sound\n/, $_[0]);
    return;
}

sub shown { $json->decode(good('show', 'show', $_[0], @files, '--json')) }
sub limits { my ($r) = @_; return { map { $_ => $r->{$_} } @LIMITS } }
sub none { return { map { $_ => undef } @LIMITS } }

good('init', 'init', '--master-key', $master);

sub test_limits {
    my $plain = add('plain');
    is_deeply(limits($plain), none(), 'a key has no limits of its own');
    is($plain->{tokenType}, 'oauth', 'the kind of its credential');
    is($plain->{state}, 'active', 'its state');
    unlike(read_file($store), qr/requestsPerMinute|allowed/,
        'what is not set is not in the log');

    my %want = (requestsPerMinute => 60, tokensPerMinute => 100000,
        concurrentRequests => 4, dayTokens => 1000000,
        monthTokens => 1000000000000, dayCost => 2.5,
        monthCost => 0.000001, allowedModels => ['sonnet', "na\"me, \x{fc}"],
        allowedAddresses => ['192.0.2.0/24', '2001:db8::/32']);
    my $all = add('all', '--requests-per-minute', 60, '--tokens-per-minute',
        100000, '--concurrent-requests', 4, '--day-tokens', 1000000,
        '--month-tokens', '1000000000000', '--day-cost', '2.5',
        '--month-cost', '0.000001', '--allowed-model', 'sonnet',
        '--allowed-address', '192.0.2.0/24', '--allowed-model',
        "na\"me, \xc3\xbc", '--allowed-address', '2001:db8::/32');
    is_deeply(limits($all), \%want, 'add takes every limit');
    is_deeply(limits(shown($all->{id})), \%want, 'show has them');

    my ($row) = grep { $_->{id} eq $all->{id} }
        @{ $json->decode(good('list', 'list', @files, '--json')) };
    is_deeply(limits($row), \%want, 'and list');
    my $text = good('show as text', 'show', $all->{id}, @files);
    is(() = $text =~ /^limit: +\w+ \S/mg, 9, 'and show as text');
    like($text, qr/^limit: +dayCost 2\.5$/m, 'as JSON has them');

    good('set one', 'set', $all->{id}, @files, '--day-cost', '3');
    is_deeply(limits(shown($all->{id})), { %want, dayCost => 3 },
        'a limit changes alone');
    good('set a list', 'set', $all->{id}, @files, '--allowed-model', 'opus',
        '--name', 'other');
    is_deeply(limits(shown($all->{id})), { %want, dayCost => 3,
        allowedModels => ['opus'] }, 'a list is replaced');
    good('compact', 'compact', @files);
    is_deeply(limits(shown($all->{id})), { %want, dayCost => 3,
        allowedModels => ['opus'] }, 'limits outlive a compaction');

    my @none = map { ("--$_", 'none') } qw(requests-per-minute
        tokens-per-minute concurrent-requests day-tokens month-tokens
        day-cost month-cost allowed-model allowed-address);
    good('set none', 'set', $all->{id}, @files, @none, '--expires-at',
        '2030-01-01T00:00:00Z');
    is_deeply(limits(shown($all->{id})), none(), 'none takes each away');
    is(shown($all->{id})->{expiresAt}, '2030-01-01T00:00:00Z',
        'expires-at is as expires');
    good('set none', 'set', $all->{id}, @files, '--expires-at', 'none');
    is(shown($all->{id})->{expiresAt}, undef, 'none is never');
    sound('the log is sound');
    return $all->{id};
}

sub test_bad_limits {
    my ($id) = @_;
    my @set = ('set', $id, @files);

    for my $name (qw(requests-per-minute tokens-per-minute
        concurrent-requests day-tokens month-tokens))
    {
        for my $value (0, -1, '1.5', '', 'x', '1e99', '0x10',
            '99999999999999999999', '1000000000001')
        {
            refused(qr/--$name must be an integer from 1 to/,
                "--$name '$value'", @set, "--$name=$value");
        }
    }

    for my $value (0, '0.0', -1, '1.0000001', '1e2', '1000001', '', '.5') {
        refused(qr/--day-cost must be US dollars/, "--day-cost '$value'",
            @set, "--day-cost=$value");
    }

    for my $value ('', 'x' x 129, "a\nb", "a\xff", "a\xe2\x80\xae") {
        refused(qr/--allowed-model must/, '--allowed-model', @set,
            '--allowed-model', $value);
    }
    refused(qr/not name a model twice/, 'the same model', @set,
        ('--allowed-model', 'a') x 2);
    refused(qr/more than 16 models/, '17 models', @set,
        map { ('--allowed-model', $_) } 1 .. 17);

    for my $value ('', '10.0.0.1/8', '1.2.3', '::1/129', '1.2.3.4/33', 'host',
        '1.2.3.4/', '::ffff:1.2.3.4/12')
    {
        refused(qr/--allowed-address must be addresses/,
            "--allowed-address '$value'", @set, '--allowed-address', $value);
    }
    refused(qr/more than 16 addresses/, '17 addresses', @set,
        map { ('--allowed-address', "10.0.0.$_") } 1 .. 17);

    refused(qr/no option --day-tokens/, 'a limit of another command',
        'rotate', $id, @files, '--day-tokens', 1);
    refused(qr/seconds from 0 to 604800: --grace/, "--grace $_", 'rotate',
        $id, @files, "--grace=$_") for 604801, -1, '1m', '';
    return;
}

sub test_rotate {
    my $record = add('rotated', '--day-tokens', 7);
    my $old = read_file($store);
    my $new = good('rotate', 'rotate', $record->{id}, @files, '--grace',
        3600);
    like($new, qr/^$KEY\n\z/, 'rotate with a grace prints a key');

    my $now = shown($record->{id});
    isnt($now->{display}, $record->{display}, 'which is another');
    my $until = $now->{previousUntil};
    my @between = map { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_)) }
        3500, 3600;
    ok($until ge $between[0] && $until le $between[1],
        'the old one is valid for that long');
    is($now->{dayTokens}, 7, 'limits stay');
    like(good('show', 'show', $record->{id}, @files),
        qr/^old key: +valid until $until$/m, 'show says so');

    good('rotate again', 'rotate', $record->{id}, @files);
    is(shown($record->{id})->{previousUntil}, undef,
        'without a grace none is valid but the new one');
    unlike((split /\n/, read_file($store))[-1], qr/previous/,
        'nor does the log name one');

    my $token = Claude::Test::token('api03');
    my $got = run([$claude_keys, 'token', $record->{id}, @files,
        '--token-stdin', '--json'], "$token\n");
    is($got->{status}, 0, 'another credential') or diag $got->{err};
    my $after = $json->decode($got->{out});
    is($after->{tokenType}, 'api_key', 'is of its kind');
    is($after->{tokenDisplay}, "sk-ant-api03-\x{2026}" . substr($token, -4),
        'and shown');
    is($after->{display}, shown($record->{id})->{display},
        'under the same key');
    sound('it opens');
    ok(index(read_file($store), $token) < 0, 'and is sealed');
    is(run([$claude_keys, 'token', $record->{id}, @files, '--token-stdin'],
        'nonsense')->{status}, 1, 'what is no credential is refused');
    is(keys_cmd('token', $record->{id}, @files)->{status}, 2,
        'and a credential is needed');
    return;
}

sub usage_line {
    my ($id, $model, @n) = @_;
    return sprintf qq({"id":"%s","model":"%s","requests":%d,"errors":%d,)
        . qq("promptTokens":%d,"cachedTokens":%d,"completionTokens":%d,)
        . qq("cost":%d}\n), $id, $model, @n;
}

sub day { strftime('%Y-%m-%d', gmtime(time - 86400 * $_[0])) }

sub test_usage {
    my ($one, $two) = map { add($_)->{id} } 'first', 'second';
    is(good('usage of nothing', 'usage', @files), '', 'is nothing');
    is_deeply($json->decode(good('in JSON', 'usage', @files, '--json',
        '--from', '2026-01-01', '--to', '2026-01-31')),
        { from => '2026-01-01', to => '2026-01-31', group => 'day',
            data => [] }, 'is no row');

    mkdir "$store.usage", 0700 or die $!;
    my ($today, $before) = (day(0), day(3));
    write_file("$store.usage/$today.jsonl", usage_line($one, 'm1', 2, 1, 10, 4,
        6, 1500000) . usage_line($two, 'm2', 1, 0, 5, 0, 5, 7)
        . usage_line($one, 'm1', 1, 0, 10, 0, 4, 500000), 0600);
    write_file("$store.usage/$before.jsonl", usage_line($one, 'm1', 1, 0, 1, 0,
        1, 1), 0600);

    my $doc = $json->decode(good('by day', 'usage', @files, '--json'));
    is_deeply($doc->{data}, [
        { day => $before, requests => 1, errors => 0, promptTokens => 1,
            cachedTokens => 0, completionTokens => 1, cost => 0.000001 },
        { day => $today, requests => 4, errors => 1, promptTokens => 25,
            cachedTokens => 4, completionTokens => 15, cost => 2.000007 },
    ], 'a row a day, deltas summed');

    $doc = $json->decode(good('by key', 'usage', @files, '--json', '--group',
        'key', '--from', $today));
    is_deeply([map { [$_->{key}, $_->{requests}] }
        sort { $b->{requests} <=> $a->{requests} } @{ $doc->{data} }],
        [[$one, 3], [$two, 1]], 'a row a key');
    $doc = $json->decode(good('of one key', 'usage', @files, '--json',
        '--key', $two));
    is_deeply([map { $_->{requests} } @{ $doc->{data} }], [1],
        'of one key alone');

    is(good('as CSV', 'usage', @files, '--csv', '--group', 'day,model',
        '--from', $today), join("\r\n", 'day,model,requests,errors,'
        . 'promptTokens,cachedTokens,completionTokens,cost',
        "$today,m1,3,1,20,4,10,2", "$today,m2,1,0,5,0,5,0.000007", ''),
        'CSV');
    like(good('as text', 'usage', @files), qr/^DAY\ .*\ COST\ \$\n$before\ .*\n
        $today\ +4\ +1\ +25\ +4\ +15\ +2\.000007\n\z/x, 'a table');

    refused(qr/a day is as/, "--from '$_'", 'usage', @files, '--from', $_)
        for 'yesterday', '2026-02-30', '';
    refused(qr/day, model, key/, "--group '$_'", 'usage', @files, '--group',
        $_) for '', 'week', 'day,day', 'day,';
    refused(qr/--from comes after --to/, 'days the wrong way round', 'usage',
        @files, '--from', '2026-02-02', '--to', '2026-02-01');
    refused(qr/--json excludes --csv/, 'two forms', 'usage', @files,
        '--json', '--csv');

    is(good('forget', 'forget', $one, @files), '', 'says nothing');
    my $left = join '', map { read_file($_) // '' } $store,
        glob "$store.usage/*";
    ok(index($left, $one) < 0, 'nothing about a key is left');
    ok(index($left, $two) > 0, 'about others all');
    is(keys_cmd('show', $one, @files)->{status}, 3, 'it is gone');
    good('forget again', 'forget', $one, @files);
    sound('the log is sound');
    return;
}

sub password {
    my ($input, @args) = @_;
    return run([$claude_keys, 'password', @args], $input);
}

sub test_password {
    my $secret = "correct h\xc3\xb6rse \$taple";
    my $got = password("$secret\n");
    is($got->{status}, 0, 'password') or diag $got->{err};
    like($got->{out}, qr{^admin:\$2b\$12\$[./A-Za-z0-9]{53}\n\z},
        'a line of the password file');
    my ($hash) = $got->{out} =~ /:(.*)/;
    is(crypt($secret, $hash), $hash, 'of that password');
    is($got->{err}, '', 'without a word');
    like(password($secret, 'alice')->{out}, qr/^alice:\$2b\$12/, 'a name');
    isnt(password($secret)->{out}, $got->{out}, 'another salt each time');

    for (['eleven characters', 'x' x 11, qr/12 characters at least/],
        ['of many bytes', "\xc3\xbc" x 11, qr/12 characters at least/],
        ['nothing', '', qr/12 characters at least/],
        ['73 bytes', 'x' x 73, qr/more than 72 bytes/],
        ['a thousand', 'x' x 1000, qr/more than 72 bytes/],
        ['two lines', "first line\nsecond line\n", qr/no control/],
        ['a NUL', "before and\0after it", qr/no control/])
    {
        my ($name, $input, $like) = @$_;
        my $bad = password($input);
        is($bad->{status}, 1, "$name is refused");
        like($bad->{err}, $like, "$name: the reason");
        is($bad->{out}, '', "$name: no hash");
        ok(!length $input || index($bad->{err}, $input) < 0,
            "$name: not repeated");
    }
    is(password('x' x 72)->{status}, 0, '72 bytes are taken');
    is(password('y' x 12)->{status}, 0, 'and 12');
    is(password($secret, $_)->{status}, 2, 'a bad name') for 'a:b', '',
        "a\nb", 'x' x 65, '#x';
    is(password($secret, 'alice', $secret)->{status}, 2,
        'a password in the command line is refused');
    return;
}

# what a terminal shows while these lines are typed
sub typed {
    my (@lines) = @_;
    my $pid = open2(my $out, my $in, 'script', '-qefc',
        "'$claude_keys' password", '/dev/null');
    my $shown = '';
    for (['Password: ', 0], ['Once more: ', 1]) {
        my ($prompt, $i) = @$_;
        wait_until(sub {
            my $bits = '';
            vec($bits, fileno $out, 1) = 1;
            sysread $out, $shown, 4096, length $shown
                if select $bits, undef, undef, 0.1;
            return $shown =~ /\Q$prompt\E/;
        }, $prompt);
        syswrite $in, "$lines[$i]\n";
    }
    while (sysread $out, $shown, 4096, length $shown) { }
    waitpid $pid, 0;
    return ($? >> 8, $shown);
}

sub test_terminal {
    plan skip_all => 'no script(1)' if run(['sh', '-c',
        'command -v script'])->{status};
    my ($status, $shown) = typed('typed by hand', 'typed by hand');
    is($status, 0, 'a terminal is asked twice') or diag $shown;
    like($shown, qr/admin:\$2b\$12\$/, 'for a password');
    unlike($shown, qr/typed/, 'which is not shown');

    ($status, $shown) = typed('typed by hand', 'typed by foot');
    is($status, 1, 'two that differ are refused');
    like($shown, qr/differ/, 'and told');
    unlike($shown, qr/typed/, 'but not shown');
    return;
}

my $id = test_limits();
test_bad_limits($id);
test_rotate();
test_usage();
test_password();
subtest 'a terminal' => sub { test_terminal() };

done_testing();
