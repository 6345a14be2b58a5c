#!/usr/bin/perl

# docs/operations.md, word for word and under load: another version of the
# module, one with other zones too, by a new master and by a reload, and back.

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
my $password = 'a password for operations';
my $door = Claude::SignIn->new($t, admin => $password);
my %key = map { $_ => $t->add_key($_) } qw(load stays revoked);
my $docs = Claude::Docs->new($t, 'docs/operations.md');
my $bridge = $t->bridge(hold => sub {
    my ($r, $gate) = @_;
    $r->start;
    $r->text('before ');
    $r->hold($gate) or return;
    $r->text('after');
    $r->finish;
});

# versions that differ in one message, and one in the layout of its zones

my $first = read_file(Claude::Test::module());
my $message = 'The API key is not known here';
BAIL_OUT('the message is another') if index($first, $message) < 0;
my ($layout) = (read_file(root() . '/src/state/ngx_claude_keystore_index.h')
    =~ /define NGX_CLAUDE_KEYS_LAYOUT\s+0x([0-9a-f]{8})/);
mkdir "$dir/modules";
write_file("$dir/modules/ngx_http_claude_module.so", $first, 0644);

# puts version n where a new one is taken from
sub version {
    my ($n, %opt) = @_;
    my $so = $first =~ s/\Q$message\E/substr($message, 0, -1) . $n/er;
    if ($opt{layout}) {
        my $bytes = pack 'V', hex $layout;
        my $times = $so =~ s/\Q$bytes\E/pack 'V', hex($layout) + 1/ge;
        cmp_ok($times || 0, '>=', 2, "version $n has another layout");
    }
    write_file("$dir/var-tmp/ngx_http_claude_module.so", $so, 0644);
}

# which one each of many connections meets; 'e': the first
sub met {
    my %met;
    $met{ ($t->http('GET', '/v1/models', key => 'sk-' . 'a' x 48)
        ->error('message') // '') =~ /not known her(.)/ ? $1 : '?' }++
        for 1 .. 12;
    return join ' ', sort keys %met;
}

sub configure {
    my ($keys, $few) = @_;
    $t->conf("claude_limit_zone \$binary_remote_addr zone=$few:1m rate=9r/s;"
        . $door->server, workers => 3, daemon => 1,
        keystore => "zone=$keys:1m path=%%DIR%%/keys/keys.jsonl flush=1s");
    my $module = Claude::Test::module();
    write_file("$dir/nginx.conf", read_file("$dir/nginx.conf")
        =~ s{\Q$module\E}{$dir/modules/ngx_http_claude_module.so}r);
}
configure('keys', 'few');
$t->start(undef, daemon => 1);

my %systemctl = (reload => sub {
    my %old = map { $_ => 1 } $t->workers;
    kill 'HUP', $t->{master};
    wait_until(sub {
        my @now = $t->workers;
        return @now == 3 && !grep { $old{$_} } @now;
    }, 'new workers');
});

my %steps;

# one step under a heading
sub step {
    my ($heading, $n) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $steps{$heading} //= [$docs->blocks($heading, 'sh')];
    my $got = $docs->shell($steps{$heading}[$n - 1], %systemctl);
    is($got->{status}, 0, "$heading, step $n") or diag $got->{err};
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

sub pid { 0 + (read_file("$dir/$_[0]") || 0) }

sub status { $t->http('GET', '/v1/models', key => $_[0])->{status} }

# a new master with what lies there; the old one and the new one
sub another {
    my ($old, $new) = (pid('nginx.pid'));
    step('Another nginx', 2);
    $new = pid('nginx.pid');
    wait_until(sub { $t->workers(of => $new) == 3 }, 'new workers');
    step('Another nginx', 3);
    wait_until(sub { !$t->workers(of => $old) }, 'no more old workers');
    return ($old, $new);
}

my $load = Claude::Load->start($t, key => $key{load}, n => 2);
my $stream = held('first', $key{stays});
$load->more(5);
is(met(), 'e', 'the first version runs');

# another one by a new master: a reload alone is not enough

version(2, layout => 1);
my $heading = 'Another version of the module';
step($heading, 1);
$systemctl{reload}->();
is(met(), 'e', 'a reload goes on with the module that is in memory');
step($heading, 2);
my ($old, $new) = another();
is(met(), '2', 'another master runs the new one');
is(status($key{stays}), 200, 'with the same keys');
$load->more(5);

# back, while the old master is there

step('Back to the old module', 1);
step('Back to the old nginx', 1);
wait_until(sub { $t->workers(of => $old) == 3 }, 'workers of the old one');
step('Back to the old nginx', 2);
wait_until(sub { !alive($new) && pid('nginx.pid') == $old },
    'the end of the new master');
is(met(), 'e', 'the old one runs again');
is(status($key{stays}), 200, 'with the same keys');
$load->more(5);

# there once more, for good, and back once more

step($heading, 1);
($old, $new) = another();
step('Another nginx', 5);
$t->{master} = $new;
ok(alive($old), 'the old master waits for its stream');
$bridge->open_gate('first');
is(last_event($stream), '[DONE]', 'a stream of the first version ends whole');
wait_until(sub { !alive($old) }, 'the end of the old master');
is(met(), '2', 'the new one runs');
step('Back to the old module', 1);
($old, $new) = another();
step('Another nginx', 5);
wait_until(sub { !alive($old) }, 'the end of that one');
$t->{master} = $new;
is(met(), 'e', 'another master runs the old one, which is at its place again');
is_deeply([keys %{ $load->stop }], ['whole'],
    'by a new master: no request is lost');

# by a reload, at another path

$load = Claude::Load->start($t, key => $key{load}, n => 2);
version(3, layout => 1);
my $cookie = $door->sign_in($password);
$stream = held('second', $key{stays});
my $revoked = held('second', $key{revoked});
$load->more(5);
$heading = 'By a reload, at another path';
step($heading, 1);
step($heading, 2);
is(met(), '3', 'a reload runs the module at another path');
is(status($key{stays}), 200, 'with the same keys');
ok(!$door->is_in($cookie), 'who was signed in has to sign in again');
$keys->disable($key{revoked});
is(last_event($revoked), 'invalid_api_key',
    'a key that is revoked ends its streams in the old version');
wait_until(sub { status($key{revoked}) == 401 }, 'a refusal');
is(status($key{revoked}), 401, 'and is refused by the new one');
my @mapped = map { read_file("/proc/$t->{master}/maps")
    =~ m{\Q$dir/modules/$_\E$}m ? $_ : () } 'ngx_http_claude_module.so',
    'ngx_http_claude_module-2.so';
is("@mapped", 'ngx_http_claude_module-2.so',
    'the master has let go of the old one');
$bridge->open_gate('second');
is(last_event($stream), '[DONE]', 'a stream of the old version ends whole');
$load->more(5);
step($heading, 3);
is(met(), 'e', 'and back again');
$load->more(5);
is_deeply([keys %{ $load->stop }], ['whole'],
    'by a reload: no request is lost');

# a zone that was laid out in another way is refused by a reload

configure('few', 'keys');
my $length = length $t->log;
kill 'HUP', $t->{master};
wait_until(sub { substr($t->log, $length) =~ /\[emerg\]/ }, 'a refusal');
like(substr($t->log, $length), qr/\[emerg\].* laid out for something else/,
    'a zone of another layout is refused');
is(status($key{stays}), 200, 'and keys are taken as before');
configure('keys', 'few');

# nothing that was used is missing, whichever version it went through

my $asked = () = $t->access_log
    =~ m{"POST /v1/chat/completions [^"]*" 200}g;
my $counted = 0;
eval {
    wait_until(sub {
        my $doc = json_decode($keys->command(undef, 'usage', '--json',
            '--group', 'key', $keys->files)->{out});
        my $rows = ref $doc eq 'HASH' ? $doc->{data} // $doc->{rows} : $doc;
        $counted = 0;
        $counted += $_->{requests} for @$rows;
        return $counted >= $asked;
    }, 'usage');
};
is($counted, $asked, 'each request is in the usage, once');

$t->allow(qr/upstream/, qr/was laid out for something else/);
$t->finish;
