package Claude::Load;

# Requests without a pause, from processes of their own, while an operator does
# what the test is about: each on a fresh connection, each answer read to its
# end and looked at.
#
#   my $load = Claude::Load->start($t, key => $key, n => 3);
#   ...
#   $load->more(20);              # that many answers since now
#   is_deeply($load->stop, { whole => ... });

use strict;
use warnings;

use Time::HiRes qw(sleep);

use Claude::Process qw(wait_until alive read_file);

my $loads = 0;

# options: n (processes), text (of the message), get (an URI, asked for in place
# of chats), pause (between requests, s), and those of Claude::Test's chat()
sub start {
    my ($class, $world, %opt) = @_;
    my ($n, $text, $pause) = delete @opt{qw(n text pause)};
    my $file = $world->dir . '/load' . ++$loads;
    my $self = bless { world => $world, file => $file, owner => $$ }, $class;
    my $parent = $$;

    for my $child (1 .. $n // 2) {
        my $pid = fork // die "fork: $!\n";
        if ($pid) {
            push @{ $self->{pids} }, $pid;
            next;
        }
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        open my $out, '>>', $file or POSIX::_exit(1);
        $out->autoflush(1);
        for (my $i = 0; getppid == $parent && !-e "$file.stop"; $i++) {
            my $got = eval { one($world, $text // 'hi', $i % 2, %opt) }
                // "died: $@";
            $got =~ s/\s+/ /g;
            syswrite $out, "$got\n";
            sleep $pause if $pause;
        }
        POSIX::_exit(0);
    }

    return $self;
}

# "whole", or what was wrong with one answer
sub one {
    my ($world, $text, $streamed, %opt) = @_;

    if (my $uri = delete $opt{get}) {
        my $r = $world->http('GET', $uri, %opt) or return 'no answer';
        return $r->{status} == 200 && !$r->{truncated} ? 'whole'
            : "$r->{status} $r->{body}";
    }

    if (!$streamed) {
        my $r = $world->chat($text, %opt) or return 'no answer';
        return "$r->{status} $r->{body}" if $r->{status} != 200;
        return 'cut' if $r->{truncated};
        return $r->json && $r->json->{choices}[0]{finish_reason} ? 'whole'
            : "not whole: $r->{body}";
    }

    my $c = $world->stream($text, %opt);
    my $r = $c->head or return 'no head';
    my @events = $c->events;
    $c->close;
    return "$r->{status}" if $r->{status} != 200;
    return @events && $events[-1] eq '[DONE]' ? 'whole'
        : 'a stream that ends in ' . ($events[-1]
            ? Claude::Test::json_encode($events[-1]) : 'nothing');
}

sub results { split /\n/, read_file($_[0]{file}) // '' }

sub more {
    my ($self, $n) = @_;
    my $before = $self->results;
    wait_until(sub { $self->results >= $before + $n }, "$n more answers", 60);
}

# results as {what => how often}
sub stop {
    my ($self) = @_;
    open my $file, '>', "$self->{file}.stop";
    for (@{ delete $self->{pids} // [] }) { waitpid $_, 0 }
    my %seen;
    $seen{$_}++ for $self->results;
    return \%seen;
}

sub DESTROY {
    my ($self) = @_;
    return unless $self->{owner} == $$ && $self->{pids};
    local $?;
    kill 'KILL', @{ $self->{pids} };
    waitpid $_, 0 for @{ $self->{pids} };
}

1;
