#!/usr/bin/perl

# conf-examples/monitoring: each alert fires when it should and not otherwise,
# by promtool; and a real Prometheus scrapes a real nginx, knows every series
# that the dashboard and the alerts ask for, and alerts when causes are made.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(uniq);
use Test::More;

use Claude::Curl qw(certificate);
use Claude::Prometheus;
use Claude::SignIn;
use Claude::Test;

my $examples = root() . '/conf-examples/monitoring';
my $rules = read_file("$examples/claude-alerts.yml");
my $records = read_file("$examples/claude-records.yml");
my @alerts = $rules =~ /^ +- alert: (\w+)$/mg;

# what promtool says of each alone

my @files = map { "$examples/claude-$_.yml" } qw(records alerts);
my $checked = run(['promtool', 'check', 'rules', @files]);
is($checked->{status}, 0, 'the rules are rules') or diag $checked->{err};
$checked = run(['promtool', 'check', 'config', "$examples/prometheus.yml"]);
is($checked->{status}, 0, 'the configuration is one') or diag $checked->{err};

my $cases = root() . '/t/monitoring/alerts.yml';
$checked = run(['promtool', 'test', 'rules', $cases]);
is($checked->{status}, 0, 'alerts fire when they should, and not otherwise')
    or diag $checked->{out}, $checked->{err};

# names of alerts that a file of cases wants firing, and not firing
sub wanted {
    my ($text) = @_;
    my (%fires, %silent);
    while ($text =~ /alertname: (\w+),?\s+exp_alerts:( \[\])?/g) {
        ($2 ? \%silent : \%fires)->{$1} = 1;
    }
    return (\%fires, \%silent);
}

my ($fires, $silent) = wanted(read_file($cases));
is(join(' ', grep { !$fires->{$_} } @alerts), '', 'each is seen to fire');
is(join(' ', grep { !$silent->{$_} } @alerts), '', 'and not to fire');

# what stands elsewhere of them

my $about = read_file(root() . '/docs/monitoring.md');
my $todo = read_file(root() . '/docs/operations.md');
is(join(' ', grep { $about !~ /\| \[?`?$_\b/ } @alerts), '',
    'docs/monitoring.md says what each means');
is(join(' ', grep { $todo !~ /^#+ $_$/m } @alerts), '',
    'docs/operations.md says what to do');
is(join(' ', grep { $rules !~ m{runbook: docs/operations\.md#\L$_\E$}m }
    @alerts), '', 'and each alert says where');

# the dashboard

my $dashboard = json_decode(read_file("$examples/claude-dashboard.json"));
my @panels = map { ($_, @{ $_->{panels} // [] }) } @{ $dashboard->{panels} };
my @queries = map { $_->{expr} } map { @{ $_->{targets} // [] } } @panels;
push @queries, map { $_->{expr} } @{ $dashboard->{annotations}{list} };
my @variables = @{ $dashboard->{templating}{list} };

cmp_ok(scalar @queries, '>', 30, 'the dashboard asks for much');
is(scalar(uniq map { $_->{id} } @panels), scalar @panels,
    'its panels have an id each');

# places in a grid that two panels take
sub taken_twice {
    my %taken;
    for my $at (map { $_->{gridPos} } @_) {
        for my $x ($at->{x} .. $at->{x} + $at->{w} - 1) {
            $taken{"$x $_"}++ for $at->{y} .. $at->{y} + $at->{h} - 1;
        }
    }
    return grep { $taken{$_} > 1 } keys %taken;
}

is(scalar(taken_twice({ gridPos => { x => 0, y => 0, w => 2, h => 1 } },
    { gridPos => { x => 1, y => 0, w => 2, h => 1 } })), 1,
    'panels on each other are seen');
is(scalar(taken_twice(@{ $dashboard->{panels} })), 0, 'there are none');

sub sources_of {
    my ($data) = @_;
    return map { sources_of($_) } @$data if ref $data eq 'ARRAY';
    return () unless ref $data eq 'HASH';
    return map { $_ eq 'datasource' ? $data->{$_} : sources_of($data->{$_}) }
        sort keys %$data;
}

is_deeply([uniq map { json_encode($_) } sources_of($dashboard)],
    ['{"type":"prometheus","uid":"${datasource}"}'],
    'it names no source of data but the one that is chosen');
is_deeply([map { $_->{name} } @variables], [qw(datasource job instance)],
    'and is asked of one job, and any of its instances');

# every series that is asked for is one that docs/metrics.md has

my $metrics = read_file(root() . '/docs/metrics.md');
sub unknown {
    return grep { my $name = $_ =~ s/_bucket$//r; $metrics !~ /\b$name\b/ }
        uniq map { /(?<![\w:])(claude_\w+)/g } @_;
}
is_deeply([unknown('sum(claude_no_such_total)')], ['claude_no_such_total'],
    'a series that is none is seen');
is_deeply([unknown(@queries, $rules =~ s/- name:.*//r,
    $records =~ s/- name:.*//r)], [], 'there is none');

# a real Prometheus, a real nginx

my $t = Claude::Test->new;
my $admin = Claude::SignIn->new($t, alice => 'correct horse');
my $key = $t->add_key('alice');
my $spender = $t->add_key('spender');
$t->keys->set($spender, '--day-tokens', 19);
my $bridge = $t->bridge(
    health => sub { $_[0]->health(200, starting => 0, kept => 2, queue => 0,
        refused => 1, starts => 3, failedStarts => 0, continued => 0) },
    refused => sub { $_[0]->error(401, 'authentication_error') },
    broken => sub { $_[0]->error(500, 'api_error') },
    midway => sub { my ($r) = @_; $r->start; $r->text('part'); $r->cut },
);
my $tls = certificate($t->dir);

$t->start($admin->server . <<"EOC");
server {
    listen %%ADDR_tls%% ssl;
    server_name soon.example;
    $tls
}
server {
    listen %%ADDR_metrics%%;
    location = /metrics { claude_metrics upstream=bridge per_key; }
}
EOC

my $prometheus = Claude::Prometheus->start($t, $examples,
    targets => [$t->port('metrics'), $t->port('gone')]);

for my $who ($key, $spender) {
    is($t->chat('hi', key => $who)->{status}, 200, 'a chat');
}
$prometheus->wait_series('claude_requests_total');

# what a panel asks for, as Grafana would ask
sub filled_in {
    my ($query) = @_;
    my %is = (job => 'claude', instance => '.*', __rate_interval => '1m',
        __interval => '1m');
    return $query =~ s/\$(\w+)/$is{$1} \/\/ die "$1?"/ger;
}

# then the causes of some alerts, again and again

sub trouble {
    $t->chat("[[$_]]", key => $key) for qw(refused broken);
    $t->chat('[[midway]]', key => $key, fields => { stream => \1 });
    $admin->call('POST', 'login', body => { password => 'wrong' })
        for 1 .. 2;
}

my %expected = map { $_ => 1 } qw(ClaudeTargetDown ClaudeCredentialRefused
    ClaudeBudgetNearlyUsed ClaudeLoginAttack ClaudeCertificateExpiring
    ClaudeServerErrors ClaudeAnswersBreak);
my %now;
eval {
    wait_until(sub {
        trouble();
        %now = map { $_ => 1 } $prometheus->firing;
        return !grep { !$now{$_} } keys %expected;
    }, 'alerts', 90);
};
is_deeply([sort keys %now], [sort keys %expected],
    'alerts fire whose causes were made, and no other');

# every query is understood, and has an answer; no alert need have one

my @unanswered = map { filled_in($_) } @queries;
s/ > 0$// for @unanswered;
eval {
    wait_until(sub {
        @unanswered = grep { !$prometheus->query($_) } @unanswered;
        return !@unanswered;
    }, 'answers', 60);
};
is(join("\n", @unanswered), '', 'all that the dashboard asks for is there');

my @names = $records =~ /^ +- record: (\S+)$/mg;
is(join("\n", grep { !$prometheus->query($_) } @names), '',
    'so is each recorded series');
is_deeply([$prometheus->unhealthy], [], 'no rule fails');

$bridge->stop_listening;
wait_until(sub { grep { $_ eq 'ClaudeBridgeDown' } $prometheus->firing },
    'the alert', 90);
pass('and one more when the bridge is gone');

$t->allow(qr/upstream|connect\(\)|wrong|sign/);
$t->finish;
