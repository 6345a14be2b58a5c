package Claude::Admin;

# Somebody who is signed in at the admin, on a plain listener that trusts this
# host to have ended TLS.
#
#   my $t = Claude::Test->new;
#   $t->start('server { listen %%ADDR%%; ' . Claude::Admin->location($t)
#       . ' }');
#   my $admin = Claude::Admin->new($t);
#   my $r = $admin->call('POST', 'keys', { oauthToken => ..., ... });

use strict;
use warnings;

use Claude::Test;
use Claude::Process qw(write_file);

use constant PASSWORD => 'correct horse battery staple';

# the location, with a password file of these names; more directives may follow
sub location {
    my ($class, $t, %opt) = @_;
    $t->keys->init;
    my $file = $t->dir . '/admin.htpasswd';
    my $salt = '$2y$10$' . 'abcdefghijklmnopqrstuu';
    my $hash = crypt PASSWORD, $salt;
    write_file($file, join '', map { "$_:$hash\n" }
        @{ $opt{names} // ['admin'] });
    chmod 0600, $file;
    $t->secret(PASSWORD);
    return 'location ' . ($opt{uri} // '/admin/') . ' {'
        . ' claude_admin' . ($opt{upstream} ? " upstream=$opt{upstream}" : '')
        . "; claude_admin_password_file $file;"
        . ' claude_admin_redirect localhost; claude_admin_forwarded 127.0.0.1;'
        . ' ' . ($opt{more} // '') . ' }';
}

# options: name, uri, port, and others of Claude::Test's http()
sub new {
    my ($class, $t, %opt) = @_;
    my $self = bless { t => $t, uri => '/admin/', %opt }, $class;
    my $r = $self->call('POST', 'login', {
        ($opt{name} ? (name => $opt{name}) : ()), password => PASSWORD });
    die "not signed in: $r->{status} $r->{body}\n" unless $r->{status} == 200;
    ($self->{cookie}) = ($r->header('set-cookie') // '')
        =~ /(__Host-claude_session=[^;]+)/ or die "no cookie\n";
    $t->secret($self->{cookie} =~ s/^[^=]+=//r);
    return $self;
}

# the headers of a request of the page
sub headers {
    my ($self) = @_;
    return [$self->{plain} ? () : 'X-Forwarded-Proto: https',
        'Origin: https://localhost',
        $self->{cookie} ? "Cookie: $self->{cookie}" : ()];
}

# a call below api/; body is data, or text
sub call {
    my ($self, $method, $path, $body, %opt) = @_;
    $body //= {} if $method =~ /^(?:POST|PATCH|DELETE)$/;
    my $r = $self->{t}->http($method, "$self->{uri}api/$path",
        (defined $body ? (body => $body) : ()),
        ($self->{port} ? (port => $self->{port}) : ()), %opt,
        headers => [@{ $self->headers }, @{ $opt{headers} // [] }])
        // die "no answer to $method $path\n";
    my $doc = $r->json;
    $self->{t}->secret($doc->{apiKey})
        if ref $doc eq 'HASH' && $doc->{apiKey};
    return $r;
}

# a new key, as it is answered
sub create {
    my ($self, $name, %fields) = @_;
    $fields{oauthToken} //= Claude::Test::token();
    $self->{t}->secret($fields{oauthToken});
    my $r = $self->call('POST', 'keys', { keyName => $name, %fields });
    die "no key made: $r->{status} $r->{body}\n" unless $r->{status} == 201;
    return $r->json;
}

# a key as it is now, or undef
sub key {
    my ($self, $id) = @_;
    my $r = $self->call('GET', "keys/$id");
    return $r->{status} == 200 ? $r->json : undef;
}

1;
