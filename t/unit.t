#!/usr/bin/perl

# Builds and runs the unit programs of t/unit (the core) and t/state (shared
# memory, without nginx), which print TAP themselves.

use strict;
use warnings;

use FindBin;
use TAP::Parser;
use Test::More;

my $root = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // 'build';
my @make = ('make', '-s', '--no-print-directory', "BUILD=$build");

chdir $root or die "$root: $!\n";

my @names = map { m{^t/(.+)\.c$} } sort glob 't/{unit,state}/*_test.c';

plan tests => scalar @names;
system @make, '-k', 'units';

for my $name (@names) {
    my $program = "$build/$name";

    if (system "@make $program > /dev/null 2>&1") {
        fail("$name builds");
        next;
    }

    my $tap = TAP::Parser->new({ exec => [$program] });
    my $n = 0;

    while (my $line = $tap->next) {
        $n++ if $line->is_test;
        diag("$name: " . $line->as_string)
            if $line->is_test && !$line->is_ok || $line->is_bailout;
    }

    ok($n && !$tap->has_problems && !$tap->exit && !$tap->wait,
        "$name: $n checks");
}
