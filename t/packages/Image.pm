# Makes the images' tests ready: a store for podman, a base that stands for
# debian:12-slim, "docker" as a command, and a copy of what a checkout has.

package Image;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

use Claude::Process qw(run write_file);

our @EXPORT_OK = qw(prepare docker sh lines work root);

my $here = dirname(abs_path(__FILE__));
my $root = abs_path("$here/../..");
my $packages = "$root/build/packages";
my $store = $ENV{CLAUDE_IMAGE_STORE} // "$packages/containers";
my $dir = tempdir('claude-image-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub root { return $root }
sub work { return $dir }
sub lines { return split /\n/, $_[0] }

# a shell with docker
sub sh {
    my ($text, $input) = @_;
    return run(['bash', '-euo', 'pipefail', '-c', $text], $input,
        PATH => "$dir/bin:$ENV{PATH}", CLAUDE_DOCKER => $store);
}

sub docker {
    my (@args) = @_;
    return run(["$dir/bin/docker", @args], undef, CLAUDE_DOCKER => $store);
}

sub good {
    my ($what, $got) = @_;
    die "$what: $got->{err}" if $got->{status};
    return $got;
}

sub prepare {
    good('base.sh', run(["$here/base.sh"]));
    mkdir $_ for $store, "$store/networks", "$dir/bin";
    my ($limit) = lines(run(['sh', '-c', 'ulimit -Hn'])->{out});
    write_file("$store/containers.conf", <<"EOC");
[containers]
default_ulimits = ["nofile=1024:$limit", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "$store/networks"
EOC
    symlink "$here/docker", "$dir/bin/docker" or die "docker: $!\n";
    chmod 0755, $dir;

    my @paths = qw(Dockerfile .dockerignore compose.yaml config config.make
        Makefile ngx_http_claude_module.c src conf-examples);
    good('checkout', sh("mkdir '$dir/checkout'; cd '$root'
        tar -c --exclude=node_modules @paths | tar -x -C '$dir/checkout'"));

    my $base = 'localhost/debian:12-slim';
    return unless docker('image', 'exists', $base)->{status};
    good('import', docker('import', '--change', 'CMD ["bash"]',
        "$packages/base-bookworm.tar", $base));
}

1;
