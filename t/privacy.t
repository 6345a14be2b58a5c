#!/usr/bin/perl

# Prompts, credentials and keys: not on disk, not in logs at any level that is
# ours, not in command lines or environments, and no credential in a worker's
# memory that is not in use.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::SDK;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $unused = $t->add_key('bob');
my %token = map { $_ => $t->keys->token($_) } $key, $unused;
my $prompt = $t->secret('prompt-canary-' . int rand 1e9);
my $answer = $t->secret('answer-canary-' . int rand 1e9);

my $sdk = Claude::SDK->start($t, pool => 1,
    env => { CLAUDE_BRIDGE_LOG => 'debug' });
my $fake = $t->bridge_at('fake',
    hold => sub { my ($r) = @_; $r->hold('go') or return; $r->hello },
    refuse => sub { $_[0]->error(401, 'authentication_error') },
);
# nginx itself writes headers at level debug: that log is looked at apart
$t->private('debug.log');
$t->start(<<'EOC');
upstream fake { server unix:%%DIR%%/fake/sock; }
server {
    listen %%ADDR%%;
    client_max_body_size 8m;
    client_body_buffer_size 1k;
    location /v1/ { claude_pass bridge; }
    location /fake/ { claude_pass fake; }
    location /debug/ {
        error_log %%DIR%%/debug.log debug;
        claude_pass fake;
    }
}
EOC

# files of nginx's own that hold some text, and those that a worker has open
sub files_with {
    my ($text) = @_;
    return [grep { !m{/stub\.out$|/journal$} && index(read_file($_) // '',
        $text) >= 0 } Claude::Test::files($t->dir)];
}

sub open_files {
    my %seen = map { $_ => 1 } grep { defined && m{^/} && !m{^/(dev|proc)} }
        map { readlink $_ } map { glob "/proc/$_/fd/*" } $t->workers;
    return join ' ', sort keys %seen;
}

# a large prompt while it is being answered

my $idle = open_files();
my $large = "[[hold]] $prompt " . 'x' x 3_000_000;
my $c = $t->connect;
$c->send($t->request('POST', '/fake/chat/completions', key => $key,
    body => $t->chat_body($large)));
$fake->wait_hits(1);
is(open_files(), $idle, 'a large prompt is in no file while it is answered');
is_deeply(files_with($prompt), [], 'nor in one by its name');

# its way in, in pieces

my $slow = $t->connect;
my $request = $t->request('POST', '/fake/chat/completions', key => $key,
    body => $t->chat_body($large));
$slow->send(substr $request, 0, 2_000_000);
is(open_files(), $idle, 'nor while it comes in');
$slow->close;

# memory of workers

sub in_memory { Claude::Process::in_memory($_[0], $t->workers) }

SKIP: {
    skip "a worker's memory can't be read here", 5
        unless defined in_memory('x');
    cmp_ok(in_memory($prompt), '>', 0, 'what is in use is found in memory');
    is(in_memory($token{$unused}), 0,
        'a credential that is not in use is not');
    $fake->open_gate('go');
    is_chat($c->response, 'Hello world', 'the answer comes');
    is(in_memory($token{$key}), 0, 'nor one that was, after the answer');
    $t->chat('[[refuse]]', key => $key, uri => '/fake/chat/completions')
        for 1 .. 3;
    my $gone = $t->stream('[[hold]]', key => $unused,
        uri => '/fake/chat/completions');
    $gone->close;
    is_chat($t->chat('hi', key => $unused, uri => '/fake/chat/completions'),
        'Hello world', 'and others');
    is(in_memory($token{$unused}), 0, 'nor after errors and clients gone');
}
$c->close;

# the whole path: command lines and environments of all processes

$c = $t->stream("$prompt [[stub text=\"a b c\" deltas=3 after=1 hang=stream]]",
    key => $key);
$c->head;
$c->event for 1, 2;
my @all = map { ($_, descendants($_)) } $t->{master},
    map { $_->{pid} } @{ $t->{daemons} };
cmp_ok(scalar @all, '>=', 5, 'the processes are there');
for my $what ([$token{$key}, 'credential'], [$key, 'key'],
    [$prompt, 'prompt'])
{
    my @found = grep { index((read_file($_) // ''), $what->[0]) >= 0 }
        map { ("/proc/$_/cmdline", "/proc/$_/environ") } @all;
    is_deeply(\@found, [], "no $what->[1] in a command line or environment");
}
$sdk->release;
$c->events;
$c->close;
is_chat($t->chat("$prompt [[stub text=\"$answer\"]]", key => $key), $answer,
    'a whole answer');
is_deeply(files_with($_), [], 'no file of nginx, bridge or SDK has it')
    for $prompt, $answer;
is_deeply(files_with($token{$key}), [], 'nor the credential');

# every kind of failure, then the logs

$t->chat("$prompt [[stub status=$_]]", key => $key) for 401, 500;
$t->http('POST', '/v1/chat/completions', key => $key, body =>
    "{\"$prompt\":");
$t->http('POST', '/v1/chat/completions', key => $key, body =>
    { model => $prompt, messages => [{ role => $prompt }] });
$t->http('GET', '/v1/models', key => "sk-$prompt");
$t->http('GET', '/v1/models', headers => ["Authorization: Basic $key"]);

# at level debug nginx writes the client's headers; nothing of ours follows

$t->chat("$prompt hi", key => $key, uri => '/debug/chat/completions');
$t->chat("$prompt [[refuse]]", key => $key,
    uri => '/debug/chat/completions');
my $debug = read_file($t->dir . '/debug.log');
like($debug, qr/\[debug\]/, 'a log at level debug');
unlike($debug, qr/\Q$token{$key}\E/, 'has no credential');
unlike($debug, qr/\Q$prompt\E/, 'and no prompt');
my @foreign = grep { /\Q$key\E/ && !/http header: "/ } split /\n/, $debug;
is_deeply(\@foreign, [], 'and the key only where nginx writes headers');

# finish() looks for keys, credentials, prompt and answer in all other files
$t->allow(qr/upstream/);
$t->finish;
