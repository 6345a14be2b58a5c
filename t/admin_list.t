#!/usr/bin/perl

# GET api/keys: pages, search, states, orders; with many thousands of keys
# beside calls of the API that it must not hold up.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use Claude::Admin;
use Claude::Checks;
use Claude::Test;

# what a list may add to another call, at its 99th percentile, in seconds
use constant PATIENCE => 0.25;

my $t = Claude::Test->new;
my $many = $ENV{CLAUDE_LIST_KEYS} // ($t->sanitized ? 3000 : 20_000);
my $slow = $t->sanitized ? 10 : 1;
my $bridge = $t->bridge;
my $conf = 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t) . ' }';
$t->start($conf, workers => 1);
my $admin = Claude::Admin->new($t);

my @names = ('beta', 'Alpha', 'gamma 10', 'gamma 9', 'GAMMA 100%', 'äöü',
    'x+y & z', 'delta');
my %key = map { $_ => $admin->create($_) } @names;
$admin->call('PATCH', "keys/$key{beta}{id}", { enabled => JSON::PP::false });
$t->chat('hi', key => $key{delta}{apiKey});

sub list {
    my ($query) = @_;
    my $r = $admin->call('GET', 'keys' . ($query ? "?$query" : ''));
    return $r->{status} == 200 ? $r->json : { status => $r->{status} };
}

sub names { join '|', map { $_->{keyName} } @{ list($_[0])->{data} } }

my $doc = list();
is(scalar @{ $doc->{data} }, 8, 'all keys');
is("$doc->{total} $doc->{offset} $doc->{limit}", '8 0 50', 'on one page');
is(json_encode($doc->{data}[0]), json_encode($admin->key($doc->{data}[0]{id})),
    'each as it is alone');
is_deeply([sort { $b cmp $a } map { $_->{createdAt} } @{ $doc->{data} }],
    [map { $_->{createdAt} } @{ $doc->{data} }], 'the newest first');

is(names('sort=keyName'),
    'Alpha|beta|delta|gamma 10|GAMMA 100%|gamma 9|x+y & z|äöü', 'by name');
is(names('sort=keyName&order=desc'),
    'äöü|x+y & z|gamma 9|GAMMA 100%|gamma 10|delta|beta|Alpha', 'backwards');
is(names('sort=lastUsed&limit=1'), 'delta', 'by last use');
is(names('sort=state&order=desc&limit=1'), 'beta', 'by state');
is(scalar(split /\|/, names('sort=cost')), 8, 'by cost');
is(names('sort=keyName&limit=3&offset=2'), 'delta|gamma 10|GAMMA 100%',
    'a page in between');
is(names('sort=keyName&limit=3&offset=6'), 'x+y & z|äöü', 'the last page');
is(names('sort=keyName&offset=8'), '', 'behind the end');
is(list('offset=100000000')->{total}, 8, 'far behind it');

is(names('state=disabled'), 'beta', 'by state');
is(list('state=active')->{total}, 7, 'active ones');
is(list('state=expired')->{total}, 0, 'no expired one');
is(names('q=gAmmA&sort=keyName'), 'gamma 10|GAMMA 100%|gamma 9',
    'a part of a name, whatever its case');
is(names('q=GAMMA+1&sort=keyName'), 'gamma 10|GAMMA 100%', 'with a space');
is(names('q=100%25'), 'GAMMA 100%', 'with a percent sign');
is(names('q=x%2By%20%26'), 'x+y & z', 'with what a query means');
is(names('q=%c3%a4'), 'äöü', 'beyond ASCII');
is(names("q=$key{delta}{id}"), 'delta', 'by id');
is(names('q=' . substr($key{beta}{display}, 0, 7)), 'beta', 'by its display');
is(names('q=' . substr($key{beta}{apiKey}, -4)), 'beta', 'and its end');
is(names("q=" . "sk-" . "0" x 48), "", "a whole key finds nothing");
is(names('q=gamma&state=disabled'), '', 'both must hold');
is(list('q=')->{total}, 8, 'nothing asked for');
is(list('foo=bar&limit=2')->{limit}, 2, 'other names are ignored');

for my $case (
    ['limit=0', 'limit'], ['limit=201', 'limit'], ['limit=x', 'limit'],
    ['limit=-1', 'limit'], ['limit=', 'limit'], ['limit=1.0', 'limit'],
    ['offset=-1', 'offset'], ['offset=100000001', 'offset'],
    ['offset=1' . '0' x 40, 'offset'], ['state=none', 'state'],
    ['state=', 'state'], ['sort=id', 'sort'], ['sort=keyname', 'sort'],
    ['order=up', 'order'], ['q=%', 'q'], ['q=%2', 'q'], ['q=%zz', 'q'],
    ['q=%00', 'q'], ['q=%0a', 'q'], ['q=%ff', 'q'], ['q=%c0%80', 'q'],
    ['q=' . 'a' x 513, 'q'],
) {
    my ($query, $param) = @$case;
    is_error($admin->call('GET', "keys?$query"), 400, 'invalid_value',
        'no value: ' . substr($query, 0, 20), param => $param);
}
is($admin->call('HEAD', 'keys')->{status}, 200, 'HEAD is answered');

# many keys

$t->stop_nginx;
my $got = run([$t->build . '/fill_store',
    map({ $t->dir . "/keys/$_" } 'master.key', 'keys.jsonl'), $many, $many]);
is($got->{err}, '', "$many keys are put into the log");
$t->secret($got->{out} =~ /^(sk-\S+)/mg);
$t->start($conf, workers => 1, zone => '256m', patience => 120);
$admin = Claude::Admin->new($t);

my $total = list('limit=1')->{total};
is($total, 8 + $many, 'all of them are there');
is(scalar @{ list('limit=200&sort=keyName&offset=' . int($many / 2))->{data} },
    200, 'a page of them');
is(names('q=KEY+1777&sort=keyName&limit=1'), 'key 1777', 'one of them');
my %seen;
for my $page (0 .. 9) {
    $seen{ $_->{id} }++ for @{ list('sort=keyName&limit=200&offset='
        . 200 * $page)->{data} };
}
is(scalar keys %seen, 2000, 'pages don\'t overlap');

# calls of the API beside lists, in the one worker

my $api = $key{delta}{apiKey};
sub percentile {
    my ($n, $beside) = @_;
    my @took;
    for (1 .. $n) {
        $beside->() if $beside;
        my $start = time;
        my $r = $t->http('GET', '/v1/models', key => $api);
        die "no answer\n" unless $r && $r->{status} == 200;
        push @took, time - $start;
    }
    @took = sort { $a <=> $b } @took;
    return $took[int($n * 0.99)];
}

my $alone = percentile(200);
my @open;
my ($answered, $refused) = (0, 0);
my $beside = percentile(200, sub {
    if (@open == 4) {
        for my $c (splice @open) {
            my $status = $c->response->{status};
            $status == 200 ? $answered++ : $status == 503 ? $refused++ : 0;
            $c->close;
        }
    }
    my $c = $t->connect;
    $c->send($t->request('GET', '/admin/api/keys?sort=keyName&limit=200',
        headers => $admin->headers, close => 1));
    push @open, $c;
});
$_->response, $_->close for @open;
note(sprintf '99%%: %.1f ms alone, %.1f ms beside lists; %d lists, %d refused',
    1000 * $alone, 1000 * $beside, $answered, $refused);
cmp_ok($beside, '<', $alone + $slow * PATIENCE, 'lists hold up no other call');
cmp_ok($answered, '>', 0, 'and are answered');

# how many calls are answered between the question for a list and its answer:
# a worker that went through all keys at once would answer none
sub meanwhile {
    my $other = $t->connect;
    my $c = $t->connect;
    $c->send($t->request('GET', '/admin/api/keys?q=none+is+called+so',
        headers => $admin->headers));
    my $calls = 0;
    until (IO::Select->new($c->{socket})->can_read(0)) {
        $other->send($t->request('GET', '/v1/models', key => $api));
        $other->response;
        $calls++;
    }
    $c->response;
    $_->close for $c, $other;
    return $calls;
}
ok(wait_until(sub { meanwhile() >= 8 }, 'calls beside a list', 60),
    'calls are answered while a list is made');

# a list whose client goes, and one over a reload

for (1 .. 3) {
    my $c = $t->connect;
    $c->send($t->request('GET', '/admin/api/keys', headers =>
        $admin->headers));
    $c->reset;
}
wait_until(sub { list('limit=1')->{total} }, 'room for a list');
my $c = $t->connect;
$c->send($t->request('GET', '/admin/api/keys?sort=keyName',
    headers => $admin->headers, close => 1));
$t->reload;
is($c->response->{status}, 200, 'a list under way ends over a reload');
is(list('limit=1')->{total}, 8 + $many, 'and others follow');

$t->finish;
