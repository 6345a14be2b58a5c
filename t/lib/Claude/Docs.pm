package Claude::Docs;

# The commands of a document, run word for word, but for the places of a
# machine, which become those of the test.
#
#   my $docs = Claude::Docs->new($t, 'docs/backup.md');
#   $docs->follow('Make a backup');

use strict;
use warnings;

use Claude::Process qw(run read_file write_file);
use Claude::Test ();

my %places = (
    '/etc/nginx/claude' => 'etc',
    '/etc/nginx/nginx.conf' => 'nginx.conf',
    '/usr/lib/nginx/modules' => 'modules',
    '/run/nginx.pid' => 'nginx.pid',
    '/run/claude/sdk.sock' => 'bridge/sock',
    '/run/claude/bridge' => 'bridge/work',
    '/opt/claude-bridge' => 'opt',
    '/usr/src/nginx-claude' => 'src',
    '/var/log/nginx/error.log' => 'error.log',
    '/var/log/nginx/claude-audit.log' => 'audit.log',
    '/var/log/nginx/access.log' => 'access.log',
    '/etc/nginx/tls' => 'tls',
    '/srv/nginx-claude' => 'srv',
    '/var/lib/nginx-claude' => 'keys',
    '/var/backups/claude' => 'backups',
    '/var/tmp' => 'var-tmp',
    '/media/safe' => 'safe',
);

# commands of an operator's machine; the module's nginx is the test's, and so is
# port 443 of 127.0.0.1, or any other: the world's port of that name
sub new {
    my ($class, $world, $file) = @_;
    my $dir = $world->dir;
    my $bin = "$dir/bin";
    my $claude_keys = Claude::Test::build() . '/claude-keys';
    my @nginx = map { "'$_'" } @{ $world->nginx_cmd };
    my %env = $world->nginx_env;
    my $env = join ' ', map { "$_='$env{$_}'" } sort keys %env;

    mkdir $_ for $bin, "$dir/etc", "$dir/safe", "$dir/var-tmp";
    my $self = bless { world => $world, file => $file, dir => $dir }, $class;

    # where the command's own defaults point
    $self->command('claude-keys', <<"EOC");
command=\$1
shift
case \$command in
init | password) exec '$claude_keys' \$command "\$@" ;;
*) exec '$claude_keys' \$command --store '$dir/keys/keys.jsonl' \\
    --master-key '$dir/etc/master.key' "\$@" ;;
esac
EOC
    $self->command('nginx', "$env exec @nginx \"\$@\"\n");
    return $self;
}

sub command {
    my ($self, $name, $text) = @_;
    write_file("$self->{dir}/bin/$name", "#!/bin/sh\n$text", 0755);
}

# the blocks of code of this kind under a heading, also those in a list
sub blocks {
    my ($self, $heading, $kind) = @_;
    my $text = read_file(Claude::Test::root() . "/$self->{file}");
    my ($part) = $text =~ /^\#+ \Q$heading\E\n(.*?)(?=^\#+ |\z)/ms
        or die "$self->{file} has no $heading\n";
    my @blocks;
    while ($part =~ /^( *)```\Q$kind\E\n(.*?)^\1```$/mgs) {
        my ($indent, $block) = ($1, $2);
        push @blocks, $block =~ s/^$indent//gmr;
    }
    return @blocks;
}

# runs the commands under a heading, one after another; what they do with
# systemctl is done by the code given, in between: under the verb for nginx
# (reload => sub), under both for others ('restart claude-bridge' => sub)
sub follow {
    my ($self, $heading, %do) = @_;
    my @blocks = $self->blocks($heading, 'sh')
        or die "$heading has no commands\n";
    my @got = map { $self->shell($_, %do) } @blocks;
    return wantarray ? @got : $got[0];
}

sub place {
    my ($self, $text) = @_;
    my $all = join '|', map { quotemeta } reverse sort keys %places;
    $text =~ s/($all)/$self->{dir}\/$places{$1}/g;
    $text =~ s/127\.0\.0\.1:(\d+)/'127.0.0.1:' . $self->{world}->port($1)/ge;
    $text =~ s/-o www-data -g www-data // unless $self->{world}{user};
    return $text;
}

sub shell {
    my ($self, $text, %do) = @_;
    my $out = '';
    my $cwd = '/';

    # up to a systemctl, which the test does itself
    for my $part (split /^(systemctl [\w-]+(?: --\S+)? [\w@.-]+)$/m,
        $self->place($text))
    {
        if ($part =~ /^systemctl ((\S+).* (\S+))$/) {
            my $name = $3 eq 'nginx' ? $2 : $1;
            ($do{$name} // die "nobody does systemctl $name\n")->();
            next;
        }
        next unless $part =~ /\S/;
        my $got = $self->part($part, \$cwd, $do{input});
        $out .= $got->{out};
        return { %$got, out => $out } if $got->{status};
    }

    return { status => 0, out => $out, err => '' };
}

# runs commands that look at something, each whatever the others say
sub look {
    my ($self, $text) = @_;
    my $cwd = '/';
    return $self->part($self->place($text), \$cwd, undef, '-uc');
}

sub part {
    my ($self, $text, $cwd, $input, $flags) = @_;
    my $where = "$self->{dir}/bin/.cwd";
    my $commands = "cd '$$cwd'\n$text\npwd > '$where'\n";
    my $got = run(['sh', $flags // '-euc', $commands], $input,
        PATH => "$self->{dir}/bin:$ENV{PATH}");
    ($$cwd) = split /\n/, read_file($where) // $$cwd;
    return $got;
}

1;
