package Claude::Test;

# One test file's world: a directory, keys, a bridge, and an nginx with the
# module, all gone at the end.
#
#   my $t = Claude::Test->new;
#   my $key = $t->add_key('alice');
#   $t->bridge;
#   $t->start(<<'EOC');
#   server { listen %%ADDR%%; location /v1/ { claude_pass bridge; } }
#   EOC
#   is($t->chat('hi', key => $key)->{status}, 200, 'a chat is answered');
#   $t->finish;
#
# finish() stops everything and has tests of its own: the error log holds
# nothing unexpected, no secret lies in any file, no process and no temporary
# file is left.  Needs nothing but Perl's own modules.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree make_path);
use File::Spec;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use Test::More ();

use Claude::FakeBridge;
use Claude::HTTP;
use Claude::Keys;
use Claude::Process qw(wait_until spawn run stop alive children descendants
    holders read_file write_file);

our @EXPORT = qw(wait_until alive children descendants read_file write_file
    run json_encode json_decode token root);

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $nginx = $ENV{CLAUDE_TEST_NGINX} // '/usr/sbin/nginx';
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %live;                       # worlds that the end must tidy up

sub json_encode { $json->encode($_[0]) }
sub json_decode { $json->decode($_[0]) }

# the repository
sub root { $root }

# a credential in the form of Anthropic's, another one each time
my $tokens = 0;
sub token {
    my ($kind) = @_;
    return sprintf 'sk-ant-%s-canary%05d%06dAbCdEf',
        $kind // 'oat01', $$, ++$tokens;
}

# where make has put what it built; see its variable of this name
sub build { Cwd::abs_path(File::Spec->rel2abs($ENV{BUILD} // 'build', $root)) }

sub module { build() . '/ngx_http_claude_module.so' }

# whether that was built with sanitizers
sub sanitized {
    return $ENV{CLAUDE_TEST_SANITIZE} //=
        (read_file(module()) // '') =~ /__asan_init/ ? 1 : 0;
}

sub new {
    my ($class, %opt) = @_;
    Test::More::BAIL_OUT("no $nginx") unless -x $nginx;
    Test::More::BAIL_OUT('no ' . module() . ': run make')
        unless $opt{without_module} || -e module();
    sanitized();

    my $dir = tempdir('nginx-claude-XXXXXXXX', TMPDIR => 1);
    chmod 0755, $dir;
    my $self = bless { dir => $dir, pid => $$, secrets => {}, allow => [],
        ports => {}, daemons => [], bridges => [], private => [], %opt },
        $class;
    $live{$dir} = $self;
    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

    $self->{user} = $> == 0 ? 'www-data' : undef;
    make_path("$dir/tmp");
    $self->own("$dir/tmp", 0700);
    $self->{keys} = Claude::Keys->new($self, "$dir/keys");
    return $self;
}

sub dir { $_[0]{dir} }
sub keys { $_[0]{keys} }

# gives a file or directory to the user that nginx's workers run as
sub own {
    my ($self, $path, $mode) = @_;
    chmod $mode, $path;
    return unless $self->{user};
    my (undef, undef, $uid, $gid) = getpwnam $self->{user};
    chown $uid, $gid, $path;
}

# what no log and no other file may ever hold
sub secret {
    my ($self, @secrets) = @_;
    $self->{secrets}{$_} = 1 for @secrets;
    return $secrets[0];
}

# directories and files of the test's own, where secrets may lie
sub private {
    my ($self, @paths) = @_;
    push @{ $self->{private} }, map { "$self->{dir}/$_" } @paths;
}

# makes a key for a new credential; see Claude::Keys
sub add_key {
    my ($self, $name, @rest) = @_;
    return $self->{keys}->add($name, @rest);
}

# a port that nobody has, by name; a UDP socket on it keeps other tests away
sub port {
    my ($self, $name) = @_;
    $name //= '';
    return $self->{ports}{$name}{port} if $self->{ports}{$name};

    for (1 .. 100) {
        my $port = 10000 + int rand 20000;
        my @addr = (LocalAddr => '127.0.0.1', LocalPort => $port);
        my $lock = IO::Socket::INET->new(@addr, Proto => 'udp') or next;
        IO::Socket::INET->new(@addr, Proto => 'tcp', Listen => 1) or next;
        $self->{ports}{$name} = { port => $port, lock => $lock };
        return $port;
    }

    die "no free port\n";
}

# lets nginx have the port's UDP side too, for QUIC
sub free_udp {
    my ($self, $name) = @_;
    my $port = $self->port($name);
    close delete $self->{ports}{$name // ''}{lock};
    return $port;
}

sub expand {
    my ($self, $text) = @_;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%ROOT%%/$root/g;
    $text =~ s/%%PORT(?:_(\w+))?%%/$self->port($1)/ge;
    $text =~ s/%%ADDR(?:_(\w+))?%%/'127.0.0.1:' . $self->port($1)/ge;
    return $text;
}

# nginx.conf around what stands in http {}; options: main (text before
# events), workers, level (of the error log), keystore (its parameters, or 0),
# zone (size of the keystore), limit (1: the module's default limit holds),
# daemon (1: no child of this process, as a binary upgrade demands)
sub conf {
    my ($self, $http, %opt) = @_;
    my $dir = $self->{dir};
    my $text = '';

    $text .= 'load_module ' . module() . ";\n" unless $self->{without_module};
    $text .= "user $self->{user};\n" if $self->{user};
    $text .= join '', map { "env $_;\n" } CORE::keys %{ { $self->nginx_env } };
    $text .= 'daemon ' . ($opt{daemon} ? 'on' : 'off') . ";\n"
        . "pid $dir/nginx.pid;\n"
        . 'worker_processes ' . ($opt{workers} // 2) . ";\n"
        . "error_log $dir/error.log " . ($opt{level} // 'notice') . ";\n"
        . ($opt{main} // '')
        . "events { worker_connections 1024; }\nhttp {\n"
        . "access_log $dir/access.log;\n";
    $text .= "${_}_temp_path $dir/tmp/$_;\n"
        for qw(client_body proxy fastcgi uwsgi scgi);
    $text .= "upstream bridge { server unix:$dir/bridge/sock; keepalive 8; }\n"
        unless $http =~ /upstream bridge\b/;

    if (!$self->{without_module} && ($opt{keystore} // 1)) {
        $text .= "claude_master_key $dir/keys/master.key;\n"
            . 'claude_keystore ' . ($opt{keystore} // 'zone=keys:'
                . ($opt{zone} // '1m') . " path=$dir/keys/keys.jsonl")
            . ";\n";
        $text .= "claude_limit off;\n" unless $opt{limit};
    }

    write_file("$dir/nginx.conf", $self->expand("$text$http\n}\n"));
    return $self;
}

sub nginx_env {
    my ($self) = @_;
    return () unless sanitized() && !$self->{without_module};
    my @libraries = map { (run(['cc', "-print-file-name=$_"])->{out}
        =~ /(\S+)/)[0] } qw(libasan.so libubsan.so);
    return (
        LD_PRELOAD => join(' ', @libraries,
            $ENV{CLAUDE_TEST_PRELOAD} // ()),
        ASAN_OPTIONS => $ENV{CLAUDE_TEST_ASAN_OPTIONS}
            // 'detect_leaks=0:abort_on_error=1:detect_odr_violation=0',
        UBSAN_OPTIONS => 'print_stacktrace=1',
    );
}

sub nginx_cmd {
    my ($self, @args) = @_;
    my $dir = $self->{dir};
    return [$nginx, '-p', "$dir/", '-c', "$dir/nginx.conf",
        '-e', "$dir/error.log", @args];
}

# nginx -t on a configuration: {status, err}; the log of it is left out of
# finish()'s checks
sub check {
    my ($self, $http, %opt) = @_;
    $self->conf($http, %opt) if defined $http;
    my $log = "$self->{dir}/error.log";
    my $before = -s $log // 0;
    my $got = run($self->nginx_cmd('-t'), undef, $self->nginx_env);
    truncate $log, $before if -e $log;
    return $got;
}

# writes the configuration, starts nginx and waits until it accepts; options
# of conf(), env and patience
sub start {
    my ($self, $http, %opt) = @_;
    $self->conf($http, %opt) if defined $http;
    my $pid = spawn(err => "$self->{dir}/nginx.err", cmd => $self->nginx_cmd,
        env => { $self->nginx_env, %{ $opt{env} // {} } });
    if ($opt{daemon}) {
        waitpid $pid, 0;
        $pid = wait_until(sub { read_file("$self->{dir}/nginx.pid") },
            'a pid') + 0;
    }
    $self->{master} = $pid;
    $self->ready($opt{patience});
    return $self;
}

sub ready {
    my ($self, $patience) = @_;
    my @ports = map { $_->{port} } values %{ $self->{ports} };

    eval {
        wait_until(sub {
            die "nginx ended\n" unless alive($self->{master});
            return 0 unless -s "$self->{dir}/nginx.pid" && $self->all_there;
            for my $port (@ports) {
                my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                    PeerPort => $port, Proto => 'tcp');
                return 0 unless $s;
            }
            return 1;
        }, 'nginx', $patience);
        1;
    } or do {
        my $why = $@;
        $self->note_logs;
        die "nginx did not start: $why";
    };
}

sub note_logs {
    my ($self) = @_;
    for (qw(nginx.err error.log)) {
        my $text = read_file("$self->{dir}/$_") // next;
        Test::More::diag("$_: ", substr $text, -4000);
    }
}

# pids; exiting ones of an earlier configuration with all => 1
sub workers {
    my ($self, %opt) = @_;
    return grep {
        my $title = read_file("/proc/$_/cmdline") // '';
        $title =~ /worker process/
            && ($opt{all} || $title !~ /shutting down/);
    } children($opt{of} // $self->{master});
}

# whether there are as many workers as the configuration says
sub all_there {
    my ($self) = @_;
    my ($n) = (read_file("$self->{dir}/nginx.conf") // '')
        =~ /^worker_processes (\d+);/m;
    return $self->workers >= ($n // 1);
}

# waits until new workers have taken over; the old ones may go on
sub reload {
    my ($self, $http, %opt) = @_;
    $self->conf($http, %opt) if defined $http;
    my %old = map { $_ => 1 } $self->workers;
    kill 'HUP', $self->{master};
    wait_until(sub {
        return $self->all_there && !grep { $old{$_} } $self->workers;
    }, 'new workers');
}

sub stop_nginx {
    my ($self, $signal) = @_;
    my $pid = delete $self->{master} // return 1;
    return stop($pid, $signal // 'QUIT');
}

# the fake bridge, with answers of the test's own; see Claude::FakeBridge
sub bridge {
    my ($self, %answers) = @_;
    return $self->bridge_at('bridge', %answers);
}

# the same in another directory: its socket is NAME/sock
sub bridge_at {
    my ($self, $name, %answers) = @_;
    $self->private("$name/journal");
    push @{ $self->{bridges} },
        Claude::FakeBridge->start("$self->{dir}/$name", %answers);
    return $self->{bridges}[-1];
}

# another program that ends with the test: (cmd => [...], ...) of spawn();
# its output lies in NAME.out and NAME.err
sub daemon {
    my ($self, $name, %opt) = @_;
    my $pid = spawn(out => "$self->{dir}/$name.out",
        err => "$self->{dir}/$name.err", %opt);
    push @{ $self->{daemons} }, { name => $name, pid => $pid };
    return $pid;
}

sub forget_daemon {
    my ($self, $pid) = @_;
    @{ $self->{daemons} } = grep { $_->{pid} != $pid } @{ $self->{daemons} };
}

sub connect {
    my ($self, %opt) = @_;
    return Claude::HTTP->connect(port => $self->port($opt{port}), %opt{
        grep { exists $opt{$_} } qw(from to patience) });
}

# the bytes of a request.  Options: key, type, headers (lines), body (text, or
# data that becomes JSON), host, close
sub request {
    my ($self, $method, $uri, %opt) = @_;
    my $body = $opt{body};
    $body = json_encode($body) if ref $body;
    my $text = "$method $uri HTTP/1.1\r\nHost: "
        . ($opt{host} // 'localhost') . "\r\n";

    $text .= "Authorization: Bearer $opt{key}\r\n" if defined $opt{key};
    if (defined $body) {
        my $type = exists $opt{type} ? $opt{type} : 'application/json';
        $text .= "Content-Type: $type\r\n" if defined $type;
        $text .= 'Content-Length: ' . length($body) . "\r\n";
    }
    $text .= "$_\r\n" for @{ $opt{headers} // [] };
    $text .= "Connection: close\r\n" if $opt{close};
    return "$text\r\n" . ($body // '');
}

# one request on a connection of its own: the response, or undef
sub http {
    my ($self, $method, $uri, %opt) = @_;
    my $c = $self->connect(%opt);
    $c->send($self->request($method, $uri, close => 1, %opt));
    my $r = $c->response(method => $method);
    $c->close;
    return $r;
}

# the body of a chat with one user message; more fields may follow
sub chat_body {
    my ($self, $text, %fields) = @_;
    return { model => 'sonnet',
        messages => [{ role => 'user', content => $text }], %fields };
}

# POST /v1/chat/completions; fields => {...} are added to the body
sub chat {
    my ($self, $text, %opt) = @_;
    my $fields = delete $opt{fields} // {};
    my $body = ref $text ? $text : $self->chat_body($text, %$fields);
    return $self->http('POST', ($opt{uri} // '/v1/chat/completions'),
        body => $body, %opt);
}

# a streamed chat as a connection whose answer is still to be read
sub stream {
    my ($self, $text, %opt) = @_;
    my $fields = delete $opt{fields} // {};
    my $c = $self->connect(%opt);
    $c->send($self->request('POST', $opt{uri} // '/v1/chat/completions',
        body => $self->chat_body($text, stream => JSON::PP::true, %$fields),
        %opt));
    return $c;
}

sub log { read_file("$_[0]{dir}/error.log") // '' }

sub access_log { read_file("$_[0]{dir}/access.log") // '' }

# lines of the error log that are meant to be there
sub allow {
    my ($self, @patterns) = @_;
    push @{ $self->{allow} }, @patterns;
}

# lines of level error and above that nobody allowed, and sanitizer reports
sub unexpected {
    my ($self) = @_;
    my @lines;

    for my $line (split /\n/, $self->log
        . (read_file("$self->{dir}/nginx.err") // ''))
    {
        next unless $line =~ /\[(?:error|crit|alert|emerg)\]|Sanitizer
            |runtime\ error:/x;
        next if grep { $line =~ $_ } @{ $self->{allow} };
        push @lines, $line;
    }

    return @lines;
}

sub files {
    my ($dir) = @_;
    return map { -l $_ ? () : -d $_ ? files($_) : -f $_ ? $_ : () }
        glob "\Q$dir\E/{*,.[!.]*}";
}

# files that hold a secret in the clear
sub leaks {
    my ($self) = @_;
    my @secrets = CORE::keys %{ $self->{secrets} } or return;
    my $pattern = join '|', map { quotemeta } @secrets;
    my %found;

    for my $file (files($self->{dir})) {
        next if grep { index($file, $_) == 0 } @{ $self->{private} };
        $found{$file} = 1 if (read_file($file) // '') =~ /$pattern/;
    }

    return sort(CORE::keys %found);
}

# stops everything; true when all ended by themselves
sub stop_all {
    my ($self) = @_;
    my $good = 1;
    my @family = map { descendants($_) }
        grep { defined } $self->{master}, map { $_->{pid} }
        @{ $self->{daemons} };

    for my $daemon (reverse @{ $self->{daemons} }) {
        stop($daemon->{pid}) or $good = 0;
    }
    $self->{daemons} = [];
    $self->stop_nginx or $good = 0;
    $_->stop_listening for @{ $self->{bridges} };

    for my $pid (grep { alive($_) } @family) {
        eval { wait_until(sub { !alive($pid) }, "end of $pid", 3) } and next;
        kill 'KILL', $pid;
        $good = 0;
    }

    return $good;
}

# the end of a test file
sub finish {
    my ($self) = @_;
    my $is_clean = sub {
        my ($got, $what) = @_;
        Test::More::is(join("\n", @$got), '', $what);
    };

    Test::More::ok($self->stop_all, 'everything ends when asked to');
    $is_clean->([$self->unexpected], 'the error log is clean');
    $is_clean->([$self->leaks], 'no secret lies in any file');
    $is_clean->([files("$self->{dir}/tmp")], 'no temporary file is left');
    $is_clean->([holders($self->{dir})], 'no process is left');

    Test::More::diag("kept: $self->{dir}") if $ENV{CLAUDE_TEST_KEEP};
    $self->tidy;
    Test::More::done_testing();
}

sub tidy {
    my ($self) = @_;
    delete $live{ $self->{dir} };
    remove_tree($self->{dir}) unless $ENV{CLAUDE_TEST_KEEP};
}

END {
    my $status = $?;
    for my $self (grep { $_->{pid} == $$ } values %live) {
        $self->stop_all;
        $self->note_logs if $status;
        $self->tidy;
    }
    $? = $status;
}

1;
