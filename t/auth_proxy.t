#!/usr/bin/perl

# claude_auth before another model server: the same keys, the same refusals,
# and the key stays here.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Checks;
use Claude::Test;

my $t = Claude::Test->new;
my $key = $t->add_key('alice');
my $other = $t->add_key('bob');
my $gone = $t->add_key('gone');
$t->keys->disable($gone);
mkdir $t->dir . '/html', 0755;
write_file($t->dir . '/html/page.txt', 'a page');

$t->start(<<'EOC');
limit_conn_zone $claude_key_id zone=conns:1m;
limit_req_zone $claude_key_id zone=reqs:1m rate=1r/m;
map $claude_key_name $shard { default none; alice a; bob b; }
log_format keys "$claude_key_id|$claude_key_name|$status";

upstream slow { server unix:%%DIR%%/slow/sock; }

server {
    listen %%ADDR%%;
    access_log %%DIR%%/keys.log keys;
    claude_auth on;

    location / {
        proxy_set_header X-Key-Id $claude_key_id;
        proxy_set_header X-Key-Name $claude_key_name;
        proxy_set_header X-Shard $shard;
        proxy_pass http://%%ADDR_origin%%;
    }
    location /asked/ {
        proxy_set_header Authorization $http_authorization;
        proxy_set_header X-Api-Key $http_x_api_key;
        proxy_pass http://%%ADDR_origin%%;
    }
    location /own/ {
        proxy_set_header Authorization "Bearer backend";
        proxy_pass http://%%ADDR_origin%%;
    }
    location /files/ { alias %%DIR%%/html/; }
    location /public/ { claude_auth off; proxy_pass http://%%ADDR_origin%%; }
    location /conn/ { limit_conn conns 1; proxy_pass http://slow; }
    location /req/ {
        limit_req zone=reqs burst=1 nodelay;
        proxy_pass http://%%ADDR_origin%%;
    }
    location /either/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        proxy_pass http://%%ADDR_origin%%;
    }
    location /down/ { proxy_pass http://127.0.0.1:1; }
}
server {
    listen %%ADDR_origin%%;
    location / {
        default_type text/plain;
        set $who "id=$http_x_key_id;name=$http_x_key_name";
        set $what "auth=$http_authorization;x=$http_x_api_key";
        return 200 "$what;$who;shard=$http_x_shard;keep=$http_keep_alive\n";
    }
}
EOC
my $slow = $t->bridge_at('slow', hold => sub { $_[0]->hold });
my $id = $t->keys->id($key);

sub get {
    my ($uri, @more) = @_;
    return $t->http('GET', $uri, @more);
}

is_error(get('/'), 401, 'missing_api_key', 'no key');
is_error(get('/', key => 'sk-nonsense'), 401, 'invalid_api_key',
    'an unknown key');
is_error(get('/', key => $gone), 401, 'invalid_api_key', 'a disabled key');
is_error($t->http('POST', '/', body => { a => 1 }), 401, 'missing_api_key',
    'a body without key');

my $r = get('/', key => $key);
is($r->{status}, 200, 'a key lets in');
is($r->{body}, "auth=;x=;id=$id;name=alice;shard=a;keep=\n",
    'the upstream learns who it is and not the key');
$r = get('/', headers => ["x-api-key: $key"]);
is($r->{body}, "auth=;x=;id=$id;name=alice;shard=a;keep=\n",
    'nor with x-api-key');
$r = get('/', key => $key, headers => ["x-api-key: $other"]);
unlike($r->{body}, qr/\Q$other\E|\Q$key\E/, 'nor with both');
is(get('/asked/', key => $key)->{body} =~ /^auth=Bearer \Q$key\E;x=;/, 1,
    'it is passed on where the configuration asks for it');
is(get('/asked/', headers => ["x-api-key: $key"])->{body}
    =~ /^auth=;x=\Q$key\E;/, 1, 'x-api-key too');
like(get('/own/', key => $key)->{body}, qr/^auth=Bearer backend;/,
    'and the upstream may have a key of its own');
like($t->http('POST', '/', key => $key, body => { a => 1 })->{body},
    qr/name=alice/, 'a request with a body');

is(get('/files/page.txt', key => $key)->{body}, 'a page', 'files too');
is_error(get('/files/page.txt'), 401, 'missing_api_key',
    'are not served without');
like(get('/public/', key => 'nonsense')->{body}, qr/^auth=Bearer nonsense;/,
    'claude_auth off: nothing is checked or taken away');

like(get('/either/')->{body}, qr/^auth=;/,
    'satisfy any: an address that is allowed needs no key');
is_error(get('/either/', from => '127.0.0.2'), 401, 'missing_api_key',
    'another does');
like(get('/either/', from => '127.0.0.2', key => $key)->{body}, qr/^auth=;/,
    'and is let in with one');

# by key, in phases before the check

my $c = $t->connect;
$c->send($t->request('POST', '/conn/', key => $key, body => '[[hold]]'));
wait_until(sub { $slow->entries >= 1 }, 'a call that is held');
is(get('/conn/', key => $key)->{status}, 503,
    'limit_conn counts by key');
is(get('/conn/', key => $other)->{status}, 200, 'each by itself');
$c->close;
is_deeply([map { get('/req/', key => $key)->{status} } 1 .. 3],
    [200, 200, 503], 'limit_req too');
is(get('/req/', key => $other)->{status}, 200, 'another key');
is(get('/req/', key => 'sk-unknown')->{status}, 401,
    'an unknown key has no id, and is not counted with others');

is_error(get('/down/', key => $key), 502, undef,
    "nginx's own error is JSON here too");

my @log = split /\n/, read_file($t->dir . '/keys.log');
is($log[0], '-|-|401', 'the log of a request without key');
ok((grep { $_ eq "$id|alice|200" } @log), 'and of one with it');
ok((grep { $_ eq '-|-|401' } @log[1 .. $#log]),
    'a refused key has no name in the log');

$t->allow(qr/access forbidden by rule/, qr/connect\(\) failed/,
    qr/limiting (?:connections|requests)/);
$t->finish;
