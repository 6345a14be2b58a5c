package Claude::FakeBridge::Reply;

# One connection of the fake bridge, and the answer being written to it, in
# the form that the bridge gives it: chunked, one SSE event a write.

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->utf8->canonical;

sub new {
    my ($class, $socket, $bridge) = @_;
    return bless { socket => $socket, bridge => $bridge, in => '' }, $class;
}

# undef at the end of the connection
sub read_request {
    my ($self) = @_;
    until ($self->{in} =~ /\r\n\r\n/) { $self->_read or return undef }

    $self->{in} =~ s/^(.*?)\r\n\r\n//s;
    my ($first, @lines) = split /\r\n/, $1;
    my ($method, $url) = split / /, $first;
    my %headers = map { my ($k, $v) = split /: */, $_, 2; (lc $k, $v) } @lines;
    my $length = $headers{'content-length'} // 0;
    while (length $self->{in} < $length) { $self->_read or return undef }

    return { method => $method, url => $url, headers => \%headers,
        lines => \@lines, body => substr $self->{in}, 0, $length, '' };
}

sub _read {
    my ($self) = @_;
    return sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
}

sub begin {
    my ($self, $id, $request) = @_;
    @$self{qw(id request index chunked)} = ($id, $request, -1, 1);
}

sub raw {
    my ($self, $data) = @_;
    while (length $data) {
        my $n = syswrite $self->{socket}, $data;
        if (!defined $n) {
            $self->{bridge}->note({ closed => $self->{id} })
                unless $self->{closed}++;
            return 0;
        }
        substr $data, 0, $n, '';
    }
    return 1;
}

# bytes of the body, as a chunk where it is chunked
sub body {
    my ($self, $data) = @_;
    return $self->raw($data) unless $self->{chunked};
    return $self->raw(sprintf "%x\r\n%s\r\n", length $data, $data);
}

sub head {
    my ($self, $status, @headers) = @_;
    my $text = "HTTP/1.1 $status Status\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }
    $self->raw("$text\r\n");
}

sub stream_head {
    my ($self, @headers) = @_;
    $self->head(200, 'Content-Type' => 'text/event-stream',
        'Transfer-Encoding' => 'chunked', @headers);
}

sub event_text {
    my ($self, $type, $data) = @_;
    $data = $json->encode({ type => $type, %$data }) if ref $data;
    return "event: $type\ndata: $data\n\n";
}

sub event {
    my ($self, $type, $data) = @_;
    $self->body($self->event_text($type, $data));
}

sub message_start {
    my ($self, %usage) = @_;
    return $self->event_text('message_start', { message => {
        id => 'msg_1', type => 'message', role => 'assistant', content => [],
        model => 'claude-sonnet-5-5', stop_reason => undef,
        stop_sequence => undef,
        usage => { input_tokens => 11, output_tokens => 1, %usage } } });
}

# the headers, message_start, and an open text block
sub start {
    my ($self, %usage) = @_;
    $self->stream_head;
    $self->body($self->message_start(%usage));
    $self->block('text', text => '');
}

sub block {
    my ($self, $type, %fields) = @_;
    $self->event('content_block_start', { index => ++$self->{index},
        content_block => { type => $type, %fields } });
}

sub block_stop {
    my ($self) = @_;
    $self->event('content_block_stop', { index => $self->{index} });
}

# a delta in the bridge's usual form: type, index and delta in this order
sub delta_text {
    my ($self, $text) = @_;
    my $string = JSON::PP->new->utf8->allow_nonref->encode($text);
    return $self->event_text('content_block_delta',
        qq({"type":"content_block_delta","index":$self->{index},)
        . qq("delta":{"type":"text_delta","text":$string}}));
}

sub text {
    my ($self, $text) = @_;
    $self->body($self->delta_text($text));
}

# closes the block and the message in good order
sub finish {
    my ($self, $reason, %usage) = @_;
    $self->block_stop if $self->{index} >= 0;
    $self->event('message_delta', { delta => {
        stop_reason => $reason // 'end_turn', stop_sequence => undef },
        usage => { output_tokens => 7, %usage } });
    $self->event('message_stop', {});
    $self->end;
}

sub end { $_[0]->raw("0\r\n\r\n") if $_[0]{chunked} }

sub hello {
    my ($self) = @_;
    $self->start;
    $self->text($_) for 'Hello', ' world';
    $self->finish;
}

sub error {
    my ($self, $status, $type, @headers) = @_;
    my $body = $json->encode({ type => 'error',
        error => { type => $type, message => 'canary-upstream-message' } });
    $self->head($status, 'Content-Type' => 'application/json',
        'Content-Length' => length $body, @headers);
    $self->raw($body);
}

sub health {
    my ($self, $status, %fields) = @_;
    my $body = $json->encode({ status => 'ok', ready => JSON::PP::true,
        parked => 1, busy => 0, %fields });
    $self->head($status // 200, 'Content-Type' => 'application/json',
        'Content-Length' => length $body);
    $self->raw($body);
}

# closes in the middle of whatever is being written
sub cut {
    my ($self) = @_;
    $self->{closed} = 1;
    close $self->{socket};
}

# waits until the gate opens, which is true, or the other side closes
sub hold {
    my ($self, $gate, $seconds) = @_;
    return 0 if $self->{closed};
    my $end = time + ($seconds // 60);
    my $select = IO::Select->new($self->{socket});

    while (time < $end) {
        return 1 if defined $gate && $self->{bridge}->gate_is_open($gate);
        if ($select->can_read(0.02)) {
            my $n = $self->_read;
            next if $n;
            $self->{closed} = 1;
            $self->{bridge}->note({ closed => $self->{id} });
            return 0;
        }
    }
    return 0;
}

1;
