#!/usr/bin/perl

# The order of the tree: who may include whom, what names and sizes files
# have, and what the module exports.  Each rule is first shown a breach.

use strict;
use warnings;

use File::Find qw(find);
use FindBin;
use Test::More;

use constant COLUMNS => 80;
use constant LINES => 700;

my $root = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // 'build';

chdir $root or die "$root: $!\n";

# from the top down; a file may include what stands as low or lower
my %rank = (module => 4, http => 3, state => 2, core => 1);
my %prefix = (http => 'ngx_http_claude', state => 'ngx_claude',
    core => 'claude', tools => 'claude');

# system headers that a room may use, where that is bounded
my %system = (
    core => qr{^(?!ngx_)},
    tools => qr{^(?!ngx_)},
    state => qr{^(?!ngx_(?:http|stream|mail))},
);

my @files;
find({ no_chdir => 1, wanted => sub {
    my $name = $File::Find::name =~ s{^\./}{}r;
    if ($name =~ m{(?:^|/)(?:\.git|\.run|build|node_modules)$}) {
        $File::Find::prune = 1;
    } elsif (-f && !-l) {
        push @files, $name;
    }
} }, '.');
@files = sort @files;

my @sources = grep { m{^(?:src/(?:core|state|http|tools)/)?[^/]+\.[ch]$} }
    @files;

sub content {
    my ($file) = @_;
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar(<$in>) // '';
}

sub room { $_[0] =~ m{^src/(\w+)/} ? $1 : 'module' }

# the path of what a file names relative to itself
sub resolve {
    my ($file, $name) = @_;
    my $path = $file =~ s{[^/]*$}{}r . $name;
    $path =~ s{(^|/)\./}{$1};
    1 while $path =~ s{[^/]+/\.\./}{};
    return $path;
}

# what is wrong with the includes of one file
sub bad_includes {
    my ($file, $text) = @_;
    my $room = room($file);
    my @bad;

    while ($text =~ /^\s*#\s*include\s+(["<])([^">]+)[">]/mg) {
        my ($kind, $name) = ($1, $2);

        if ($kind eq '<') {
            push @bad, "$file: <$name>"
                if $system{$room} && $name !~ $system{$room};
            next;
        }

        my $path = resolve($file, $name);
        my $there = room($path);
        my $allowed = $room eq 'tools' ? $there eq 'core' || $there eq 'tools'
            : $path !~ m{/} || !$rank{$there} ? 0
            : $rank{$there} <= $rank{$room};
        push @bad, "$file: \"$name\"" unless $allowed;
    }

    return @bad;
}

sub bad_imports {
    my ($file, $text) = @_;
    my ($home) = $file =~ m{^(src/\w+)/};
    my @bad;

    while ($text =~ /(?:from|import)\s*\(?\s*'(\.[^']*)'/g) {
        my $name = $1;
        my $path = resolve($file, $name);
        push @bad, "$file: $name" unless index($path, "$home/") == 0;
    }

    return @bad;
}

sub bad_name {
    my ($file) = @_;
    my $prefix = $prefix{ room($file) } // 'ngx_http_claude';
    return $file =~ m{(?:^|/)\Q$prefix\E[_.][^/]+$} ? () : $file;
}

sub bad_size {
    my ($file, $text) = @_;
    my @lines = split /\n/, $text;
    my @bad;

    push @bad, "$file: " . @lines . ' lines' if @lines > LINES;

    for my $i (0 .. $#lines) {
        my $line = $lines[$i];
        1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
        push @bad, "$file:" . ($i + 1) if length $line > COLUMNS;
    }

    return @bad;
}

# nginx itself looks for the first three
sub bad_symbols {
    return grep { !/^ngx_(?:modules|module_names|module_order)$/
        && !/^(?:ngx_http_claude|ngx_claude|claude)_/ } @_;
}

sub count { scalar @_ }

sub is_kept {
    my ($what, @bad) = @_;
    is(join("\n", @bad), '', $what);
}

is(count(bad_includes('src/core/claude_a.c',
    qq(#include "../state/ngx_claude_b.h"\n# include <ngx_core.h>\n))), 2,
    'an include that points upwards is seen');
is(count(bad_includes('src/state/ngx_claude_a.h', "#include <ngx_http.h>\n"
    . qq(#include "../../ngx_http_claude_module.h"\n))), 2,
    'so is one of nginx\'s HTTP in the state');
is(count(bad_includes('src/tools/claude_a.c',
    qq(#include "../http/ngx_http_claude.h"\n))), 1, 'and one of the tools');
is(count(bad_includes('src/http/ngx_http_claude_a.c',
    qq(#include "../core/claude_b.h"\n#include <ngx_http.h>\n))), 0,
    'one that points downwards is none');

cmp_ok(scalar @sources, '>', 20, 'there are sources to look at');
is_kept('includes point downwards only',
    map { bad_includes($_, content($_)) } @sources);

is(count(bad_imports('src/sdk/a.mjs', "import { b } from '../tools/b.mjs';")),
    1, 'an import from another room is seen');
is_kept('the bridge, the tools and the page import nothing of each other',
    map { bad_imports($_, content($_)) }
    grep { m{^src/(?:sdk|tools|admin)/(?!test/).*\.m?js$} } @files);

is(count(bad_name('src/state/claude_a.c')), 1, 'a wrong prefix is seen');
is_kept('file names carry their room\'s prefix',
    map { bad_name($_) } grep { !m{/claude-} } @sources);

my %count;
$count{$_}++ for map { m{([^/]+)\.c$} ? $1 : () } @sources;
is_kept('and are unique: object files are named after them',
    grep { $count{$_} > 1 } sort keys %count);

is(count(bad_size('a', "\t" . 'x' x 73)), 1, 'a line of 81 columns is seen');
is(count(bad_size('a', "x\n" x 701)), 1, 'so is a file of 701 lines');
is_kept('no code has lines over 80 columns, no file over 700 lines',
    map { bad_size($_, content($_)) }
    grep { m{\.(?:[ch]|mjs|js|t|pm|pl|sh|conf)$|(?:^|/)(?:config|Makefile)$}
        && !m{(?:^|/)corpus/} } @files);

# the version, once
my ($version) = content('src/core/claude_core.h')
    =~ /^#define CLAUDE_VERSION +"(\d+\.\d+\.\d+)"$/m;
my @versions = map { content("src/sdk/$_") =~ /^ +"version": "(.*)",$/m }
    qw(package.json package-lock.json);
is("@versions", "$version $version", 'the bridge has the module\'s version');
is_kept('nothing else says it', grep {
    !m{^src/(?:core/claude_core\.h|sdk/)}
        && content($_) =~ /_VERSION +"\d/ } @sources);

SKIP: {
    my $module = "$build/ngx_http_claude_module.so";
    BAIL_OUT("no $module: run make") unless -e $module;
    my @symbols = map { /(\S+)$/ } qx(nm -D --defined-only '$module');
    skip 'a sanitizer exports symbols of its own', 2
        if grep { /^__[au]san_/ } qx(nm -D '$module');

    is(count(bad_symbols('ngx_http_claude_module', 'sha256_update')), 1,
        'a symbol without prefix is seen');
    is_kept('every exported symbol carries the prefix',
        bad_symbols(@symbols));
}

done_testing();
