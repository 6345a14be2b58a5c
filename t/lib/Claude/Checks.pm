package Claude::Checks;

# What holds for every answer of a kind, as one test each.

use strict;
use warnings;

use Exporter qw(import);
use Test::More ();

our @EXPORT = qw(is_error is_chat is_refused_early);

my %security = (
    'x-frame-options' => qr/^DENY$/,
    'x-content-type-options' => qr/^nosniff$/,
    'x-xss-protection' => qr/^1; mode=block$/,
    'referrer-policy' => qr/^strict-origin-when-cross-origin$/,
    'content-security-policy' => qr/\S/,
);

# what is wrong with an answer of the module's, whatever its status
sub flaws {
    my ($r) = @_;
    my @flaws;

    push @flaws, 'no x-request-id'
        unless ($r->header('x-request-id') // '') =~ /^[\w-]{8,}$/;
    push @flaws, 'no traceparent' unless ($r->header('traceparent') // '')
        =~ /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/;
    for my $name (sort keys %security) {
        push @flaws, "$name: " . ($r->header($name) // 'missing')
            unless ($r->header($name) // '') =~ $security{$name};
    }
    push @flaws, 'the body is cut' if $r->{truncated};
    return @flaws;
}

sub error_type {
    my ($status) = @_;
    return $status == 429 ? qr/^(rate_limit_error|insufficient_quota)$/
        : $status >= 500 ? qr/^api_error$/
        : $status == 403 ? qr/^(invalid_request|permission)_error$/
        : qr/^invalid_request_error$/;
}

sub error_flaws {
    my ($r, $status, $code) = @_;
    return 'no answer' unless $r;
    my @flaws = flaws($r);
    my $error = $r->error;

    push @flaws, "status $r->{status}, not $status"
        unless $r->{status} == $status;
    push @flaws, 'content type ' . ($r->header('content-type') // 'missing')
        unless ($r->header('content-type') // '') =~ m{^application/json\b};
    return @flaws, "no error body: $r->{body}" unless $error;

    my $fields = join ' ', sort keys %$error;
    push @flaws, "fields $fields" unless $fields eq 'code message param type';
    push @flaws, 'code ' . ($error->{code} // 'null')
        if defined $code && ($error->{code} // '') ne $code;
    push @flaws, 'type ' . ($error->{type} // 'null')
        unless ($error->{type} // '') =~ error_type($status);
    push @flaws, 'no message' unless length($error->{message} // '');
    return @flaws;
}

sub param_flaws {
    my ($r, %more) = @_;
    return unless $r && exists $more{param};
    my $got = $r->error('param') // 'null';
    my $wanted = $more{param} // 'null';
    return if ref $wanted ? $got =~ $wanted : $got eq $wanted;
    return "param $got";
}

# an OpenAI error with this status and code (undef: any); more: param
sub is_error {
    my ($r, $status, $code, $name, %more) = @_;
    my @flaws = error_flaws($r, $status, $code);
    push @flaws, param_flaws($r, %more);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::is(join('; ', @flaws), '', $name);
}

# a whole chat completion with this text
sub is_chat {
    my ($r, $text, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $doc = $r && $r->json;
    my $got = !$r ? 'no answer'
        : $r->{status} != 200 ? "status $r->{status}: $r->{body}"
        : !$doc ? "not JSON: $r->{body}"
        : $doc->{choices}[0]{message}{content};
    return Test::More::is($got, $text, $name);
}

# refused on a connection that goes on: the next request on it is answered
sub is_refused_early {
    my ($world, $request, $status, $code, $name, %more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $c = $world->connect;
    $c->send($request);
    my $r = $c->response;
    my @flaws = error_flaws($r, $status, $code);
    push @flaws, param_flaws($r, %more);

    if ($r && ($r->header('connection') // '') ne 'close') {
        $c->send($world->request('GET', '/v1/health'));
        my $next = $c->response;
        push @flaws, 'the connection is not sound after it'
            unless $next && $next->{status} =~ /^(200|503)$/;
    }

    $c->close;
    return Test::More::is(join('; ', @flaws), '', $name);
}

1;
