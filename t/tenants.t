#!/usr/bin/perl

# Tenants side by side: every call of the API bears its own key's credential
# and its own text, and every answer goes where it was asked for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;

use Claude::Checks;
use Claude::SDK;
use Claude::Test;

my $rounds = 4;
my @names = qw(alice bob carol);

my $t = Claude::Test->new;
my %key = map { $_ => $t->add_key($_) } @names;
my $sdk = Claude::SDK->start($t, pool => 3);
$t->start(<<'EOC');
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

my %wanted;
for my $round (1 .. $rounds) {
    my %open;

    for my $name (@names) {
        my $canary = "canary-$name-$round-" . int rand 1e9;
        my $token = $t->keys->token($key{$name});
        my @history = ({ role => 'system', content => "system $canary" },
            { role => 'user', content => "earlier $canary" },
            { role => 'assistant', content => "answer $canary" });
        $wanted{$canary} = $token;

        my $c = $t->connect(patience => 60);
        $c->send($t->request('POST', '/v1/chat/completions',
            key => $key{$name}, body => { model => 'sonnet',
            stream => $round % 2 ? JSON::PP::true : JSON::PP::false,
            messages => [@history, { role => 'user', content =>
            "last $canary [[stub text=\"reply $canary\" deltas=5 delay=30]]"
            }] }));
        $open{$name} = [$c, $canary];
    }

    for my $name (@names) {
        my ($c, $canary) = @{ $open{$name} };
        my $r = $c->response;
        like($r->{body}, qr/$canary/, "$name, round $round: its own answer")
            if $round % 2 == 0;
        my @foreign = grep { $_ ne $canary }
            $r->{body} =~ /(canary-\w+-\d+-\d+)/g;
        is_deeply(\@foreign, [], "$name, round $round: nobody else's");
        if ($round % 2) {
            my $text = join '', map { my $event = /^\{/
                ? json_decode($_) : {}; $event->{choices}[0]{delta}{content}
                // '' } $r->{body} =~ /^data: (.*)$/mg;
            is($text, "reply $canary", "$name, round $round: a stream");
        }
        $c->close;
    }
}

my %seen;
for my $call ($sdk->requests) {
    my $body = $call->{body};
    my %canaries = map { $_ => 1 } $body =~ /(canary-[a-z]+-\d+-\d+)/g;
    my ($canary, @more) = keys %canaries;
    is_deeply(\@more, [], "call $call->{n} has one tenant's text");
    is($call->{headers}{authorization}, "Bearer $wanted{$canary}",
        'and its credential');
    $seen{$canary}++;
}
is_deeply(\%seen, { map { $_ => 1 } keys %wanted },
    'each request became exactly one call');

$t->finish;
