#!/usr/bin/perl

# 10,000 requests of all kinds, good and bad: the worker holds no more memory
# and no more descriptors afterwards. A leak that is planted is found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;

use Claude::Test;

# what a request may leave behind on an average, in bytes: the heap grows in
# steps of 128 KB, a leaked object is larger
my $tolerance = 24;

my $t = Claude::Test->new;
plan skip_all => 'sanitizers keep what is freed' if $t->sanitized;
my $key = $t->add_key('alice');
my $bridge = $t->bridge(
    midway => sub { my ($r) = @_; $r->start; $r->text('part'); $r->cut },
    refuse => sub { $_[0]->error(529, 'overloaded_error') },
    garbage => sub { my ($r) = @_; $r->start; $r->body("data: x\n\n");
        $r->finish },
    hold => sub { my ($r) = @_; $r->start; $r->text('part'); $r->hold },
);
my $config = <<'EOC';
claude_limit_zone $binary_remote_addr zone=few:1m rate=1r/m;
log_format ai "$claude_key_id $claude_model $claude_prompt_tokens $claude_ttft"
    " $claude_conversation $claude_error";
server {
    listen %%ADDR%%;
    access_log %%DIR%%/ai.log ai;
    keepalive_requests 100000;
    client_max_body_size 2m;
    location /v1/ { claude_pass bridge; claude_cors https://app.test; }
    location /few/ { claude_limit zone=few burst=1; claude_pass bridge; }
    location /proxied/ { claude_auth on; proxy_pass http://%%ADDR_origin%%; }
}
server { listen %%ADDR_origin%%; location / { return 200 "origin\n"; } }
EOC

my $uri = '/v1/chat/completions';

sub chat {
    my ($text, %fields) = @_;
    return $t->request('POST', $uri, key => $key,
        body => $t->chat_body($text, %fields));
}

my @stream = (stream => JSON::PP::true);
my $large = 'x' x 600_000;          # translated in a thread
my @kinds = (
    (map { chat('hi') } 1 .. 3), (map { chat('hi', @stream) } 1 .. 3),
    chat('[[midway]]'), chat('[[refuse]]'), chat('[[garbage]]'),
    chat('[[refuse]]', @stream), chat('hi', model => 'nothing'),
    chat('hi', n => 2),
    $t->request('POST', $uri, key => $key, body => '{"messages":['),
    $t->request('POST', $uri, body => $t->chat_body('hi')),
    $t->request('POST', $uri, key => 'sk-unknown', body => '{}'),
    $t->request('POST', $uri, key => $key, body => '{}', type => 'a/b'),
    $t->request('GET', $uri, key => $key),
    $t->request('GET', '/v1/models', key => $key),
    $t->request('GET', '/v1/models/sonnet', key => $key),
    $t->request('GET', '/v1/nothing', key => $key),
    $t->request('GET', '/few/models', key => $key),
    $t->request('GET', '/proxied/', key => $key),
    $t->request('OPTIONS', $uri, headers => ['Origin: https://app.test',
        'Access-Control-Request-Method: POST']),
);
my @alone = (chat('[[midway]]', @stream), chat('[[garbage]]', @stream));

# sends n requests, each kind in turn; now and then a large one, one whose
# answer is broken off, and one whose client goes. The last one isn't large: a
# thread frees that a moment later
sub requests {
    my ($n) = @_;
    my $c = $t->connect;

    for my $i (1 .. $n) {
        my $request = $i % 100 == 50 ? chat($large)
            : $i % 50 == 0 ? $alone[ ($i / 100) % @alone ]
            : $i % 25 == 0 ? chat('[[hold]]', @stream)
            : $kinds[ $i % @kinds ];
        my $hold = $i % 25 == 0 && $i % 50;
        $c->send($request);
        my $r = $hold ? $c->head : $c->response;
        die "no answer to request $i\n" unless $r;
        next if !$hold && $i % 50
            && ($r->header('connection') // '') ne 'close';
        $c->close;
        $c = $t->connect;
    }

    $c->close;
}

sub memory {
    my ($pid) = $t->workers;
    my ($kb) = read_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
    return $kb * 1024;
}

sub descriptors {
    my ($pid) = $t->workers;
    return scalar(() = glob "/proc/$pid/fd/*");
}

# bytes that a request leaves behind, by those after the first ones
sub slope {
    my ($warm, $n) = @_;
    requests($warm);
    my $before = memory();
    requests($n);
    return (memory() - $before) / $n;
}

$t->start($config, workers => 1);
my ($worker) = $t->workers;
requests(100);
my $fds = descriptors();
my $left = slope(6000, 10_000);
cmp_ok($left, '<', $tolerance,
    '10,000 requests: nothing is left of them in memory');
note("$left bytes a request");
wait_until(sub { descriptors() <= $fds + 10 }, 'the end of idle connections');
pass('nor of their descriptors');
is_deeply([$t->workers], [$worker], 'the worker is the same');

# the same with a leak of 100 bytes a key

$t->stop_nginx;
my $plant = $t->dir . '/plant.so';
my $built = run(['cc', '-O2', '-fPIC', '-shared', '-DPLANT_LEAK=100', '-o',
    $plant, root() . '/t/lib/plant.c']);
is($built->{err}, '', 'a leak is built');
$t->start(undef, env => { LD_PRELOAD => $plant });
$left = slope(2000, 4000);
cmp_ok($left, '>', $tolerance, 'a leak that is planted is found');
note("$left bytes a request");

$t->allow(qr/./);
$t->finish;
