#!/usr/bin/perl

# What a request costs in instructions may not grow unnoticed.
#
# callgrind counts them for one fixed request and answer.  Libraries that choose
# their code by the processor, libc and libsodium, are left out: what remains,
# nginx, the module and yajl, is the same on each machine with these packages
# and this compiler.  t/instructions.figures has what was counted last; where
# more is meant to be spent, or less is, what this test prints goes there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Instructions;
use Claude::Test;

use constant GROWTH => 1.05;

my %figure = map { /^(\w+) ([\d.]+)$/ ? ($1 => $2) : () }
    split /\n/, read_file("$FindBin::Bin/instructions.figures");

my $t = Claude::Test->new;
plan skip_all => 'sanitizers have instructions of their own' if $t->sanitized;

my %made = (gcc => run(['gcc', '-dumpversion'])->{out},
    nginx => run(['nginx', '-v'])->{err} =~ s{.*nginx/}{}sr);
for my $program (sort keys %made) {
    my ($version) = $made{$program} =~ /^([\d.]+)/;
    plan skip_all => "the figures are of $program $figure{$program}, this is "
        . $version if $version ne $figure{$program};
}

my $key = $t->add_key('alice');
my $rig = Claude::Instructions->new($t, n => 40);

for (['streamed', 1], ['whole', 0]) {
    my ($name, $stream) = @$_;
    my $cost = Claude::Instructions::steady($rig->measure(
        Claude::Instructions::chat($t, $key, '/v1/chat/completions', $stream),
        Claude::Instructions::answer(16), $stream));

    note("$name $cost");
    cmp_ok($cost, '<=', GROWTH * $figure{$name},
        "a $name answer costs no more than $figure{$name} by a twentieth");
    cmp_ok($cost, '>=', $figure{$name} / GROWTH,
        'nor so much less that growth would hide in it');
}

$t->finish;
