#!/usr/bin/perl

# The bridge's own tests, run by Node's test runner.

use strict;
use warnings;

use FindBin;

chdir "$FindBin::Bin/../src/sdk" or die "src/sdk: $!\n";
exec 'node', '--test', '--test-reporter=tap', glob 'test/*.test.mjs';
