#!/usr/bin/perl

# What no audit log, and no answer of api/audit, ever holds: whatever a client
# sends, and whoever is signed in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my %canary = map { $_ => "canary-$_-" . int rand 1e9 }
    qw(person keyname renamed prompt answer path query agent header password
    stranger host);
my @secrets;
my %text = (syslog => '');

$t->bridge(
    say => sub {
        my ($r) = @_;
        $r->start;
        $r->text($canary{answer});
        $r->finish;
    },
    refuse => sub {
        my ($r) = @_;
        $r->error(401, 'authentication_error');
    },
);

my $syslog = IO::Socket::UNIX->new(Local => "$dir/syslog",
    Type => SOCK_DGRAM) or die "$dir/syslog: $!\n";
chmod 0666, "$dir/syslog";
$syslog->blocking(0);

# a socket holds but ten datagrams
sub drained {
    while (defined $syslog->recv(my $got, 4096)) {
        $text{syslog} .= "$got\n";
    }
    return $_[0];
}

sub http { drained $t->http(@_) }

my $location = Claude::Admin->location($t, upstream => 'bridge',
    names => [$canary{person}, 'other']);
$t->start(<<"EOC");
claude_audit_log $dir/audit.log level=all;
claude_limit_zone \$binary_remote_addr zone=one:1m rate=1r/m;
set_real_ip_from 127.0.0.1;
set_real_ip_from unix:;
real_ip_header X-Real;
server {
    listen %%ADDR%%;
    listen unix:$dir/http;
    server_name localhost;
    $location
    location /v1/ { claude_pass bridge; }
    location /one/ { claude_limit zone=one burst=1; claude_pass bridge; }
}
server {
    listen %%ADDR_syslog%%;
    server_name localhost;
    claude_audit_log syslog:server=unix:$dir/syslog level=all;
    $location
    location /v1/ { claude_pass bridge; }
    location /one/ { claude_limit zone=one burst=1; claude_pass bridge; }
}
EOC

# other networks for each, as what repeats is only counted
my %real = (
    '' => ['192.0.2.231', '2001:db8:5:6:7:8:9:abcd', '::ffff:203.0.113.199'],
    syslog => ['192.0.3.231', '2001:db8:4:6:7:8:9:abcd',
        '::ffff:203.0.114.199'],
);
my $bad_key = 'sk-canarybadkey' . int rand 1e9;

for my $port ('', 'syslog') {
    my @port = (port => $port);
    my $admin = Claude::Admin->new($t, name => $canary{person},
        port => $port);
    my $new = $admin->create($canary{keyname});
    my ($key, $id) = @$new{qw(apiKey id)};
    push @secrets, $key, $admin->{cookie} =~ s/^[^=]+=//r;

    for my $real (@{ $real{$port} }) {
        my @headers = ("X-Real: $real", "User-Agent: $canary{agent}",
            "Referer: https://$canary{header}.test/",
            "Cookie: a=$canary{host}");
        my @with = (@port, headers => \@headers);

        http('GET', "/v1/$canary{path}?a=$canary{query}", @with);
        http('GET', "/v1/models?a=$canary{query}", key => $bad_key,
            @with);
        http('GET', "/one/models?a=$canary{query}", key => $key, @with)
            for 1 .. 3;
        drained $t->chat("[[say]] $canary{prompt}", key => $key, @with);
        drained $t->chat("[[refuse]] $canary{prompt}", key => $key, @with);
        for (["$canary{password}", $canary{person}],
            [$canary{password}, $canary{stranger}])
        {
            http('POST', '/admin/api/login', @port, headers =>
                ['X-Forwarded-Proto: https', 'Origin: https://localhost',
                @headers], body => { password => $_->[0], name => $_->[1] });
        }
        http('POST', "/admin/api/login?$canary{query}", @port, headers =>
            ["Origin: https://$canary{header}.test", 'X-Forwarded-Proto: '
            . 'https', @headers], body => { password => $canary{password} });
    }

    my $token = $t->secret(token());
    push @secrets, $token;
    drained $admin->call('PATCH', "keys/$id", { keyName => $canary{renamed} });
    drained $admin->call('POST', "keys/$id/token", { oauthToken => $token });
    drained $admin->call('POST', "keys/$id/verify");
    my $r = drained $admin->call('POST', "keys/$id/rotate");
    push @secrets, $r->json->{apiKey};
    drained $admin->call('DELETE', "keys/$id");
    drained $admin->call('POST', 'logout') if $port;
}
my $admin = Claude::Admin->new($t, name => $canary{person});
$t->reload;

# a client on a unix socket has no address

my $c = Claude::HTTP->connect(path => "$dir/http");
$c->send("GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
is_error($c->response, 401, 'missing_api_key', 'a client without address');
$c->close;

# all there is to see

drained();
$text{file} = read_file("$dir/audit.log");
$text{ring} = json_encode($admin->call('GET', 'audit?limit=1000')->json);

for my $where (sort keys %text) {
    my $text = $text{$where};
    my %events = map { $_ => 1 } $text =~ /"event":"(\w+)"/g;
    my @missing = grep { !$events{$_} } qw(start login key_refused limited
        credential_refused admin_refused key_created key_changed key_token
        key_verified key_rotated key_deleted);
    is_deeply(\@missing, [], "$where: all of it was told");
    is_deeply([grep { index($text, $canary{$_}) >= 0 } sort keys %canary],
        [], "$where: nothing that a client has sent, no name");
    is(scalar(grep { index($text, $_) >= 0 } @secrets, $bad_key,
        Claude::Admin::PASSWORD), 0, "$where: no key, credential, cookie");
    unlike($text, qr/sk-|Bearer|Mozilla|canary/i, "$where: nothing like one");
    my @whole = $text =~ m{((?:\d+\.){3}[1-9]\d*|db8:\d+:[^:]\w*)}g;
    is_deeply(\@whole, [], "$where: no whole address");
    my $n = $where eq 'syslog' ? 1 : 0;
    like($text, qr/"\Q$_\E"/, "$where: $_ is told") for
        '192.0.' . (2 + $n) . '.0/24', '2001:db8:' . (5 - $n) . '::/48',
        '203.0.' . (113 + $n) . '.0/24';
    unlike($text, qr/[^\x20-\x7e\n]/, "$where: nothing but printable ASCII");
}

my %names;
$names{$_} = 1 for map { keys %{ json_decode($_) } } split /\n/, $text{file};
is_deeply([sort keys %names], [qw(address code event keyId level outcome
    requestId time traceId)], 'no field but those');

# keys and credentials are looked for in all files by finish()
$t->secret($canary{prompt}, $canary{answer}, $canary{password}, $bad_key);
$t->allow(qr/upstream/, qr/bridge refused/);
$t->finish;
