#!/usr/bin/perl

# What documents say of other files holds: links lead somewhere, and each test
# that docs/SECURITY.md cites for a promise exists, and has the case.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Process qw(read_file run);
use Claude::Test;

my $root = root();

# files and cases that a text cites: `t/file.t`: "case", "case"
sub cited {
    my ($text) = @_;
    my @cited;
    while ($text =~ m{`(t/[\w./-]+)`((?::|,)?(?:\s*"[^"]+",?)*)}g) {
        my ($file, $cases) = ($1, $2);
        push @cited, [$file, $cases =~ /"([^"]+)"/g];
    }
    return @cited;
}

sub missing {
    my @missing;
    for (@_) {
        my ($file, @cases) = @$_;
        my $code = read_file("$root/$file");
        push @missing, "$file is not there" unless defined $code;
        push @missing, map { "$file has no \"$_\"" }
            grep { defined $code && index($code, $_) < 0 } @cases;
    }
    return @missing;
}

my @found = cited('of `t/docs.t`: "the first", "the second"; `t/none.t`');
is_deeply(\@found, [['t/docs.t', 'the first', 'the second'], ['t/none.t']],
    'what is cited is seen');
is(scalar(missing(@found, ['t/docs.t', 'no' . ' such case'])), 2,
    'so is what is missing');

my $security = read_file("$root/docs/SECURITY.md");
my @cited = cited($security);
cmp_ok(scalar @cited, '>', 40, 'docs/SECURITY.md cites tests');
is(join("\n", missing(@cited)), '', 'each of them is there');

# every promise has a test
my ($promised) = $security =~ /^## What is promised\n(.*?)^## /ms;
my @rows = grep { !/^\|(?:-|\s*promise)/ } $promised =~ /^(\|.*)$/mg;
is(join("\n", grep { !/`t\/[^`]+`[^|]*\|$/ } @rows), '',
    'no promise without a test');

# links

sub anchors {
    my ($file) = @_;
    return map { lc(s/[^\w\s-]//gr) =~ s/ /-/gr }
        (read_file($file) // '') =~ /^#+ +(.*)$/mg;
}

my @dead;
for my $file ("$root/README.md", glob "$root/docs/*.md") {
    my $text = read_file($file);
    my ($dir, $name) = $file =~ m{^(.*)/([^/]+)$};
    $text =~ s/^```.*?^```$//mgs;
    while ($text =~ /\]\(([^)\s]+)\)/g) {
        my ($path, $anchor) = split /#/, $1, 2;
        next if $path =~ /^\w+:/;
        my $to = length $path ? "$dir/$path" : $file;
        push @dead, "$name: $path" and next unless -e $to;
        push @dead, "$name: $path#$anchor" if defined $anchor
            && !grep { $_ eq $anchor } anchors($to);
    }
}
is(join("\n", @dead), '', 'no link of a document leads nowhere');

# what documents say claude-keys is called with, it takes

my $help = run([Claude::Test::build() . '/claude-keys', '--help'])->{out};
my %options = map { $_ => 1 } $help =~ /(--[a-z-]+)/g, '--expires-at';
my %commands = map { $_ => 1 } $help =~ /^  ([a-z]+)\b/mg;
my @unknown;
for my $file (glob "$root/docs/*.md") {
    my ($name) = $file =~ m{([^/]+)$};
    my $text = read_file($file) =~ s/\\\n\s*/ /gr;
    while ($text =~ /claude-keys ([a-z]+)\b([^`\n]*)/g) {
        my ($command, $rest) = ($1, $2);
        next unless $text =~ /\G/ && $rest =~ /^ --|^ [A-Z]{2}|^ key_|^$/;
        push @unknown, "$name: claude-keys $command"
            unless $commands{$command};
        push @unknown, map { "$name: $_" } grep { !$options{$_} }
            $rest =~ /(?<=\s)(--[a-z-]+)/g;
    }
}
is(join("\n", @unknown), '', 'every option of claude-keys is one');

done_testing();
