package NodeTap;

# Passes the TAP of Node's test runner on to prove. Its YAML blocks are not
# what Perl's parser takes for YAML: those of failed tests become comments.

use strict;
use warnings;

use Exporter qw(import);
use FindBin;

our @EXPORT = qw(node_tap);

# node_tap(name, ...): runs t/clients/NAME.test.mjs and exits as Node does.
# NODE names another node than the one in PATH.

sub node_tap {
    my @files = map { "$FindBin::Bin/clients/$_.test.mjs" } @_;
    my @command = ($ENV{NODE} // 'node', '--test', '--test-reporter=tap');
    my $failed;

    -d "$FindBin::Bin/clients/node_modules"
        or die "the clients are missing: npm ci --prefix t/clients\n";

    open my $tap, '-|', @command, @files or die "$command[0]: $!\n";

    while (my $line = <$tap>) {
        if ($line =~ /^(not )?ok/) {
            $failed = defined $1;
            $line =~ s/^((?:not )?ok) \d+/$1/;
            print $line;

        } elsif ($line =~ /^1\.\.\d+|^Bail out|^# (?!Subtest)/) {
            print $line;

        } elsif ($failed && $line =~ /^ /) {
            print STDERR "#$line";
        }
    }

    close $tap;
    exit($? ? ($? >> 8 || 1) : 0);
}

1;
