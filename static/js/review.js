// The review page from the keyboard: J and K move, A then Enter approves, R rejects, ? helps.
const STORE = "holdpoint.keys";
const review = document.querySelector("[data-review]");
let armed = false;

const find = (selector) => document.querySelector(selector);
const approve = () => find('[data-answer="approve"]');

function arm(on) {
  armed = on && approve() !== null && approve().getAttribute("aria-disabled") !== "true";
  approve()?.classList.toggle("decision-armed", armed);
  const announcer = document.getElementById("announcer");
  if (announcer && armed) announcer.textContent = "Press Enter to approve. Any other key takes it back.";
}

function move(step) {
  const items = [...document.querySelectorAll("[data-queue-item]")];
  const here = items.findIndex((item) => item.getAttribute("aria-current"));
  const to = here < 0 ? find("[data-next]") ?? items[0] : items[here + step];
  if (to) location.assign(to.href);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  a: () => arm(true),
  r: () => find('[data-answer="reject"]')?.click(),
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
  const sync = () => {
    if (hidden.open) hidden.dataset.seen = "";
    const seen = "seen" in hidden.dataset;
    approve()?.setAttribute("aria-disabled", String(!seen));
    const field = find("[data-opened]");
    if (field) field.value = seen ? "on" : "";
  };
  hidden.addEventListener("toggle", sync);
  sync();
}

// One click is one answer, and a button that is off does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-decision]") && approve()?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    find(".unshowable[data-gates]")?.scrollIntoView({ block: "center" });
    return;
  }
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("click", (event) => {
  const reason = event.target.closest("[data-reason]");
  if (reason) {
    const field = document.getElementById("reason");
    field.value = field.value ? `${field.value.trim()}; ${reason.dataset.reason}` : reason.dataset.reason;
    field.focus();
  }
});

const off = find("[data-keys-off]");
if (off) {
  off.checked = localStorage.getItem(STORE) === "off";
  off.addEventListener("change", () => localStorage.setItem(STORE, off.checked ? "off" : "on"));
}
document.addEventListener("htmx:afterSwap", gate);
gate();
