// What every page does: dialogs, copying, relative times. Each module binds by data attributes.
import "./live.js";
import "./line.js";
import "./steady.js";
import "./newer.js";
import "./review.js";
import { say } from "./say.js";

// The button says what it would do: its form's choice, by name.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-names]");
  const button = form?.querySelector("[data-named]");
  const chosen = form?.querySelector("label:has(:checked) [data-name]")?.textContent;
  if (button && chosen) button.textContent = `${button.dataset.named} ${chosen[0].toLowerCase()}${chosen.slice(1)}`;
});

// Browsers without invoker commands open and close dialogs by the same attributes.
if (!("commandForElement" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "close") dialog.close();
    else if (!dialog.open) dialog.showModal();
  });
}

document.addEventListener("click", (event) => {
  const copier = event.target.closest("[data-copy]");
  if (copier) copy(copier);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

async function copy(button) {
  const use = button.querySelector("use");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    say("Copying is not allowed here. Select the text instead.");
    return;
  }
  say("Copied");
  use?.setAttribute("href", "#i-check");
  setTimeout(() => use?.setAttribute("href", "#i-copy"), 1200);
}

// The same words as the server's: 42 s, 12 m, 3 h 28 m, 2 d 23 h, 5 d.
function span(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} m`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 4 ? `${days} d ${hours % 24} h` : `${days} d`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const away = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const words = span(time.dataset.relative === "ago" ? -away : away);
    if (time.textContent !== words) time.textContent = words;
  }
}
setInterval(tick, 1000);

// A dialog that came open with the page (its form has an error) becomes modal.
for (const dialog of document.querySelectorAll("dialog[data-modal]")) {
  dialog.close();
  dialog.showModal();
}
