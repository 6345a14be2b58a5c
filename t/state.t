#!/usr/bin/perl

# Builds and runs the programs of t/state, which try shared memory and the
# store without nginx: src/state with nginx's own headers, and as much of its
# core as t/state/ngx_shim.c stands in for.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use TAP::Parser;
use Test::More;

my $root = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // 'build';
my $source = $ENV{NGINX_SRC} // '/usr/share/nginx/src';

chdir $root or die "$root: $!\n";

plan skip_all => "no $build/nginx: run make first"
    unless -f "$build/nginx/ngx_auto_config.h";

my @flags = (qw(-std=gnu11 -O2 -g -D_FORTIFY_SOURCE=2 -Wall -Wextra -Werror
        -Wno-unused-parameter),
    map { "-I$_" } abs_path("$build/nginx"), map { "$source/src/$_" }
        qw(core event event/modules os/unix));
push @flags, '-fsanitize=address,undefined', '-fno-omit-frame-pointer'
    if $build =~ m{/sanitize$};

my @cc = ($ENV{CC} // 'cc', @flags);
my @tests = map { abs_path($_) } sort glob 't/state/*_test.c';
my @shared = map { abs_path($_) } 't/state/ngx_shim.c',
    glob 'src/state/*.c src/core/*.c';
my $dir = tempdir('claude-state-XXXXXX', TMPDIR => 1, CLEANUP => 1);

plan tests => 1 + @tests;

chdir $dir or die "$dir: $!\n";
is(system(@cc, '-c', @shared), 0, 'the state builds without nginx');
my @objects = glob '*.o';

for my $test (@tests) {
    my ($name) = $test =~ m{([^/]+)\.c$};
    my $program = "$dir/$name";

    if (system @cc, '-o', $program, $test, @objects,
        qw(-lsodium -lyajl -lcrypt))
    {
        fail("$name builds");
        next;
    }

    my $tap = TAP::Parser->new({ exec => [$program] });
    my $n = 0;

    while (my $line = $tap->next) {
        $n++ if $line->is_test;
        note($line->comment) if $line->is_comment;
        diag("$name: " . $line->as_string)
            if $line->is_test && !$line->is_ok || $line->is_bailout;
    }

    ok($n && !$tap->has_problems && !$tap->exit && !$tap->wait,
        "$name: $n checks");
}

chdir '/';
