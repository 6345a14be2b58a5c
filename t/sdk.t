#!/usr/bin/perl

# The bridge's own tests.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/clients";
use Test::More;

use NodeTap;

my $place = '../../src/sdk/test';
node_tests(map { m{/([^/]+)\.test\.mjs$} ? "$place/$1" : () }
    glob "$FindBin::Bin/../src/sdk/test/*.test.mjs");
done_testing();
