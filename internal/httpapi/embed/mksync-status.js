// <mksync-status contact="ID"></mksync-status> shows where a contact of the CRM stands in
// mksync. It asks the mksync that this file came from, or the one of the attribute src.
//
//   element.token = "…", or a function that gives a token or a promise of one
//   contact="…"  the contact's id        every="60"  seconds between two looks, 0: one look
//   lang="sl"    else the page's         "mksync-status" is the event that tells each change
//
// It needs no inline script or style: a page with a strict Content-Security-Policy allows
// mksync's address in script-src and connect-src. mksync allows the page's in MKSYNC_API_ORIGINS.
const words = {
  synced: ["Usklajeno", "In sync", "good"],
  pending: ["Se prenaša", "Being brought over", ""],
  new: ["Novo", "New", ""],
  partial: ["Delno usklajeno", "Partly in sync", "bad"],
  conflict: ["Čaka na odločitev", "Waits for a decision", "bad"],
  held: ["Čaka na odločitev", "Waits for a decision", "bad"],
  error: ["Napaka", "Error", "bad"],
  left_out: ["Ni zajeto", "Left out", ""],
  deleted: ["Izbrisano", "Deleted", ""],
  unlinked: ["Brez partnerja", "No partner", ""],
  gone: ["Ni v CRM-ju", "Not in the CRM", ""],
  none: ["Ni znano", "Not known", ""],
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: inline-flex; gap: .5em; align-items: baseline; font: inherit; }
  :host([hidden]) { display: none; }
  b { font-weight: 600; white-space: nowrap; }
  b::before { content: "●"; margin-inline-end: .35em; color: #6b7280; }
  b[data-tone=good]::before { color: #15803d; }
  b[data-tone=bad]::before { color: #b45309; }
`);

class MksyncStatus extends HTMLElement {
  static observedAttributes = ["contact", "src", "lang", "every"];
  #token;
  #tag = "";
  #timer;
  #asking;
  #label = document.createElement("b");
  #reason = document.createElement("span");
  #seen = () => document.hidden || this.refresh();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#label.part = "status";
    this.#reason.part = "reason";
    root.append(this.#label, this.#reason);
  }

  get token() { return this.#token; }
  set token(token) { this.#token = token; this.refresh(); }

  connectedCallback() {
    this.role ||= "status";
    document.addEventListener("visibilitychange", this.#seen);
    this.refresh();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  attributeChangedCallback() { this.#tag = ""; this.refresh(); }

  get #language() {
    return (this.lang || this.closest("[lang]")?.lang || navigator.language).startsWith("sl") ? "sl" : "en";
  }

  // refresh asks once, and again later as long as somebody looks.
  async refresh() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const contact = this.getAttribute("contact");
    if (!this.isConnected || !contact || !this.#token) return;
    const asking = this.#asking = new AbortController();
    try {
      await this.#ask(contact, asking.signal);
    } catch {
      if (asking.signal.aborted) return;
      this.#show({ status: "none", reason: "" });
    }
    const every = Number(this.getAttribute("every") ?? 60);
    if (every > 0 && !document.hidden) this.#timer = setTimeout(() => this.refresh(), every * 1000);
  }

  async #ask(contact, signal) {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const path = `/api/metakocka/contacts/${encodeURIComponent(contact)}/status?zone=${encodeURIComponent(zone)}`;
    const headers = { Authorization: `Bearer ${token}`, "Accept-Language": this.#language };
    if (this.#tag) headers["If-None-Match"] = this.#tag;
    const answer = await fetch(new URL(path, this.getAttribute("src") || import.meta.url), { headers, signal, credentials: "omit" });
    if (answer.status === 304) return;
    const body = await answer.json();
    this.#tag = answer.ok ? answer.headers.get("ETag") ?? "" : "";
    this.#show(body.data ?? { status: "none", reason: body.error?.message ?? "" });
  }

  #show(stands) {
    const [sl, en, tone] = words[stands.status] ?? words.none;
    this.#label.textContent = this.#language === "sl" ? sl : en;
    this.#label.dataset.tone = stands.waiting ? "bad" : tone;
    this.#reason.textContent = stands.reason;
    this.dispatchEvent(new CustomEvent("mksync-status", { detail: stands, bubbles: true }));
  }
}

customElements.define("mksync-status", MksyncStatus);
