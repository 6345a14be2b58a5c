package Claude::Process;

# Processes that a test starts: each is stopped by its pid and waited for.

use strict;
use warnings;

use Exporter qw(import);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until spawn run stop alive children descendants
    holders in_memory read_file write_file slow);

# how long a condition may take: generous, since nothing is measured by it
use constant PATIENCE => 20;

# sanitizers and valgrind slow everything down
sub slow { $ENV{CLAUDE_TEST_SANITIZE} ? 3 : 1 }

# polls until the code is true and returns its value; dies in the end
sub wait_until {
    my ($code, $what, $seconds) = @_;
    my $end = time + ($seconds // PATIENCE) * slow();

    for (;;) {
        my $value = $code->();
        return $value if $value;
        die "waited in vain for $what\n" if time > $end;
        sleep 0.02;
    }
}

# starts a program with its output in files: (cmd => [...], out => FILE,
# err => FILE, env => {...}, dir => DIR); env adds to the environment
sub spawn {
    my (%opt) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $SIG{INT} = $SIG{TERM} = 'DEFAULT';
    chdir $opt{dir} if $opt{dir};
    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', $opt{out} // '/dev/null';
    open STDERR, '>>', $opt{err} // '/dev/null';
    local @ENV{keys %{ $opt{env} // {} }} = values %{ $opt{env} // {} };
    { no warnings 'exec'; exec { $opt{cmd}[0] } @{ $opt{cmd} }; }
    print STDERR "$opt{cmd}[0]: $!\n";
    POSIX::_exit(127);
}

# runs a program to its end: ([cmd...], input) gives {status, out, err}
sub run {
    my ($cmd, $input, %env) = @_;
    pipe my $in, my $to or die "pipe: $!\n";
    open my $out, '+>', undef or die "temp file: $!\n";
    open my $err, '+>', undef or die "temp file: $!\n";

    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        close $to;
        open STDIN, '<&', $in;
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        @ENV{keys %env} = values %env;
        { no warnings 'exec'; exec { $cmd->[0] } @$cmd; }
        print STDERR "$cmd->[0]: $!\n";
        POSIX::_exit(127);
    }

    close $in;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $to, $input if defined $input;
    close $to;
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my ($stdout, $stderr) = map { seek $_, 0, 0; local $/; <$_> // '' }
        $out, $err;

    return { status => $status, out => $stdout, err => $stderr };
}

# signals a process and waits for its end; true when KILL was not needed
sub stop {
    my ($pid, $signal, $seconds) = @_;
    my $end = time + ($seconds // PATIENCE) * slow();

    kill $signal // 'TERM', $pid;
    while (time < $end) {
        waitpid $pid, WNOHANG;
        return 1 unless alive($pid);
        sleep 0.02;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;
    return 0;
}

# whether a process runs; a zombie doesn't
sub alive {
    my ($pid) = @_;
    my $stat = read_file("/proc/$pid/stat") // return 0;
    return $stat =~ /\) (\S)/ && $1 ne 'Z' && $1 ne 'X' ? 1 : 0;
}

sub children {
    my ($parent) = @_;
    my @found;

    for my $file (glob '/proc/[0-9]*/stat') {
        my $stat = read_file($file) // next;
        next unless $stat =~ /^(\d+) \(.*\) (\S) (\d+) /s;
        push @found, $1 if $3 == $parent && $2 ne 'Z';
    }

    return sort { $a <=> $b } @found;
}

sub descendants {
    my ($pid) = @_;
    return map { ($_, descendants($_)) } children($pid);
}

# processes, other than this one, that work in a directory: their current
# directory or an open file lies in it
sub holders {
    my ($dir) = @_;
    my %found;

    for my $link (glob '/proc/[0-9]*/cwd /proc/[0-9]*/fd/*') {
        my $to = readlink $link // next;
        next unless index($to, "$dir/") == 0 || $to eq $dir;
        $found{$1} = 1 if $link =~ m{^/proc/(\d+)/} && $1 != $$;
    }

    return sort { $a <=> $b } keys %found;
}

# how often these bytes stand in what processes may write to in their memory;
# undef where that can't be read
sub in_memory {
    my ($what, @pids) = @_;
    no warnings 'portable';     # addresses are of 64 bits
    my $count = 0;

    for my $pid (@pids) {
        open my $mem, '<:raw', "/proc/$pid/mem" or return undef;
        for (split /\n/, read_file("/proc/$pid/maps")) {
            my ($from, $to) = /^(\w+)-(\w+) rw/ or next;
            sysseek $mem, hex $from, 0 or next;
            my $left = hex($to) - hex($from);
            my $tail = '';
            while ($left > 0) {
                my $n = sysread $mem, my $part, $left > 1 << 20 ? 1 << 20
                    : $left or last;
                $left -= $n;
                my $text = $tail . $part;
                $count++ while $text =~ /\Q$what\E/g;
                $tail = substr $text, -length($what) + 1;
            }
        }
    }

    return $count;
}

sub read_file {
    my ($path) = @_;
    open my $file, '<:raw', $path or return undef;
    local $/;
    return scalar(<$file>) // '';
}

sub write_file {
    my ($path, $content, $mode) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $content;
    close $file or die "$path: $!\n";
    chmod $mode, $path if defined $mode;
}

1;
