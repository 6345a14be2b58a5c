package Claude::FakeBridge;

# A Messages API on a unix socket that answers as the test says, well or
# badly: what stands behind claude_pass in most tests.
#
#   my $bridge = Claude::FakeBridge->start($dir, name => sub {
#       my ($reply, @args) = @_;
#       $reply->start; $reply->text('hi'); $reply->cut;
#   });
#
# A request whose body has [[name args]] in it is answered by the sub of that
# name, others by "hello".  Each connection has a process of its own.  What
# came lies in a journal: {n, pid, request, method, url, headers, body}, and
# {n, closed} when the other side closed on a reply that was held.

use strict;
use warnings;

use Fcntl qw(O_WRONLY O_APPEND O_CREAT);
use IO::Socket::UNIX;
use JSON::PP ();
use Socket qw(SOCK_STREAM SOMAXCONN);

use Claude::FakeBridge::Reply;
use Claude::Process qw(wait_until stop read_file write_file);

my $json = JSON::PP->new->utf8->canonical;

sub start {
    my ($class, $dir, %answers) = @_;
    mkdir $dir, 0755;

    my $self = bless { dir => $dir, answers => \%answers,
        socket => "$dir/sock", journal => "$dir/journal" }, $class;
    $self->listen;
    return $self;
}

sub listen {
    my ($self) = @_;
    unlink $self->{socket};
    my $socket = IO::Socket::UNIX->new(Local => $self->{socket},
        Type => SOCK_STREAM, Listen => SOMAXCONN)
        or die "$self->{socket}: $!\n";
    chmod 0666, $self->{socket};

    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        eval { $self->serve($socket) };
        print STDERR $@ if $@;
        POSIX::_exit(1);
    }

    close $socket;
    $self->{pid} = $pid;
}

# ends it at once, open connections too
sub stop_listening {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;
    kill 'KILL', Claude::Process::descendants($pid);
    stop($pid, 'KILL');
    unlink $self->{socket};
}

sub serve {
    my ($self, $socket) = @_;
    $SIG{INT} = $SIG{TERM} = 'DEFAULT';
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';

    for (;;) {
        my $client = $socket->accept or next;
        my $pid = fork // die "fork: $!\n";
        if ($pid == 0) {
            close $socket;
            eval { $self->connection($client) };
            $self->note({ failed => "$@" }) if $@;
            POSIX::_exit(0);
        }
        close $client;
    }
}

sub connection {
    my ($self, $client) = @_;
    my $reply = Claude::FakeBridge::Reply->new($client, $self);
    my $n = 0;

    while (my $request = $reply->read_request) {
        my $id = "$$-" . ++$n;
        $self->note({ %$request, n => $id, request => $n, pid => $$ });
        $reply->begin($id, $request);

        if ($request->{url} eq '/health' && !$self->{answers}{health}) {
            $reply->health;
        } elsif ($request->{body} =~ /\[\[(\w+)(?: ([^\]]*))?\]\]/
            && $self->{answers}{$1})
        {
            $self->{answers}{$1}->($reply, split ' ', $2 // '');
        } elsif ($self->{answers}{ substr $request->{url}, 1 }) {
            $self->{answers}{ substr $request->{url}, 1 }->($reply);
        } else {
            $reply->hello;
        }

        last if $reply->{closed};
    }
}

sub note {
    my ($self, $entry) = @_;
    sysopen my $file, $self->{journal}, O_WRONLY | O_APPEND | O_CREAT, 0600
        or die "$self->{journal}: $!\n";
    syswrite $file, $json->encode($entry) . "\n";
}

# lets replies go on that wait for this name
sub open_gate {
    my ($self, $name) = @_;
    write_file("$self->{dir}/gate-$name", '');
}

sub gate_is_open { -e "$_[0]{dir}/gate-$_[1]" }

sub entries {
    my ($self) = @_;
    my $text = read_file($self->{journal}) // '';
    return map { $json->decode($_) } $text =~ /^(.+)\n/mg;
}

# calls of the model, oldest first
sub calls { grep { ($_->{url} // '') =~ m{^/v1/} } $_[0]->entries }

# how many: without reading what may be many megabytes
sub hits {
    my ($self) = @_;
    my $text = read_file($self->{journal}) // '';
    return scalar(() = $text =~ m{"url":"/v1/}g);
}

# the last call's body, decoded
sub last_body {
    my ($self) = @_;
    my @calls = $self->calls or return undef;
    return $json->decode($calls[-1]{body});
}

# ids of the calls that the other side closed while they were held
sub closed {
    my ($self) = @_;
    my $text = read_file($self->{journal}) // '';
    return map { $json->decode($_)->{closed} } $text =~ /^(\{"closed".+)\n/mg;
}

sub wait_hits {
    my ($self, $n) = @_;
    wait_until(sub { $self->hits >= $n }, "$n calls of the bridge");
}

sub wait_closed {
    my ($self, $n) = @_;
    wait_until(sub { $self->closed >= $n }, "$n closed calls of the bridge");
}

sub forget { unlink $_[0]{journal} }

1;
