package Claude::Prometheus;

# A Prometheus out of Debian's package on a port of its own, with the files of
# conf-examples/monitoring; no more of them is changed than where it scrapes,
# how often, and that no alert waits.
#
#   my $p = Claude::Prometheus->start($t, $examples, targets => [9113]);
#   $p->query('up');        # samples
#   $p->firing;             # names of alerts

use strict;
use warnings;

use Claude::Test;

sub start {
    my ($class, $t, $examples, %opt) = @_;
    my $dir = $t->dir . '/prometheus';
    my $port = $t->port('prometheus');
    my $self = bless { t => $t }, $class;
    my $targets = join ', ', map { "'127.0.0.1:$_'" } @{ $opt{targets} };

    mkdir $dir or die "$dir: $!\n";
    for my $name (qw(prometheus claude-records claude-alerts)) {
        my $text = read_file("$examples/$name.yml");
        $text =~ s/interval: 15s/interval: 1s/g;
        $text =~ s/targets: \[.*\]/targets: [$targets]/;
        $text =~ s/^( +for:) \w+$/$1 0s/mg;
        write_file("$dir/$name.yml", $text);
    }

    $t->daemon('prometheus', cmd => ['prometheus',
        "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data",
        "--web.listen-address=127.0.0.1:$port", '--log.level=warn']);
    wait_until(sub {
        my $r = eval { $t->http('GET', '/-/ready', port => 'prometheus') };
        return $r && $r->{status} == 200;
    }, 'Prometheus', 60);
    return $self;
}

sub api {
    my ($self, $path, %parameters) = @_;
    my $body = join '&', map { "$_=" . $parameters{$_}
        =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger } keys %parameters;
    my $r = $self->{t}->http(%parameters ? 'POST' : 'GET', "/api/v1/$path",
        port => 'prometheus', %parameters ? (body => $body,
            type => 'application/x-www-form-urlencoded') : ());
    die "$path $body: $r->{body}\n" unless $r->{status} == 200;
    return $r->json->{data};
}

sub query {
    my ($self, $query) = @_;
    return @{ $self->api('query', query => $query)->{result} };
}

sub wait_series {
    my ($self, $name) = @_;
    wait_until(sub { $self->query($name) }, $name, 90);
}

sub firing {
    my ($self) = @_;
    my %names = map { $_->{labels}{alertname} => 1 }
        grep { $_->{state} eq 'firing' } @{ $self->api('alerts')->{alerts} };
    return sort keys %names;
}

# rules whose last evaluation failed, with the reason
sub unhealthy {
    my ($self) = @_;
    return map { "$_->{name}: $_->{lastError}" }
        grep { $_->{health} ne 'ok' } map { @{ $_->{rules} } }
        @{ $self->api('rules')->{groups} };
}

1;
