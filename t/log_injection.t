#!/usr/bin/perl

# No client can write a line of its own into a log: not by a name, a path, a
# header, a body, nor by what it says it is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $key = $t->add_key('alice');
$t->bridge(refuse => sub {
    $_[0]->error(500, "api_error\n2026/01/01 00:00:00 [forged] by the bridge");
});
my $location = Claude::Admin->location($t, upstream => 'bridge');
$t->start(<<"EOC", level => 'info');
claude_audit_log $dir/audit.log level=all;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real;
server {
    listen %%ADDR%%;
    $location
    location /v1/ { claude_pass bridge; }
}
EOC
my $admin = Claude::Admin->new($t);

# what would pass for a line of the error log, and for one of the audit log
my @forged = map { ("$_" . '2026/01/01 00:00:00 [forged] line',
    "$_" . '{"time":"2026-01-01T00:00:00.000Z","event":"forged"}') }
    "\n", "\r\n", "\r", "\x0b", "\x1b[2K\x1b[G", "\xe2\x80\xa8", "\xc2\x85",
    "\0", '%0a', '%0d%0a', '\n', '\u000a';

sub raw {
    my ($bytes) = @_;
    my $c = $t->connect;
    $c->send($bytes);
    my $r = eval { $c->response };
    $c->close;
    return $r;
}

my %taken;
for my $forged (@forged) {
    my $url = $forged =~ s/([^A-Za-z0-9%._\/-])/sprintf '%%%02X', ord $1/ger;

    raw("GET /v1/$forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    $t->http('GET', "/v1/$url?a=$url", key => $key);
    $t->http('GET', "/admin/$url");
    $t->http('GET', "/admin/api/audit?after=$url", headers =>
        $admin->headers);
    for my $header ('X-Real', 'X-Forwarded-For', 'X-Forwarded-Proto', 'Origin',
        'User-Agent', 'X-Request-Id', 'Cookie', 'Authorization', 'x-api-key',
        'Content-Type', 'Host')
    {
        raw("GET /v1/models HTTP/1.1\r\n"
            . ($header eq 'Host' ? '' : "Host: a\r\n")
            . "$header: a$forged\r\nConnection: close\r\n\r\n");
        raw("POST /admin/api/login HTTP/1.1\r\nHost: a\r\n"
            . "$header: a$forged\r\nContent-Length: 0\r\n"
            . "Connection: close\r\n\r\n") if $header ne 'Host';
    }

    # bodies that are JSON, whatever is in them
    my $value = $forged;
    if (utf8::decode($value)) {
        $t->http('POST', '/v1/chat/completions', key => $key, body => {
            model => "m$value", messages => [{ role => $value,
            content => $value }], user => $value, $value => 1 });
        $t->chat("$value", key => $key, fields => { user => $value });
        $admin->call('POST', 'login', { name => "admin$value",
            password => "x$value" }, headers => ['X-Real: 192.0.2.1']);
        my $r = $admin->call('POST', 'keys', { keyName => "k$value",
            oauthToken => $t->secret(token()) });
        $taken{$value} = $r->json->{id} if $r->{status} == 201;
        $admin->call('POST', 'keys', { $value => 1, keyName => 'a' });
    }
}
$t->chat('[[refuse]]', key => $key);
$t->chat('[[refuse]]', key => $key, fields => { stream => JSON::PP::true });

my @control = grep { /[\x00-\x1f\x7f\x{85}\x{2028}]/ } keys %taken;
is_deeply([map { sprintf '%vx', substr $_, 0, 2 } @control], [],
    'no name with a control character is taken');
$admin->call('PATCH', "keys/$_", { enabled => JSON::PP::false })
    for values %taken;
$admin->call('DELETE', "keys/$_") for values %taken;

# what the logs hold: bytes, split at whatever somebody takes for a line's end;
# into its error log nginx itself writes a request's first line as it came

for my $name (qw(error.log audit.log access.log nginx.err)) {
    my $text = read_file("$dir/$name") // '';
    my @lines = split $name =~ /^(?:audit|access)/
        ? qr/[\n\r\x0b\x0c]|\xe2\x80\xa8|\xc2\x85/ : qr/[\n\r]/, $text;
    my @bad = grep { /^(?:2026\/01\/01|\{"time":"2026-01-01)/ } @lines;
    is_deeply(\@bad, [], "$name: no line is forged");
    is_deeply([$text =~ /([\x00-\x09\x0b-\x1f\x7f])/g], [],
        "$name: no control byte but the line's end")
        if $name =~ /^(?:audit|access)/;
}
my @events = map { eval { json_decode($_) } // { event => "not JSON: $_" } }
    split /\n/, read_file("$dir/audit.log");
is_deeply([grep { $_->{event} =~ /forged|not JSON/ } @events], [],
    'each line of the audit log is one event of its own');
cmp_ok(scalar @events, '>', 5, 'of which there are some');
my $keys = read_file("$dir/keys/keys.jsonl");
is_deeply([grep { !eval { json_decode($_) } } split /\n/, $keys], [],
    'each line of the key log is one too');
unlike($keys, qr/^\{"time"|^2026/m, 'and none is forged');

# nginx's own words about requests that are none hold their bytes, escaped
$t->allow(qr/client sent|upstream|bridge refused|No such file|open\(\)/);
$t->finish;
