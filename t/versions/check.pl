#!/usr/bin/perl

# nginx out of any source tree, the module with it, and the black-box suite on
# both: make check-nginx NGINX_SRC=DIR [TESTS='t/a.t t/b.t'].  The tree itself
# stays as it is; what is built from a copy lies in BUILD/versions/VERSION.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use FindBin;
use POSIX ();

# what the tests use, and what else Debian builds in that needs no library of
# its own
use constant WITH => qw(compat debug threads http_ssl_module http_v2_module
    http_realip_module http_auth_request_module http_stub_status_module
    http_addition_module http_gunzip_module http_gzip_static_module
    http_sub_module http_secure_link_module);
# where Debian's looks for what a configuration doesn't name
use constant PATHS => ('prefix=/usr/share/nginx',
    'conf-path=/etc/nginx/nginx.conf', 'pid-path=/run/nginx.pid',
    'lock-path=/var/lock/nginx.lock', 'error-log-path=stderr',
    'http-log-path=/var/log/nginx/access.log',
    'http-client-body-temp-path=/var/lib/nginx/body',
    map { "http-$_-temp-path=/var/lib/nginx/$_" }
    qw(fastcgi proxy scgi uwsgi));

my ($source, @wanted) = @ARGV;
my $root = abs_path("$FindBin::Bin/../..");
my $cores = POSIX::sysconf(84) || 1;            # _SC_NPROCESSORS_ONLN

die "usage: make check-nginx NGINX_SRC=DIR\n" unless defined $source;
chdir $root or die "$root: $!\n";
$source = abs_path($source) // die "$source: $!\n";
my ($configure) = grep { -x "$source/$_" } qw(auto/configure configure);
die "$source is no source tree of nginx\n" unless $configure;
my ($version) = slurp("$source/src/core/nginx.h")
    =~ /define NGINX_VERSION\s+"([\w.]+)"/;

my $out = abs_path($ENV{BUILD} // 'build') . "/versions/$version";
my $copy = "$out/source";

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return <$file>;
}

# a command whose output is only of interest when it fails
sub quiet {
    my ($what, @command) = @_;
    print "  $what\n";
    open my $saved, '>&', \*STDOUT;
    my $log = "$out/build.log";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $log or die "$log: $!\n";
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!\n";
    }
    waitpid $pid, 0;
    return unless $?;
    print substr slurp($log), -4000;
    die "failed: $what\n";
}

sub in_copy {
    my ($what, @command) = @_;
    quiet($what, 'sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $copy,
        @command);
}

# a copy of the tree as it is now; one that is the same already stays, with
# what was built from it
sub copy {
    make_path($out);
    my @same = map { ['diff', '-rq', "$source/$_", "$copy/$_"] }
        qw(src auto conf);
    return if -d $copy && !grep { system "@$_ > /dev/null 2>&1" } @same;
    remove_tree($copy);
    quiet("COPY  $source", 'cp', '-a', $source, $copy);
    symlink 'auto/configure', "$copy/configure"
        unless -e "$copy/configure";
}

sub build {
    my @with = WITH;
    push @with, 'http_v3_module' if -d "$copy/src/http/v3";
    my @arguments = map { "--with-$_" } @with;
    print "  nginx $version: @arguments\n";
    push @arguments, map { "--$_" } PATHS;
    # what a configuration depends on; a new one builds all anew
    my $stamp = join "\n", @arguments, slurp('config'), slurp('config.make'),
        glob 'src/*/*.[ch] src/admin/*';
    if (!-e "$copy/objs/Makefile" || !-e "$out/stamp"
        || slurp("$out/stamp") ne $stamp)
    {
        in_copy('CONFIGURE', './configure', '--builddir=objs', @arguments,
            "--add-dynamic-module=$root");
        open my $file, '>', "$out/stamp" or die "$out/stamp: $!\n";
        print $file $stamp;
    }
    in_copy('MAKE', 'make', "-j$cores", '-f', 'objs/Makefile', 'build');
    quiet('COPY  ngx_http_claude_module.so', 'cp', '-f',
        "$copy/objs/ngx_http_claude_module.so", $out);
    # what the tests run beside nginx
    quiet('MAKE  claude-keys, fill_store', 'make', '-s', '--no-print-directory',
        "-j$cores", "BUILD=$out", "NGINX_SRC=$copy", "$out/claude-keys",
        "$out/fill_store", "$out/nginx/Makefile");
}

# the names of the suite's files; what is left out is told
sub suite {
    my %left_out = map { /^(\w+)\s+(\S.*)/ ? ($1, $2) : () }
        split /\n/, slurp("$FindBin::Bin/left_out");
    my @all = map { basename($_, '.t') } sort glob 't/*.t';
    my %there = map { $_ => 1 } @all;
    my @stale = grep { !$there{$_} } keys %left_out;
    die "left_out names what is not in t/: @stale\n" if @stale;
    print "  left out: t/$_.t: $left_out{$_}\n" for sort keys %left_out;
    return map { "t/$_.t" } grep { !$left_out{$_} } @all;
}

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
copy();
build();
my @tests = @wanted ? @wanted : suite();
$ENV{CLAUDE_TEST_NGINX} = "$copy/objs/nginx";
$ENV{BUILD} = $out;
$ENV{NGINX_SRC} = $copy;
exec 'prove', '--timer', @tests or die "prove: $!\n";
