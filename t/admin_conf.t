#!/usr/bin/perl

# What nginx -t refuses of the admin: with the file, the line and the reason.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Curl qw(certificate);
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $door = Claude::SignIn->new($t, alice => 'correct horse');
my $file = $door->file;
my $good = $door->server;
$t->add_key('one');

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
    push @problems, "it shows what it read: $got->{err}"
        if $got->{err} =~ /correct horse|\$2y\$/;
    is(join('; ', @problems), '', $name);
}

sub accepted {
    my ($name, $http, %opt) = @_;
    my $got = $t->check($http, %opt);
    is($got->{status} ? $got->{err} : '', '', $name);
}

sub in_location {
    return "server { listen %%ADDR%%; server_name a.test;\n"
        . "location /admin/ {\n@_ # here\n} }";
}

accepted('the usual configuration', $good);

# the password file

sub passwords {
    my ($name, $text, $reason, %opt) = @_;
    my $path = $opt{path} // "$dir/p" . ($text // '');
    if (!$opt{path}) {
        $path = "$dir/passwords";
        unlink $path;
        write_file($path, $text, $opt{mode} // 0600);
    }
    chown 12345, -1, $path if $opt{foreign};
    my $http = in_location("claude_admin;\nclaude_admin_password_file $path;");
    return accepted("password file: $name", $http) unless $reason;
    refused("password file: $name", $http, qr/"\Q$path\E" .*$reason/s);
}

my $hash = Claude::SignIn::hash('correct horse');
my $line = "alice:$hash\n";

passwords('missing', undef, qr/can't be opened.*No such file/,
    path => "$dir/nowhere");
passwords('empty', '', qr/names nobody/);
passwords('of comments only', "# alice\n\n", qr/names nobody/);
passwords('plain text', "alice:correct horse\n", qr/not a bcrypt.*line 1/);
passwords('no name', "$hash\n", qr/NAME:HASH.*line 1/);
passwords('an empty name', ":$hash\n", qr/name.*line 1/);
passwords('a long name', 'n' x 65 . ":$hash\n", qr/name.*line 1/);
passwords('a name with a control character', "al\x07ice:$hash\n",
    qr/name.*line 1/);
passwords('a name that is not UTF-8', "al\xffice:$hash\n", qr/name.*line 1/);
passwords('the same name twice', "$line\nbob:$hash\n$line",
    qr/second time.*line 4/);
passwords('more behind the hash', "alice:$hash:comment\n",
    qr/not a bcrypt.*line 1/);
passwords('a space behind it', "alice:$hash \n", qr/not a bcrypt.*line 1/);
passwords('CR', "alice:$hash\r\n", qr/not a bcrypt.*line 1/);
passwords('a hash that is cut', 'alice:' . substr($hash, 0, 59) . "\n",
    qr/not a bcrypt.*line 1/);
passwords('a hash with another character', 'alice:'
    . ($hash =~ s/.$/*/r) . "\n", qr/not a bcrypt.*line 1/);
for my $other ('$1$abcdefgh$ZJ1Yd7L4iVJCrBLLeXHRM.', '$apr1$abcdefgh$'
    . 'B8r9Kk7jY1gBHGkfk2Ix3/', '{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
    '$5$rounds=5000$abc$' . 'a' x 43, '$6$abc$' . 'a' x 86, '$y$j9T$abc$'
    . 'a' x 43, '$2x$' . substr($hash, 4), '$2$' . substr($hash, 4) . 'a',
    '$argon2id$v=19$m=65536', '')
{
    passwords("another hash: $other", "alice:$other\n", qr/bcrypt.*line 1/);
}
for my $cost (qw(04 09 15 31 00 99)) {
    passwords("cost $cost", 'alice:$2y$' . $cost . substr($hash, 6) . "\n",
        qr/cost is not 10 to 14.*line 1/);
}
passwords("cost $_", 'alice:$2b$' . $_ . substr($hash, 6) . "\n")
    for qw(10 12 14);
passwords("\$2a\$", 'alice:$2a$' . substr($hash, 4));
passwords('257 names', join('', map { "n$_:$hash\n" } 1 .. 257),
    qr/more than 256/);
passwords('256 names', join('', map { "n$_:$hash\n" } 1 .. 256));
passwords('of 64 KB and more', "# x\n" x 17_000 . $line,
    qr/more than 64 KB/);
passwords('readable by the group', $line, qr/group or others/, mode => 0640);
passwords('readable by all', $line, qr/group or others/, mode => 0604);
passwords('a directory', undef, qr/not a regular file/, path => "$dir/keys");
symlink $file, "$dir/link";
passwords('a symlink', undef, qr/symbolic link/, path => "$dir/link");
run(['mkfifo', '-m', '600', "$dir/fifo"]);
passwords('a pipe', undef, qr/not a regular file/, path => "$dir/fifo");
passwords('somebody else\'s', $line, qr/belongs to another/, foreign => 1)
    if $> == 0;

# where it may stand

my $with = "claude_admin;\nclaude_admin_password_file $file;";
refused('no password file', in_location('claude_admin;'),
    qr/claude_admin_password_file/);
refused('no keystore', in_location("claude_admin_password_file $file;\n"
    . 'claude_admin;'), qr/claude_keystore/, keystore => 0);
refused('a password in the configuration', in_location('claude_admin;'
    . "\nclaude_admin_password correcthorse;"), qr/unknown directive/);
refused('claude_admin twice', in_location("claude_admin;\nclaude_admin;"),
    qr/duplicate/);
refused('a password file twice', in_location(
    "claude_admin_password_file $file;\nclaude_admin_password_file $file;"),
    qr/duplicate/);
refused("claude_admin and $_", in_location("$_\nclaude_admin;"),
    qr/content handler/) for 'claude_pass bridge;', 'stub_status;',
    'proxy_pass http://bridge;';
refused("$_ behind claude_admin", "server { listen %%ADDR%%;\n"
    . "server_name a.test;\nlocation /admin/ { $with\n$_ } }",
    qr/content handler|duplicate/) for 'claude_pass bridge;', 'stub_status;',
    'proxy_pass http://bridge/;';
refused("location $_", "server { listen %%ADDR%%; server_name a.test;\n"
    . "location $_ {\nclaude_admin; # here\n} }", qr/ends in/)
    for '/admin', '= /admin/', '~ ^/admin/', '@admin';
refused('claude_admin in a server', "server { listen %%ADDR%%;\n"
    . "claude_admin; # here\n}", qr/not allowed here/);
refused('an unknown parameter', in_location('claude_admin evil=1;'),
    qr/invalid parameter "evil=1"/);
refused('an empty upstream', in_location('claude_admin upstream=;'),
    qr/invalid parameter/);
refused('a bridge on another host', "server { listen %%ADDR%%;\n"
    . "server_name a.test; claude_admin_password_file $file;\n"
    . "location /admin/ {\nclaude_admin upstream=192.0.2.1:80; # here\n} }",
    qr/not on this host/);
accepted('a bridge', in_location("claude_admin upstream=bridge;\n"
    . "claude_admin_password_file $file;"));
accepted('a password file of the server', "server { listen %%ADDR%%;\n"
    . "server_name a.test; claude_admin_password_file $file;\n"
    . "location /a/ { claude_admin; } location /b/ { claude_admin; } }");
accepted('an if inside', in_location("$with\nif (\$arg_x) { set \$a 1; }"));

# plain listeners

sub listening {
    my ($listen, $name, $more) = @_;
    return "server {\n$listen server_name $name; " . ($more // '') . "\n"
        . "location /admin/ {\nclaude_admin; # here\n"
        . "claude_admin_password_file $file; } }";
}
my $tls = certificate($dir);
my $no_target = qr/without TLS needs "claude_admin_redirect"/;
for my $name ('_', '""', '*.a.test', '.a.test', '~^a', 'a.*') {
    refused("no TLS and the name $name", listening('listen %%ADDR%%;', $name),
        $no_target);
    accepted("a name to be redirected to, beside $name",
        listening('listen %%ADDR%%;', $name,
            'claude_admin_redirect a.test;'));
}
refused('no server_name', "server { listen %%ADDR%%;\n"
    . "location /admin/ {\nclaude_admin; # here\n"
    . "claude_admin_password_file $file; } }", $no_target);
refused('one of two listeners', listening("listen %%ADDR_a%% ssl;\n"
    . "listen %%ADDR_b%%; $tls", '_'), $no_target);
refused('a unix socket', listening("listen unix:$dir/http;", '_'),
    $no_target);
accepted('TLS alone', listening("listen %%ADDR_a%% ssl; $tls", '_'));
accepted('both, and a name', listening("listen %%ADDR_a%% ssl;\n"
    . "listen %%ADDR_b%%; $tls", 'a.test'));

# the other directives

for my $host ('""', 'https://a.test', 'a.test/', 'a.test:0', 'a.test:65536',
    'a.test:x', 'a.test:', '_', '$host', '*.a.test', 'a.test:80:80', '"a b"',
    '-', '"a\r\nX: y"', '[::1]')
{
    refused("claude_admin_redirect $host",
        in_location("claude_admin_redirect $host;"), qr/invalid host/);
}
accepted("claude_admin_redirect $_", in_location("$with\n"
    . "claude_admin_redirect $_;")) for qw(a.test a-b.test:8443 localhost);
refused('claude_admin_redirect twice', in_location(
    'claude_admin_redirect a.test; claude_admin_redirect b.test;'),
    qr/duplicate/);

refused("claude_admin_forwarded $_",
    in_location("claude_admin_forwarded $_;"), qr/invalid address/)
    for qw(all proxy.test 10.0.0.0/33 ::/129 unix:/tmp/x), '""';
accepted('claude_admin_forwarded with all of them', in_location("$with\n"
    . 'claude_admin_forwarded 10.0.0.0/8 192.0.2.1 2001:db8::/32 unix:;'));

sub zone { "claude_session_zone @_; # here\n$good" }
refused("claude_session_zone $_->[0]", zone($_->[0]), $_->[1]) for
    ['zone=a', qr/zone size/], ['zone=:1m', qr/zone size/],
    ['zone=a:0', qr/zone/], ['zone=a:4k', qr/too small/],
    ['timeout=1h', qr/zone=/], ['zone=a:1m timeout=0', qr/invalid time/],
    ['zone=a:1m timeout=999ms', qr/invalid time/],
    ['zone=a:1m timeout=25h', qr/invalid time/],
    ['zone=a:1m timeout=x', qr/invalid time/],
    ['zone=a:1m timeout=99999999999999999999s', qr/invalid time/],
    ['zone=a:1m timeout=-1', qr/invalid time/],
    ['zone=a:1m idle=0', qr/invalid time/],
    ['zone=a:1m idle=2d', qr/invalid time/],
    ['zone=a:1m idle=', qr/invalid time/],
    ['zone=a:1m evil=1', qr/invalid parameter "evil=1"/],
    ['zone=keys:1m', qr/already|conflict/];
refused('claude_session_zone twice', "claude_session_zone zone=a:1m;\n"
    . zone('zone=b:1m'), qr/duplicate/);
refused('a zone of two modules', "limit_req_zone \$uri zone=a:1m rate=1r/s;\n"
    . zone('zone=a:1m'), qr/already|conflict|bound/);
accepted('timeout and idle', "claude_session_zone zone=a:1m timeout=24h "
    . "idle=30m;\n$good");

$t->finish;
