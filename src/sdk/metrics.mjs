/** The bridge's state in Prometheus's text format. */

/**
 * @param {Pool} pool
 * @param {Map<string, number>} answered requests by outcome
 * @param {number} refused requests that got no process
 * @returns {string}
 */
export function render(pool, answered, refused) {
  const { status, ready, parked, busy, starting, kept, queue } = pool.health();
  const { continued, toolSteps, rewound } = pool.served;
  const requests = [...answered]
    .map(([outcome, count]) => [`{outcome="${outcome}"}`, count]);
  return [
    metric('up', 'gauge', 'Whether requests can be served.',
      [['', Number(status === 'ok')]]),
    metric('ready', 'gauge', 'Whether a process is parked.',
      [['', Number(ready)]]),
    metric('processes', 'gauge', 'SDK processes by state.', [
      ['{state="parked"}', parked],
      ['{state="busy"}', busy],
      ['{state="starting"}', starting],
      ['{state="kept"}', kept],
    ]),
    metric('queue', 'gauge', 'Requests that wait for a process.',
      [['', queue]]),
    metric('refused_total', 'counter', 'Requests that got no process.',
      [['', refused]]),
    metric('starts_total', 'counter', 'SDK processes started.',
      [['', pool.starts]]),
    metric('failed_starts_total', 'counter',
      'SDK processes that ended before they were parked.',
      [['', pool.failedStarts]]),
    metric('kept', 'gauge', 'Kept processes by what they wait for.', [
      ['{at="end"}', pool.kept.end],
      ['{at="calls"}', pool.kept.calls],
    ]),
    metric('continued_total', 'counter',
      'Requests that went on in a kept process.',
      [['', continued + toolSteps]]),
    metric('tool_steps_total', 'counter',
      'Those of them that brought the results of calls.', [['', toolSteps]]),
    metric('rewound_total', 'counter',
      'Requests that began a conversation in a kept process.',
      [['', rewound]]),
    metric('requests_total', 'counter',
      'Messages requests by status, or how else they ended.', requests),
  ].join('');
}

/**
 * @param {Pool} pool
 * @returns {object} what `GET /health` says of the time since the start
 */
export function counted(pool) {
  const { continued, toolSteps, rewound } = pool.served;
  return {
    starts: pool.starts,
    failedStarts: pool.failedStarts,
    continued: continued + toolSteps + rewound,
  };
}

function metric(name, type, help, samples) {
  const full = `claude_bridge_${name}`;
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${type}`,
    ...samples.map(([labels, value]) => `${full}${labels} ${value}`),
    '',
  ].join('\n');
}
