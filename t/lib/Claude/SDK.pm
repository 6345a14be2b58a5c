package Claude::SDK;

# The real bridge, with real SDK processes, against the stub of Anthropic's
# API.  Slow beside the fake bridge: for what only the whole path can show.

use strict;
use warnings;

use HTTP::Tiny ();

use Claude::Process qw(wait_until descendants read_file write_file);

my $http = HTTP::Tiny->new(timeout => 20);

# the stub alone, for bridges that the test starts itself
sub start_stub {
    my ($class, $world) = @_;
    my $dir = $world->dir;
    my $root = $world->root;
    my $self = bless { world => $world }, $class;

    $world->private('stub.out');
    $self->{stub} = $world->daemon('stub',
        cmd => ['node', "$root/t/stub/anthropic.mjs"]);
    $self->{url} = wait_until(sub {
        (read_file("$dir/stub.out") // '') =~ m{listening on (http://\S+)}
            && $1;
    }, 'the stub API');
    return $self;
}

# starts both; pool is the number of parked processes, env adds to the
# bridge's environment
sub start {
    my ($class, $world, %opt) = @_;
    my $dir = $world->dir;
    my $self = $class->start_stub($world);
    $self->{pool} = $opt{pool} // 1;

    mkdir "$dir/bridge" or die "$dir/bridge: $!\n";
    $self->{env} = {
        CLAUDE_BRIDGE_SOCKET => "$dir/bridge/sock",
        CLAUDE_BRIDGE_DIR => "$dir/bridge/work",
        CLAUDE_BRIDGE_POOL => $self->{pool}, CLAUDE_BRIDGE_KEEP => 0,
        ANTHROPIC_BASE_URL => $self->{url}, %{ $opt{env} // {} },
    };
    $self->start_bridge;
    $self->wait_parked unless $opt{dont_wait};
    return $self;
}

sub start_bridge {
    my ($self) = @_;
    my ($world, $dir) = ($self->{world}, $self->{world}->dir);
    $self->{pid} = $world->daemon('sdk', env => $self->{env},
        cmd => ['node', $world->root . '/src/sdk/bridge.mjs']);
    wait_until(sub { -S "$dir/bridge/sock" }, 'the bridge');
    chmod 0666, "$dir/bridge/sock";
}

# {ready, parked, busy, ...} of the bridge itself, or undef
sub health {
    my ($self) = @_;
    my $c = eval { Claude::HTTP->connect(
        path => $self->{world}->dir . '/bridge/sock') } or return undef;
    $c->send("GET /health HTTP/1.1\r\nHost: bridge\r\n"
        . "Connection: close\r\n\r\n");
    my $r = $c->response or return undef;
    return $r->json;
}

sub wait_parked {
    my ($self, $n) = @_;
    $n //= $self->{pool};
    wait_until(sub { (($self->health // {})->{parked} // 0) >= $n },
        "$n parked processes", 60);
}

# SDK processes
sub processes {
    my ($self) = @_;
    return grep {
        my $line = read_file("/proc/$_/cmdline") // '';
        $line =~ /stream-json/ && $line !~ /^setpriv/;
    } descendants($self->{pid});
}

# what came to the API, oldest first; see t/stub/anthropic.mjs
sub requests {
    my ($self) = @_;
    my $r = $http->get("$self->{url}/_stub/requests");
    die "the stub API: $r->{status}\n" unless $r->{success};
    my $doc = Claude::Test::json_decode($r->{content});
    return grep { $_->{url} =~ m{^/v1/messages} }
        @{ ref $doc eq 'HASH' ? $doc->{requests} : $doc };
}

# the last of them, its body decoded
sub last_request {
    my ($self) = @_;
    my ($last) = reverse $self->requests;
    utf8::encode(my $body = $last->{body});
    return { %$last, json => Claude::Test::json_decode($body) };
}

# API answers that have not ended
sub open_calls {
    my ($self) = @_;
    my $r = $http->get("$self->{url}/_stub/open");
    return Claude::Test::json_decode($r->{content})->{open};
}

# lets answers go on that hang
sub release {
    my ($self, $name) = @_;
    $http->post("$self->{url}/_stub/release"
        . (defined $name ? "?name=$name" : ''));
}

sub forget { $http->request('DELETE', "$_[0]{url}/_stub/requests") }

1;
