// What pages gain where JavaScript runs: a run is shown as it happens, and lists follow what changes. Everything works
// without it. Texts become text nodes, never markup.
'use strict';

// A run: each line as it comes; at its end, the page as the server writes it.
function follow(log) {
  const source = new EventSource(log.dataset.live + '?after=' + log.dataset.after);
  source.addEventListener('line', (event) => {
    const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 40;
    log.append(item(JSON.parse(event.data)));
    document.getElementById('nothing-yet')?.remove();
    if (atEnd) window.scrollTo(0, document.documentElement.scrollHeight);
  });
  source.addEventListener('step', (event) => {
    const step = document.getElementById('step');
    if (step) step.textContent = JSON.parse(event.data).text;
  });
  source.addEventListener('end', () => {
    source.close();
    window.location.reload();
  });
}

function item(line) {
  const row = element('li', line.class);
  const what = element('div', 'what');
  what.append(element('span', 'text', line.text));
  if (line.items.length > 0) {
    const list = element('ul');
    list.append(...line.items.map((text) => element('li', '', text)));
    what.append(list);
  }
  row.append(element('span', 'when', line.seconds), ' ', what);
  return row;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Parts that may be different now: fetched and put in place, but not under somebody's hands.
function watch(stream) {
  let timer = 0;
  new EventSource(stream).addEventListener('change', () => {
    clearTimeout(timer);
    timer = setTimeout(renew, 400);
  });
}

async function renew() {
  const answer = await fetch(window.location.href, { credentials: 'same-origin' });
  if (answer.status === 401) window.location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const old of document.querySelectorAll('[data-part]')) {
    const part = fresh.querySelector('[data-part="' + old.dataset.part + '"]');
    if (!part || part.innerHTML === old.innerHTML || old.contains(document.activeElement)) continue;
    for (const details of part.querySelectorAll('details[id]')) {
      const before = document.getElementById(details.id);
      if (before) details.open = before.open;
    }
    old.replaceWith(document.adoptNode(part));
  }
}

const log = document.querySelector('[data-live]');
if (log) follow(log);
const part = document.querySelector('[data-stream]');
if (part) watch(part.dataset.stream);
