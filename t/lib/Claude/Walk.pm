package Claude::Walk;

# A walk through a document, written as it goes: each of its commands, what it
# said, how it ended and how long it took, in BUILD/packages/NAME.walk.
#
#   my $walk = Claude::Walk->new(CLAUDE_BUILD, 'deb');
#   my $got = $walk->step('Install', $text, sub { $m->sh($text) });

use strict;
use warnings;

use File::Path qw(make_path);
use Time::HiRes qw(time);

sub new {
    my ($class, $build, $name) = @_;
    my $path = "$build/packages/$name.walk";
    make_path("$build/packages");
    unlink $path;
    my $old = umask 077;
    open my $file, '>', $path or die "$path: $!\n";
    umask $old;
    $file->autoflush(1);
    return bless { file => $file, began => time }, $class;
}

sub step {
    my ($self, $heading, $text, $code) = @_;
    my $file = $self->{file};
    printf $file "\n== %s, after %.0f s\n\n", $heading, time - $self->{began};
    print $file $text =~ s/\n*\z//r =~ s/^/    /gmr, "\n\n";
    my $began = time;
    my $got = $code->();
    print $file map { /[^\n]\z/ ? "$_\n" : $_ } @$got{qw(out err)};
    printf $file "-- status %d, %.1f s\n", $got->{status}, time - $began;
    return $got;
}

1;
