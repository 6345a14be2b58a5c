#!/usr/bin/perl

# The files of the admin's page: exactly those that were compiled in, as they
# stand in src/admin, and nothing that a path could lead to otherwise.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Claude::Test;

my $t = Claude::Test->new;
my $dir = $t->dir;

write_file("$dir/admin.htpasswd",
    'admin:' . crypt('unused', '$2y$10$Li3QnDR6jeXBUuMVlBhYFO') . "\n");
chmod 0600, "$dir/admin.htpasswd";
$t->keys->init;
$t->start(<<'EOC');
server {
    listen %%ADDR%%;
    server_name localhost;
    location /admin/ {
        claude_admin;
        claude_admin_password_file %%DIR%%/admin.htpasswd;
        claude_admin_forwarded 127.0.0.1;
    }
}
EOC

sub ask {
    my ($method, $path, %opt) = @_;
    return $t->http($method, "/admin/$path",
        headers => ['X-Forwarded-Proto: https'], %opt);
}

# each file, byte for byte

my %types = (html => 'text/html; charset=utf-8', css =>
    'text/css; charset=utf-8', js => 'text/javascript; charset=utf-8',
    svg => 'image/svg+xml');
my @files = map { m{([^/]+)$} } glob root() . '/src/admin/*';
cmp_ok(scalar @files, '>', 20, 'there are files');

for my $name (@files) {
    my $r = ask('GET', $name);
    my $body = read_file(root() . "/src/admin/$name");
    is_deeply({ status => $r->{status}, type => $r->header('content-type'),
        length => $r->header('content-length'), same => $r->{body} eq $body,
        cache => $r->header('cache-control') },
        { status => 200, type => $types{ ($name =~ /(\w+)$/)[0] },
        length => length $body, same => 1, cache => 'no-store' },
        "$name is what it was compiled from");
}

my $page = ask('GET', '');
is($page->{body}, ask('GET', 'index.html')->{body}, 'the page has no name');
is_deeply([$page->{body} =~ /<script[^>]* src="([^"]+)"/g], ['main.js'],
    'all that it runs is one file and what that imports');
like($page->header('content-security-policy'),
    qr/^default-src 'none'; script-src 'self'; style-src 'self';/,
    'its policy lets it run its own files');
like($page->header('content-security-policy'),
    qr/frame-ancestors 'none'/, 'in no frame');
unlike(ask('GET', 'api/session')->header('content-security-policy'),
    qr/self/, 'what is no page runs nothing');
is($page->header('x-frame-options'), 'DENY', 'it has the other headers too');

# HEAD and other methods

my $head = ask('HEAD', 'main.js');
is($head->{status}, 200, 'HEAD is taken');
is($head->header('content-length'), -s root() . '/src/admin/main.js',
    'and says how long the file is');
my $post = ask('POST', 'main.js', body => '{}');
is($post->{status}, 405, 'POST is not');
is($post->header('allow'), 'GET, HEAD', 'and is told what is');

# what leads elsewhere

for my $path ('index.htm', 'INDEX.HTML', 'main.js/', 'main.js%00',
    'main.js%00.css', 'main', 'src/admin/main.js',
    '%2e%2e/%2e%2e/etc/passwd', '..%2f..%2fetc/passwd', '..%5cmain.js',
    'static/main.js', 'admin.htpasswd', '%', 'main.js%20', '.', '*')
{
    my $r = ask('GET', $path);
    like($r->{status}, $path eq '.' ? qr/^200$/ : qr/^40[04]$/,
        "$path is no file");
    unlike($r->{body}, qr/root:|\$2y\$/, 'and shows none');
}
is(ask('GET', $_)->{status}, 200, "$_ is made plain first")
    for './main.js', '../admin/main.js', '..%2fadmin%2fmain.js';
is($t->http('GET', '/admin/../../etc/passwd')->{status}, 400,
    'none leads above the root');

$t->finish;
