#!/usr/bin/perl

# What an operator does to a key beside a running nginx is felt by every
# worker, by open streams, and by workers that are on their way out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my %key = map { $_ => $t->add_key($_) }
    qw(deleted disabled expiring rotated graced other old);

my $bridge = $t->bridge(
    silent => sub { $_[0]->hold('go') and $_[0]->hello },
    midway => sub {
        my ($r) = @_;
        $r->start;
        $r->text('part');
        $r->hold('go') and $r->finish;
    },
);
my $config = <<'EOC';
server {
    listen %%ADDR%%;
    location /v1/ { claude_pass bridge; }
    location /proxied/ { claude_auth on; proxy_pass http://%%ADDR_origin%%; }
}
server { listen %%ADDR_origin%%; location / { return 200 "origin\n"; } }
EOC
$t->start($config);

sub status { $t->http('GET', '/v1/models', key => $_[0])->{status} }

sub becomes {
    my ($key, $status, $name) = @_;
    wait_until(sub { status($key) == $status }, "$status");
    is_deeply([map { status($key) } 1 .. 12], [($status) x 12], $name);
}

# open calls of a key: a stream, one that has not been answered, a whole answer
sub open_calls {
    my ($key) = @_;
    my $hits = $bridge->hits;
    my %calls = (stream => $t->stream('[[midway]]', key => $key),
        unanswered => $t->stream('[[silent]]', key => $key),
        whole => $t->connect);
    $calls{whole}->send($t->request('POST', '/v1/chat/completions',
        key => $key, body => $t->chat_body('[[midway]]')));
    $bridge->wait_hits($hits + 3);
    $calls{stream}->head;
    $calls{stream}->event;
    return \%calls;
}

sub ended {
    my ($name, $calls, $closed) = @_;
    my @events = $calls->{stream}->events;
    my $error = @events && ref $events[-1] ? $events[-1]{error} : {};
    is($error->{code}, 'invalid_api_key', "$name: the stream ends in-band");
    is(scalar(grep { !ref } @events), 0, "$name: without [DONE]");
    is_error($calls->{unanswered}->response, 401, 'invalid_api_key',
        "$name: what was not answered is a 401");
    is_error($calls->{whole}->response, 401, 'invalid_api_key',
        "$name: a whole answer too");
    ok($bridge->wait_closed($closed + 3), "$name: the bridge's calls end");
    $_->close for values %$calls;
}

my $others = $t->stream('[[midway]]', key => $key{other});
$others->head;
$others->event;

# one after another

my %how = (
    deleted => sub { $keys->delete($key{deleted}) },
    disabled => sub { $keys->disable($key{disabled}) },
    rotated => sub { $key{new} = $keys->rotate($key{rotated}) },
);
for my $name (sort keys %how) {
    is(status($key{$name}), 200, "$name: the key holds");
    my $closed = $bridge->closed;
    my $calls = open_calls($key{$name});
    $how{$name}->();
    ended($name, $calls, $closed);
    becomes($key{$name}, 401, "$name: no worker takes the key any more");
    is($t->http('GET', '/proxied/', key => $key{$name})->{status}, 401,
        "$name: nor for another upstream");
}

$keys->set($key{expiring}, '--expires',
    strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 2)));
is(status($key{expiring}), 200, 'a key that is to expire holds');
becomes($key{expiring}, 401, 'and does not once its time has come');
becomes($key{new}, 200, 'every worker takes the key that it was rotated to');
$keys->enable($key{disabled});
becomes($key{disabled}, 200, 'and the one that is enabled again');
becomes($t->add_key('late'), 200, 'and one that was made meanwhile');

# a rotation with a grace: the old key and its calls go on, until the next one

my $before = $bridge->closed;
my $first = open_calls($key{graced});
my $second = $keys->rotate($key{graced}, '--grace', 3600);
becomes($second, 200, 'graced: every worker takes the new key');
is(status($key{graced}), 200, 'graced: and the old one');
my $going = $t->stream('[[midway]]', key => $second);
$going->head;
$going->event;

my $third = $keys->rotate($second, '--grace', 3600);
becomes($third, 200, 'graced: another key within the grace');
ended('graced twice', $first, $before);
becomes($key{graced}, 401, 'graced twice: the first key is gone');
is(status($second), 200, 'graced twice: the second is not');

# a name may change without anybody noticing

my $calls = open_calls($key{other});
$keys->set($key{other}, '--name', 'somebody else');
$keys->command(undef, 'compact', $keys->files);
becomes($t->add_key('later'), 200, 'a compacted log is followed');
is(status($key{deleted}), 401, 'a deleted key stays deleted');

# workers that are on their way out hold streams too

my $closed = $bridge->closed;
my $old = open_calls($key{old});
my %before = map { $_ => 1 } $t->workers;
$t->reload($config);
ok((grep { $before{$_} } $t->workers(all => 1)),
    'a worker goes on with its streams after a reload');
$keys->delete($key{old});
ended('after a reload', $old, $closed);

$bridge->open_gate('go');
my @events = $others->events;
is($events[-1], '[DONE]', "another key's stream is whole through all of it");
@events = $calls->{stream}->events;
is($events[-1], '[DONE]', "a renamed key's too");
is_chat($calls->{whole}->response, 'part', 'and its whole answer');
is($calls->{unanswered}->head->{status}, 200,
    'and what was not answered yet');
@events = $going->events;
is($events[-1], '[DONE]', 'and that of a key in its grace');
$_->close for $others, $going, values %$calls;

$t->finish;
