#!/usr/bin/perl

# docs/operations.md, word for word: another master key and another password
# under load, a new machine, another place for the key log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Docs;
use Claude::Load;
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $keys = $t->keys;
my %password = (alice => 'the first of alice', bob => 'the one of bob');
my $door = Claude::SignIn->new($t, %password);
my %key = map { $_ => $t->add_key($_) } qw(load stays revoked ended);
my $docs = Claude::Docs->new($t, 'docs/operations.md');
my $bridge = $t->bridge(hold => sub {
    my ($r, $gate) = @_;
    $r->start;
    $r->text('before ');
    $r->hold($gate) or return;
    $r->text('after');
    $r->finish;
});

# secrets lie where the document has them

rename "$dir/$_->[0]", "$dir/$_->[1]" or die "$_->[0]: $!"
    for ['keys/master.key', 'etc/master.key'],
    ['admin.htpasswd', 'etc/admin.htpasswd'];
$keys->{master} = "$dir/etc/master.key";
$door->{file} = "$dir/etc/admin.htpasswd";
mkdir "$dir/backups";
$t->conf($door->server, workers => 3,
    keystore => 'zone=keys:1m path=%%DIR%%/keys/keys.jsonl flush=1s');
write_file("$dir/nginx.conf", read_file("$dir/nginx.conf")
    =~ s{\Q$dir/keys/master.key}{$dir/etc/master.key}r);
$t->start(undef);

my %systemctl = (
    start => sub { $t->start(undef) },
    stop => sub { $t->stop_nginx },
    reload => sub { $t->reload(undef) },
);

my %steps;
sub step {
    my ($heading, $n, %more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $steps{$heading} //= [$docs->blocks($heading, 'sh')];
    my $got = $docs->shell($steps{$heading}[$n - 1], %systemctl, %more);
    is($got->{status}, 0, "$heading, step $n") or diag $got->{err};
    return $got->{out};
}

sub held {
    my ($gate, $key) = @_;
    my $c = $t->stream("[[hold $gate]]", key => $key);
    $c->head;
    $c->event for 1, 2;
    return $c;
}

sub last_event {
    my ($c) = @_;
    my ($last) = reverse $c->events;
    $c->close;
    return ref $last ? $last->{error}{code} // 'something' : $last;
}

sub status { $t->http('GET', '/v1/models', key => $_[0])->{status} }
sub mode { sprintf '%04o', (stat $_[0])[2] & 07777 }

# as clients that sent one after another see it, of each worker
sub becomes {
    my ($key, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until(sub { status($key) == $status }, $name);
    is_deeply([map { status($key) } 1 .. 12], [($status) x 12], $name);
}

# another master key

my $load = Claude::Load->start($t, key => $key{load}, n => 2);
my $stream = held('master', $key{stays});
my $ends = held('master', $key{revoked});
my ($sealed, $master) = map { read_file($_) } "$dir/keys/keys.jsonl",
    $keys->{master};
$load->more(5);
my $heading = 'Another master key';
step($heading, 1);
$load->more(5);
like(step($heading, 2), qr/, sound\n/, 'all opens by the new one');
like(step('Back to the old master key', 1), qr/, sound\n/,
    'all opens by the old one, which is in front again');
like(read_file($keys->{master}), qr/\A\Q$master/, 'where it is');
step($heading, $_) for 1, 2;
my $fresh = $t->add_key('fresh');
becomes($fresh, 200, 'a key that is made then is taken');
$keys->disable($key{revoked});
is(last_event($ends), 'invalid_api_key',
    'a key that is revoked then ends its streams in old workers too');
becomes($key{revoked}, 401, 'and is refused');
step($heading, 3);
unlike(read_file($keys->{master}), qr/\Q$master/, 'the old one is gone');
is(mode($keys->{master}), '0600', 'the new one is root\'s alone');
step($heading, 4);
is(read_file("$dir/safe/claude-master.key"), read_file($keys->{master}),
    'and kept');
$load->more(5);
becomes($fresh, 200, 'keys are taken');
$bridge->open_gate('master');
is(last_event($stream), '[DONE]', 'a stream from before ends whole');
my %before = map { $_ => 1 } $sealed =~ /"oauthToken":"([^"]+)"/g;
is((grep { $before{$_} } read_file("$dir/keys/keys.jsonl")
    =~ /"oauthToken":"([^"]+)"/g), 0, 'each credential is sealed anew');

# another password

my %cookie = map { $_ => $door->sign_in($password{$_}, name => $_) }
    qw(alice bob);
$heading = 'An admin\'s password';
my $new = $t->secret('the second of alice');
step($heading, 1, input => "$new\n");
is(mode($door->{file}), '0600', 'the file is root\'s alone');
is(join(' ', map { /^(\w+):/ } split /\n/, read_file($door->{file})),
    'alice bob', 'it has the same people');
ok($door->is_in($cookie{alice}), 'before the reload nothing has changed');
step($heading, 2);
wait_until(sub { !$door->is_in($cookie{alice}) }, 'the end of her session');
is((grep { $door->is_in($cookie{alice}) } 1 .. 6), 0, 'alice is out');
is((grep { $door->is_in($cookie{bob}) } 1 .. 6), 6, 'bob is not');
is($door->login($password{alice}, name => 'alice')->{status}, 401,
    'the old password is refused');
ok($door->is_in($door->sign_in($new, name => 'alice')), 'the new one is not');
$load->more(5);
my $seen = $load->stop;
is_deeply([keys %$seen], ['whole'], 'no request is lost by any of it');

# a new machine: what was the old one's is gone

my $total = 0;
$total += $_ for values %$seen;
sub used {
    my ($row) = grep { $_->{key} eq $keys->id($key{load}) } @{ json_decode(
        $keys->command(undef, 'usage', '--json', '--group', 'key',
        $keys->files)->{out})->{data} };
    return $row ? $row->{requests} : 0;
}
wait_until(sub { used() >= $total }, 'usage');
$keys->set($key{stays}, '--day-tokens', 1000000);
$heading = 'A new machine';
step($heading, 1);
my $records = json_encode([$keys->list]);
$keys->delete($key{ended});
run(['cp', "$dir/etc/admin.htpasswd", "$dir/safe/"]);
run(['rm', '-rf', "$dir/keys", "$dir/etc"]);
step($heading, 2);
like(step($heading, 3), qr/, sound\n.*stays/s, 'all opens, and is listed');
is(json_encode([$keys->list]), $records,
    'keys and limits are as in the backup, one deleted since too');
$keys->delete($key{ended});
step($heading, 4);
is_deeply([map { status($_) } @key{qw(load stays revoked ended)}],
    [200, 200, 401, 401], 'they are served, which was revoked is not');
is($t->chat('hi', key => $key{stays})->{status}, 200, 'with credentials');
is(used(), $total, 'the usage came along');
ok(!$door->is_in($cookie{alice}), 'nobody is signed in');
ok($door->is_in($door->sign_in($new, name => 'alice')),
    'and the passwords are the same');

# another place

$heading = 'Another place for the key log';
step($heading, $_) for 1, 2, 3;
$keys->{store} = "$dir/srv/keys.jsonl";
is_deeply([map { status($_) } @key{qw(stays revoked)}], [200, 401],
    'the same keys are served at the other place');
ok(!-e "$dir/keys" && -e "$dir/keys.old", 'the old one is put away');
$keys->disable($key{stays});
becomes($key{stays}, 401, 'and changes there are felt');
is(used(), $total, 'the usage came along');
my $conf = read_file("$dir/nginx.conf");
run(['cp', '-a', "$dir/srv", "$dir/other"]);
write_file("$dir/nginx.conf", $conf =~ s{\Q$dir/srv/}{$dir/other/}gr);
my $length = length $t->log;
kill 'HUP', $t->{master};
wait_until(sub { substr($t->log, $length) =~ /\[emerg\].*holds the keys of/ },
    'a refusal');
pass('a reload with another place is refused');
write_file("$dir/nginx.conf", $conf);

$t->allow(qr/upstream/, qr/was started without/, qr/holds the keys of/);
$t->finish;
