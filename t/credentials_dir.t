#!/usr/bin/perl

# The master key as one of systemd's credentials: no file on disk, the same
# checks, over reloads and binary upgrades, and clear words where it is not
# there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $keys = $t->keys;
my $key = $t->add_key('alice');
my $bridge = $t->bridge;
my $text = read_file("$dir/keys/master.key");
my $from = "$dir/credentials";
my $is_root = $> == 0;

# as systemd 252 makes them: a directory of mode 0500, files of mode 0400
sub credential {
    my ($name, $content, $mode) = @_;
    mkdir $from, 0700;
    chmod 0700, $from;
    unlink "$from/$name";
    write_file("$from/$name", $content);
    chmod $mode // 0400, "$from/$name";
    chmod 0500, $from;
    return "credential:$name";
}

sub config {
    my ($name) = @_;
    return ("claude_master_key $name;\n"
        . "claude_keystore zone=keys:1m path=$dir/keys/keys.jsonl;\n"
        . 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }',
        keystore => 0);
}

sub status { $t->http('GET', '/v1/models', key => $key)->{status} }

# nginx -t where CREDENTIALS_DIRECTORY is this
sub tried {
    my ($name, $where) = @_;
    $t->conf(config($name));
    local $ENV{CREDENTIALS_DIRECTORY} = $where;
    delete $ENV{CREDENTIALS_DIRECTORY} unless defined $where;
    return $t->check(undef);
}

sub refused {
    my ($what, $name, $where, $why) = @_;
    my $got = tried($name, $where);
    isnt($got->{status}, 0, "$what: nginx -t refuses it");
    like($got->{err}, $why, "$what: and says why");
    like($got->{err}, qr/nginx\.conf:\d+/, "$what: and where");
    unlike($got->{err}, qr/\Q$text\E/, "$what: not what it read");
}

$t->secret($text =~ /(\S+)/);
$t->private('keys', 'credentials', 'sealed', 'opened', 'run');
my $name = credential('claude-master', $text);

# what is refused

my $odd = qr/is not the name of a credential/;
refused('no environment', $name, undef,
    qr/"credential:claude-master" is not there.*LoadCredential/);
refused('an empty one', $name, '', qr/no CREDENTIALS_DIRECTORY/);
refused('one that is relative', $name, 'credentials',
    qr/no CREDENTIALS_DIRECTORY/);
refused('none of that name', 'credential:other', $from,
    qr/"credential:other" is not among the files of \$CREDENTIALS_DIRECTORY/);
refused('no such directory', $name, "$dir/none", qr/is not among the files/);
refused('no name', 'credential:', $from, $odd);
refused('a path', 'credential:../keys/master.key', $from, $odd);
refused('the directory', 'credential:.', $from, $odd);
refused('the one above', 'credential:..', $from, $odd);
refused('a colon', 'credential:a:b', $from, $odd);
refused('a long name', 'credential:' . 'a' x 256, $from, $odd);
refused('a long directory', $name, '/' . 'a' x 5000,
    qr/can't be opened.*name too long/i);
refused('the group reads it', credential('group', $text, 0440), $from,
    qr/is accessible to group or others/);
refused('all read it', credential('all', $text, 0404), $from,
    qr/is accessible to group or others/);
refused('a short one', credential('short', 'abc'), $from,
    qr/"credential:short" is not a list of keys.*line 1/);
refused('no key in it', credential('none', "# none\n"), $from,
    qr/"credential:none" is not a list of keys/);
refused('a word before it', "my$name", $from, qr/No such file/);
chmod 0700, $from;
symlink "$dir/keys/master.key", "$from/link";
refused('a symlink', 'credential:link', $from, qr/is a symbolic link/);
mkdir "$from/directory";
refused('a directory', 'credential:directory', $from,
    qr/is not a regular file/);
chmod 0500, $from;

SKIP: {
    skip 'files of others need root', 4 unless $is_root;
    credential('foreign', $text);
    chown 65533, 65533, "$from/foreign";
    refused("somebody else's", 'credential:foreign', $from,
        qr/belongs to another user/);
}

# what works

is(tried($name, $from)->{status}, 0, 'nginx -t takes it');
write_file("$dir/keys/moved.key", $text);
chmod 0600, "$dir/keys/moved.key";
unlink "$dir/keys/master.key";
$t->start(config($name), env => { CREDENTIALS_DIRECTORY => $from },
    daemon => 1);
is(status(), 200, 'a key is known, with no master key in a file');
is($t->chat('hi', key => $key)->{status}, 200, 'and its credential opens');

$t->reload;
is($t->chat('hi', key => $key)->{status}, 200, 'so it is after a reload');

# by hand, where there are no credentials

{
    delete local $ENV{CREDENTIALS_DIRECTORY};
    my %old = map { $_ => 1 } $t->workers;
    my $got = run($t->nginx_cmd('-s', 'reload'), undef, $t->nginx_env);
    is($got->{status}, 0, 'nginx -s needs no credential')
        or diag $got->{err};
    wait_until(sub {
        my @now = $t->workers;
        return @now && !grep { $old{$_} } @now;
    }, 'new workers');
    is(status(), 200, 'and the master has it still');
}

# another binary

my $old = $t->{master};
kill 'USR2', $old;
my $new = wait_until(sub {
    my $pid = read_file("$dir/nginx.pid") // return 0;
    return $pid > 0 && $pid != $old && (children($pid + 0))[1] ? $pid + 0 : 0;
}, 'a second master');
ok($t->stop_nginx, 'the old one ends');
$t->{master} = $new;
is($t->chat('hi', key => $key)->{status}, 200, 'a new binary goes on');
$t->reload;
is(status(), 200, 'also after a reload');
ok($t->stop_nginx, 'and ends');

# claude-keys

sub command {
    my ($where, @args) = @_;
    local $ENV{CREDENTIALS_DIRECTORY} = $where;
    delete $ENV{CREDENTIALS_DIRECTORY} unless defined $where;
    return $keys->command(undef, @args);
}

my @store = ('--store', "$dir/keys/keys.jsonl", '--master-key', $name);
my $got = command($from, 'check', @store);
is($got->{status}, 0, 'claude-keys takes it') or diag $got->{err};
$got = command($from, 'rotate', $keys->id($key), @store);
is($got->{status}, 0, 'for a change too');
$t->secret($got->{out} =~ /(sk-\w+)/);
$got = command(undef, 'check', @store);
is($got->{status}, 1, 'without the environment it fails');
like($got->{err}, qr/credential:claude-master is not there.*LoadCredential/,
    'and says why');
$got = command($from, 'check', @store[0 .. 2], 'credential:a/b');
like($got->{err}, $odd, 'a path is no name');
$got = command($from, 'init', '--master-key', 'credential:fresh');
is($got->{status}, 1, 'none can be made');
like($got->{err}, qr/systemd-creds/, 'and it says by what');

# a unit's own user: systemd lets it read by an access control list, whose mask
# stat shows as the group's bits

SKIP: {
    skip 'another user needs root', 6 unless $is_root;
    my $uid = getpwnam 'www-data';
    my $list = sub {
        my ($file, @entries) = @_;
        credential($file, $text);
        my $set = run(['setfacl', map({ ('-m', $_) } @entries),
            "$from/$file"]);
        run(['setfacl', '-m', "u:$uid:rx", $from]);
        return $set->{status} == 0;
    };
    skip 'no access control lists here', 6 unless $list->('user', "u:$uid:r");
    is((stat "$from/user")[2] & 07777, 0440, 'it looks like the group\'s');
    chmod 0711, $dir;
    my $as_user = sub {
        my ($name) = @_;
        local $ENV{CREDENTIALS_DIRECTORY} = $from;
        return run(['setpriv', '--reuid', 'www-data', '--regid', 'www-data',
            '--clear-groups', Claude::Test::build() . '/claude-keys', 'check',
            @store[0 .. 2], "credential:$name"]);
    };
    $got = $as_user->('user');
    is($got->{status}, 0, 'that user takes it') or diag $got->{err};
    $list->('users', "u:$uid:r", 'u:65533:r');
    like($as_user->('users')->{err}, qr/accessible to group or others/,
        'not where another may read it too');
    $list->('groups', "u:$uid:r", 'g:65533:r');
    like($as_user->('groups')->{err}, qr/accessible to group or others/,
        'nor a group');
    $list->('own', "u:$uid:r", 'g::r');
    like($as_user->('own')->{err}, qr/accessible to group or others/,
        "nor the file's own group");
    refused('a list for another', 'credential:user', $from,
        qr/accessible to group or others/);
}

# systemd's own tool, as the documentation calls it, but for the kind of key

SKIP: {
    my $at = "$dir/sealed";
    mkdir $at, 0700;
    my $creds = sub { run(['systemd-creds', @_]) };
    skip 'no systemd-creds here', 3 unless $creds->('--version')->{status} == 0;
    my $sealed = $creds->('encrypt', '--with-key=tpm2-absent',
        '--name=claude-master', "$dir/keys/moved.key", "$at/claude-master");
    skip "systemd-creds: $sealed->{err}", 3 if $sealed->{status};
    unlike(read_file("$at/claude-master"), qr/\Q$text\E/, 'it is sealed');
    mkdir "$dir/opened", 0700;
    my $opened = $creds->('decrypt', '--name=claude-master',
        "$at/claude-master", "$dir/opened/claude-master");
    is($opened->{status}, 0, 'and opened') or diag $opened->{err};
    chmod 0400, "$dir/opened/claude-master";
    is(tried($name, "$dir/opened")->{status}, 0, 'to what nginx takes');
}

$t->allow(qr/upstream/, qr/\[emerg\].*credential/, qr/still could not bind/);
$t->finish;
