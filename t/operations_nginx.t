#!/usr/bin/perl

# docs/operations.md, word for word and under load: a reload, another nginx,
# and back.  No request is lost, streams end whole, what is revoked ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Docs;
use Claude::Load;
use Claude::SDK;
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $keys = $t->keys;
my $password = 'a password for operations';
my $door = Claude::SignIn->new($t, admin => $password);
my %key = map { $_ => $t->add_key($_) }
    qw(load stays reload upgrade back);
my $docs = Claude::Docs->new($t, 'docs/operations.md');
my $sdk = Claude::SDK->start($t);
my $fake = $t->bridge_at('fake', hold => sub {
    my ($r, $gate) = @_;
    $r->start;
    $r->text('before ');
    $r->hold($gate) or return;
    $r->text('after');
    $r->finish;
});
my @fake = (uri => '/fake/chat/completions');

$t->start('upstream fake { server unix:%%DIR%%/fake/sock; keepalive 8; }'
    . $door->server('add_header X-Worker $pid always;'
        . 'location /fake/ { claude_pass fake; }'),
    workers => 3, daemon => 1,
    keystore => 'zone=keys:1m path=%%DIR%%/keys/keys.jsonl flush=1s');

# what systemctl does, without waiting
my %systemctl = (reload => sub { kill 'HUP', $t->{master} });

sub step {
    my ($name, $block) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $docs->shell($block, %systemctl);
    is($got->{status}, 0, $name) or diag $block, $got->{err};
    return $got->{out};
}

sub steps {
    my ($heading, $n) = @_;
    my @blocks = $docs->blocks($heading, 'sh');
    is(@blocks, $n, "$heading: $n steps");
    return @blocks;
}

# a stream that has begun and waits at a gate
sub held {
    my ($gate, $key) = @_;
    my $c = $t->stream("[[hold $gate]]", key => $key // $key{stays}, @fake);
    $c->head;
    $c->event for 1, 2;
    return $c;
}

sub text {
    my ($c) = @_;
    my @events = $c->events;
    $c->close;
    return join '', map { ref $_ ? $_->{error} ? $_->{error}{code}
        : $_->{choices}[0]{delta}{content} // '' : $_ } @events;
}

sub status {
    $t->http('GET', '/v1/models', key => $_[0])->{status};
}

sub is_revoked {
    my ($name, @streams) = @_;
    $keys->disable($key{$name});
    is_deeply([map { text($_) } @streams],
        [('invalid_api_key') x @streams],
        "a key that is revoked ends its streams in old workers and new: $name");
    wait_until(sub { status($key{$name}) == 401 }, 'a refusal');
    is_deeply([map { status($key{$name}) } 1 .. 12], [(401) x 12],
        'and is refused from then on');
}

sub pid { my ($name) = @_; return 0 + (read_file("$dir/$name") || 0) }

# reload, with the real bridge behind one stream

my $load = Claude::Load->start($t, key => $key{load}, n => 2, @fake);
my $real = $t->stream('[[stub deltas=4 hang=stream after=2]]',
    key => $key{stays});
$real->head;
$real->event for 1, 2;
my $cookie = $door->sign_in($password);
my @streams = (held('reload'), map { held('reload', $key{reload}) } 1 .. 3);
$load->more(10);

my ($try, $reload, $look) = steps('Reload', 3);
step('nginx -t', $try);
my %old = map { $_ => 1 } $t->workers;
step('reload', $reload);
wait_until(sub { my @now = $t->workers; @now == 3 && !grep { $old{$_} } @now },
    'new workers');
like(step('the log', $look), qr/\[notice\]/, 'it is told in the log');
cmp_ok(scalar(grep { $old{$_} && alive($_) } keys %old), '>', 0,
    'old workers stay for their streams');
$load->more(10);
is_revoked('reload', splice(@streams, 1), held('reload', $key{reload}));
ok($door->is_in($cookie), 'who was signed in still is');
$fake->open_gate('reload');
$sdk->release;
is(text($streams[0]), 'after[DONE]', 'a stream ends whole');
like(text($real), qr{3 4 \[DONE\]\z}, 'one of the real bridge too');
wait_until(sub { !grep { alive($_) } keys %old }, 'the end of old workers');
is_deeply([keys %{ $load->stop }], ['whole'], 'reload: no request is lost');

# another nginx

sub upgrade {
    my ($name) = @_;
    my @steps = steps('Another nginx', 5);
    step("$name: nginx -t", $steps[0]);
    my $old = pid('nginx.pid');
    step("$name: USR2", $steps[1]);
    my $new = pid('nginx.pid');
    isnt($new, $old, 'there is another master');
    is(pid('nginx.pid.oldbin'), $old, 'beside the old one');
    wait_until(sub { $t->workers(of => $new) == 3 }, 'its workers');
    return ($old, $new, @steps[2 .. 4]);
}

sub no_workers {
    my ($master) = @_;
    wait_until(sub { !$t->workers(of => $master) }, 'no more workers');
}

$load = Claude::Load->start($t, key => $key{load}, n => 2, @fake);
$load->more(5);
@streams = (held('upgrade'), map { held('upgrade', $key{upgrade}) } 1, 2);
my ($old, $new, $winch, $watch, $quit) = upgrade('there');
$load->more(10);
step('WINCH', $winch);
no_workers($old);
is_revoked('upgrade', splice(@streams, 1), held('upgrade', $key{upgrade}));
like(step('the log', $watch), qr/\[notice\]/, 'the log says what happens');
step('QUIT', $quit);
$load->more(10);
ok(alive($old), 'the old master waits for its stream');
$fake->open_gate('upgrade');
is(text($streams[0]), 'after[DONE]', 'which ends whole');
wait_until(sub { !alive($old) }, 'the end of the old master');
$t->{master} = $new;
is_deeply([keys %{ $load->stop }], ['whole'], 'upgrade: no request is lost');
is(status($key{stays}), 200, 'keys are taken');
ok(!$door->is_in($cookie), 'who was signed in has to sign in again');
ok($door->is_in($door->sign_in($password)), 'and can');

# and back

$load = Claude::Load->start($t, key => $key{load}, n => 2, @fake);
($old, $new, $winch) = upgrade('back');
step('WINCH', $winch);
no_workers($old);
@streams = (held('back'), map { held('back', $key{back}) } 1, 2);
$load->more(5);
my ($hup, $end) = steps('Back to the old nginx', 2);
step('HUP', $hup);
wait_until(sub { $t->workers(of => $old) == 3 }, 'workers of the old one');
step('QUIT', $end);
no_workers($new);
is_revoked('back', splice(@streams, 1), held('back', $key{back}));
$load->more(10);
$fake->open_gate('back');
is(text($streams[0]), 'after[DONE]', 'a stream of the new one ends whole');
wait_until(sub { !alive($new) }, 'the end of the new master');
wait_until(sub { pid('nginx.pid') == $old }, 'the pid file of the old one');
is_deeply([keys %{ $load->stop }], ['whole'], 'back: no request is lost');
is(status($key{stays}), 200, 'keys are taken');

# one that can't start: the old one goes on

my $conf = read_file("$dir/nginx.conf");
my $length = length $t->log;
write_file("$dir/nginx.conf", "evil on;\n$conf");
my ($usr2) = ($docs->blocks('Another nginx', 'sh'))[1];
isnt($docs->shell($usr2 =~ s/timeout 30/timeout 2/r)->{status}, 0,
    'a new nginx that can\'t start is noticed');
like(substr($t->log, $length) . read_file("$dir/nginx.err"),
    qr/\[emerg\].*"evil"/, 'why is told');
wait_until(sub { pid('nginx.pid') == $old }, 'the pid file of the old one');
is(status($key{stays}), 200, 'and the old one goes on');
write_file("$dir/nginx.conf", $conf);

# nothing that was used is missing, whichever nginx it went through

my $asked = () = ($t->access_log // '')
    =~ m{"POST /(?:fake|v1)/chat/completions [^"]*" 200}g;
my @usage = ('usage', '--json', '--group', 'key', $keys->files);
my $counted = 0;
eval {
    wait_until(sub {
        my $doc = json_decode($keys->command(undef, @usage)->{out});
        my $rows = ref $doc eq 'HASH' ? $doc->{data} // $doc->{rows} : $doc;
        $counted = 0;
        $counted += $_->{requests} for @$rows;
        return $counted >= $asked;
    }, 'usage');
};
is($counted, $asked, 'each request is in the usage, once');

$t->allow(qr/upstream/, qr/\[emerg\].*"evil"/,
    qr/the new binary process \d+ exited/);
$t->finish;
