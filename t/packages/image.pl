#!/usr/bin/perl

# The images, built and started as docs/container.md says, every command of it
# word for word, but for ports, and for where Debian's packages come from.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Claude::Process qw(run spawn read_file wait_until write_file);
use Claude::Walk;
use Image qw(docker lines prepare root sh work);

my ($root, $dir) = (root(), work());
my $began = time;

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1,
        LocalAddr => '127.0.0.1') or die "no port: $!\n";
    return $socket->sockport;
}

my ($http, $https) = (free_port(), free_port());

my @ours = qw(claude stub first nginx-claude-nginx-1 nginx-claude-bridge-1);

sub forget {
    docker('rm', '-f', '-v', '-t', '1', $_) for @ours;
    docker('volume', 'rm', '-f', map { "claude-$_" } qw(sdk state secrets
        socket try));
    docker('network', 'rm', '-f', map { "nginx-claude_$_" } qw(front out));
}

# commands of the document

my $document = read_file("$root/docs/container.md");
my %blocks;
{
    my $heading = '';
    while ($document =~ /^(?:\#+ ([^\n]*)|```sh\n(.*?)^```)$/msg) {
        if (defined $1) { $heading = $1; next }
        push @{ $blocks{$heading} }, $2;
    }
}
my $left = 0;
$left += @$_ for values %blocks;

my $walk;

sub block {
    my ($heading, %with) = @_;
    my $text = shift @{ $blocks{$heading} } // die "no command: $heading\n";
    $left--;
    $text =~ s/-p 8080:8080 -p 8443:8443/-p 127.0.0.1:$http:8080 \\
    -p 127.0.0.1:$https:8443/;
    $text =~ s/localhost:8080/127.0.0.1:$http/g;
    $text =~ s/ -it / -i /;
    $text =~ s/ --no-cache --pull / /g;
    $text = $with{change}->($text) if $with{change};
    my $got = $walk->step($heading, $text, sub {
        sh("cd '$dir/checkout'\n$text", $with{input});
    });
    my ($what) = lines($text =~ s/\\\n\s*//gr);
    is($got->{status}, 0, substr("$heading: $what", 0, 74))
        or diag "$got->{out}$got->{err}", docker('logs', 'claude')->{err};
    return wantarray ? ($got, $text) : $got;
}

# what is asked of a container

sub inside {
    my ($name, $user, $text) = @_;
    return docker('exec', ($user ? ('-u', $user) : ()), $name, 'sh', '-c',
        $text);
}

sub state_of {
    my ($name, $what) = @_;
    my ($value) = lines(docker('inspect', '--format', "{{.State.$what}}",
        $name)->{out});
    return $value // '';
}

sub healthy {
    my ($name) = @_;
    wait_until(sub { state_of($name, 'Health.Status') eq 'healthy' },
        "$name to be healthy", 180);
}

sub curl {
    my ($url, @args) = @_;
    my $got = run(['curl', '-sk', '-m', '60', '-w', '\n%{http_code}', @args,
        $url]);
    my ($body, $status) = $got->{out} =~ /^(.*)\n(\d+)$/s;
    return { status => $status // 0, body => $body // '' };
}

sub chat {
    my ($key, $text, $at) = @_;
    return curl('http://' . ($at // "127.0.0.1:$http")
        . '/v1/chat/completions', '-H', "Authorization: Bearer $key", '-H',
        'Content-Type: application/json', '-d', '{"model":"sonnet",'
        . '"messages":[{"role":"user","content":"' . $text . '"}]}');
}

# {pid, name, uid, caps, nnp} of each process, nginx's master before workers
sub processes {
    my ($name) = @_;
    my $got = inside($name, undef, 'for p in /proc/[0-9]*; do
        echo "${p#/proc/}" $(sed -n -E "s/^(Name|Uid|CapPrm|CapEff|NoNewPrivs'
        . '):\s+(\S+).*/\2/p" $p/status); done');
    return sort { $a->{pid} <=> $b->{pid} } map {
        my %one;
        @one{qw(pid name uid permitted caps nnp)} = split ' ';
        exists $one{nnp} && $one{name} !~ /^(?:sh|sed)$/ ? \%one : ();
    } lines($got->{out});
}

# places that can be written to, by the mounts
sub writable {
    my ($name) = @_;
    my $got = inside($name, undef, 'cat /proc/self/mounts');
    return sort map { (split ' ')[1] } grep {
        my (undef, $at, $type, $options) = split ' ';
        $options =~ /^rw/ && $type !~ /^(?:proc|devpts|mqueue|sysfs)$/
            && $at !~ m{^/(?:dev|proc|sys)(?:/|$)};
    } lines($got->{out});
}

my $relay = 'const n = require("net"); n.createServer((c) => {
    const s = n.connect("/tmp/stub"); c.pipe(s).pipe(c);
    c.on("error", () => s.destroy()); s.on("error", () => c.destroy());
}).listen(9009, "0.0.0.0");';

# a stub of Anthropic's API, in a container beside
sub start_stub {
    my (@network) = @_;
    docker('rm', '-f', '-t', '1', 'stub');
    my $got = docker('run', '-d', '--name', 'stub', @network, '-v',
        "$root/t/stub:/stub:ro", '--entrypoint', 'sh', 'nginx-claude', '-c',
        'node /stub/anthropic.mjs --socket /tmp/stub & exec node -e "$0"',
        $relay);
    die "stub: $got->{err}" if $got->{status};
    my $address = docker('inspect', '--format', '{{.NetworkSettings.IPAddress'
        . '}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}',
        'stub')->{out};
    my ($ip) = $address =~ /(\d+(?:\.\d+){3})/ or die "stub: $address\n";
    return $ENV{CLAUDE_DOCKER_API} = "http://$ip:9009";
}

plan skip_all => 'only root can make containers here' if $>;
prepare();
$walk = Claude::Walk->new("$root/build", 'image');
forget();

my $try = docker('run', '--rm', 'localhost/debian:12-slim', 'true');
if ($try->{status}) {
    diag "no containers here: $try->{err}";
    plan skip_all => 'no containers here, see image_chroot.pl';
}

diag 'run in containers, by podman and runc';

# images

block('One container');
diag sprintf 'built after %.0f s', time - $began;

for my $image ('nginx-claude', 'nginx-claude:sdk') {
    my ($user) = lines(docker('inspect', '--format', '{{.Config.User}}',
        $image)->{out});
    like($user, qr/^(?:claude-\w+|www-data)$/, "$image: not root");
}
like(docker('inspect', 'nginx-claude')->{out}, qr/health\.sh/,
    'it has a health check');

# without the SDK, and with one that was tampered with

my $start = $blocks{'One container'}[1];
my ($options) = $start =~ /(--read-only.*?)-v claude-sdk/s;
my $none = sh("docker run --rm $options nginx-claude");
is($none->{status}, 78, 'without the SDK it ends');
like($none->{err}, qr/docker run --rm -v claude-sdk:/,
    'and says how to fetch it');

my $lock = read_file("$root/src/sdk/package-lock.json");
$lock =~ s{(claude-agent-sdk": \{[^\}]*?"integrity": "sha512-)....}{$1AAAA}
    or die "no hash\n";
write_file("$dir/lock.json", $lock, 0644);
my $foul = docker(qw(run --rm -v claude-try:/opt/claude/sdk -v),
    "$dir/lock.json:/opt/claude/bridge/package-lock.json:ro",
    'nginx-claude:sdk');
isnt($foul->{status}, 0, 'an SDK of another hash is refused');
like($foul->{err}, qr/EINTEGRITY/, 'for its hash');
like(docker(qw(run --rm -v claude-try:/sdk:ro --entrypoint ls nginx-claude
    -A /sdk))->{out}, qr/^\s*$/, 'and nothing of it stays');

# one container

block('One container');
start_stub();
my (undef, $ran) = block('One container');
healthy('claude');

block('One container');
my $master = read_file("$dir/checkout/master.key");
like($master, qr/^\S{40,}\s*$/, 'it is the master key')
    or diag length $master;

my $token = 'sk-ant-oat01-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 95;
write_file("$dir/checkout/token.txt", "$token\n");
my $answer = block('One container', change => sub {
    my ($text) = @_;
    my $patient = "sleep 1; for i in {1..60}; do\n"
        . "curl -sf -o /dev/null -H \"Authorization: Bearer \$key\" "
        . "http://127.0.0.1:$http/v1/models && break; sleep 1; done\n";
    $text =~ s/^sleep 1 .*\n/$patient/m or die "no sleep\n";
    return "$text\necho; echo \"key: \$key\"\n";
});
like($answer->{out}, qr/"chat\.completion".*demo model/,
    'a chat is answered');
my ($key) = $answer->{out} =~ /^key: (sk-\S+)$/m or die "no key\n";
like(block('One container')->{out}, qr/^healthy$/m, 'it says healthy');

# who is who

my @all = processes('claude');
my %uids = map { $_->{name} => $_->{uid} } @all;
is_deeply([@uids{qw(tini start.sh nginx node claude)}],
    [10001, 10001, 33, 10002, 10002], 'two users, and one that starts them');
is(join(' ', grep { $_ == 0 } map { $_->{uid} } @all), '', 'none is root');
is(join(' ', map { "$_->{name} $_->{caps}" }
    grep { hex $_->{caps} || hex $_->{permitted} } @all), '',
    'none has a capability');
is(join(' ', map { $_->{name} } grep { !$_->{nnp} && $_->{uid} != 10001 }
    @all), '', 'nginx and bridge can get none');

my %pid = map { $_->{name} => $_->{pid} } @all;
my @pair = (['www-data', $pid{node}], ['claude-bridge', $pid{nginx}]);
for (@pair) {
    my ($user, $pid) = @$_;
    for my $file (qw(environ mem maps fd/0)) {
        isnt(inside('claude', $user, ": < /proc/$pid/$file")->{status}, 0,
            "$user: not the other's $file");
    }
    isnt(inside('claude', $user, "kill -0 $pid")->{status}, 0,
        "$user: no signal");
    isnt(inside('claude', $user, '/usr/libexec/claude/setpriv true')
        ->{status}, 0, "$user: starts nobody as another");
}
isnt(inside('claude', 'claude-bridge', "ls $_")->{status}, 0,
    "the bridge can't read $_") for qw(/etc/nginx/claude /var/lib/nginx-claude
    /tmp/nginx/body);
isnt(inside('claude', 'www-data', 'ls /tmp/bridge')->{status}, 0,
    "nginx can't read the bridge's directories");

# nothing can be written to but what the document says

my ($table) = $document =~ /^## What lies where\n(.*?)^Nothing else/ms;
my @rows = grep { /^\| `/ && !/read-only/ } lines($table);
my @places = sort map { m{`(/[^`]+)`}g } map { (split /\|/)[1] } @rows;
is_deeply([writable('claude')], \@places,
    'what can be written is what the document says');
isnt(inside('claude', $_, 'touch /etc/x || touch /opt/x || touch /usr/x')
    ->{status}, 0, "$_: the root is read-only") for qw(root www-data);

# HTTPS and the admin; the same keys in a new container

is(curl("http://127.0.0.1:$http/admin/")->{status}, 404, 'no admin on HTTP');
my $made = sh("mkdir -p '$dir/tls'; cd '$dir/tls'
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
        -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem
    chown 33 key.pem; chmod 0755 .; chmod 0400 key.pem; chmod 0755 '$dir'");
is($made->{status}, 0, 'a certificate') or diag $made->{err};

my $stopped = docker('stop', 'claude');
is(state_of('claude', 'ExitCode'), 0, 'it stops with status 0');
docker('rm', 'claude');
my ($tls) = $document =~ m{(-v /etc/ssl/ai\.example\.com:/etc/nginx/tls:ro)};
my $again = $ran =~ s/ nginx-claude$/ $tls nginx-claude/mr;
$again =~ s{/etc/ssl/ai\.example\.com}{$dir/tls};
is(sh($again)->{status}, 0, 'a new container, with the certificate');
healthy('claude');
is(chat($key, 'again')->{status}, 200, 'the same key works');
is(curl("https://127.0.0.1:$https/v1/models", '-H',
    "Authorization: Bearer $key")->{status}, 200, 'over HTTPS too');
is(curl("https://127.0.0.1:$https/admin/")->{status}, 404,
    'no admin without a password');

my $password = 'a password for the image';
block('HTTPS and the admin', input => "$password\n");
healthy('claude');
my $htpasswd = inside('claude', 'www-data',
    'cat /etc/nginx/claude/admin.htpasswd')->{out};
is(curl("https://127.0.0.1:$https/admin/")->{status}, 200, 'the admin');
my $login = curl("https://127.0.0.1:$https/admin/api/login", '-H',
    'Content-Type: application/json', '-H', 'Sec-Fetch-Site: same-origin',
    '-d', qq({"password":"$password"}));
is($login->{status}, 200, 'and the password') or diag $login->{body};

my ($worker) = grep { $_->{name} eq 'nginx' } reverse processes('claude');
block('HTTPS and the admin');
wait_until(sub {
    !grep { $_->{pid} == $worker->{pid} } processes('claude');
}, 'new workers');
is(chat($key, 'reloaded')->{status}, 200, 'a reload');

# ends

my $slow = spawn(out => "$dir/stream", cmd => ['curl', '-sN', '-m', '60',
    '-H', "Authorization: Bearer $key", '-H', 'Content-Type: application/json',
    '-d', '{"model":"sonnet","stream":true,"messages":[{"role":"user",'
    . '"content":"[[stub deltas=20 delay=200]]"}]}',
    "http://127.0.0.1:$http/v1/chat/completions"]);
wait_until(sub { (read_file("$dir/stream") // '') =~ /content":"2 / },
    'a stream', 60);
docker('stop', 'claude');
waitpid $slow, 0;
like(read_file("$dir/stream"), qr/content":"20 .*\[DONE\]\s*$/s,
    'a stream is not cut off by SIGTERM');
is(state_of('claude', 'ExitCode'), 0, 'and it ends with status 0');
docker('start', 'claude');
healthy('claude');

for my $name ('node', 'nginx') {
    my ($old) = grep { $_->{name} eq $name } processes('claude');
    my $began = state_of('claude', 'StartedAt');
    my $user = $name eq 'node' ? 'claude-bridge' : 'www-data';
    inside('claude', $user, "kill -9 $old->{pid}");
    wait_until(sub { state_of('claude', 'StartedAt') ne $began },
        "an end after $name", 60);
    healthy('claude');
    is(chat($key, 'back')->{status}, 200, "$name is killed: all starts again");
}

block('Stop, restart, update');
healthy('claude');
is(chat($key, 'restarted')->{status}, 200, 'a restart keeps keys');

my $shown = block('Stop, restart, update');
my $log = docker('logs', 'claude');
$log = "$log->{out}$log->{err}";
like($log, qr/"status":200,"key":"key_/, 'requests are in the log');
like($log, qr/"event":"listening"/, 'the bridge too');
like($log, qr/"level":"security"/, 'and security events');
unlike($log, qr/\Q$_\E/, 'but no secret') for $key, $token, $password;
unlike($log, qr/restarted/, 'and no prompt');

block('Stop, restart, update');
my $unpacked = sh("mkdir '$dir/backup'; cd '$dir/backup'
    tar -xf ../checkout/keys.tar; sha256sum -c SHA256SUMS; ls");
is($unpacked->{status}, 0, 'a backup') or diag $unpacked->{err};
like($unpacked->{out}, qr/^keys\.jsonl$/m, 'of the keys');

# a master key that was given, one that is missing

my ($given) = $document =~ m{(-v /run/secrets/claude\.key:\S+)};
write_file("$dir/claude.key", $master, 0400);
chown 33, 33, "$dir/claude.key";
my $first = $again =~ s/--name claude /--name first /r
    =~ s/ -v claude-secrets:\S+/ $given/r =~ s/-p \S+ (?:\\\n\s*)?//gr
    =~ s{/run/secrets/claude\.key}{$dir/claude.key}r
    =~ s/--restart \S+ //r;
docker('stop', 'claude');
is(sh($first)->{status}, 0, 'with the master key as a secret');
healthy('first');
my $check = inside('first', 'www-data', 'claude-keys check');
is($check->{status}, 0, 'it opens the store') or diag $check->{err};
like($check->{out}, qr/\b1 live\b/, 'all of it');
docker('rm', '-f', 'first');
my $bare = sh($first =~ s/run -d/run --rm/r =~ s/ -v \S+claude\.key\S+/ /r);
is($bare->{status}, 78, 'a store without its master key');
like($bare->{err}, qr/its master key is not/, 'gets no other');

block('Stop, restart, update');

# two containers

docker('network', 'create', 'nginx-claude_out');
start_stub('--network', 'nginx-claude_out');
my $yaml = "$dir/checkout/compose.yaml";
write_file($yaml, read_file($yaml) =~ s/"8080:8080"/"127.0.0.1:$http:8080"/r
    =~ s/"8443:8443"/"127.0.0.1:$https:8443"/r, 0644);
block('Two containers');

my ($nginx, $bridge) = map { "nginx-claude-$_-1" } qw(nginx bridge);
healthy($_) for $bridge, $nginx;
my $second = block('Two containers');
my ($bob) = $second->{out} =~ /(sk-\S+)/ or die "no key\n";
# podman publishes no port of a network that has no way out
my ($at) = docker('inspect', '--format',
    '{{range .NetworkSettings.Networks}}{{.IPAddress}}:8080{{end}}',
    $nginx)->{out} =~ /(\S+)/;
for my $key ($key, $bob) {
    ok(eval { wait_until(sub { chat($key, 'two', $at)->{status} == 200 },
        'the key', 60) }, 'a key works');
}

for my $name ($nginx, $bridge) {
    my @all = processes($name);
    my $uid = $name eq $nginx ? 33 : 10002;
    is(join(' ', grep { $_ != $uid } map { $_->{uid} } @all), '',
        "$name: one user");
    is(join(' ', map { $_->{name} } grep { hex $_->{caps}
        || hex $_->{permitted} || !$_->{nnp} } @all), '',
        "$name: no capability, none to get");
}
is_deeply([writable($nginx)], [qw(/etc/nginx/claude /run /tmp
    /var/lib/nginx-claude)], 'where nginx can write');
is_deeply([writable($bridge)], [qw(/run/claude /tmp)],
    'where the bridge can write');
isnt(inside($bridge, 'root', "ls -A $_ | grep .")->{status}, 0,
    "the bridge has no $_") for qw(/etc/nginx/claude /var/lib/nginx-claude);
my ($api) = $ENV{CLAUDE_DOCKER_API} =~ m{//([\d.]+):};
my $reach = "timeout 5 bash -c ': < /dev/tcp/$api/9009'";
isnt(inside($nginx, undef, $reach)->{status}, 0, 'nginx has no way out');
is(inside($bridge, undef, $reach)->{status}, 0, 'the bridge has one');
unlike(inside($bridge, undef, 'cat /proc/net/tcp /proc/net/tcp6')->{out},
    qr/^\s*\d+: (?!0100007F)\S+ \S+ 0A /m, 'and listens on loopback at most');

my ($node) = grep { $_->{name} eq 'node' } processes($bridge);
my $since = state_of($bridge, 'StartedAt');
inside($bridge, undef, "kill -9 $node->{pid}");
wait_until(sub { state_of($bridge, 'StartedAt') ne $since }, 'an end', 60);
healthy($bridge);
is(chat($key, 'back', $at)->{status}, 200, 'the bridge comes back');

# no secret in an image, no SDK, nothing of this machine; one more layer has
# what would be found.  GnuTLS has keys in it, to test itself with.

my @images = ('nginx-claude', map { "nginx-claude:$_" } qw(sdk bridge nginx));
write_file("$dir/patterns", <<'EOC');
sk-ant-(oat|api)[0-9]{2}-[A-Za-z0-9_-]{20,}
\bsk-[A-Za-z0-9]{48}\b
\$2[aby]\$1[0-9]\$[./A-Za-z0-9]{53}
-----BEGIN [A-Z ]*PRIVATE KEY-----.?[A-Za-z0-9+/]{40}
EOC
mkdir $_ for "$dir/layers", "$dir/layers/secrets";
write_file("$dir/layers/secrets/all", "$key\n$htpasswd");
my $save = sh("cd '$dir/layers'
    for image in @images; do docker save \$image | tar -x; done
    cp '$dir/tls/key.pem' '$dir/checkout/token.txt' secrets/
    tar -cf secrets.tar secrets
    for layer in *.tar; do
        tar -tf \$layer | sed \"s|^|\$layer |\" >> ../names
        tar -xOf \$layer --exclude='*/libgnutls.so*' \\
            | LC_ALL=C grep -zaoEf ../patterns \\
            | tr '\\n\\0' ' \\n' | sed \"s|^|\$layer |\" >> ../found || :
    done");
is($save->{status}, 0, 'the layers') or diag $save->{err};
my @names = lines(read_file("$dir/names"));
my @found = lines(read_file("$dir/found"));
cmp_ok(scalar(@names), '>', 1000, 'have files');
is(scalar(grep { /^secrets\.tar / } @found), 4, 'secrets are found');
is(join("\n", grep { !/^secrets\.tar / } @found), '',
    'but there is no credential, password or private key');
is(join(' ', grep { m{master\.key|\.jsonl$|htpasswd$|claude-agent-sdk|
    anthropic|\.pem$|token\.txt}x && !m{^secrets\.tar\ |
    etc/ssl/certs/|usr/lib/ssl/cert\.pem$|usr/share/}x } @names), '',
    'no file of keys, none of the SDK');
for my $image (@images) {
    my $history = docker('history', '--no-trunc', $image)->{out};
    like($history, qr/apt-get/, "$image has a history");
    unlike($history, qr/\Q$_\E/, 'without a secret') for $key, $token;
    unlike($history, qr/\bsk-|https?:/, 'or anything of the kind');
}

is(sh("cd '$dir/checkout'; docker compose down")->{status}, 0, 'down');
my $kept = docker('volume', 'ls', '-q')->{out};
like($kept, qr/^claude-$_$/m, "$_ stays") for qw(state secrets sdk);

is($left, 0, 'no command of the document was left out');
forget();
# images of sources that were changed since
docker(qw(image prune -f --filter until=24h));
diag sprintf 'over after %.0f s', time - $began;
done_testing();
