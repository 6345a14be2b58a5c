#!/usr/bin/perl

# The audit log: which event leaves which line where, and what a flood of them
# may write. What no line may hold is in audit_privacy.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(time);

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $key = $t->add_key('alice');
my $id = $t->keys->id($key);
my $disabled = $t->add_key('disabled');
$t->keys->disable($disabled);

$t->bridge(
    refuse => sub { $_[0]->error(401, 'authentication_error') },
    late => sub {
        my ($r) = @_;
        $r->start;
        $r->text('before');
        $r->event('error', { type => 'error', error => {
            type => 'authentication_error', message => 'revoked' } });
    },
);

my $syslog = IO::Socket::UNIX->new(Local => "$dir/syslog",
    Type => SOCK_DGRAM) or die "$dir/syslog: $!\n";
chmod 0666, "$dir/syslog";
$syslog->blocking(0);

my $config = <<'EOC';
claude_audit_log %%DIR%%/audit.log level=all;
claude_limit_zone $binary_remote_addr zone=one:1m rate=1r/m;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real;
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /one/ { claude_limit zone=one burst=1; claude_pass bridge; }
    location /page/ {
        satisfy any;
        deny all;
        error_page 401 /page/sorry;
        claude_pass bridge;
    }
    location = /page/sorry {
        claude_auth on;
        proxy_pass http://%%ADDR_origin%%;
    }
    location /any/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        claude_auth on;
        proxy_pass http://%%ADDR_origin%%;
    }
}
server {
    listen %%ADDR_security%%;
    claude_audit_log %%DIR%%/security.log level=security;
    location /v1/ { claude_pass bridge; }
    location /one/ { claude_limit zone=one burst=1; claude_pass bridge; }
}
server {
    listen %%ADDR_syslog%%;
    claude_audit_log syslog:server=unix:%%DIR%%/syslog,tag=claude,nohostname;
    location /v1/ { claude_pass bridge; }
}
server {
    listen %%ADDR_full%%;
    claude_audit_log /dev/full;
    location /v1/ { claude_pass bridge; }
}
server {
    listen %%ADDR_off%%;
    claude_audit_log off;
    location /v1/ { claude_pass bridge; }
}
server { listen %%ADDR_origin%%; location / { return 200 "origin\n"; } }
EOC
$t->start($config);

# events of a log: whole lines only
sub events {
    my ($name) = @_;
    my $text = read_file("$dir/" . ($name // 'audit.log')) // '';
    return map { json_decode($_) } $text =~ /^(.*)\n/mg;
}

sub names { join ' ', map { $_->{event} } @_ }

# those that code leaves in a log; the line of a request is there before its
# answer, others are waited for until there are n
sub told {
    my ($code, $n, $log) = @_;
    my $before = () = single($log);
    $code->();
    wait_until(sub { single($log) >= $before + $n }, 'events') if $n;
    my @now = single($log);
    return @now[$before .. $#now];
}

# numbers of what came again are written when their time has come
sub single { grep { !$_->{suppressed} } events(@_) }

# an address of its own, so that no event is like one before
my $real = 0;
sub from { (headers => ['X-Real: 192.0.' . ++$real . '.77']) }

my ($e) = events();
is_deeply([@$e{qw(event outcome level code)}], [qw(start ok security start)],
    'the start is told');
like($e->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'with its time');
is_deeply([sort keys %$e], [qw(code event level outcome time)],
    'and nothing else');

# keys that are none

my $r;
my @told = told(sub { $r = $t->http('GET', '/v1/models', from()) });
is(scalar @told, 1, 'a refused key is told once');
is_deeply({ %{ $told[0] }, time => '' }, { time => '',
    event => 'key_refused', outcome => 'refused', level => 'security',
    code => 'missing_api_key', address => "192.0.$real.0/24",
    requestId => $r->header('x-request-id'),
    traceId => substr($r->header('traceparent'), 3, 32) },
    'with all that is known');

for (['invalid_api_key', 'an unknown key', key => 'sk-none'],
    ['invalid_api_key', 'a disabled key', key => $disabled])
{
    my ($code, $name, @with) = @$_;
    ($e) = told(sub { $t->http('GET', '/v1/models', @with, from()) });
    is("$e->{event} $e->{code}", "key_refused $code", $name);
}
($e) = told(sub { $t->http('GET', '/v1/models',
    headers => ['X-Real: 2001:db8:1:2:3:4:5:6']) });
is($e->{address}, '2001:db8:1::/48', 'an IPv6 address is cut');
($e) = told(sub { $t->http('GET', '/v1/models',
    headers => ['X-Real: ::ffff:198.51.100.7']) });
is($e->{address}, '198.51.100.0/24', 'an IPv4 address in it is what it is');

@told = told(sub { $t->http('GET', '/page/models',
    key => 'sk-none', from()) });
is(names(@told), 'key_refused', 'once, wherever an error_page leads');
@told = told(sub { $t->http('GET', '/any/', from()) });
is(names(@told), '', 'without a key where others may allow it: nothing');
@told = told(sub { $t->http('GET', '/any/', key => 'sk-none', from()) });
is(names(@told), 'key_refused', 'with one that is none: something');
@told = told(sub { $t->http('GET', $_, key => $key, from())
    for '/v1/models', '/v1/nothing' });
is(names(@told), '', 'who is let in is not told of');

# credentials that are none

for (['a whole answer', 'refuse', {}], ['a stream', 'refuse', { stream =>
    JSON::PP::true }], ['a stream that has begun', 'late', { stream =>
    JSON::PP::true }])
{
    my ($name, $how, $fields) = @$_;
    @told = told(sub { $t->chat("[[$how]]", key => $key, fields => $fields,
        from()) });
    is_deeply([map { @$_{qw(event outcome keyId code)} } @told],
        ['credential_refused', 'refused', $id, 'credential_refused'],
        "a refused credential, $name");
}

# limits, and levels

my @from = from();
@told = told(sub { $t->http('GET', '/one/models', key => $key, @from)
    for 1, 2 });
is_deeply([map { @$_{qw(event outcome level code)} } @told],
    [qw(limited refused all rate_limit_exceeded)], 'an address over its limit');

@told = told(sub {
    $t->http('GET', '/one/models', key => $key, port => 'security', @from);
    $t->http('GET', '/v1/models', port => 'security', from());
}, 0, 'security.log');
is(names(@told), 'key_refused', 'a level leaves out what is above it');
@told = told(sub { $t->http('GET', '/v1/models', port => $_, from())
    for 'off', 'security', 'full' });
is(names(@told), '', 'a server with a log of its own, or off, has no other');

# syslog

while (defined $syslog->recv(my $left, 4096)) { }
$t->http('GET', '/v1/models', port => 'syslog', from());
my $line = wait_until(sub { $syslog->recv(my $got, 4096); $got }, 'syslog');
like($line, qr/^<190>\w{3} [ \d]\d \d\d:\d\d:\d\d claude: (\{.*\})\z/,
    'syslog gets it in one datagram without line end');
$line =~ s/^[^{]*//;
is(json_decode($line)->{event}, 'key_refused', 'the same line');

# a log that can't be written

$t->http('GET', '/v1/models', port => 'full', from()) for 1 .. 3;
is($t->http('GET', '/v1/models', port => 'full', key => $key)->{status}, 200,
    'with a full disk the API lives');
my $missing = () = $t->log =~ /events are missing in the audit log/g;
cmp_ok($missing, '>=', 1, 'which the error log says');
cmp_ok($missing, '<=', 3, 'and not for each event');

# the store in trouble

my $store = "$dir/keys/keys.jsonl";
my $good = read_file($store);
@told = told(sub {
    open my $file, '>>:raw', $store or die;
    print $file "{\"op\":\"nonsense\"}\n";
    close $file;
}, 1);
is_deeply([map { @$_{qw(event outcome level)} } @told],
    [qw(store_trouble failed security)], 'a damaged key log is told, once');
is(names(told(sub { truncate $store, length $good }, 1)), 'store_well',
    'and that it is mended');
is(names((events('security.log'))[-2, -1]), 'store_trouble store_well',
    'to each audit log');

# reopened and reloaded

rename "$dir/audit.log", "$dir/audit.log.1";
kill 'USR1', $t->{master};
wait_until(sub { -e "$dir/audit.log" }, 'a new log');
my $old = -s "$dir/audit.log.1";
@told = told(sub { wait_until(sub {
    $t->http('GET', '/v1/models', from());
    -s "$dir/audit.log";
}, 'a line in it') }, 1);
is($told[0]{event}, 'key_refused', 'USR1 reopens it');
my %mine = map { $_ => 1 } map { $_->{requestId} // () } events();
is_deeply([grep { $mine{ $_->{requestId} // '' } } events('audit.log.1')],
    [], 'no line is in both');

@told = told(sub { $t->reload }, 1);
is_deeply([map { @$_{qw(event code)} } @told], [qw(start reload)],
    'a reload is told');

# what is not told is counted

@from = from();
$t->http('GET', '/v1/models', key => 'sk-y', @from) for 1 .. 30;
my $sum = wait_until(sub {
    my $n = 0;
    $n += $_->{suppressed} // 0 for grep { ($_->{address} // '')
        eq "192.0.$real.0/24" } events();
    return $n >= 29 ? $n : 0;
}, 'a number', 60);
cmp_ok($sum, '<=', 30, 'the number of those that followed is');
my ($many) = grep { $_->{suppressed} && ($_->{address} // '')
    eq "192.0.$real.0/24" } events();
is_deeply([sort keys %$many], [qw(address code event level outcome
    suppressed time)], 'a line for many has no request id');

is_deeply([grep { $_->{suppressed} && $_->{event} eq 'key_refused'
    && $_->{address} ne "192.0.$real.0/24" } events()], [],
    'and no request above was two events');

# lines of several workers at once, and a flood of them

my $before = () = events();
my $start = time;
my @connections = map { $t->connect } 1 .. 8;
for my $i (1 .. 150) {
    for my $c (0 .. $#connections) {
        $connections[$c]->send($t->request('GET', '/v1/models', key => 'sk-x',
            headers => ["X-Real: 10.$c.$i.1"]));
    }
    $_->response for @connections;
}
$_->close for @connections;
my $seconds = time - $start;
my @flood = events();
@flood = @flood[$before .. $#flood];
cmp_ok(scalar @flood, '>=', 3, 'a flood from 1,200 networks is told');
cmp_ok(scalar @flood, '<=', 50 + 50 + 5 + 4 * $seconds,
    'as far as its bound lets it: ' . @flood . ' lines');
my @whole = split /^/, read_file("$dir/audit.log");
is(scalar(grep { /\n\z/ && eval { json_decode($_) } } @whole), scalar @whole,
    'each line is whole');

$t->allow(qr/key log .* keys stay as they are/, qr/last use of/,
    qr/events are missing/,
    qr/upstream broke a stream off/, qr/access forbidden by rule/);

# what nginx -t refuses

for (
    ['a level that is none', 'a.log level=none', qr/invalid parameter/],
    ['a level of off', 'off level=all', qr/"off" has no level/],
    ['a name from the request', '$host.log', qr/no file for an audit log/],
    ['no name', '""', qr/no file for an audit log/],
    ['a directory that is not there', '/nowhere/a.log', qr/No such file/],
    ['a syslog of no server', 'syslog:tag=a', qr/no syslog server/],
    ['three parameters', 'a.log level=all b', qr/arguments/],
    ['two of them', "a.log;\nclaude_audit_log b.log", qr/duplicate/],
    ['no parameter', '', qr/arguments/])
{
    my ($name, $what, $like) = @$_;
    my $got = $t->check("claude_audit_log $what;");
    isnt($got->{status}, 0, "$name is refused");
    like($got->{err}, $like, 'with the reason');
}
my $got = $t->check("server { listen %%ADDR%%; location / {\n"
    . 'claude_audit_log a.log; } }');
like($got->{err}, qr/not allowed here/, 'so is one in a location');
$got = $t->check($config);
is($got->{status}, 0, 'the configuration above is not') or diag $got->{err};

$t->finish;
