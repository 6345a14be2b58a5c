#!/usr/bin/perl

# All about one key is deleted as docs/SECURITY.md says, word for word, beside a
# running nginx that has just counted what the key used.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Docs;
use Claude::Test;

my $t = Claude::Test->new;
my $keys = $t->keys;
my $dir = $t->dir;
my %key = map { $_ => $t->add_key($_) } qw(leaves stays);
my $id = $keys->id($key{leaves});
$t->bridge;
$t->start(<<'EOC', keystore => "zone=keys:1m path=$keys->{store} flush=1s");
server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
EOC

my $docs = Claude::Docs->new($t, 'docs/SECURITY.md');
my ($command) = $docs->blocks('Delete all about one key', 'sh');
like($command, qr/key_[0-9A-Za-z]{20}/, 'a command about a key');
$command =~ s/key_[0-9A-Za-z]{20}/$id/;

sub chats {
    is_chat($t->chat('hi', key => $_), 'Hello world', 'a key is used')
        for @_;
}

# files of the store that name a key
sub named {
    my ($what) = @_;
    return join ' ', grep { (read_file($_) // '') =~ /\Q$what\E/ }
        "$dir/keys/keys.jsonl", glob "$dir/keys/keys.jsonl.*/*";
}

chats($key{leaves}, $key{stays});
wait_until(sub { named($id) =~ /usage/ && named($keys->id($key{stays}))
    =~ /usage/ }, 'both to be counted');
chats($key{leaves});

my $got = $docs->shell($command);
is($got->{status}, 0, 'docs/SECURITY.md: Delete all about one key')
    or diag $got->{err};
wait_until(sub { $t->http('GET', '/v1/models', key => $key{leaves})->{status}
    == 401 }, 'a refusal');
pass('the key is refused');

# what was not written yet is now; and then the command once more
my $n = 0;
wait_until(sub {
    chats($key{stays}) if $n++ % 20 == 0;
    return $n > 60 || named($id);
}, 'the next flush');
is($docs->shell($command)->{status}, 0, 'and once more');
is(named($id), '', 'nothing names it any more');
like(named($keys->id($key{stays})), qr/usage/, 'others are as they were');
is($keys->command(undef, 'check', $keys->files)->{status}, 0, 'all is sound');

$t->finish;
