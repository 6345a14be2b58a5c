package Claude::Metrics;

# Reads metrics, in OpenMetrics 1.0 or in Prometheus's text form 0.0.4, and
# says what is wrong with them, strictly.
#
#   my $m = Claude::Metrics->read($text, 1);
#   is($m->faults, '', 'it is OpenMetrics');
#   is($m->value('claude_keys', state => 'active'), 2, 'two keys');

use strict;
use warnings;

my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*/;
my $number = qr/[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)/;
my %suffixes = (
    counter => ['_total'],
    gauge => [''],
    histogram => ['_bucket', '_count', '_sum'],
    info => ['_info'],
);

# open: OpenMetrics, else the older form
sub read {
    my ($class, $text, $open) = @_;
    my $self = bless { open => $open, faults => [], families => {},
        samples => {}, order => [] }, $class;
    $self->fault('no UTF-8') unless utf8::decode(my $copy = $text);
    if ($open) {
        $text =~ s/^# EOF\n\z//m or $self->fault('no EOF at the end');
    }
    $self->fault('no line feed at the end') unless $text =~ /\n\z/;
    $self->line($_) for split /\n/, $text;
    $self->histogram($_) for grep {
        ($self->{families}{$_}{TYPE} // '') eq 'histogram'
    } @{ $self->{order} };
    $self->clashes if $open;
    return $self;
}

sub fault {
    my ($self, $what) = @_;
    push @{ $self->{faults} }, $what;
    return;
}

sub faults { join "\n", @{ $_[0]{faults} } }

sub line {
    my ($self, $line) = @_;
    if ($line =~ /^# (HELP|TYPE|UNIT) ($name)(?: (.*))?$/) {
        $self->about($1, $2, $3 // '', $line);
    } elsif ($line =~ /^($name)(?:\{(.*)\})? ($number)$/) {
        $self->sample($1, $2, $3, $line);
    } else {
        $self->fault("neither sample nor family: $line");
    }
}

sub about {
    my ($self, $kind, $family, $text, $line) = @_;
    if (($self->{now} // '') ne $family) {
        return $self->fault("again: $line") if $self->{families}{$family};
        $self->{now} = $family;
        push @{ $self->{order} }, $family;
    }
    my $of = $self->{families}{$family} //= { samples => 0 };
    $self->fault("twice: $line") if exists $of->{$kind};
    $self->fault("behind samples: $line") if $of->{samples};
    $of->{$kind} = $text;

    if ($kind eq 'UNIT') {
        $self->fault("not its unit: $line")
            unless $self->{open} && $family =~ /_\Q$text\E$/;
    } elsif ($kind eq 'TYPE') {
        $self->fault("unknown type: $line") unless $suffixes{$text};
        $self->fault("type of another form: $line")
            if !$self->{open} && $text eq 'info';
        $self->fault("ends as a counter: $line")
            if $self->{open} && $family =~ /_(?:total|info|bucket|count|sum)$/;
    } else {
        $self->fault("no help: $line") unless $text =~ /\S/;
    }
}

sub sample {
    my ($self, $full, $labels, $value, $line) = @_;
    my $family = $self->{now} // '';
    my $of = $self->{families}{$family} // {};
    my $type = $of->{TYPE} // return $self->fault("no type: $line");
    my @ends = $self->{open} || $type eq 'histogram' ? @{ $suffixes{$type} }
        : ('');
    $self->fault("no help: $line") unless exists $of->{HELP};
    $self->fault("not of the family $family: $line")
        unless grep { $full eq "$family$_" } @ends;
    $self->fault("no counter: $line")
        if !$self->{open} && $type eq 'counter' && $full !~ /_total$/;
    $of->{samples}++;

    my %labels;
    my $rest = $labels // '';
    while ($rest =~ s/^($label)="((?:[^"\\]|\\[\\"n])*)"(?:,(?=.)|$)//) {
        my ($key, $text) = ($1, $2);
        $self->fault("a label twice: $line") if exists $labels{$key};
        $self->fault("a control character: $line") if $text =~ /[\x00-\x1f]/;
        $labels{$key} = $text =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger;
    }
    $self->fault("bad labels: $line")
        if length $rest || defined $labels && $labels eq '';

    my $id = id($full, %labels);
    $self->fault("twice: $line") if exists $self->{samples}{$id};
    $self->fault("no number to count: $line")
        if $type ne 'gauge' && $value !~ /^\d/;
    $self->fault("not 1: $line") if $full =~ /_info$/ && $value ne '1';
    $self->{samples}{$id} = $value;
    push @{ $of->{list} }, { name => $full, labels => \%labels,
        value => $value };
}

# buckets rise, end with +Inf, and agree with the count
sub histogram {
    my ($self, $family) = @_;
    my %series;
    for my $s (@{ $self->{families}{$family}{list} // [] }) {
        my %labels = %{ $s->{labels} };
        my $le = delete $labels{le};
        my $to = $series{ id('', %labels) } //= { le => [] };
        if ($s->{name} =~ /_bucket$/) {
            $self->fault("$family: le is no float: " . ($le // 'none'))
                unless ($le // '') =~ /^(?:\d+\.\d+|\+Inf)$/;
            push @{ $to->{le} }, [$le, $s->{value}];
        } else {
            $to->{ $s->{name} =~ s/.*_//r } = $s->{value};
        }
    }
    for (values %series) {
        my ($bound, $count) = (-1, 0);
        for (@{ $_->{le} }) {
            my $le = $_->[0] eq '+Inf' ? 9**9**9 : $_->[0];
            $self->fault("$family: buckets fall") if $le <= $bound
                || $_->[1] < $count;
            ($bound, $count) = ($le, $_->[1]);
        }
        $self->fault("$family: no +Inf") unless $bound == 9**9**9;
        $self->fault("$family: no count of them")
            unless defined $_->{count} && $_->{count} == $count;
        $self->fault("$family: no sum") unless defined $_->{sum};
    }
}

# no family's name is what the samples of another may have
sub clashes {
    my ($self) = @_;
    for my $family (@{ $self->{order} }) {
        my $type = $self->{families}{$family}{TYPE} // next;
        for (grep { length } @{ $suffixes{$type} }, '_created') {
            $self->fault("$family$_ is a family too")
                if $self->{families}{"$family$_"};
        }
    }
}

sub id {
    my ($full, %labels) = @_;
    return join "\0", $full, map { "$_=$labels{$_}" } sort keys %labels;
}

# of a sample with exactly these labels; undef: there is none
sub value {
    my ($self, $full, %labels) = @_;
    return $self->{samples}{ id($full, %labels) };
}

# of all samples with these labels, whatever others they have
sub sum {
    my ($self, $full, %labels) = @_;
    my $sum = 0;
    for ($self->list($full)) {
        my $has = $_->{labels};
        $sum += $_->{value}
            unless grep { ($has->{$_} // '') ne $labels{$_} } keys %labels;
    }
    return $sum;
}

sub list {
    my ($self, $full) = @_;
    return grep { $_->{name} eq $full }
        map { @{ $_->{list} // [] } } values %{ $self->{families} };
}

# names of families
sub families { @{ $_[0]{order} } }

1;
