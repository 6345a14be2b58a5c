#!/usr/bin/perl

# Headers of every answer of the admin: on each status that it has, over TLS
# and without, those that make a browser careful, and none twice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Curl qw(curl certificate);
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $tls = certificate($dir);
my $location = Claude::Admin->location($t, upstream => 'bridge');
my $file = "$dir/admin.htpasswd";

$t->bridge;
$t->start(<<"EOC", zone => '32k');
server {
    listen %%ADDR%%;
    listen %%ADDR_tls%% ssl;
    server_name localhost;
    $tls
    $location
    location /denied/ {
        claude_admin;
        claude_admin_password_file $file;
        deny all;
    }
    location /broken/ {
        claude_admin;
        claude_admin_password_file $file;
        return 500;
    }
    location /moved/ {
        claude_admin;
        claude_admin_password_file $file;
        return 302 https://app.test/;
    }
}
EOC

my $admin = Claude::Admin->new($t);
my $uri = '/admin/api';
my @https = ('X-Forwarded-Proto: https', 'Origin: https://localhost');

# without a session
sub anybody {
    my ($method, $path, %opt) = @_;
    return $t->http($method, $path, headers => \@https, %opt);
}

my $key = $admin->create('one');
my $id = $key->{id};
my @answers = (
    [200, 'a page', anybody('GET', '/admin/')],
    [200, 'a style', anybody('GET', '/admin/base.css')],
    [200, 'HEAD', anybody('HEAD', '/admin/')],
    [200, 'a list', $admin->call('GET', 'keys')],
    [200, 'events', $admin->call('GET', 'audit')],
    [200, 'a table', $admin->call('GET', 'usage?format=csv')],
    [201, 'a new key', $admin->call('POST', 'keys', { keyName => 'two',
        oauthToken => $t->secret(token()) })],
    [204, 'a key that is gone', $admin->call('DELETE', "keys/$id")],
    [302, 'a redirect', anybody('GET', '/moved/')],
    [308, 'a page without TLS', $t->http('GET', '/admin/')],
    [400, 'a bad body', $admin->call('POST', 'keys', '{')],
    [400, 'a bad query', $admin->call('GET', 'keys?limit=x')],
    [400, 'two hosts', raw("GET /admin/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n"
        . "X-Forwarded-Proto: https\r\n\r\n"), 'no location'],
    [401, 'nobody', anybody('GET', "$uri/keys")],
    [403, 'a call without TLS', $t->http('GET', "$uri/keys")],
    [403, 'a forbidden address', anybody('GET', '/denied/')],
    [404, 'no such page', anybody('GET', '/admin/nothing')],
    [404, 'no such call', $admin->call('GET', 'nothing')],
    [404, 'no such key', $admin->call('GET', "keys/$id")],
    [405, 'another method', $admin->call('PUT', 'keys', {})],
    [413, 'a large body', $admin->call('POST', 'keys', ' ' x 70_000)],
    [415, 'another type', $admin->call('POST', 'keys', 'a',
        type => 'text/plain')],
    [500, 'an error of nginx', anybody('GET', '/broken/api/keys')],
);

for (1 .. 6) {
    push @answers, [429, 'too many tries', anybody('POST', "$uri/login",
        body => { password => 'wrong' })] if $_ == 6;
    anybody('POST', "$uri/login", body => { password => 'wrong' });
}

# a zone that is full, and a store that can't be written

my $r;
for (1 .. 200) {
    $r = $admin->call('POST', 'keys', { keyName => "n$_",
        oauthToken => $t->secret(token()) });
    $t->secret($r->json->{apiKey} // next) if $r->{status} == 201;
    last if $r->{status} != 201;
}
push @answers, [507, 'no room for a key', $r];

my $store = "$dir/keys/keys.jsonl";
rename $store, "$store.aside" or die "$store: $!\n";
mkdir $store;
push @answers, [503, 'no store', $admin->call('POST', 'keys',
    { keyName => 'three', oauthToken => $t->secret(token()) })];
rmdir $store;
rename "$store.aside", $store or die "$store: $!\n";

sub raw {
    my $c = $t->connect;
    $c->send($_[0]);
    my $r = $c->response;
    $c->close;
    return $r;
}

for (@answers) {
    my ($status, $name, $r, $elsewhere) = @$_;
    my @flaws = Claude::Checks::flaws($r);
    push @flaws, "status $r->{status}: $r->{body}" if $r->{status} != $status;
    push @flaws, 'cache-control: ' . ($r->header('cache-control') // 'none')
        if !$elsewhere && ($r->header('cache-control') // '') ne 'no-store';
    push @flaws, 'a policy that lets something in'
        if ($r->header('content-security-policy') // '')
        !~ /^default-src 'none'/;
    push @flaws, 'a header of CORS' if $r->{raw} =~ /^access-control-/mi;
    push @flaws, 'a version' if ($r->header('server') // '') =~ /claude/i;
    my %seen;
    $seen{ lc((split /:/)[0]) }++ for grep { /:/ } split /\r\n/, $r->{raw};
    push @flaws, map { "$_ twice" } grep { $seen{$_} > 1 && $_ ne 'vary' }
        sort keys %seen;
    is(join('; ', @flaws), '', "$name: $status");
}
is(scalar(grep { $_->[0] == 503 && defined $_->[2]->error('code') } @answers),
    1, 'an error is JSON');

# TLS adds HSTS, whatever the status; without it there is none

is($t->http('GET', '/admin/')->header('strict-transport-security'), undef,
    'no HSTS without TLS');
my $base = 'https://localhost:' . $t->port('tls');
for ([200, '/admin/'], [302, '/moved/'], [401, "$uri/keys"],
    [403, '/denied/'], [404, '/admin/nothing'], [500, '/broken/'])
{
    my ($status, $path) = @$_;
    $r = curl("$base$path");
    is("$r->{status} " . ($r->header('strict-transport-security') // 'none'),
        "$status max-age=31536000", "HSTS with $status");
}

$t->allow(qr/access forbidden|client (?:sent|intended)|too large/,
    qr/key log .* keys stay as they are/, qr/a change of key/,
    qr/last use of/, qr/do not fit/, qr/is refused/,
    qr/can't be opened \(21:/);
$t->finish;
