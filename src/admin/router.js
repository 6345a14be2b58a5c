/**
 * Which view is shown: "#/keys", "#/keys/ID", "#/events". A view is a function
 * of (main, id) that fills main and returns { title, stop }: stop ends
 * what goes on in it. Nothing secret ever stands in an address.
 */

const views = new Map();
let current = null;
let turn = 0;

export function route(name, view) {
  views.set(name, view);
}

export function where() {
  const [, name = '', id = ''] = location.hash.split('/');
  try {
    return { name, id: decodeURIComponent(id) };
  } catch {
    return { name, id: '' };
  }
}

export function go(hash) {
  if (location.hash === hash) void show();
  else location.hash = hash;
}

/** Shows what the address says; focus goes to its heading. */
export async function show({ focus = true } = {}) {
  const main = document.getElementById('main');
  const { name, id } = where();
  const view = views.get(name);
  const mine = ++turn;

  leave();
  if (!view) {
    history.replaceState(null, '', '#/keys');
    return show({ focus });
  }
  mark(name);
  main.replaceChildren();
  main.className = `view view-${name}`;
  main.setAttribute('aria-busy', 'true');
  const shown = await view(main, id);
  if (mine !== turn) {
    shown?.stop?.();
    return undefined;
  }
  current = shown;
  main.removeAttribute('aria-busy');
  document.title = `${shown?.title ?? 'Claude gateway'} · Claude gateway`;
  if (focus) {
    window.scrollTo(0, 0);
    (main.querySelector('h1') ?? main).focus({ preventScroll: true });
  }
  return undefined;
}

/** Ends the view that is shown. */
export function leave() {
  current?.stop?.();
  current = null;
}

/** Shows nothing any more: an answer that is still to come is for nobody. */
export function close() {
  turn++;
  leave();
}

function mark(name) {
  for (const link of document.querySelectorAll('#bar nav a')) {
    if (link.getAttribute('href') === `#/${name}`) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
}

export function start() {
  window.addEventListener('hashchange', changed);
  return show({ focus: false });
}

export function stop() {
  window.removeEventListener('hashchange', changed);
  close();
}

function changed() {
  void show();
}
