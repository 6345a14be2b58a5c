#!/usr/bin/perl

# What nginx -t refuses: with the file, the line and the reason. It warns of
# what is unwise, and never writes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $dir = $t->dir;
my $good = 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }';

# nginx -t refuses it for this reason; "# here" marks the line to be named
sub refused {
    my ($name, $http, $reason, %opt) = @_;
    my $got = $t->check($http, %opt);
    my $conf = read_file("$dir/nginx.conf");
    my $line = $conf =~ /^(.*?)# here/s ? 1 + ($1 =~ tr/\n//) : undef;
    my @problems;

    push @problems, 'it was accepted' unless $got->{status};
    push @problems, "no such reason in: $got->{err}"
        unless $got->{err} =~ $reason;
    push @problems, "line $line is not named in: $got->{err}"
        if $line && $got->{err} !~ m{nginx\.conf:$line\b};
    is(join('; ', @problems), '', $name);
}

# it takes it, and warns for this reason if one is given
sub accepted {
    my ($name, $http, $reason, %opt) = @_;
    my $got = $t->check($http, %opt);
    my @problems;
    push @problems, "refused: $got->{err}" if $got->{status};
    push @problems, "no such warning in: $got->{err}"
        if $reason && $got->{err} !~ /\[warn\].*$reason/;
    push @problems, "a warning: $got->{err}"
        if !$reason && $got->{err} =~ /\[warn\]/;
    is(join('; ', @problems), '', $name);
}

sub in_http { "@_ # here\n$good" }
sub in_location {
    "server { listen %%ADDR%%;\nlocation /v1/ {\nclaude_pass bridge;\n"
        . "@_ # here\n} }";
}
sub beside_pass {
    "server { listen %%ADDR%%;\nlocation /v1/ {\nclaude_pass bridge; # here\n"
        . "@_\n} }";
}

accepted('the usual configuration', $good);

# the master key

my $master = "$dir/keys/master.key";
my $text = read_file($master);
my %own = (keystore => 0);

sub master_key {
    my ($name, $path, $reason) = @_;
    refused("master key: $name", in_http("claude_master_key $path;"),
        $reason, %own);
}

sub write_key {
    my ($file, $content, $mode) = @_;
    write_file("$dir/$file", $content, $mode // 0600);
    return "$dir/$file";
}

master_key('missing', "$dir/no.key", qr/no\.key.*No such file/s);
master_key('empty', write_key('k1', ''), qr/k1/);
master_key('short', write_key('k2', substr($text, 0, 20) . "\n"), qr/k2/);
master_key('no base64', write_key('k3', "!\n" . '*' x 44 . "\n"), qr/k3/);
master_key('readable by the group', write_key('k4', $text, 0640),
    qr/k4.*group or others/s);
master_key('readable by all', write_key('k5', $text, 0604),
    qr/k5.*group or others/s);
symlink $master, "$dir/k6";
master_key('a symlink', "$dir/k6", qr/k6.*symlink|symbolic link/s);
master_key('a directory', "$dir/keys", qr/keys/);
if ($> == 0) {
    write_key('k7', $text);
    chown 12345, -1, "$dir/k7";
    master_key("somebody else's", "$dir/k7", qr/k7.*belongs to another/s);
}
run([Claude::Test::build() . '/claude-keys', 'init', '--master-key',
    "$dir/new.key"]);
my $two = write_key('two', read_file("$dir/new.key") . $text);
accepted('a new master key before the old one', "claude_master_key $two;\n"
    . "claude_keystore zone=keys:1m path=$dir/keys/keys.jsonl;\n$good",
    undef, %own);
refused('the same directive twice', in_http(
    "claude_master_key $master;\nclaude_master_key $master;"),
    qr/duplicate/, %own);

# the keystore

my $store = "$dir/keys/keys.jsonl";
my $lines = read_file($store);

sub keystore {
    my ($name, $params, $reason) = @_;
    refused("keystore: $name", "claude_master_key $master;\n"
        . in_http("claude_keystore $params;"), $reason, %own);
}

keystore('no zone', "path=$store", qr/zone=|arguments/);
keystore('no path', 'zone=keys:1m', qr/path=|arguments/);
keystore('no size', "zone=keys path=$store", qr/zone/);
keystore('a size of zero', "zone=keys:0 path=$store", qr/zone/);
keystore('too small a zone', "zone=keys:4k path=$store", qr/too small/);
keystore('an unknown parameter', "zone=keys:1m path=$store evil=1",
    qr/invalid parameter "evil=1"/);
keystore('flush=0', "zone=keys:1m path=$store flush=0", qr/flush/);
keystore('flush=x', "zone=keys:1m path=$store flush=x", qr/flush/);
refused('a keystore without master key', in_http(
    "claude_keystore zone=keys:1m path=$store;"), qr/claude_master_key/,
    %own);

# the log: each variant in a directory of its own

my $n = 0;
sub store_at {
    my ($content, %opt) = @_;
    my $place = "$dir/s" . ++$n;
    mkdir $place;
    if (defined $content) {
        write_file("$place/keys.jsonl", $content);
        $t->own("$place/keys.jsonl", $opt{mode} // 0600);
    }
    $t->own($place, $opt{dir_mode} // 0700) unless $opt{foreign_dir};
    return "$place/keys.jsonl";
}

sub log_refused {
    my ($name, $path, $reason) = @_;
    my $before = read_file($path);
    refused("log: $name", $good, $reason, keystore =>
        "zone=keys:1m path=$path");
    is(read_file($path), $before, "log: $name: nothing is changed");
}

my ($header, $put) = split /\n/, $lines;
my $other = $put =~ s/("id":"key_)(.)/$1 . ($2 eq 'a' ? 'b' : 'a')/er;

log_refused('damaged in line 2', store_at("$header\n{\"op\":\n$put\n"),
    qr/keys\.jsonl.*\b2\b/s);
log_refused('a flipped byte', store_at("$header\n"
    . ($put =~ s/"digest":"./"digest":"X/r) . "\n"),
    qr/keys\.jsonl.*\b2\b/s);
log_refused('a damaged header', store_at("nonsense\n$put\n"),
    qr/keys\.jsonl.*\b1\b/s);
log_refused('empty', store_at(''), qr/keys\.jsonl/);
log_refused('of a newer version', store_at(
    ($header =~ s/"version":1/"version":99/r) . "\n$put\n"),
    qr/keys\.jsonl.*version/s);
log_refused('two ids with one digest', store_at("$header\n$put\n$other\n"),
    qr/keys\.jsonl.*\b3\b/s);
log_refused('a token of another record', store_at("$header\n$put\n"
    . ($other =~ s/"digest":"(.)/'"digest":"' . ($1 eq '0' ? '1' : '0')/er)
    . "\n"), qr/keys\.jsonl.*(?:token|open)/s);
log_refused('an unknown change', store_at("$header\n{\"op\":\"fly\"}\n"),
    qr/keys\.jsonl.*\b2\b/s);
log_refused('readable by all', store_at($lines, mode => 0644),
    qr/keys\.jsonl.*(?:group or others|mode|access)/s);
my $linked = store_at(undef);
symlink $store, $linked;
log_refused('a symlink', $linked, qr/keys\.jsonl/);
log_refused('in a directory that all may write', store_at($lines,
    dir_mode => 0777), qr/writable|directory/);
if ($> == 0) {
    my $foreign = store_at($lines);
    chown 12345, -1, $foreign;
    log_refused("somebody else's", $foreign, qr/belongs to another/);
    my $place = store_at(undef, foreign_dir => 1);
    chmod 0755, $place =~ s{/[^/]*$}{}r;
    refused('log: in a directory that workers may not write', $good,
        qr/writ|permission|directory/i,
        keystore => "zone=keys:1m path=$place");
}
refused('log: in no directory', $good, qr/No such file/,
    keystore => "zone=keys:1m path=$dir/nowhere/keys.jsonl");

my $wrong = Claude::Keys->new($t, "$dir/wrong");
$wrong->init;
refused('log: the wrong master key',
    "claude_master_key $dir/wrong/master.key;\n"
    . "claude_keystore zone=keys:1m path=$store; # here\n$good",
    qr/keys\.jsonl.*any key of "claude_master_key"/, %own);
log_refused('more keys than the zone holds', store_at(join "\n", $header,
    (map { my $d = sprintf '%064x', $_; my $id = sprintf '%05d', $_;
    $put =~ s/("id":"key_)\w{5}/$1$id/r =~ s/("digest":")\w+/$1$d/r }
    1 .. 20_000), ''), qr/keys\.jsonl|zone/);

# a missing log is made at the start, a torn line is cut there: not by -t

my $missing = store_at(undef);
accepted('a missing log', $good, undef,
    keystore => "zone=keys:1m path=$missing");
ok(!-e $missing, 'is not made by nginx -t');
my $torn = store_at($lines . '{"op":"delete","id":"key');
$t->check($good, keystore => "zone=keys:1m path=$torn");
is(read_file($torn), $lines . '{"op":"delete","id":"key',
    'a torn last line is not cut by it');

# limits

my $zone = 'claude_limit_zone $binary_remote_addr';
for my $case (
    ['rate=0r/m', qr/rate/], ['rate=10', qr/rate/], ['rate=r/s', qr/rate/],
    ['rate=-1r/s', qr/rate/], ['rate=10r/h', qr/rate/],
    ['rate=99999999999999999999r/s', qr/rate/],
    ['rate=1r/s ipv6_prefix=0', qr/ipv6_prefix/],
    ['rate=1r/s ipv6_prefix=129', qr/ipv6_prefix/],
    ['rate=1r/s ipv6_prefix=x', qr/ipv6_prefix/],
    ['rate=1r/s evil=1', qr/invalid parameter/], ['', qr/rate=|arguments/])
{
    refused("claude_limit_zone $case->[0]",
        in_http("$zone zone=a:1m $case->[0];"), $case->[1]);
}
refused('a limit zone without name', in_http("$zone rate=1r/s;"),
    qr/zone=|arguments/);
refused('a limit zone that is too small',
    in_http("$zone zone=a:1k rate=1r/s;"), qr/too small/);
refused('a limit zone twice', in_http("$zone zone=a:1m rate=1r/s;\n"
    . "$zone zone=a:2m rate=1r/s;"), qr/already|conflict|duplicate/);
refused('a zone of two modules',
    in_http("limit_req_zone \$uri zone=a:1m rate=1r/s;\n"
    . "$zone zone=a:1m rate=1r/s;"), qr/already|conflict|bound/);
refused('claude_limit with no such zone',
    in_location('claude_limit zone=nothing;'), qr/claude_limit/);
refused('claude_limit without zone', in_location('claude_limit burst=3;'),
    qr/zone=/);
refused("claude_limit $_", "$zone zone=a:1m rate=1r/s;\n"
    . in_location("claude_limit zone=a $_;"), qr/burst/)
    for qw(burst=0 burst=-1 burst=x burst=99999999999999999999);
refused('claude_limit with the keystore\'s zone',
    in_location('claude_limit zone=keys;'), qr/claude_limit/);

# claude_pass and its neighbours

refused('claude_pass without keystore', "server { listen %%ADDR%%;\n"
    . "location /v1/ { claude_pass bridge; # here\n} }",
    qr/claude_keystore/, %own);
refused('claude_auth without keystore', "server { listen %%ADDR%%;\n"
    . "location /v1/ { claude_auth on; # here\n} }", qr/claude_keystore/,
    %own);
refused('claude_pass with claude_auth off',
    beside_pass('claude_auth off;'), qr/claude_auth/);
refused("claude_pass and $_", beside_pass($_), qr/content handler/)
    for 'proxy_pass http://bridge;', 'stub_status;';
refused('claude_pass twice', in_location('claude_pass bridge;'),
    qr/duplicate/);
refused('claude_pass in a regex location', "server { listen %%ADDR%%;\n"
    . "location ~ ^/v1/ {\nclaude_pass bridge; # here\n} }",
    qr/prefix or exact/);
refused('claude_pass in a named location', "server { listen %%ADDR%%;\n"
    . "location \@v1 {\nclaude_pass bridge; # here\n} }",
    qr/prefix or exact/);
refused('claude_pass in a server', "server { listen %%ADDR%%;\n"
    . "claude_pass bridge; # here\n}", qr/not allowed here/);
refused('a bridge on another host', "server { listen %%ADDR%%;\n"
    . "location /v1/ { claude_pass 192.0.2.1:80; # here\n} }",
    qr/not on this host/);
refused('a server on another host in the upstream',
    "upstream bridge { server unix:$dir/x; server 192.0.2.1; }\n"
    . "server { listen %%ADDR%%;\n"
    . "location /v1/ { claude_pass bridge; # here\n} }",
    qr/not on this host/);
accepted('a bridge on loopback', "server { listen %%ADDR%%; "
    . 'location /v1/ { claude_pass 127.0.0.1:9; } }');

# models, origins, times, sizes, thread pools

refused("claude_model $_", in_location("claude_model $_;"), qr/model/)
    for '"a b" sonnet', 'a "so net"', '"" sonnet', "'a\"' sonnet",
    'x' x 200 . ' sonnet';
refused('claude_model with one name', in_location('claude_model a;'),
    qr/arguments/);
refused('an alias twice',
    in_location('claude_model a sonnet; claude_model a opus;'), qr/twice/);
refused('claude_models on', in_location('claude_models on;'), qr/on/);
refused("claude_cors $_", in_location("claude_cors $_;"), qr/origin/)
    for 'https://a.test/', 'a.test', 'https://', 'ftp://a.test',
    '"https://a.test\nX: y"';
for my $name (qw(claude_connect_timeout claude_send_timeout
    claude_read_timeout))
{
    refused("$name $_", in_location("$name $_;"), qr/$name/)
        for qw(0 x -1 99999999999999999999s);
}
refused('claude_ping x', in_location('claude_ping x;'), qr/claude_ping/);
refused("claude_buffer_size $_", in_location("claude_buffer_size $_;"),
    qr/claude_buffer_size/) for qw(0 x 1g);
refused('claude_next_upstream evil',
    in_location('claude_next_upstream evil;'), qr/evil/);
refused('claude_next_upstream non_idempotent: a call is never repeated',
    in_location('claude_next_upstream error non_idempotent;'),
    qr/non_idempotent/);
refused("$_ x", in_location("$_ x;"), qr/on.*off|invalid value/)
    for qw(claude_security_headers claude_auth);
refused('a thread pool that nobody declared',
    in_http('claude_thread_pool nothing;'), qr/thread pool/);
accepted('one that somebody did', "claude_thread_pool mine;\n$good", undef,
    main => "thread_pool mine threads=2;\n");

# warnings

accepted("error_log at level $_", "server { listen %%ADDR%%; "
    . "error_log $dir/error.log $_; location /v1/ { claude_pass bridge; } }",
    qr/error_log/) for qw(debug info);
accepted('master_process off', $good, qr/master_process/,
    main => "master_process off;\n");

$t->finish;
