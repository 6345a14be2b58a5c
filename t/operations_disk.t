#!/usr/bin/perl

# docs/operations.md on a full disk, word for word: calls go on, changes are
# refused, and when there is room again all of it is there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Docs;
use Claude::Load;
use Claude::Test;

plan skip_all => 'only root can mount a disk' if $>;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $keys = $t->keys;
my $mounted;

sub mount { run(['mount', '-t', 'tmpfs', '-o', 'size=256k,mode=0700',
    'claude', "$dir/keys"])->{status} == 0 }

END {
    my $status = $?;
    run(['umount', '-l', "$dir/keys"]) if $mounted;
    $? = $status;
}

$mounted = mount() or plan skip_all => 'no disk can be mounted here';
$t->own("$dir/keys", 0700);
my $docs = Claude::Docs->new($t, 'docs/operations.md');
$keys->{master} = "$dir/etc/master.key";
my $key = $t->add_key('alice');
my $load_key = $t->add_key('load');
$t->bridge;
my $location = Claude::Admin->location($t);
$t->conf("server { listen %%ADDR%%; location /v1/ { claude_pass bridge; }"
    . " $location }", keystore =>
    'zone=keys:1m path=%%DIR%%/keys/keys.jsonl flush=1s');
write_file("$dir/nginx.conf", read_file("$dir/nginx.conf")
    =~ s{\Q$dir/keys/master.key}{$dir/etc/master.key}r);
$t->start(undef);
my $admin = Claude::Admin->new($t);

my @steps = $docs->blocks('A full disk', 'sh');
is(@steps, 3, 'the document has its steps');
sub step {
    my ($n) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $docs->shell($steps[$n - 1]);
    is($got->{status}, 0, "step $n") or diag $got->{err};
    return $got->{out};
}

sub fill {
    open my $file, '>', "$dir/keys/ballast" or die $!;
    while (syswrite $file, 'x' x 4096) { }
    while (syswrite $file, 'x') { }
}

sub rows {
    my $got = json_decode($keys->command(undef, 'usage', '--json', '--group',
        'key', $keys->files)->{out});
    my ($row) = grep { $_->{key} eq $keys->id($load_key) } @{ $got->{data} };
    return $row ? $row->{requests} : 0;
}

my $load = Claude::Load->start($t, key => $load_key, n => 2, pause => 0.05);
$load->more(3);
fill();
like(step(1), qr/100%.*ballast/s, 'the disk is full, and it is seen of what');
my $length = length $t->log;

# the log's last page has room for a few more
my ($r, $name) = (undef, 'alice');
for my $n (1 .. 12) {
    my $next = "$n-" . 'x' x 100;
    $r = $admin->call('PATCH', 'keys/' . $keys->id($key), { keyName => $next,
        allowedModels => [map { 'y' x 30 . $_ } 1 .. 6] });
    last if $r->{status} != 200;
    $name = $next;
}
is_error($r, 503, 'store_unavailable', 'a change by the admin is refused');
my $got = $keys->command(undef, 'set', $keys->id($key), $keys->files,
    '--name', 'z' x 120, map { ('--allowed-model', 'z' x 30 . $_) } 1 .. 6);
is($got->{status}, 1, 'one by claude-keys too');
like($got->{err}, qr/No space left/, 'and why is said');
$load->more(20);
wait_until(sub { substr($t->log, $length) =~ /last use of . keys could not/ },
    'what can\'t be flushed');
like(substr($t->log, $length),
    qr/key log .*keys\.jsonl can't be written \(28: No space left/,
    'the error log says why');
is($t->http('GET', '/v1/models', key => $key)->{status}, 200,
    'keys are taken');
is($admin->key($keys->id($key))->{keyName}, $name,
    'the change is nowhere to be seen');

unlink "$dir/keys/ballast";
step(2);
like(step(3), qr/, sound\n/, 'the log is sound');
is($admin->call('PATCH', 'keys/' . $keys->id($key), { keyName => 'renamed' })
    ->{status}, 200, 'changes are made again');
my $seen = $load->stop;
is_deeply([keys %$seen], ['whole'], 'all the while no request was lost');
my $n = 0;
eval { wait_until(sub { ($n = rows()) >= $seen->{whole} }, 'usage') };
is($n, $seen->{whole}, 'each is in the usage, once');
ok((grep { $_->{keyName} eq 'renamed' } $keys->list), 'so is the change');

$t->allow(qr/No space left on device/, qr/could not be written|was not made/);
ok($t->stop_nginx, 'nginx ends');
run(['umount', "$dir/keys"]);
$mounted = 0;
$t->finish;
