#!/usr/bin/perl

# GET api/usage: what keys have used, by day, model and key, as JSON and CSV,
# out of a history that is written beside the key log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $bridge = $t->bridge(
    priced => sub {
        my ($r, $cost) = @_;
        $r->start(cache_read_input_tokens => 5);
        $r->text('x');
        $r->event('claude_cost', { cost_usd => 0 + $cost });
        $r->finish('end_turn', output_tokens => 3);
    },
    fails => sub { $_[0]->error(529, 'overloaded_error') },
);
my $log = $t->dir . '/keys/keys.jsonl';
my $conf = 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t) . ' }';
$t->start($conf, keystore => "zone=keys:1m path=$log flush=1h");
my $admin = Claude::Admin->new($t);
my @key = map { $admin->create($_) } 'one', 'two';

sub usage {
    my ($query) = @_;
    my $r = $admin->call('GET', 'usage' . ($query ? "?$query" : ''));
    return $r->{status} == 200 ? $r->json : undef;
}

sub day { strftime '%Y-%m-%d', gmtime time - 86400 * $_[0] }

my $doc = usage();
is_deeply($doc->{data}, [], 'nothing was used yet');
is($doc->{to}, day(0), 'up to today');
is($doc->{from}, day(29), 'of thirty days');
is($doc->{group}, 'day', 'by day');

# what calls use

is($t->chat("[[priced 0.25]]", key => $key[0]{apiKey})->{status}, 200,
    'a call');
is($t->chat("[[priced 0.002]]", key => $key[0]{apiKey},
    fields => { model => 'opus' })->{status}, 200, 'of another model');
is($t->chat("[[priced 1.5]]", key => $key[1]{apiKey})->{status}, 200,
    'of another key');
is($t->chat('[[fails]]', key => $key[1]{apiKey})->{status}, 503,
    'one that fails');

my $today = day(0);
wait_until(sub {
    my $sum = usage("from=$today")->{data}[0] // return 0;
    return $sum->{requests} == 4;
}, 'the history');
my %one = (promptTokens => 16, cachedTokens => 5, completionTokens => 3);
sub calls_of {
    my ($n) = @_;
    return map { $_ => $n * $one{$_} } keys %one;
}
is_deeply(usage("from=$today&to=$today")->{data}, [{ day => $today,
    requests => 4, errors => 1, cost => 1.752, calls_of(3) }], 'by day');
is_deeply(usage("from=$today&group=key")->{data}, [
    sort { $a->{key} cmp $b->{key} }
    { key => $key[0]{id}, requests => 2, errors => 0, cost => 0.252,
        calls_of(2) },
    { key => $key[1]{id}, requests => 2, errors => 1, cost => 1.5,
        calls_of(1) },
], 'by key');
is_deeply([sort { $a->{model} cmp $b->{model} }
    @{ usage("from=$today&group=model")->{data} }], [
    { model => '', requests => 1, errors => 1, cost => 0, calls_of(0) },
    { model => 'claude-opus-5-5', requests => 1, errors => 0,
        cost => 0.002, calls_of(1) },
    { model => 'claude-sonnet-5-5', requests => 2, errors => 0, cost => 1.75,
        calls_of(2) },
], 'by model');
is_deeply(usage("from=$today&key=$key[1]{id}&group=day")->{data},
    [{ day => $today, requests => 2, errors => 1, cost => 1.5, calls_of(1) }],
    'of one key');
is(scalar @{ usage("from=$today&group=key,model,day")->{data} }, 4,
    'by all of them');
is(json_encode($admin->key($key[0]{id})->{usage}{month}),
    json_encode({ requests => 2, errors => 0, cost => 0.252, calls_of(2) }),
    'a key says the same');

# a history of other days

sub write_day {
    my ($ago, @lines) = @_;
    my $file = "$log.usage/" . day($ago) . '.jsonl';
    write_file($file, join '', map { json_encode($_) . "\n" } @lines);
    $t->own($file, 0600);
}
sub line {
    my ($id, $model, $n, $cost) = @_;
    return { id => $id, model => $model, requests => $n, errors => 0,
        promptTokens => 10 * $n, cachedTokens => $n,
        completionTokens => 2 * $n, cost => $cost };
}
my $gone = 'key_' . '0' x 20;
write_day(1, line($key[0]{id}, 'claude-a', 1, 1),
    line($key[0]{id}, 'claude-a', 2, 2_000_000), line($gone, 'claude-b', 5, 7));
write_day(40, line($key[1]{id}, 'claude-a', 1000, 123_456_789));

my $yesterday = day(1);
is_deeply(usage("from=$yesterday&to=$yesterday&group=model")->{data}, [
    { model => 'claude-a', requests => 3, errors => 0, promptTokens => 30,
        cachedTokens => 3, completionTokens => 6, cost => 2.000001 },
    { model => 'claude-b', requests => 5, errors => 0, promptTokens => 50,
        cachedTokens => 5, completionTokens => 10, cost => 0.000007 },
], 'yesterday');
is(scalar @{ usage("group=day")->{data} }, 2, 'days of a month');
is(scalar @{ usage('from=' . day(89))->{data} }, 3, 'and of ninety days');
is(usage("key=$gone&group=key")->{data}[0]{requests}, 5,
    'a key that is gone is still counted');

# CSV

my $r = $admin->call('GET',
    "usage?from=$yesterday&to=$yesterday&group=day,model,key&format=csv");
is($r->{status}, 200, 'CSV');
is($r->header('content-type'), 'text/csv; charset=utf-8', 'says so');
like($r->header('content-disposition'), qr/^attachment; filename="/,
    'and is a file');
is($r->header('cache-control'), 'no-store', 'that nobody keeps');
is($r->{body}, join("\r\n",
    'day,model,key,requests,errors,promptTokens,cachedTokens,'
        . 'completionTokens,cost',
    "$yesterday,claude-a,$key[0]{id},3,0,30,3,6,2.000001",
    "$yesterday,claude-b,$gone,5,0,50,5,10,0.000007", ''), 'line by line');
is($admin->call('GET', "usage?from=$yesterday&group=key&format=csv"
    . "&key=key_" . 'z' x 20)->{body}, 'key,requests,errors,promptTokens,'
    . "cachedTokens,completionTokens,cost\r\n", 'of nothing, its first line');

# what can't be asked

for my $case (
    ['from=x', 'from'], ['from=2027-02-30', 'from'], ['from=', 'from'],
    ["from=$today&to=$yesterday", 'from'], ['from=2020-01-01', 'from'],
    ['to=2027-1-1', 'to'], ['to=1969-12-31', 'to'], ['group=', 'group'],
    ['group=user', 'group'], ['group=day,day', 'group'],
    ['group=day,', 'group'], ['group=Day', 'group'], ['key=x', 'key'],
    ['key=', 'key'], ['format=xml', 'format'], ['format=', 'format'],
) {
    my ($query, $param) = @$case;
    is_error($admin->call('GET', "usage?$query"), 400, 'invalid_value',
        "no such value: $query", param => $param);
}

# over a restart, and with a damaged line

my $before = $admin->key($key[0]{id})->{usage};
$t->stop_nginx;
$t->start;
$admin = Claude::Admin->new($t);
is(json_encode($admin->key($key[0]{id})->{usage}{today}),
    json_encode($before->{today}), 'a restart forgets nothing');
write_day(2, line($key[0]{id}, 'claude-a', 1, 1));
open my $file, '>>', "$log.usage/" . day(2) . '.jsonl' or die "open: $!\n";
print $file "damage\n";
close $file;
is(usage('from=' . day(2) . '&to=' . day(2))->{data}[0]{requests}, 1,
    'a line that is damaged is left out');
like($t->log, qr/lines? of the usage in/, 'and said so');

$t->finish;
