#!/usr/bin/perl

# docs/operations.md, when an alert fires: each alert of the rules has its
# section, and where its cause can be made the commands show what it says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Curl qw(certificate);
use Claude::Docs;
use Claude::SDK;
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $keys = $t->keys;
my $docs = Claude::Docs->new($t, 'docs/operations.md');
$keys->{master} = "$dir/etc/master.key";
$docs->command('journalctl', "cat '$dir'/sdk.err\n");

# each alert, and nothing but these

my $rules = read_file(root()
    . '/conf-examples/monitoring/claude-alerts.yml');
my $text = read_file(root() . '/docs/operations.md');
my ($part) = $text =~ /^## When an alert fires\n(.*?)^## /ms;
my @alerts = $rules =~ /^\s*- alert: (\w+)$/mg;
cmp_ok(scalar @alerts, '>=', 10, 'there are alerts');
is(join(' ', sort $part =~ /^### (\w+)$/mg), join(' ', sort @alerts),
    'each has its section, and no other is there');
my %runbook = $rules =~ /- alert: (\w+)\n.*?runbook: (\S+)/gs;
is(join(' ', grep { ($runbook{$_} // '') ne 'docs/operations.md#' . lc }
    @alerts), '', 'to which it leads');

my %blocks = map { $_ => [$docs->blocks($_, 'sh')] } @alerts;
is(join(' ', grep { !@{ $blocks{$_} } } @alerts), '',
    'each section has commands');
my %ran;

# what the n-th commands of a section print
sub looks {
    my ($alert, $n) = @_;
    $ran{$alert}++;
    my $got = $docs->look($blocks{$alert}[($n // 1) - 1]);
    return "$got->{out}$got->{err}";
}

sub shows {
    my ($alert, $like, $name, $n) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like(looks($alert, $n), $like, "$alert: $name");
}

# a gateway with one process

my $password = 'a password for alerts';
my $door = Claude::SignIn->new($t, admin => $password);
my %token = (refused => 'sk-ant-oat01-refused-' . 'a' x 40);
my %key = map { $_ => $t->add_key($_, $token{$_}) }
    qw(alice refused budget);
my $sdk = Claude::SDK->start($t, dont_wait => 1, env => {
    CLAUDE_BRIDGE_MAX_PROCESSES => 2 });
mkdir "$dir/tls";
my $tls = $t->port(443);

sub certificate_of {
    my ($days) = @_;
    certificate("$dir/tls", days => $days);
    rename "$dir/tls/tls.$_->[0]", "$dir/tls/$_->[1].pem"
        for ['crt', 'cert'], ['key', 'key'];
}
certificate_of(2);

sub config {
    my ($more) = @_;
    return $door->server(<<"EOC") . ($more // '');
claude_audit_log $dir/audit.log level=all;
listen 127.0.0.1:$tls ssl;
ssl_certificate $dir/tls/cert.pem;
ssl_certificate_key $dir/tls/key.pem;
set_real_ip_from 127.0.0.1;
real_ip_header X-Forwarded-For;
EOC
}

sub keystore { "zone=keys:$_[0] path=%%DIR%%/keys/keys.jsonl flush=1s" }

sub configure {
    my ($more, $size) = @_;
    $t->conf(config($more) =~ s/^(.*?)(claude_audit_log .*?;\n)/$2$1/sr,
        keystore => keystore($size // '1m'));
    write_file("$dir/nginx.conf", read_file("$dir/nginx.conf")
        =~ s{\Q$dir/keys/master.key}{$dir/etc/master.key}r);
}

configure();
$t->start(undef);
my %systemctl = (reload => sub { $t->reload(undef) });
$sdk->wait_parked;

sub chat { $t->chat($_[1] // 'hi', key => $key{$_[0]}) }

# the target, the bridge

shows('ClaudeTargetDown', qr/(?:Couldn't|Failed to) connect/,
    'nothing listens there');
shows('ClaudeTargetDown', qr/test is successful/, 'the configuration is sound');
shows('ClaudePoolStarved', qr/"status":"ok".*"busy":0/, 'all is well');

is(chat('refused')->{status}, 401, 'a credential that is refused');
wait_until(sub { (read_file("$dir/audit.log") // '')
    =~ /credential_refused/ }, 'the event');
my $id = $keys->id($key{refused});
shows('ClaudeCredentialRefused', qr/"keyId":"$id"/, 'the log names the key');
shows('ClaudeCredentialRefused', qr/$id.*refused/s, 'which is shown', 2);
my ($token) = $part =~ /^    (claude-keys token .*)$/m;
like($token, qr/^claude-keys token key_… --token-file token\.txt$/,
    'and given another');
write_file("$dir/token.txt", $t->secret(token()), 0600);
$t->private('token.txt');
my $got = $docs->shell($token =~ s/key_…/$id/r =~ s{token\.txt}
    {$dir/token.txt}r . "\n");
is($got->{status}, 0, 'which works') or diag $got->{err};
wait_until(sub { chat('refused')->{status} == 200 }, 'the other credential');

is(chat('alice', '[[stub status=429 retry-after=30]]')->{status}, 429,
    'a credential at its limit');
$id = $keys->id($key{alice});
shows('ClaudeCredentialLimited', qr/a request of $id with 429/,
    'the log names the key');

# budgets

$keys->set($key{budget}, '--month-tokens', 3);
wait_until(sub { chat('budget')->{status} == 429 }, 'a budget that is used');
wait_until(sub { looks('ClaudeBudgetNearlyUsed')
    =~ /^@{[$keys->id($key{budget})]}\b/m }, 'the usage');
shows('ClaudeBudgetNearlyUsed', qr/budget.*/, 'the usage has the key');

# the door

$door->login('wrong', from => '192.0.2.' . ($_ < 7 ? 1 : 200 + $_))
    for 1 .. 9;
$door->sign_in($password, from => '198.51.100.7');
wait_until(sub { (read_file("$dir/audit.log") // '')
    =~ /"outcome":"ok".*198\.51\.100\./ }, 'the events');
shows('ClaudeLoginAttack', qr{^\s*\d+ "address":"192\.0\.2\.0/24"}m,
    'from where it comes');
shows('ClaudeLoginAttack', qr{"ok".*198\.51\.100\.0/24}, 'who got in');

# answers that break off, and 5xx

my $stream = $t->stream('[[stub deltas=4 error=api_error after=2]]',
    key => $key{alice});
$stream->events if $stream->head;
$stream->close;
shows('ClaudeAnswersBreak', qr/upstream broke a stream off: \w+/,
    'the code is in the log');
shows('ClaudeAnswersBreak', qr/"event":"request".*"outcome":"50\d"/,
    'and the bridge has its own word');

# the pool: two processes, three requests

my @streams = map { $t->stream('[[stub deltas=4 hang=stream after=2]]',
    key => $key{alice}) } 1 .. 3;
wait_until(sub {
    my $health = $sdk->health // {};
    return ($health->{busy} // 0) == 2 && $health->{queue} == 1;
}, 'a queue', 60);
shows('ClaudePoolStarved', qr/"busy":2,.*"queue":1/,
    'one waits for a process');
shows('ClaudePoolStarved', qr/^\d+$/m, 'how many got none');
shows('ClaudeCallsNearlyFull', qr/"busy":2/, 'what runs');
# who leaves the queue has yet to ask the API: it is let go when it has
wait_until(sub {
    $sdk->release;
    my $health = $sdk->health // {};
    return ($health->{busy} // 1) == 0 && ($health->{queue} // 1) == 0;
}, 'their end', 60);
for my $c (@streams) { $c->events if $c->head; $c->close }

# the bridge ends, and what it says when it can't start anything

Claude::Process::stop($sdk->{pid}, 'TERM');
$t->forget_daemon($sdk->{pid});
is(chat('alice')->{status}, 503, 'without a bridge');
shows('ClaudeBridgeDown', qr/(?:Couldn't|Failed to) connect/,
    'nobody is at the socket');
shows('ClaudeBridgeDown', qr/connect\(\) to unix:.* failed/,
    'as nginx says too');
shows('ClaudeServerErrors', qr/^\d+ 503$/m, 'the statuses');
shows('ClaudeServerErrors', qr/"outcome":"200"/, 'the outcomes');

$sdk->{env}{CLAUDE_BRIDGE_CLAUDE} = '/bin/false';
$sdk->start_bridge;
wait_until(sub { looks('ClaudeBridgeStartsFail') =~ /start_failed/ },
    'starts that fail');
shows('ClaudeBridgeStartsFail', qr/"status":"unavailable"/,
    'the bridge is of no use');
shows('ClaudeBridgeDown', qr/"status":"unavailable"/, 'which is seen there');
Claude::Process::stop($sdk->{pid}, 'TERM');
$t->forget_daemon($sdk->{pid});
$sdk->{env}{CLAUDE_BRIDGE_CLAUDE} = '/nowhere/claude';
$sdk->start_bridge;
wait_until(sub { looks('ClaudeBridgeStartsFail')
    =~ m{claude_missing.*/nowhere/claude} }, 'the path');
pass('ClaudeBridgeStartsFail: the path of what is missing is told');

# certificates: one that was renewed isn't used before a reload

my $served = qr/notAfter=(.*)/;
my ($file, $serves) = looks('ClaudeCertificateExpiring') =~ /$served/g;
is($serves, $file, 'ClaudeCertificateExpiring: both end soon');
shows('ClaudeCertificateExpired', qr/will not expire|will expire/,
    'whether it is a day');
certificate_of(90);
my ($renewed, $still) = looks('ClaudeCertificateExpiring') =~ /$served/g;
isnt($renewed, $file, 'ClaudeCertificateExpiring: the file is renewed');
is($still, $file, 'nginx serves the old one');
$docs->shell($blocks{ClaudeCertificateExpiring}[1], %systemctl);
is((looks('ClaudeCertificateExpiring') =~ /$served/g)[1], $renewed,
    'and after a reload the new one');

# the target answers once its server is there

my $target = 'server { listen 127.0.0.1:' . $t->port(9113) . '; location ='
    . ' /metrics { claude_metrics upstream=bridge; } }';
configure($target);
$t->reload(undef);
shows('ClaudeTargetDown', qr/^# (?:HELP|TYPE) claude_/m, 'it answers');

# the zone: it becomes too small, and larger by a reload

configure('', '32k');
$t->reload(undef);
my $length = length $t->log;
my @many = map { $t->add_key("many$_") } 1 .. 40;
wait_until(sub { substr($t->log, $length) =~ /do not fit: zone "keys"/ },
    'a full zone');
shows('ClaudeZoneNearlyFull', qr/^4\d\n.*fits \d+ keys and holds \d+/ms,
    'the keys are counted, and what fits');
configure('', '1m');
$t->reload(undef);
is($t->http('GET', '/v1/models', key => $many[-1])->{status}, 200,
    'ClaudeZoneNearlyFull: a larger zone has room for all');

# the key log: damaged, and no longer the workers'

my $log = $keys->{store};
my $good = read_file($log);
open my $file_, '>>', $log;
print $file_ "{\"op\":\"nothing\"}\n";
close $file_;
wait_until(sub { $t->log =~ /\[crit\].*keys stay as they are/ }, 'trouble');
shows('ClaudeStoreBehind', qr/\[crit\].*keys\.jsonl:\d+ .*keys stay/,
    'the log has file, line and reason');
shows('ClaudeStoreBehind', qr/keys\.jsonl:\d+: /, 'so has claude-keys');
write_file("$log.new", $good);
$t->own("$log.new", 0600);
rename "$log.new", $log;
wait_until(sub { $t->log =~ /mended and followed again/ }, 'an end of it');
pass('ClaudeStoreBehind: mended, it is followed again');
shows('ClaudeStoreNotDurable', qr/key log.*sound/s, 'what was, and is');
shows('ClaudeUsageLost', qr/^Filesystem/, 'the disk');

is(join(' ', grep { !$ran{$_} } @alerts), '', 'all commands were run');

$t->allow(qr/upstream/, qr/connect\(\) to/, qr/do not fit/, qr/key log/,
    qr/refused a request/, qr/last use of/);
$t->finish;
