package Claude::SignIn;

# Signing in to the admin, step by step: password files, cookies, and calls
# with the headers that a browser sends, or fails to send.
#
#   my $door = Claude::SignIn->new($t, alice => 'a password');
#   $t->start($door->server);
#   my $cookie = $door->sign_in('a password');
#   my $r = $door->call('GET', 'session', cookie => $cookie);
#
# The server of server() takes "X-Forwarded-Proto: https" from 127.0.0.1 in
# place of TLS, so that requests can be made by hand; with realip() the
# client's address is what X-Forwarded-For says.

use strict;
use warnings;

use Claude::Process qw(write_file);
use Claude::Test;

use constant COOKIE => '__Host-claude_session';

# names and passwords
sub new {
    my ($class, $t, @people) = @_;
    my $self = bless { t => $t, file => $t->dir . '/admin.htpasswd' }, $class;
    $self->write(@people) if @people;
    return $self;
}

sub file { $_[0]{file} }

# bcrypt, of the lowest cost that is taken unless another is given
my %hashes;
sub hash {
    my ($password, $cost, $kind) = @_;
    $cost //= 10;
    $kind //= '2y';
    my @chars = ('.', '/', 'A' .. 'Z', 'a' .. 'z', '0' .. '9');
    return $hashes{"$kind $cost $password"} //= do {
        my $salt = join('', map { $chars[rand @chars] } 1 .. 21) . 'u';
        crypt $password, sprintf '$%s$%02d$%s', $kind, $cost, $salt;
    };
}

sub write {
    my ($self, @people) = @_;
    my $text = '';
    while (my ($name, $password) = splice @people, 0, 2) {
        $text .= "$name:" . hash($password) . "\n";
        $self->{t}->secret($password);
    }
    write_file($self->{file}, $text, 0600);
    return $self;
}

sub location {
    my ($self, $more) = @_;
    return "location /admin/ { claude_admin;"
        . " claude_admin_password_file $self->{file}; " . ($more // '') . ' }';
}

sub server {
    my ($self, $more) = @_;
    return 'server { listen %%ADDR%%; server_name localhost; '
        . 'claude_admin_forwarded 127.0.0.1; ' . ($more // '') . "\n"
        . "location /v1/ { claude_pass bridge; }\n"
        . $self->location . " }\n";
}

sub realip {
    return "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n";
}

# the headers of a call: options cookie, from (X-Forwarded-For), origin (undef:
# none; by default that of the page), https (0: not said), headers
sub headers {
    my ($self, $method, %opt) = @_;
    my @headers = @{ $opt{headers} // [] };
    push @headers, 'X-Forwarded-Proto: https' if $opt{https} // 1;
    push @headers, 'Cookie: ' . COOKIE . "=$opt{cookie}"
        if defined $opt{cookie};
    push @headers, "X-Forwarded-For: $opt{from}" if defined $opt{from};
    my $origin = exists $opt{origin} ? $opt{origin} : 'https://localhost';
    push @headers, "Origin: $origin"
        if defined $origin && $method !~ /^(?:GET|HEAD)$/;
    return @headers;
}

# the same with uri, body, and others of Claude::Test's http()
sub call {
    my ($self, $method, $path, %opt) = @_;
    my $body = exists $opt{body} ? $opt{body}
        : $method =~ /^(?:GET|HEAD|OPTIONS)$/ ? undef : {};
    return $self->{t}->http($method, $opt{uri} // "/admin/api/$path",
        body => $body, headers => [$self->headers($method, %opt)],
        map { exists $opt{$_} ? ($_ => $opt{$_}) : () }
        qw(type host port patience));
}

sub credentials {
    my ($password, $name) = @_;
    return { password => $password, defined $name ? (name => $name) : () };
}

sub login {
    my ($self, $password, %opt) = @_;
    return $self->call('POST', 'login',
        body => credentials($password, delete $opt{name}), %opt);
}

# the cookie's value out of an answer, or undef
sub cookie {
    my ($r) = @_;
    return ($r->header('set-cookie') // '') =~ /^\Q${\COOKIE}\E=([^;]+)/
        ? $1 : undef;
}

# the cookie of a new session
sub sign_in {
    my ($self, $password, %opt) = @_;
    my $r = $self->login($password, %opt);
    die "not signed in: $r->{status} $r->{body}\n" if $r->{status} != 200;
    my $cookie = cookie($r);
    $self->{t}->secret($cookie);
    return $cookie;
}

sub is_in {
    my ($self, $cookie, %opt) = @_;
    return $self->call('GET', 'session', cookie => $cookie, %opt)->{status}
        == 200;
}

1;
