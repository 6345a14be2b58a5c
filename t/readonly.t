#!/usr/bin/perl

# The disk of the key log becomes read-only: changes are refused with 5xx and
# are not visible, the API lives, and all goes on when it can be written again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

plan skip_all => 'only root can mount a disk' if $>;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $disk = "$dir/disk";
my $mounted;

sub mount {
    my (@args) = @_;
    my $got = run(['mount', @args]);
    note($got->{err}) if $got->{err};
    return $got->{status} == 0;
}

END {
    my $status = $?;
    run(['umount', '-l', $disk]) if $mounted;
    $? = $status;
}

mkdir $disk;
$mounted = mount(qw(-t tmpfs -o), 'size=4m,mode=0700', 'claude', $disk)
    or plan skip_all => 'no disk can be mounted here';
$t->own($disk, 0700);

my $key = $t->add_key('alice');
my $store = "$disk/keys.jsonl";
write_file($store, read_file("$dir/keys/keys.jsonl"));
$t->own($store, 0600);
$t->keys->{store} = $store;

$t->bridge;
my $location = Claude::Admin->location($t);
my $config = <<"EOC";
claude_audit_log $dir/audit.log;
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    $location
}
EOC
my @keystore = (keystore => "zone=keys:1m path=$store flush=1s");
$t->start($config, @keystore);

my $admin = Claude::Admin->new($t);
my $other = $admin->create('bob');
my $id = $other->{id};
sub works { $t->chat('hi', key => $_[0])->{status} }
is(works($key), 200, 'a key works');

ok(mount('-o', 'remount,ro', $disk), 'the disk is read-only')
    or BAIL_OUT('the disk stays writable');
my $before = read_file($store);

my @changes = (
    ['a new key', 'POST', 'keys', { keyName => 'carol', oauthToken =>
        $t->secret(token()) }],
    ['another name', 'PATCH', "keys/$id", { keyName => 'renamed' }],
    ['disabled', 'PATCH', "keys/$id", { enabled => JSON::PP::false }],
    ['a new secret', 'POST', "keys/$id/rotate", {}],
    ['another credential', 'POST', "keys/$id/token", { oauthToken =>
        $t->secret(token()) }],
    ['deleted', 'DELETE', "keys/$id", {}],
);
for (@changes) {
    my ($name, @call) = @$_;
    my $r = $admin->call(@call);
    is_error($r, 503, 'store_unavailable', "$name: refused");
    unlike($r->{body}, qr/sk-/, "$name: and nothing given away");
    is(read_file($store), $before, "$name: nothing is written");
}
is_deeply([sort map { $_->{keyName} } @{ $admin->call('GET', 'keys')
    ->json->{data} }], [qw(alice bob)], 'nothing of it is visible');
is(join(' ', map { works($_) } $key, $other->{apiKey}), '200 200',
    'the API lives, with the keys as they were');
is(Claude::Admin->new($t)->call('GET', 'session')->{status}, 200,
    'one can still sign in');
my @events = map { json_decode($_)->{event} } read_file("$dir/audit.log")
    =~ /(.+)\n/g;
is(scalar(grep { $_ eq 'change_failed' } @events), scalar @changes,
    'each is told as an event');
is(scalar(grep { /^key_(?!created)/ } @events), 0, 'and none as made');

my $got = $t->keys->command(token() . "\n", 'add', $t->keys->files, '--name',
    'dave', '--token-stdin');
isnt($got->{status}, 0, 'claude-keys fails');
like($got->{err}, qr/read-only/i, 'with the reason');
unlike($got->{out}, qr/sk-/, 'and without a key');

# a reload and workers that died change nothing about that

$t->check;
$t->reload;
kill 'KILL', ($t->workers)[0];
wait_until(sub { $t->workers == 2 }, 'another worker');
is(join(' ', map { works($_) } $key, $other->{apiKey}), '200 200',
    'after a reload and a crash');
is_error($admin->call(@{ $changes[0] }[1 .. 3]), 503, 'store_unavailable',
    'and a change is refused still');

# until it can be written again

ok(mount('-o', 'remount,rw', $disk), 'the disk can be written again');
my $new = eval { wait_until(sub {
    my $r = $admin->call('POST', 'keys', { keyName => 'carol',
        oauthToken => $t->secret(token()) });
    $r->{status} == 201 && $r->json;
}, 'a new key') };
ok($new, 'and a key can be made');
is(works($new->{apiKey}), 200, 'which works');
is($admin->call('DELETE', "keys/$id")->{status}, 204, 'one can be deleted');
is(works($other->{apiKey}), 401, 'which works no more');
$got = $t->keys->command(undef, 'check', $t->keys->files);
is($got->{status}, 0, 'the log is sound') or diag $got->{err};

$t->stop_nginx;
$mounted = run(['umount', $disk])->{status} != 0;

$t->allow(qr/key log/, qr/a change of key/, qr/last use of/, qr/signal 9/,
    qr/Read-only/, qr/usage/);
$t->finish;
