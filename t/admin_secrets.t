#!/usr/bin/perl

# Credentials and keys that go through the admin's API: shown once, and then in
# no worker's memory, no log of whatever level, no other answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Admin;
use Claude::Checks;
use Claude::Process qw(in_memory);
use Claude::Test;

my $t = Claude::Test->new;
$t->bridge;
my $conf = 'server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } '
    . Claude::Admin->location($t, upstream => 'bridge') . ' }';
$t->start($conf, workers => 1, level => 'debug');
my $admin = Claude::Admin->new($t);

# on one connection that stays open, so that nothing is freed with it

my $c = $t->connect;
sub call {
    my ($method, $path, $body) = @_;
    $c->send($t->request($method, "/admin/api/$path",
        headers => $admin->headers, body => $body));
    my $r = $c->response;
    my $doc = $r->json;
    $t->secret($doc->{apiKey}) if ref $doc && $doc->{apiKey};
    return $r;
}

my %secret;
my @answers;
sub hide { my ($name, $secret) = @_; return $secret{$name} = $secret }

my $r = call('POST', 'keys', { keyName => 'one',
    oauthToken => hide('a credential', token()) });
is($r->{status}, 201, 'a key is made');
my $id = $r->json->{id};
hide('its key', $r->json->{apiKey});
$r = call('POST', 'keys', json_encode({ keyName => 'long',
    oauthToken => hide('one of a long body', token()) }) . ' ' x 30_000);
is($r->{status}, 201, 'by a long body too');
hide('its own key', $r->json->{apiKey});
my $path = "keys/$id";
push @answers, call('POST', "$path/token",
    { oauthToken => hide('another credential', token()) });
is($answers[-1]{status}, 200, 'the credential is replaced');
$r = call('POST', "$path/rotate", { grace => 60 });
hide('a key that was rotated', $r->json->{apiKey});
push @answers, call('POST', "$path/verify", {});
is(json_encode($answers[-1]->json->{works}), 'true', 'and verified');

# refused ones, the field or the whole body at fault
push @answers, call('POST', 'keys', { keyName => '',
    oauthToken => hide('one with a bad name', token()) });
push @answers, call('POST', 'keys', { keyName => 'x',
    oauthToken => hide('a bad one', token() . '!') });
push @answers, call('POST', 'keys', '{"keyName":"x","oauthToken":"'
    . hide('one of half a body', token()) . '"');
push @answers, call('POST', 'keys', { hide('one as a name', token()) => 1 });
push @answers, call('POST', 'keys', { oauthToken =>
    [hide('one in an array', token())], keyName => 'x' });
is(join(' ', map { $_->{status} } @answers[-5 .. -1]), '400 400 400 400 400',
    'bad bodies are refused');
push @answers, call('GET', $_) for $path, 'keys', 'usage', 'status',
    'audit?after=0';

# a client that goes in the middle of its body
my $slow = $t->connect;
my $request = $t->request('POST', '/admin/api/keys',
    headers => $admin->headers, body => { keyName => 'x',
        oauthToken => hide('one of a client that goes', token()) });
$slow->send(substr $request, 0, length($request) - 2);
$slow->close;
push @answers, call('GET', 'session');

$t->secret(values %secret);
my @leaky = grep {
    my $one = $secret{$_};
    grep { index($_->{body}, $one) >= 0 } @answers;
} sort keys %secret;
is("@leaky", '', 'no other answer has a secret in it');

my $log = $t->log;
is(join(', ', grep { index($log, $secret{$_}) >= 0 } sort keys %secret), '',
    'none is in the log');

SKIP: {
    skip 'a sanitizer has terabytes of its own', 1 if $t->sanitized;
    skip "a worker's memory can't be read here", 1
        unless defined in_memory('x', $t->workers);
    my @left;
    eval {                  # the one of the client that went takes a moment
        wait_until(sub {
            @left = grep { in_memory($secret{$_}, $t->workers) }
                sort keys %secret;
            return !@left;
        }, 'memory', 5);
    };
    is(join(', ', @left), '', 'and none in memory');
}
$c->close;

# what nginx itself says of headers at this level is not the module's
write_file($t->dir . '/error.log', '');
$t->finish;
