#!/usr/bin/perl

# Each file of conf-examples, with no more than its paths and ports changed,
# is accepted by nginx -t and serves a request.  The one that needs nginx's
# OpenTelemetry module is tried where that is: in nginx's own place for
# modules, or where CLAUDE_TEST_OTEL says.

use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Curl qw(curl certificate);
use Claude::SignIn;
use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;
my $key = $t->add_key('alice');
my $id = $t->keys->id($key);
my $bridge = $t->bridge;
my $port = $t->port('tls');
certificate($dir);
Claude::SignIn->new($t, alice => 'correct horse');

my $otel = $ENV{CLAUDE_TEST_OTEL}
    // '/usr/lib/nginx/modules/ngx_otel_module.so';

my @replace = (
    ['modules/ngx_otel_module.so', $otel],
    ['modules/ngx_http_claude_module.so', Claude::Test::module()],
    ['/etc/nginx/claude/master.key', "$dir/keys/master.key"],
    ['/var/lib/nginx-claude/keys.jsonl', "$dir/keys/keys.jsonl"],
    [qr{/run/claude/[\w-]+\.sock}, "$dir/bridge/sock"],
    ['/etc/nginx/claude/admin.htpasswd', "$dir/admin.htpasswd"],
    ['127.0.0.1:9000', "unix:$dir/bridge/sock"],
    ['/etc/nginx/tls/cert.pem', "$dir/tls.crt"],
    ['/etc/nginx/tls/key.pem', "$dir/tls.key"],
    ['/var/log/nginx/', "$dir/"],
    [qr{(?<=listen )443\b}, "127.0.0.1:$port"],
);

# what a test needs beside what the example says
my $main = "daemon off;\npid $dir/nginx.pid;\nerror_log $dir/error.log info;\n"
    . ($> == 0 ? "user www-data;\n" : '');
my $http = join '', "access_log $dir/access.log;\n",
    map { "${_}_temp_path $dir/tmp/$_;\n" }
    qw(client_body proxy fastcgi uwsgi scgi);

sub use_example {
    my ($name) = @_;
    my $text = read_file(root() . "/conf-examples/$name");

    for (@replace) {
        my ($from, $to) = @$_;
        $from = qr{\Q$from\E} unless ref $from;
        $text =~ s/$from/$to/g;
    }

    $text =~ s/^http \{/http {\n$http/m;
    write_file("$dir/nginx.conf", "$main$text");
    my $checked = $t->check(undef);
    is($checked->{status}, 0, "$name: nginx -t") or diag $checked->{err};
    $t->start(undef);
}

sub chat {
    my ($with, @args) = @_;
    return curl("https://localhost:$port/v1/chat/completions",
        '--resolve', "localhost:$port:127.0.0.1",
        '-H', 'Content-Type: application/json',
        ($with ? ('-H', "Authorization: Bearer $with") : ()),
        '-d', json_encode($t->chat_body('hi')), @args);
}

my %also = (
    'admin.conf' => sub {
        my ($r, $name) = @_;
        my @tls = ('--resolve', "localhost:$port:127.0.0.1");
        my $admin = "https://localhost:$port/admin/";
        my $in = curl("${admin}api/login", @tls, '-H',
            'Content-Type: application/json', '-H',
            'Sec-Fetch-Site: same-origin', '-d',
            json_encode({ password => 'correct horse' }));
        is($in->{status}, 200, "$name: a login") or diag $in->{body};
        my ($cookie) = $in->header('set-cookie') =~ /^([^;]+)/;
        is(curl("${admin}api/keys", @tls, '-b', $t->secret($cookie))
            ->json->{data}[0]{id}, $id, "$name: and the keys");
        is(curl($admin, @tls)->{status}, 200, "$name: and the page");
    },

    'minimal.conf' => sub {
        my ($r, $name) = @_;
        is($r->json->{object}, 'chat.completion', "$name: a chat");
    },

    'fleet-edge.conf' => sub {
        my ($r, $name) = @_;
        is($r->{version}, '2', "$name: over HTTP/2");
        $t->stop_nginx;
        my ($line) = grep { $_->{status} == 200 } map { json_decode($_) }
            split /\n/, read_file("$dir/claude.log");
        is($line->{key}, $id, "$name: the log says whose request it was");
        is($line->{name}, 'alice', "$name: and the key's name");
        like($line->{completion_tokens}, qr/^[1-9]\d*$/,
            "$name: and what it took");
    },

    'opentelemetry.conf' => sub {
        my ($r, $name) = @_;
        my $of = '4bf92f3577b34da6a3ce929d0e0e4736';
        my $with = chat($key, '-H', "traceparent: 00-$of-00f067aa0ba902b7-01");
        is($with->{status}, 200, "$name: a request of some trace");
        $t->stop_nginx;
        my ($new, $old) = grep { $_->{status} == 200 } map { json_decode($_) }
            split /\n/, read_file("$dir/trace.log");
        for (["begins a trace", $new, $r], ["goes on with one", $old, $with]) {
            my ($what, $line, $r) = @$_;
            is($line->{claude_trace}, $line->{trace}, "$name: $what");
            is($line->{claude_parent}, $line->{span}, "$name: in its span");
            is($r->header('traceparent'),
                "00-$line->{trace}-$line->{claude_span}-01",
                "$name: the client is told");
        }
        is($old->{trace}, $of, "$name: which is the client's");
        is(($bridge->calls)[-1]{headers}{traceparent},
            "00-$of-$old->{claude_span}-01", "$name: the bridge is told");
        $t->allow(qr/OTel/);
    },

    'claude-auth.conf' => sub {
        my ($r, $name) = @_;
        my ($got) = reverse $bridge->calls;
        is($got->{url}, '/v1/chat/completions',
            "$name: the model server has it");
        is($got->{headers}{'x-key-id'}, $id, "$name: and learns whose it is");
        is($got->{headers}{authorization}, undef,
            "$name: but doesn't see the key");
    },
);

my @names = map { basename($_) } sort glob root() . '/conf-examples/*.conf';
is_deeply(\@names, [sort keys %also], 'every example is known here');

for my $name (@names) {
    if ($name eq 'opentelemetry.conf' && !-e $otel) {
        SKIP: { skip "$name: no ngx_otel_module.so here", 1 }
        next;
    }
    use_example($name);
    is(chat(undef)->{status}, 401, "$name: no key, no answer");
    my $r = chat($key);
    is($r->{status}, 200, "$name: a request with a key is answered")
        or diag $r->{body};
    $also{$name}->($r, $name);
    $t->stop_nginx;
    $bridge->forget;
}

$t->finish;
