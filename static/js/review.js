// The review page from the keyboard: J and K move, A then Enter approves, R rejects, ? helps.
// An answer whose confirmation got lost is sent again: the server counts it once.
const STORE = "holdpoint.keys";
const AGAIN_MS = 4000;
const review = document.querySelector("[data-review]");
const opened = new Set(); // digests whose amber block has been opened on this page
let armed = false;
let sent = null; // the answer that was sent and not confirmed
let timer = null;

const find = (selector) => document.querySelector(selector);
const approve = () => find('[data-answer="approve"]');
const isOff = () => approve()?.getAttribute("aria-disabled") === "true";

function arm(on) {
  armed = on && approve() !== null && !isOff();
  approve()?.classList.toggle("decision-armed", armed);
  const announcer = document.getElementById("announcer");
  if (announcer && armed) announcer.textContent = "Press Enter to approve. Any other key takes it back.";
}

function move(step) {
  const items = [...document.querySelectorAll("[data-queue-item]:not([data-decided])")];
  const here = items.findIndex((item) => item.getAttribute("aria-current"));
  const to = here < 0 ? (find("[data-next]") ?? items[0]) : items[here + step];
  if (to) location.assign(to.href);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  a: () => arm(true),
  r: () => find('#request [data-answer="reject"]')?.click(),
  "?": () => document.getElementById("help")?.showModal(),
};

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable], dialog[open]");
}

document.addEventListener("keydown", (event) => {
  if (!review || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (localStorage.getItem(STORE) === "off") return;
  if (armed && event.key === "Enter") {
    event.preventDefault();
    approve()?.click();
    return arm(false);
  }
  if (armed) arm(false);
  const action = KEYS[event.key.toLowerCase()];
  if (action) {
    event.preventDefault();
    action();
  }
});

// Approve stays off until what cannot be shown plainly has been opened; the server asks for it too.
function gate() {
  const hidden = find(".unshowable[data-gates]");
  if (!hidden || !approve()) return;
  const digest = find("[data-decision] [name=digest]").value;
  const sync = () => {
    if (hidden.open) opened.add(digest);
    const seen = opened.has(digest);
    if (seen) hidden.dataset.seen = "";
    approve()?.setAttribute("aria-disabled", String(!seen));
    find("[data-opened]").value = seen ? "on" : "";
  };
  hidden.addEventListener("toggle", sync);
  sync();
}

const decision = (form) => form?.matches?.("form[action$='/decisions/']");
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches("[data-decision]") || !isOff()) return;
  event.preventDefault();
  find(".unshowable[data-gates]")?.scrollIntoView({ block: "center" });
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-decision]") && isOff()) event.preventDefault();
});

// Sent, not confirmed: say so, and ask again with the same digest until an answer comes.
function unconfirmed(event) {
  const form = event.detail.elt;
  if (!decision(form)) return;
  form.closest("dialog")?.close();
  const notice = find("[data-unconfirmed]");
  if (notice) notice.hidden = false;
  sent = { form, values: event.detail.requestConfig.parameters };
  clearTimeout(timer);
  timer = setTimeout(sendAgain, AGAIN_MS);
}
function sendAgain() {
  clearTimeout(timer);
  if (!sent?.form.isConnected) return;
  const { form, values } = sent;
  window.htmx.ajax("POST", form.action, { source: form, target: "#request", swap: "outerHTML", values });
}
document.addEventListener("htmx:sendError", unconfirmed);
document.addEventListener("htmx:timeout", unconfirmed);
document.addEventListener("htmx:responseError", (event) => {
  if (!decision(event.detail.elt)) return;
  event.detail.elt.closest("dialog")?.close();
  const notice = find("[data-unconfirmed] p");
  if (!notice) return;
  notice.textContent = "Your answer was not recorded: the server refused it or broke. What it said stands at the top.";
  notice.parentElement.hidden = false;
});
document.addEventListener("click", (event) => {
  const again = event.target.closest("[data-send-again]");
  if (again) sendAgain();
});

document.addEventListener("click", (event) => {
  const reason = event.target.closest("[data-reason]");
  if (!reason) return;
  const field = document.getElementById("reason");
  field.value = field.value.trim() ? `${field.value.trim()}; ${reason.dataset.reason}` : reason.dataset.reason;
  field.focus();
});

const off = find("[data-keys-off]");
if (off) {
  off.checked = localStorage.getItem(STORE) === "off";
  off.addEventListener("change", () => localStorage.setItem(STORE, off.checked ? "off" : "on"));
}

// After an answer the row keeps its place and says what became of it; the focus goes to the next request.
document.addEventListener("htmx:afterSwap", (event) => {
  gate();
  const request = document.getElementById("request");
  const row = find("[data-queue-item][aria-current]");
  if (row && request?.dataset.decided) row.dataset.decided = request.dataset.decided;
  for (const dialog of document.querySelectorAll("#request dialog[data-modal]")) {
    dialog.close();
    dialog.showModal();
  }
  if (decision(event.detail.requestConfig?.elt)) find("#request [data-next]")?.focus();
});
gate();
