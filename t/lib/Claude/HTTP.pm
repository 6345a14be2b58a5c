package Claude::HTTP;

# An HTTP/1.1 client connection that hides nothing: requests are sent as the
# bytes that the test gives, answers are read as they come.
#
#   my $c = Claude::HTTP->connect(port => 8080);
#   $c->send("GET / HTTP/1.1\r\n...");
#   my $r = $c->response;         # {status, headers, body, ...}
#
# or in steps: $c->head, then $c->data for each piece of the body, or
# $c->event for each server-sent event.

use strict;
use warnings;

use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_LINGER SOCK_STREAM);
use Time::HiRes qw(time sleep);

use Claude::Process qw(slow);

use constant PATIENCE => 20;

# port or path (a unix socket), from (the local address)
sub connect {
    my ($class, %opt) = @_;
    my $socket = $opt{path}
        ? IO::Socket::UNIX->new(Peer => $opt{path}, Type => SOCK_STREAM)
        : IO::Socket::INET->new(PeerAddr => $opt{to} // '127.0.0.1',
            PeerPort => $opt{port}, Proto => 'tcp',
            $opt{from} ? (LocalAddr => $opt{from}) : ());
    die 'cannot connect to ' . ($opt{path} // $opt{port}) . ": $!\n"
        unless $socket;

    $socket->blocking(0);
    return bless { socket => $socket, in => '', eof => 0,
        patience => ($opt{patience} // PATIENCE) * slow() }, $class;
}

# returns 0 when the other side doesn't take it any more
sub send {
    my ($self, $data) = @_;
    my $end = time + $self->{patience};
    local $SIG{PIPE} = 'IGNORE';

    while (length $data) {
        my $n = syswrite $self->{socket}, $data;
        if (defined $n) {
            substr $data, 0, $n, '';
            next;
        }
        return 0 unless $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        die "nobody reads what is sent\n" if time > $end;
        IO::Select->new($self->{socket})->can_write(0.2);
    }

    return 1;
}

# one read; false at the end of the connection
sub fill {
    my ($self, $wait) = @_;
    return 0 if $self->{eof};

    if (!IO::Select->new($self->{socket})->can_read($wait)) {
        return 1;
    }

    my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    if (!defined $n) {
        return 1 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        $self->{reset} = 1;
    }

    $self->{eof} = 1 unless $n;
    return !$self->{eof};
}

# reads until the buffer matches; false when the connection ended before
sub need {
    my ($self, $test, $what) = @_;
    my $end = time + $self->{patience};

    until ($test->()) {
        return 0 if !$self->fill(0.2) && !$test->();
        die "no $what came in time\n" if time > $end;
    }

    return 1;
}

# the head of the next answer, those of 1xx skipped, as a response without
# body; undef when the connection ended before it
sub head {
    my ($self, %opt) = @_;

    for (;;) {
        $self->need(sub { $self->{in} =~ /\r\n\r\n/ }, 'response header')
            or return undef;
        $self->{in} =~ s/^(.*?)\r\n\r\n//s;
        my $r = _parse_head($1);
        $self->{interim}++, next if $r->{status} < 200 && !$opt{interim};
        $r->{method} = $opt{method} // 'GET';
        $self->{response} = $r;
        $self->{left} = _body_length($r);
        $self->{sse} = '';
        return $r;
    }
}

sub _parse_head {
    my ($text) = @_;
    my ($first, @lines) = split /\r\n/, $text;
    my ($version, $status) = $first =~ m{^HTTP/(\d\.\d) (\d{3})}
        or die "not a status line: $first\n";
    my %headers;

    for my $line (@lines) {
        my ($name, $value) = $line =~ /^([^:]+):[ \t]*(.*?)[ \t]*$/
            or die "not a header line: $line\n";
        $name = lc $name;
        $headers{$name} = exists $headers{$name}
            ? "$headers{$name}, $value" : $value;
    }

    return Claude::HTTP::Response->new(status => $status, raw => $text,
        version => $version, headers => \%headers, body => '');
}

sub _body_length {
    my ($r) = @_;
    return 0 if $r->{method} eq 'HEAD' || $r->{status} =~ /^(204|304)$/;
    return 'chunked'
        if ($r->{headers}{'transfer-encoding'} // '') eq 'chunked';
    return $r->{headers}{'content-length'} // 'close';
}

# the next piece of the body, as soon as there is one; undef at its end.  A
# body that is cut sets {truncated} in the response.
sub data {
    my ($self) = @_;
    my $left = $self->{left};
    return undef if $left eq '0';
    return $self->_chunk if $left eq 'chunked';

    if (!$self->need(sub { length $self->{in} }, 'response body')) {
        $self->{left} = 0;
        $self->{response}{truncated} = 1 if $left ne 'close';
        return undef;
    }

    my $n = $left eq 'close' || $left > length $self->{in}
        ? length $self->{in} : $left;
    $self->{left} = $left - $n if $left ne 'close';
    return substr $self->{in}, 0, $n, '';
}

sub _chunk {
    my ($self) = @_;
    my $in = \$self->{in};
    my $size;
    my $whole = $self->need(sub {
        return 0 unless $$in =~ /^([0-9a-fA-F]+)[^\r\n]*\r\n/;
        $size = hex $1;
        return length $$in >= $+[0] + $size + 2;
    }, 'chunk');

    if (!$whole) {
        $self->{left} = 0;
        $self->{response}{truncated} = 1;
        return undef;
    }

    $$in =~ s/^[^\r\n]*\r\n//;
    my $data = substr $$in, 0, $size, '';
    $$in =~ s/^\r\n// or die "chunk without its line end\n";
    return $data if $size;

    $self->{left} = 0;
    return undef;
}

# the next server-sent event's data, decoded when it is JSON; comments come as
# { comment => text }; undef at the end of the body
sub event {
    my ($self) = @_;

    for (;;) {
        if ($self->{sse} =~ s/^(.*?)\r?\n\r?\n//s) {
            return { comment => $1 } if $1 =~ /^:\s*(.*)/;
            my $data = join "\n", map { /^data: ?(.*)/ ? $1 : () }
                split /\r?\n/, $1;
            return $data if $data eq '[DONE]';
            return JSON::PP->new->utf8->decode($data);
        }
        my $piece = $self->data // return undef;
        $self->{response}{body} .= $piece;
        $self->{sse} .= $piece;
    }
}

# events up to the end, comments left out; a stream of nothing but those is
# not waited for
sub events {
    my ($self) = @_;
    my $end = time + 3 * $self->{patience};
    my @events;
    while (defined(my $event = $self->event)) {
        die "the stream does not end\n" if time > $end;
        push @events, $event unless ref $event && $event->{comment};
    }
    return @events;
}

# a whole answer; undef when the connection ended without one
sub response {
    my ($self, %opt) = @_;
    my $r = $self->head(%opt) // return undef;
    while (defined(my $piece = $self->data)) {
        $r->{body} .= $piece;
    }
    return $r;
}

# whether the other side has closed, or does so in time
sub ended {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // $self->{patience});
    while (time < $end) {
        return 1 unless $self->fill(0.1);
    }
    return 0;
}

sub close {
    my ($self) = @_;
    CORE::close $self->{socket};
}

# closes with a RST
sub reset {
    my ($self) = @_;
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    CORE::close $self->{socket};
}


package Claude::HTTP::Response;

sub new {
    my ($class, %fields) = @_;
    return bless {%fields}, $class;
}

sub header { $_[0]{headers}{ lc $_[1] } }

# the body decoded, or undef
sub json {
    my ($self) = @_;
    return eval { JSON::PP->new->utf8->decode($self->{body}) };
}

# the field of an OpenAI error body
sub error {
    my ($self, $field) = @_;
    my $doc = $self->json;
    return undef unless ref $doc eq 'HASH' && ref $doc->{error} eq 'HASH';
    return defined $field ? $doc->{error}{$field} : $doc->{error};
}

1;
