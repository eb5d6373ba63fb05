// New rows gather behind a pill. A click on it, or N, shows them at the top and puts the focus on the first.
import { say } from "./say.js";

let known = null;
const rows = (root) => [...root.querySelectorAll("tr[data-part], .queue-item[data-part]")];

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable], dialog[open]")) return;
  if (localStorage.getItem("holdpoint.keys") === "off") return;
  document.querySelector("[data-show-new]")?.click();
});

const asked = (event) => event.detail.requestConfig?.elt?.matches?.("[data-show-new]");
document.addEventListener("htmx:beforeSwap", (event) => {
  if (asked(event)) known = new Set(rows(document).map((row) => row.id));
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (!known || !asked(event)) return;
  const fresh = rows(document).filter((row) => !known.has(row.id));
  known = null;
  (fresh[0]?.querySelector("a") ?? fresh[0])?.focus();
  say(`${fresh.length} new, shown`);
});
