#!/usr/bin/perl

# A key log that was damaged, replaced or opened to others while nginx runs:
# nginx -t and a reload refuse it by name, what was good goes on serving, and
# nobody writes over the damage.  nginx -t alone is in config.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $store = "$dir/keys/keys.jsonl";
my $key = $t->add_key('alice');
my $second = $t->add_key('bob');
my $gone = $t->add_key('gone');
$t->keys->delete($gone);

$t->bridge;
$t->start(<<'EOC', keystore => "zone=keys:1m path=$store flush=1h");
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

# the first uses of keys are written at once, the next in an hour

$t->http('GET', '/v1/models', key => $_) for $key, $second;
wait_until(sub { 2 <= (() = read_file($store) =~ /"op":"use"/g) }, 'uses');

my $good = read_file($store);
my @lines = split /^/, $good;

# another file in its place, at once
sub put {
    my ($content, $mode, $owner) = @_;
    write_file("$store.new", $content);
    $t->own("$store.new", $mode // 0600);
    chown $owner, -1, "$store.new" if $owner;
    rename "$store.new", $store or die "$store: $!\n";
}

# the same file, written to
sub scribble {
    my ($content) = @_;
    open my $file, '+<:raw', $store or die "$store: $!\n";
    syswrite $file, $content;
    truncate $file, length $content;
    close $file;
}

sub serves {
    my ($name) = @_;
    is(join(' ', map { $t->http('GET', '/v1/models', key => $_)->{status} }
        $key, $second, $gone), '200 200 401', "$name: who had a key has it");
}

sub new_lines {
    my ($from) = @_;
    return substr $t->log, $from;
}

# code damages; reason is that of nginx -t and of a reload; line is the line
sub refused {
    my ($name, $code, $reason, $line) = @_;
    $code->();
    my $where = $line ? qr/keys\.jsonl:$line\b/ : qr/keys\.jsonl/;

    my $got = $t->check;
    isnt($got->{status}, 0, "$name: nginx -t refuses it");
    like($got->{err}, qr/\[emerg\].*$where.*$reason/, "$name: for its reason");
    not_reloaded($name, qr/$where.*$reason/);
}

# what only a reload knows
sub not_reloaded {
    my ($name, $reason) = @_;
    my $damaged = read_file($store);
    my @workers = $t->workers;
    my $from = length $t->log;
    kill 'HUP', $t->{master};
    my $seen = eval { wait_until(sub {
        new_lines($from) =~ /\[emerg\].*$reason/ }, 'a refusal') };
    ok($seen, "$name: a reload refuses it") or diag new_lines($from);
    is_deeply([$t->workers], \@workers, "$name: the workers go on");
    serves($name);
    is(read_file($store), $damaged, "$name: nobody has written to it");

    # put right
    unlink $store if -l $store;
    put($good);
    $t->reload;
    serves("$name, mended");
}

my ($head, $put, $other) = @lines;

refused('a flipped byte', sub {
    scribble(join '', $head, $put =~ s/("digest":")(.)/$1 . chr(ord($2) ^ 1)/er,
        @lines[2 .. $#lines]);
}, qr/\S/, 2);
refused('a flipped byte in the header', sub {
    scribble(join '', $head =~ s/("wrappedKeys":".)(.)/
        $1 . ($2 eq 'A' ? 'B' : 'A')/exr, @lines[1 .. $#lines]);
}, qr/can't be opened by any key/, 1);
refused('empty', sub { put('') }, qr/\S/);
refused('emptied', sub { scribble('') }, qr/\S/);
refused('of a newer version', sub {
    put(join '', $head =~ s/"version":1/"version":99/r, @lines[1 .. $#lines]);
}, qr/version/);
refused('a key twice', sub {
    my ($id) = $put =~ /"id":"(\w+)"/;
    my ($digest) = $put =~ /"digest":"(\w+)"/;
    put(join '', $head, $put, $other =~ s/"digest":"\w+"/"digest":"$digest"/r);
}, qr/\S/, 3);
refused('readable by all', sub { put($good, 0644) }, qr/group or others/);
refused('a symlink', sub {
    rename $store, "$store.aside";
    symlink "$store.aside", $store or die;
}, qr/symbolic link|symlink/);
SKIP: {
    skip 'a file can be given away by root alone', 1 if $>;
    refused("somebody else's", sub { put($good, 0600, 12345) },
        qr/belongs to another/);
}

my $place = Claude::Keys->new($t, "$dir/elsewhere");
$place->{master} = "$dir/keys/master.key";
$place->add('carol');
put(read_file($place->{store}));
is($t->check->{status}, 0, 'another store: nginx -t takes it');
not_reloaded('another store', qr/is not the store that zone "keys" was/);

# a torn last line is no damage: whoever writes next cuts it

scribble($good . '{"op":"delete","id":"key_');
my $got = $t->check;
is($got->{status}, 0, 'a torn last line: nginx -t takes it')
    or diag $got->{err};
is(read_file($store), $good . '{"op":"delete","id":"key_',
    'and leaves it alone');
$t->reload;
serves('a torn last line');
my $third = $t->add_key('carol');
wait_until(sub { $t->http('GET', '/v1/models', key => $third)->{status}
    == 200 }, 'the third key');
unlike(read_file($store), qr/\{"op":"delete","id":"key_(?:\{|$)/m,
    'it is cut, by the next that is written');
$got = $t->keys->command(undef, 'check', $t->keys->files);
is($got->{status}, 0, 'and the log is sound') or diag $got->{err};

$t->allow(qr/key log|keys\.jsonl/, qr/last use of/);
$t->finish;
