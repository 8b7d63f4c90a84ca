// What the pages gain by a script: they follow what happens, times are in the viewer's zone,
// and everything can be done by a key. Without it each page reads and decides as well.
const body = document.body;
const lang = document.documentElement.lang;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Times: how long ago, and the moment itself to whoever points at it.
const moment = new Intl.DateTimeFormat(lang, {dateStyle: "medium", timeStyle: "long"});
const clock = new Intl.DateTimeFormat(lang, {timeStyle: "short"});
const relative = new Intl.RelativeTimeFormat(lang, {numeric: "auto", style: "short"});

function ago(then) {
  const seconds = (then - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return relative.format(0, "second");
  if (size < 3570) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 36 * 3600) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

function tellTimes(within = document) {
  for (const t of all("[data-clock]", within)) t.textContent = clock.format(new Date(t.dataset.clock));
  for (const t of all("time[datetime]:not([data-clock])", within)) {
    const then = new Date(t.dateTime);
    if (isNaN(then)) continue;
    t.title = moment.format(then);
    t.textContent = t.hasAttribute("data-full") ? t.title : ago(then);
  }
}
tellTimes();
setInterval(tellTimes, 30000);

// A form is sent once; the server does what it asks for once as well.
addEventListener("submit", (e) => {
  const form = e.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  e.submitter?.setAttribute("aria-busy", "true");
  remember();
});
addEventListener("pageshow", () => {
  for (const f of all("form[data-sent]")) delete f.dataset.sent;
  for (const b of all("[aria-busy]")) b.removeAttribute("aria-busy");
});

// A notice is said aloud: what stands on a page when it is loaded is not.
const notices = one("#notices");
if (notices?.firstElementChild) {
  const said = notices.innerHTML;
  notices.replaceChildren();
  setTimeout(() => { notices.innerHTML = said; }, 100);
}

// The rows that j and k walk, and where the walk was before a form was sent.
const rows = () => all("[data-row]");
const current = () => document.activeElement?.closest("[data-row]");

function walk(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.indexOf(current());
  const next = list[at < 0 ? 0 : Math.min(Math.max(at + step, 0), list.length - 1)];
  next.focus();
  next.scrollIntoView({block: "nearest"});
}

function remember() {
  const at = rows().indexOf(current());
  sessionStorage.setItem("walk", JSON.stringify({path: location.pathname, at, y: scrollY}));
}
const walked = JSON.parse(sessionStorage.getItem("walk") ?? "null");
sessionStorage.removeItem("walk");
if (walked?.path === location.pathname) {
  scrollTo(0, walked.y);
  if (walked.at >= 0) rows()[Math.min(walked.at, rows().length - 1)]?.focus({preventScroll: true});
}

// Keys. They can be turned off, and none is heard where somebody types.
const shortcuts = one("#shortcuts");
const enabled = () => localStorage.getItem("shortcuts") !== "off";
const typing = (e) => e.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

function press(button) {
  if (!button) return false;
  button.click();
  if (button.matches("summary") && button.parentElement.open) one("input:not([type=hidden])", button.parentElement)?.focus();
  return true;
}

function nth(n) {
  const row = current();
  return row && all("form button, .button", row).filter((b) => b.checkVisibility())[n - 1];
}

const keys = {
  "/": () => (one("#filter") ?? one("#find"))?.focus(),
  j: () => walk(1),
  k: () => walk(-1),
  a: () => press(one("button.first, a.button.first", current() ?? document.createElement("p")) ?? nth(1)),
  u: () => press(one("#notices [data-key=u]")),
  "?": () => shortcuts?.showModal(),
  Enter: () => current() === document.activeElement && press(one("a[href]", current())),
};
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || typing(e) || shortcuts?.open) return;
  if (e.key !== "Enter" && !enabled()) return;
  const does = keys[e.key] ?? (/^[1-9]$/.test(e.key) ? () => press(nth(Number(e.key))) : null);
  if (!does) return;
  if (e.key === "Enter" && current() !== document.activeElement) return;
  if (does() !== false) e.preventDefault();
});

const help = one("#keys");
if (help) {
  help.hidden = false;
  help.addEventListener("click", () => shortcuts.showModal());
  const box = one("#shortcuts-on");
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
}

// Boxes of rows: one chooses all of its group.
addEventListener("change", (e) => {
  const every = e.target.closest?.("[data-every]");
  if (!every) return;
  for (const box of all("input[name=choose]", every.closest("[data-group]"))) box.checked = every.checked;
});

// What is to be copied gets a button for that.
if (navigator.clipboard) {
  for (const block of all("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = block.dataset.copy;
    const text = block.textContent;
    button.addEventListener("click", () => navigator.clipboard.writeText(text));
    block.append(button);
  }
}

// Following: one stream for each tab. It is closed, not just unheard, while the tab is hidden
// and while somebody has paused it, and goes on behind what was told last.
const address = body.dataset.live;
const toggle = one("#live");
let stream = null;
let last = "";
let due = 0;

const paused = () => sessionStorage.getItem("live") === "off";

function open() {
  if (!address || stream || document.hidden || paused()) return;
  stream = new EventSource(address + (last ? "?last=" + encodeURIComponent(last) : ""));
  stream.addEventListener("state", (e) => {
    const first = last === "";
    last = e.lastEventId;
    const state = JSON.parse(e.data);
    count(state.waiting);
    if (!first || state.mark !== one("#part")?.dataset.mark) refresh();
  });
  stream.addEventListener("end", () => {
    close();
    location.reload();
  });
}

function close() {
  stream?.close();
  stream = null;
}

// count tells how much waits, in the menu and in the tab's title.
function count(n) {
  const badge = one("#waiting");
  if (badge && n >= 0) {
    badge.hidden = n === 0;
    badge.textContent = new Intl.NumberFormat(lang, {useGrouping: "always"}).format(n);
    document.title = document.title.replace(/^\(\d+\) /, "");
    if (n > 0) document.title = `(${n}) ${document.title}`;
  }
}

// refresh reads the page again and puts its part that changes in place of the old one, but
// not under the hands of somebody who types or chooses there.
function refresh() {
  const part = one("#part");
  if (!part || due) return;
  due = setTimeout(async () => {
    due = 0;
    if (busy(part)) return refresh();
    try {
      const answer = await fetch(location.href, {headers: {"Mksync-Part": "yes"}});
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = one("#part", page);
      if (!fresh || busy(part) || !part.isConnected) return;
      replace(part, fresh);
    } catch {
      // The stream tells again when the server is back.
    }
  }, 600);
}

function busy(part) {
  const at = document.activeElement;
  return part.contains(at) && at.matches("input:not([type=checkbox]), textarea, select") ||
    one("input[name=choose]:checked, form[data-sent]", part) !== null;
}

function replace(part, fresh) {
  const at = rows().indexOf(current());
  const id = document.activeElement?.id;
  const opened = all("details[open][id]", part).map((d) => d.id);
  part.replaceWith(fresh);
  for (const d of opened) document.getElementById(d)?.setAttribute("open", "");
  tellTimes(fresh);
  if (id && id !== "main") document.getElementById(id)?.focus({preventScroll: true});
  else if (at >= 0) rows()[Math.min(at, rows().length - 1)]?.focus({preventScroll: true});
}

if (toggle && address) {
  const show = () => {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(!paused()));
  };
  toggle.addEventListener("click", () => {
    sessionStorage.setItem("live", paused() ? "on" : "off");
    show();
    if (paused()) close(); else open();
  });
  show();
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
