#!/usr/bin/perl

# Each message of the module's at level error and above, and each event of the
# bridge's log, is in the tables of docs/operations.md, and nothing else is.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Process qw(read_file);
use Claude::Test;

binmode $_, ':utf8' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $root = root();

# a format as it is written in the document: "…" for what is filled in
sub written {
    my ($format) = @_;
    $format =~ s/\\"/"/g;
    $format =~ s/%(?:\*s|u[Liz]|[Vsdiz])/…/g;
    return $format =~ s/…(?:…)+/…/gr;
}

# messages of a level in a text: of calls that log, and of those functions that
# are told what to say
my $string = qr/"(?:[^"\\]|\\.)*"/;
sub messages {
    my ($text) = @_;
    my @said;
    while ($text =~ /\b(ngx_log_error|ngx_conf_log_error
        |ngx_http_claude_log_at)\s*\(((?:$string|[^";])*?)\);/gx)
    {
        my ($function, $arguments) = ($1, $2);
        my ($level) = $arguments =~ /^\s*NGX_LOG_(\w+)/;
        $level = 'EMERG' if $function eq 'ngx_http_claude_log_at';
        next unless $level && $level =~ /^(?:EMERG|ALERT|CRIT|ERR)$/;

        # the format is the first string, and those that follow at once
        my ($format) = $arguments =~ /($string(?:\s*$string)*)/ or next;
        push @said, written(join '', $format =~ /"((?:[^"\\]|\\.)*)"/g);
    }
    return @said;
}

is_deeply([messages('ngx_log_error(NGX_LOG_CRIT, log, 0, "a \"%V\" %s; "'
    . "\n" . '"b", x, y ? "c" : "d");')], ['a "…" …; b'],
    'a message is seen');

my %said;
for my $file (glob "$root/ngx_http_claude_module.c $root/src/{http,state}/*.c")
{
    my ($name) = $file =~ m{([^/]+)$};
    utf8::decode(my $text = read_file($file));
    $said{$_} //= $name for messages($text);
}
cmp_ok(scalar keys %said, '>', 50, 'there are messages');

utf8::decode(my $text = read_file("$root/docs/operations.md"));
my ($part) = $text =~ /^## What the error log says\n(.*)/ms;
my ($modules) = $part =~ /(.*?)^### What the bridge's/ms;
my %told;
for my $row ($modules =~ /^\| (`.*?) \|/mg) {
    $told{$_} = 1 for $row =~ /`([^`]+)`/g;
}

is(join("\n", map { "$said{$_}: $_" } grep { !$told{$_} } sort keys %said), '',
    'each message is in docs/operations.md');
is(join("\n", grep { !$said{$_} } sort keys %told), '',
    'and each that is there is said');

# the bridge's

my ($bridge) = $part =~ /^### What the bridge's log says\n(.*)/ms;
my (%event, %row);
for my $file (glob "$root/src/sdk/*.mjs") {
    my $code = read_file($file);
    $event{$_} = 1 for $code =~ /log\.(?:info|warn|error)\('(\w+)'/g,
        map { /'(\w+)'/g } $code =~ /createLog\('error'\)\.error\(([^,]+),/g;
}
for ($bridge =~ /^\| (`.*?) \|/mg) { $row{$_} = 1 for /`(\w+)`/g }
is(join(' ', sort keys %row), join(' ', sort keys %event),
    'each event of the bridge\'s log is there');

done_testing();
