#!/usr/bin/perl

# Builds the fuzz targets with sanitizers and replays their corpora: what
# fuzzing has found stays mended.  "make fuzz" looks for more.

use strict;
use warnings;

use FindBin;
use Test::More;

my $root = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // 'build';
my @make = ('make', '-s', '--no-print-directory', "BUILD=$build");

chdir $root or die "$root: $!\n";

my @names = grep { $_ ne 'replay' } map { m{([^/]+)\.c$} }
    sort glob 't/fuzz/*.c';

plan tests => scalar @names;
system @make, '-k', 'replays';

for my $name (@names) {
    my $program = "$build/replay/$name";
    my $corpus = 't/fuzz/corpus/' . $name =~ s/^fuzz_|_fuzz$//r;

    if (system "@make $program > /dev/null 2>&1") {
        fail("$name builds");
        next;
    }

    my $out = qx($program $corpus);
    ok(!$? && $out =~ /^ok 1 - ([1-9]\d*) inputs$/m,
        "$name: " . ($1 // 'no') . ' inputs');
}
