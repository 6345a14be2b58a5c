package NodeTap;

# Tests of Node's own runner as tests of Test::More.

use strict;
use warnings;

use Exporter qw(import);
use FindBin;
use Test::More;

our @EXPORT = qw(node_tests node_tests_in);

# node_tests(name, ...): runs t/clients/NAME.test.mjs, each test in it being
# one of ours; its environment is ours.  NODE names another node than PATH's.

sub node_tests { node_tests_in('clients', @_) }

# the same of t/WHERE/NAME.test.mjs

sub node_tests_in {
    my ($where, @names) = @_;
    my $dir = "$FindBin::Bin/$where";
    my @command = ($ENV{NODE} // 'node', '--test', '--test-reporter=tap',
        map { "$dir/$_.test.mjs" } @names);
    my ($count, $good) = (0, 1);

    -d "$dir/node_modules"
        or die "its modules are missing: npm ci --prefix t/$where\n";
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
