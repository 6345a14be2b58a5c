package Claude::H2;

# An HTTP/2 connection of single frames (RFC 9113), without TLS, for what curl
# doesn't do: resets.  Headers are written as literals without indexing
# (RFC 7541, 6.2.2), so there is no table to keep.

use strict;
use warnings;

use Claude::HTTP;
use Claude::Process qw(wait_until);

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4,
};

sub connect {
    my ($class, %opt) = @_;
    my $c = Claude::HTTP->connect(%opt);
    my $self = bless { c => $c, next => 1, body => {}, ended => {},
        pings => 0 }, $class;
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS, 0, 0, '');
    return $self;
}

sub frame {
    my ($self, $type, $flags, $id, $payload) = @_;
    return $self->{c}->send(substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $id) . $payload);
}

sub _string {
    my ($text) = @_;
    my $n = length $text;
    return pack('C', $n) . $text if $n < 127;
    die "too long a header\n" if $n >= 127 + 128;
    return pack('CC', 127, $n - 127) . $text;
}

# sends a whole request and returns its stream
sub request {
    my ($self, $method, $path, $body, @headers) = @_;
    my $id = $self->{next};
    $self->{next} += 2;

    my @fields = (':method' => $method, ':path' => $path, ':scheme' =>
        'http', ':authority' => 'localhost', @headers);
    my $block = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= "\0" . _string($name) . _string($value);
    }

    $self->frame(HEADERS, END_HEADERS, $id, $block);
    $self->frame(DATA, END_STREAM, $id, $body);
    return $id;
}

sub reset {
    my ($self, $id) = @_;
    $self->frame(RST_STREAM, 0, $id, pack 'N', 8);
}

# one frame of the other side; false at the end of the connection
sub read_frame {
    my ($self) = @_;
    my $c = $self->{c};
    $c->need(sub { length $c->{in} >= 9 && length $c->{in} >= 9
        + unpack 'N', "\0" . substr $c->{in}, 0, 3 }, 'frame') or return 0;

    my ($size, $type, $flags, $id) = unpack 'a3CCN', substr $c->{in}, 0, 9,
        '';
    my $payload = substr $c->{in}, 0, unpack('N', "\0$size"), '';

    $self->frame(SETTINGS, ACK, 0, '') if $type == SETTINGS
        && !($flags & ACK);
    $self->{body}{$id} .= $payload if $type == DATA;
    $self->{ended}{$id} = 1 if $type == RST_STREAM
        || ($type == DATA || $type == HEADERS) && $flags & END_STREAM;
    $self->{pings}++ if $type == PING && $flags & ACK;
    return 1;
}

# the body of a stream once it has ended
sub body {
    my ($self, $id) = @_;
    while (!$self->{ended}{$id}) { $self->read_frame or last }
    return $self->{body}{$id} // '';
}

# sends a PING and waits for its answer; false when the connection has ended
sub ping {
    my ($self) = @_;
    my $wanted = $self->{pings} + 1;
    $self->frame(PING, 0, 0, 'pingpong') or return 0;
    while ($self->{pings} < $wanted) { $self->read_frame or return 0 }
    return 1;
}

sub close { $_[0]{c}->close }

1;
