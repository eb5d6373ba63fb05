// What every page does: dialogs, copying, relative times. Each module binds by data attributes.
import "./live.js";
import "./review.js";

const open = (id) => {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
};

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) open(opener.dataset.open);
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
  const copier = event.target.closest("[data-copy]");
  if (copier) copy(copier);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  say("Copied");
}

export function say(words) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = words;
}

// The same words as the server's: 42 s, 12 m, 3 h 28 m, 5 d.
function span(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} m`;
  return `${Math.floor(hours / 24)} d`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const away = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const words = span(time.dataset.relative === "ago" ? -away : away);
    if (time.textContent !== words) time.textContent = words;
  }
}
setInterval(tick, 1000);
for (const dialog of document.querySelectorAll("dialog[data-modal]")) dialog.showModal();
