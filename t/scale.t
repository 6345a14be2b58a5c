#!/usr/bin/perl

# A million keys in a zone of the documented size; what a look-up costs
# doesn't grow with them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

my $count = 1_000_000;

my $t = Claude::Test->new;
plan skip_all => 'a million keys are slow with sanitizers' if $t->sanitized;

# the documented size

my ($zone) = (read_file(root() . '/docs/directives.md') // '')
    =~ /\b(\d+) MB a million\b/;
ok($zone, 'docs/directives.md says how large a zone a million keys need');
$zone .= 'm';

my $counter = $t->dir . '/count_instructions';
my $built = run(['cc', '-O2', '-o', $counter,
    root() . '/t/lib/count_instructions.c']);
is($built->{err}, '', 'count_instructions is built');

# few keys, then all of them, in the same zone

my $own = $t->add_key('own');
my $store = $t->dir . '/keys/keys.jsonl';

sub fill {
    my ($n, $every) = @_;
    my $got = run([$t->build . '/fill_store', $t->dir . '/keys/master.key',
        $store, $n, $every]);
    is($got->{err}, '', "$n keys are in the log");
    return split /\n/, $got->{out};
}

my $config = 'server { listen %%ADDR%%; keepalive_requests 1000; '
    . 'location /v1/ { claude_pass bridge; } }';
$t->conf($config, workers => 1, zone => $zone);

# what a request costs the worker in instructions, on an average of the keys;
# the first one on a connection costs more
sub instructions {
    my (@keys) = @_;
    my ($pid) = $t->workers;
    my $sum = 0;

    for my $key (@keys) {
        my $got = run([$counter, $pid, $t->port,
            $t->request('GET', '/v1/models', key => $key), 2]);
        return undef if $got->{status} == 2;
        die "count_instructions: $got->{err}" if $got->{status};
        $sum += (split /\n/, $got->{out})[1];
    }

    return $sum / @keys;
}

sub statuses {
    my %seen;
    $seen{ $t->http('GET', '/v1/models', key => $_)->{status} }++ for @_;
    return \%seen;
}

my @few = fill(100, 10);
$t->start(undef);
is_deeply(statuses(@few, $own), { 200 => 11 }, 'few keys are known');
my $small = instructions(@few);
$t->stop_nginx;

my @all = fill($count - 101, int($count / 10));
$t->start(undef, patience => 300);
is_deeply(statuses(@few, @all, $own), { 200 => 21 },
    "$count keys are loaded in a zone of $zone");
is_deeply(statuses(map { s/.{6}$/aaaaaa/r } @all), { 401 => 10 },
    'others are not');
my $large = instructions(@all);

SKIP: {
    skip 'processes may not be traced here', 1 unless $small && $large;
    note(sprintf '%d instructions among 100 keys, %d among %d', $small,
        $large, $count);
    cmp_ok($large, '<', $small + 300,
        'a look-up costs the same');
}

# one more is too many, and said so; the others go on

my @more = fill(200_000, 200_000);
wait_until(sub { $t->log =~ /zone.*(?:full|fits?|keys)/ }, 'a word of it',
    120);
like($t->log, qr/\b[1-9]\d{2,}\b.*key/, 'a full zone says how many fit');
is_deeply(statuses(@few, @all, $own), { 200 => 21 },
    'and all that were there still hold');

$t->allow(qr/zone/, qr/last use of \d+ keys could not be written/);
$t->finish;
