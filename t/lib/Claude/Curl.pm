package Claude::Curl;

# curl, where the test needs what Perl's own modules can't do: TLS and HTTP/2.

use strict;
use warnings;

use Exporter qw(import);

use Claude::HTTP;
use Claude::Process ();

our @EXPORT_OK = qw(curl certificate);

# curl with these arguments: a response, as of Claude::HTTP, with {exit} and
# {version}
sub curl {
    my (@args) = @_;
    my $got = Claude::Process::run(['curl', '-sSik', '--max-time', 30,
        @args]);
    my $text = $got->{out};
    my %r = (status => 0, headers => {}, body => '', exit => $got->{status},
        raw => '', err => $got->{err});

    while ($text =~ s{^HTTP/([\d.]+) (\d{3})[^\r\n]*\r\n(.*?)\r\n\r\n}{}s) {
        my $lines = $3;
        @r{qw(version status raw)} = ($1, $2, $lines);
        $r{headers} = { map { /^([^:]+): ?(.*)/ ? (lc $1, $2) : () }
            split /\r\n/, $lines };
    }

    $r{body} = $text;
    return Claude::HTTP::Response->new(%r);
}

# a self-signed certificate for localhost in DIR/tls.crt and DIR/tls.key; days:
# how long it is valid
sub certificate {
    my ($dir, %opt) = @_;
    my $got = Claude::Process::run(['openssl', 'req', '-x509', '-newkey',
        'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days',
        $opt{days} // 2, '-subj', '/CN=localhost', '-keyout', "$dir/tls.key",
        '-out', "$dir/tls.crt"]);
    die "openssl: $got->{err}" if $got->{status};
    return "ssl_certificate $dir/tls.crt; ssl_certificate_key $dir/tls.key;";
}

1;
