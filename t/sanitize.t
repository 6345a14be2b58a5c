#!/usr/bin/perl

# The suite's core with nginx and the module under AddressSanitizer and
# UndefinedBehaviorSanitizer. A defect that is planted is reported.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

my @core = qw(access fail_closed limit bad_input smuggling stream errors
    fake_bridge revoke http2 models auth_proxy variables reload
    client_gone);

plan skip_all => 'all tests run with sanitizers' if Claude::Test::sanitized();

my $build = 'build/sanitize';
my $made = run(['make', '-s', '-C', root(), "BUILD=$build",
    'EXTRA=-fsanitize=address,undefined -fno-omit-frame-pointer', 'all']);
is($made->{status}, 0, 'the module is built with sanitizers')
    or BAIL_OUT($made->{err});

$ENV{BUILD} = $build;
delete $ENV{CLAUDE_TEST_SANITIZE};

# a defect is reported, and makes a test file fail

my $t = Claude::Test->new;
ok($t->sanitized, 'the module that is tested is that one');
my $key = $t->add_key('alice');
my $plant = $t->dir . '/plant.so';
my $built = run(['cc', '-g', '-fsanitize=address', '-fPIC', '-shared', '-o',
    $plant, root() . '/t/lib/plant.c']);
is($built->{err}, '', 'a defect is built');
{
    local $ENV{CLAUDE_TEST_PRELOAD} = $plant;
    $t->start('server { listen %%ADDR%%; '
        . 'location /v1/ { claude_pass bridge; } }');
}
like(join(' ', map { read_file("/proc/$_/maps") } $t->workers),
    qr/libasan.*libubsan|libubsan.*libasan/s, 'the libraries are loaded');
$t->http('GET', '/v1/models', key => $key);
wait_until(sub { $t->unexpected }, 'a report');
like(join("\n", $t->unexpected), qr/AddressSanitizer: heap-buffer-overflow/,
    'a defect that is planted is reported');
$t->stop_all;

# the tests themselves

for my $name (@core) {
    my $got = run([$^X, "$FindBin::Bin/$name.t"]);
    is($got->{status}, 0, "$name.t") or diag $got->{err};
}

$t->allow(qr/./);
$t->finish;
