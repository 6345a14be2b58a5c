package Claude::Instructions;

# What a request costs nginx in instructions, by callgrind: the same on a busy
# machine as on an idle one, where clocks say nothing.
#
#   my $rig = Claude::Instructions->new($t);
#   my $cost = $rig->measure(Claude::Instructions::chat($t, $key, $uri, 1),
#       Claude::Instructions::answer(16), 1);
#
# This process is both the client and the upstream, and goes on only when
# nginx has done its part, so that nginx reads the same bytes at the same
# steps each time.  $cost has the instructions of a request by the object file
# and by the function they were spent in, and the calls of each function.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

use Claude::Process qw(wait_until read_file);

use constant WARM => 10;        # requests before those that are counted
use constant PATIENCE => 60;

# nginx calls it for "return 204" and for nothing else here: callgrind writes
# down, and forgets, what it has counted each time
use constant MARK => 'ngx_http_send_response';

# libraries that choose their code by the machine's processor
use constant VARIES => qr/^(?:libc|libsodium|ld-linux|libcrypto|\?\?\?)/;

# everything on that costs a request something, and the same upstream without
use constant CONFIG => <<'EOC';
claude_audit_log %%DIR%%/audit.log;
claude_limit_zone $binary_remote_addr zone=ip:1m rate=1000000r/s;
server {
    listen %%ADDR%%;
    keepalive_requests 100000;
    location /v1/ { claude_limit zone=ip; claude_pass bridge; }
    location /plain {
        proxy_pass http://bridge;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_buffering off;
    }
}
EOC

sub new {
    my ($class, $t, %opt) = @_;
    my $dir = $t->dir;
    my $http = CONFIG;
    my $self = bless { t => $t, dir => $dir, n => $opt{n} // 50, dumps => 0 },
        $class;

    mkdir "$dir/bridge";
    $self->{listener} = IO::Socket::UNIX->new(Type => SOCK_STREAM,
        Local => "$dir/bridge/sock", Listen => 5) or die "listen: $!\n";
    chmod 0777, "$dir/bridge/sock";

    $t->port;
    $t->conf(<<"EOC", main => "master_process off;\n", limit => 1);
$http
server {
    listen %%ADDR_mark%%;
    location / { return 204; }
}
EOC
    $t->daemon('valgrind', cmd => ['valgrind', '--tool=callgrind', '-q',
        "--callgrind-out-file=$dir/callgrind", '--dump-before=' . MARK,
        @{ $t->nginx_cmd }]);
    wait_until(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $t->port('mark'), Proto => 'tcp');
    }, 'nginx under valgrind', PATIENCE);

    return $self;
}

# what a model's answer of $n deltas comes in: a piece a delta, as one writes
# them; as one piece where they come all at once
sub answer {
    my ($n, $burst) = @_;
    my $event = sub {
        my ($type, $fields) = @_;
        return "event: $type\ndata: {\"type\":\"$type\""
            . ($fields ? ",$fields" : '') . "}\n\n";
    };
    my $chunk = sub { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] };
    my $delta = $chunk->($event->('content_block_delta', '"index":0,"delta":'
        . '{"type":"text_delta","text":"a few words of an answer, as long as'
        . ' a delta usually is. "}'));

    my @pieces = ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . $chunk->($event->('message_start', '"message":{"id":"msg_1",'
        . '"type":"message","role":"assistant","content":[],"model":'
        . '"claude-sonnet-5-5","stop_reason":null,"usage":{"input_tokens":12,'
        . '"output_tokens":1}}') . $event->('content_block_start',
        '"index":0,"content_block":{"type":"text","text":""}')),
        ($delta) x $n,
        $chunk->($event->('content_block_stop', '"index":0')
        . $event->('message_delta', '"delta":{"stop_reason":"end_turn",'
        . '"stop_sequence":null},"usage":{"output_tokens":200}')
        . $event->('message_stop')) . "0\r\n\r\n");

    return $burst ? [join '', @pieces] : \@pieces;
}

# the bytes of a chat, as its clients send them
sub chat {
    my ($t, $key, $uri, $stream) = @_;
    return $t->request('POST', $uri, key => $key, body => '{"model":"sonnet",'
        . '"stream":' . ($stream ? 'true' : 'false') . ',"messages":[{"role":'
        . '"user","content":"Say something of usual length."}]}');
}

# of what measure() gave: the instructions that are the same on any processor
sub steady {
    my ($cost) = @_;
    my $sum = 0;
    $sum += $cost->{object}{$_}
        for grep { $_ !~ VARIES } keys %{ $cost->{object} };
    return int $sum + 0.5;
}

# a request, answered by the pieces, each of which must make nginx send
# something when $passed is true; the instructions of one
sub measure {
    my ($self, $request, $pieces, $passed) = @_;
    $self->{client} = $self->client;

    $self->request($request, $pieces, $passed) for 1 .. WARM;
    $self->mark;
    $self->request($request, $pieces, $passed) for 1 .. $self->{n};
    my $cost = read_profile($self->mark);

    $self->mark;
    my $mark = read_profile($self->mark);

    close delete $self->{client};
    return average($cost, $mark, $self->{n});
}

sub client {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{t}->port, Proto => 'tcp')
        // die "connect: $!\n";
}

sub request {
    my ($self, $request, $pieces, $passed) = @_;
    syswrite $self->{client}, $request;

    my $upstream = $self->upstream;
    my $got = '';
    $got .= receive($upstream) until whole($got);

    my $answer = '';
    for my $piece (@$pieces) {
        syswrite $upstream, $piece;
        $answer .= receive($self->{client}) if $passed;
    }
    $answer .= receive($self->{client}) until ended($answer);
    $answer =~ m{^HTTP/1.1 200 } or die "answered with $answer\n";
    $self->{answer} = $answer;
}

# nginx keeps its connection, or opens another
sub upstream {
    my ($self) = @_;
    my @sockets = ($self->{listener}, $self->{upstream} // ());
    my ($ready) = IO::Select->new(@sockets)->can_read(PATIENCE);
    die "no request came\n" unless $ready;
    $self->{upstream} = $ready->accept if $ready == $self->{listener};
    return $self->{upstream};
}

sub receive {
    my ($socket) = @_;
    IO::Select->new($socket)->can_read(PATIENCE) or die "nothing came\n";
    sysread $socket, my $bytes, 1 << 20 or die "nginx closed\n";
    return $bytes;
}

sub whole {
    my ($bytes) = @_;
    $bytes =~ /\r\n\r\n/ or return 0;
    my $head = $+[0];
    my ($length) = $bytes =~ /^content-length: (\d+)/mi;
    return length $bytes >= $head + ($length // 0);
}

sub ended {
    my ($bytes) = @_;
    return $bytes =~ /^transfer-encoding: chunked/mi
        ? $bytes =~ /\r\n0\r\n\r\n\z/ : whole($bytes);
}

# the file that callgrind wrote
sub mark {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{t}->port('mark'), Proto => 'tcp')
        // die "connect: $!\n";
    syswrite $socket, "GET / HTTP/1.0\r\n\r\n";
    receive($socket);
    my $file = "$self->{dir}/callgrind." . ++$self->{dumps};
    die "callgrind wrote no $file\n" unless -s $file;
    return $file;
}

# callgrind's format: names stand in full once and as numbers afterwards;
# a line after "calls=" is what was spent in the function called
sub read_profile {
    my ($file) = @_;
    my (%names, %cost, $ob, $fn, $other, $callee, $called);
    my $name = sub {
        my ($kind, $number, $text) = @_;
        $names{$kind}{$number} = $text if length $text;
        return $names{$kind}{$number};
    };

    open my $in, '<', $file or die "$file: $!\n";
    while (<$in>) {
        if (my ($of, $kind, $n, $text) = /^(c?)(ob|fn)=\((\d+)\)\s*(.*)$/) {
            $text = $name->($kind, $n, $text);
            $text =~ s{^.*/}{} if $kind eq 'ob';
            $text =~ s/'\d+$// if $kind eq 'fn';
            ${ { ob => \$ob, fn => \$fn, cob => \$other, cfn => \$callee
                }->{"$of$kind"} } = $text;
        } elsif (/^calls=(\d+)/) {
            $cost{calls}{$callee} += $1;
            $called = 1;
        } elsif (/^[+*\d-]\S* (\d+)$/) {
            if ($called) {
                $cost{inclusive}{$fn} += $1;
                $called = 0;
                next;
            }
            $cost{object}{$ob} += $1;
            $cost{self}{$fn} += $1;
            $cost{inclusive}{$fn} += $1;
            $cost{where}{$fn} = $ob;
            $cost{total} += $1;
        }
    }

    return \%cost;
}

# one request's, without the mark's
sub average {
    my ($cost, $mark, $n) = @_;
    my %one = (where => $cost->{where},
        total => ($cost->{total} - $mark->{total}) / $n);

    for my $kind (qw(object self inclusive calls)) {
        for my $name (keys %{ $cost->{$kind} }) {
            $one{$kind}{$name} = ($cost->{$kind}{$name}
                - ($mark->{$kind}{$name} // 0)) / $n;
        }
    }

    return \%one;
}

1;
