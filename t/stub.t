#!/usr/bin/perl

# The stub of Anthropic's API.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/clients";
use Test::More;

use NodeTap;

node_tests(qw(stub stub-http));
done_testing();
