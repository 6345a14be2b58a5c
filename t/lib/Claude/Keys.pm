package Claude::Keys;

# A master key and a key log, worked on by build/claude-keys as an operator
# would.

use strict;
use warnings;

use POSIX qw(strftime);

use Claude::Process ();

sub new {
    my ($class, $world, $dir) = @_;
    mkdir $dir or die "$dir: $!\n";
    $world->own($dir, 0700);
    return bless { world => $world, dir => $dir, store => "$dir/keys.jsonl",
        master => "$dir/master.key", ids => {}, tokens => {} }, $class;
}

# claude-keys with any arguments: {status, out, err}
sub command {
    my ($self, $input, @args) = @_;
    return Claude::Process::run([$self->{world}->build . '/claude-keys',
        @args], $input);
}

sub _good {
    my ($self, @args) = @_;
    my $got = $self->command(@args);
    die "claude-keys @args[1 .. $#args]: $got->{err}" if $got->{status};
    return $got->{out};
}

sub files {
    my ($self) = @_;
    return ('--store', $self->{store}, '--master-key', $self->{master});
}

sub init {
    my ($self) = @_;
    return if -e $self->{master};
    $self->_good(undef, 'init', '--master-key', $self->{master});
}

# a new key; a token may be given
sub add {
    my ($self, $name, $token) = @_;
    $self->init;
    $token //= Claude::Test::token();

    my $out = $self->_good("$token\n", 'add', $self->files, '--name', $name,
        '--token-stdin');
    my ($key) = $out =~ /^(sk-[A-Za-z0-9]{48})$/m
        or die "claude-keys add printed no key\n";
    $self->{world}->secret($key, $token);
    $self->{world}->own($self->{store}, 0600);
    $self->{tokens}{$key} = $token;
    ($self->{ids}{$key}) = grep { defined }
        map { $_->{keyName} eq $name ? $_->{id} : undef } $self->list;
    return $key;
}

sub list {
    my ($self) = @_;
    my $doc = Claude::Test::json_decode($self->_good(undef, 'list', '--json',
        $self->files));
    return @{ ref $doc eq 'HASH' ? $doc->{keys} : $doc };
}

# the id of a key, and the credential that it stands for
sub id { $_[0]{ids}{ $_[1] } // die "no such key\n" }
sub token { $_[0]{tokens}{ $_[1] } // die "no such key\n" }

sub set {
    my ($self, $key, @args) = @_;
    $self->_good(undef, 'set', $self->id($key), $self->files, @args);
}

# makes its time pass
sub expire {
    my ($self, $key) = @_;
    my $at = time + 2;
    $self->set($key, '--expires', strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $at));
    Claude::Process::wait_until(sub { time > $at }, 'a key to expire');
}

sub disable { $_[0]->set($_[1], '--disable') }
sub enable { $_[0]->set($_[1], '--enable') }

sub delete {
    my ($self, $key) = @_;
    $self->_good(undef, 'delete', $self->id($key), $self->files);
}

# the new key
sub rotate {
    my ($self, $key, @args) = @_;
    my $id = $self->id($key);
    my $out = $self->_good(undef, 'rotate', $id, $self->files, @args);
    my ($new) = $out =~ /^(sk-[A-Za-z0-9]{48})$/m
        or die "claude-keys rotate printed no key\n";
    $self->{world}->secret($new);
    $self->{ids}{$new} = $id;
    $self->{tokens}{$new} = $self->{tokens}{$key};
    return $new;
}

1;
