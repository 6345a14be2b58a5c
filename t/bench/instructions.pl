#!/usr/bin/perl

# What a request costs nginx in instructions, by callgrind, beside plain
# proxy_pass of the same bytes, and the functions where the module's more goes.
#
#   instructions.pl [N]     as a table, N functions of each (40)
#   instructions.pl json    as JSON

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP ();

use Claude::Instructions;
use Claude::Test;

use constant DELTAS => 16;

# what the key check, limits and counters are, inclusively
use constant CHECKS => qw(ngx_http_claude_lookup ngx_claude_limit_request
    ngx_http_claude_quota_begin ngx_http_claude_quota_body
    ngx_http_claude_quota_note ngx_http_claude_quota_end);

my $show = $ARGV[0] // 40;
my $t = Claude::Test->new;
my $key = $t->add_key('bench');
my $rig = Claude::Instructions->new($t);
my %cost;

# apart: deltas that come one by one; burst: all at once
for my $burst (0, 1) {
    for (['plain', '/plain', 1], ['streamed', '/v1/chat/completions', 1],
        ['whole', '/v1/chat/completions', 0])
    {
        my ($name, $uri, $stream) = @$_;
        $cost{ $name . ($burst ? ' burst' : ' apart') } = $rig->measure(
            Claude::Instructions::chat($t, $key, $uri, $stream),
            Claude::Instructions::answer(DELTAS, $burst),
            $stream && !$burst);
    }
}
$t->stop_all;

my $checks = 0;
$checks += $cost{'streamed apart'}{inclusive}{$_} // 0 for CHECKS;

if ($show eq 'json') {
    print JSON::PP->new->canonical->encode({ checks => $checks,
        map { $_ => $cost{$_}{total} } keys %cost }), "\n";
    exit;
}

printf "%-16s %8s  %s\n", '', 'instr.', 'plain / it; by object';
for my $how ('apart', 'burst') {
    for my $name ('plain', 'streamed', 'whole') {
        my $one = $cost{"$name $how"};
        my $object = $one->{object};
        printf "%-16s %8.0f  %.2f  %s\n", "$name, $how", $one->{total},
            $cost{"plain $how"}{total} / $one->{total},
            join ', ', map { sprintf '%s %.0f', $_, $object->{$_} }
            grep { $object->{$_} >= 50 }
            sort { $object->{$b} <=> $object->{$a} } keys %$object;
    }
}
printf "key check, limits, counters: %.0f, %.1f%% of plain, apart\n",
    $checks, 100 * $checks / $cost{'plain apart'}{total};

for my $name ('streamed', 'whole') {
    my ($one, $plain) = @cost{"$name apart", 'plain apart'};
    my %more = map { $_ => ($one->{self}{$_} // 0) - ($plain->{self}{$_} // 0)
        } keys %{ $one->{self} };
    print "\nmore than plain, $name: instructions, calls, function\n";
    my @most = sort { $more{$b} <=> $more{$a} } keys %more;
    printf "%8.0f %7.1f  %s %s\n", $more{$_}, $one->{calls}{$_} // 0,
        $one->{where}{$_} =~ s/\.so.*//r, $_ for @most[0 .. $show - 1];
}
