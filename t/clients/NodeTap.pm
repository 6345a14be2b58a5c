package NodeTap;

# Tests of Node's own runner as tests of Test::More.

use strict;
use warnings;

use Exporter qw(import);
use FindBin;
use Test::More;

our @EXPORT = qw(node_tests);

my $dir = "$FindBin::Bin/clients";

# node_tests(name, ...): runs t/clients/NAME.test.mjs, each test in it being
# one of ours; its environment is ours.  NODE names another node than PATH's.

sub node_tests {
    my @command = ($ENV{NODE} // 'node', '--test', '--test-reporter=tap',
        map { "$dir/$_.test.mjs" } @_);
    my ($count, $good) = (0, 1);

    -d "$dir/node_modules"
        or die "the clients are missing: npm ci --prefix t/clients\n";
    open my $tap, '-|', @command or die "$command[0]: $!\n";

    while (my $line = <$tap>) {
        if ($line =~ /^(not )?ok \d+ - (.*)/) {
            $count++;
            $good = !$1;
            ok($good, $2);

        } elsif (!$good && $line =~ /^ /) {
            diag($line);
        }
    }

    close $tap;
    is($?, 0, "$count tests of Node's");
}

1;
