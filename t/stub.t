#!/usr/bin/perl

# The stub of Anthropic's API.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/clients";

use NodeTap;

node_tap(qw(stub stub-http));
