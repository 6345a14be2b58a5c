#!/usr/bin/perl

# Builds and runs the unit programs of t/unit, which print TAP themselves.

use warnings;
use strict;

use FindBin;
use TAP::Parser;
use Test::More;

my $root = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // 'build';

chdir $root or die "$root: $!";

my @names = map { m{([^/]+)\.c$} } sort glob 't/unit/*_test.c';

plan tests => scalar @names;

for my $name (@names) {
	my $program = "$build/unit/$name";

	SKIP: {
		if (system('make', '-s', '--no-print-directory', "BUILD=$build",
			$program))
		{
			fail("$name builds");
			last SKIP;
		}

		my $tap = TAP::Parser->new({ exec => [$program] });
		my $n = 0;

		while (my $line = $tap->next()) {
			$n++ if $line->is_test;

			if ($line->is_test && !$line->is_ok || $line->is_bailout) {
				diag("$name: " . $line->as_string);

			} elsif ($line->is_comment) {
				note("$name: " . $line->as_string);
			}
		}

		ok($n && !$tap->has_problems && !$tap->exit && !$tap->wait,
			"$name: $n checks");
	}
}
