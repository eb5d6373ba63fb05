// News must not destroy reading: no text is taken away, no row moves, the focus and the place stay.
import { byNews, hear } from "./live.js";
import { say } from "./say.js";

const last = new Map(); // element's id -> the text that was swapped in last

// Relative times are kept by the page itself.
const plain = (element) => element.outerHTML.replace(/(<time[^>]*>)[^<]*/g, "$1");

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Put each changed part in the place of the old one. False when there are parts that this page has no place for.
function merge(target, fresh) {
  const root = fresh.getElementById(target.id);
  const rows = root?.querySelectorAll("[data-part]") ?? [];
  if (!root || [...rows].some((part) => !document.getElementById(part.id))) return false;
  if (rows.length === 0 && plain(root) !== plain(target)) return false;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = document.getElementById(part.id);
    part.removeAttribute("hx-swap-oob");
    if (old && plain(old) !== plain(part)) put(old, part);
  }
  return true;
}

function put(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  window.htmx.process(part);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// A dialog, a selection: whoever is in it is asked for again once they are done.
function reading(target) {
  const selected = document.getSelection();
  const inside = selected && !selected.isCollapsed && target.contains(selected.anchorNode);
  const typing = target.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  return inside || typing || document.querySelector("dialog[open]") !== null;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  if (!detail.shouldSwap || !byNews(detail)) return;
  const text = detail.serverResponse;
  if (last.get(detail.target.id) === text) {
    detail.shouldSwap = false;
  } else if (detail.target.matches("[data-steady]") && merge(detail.target, parsed(text))) {
    detail.shouldSwap = false;
    last.set(detail.target.id, text);
    document.dispatchEvent(new Event("live:merged"));
  } else if (reading(detail.target)) {
    detail.shouldSwap = false;
    if (!document.querySelector("dialog[open]")) setTimeout(() => hear("*"), 2000);
  } else {
    last.set(detail.target.id, text);
  }
});
document.addEventListener("close", () => hear("*"), true);

// Where one reads in a part that is replaced: its scroll, what was opened, and what is said about the change.
const SCROLLERS = ".review-scroll, #step .step-detail-body";
let place = null;
const opened = (root) => [...root.querySelectorAll("details")].map((one) => one.open);

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, shouldSwap } = event.detail;
  const scroller = shouldSwap ? target.querySelector?.(SCROLLERS) : null;
  place = scroller && {
    id: target.id,
    label: scroller.ariaLabel,
    top: scroller.scrollTop,
    open: opened(target),
    focused: target.contains(document.activeElement),
    says: target.dataset.says,
    news: byNews(event.detail),
  };
});

document.addEventListener("htmx:afterSwap", (event) => {
  const target = place && document.getElementById(place.id);
  const scroller = target?.querySelector(SCROLLERS);
  if (scroller && scroller.ariaLabel === place.label) {
    target.querySelectorAll("details").forEach((one, at) => (one.open = place.open[at] ?? one.open));
    scroller.scrollTop = place.top;
    if (place.news && place.focused && !target.contains(document.activeElement)) scroller.focus({ preventScroll: true });
    if (place.news && target.dataset.says !== place.says) say(target.dataset.says);
  }
  place = null;
  if (event.detail.elt) document.dispatchEvent(new Event("live:merged"));
});

// The badges follow the one element that knows the counts.
document.addEventListener("live:merged", () => {
  const counts = document.getElementById("counts");
  for (const badge of document.querySelectorAll("[data-count]")) {
    const number = counts?.dataset[badge.dataset.count];
    if (number === undefined || badge.textContent === number) continue;
    badge.textContent = number;
    badge.hidden = number === "0";
  }
});
