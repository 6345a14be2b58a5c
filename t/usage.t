#!/usr/bin/perl

# What keys use is counted once, however a call ends, and is there again after
# a restart: tokens as the API counts them, cost as the SDK tells it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Test::More;

use Claude::Checks;
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my %key = map { $_ => $t->add_key($_) }
    qw(alice bob cut gone killed exit term sdk seeded damaged cached);
my $usage = $t->dir . '/keys/keys.jsonl.usage';

sub day { strftime('%Y-%m-%d', gmtime(time + 86400 * $_[0])) }

sub end {
    my ($r, $output, $cost) = @_;
    $r->block_stop;
    $r->event('message_delta', { delta => { stop_reason => 'end_turn',
        stop_sequence => undef }, usage => { output_tokens => $output + 0 } });
    $r->event('claude_cost', qq({"type":"claude_cost","cost_usd":$cost}))
        if defined $cost;
    $r->event('message_stop', {});
    $r->end;
}

sub begin {
    my ($r, $input, $cached, $written) = @_;
    $r->start(input_tokens => $input + 0,
        cache_read_input_tokens => ($cached // 0) + 0,
        cache_creation_input_tokens => ($written // 0) + 0);
}

my $bridge = $t->bridge_at('fake',
    used => sub {
        my ($r, $input, $output, $cost, @cache) = @_;
        begin($r, $input, @cache);
        $r->text('done');
        end($r, $output, $cost);
    },
    unpriced => sub {
        my ($r, $input, $output) = @_;
        begin($r, $input);
        $r->text('done');
        end($r, $output);
    },
    odd => sub {
        my ($r, $cost) = @_;
        begin($r, 1);
        $r->text('done');
        end($r, 1, $cost);
    },
    cut => sub { my ($r) = @_; begin($r, 100); $r->text('x' x 400); $r->cut },
    midway => sub {
        my ($r) = @_;
        begin($r, 100, 50);
        $r->text('x' x 400);
        $r->hold('midway') and end($r, 200, 1);
    },
    refused => sub { $_[0]->error(529, 'overloaded_error') },
);

my $config = <<'EOC';
upstream fake { server unix:%%DIR%%/fake/sock; }
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /fake/ { claude_pass fake; }
}
EOC

sub start {
    my (%opt) = @_;
    my $path = $t->dir . '/keys/keys.jsonl';
    $t->start($config, workers => 4,
        keystore => "zone=keys:1m path=$path flush=" . ($opt{flush} // '1s'));
}

sub ask {
    my ($name, $text, %opt) = @_;
    return $t->chat($text, key => $key{$name},
        uri => '/fake/chat/completions', %opt);
}

sub stream {
    my ($name, $text) = @_;
    my $c = $t->stream($text, key => $key{$name},
        uri => '/fake/chat/completions');
    $c->head;
    return $c;
}

# rows of claude-keys usage
sub rows {
    my (@args) = @_;
    my $got = $keys->command(undef, 'usage', $keys->files, '--json', @args);
    die "usage: $got->{err}" if $got->{status};
    return @{ json_decode($got->{out})->{data} };
}

# what one key has used, once so many requests are in the history
sub used {
    my ($name, $requests) = @_;
    my ($row) = wait_until(sub {
        my @rows = rows('--key', $keys->id($key{$name}), '--group', 'key');
        return @rows && $rows[0]{requests} >= $requests && $rows[0];
    }, "$requests requests of $name");
    return join ' ', map { "$_=" . ($row->{$_} // 'none') }
        qw(requests errors promptTokens cachedTokens completionTokens cost);
}

sub seed {
    my ($day, @lines) = @_;
    mkdir $usage;
    $t->own($usage, 0700);
    write_file("$usage/$day.jsonl", join '', map { "$_\n" } @lines);
    $t->own("$usage/$day.jsonl", 0600);
}

sub line {
    my ($name, $n) = @_;
    return sprintf '{"id":"%s","model":"claude-x","requests":%d,"errors":0,'
        . '"promptTokens":%d,"cachedTokens":0,"completionTokens":0,'
        . '"cost":%d}', $keys->id($key{$name}), $n, $n, $n;
}

# what is there before nginx starts

seed(day(-90), line('seeded', 1));
seed(day(-89), line('seeded', 1));
seed(day(0), line('seeded', 1000), line('damaged', 1), 'garbage');
$keys->set($key{seeded}, '--day-tokens', 1000);
$keys->set($key{damaged}, '--day-tokens', 2);
start();

is_error(ask('seeded', 'hi'), 429, 'insufficient_quota',
    'what was used before the start is counted');
is(ask('damaged', '[[used 1 0 0]]')->{status}, 200,
    'what can not be read is not');
is_error(ask('damaged', 'hi'), 429, 'insufficient_quota', 'all else is');
like($t->log, qr/1 lines of the usage history/, 'and it is said');
wait_until(sub { !-e "$usage/" . day(-90) . '.jsonl' }, 'the end of a day');
ok(-e "$usage/" . day(-89) . '.jsonl', 'ninety days are kept');

# calls of all kinds

is(ask('alice', '[[used 100 50 0.25]]')->{status}, 200, 'a call');
is(ask('alice', '[[used 10 5 0.000001 7 3]]',
    fields => { model => 'opus' })->{status}, 200, 'another model');
is(ask('alice', '[[refused]]')->{status}, 503, 'one that fails');
is($t->http('POST', '/fake/chat/completions', key => $key{alice},
    body => '{')->{status}, 400, 'one that is refused here');
is($t->http('GET', '/fake/models', key => $key{alice})->{status}, 200,
    'one that is no call of a model');
my $c = stream('bob', '[[used 100 50 0.5]]');
$c->events;
is(used('alice', 4), 'requests=4 errors=2 promptTokens=120 cachedTokens=7 '
    . 'completionTokens=55 cost=0.250001', 'all of it is counted');
is(used('bob', 1), 'requests=1 errors=0 promptTokens=100 cachedTokens=0 '
    . 'completionTokens=50 cost=0.5', 'a stream too');

my %by = map { ($_->{model} || 'none') => $_ } rows('--key',
    $keys->id($key{alice}), '--group', 'model');
is_deeply([map { "$_ $by{$_}{requests}" } sort keys %by],
    ['claude-opus-5-5 1', 'claude-sonnet-5-5 1', 'none 2'],
    'by the model that answered');
is_deeply([map { $_->{day} } rows('--key', $keys->id($key{alice}),
    '--group', 'day')], [day(0)], 'and by day');
is(sprintf('%o', (stat $usage)[2] & 07777), '700', 'for nobody else to see');
is(sprintf('%o', (stat "$usage/" . day(0) . '.jsonl')[2] & 07777), '600',
    'nor its files');

# a cost that is not told is reckoned from what was

is(ask('cached', '[[used 1000 0 0.02]]')->{status}, 200, 'a price to learn');
is(ask('cached', '[[unpriced 500 100]]')->{status}, 200, 'no cost');
is(used('cached', 2), 'requests=2 errors=0 promptTokens=1500 cachedTokens=0 '
    . 'completionTokens=100 cost=0.04', 'is taken from the price');
for my $odd (qw(-1 1e9 null 99999999999 1.23456789 {})) {
    is(ask('cached', "[[odd $odd]]")->{status}, 200, "a cost of $odd");
}

# answers that break: what was billed, once

$c = stream('cut', '[[cut]]');
$c->events;
is(used('cut', 1) =~ s/ cost.*//r, 'requests=1 errors=1 promptTokens=100 '
    . 'cachedTokens=0 completionTokens=100', 'a stream that is cut off');
is(ask('cut', '[[cut]]')->{status}, 502, 'a whole answer');
is(used('cut', 2) =~ s/ cost.*//r, 'requests=2 errors=2 promptTokens=200 '
    . 'cachedTokens=0 completionTokens=200', 'is billed as well');

$c = stream('gone', '[[midway]]');
$c->event for 1 .. 2;
$c->close;
is(used('gone', 1) =~ s/ cost.*//r, 'requests=1 errors=1 promptTokens=150 '
    . 'cachedTokens=50 completionTokens=100', 'a client that goes');
my ($row) = rows('--key', $keys->id($key{gone}), '--group', 'key');
cmp_ok($row->{cost}, '>', 0, 'costs something');

$c = stream('killed', '[[midway]]');
$c->event for 1 .. 2;
kill 'KILL', $t->workers;
is(used('killed', 1) =~ s/ completion.*//r, 'requests=1 errors=1 '
    . 'promptTokens=150 cachedTokens=50', 'a worker that is killed');
$c->close;

# a history that can not be written

rename $usage, "$usage.away";
write_file($usage, '');
is(ask('bob', '[[used 100 50 0.5]]')->{status}, 200, 'calls go on');
wait_until(sub { $t->log =~ /usage history in .* can't be opened/ },
    'a word about it');
unlink $usage;
rename "$usage.away", $usage;
is(used('bob', 2), 'requests=2 errors=0 promptTokens=200 cachedTokens=0 '
    . 'completionTokens=100 cost=1', 'and are written later, once');
wait_until(sub { $t->log =~ /is written again/ }, 'which is said too');

# over a stop, however long the interval is

$t->stop_nginx;
start(flush => '1h');
is(ask('exit', '[[used 1 2 0.25]]')->{status}, 200, 'a call');
$c = stream('term', '[[midway]]');
$c->event for 1 .. 2;
$t->stop_nginx('TERM');
$c->close;
is(used('exit', 1), 'requests=1 errors=0 promptTokens=1 cachedTokens=0 '
    . 'completionTokens=2 cost=0.25', 'is written when nginx ends');
is(used('term', 1) =~ s/ completion.*//r, 'requests=1 errors=1 '
    . 'promptTokens=150 cachedTokens=50', 'and one that ends with it');
start();
is(used('exit', 1), 'requests=1 errors=0 promptTokens=1 cachedTokens=0 '
    . 'completionTokens=2 cost=0.25', 'and not written again');

# the SDK itself

my $sdk = Claude::SDK->start($t, pool => 1);
my $r = ask('sdk', '[[stub text=one input=1000 output=100 cache-read=500]]',
    uri => '/v1/chat/completions');
is_chat($r, 'one', 'an answer of the SDK');
is($r->json->{usage}{prompt_tokens}, 1500, 'with its tokens');
my $counts = used('sdk', 1);
like($counts, qr/^requests=1 errors=0 promptTokens=1500 cachedTokens=500 /,
    'counted');
my ($cost) = $counts =~ / completionTokens=100 cost=(\S+)$/;
ok($cost && $cost > 0.0005 && $cost < 0.1,
    'and what the SDK says that they cost: ' . ($cost // 'none'));
$sdk->wait_parked;
$r = ask('sdk', '[[stub text=two input=2000 output=200 cache-read=1000]]',
    uri => '/v1/chat/completions');
is_chat($r, 'two', 'another, twice as large');
my ($both) = used('sdk', 2) =~ /cost=(\S+)$/;
cmp_ok(abs($both - 3 * $cost), '<', 0.00001, 'costs twice as much');

$t->allow(qr/usage history/, qr/the bridge refused a request/,
    qr/upstream broke a stream off/, qr/upstream prematurely closed/,
    qr/exited on signal 9/, qr/upstream sent/);
$t->finish;
