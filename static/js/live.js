// News by socket: a frame says which run has something new; the page then fetches with its own rights.
// When the socket is lost the page says so and asks every ten seconds; when it comes back it catches up once.
const GATHER_MS = 150;
const POLL_MS = 10_000;
const tenant = document.body.dataset.tenant;
const mark = document.getElementById("live-mark");
let waiting = new Set();
let timer = null;
let poll = null;
let delay = 500;

function show(live) {
  if (!mark) return;
  if (live) delete mark.dataset.live;
  else mark.dataset.live = "paused";
  mark.textContent = live ? "Live" : "Live paused";
  mark.title = live ? "News arrives as it happens" : "Asking every 10 seconds. Decisions work.";
}

// Elements that want news carry data-news: a run's id, "run" for any run, "approval" for any request.
function deliver() {
  timer = null;
  if (document.hidden) return;
  const topics = waiting;
  waiting = new Set();
  for (const element of document.querySelectorAll("[data-news]")) {
    if (topics.has("*") || topics.has(element.dataset.news)) window.htmx?.trigger(element, "news");
  }
}

function hear(...topics) {
  for (const topic of topics) waiting.add(topic);
  timer ??= setTimeout(deliver, GATHER_MS);
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/${tenant}/`);
  socket.addEventListener("open", () => {
    delay = 500;
    clearInterval(poll);
    poll = null;
    show(true);
    hear("*");
  });
  socket.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    if (news.run) hear(news.run, "run", ...news.about);
  });
  socket.addEventListener("close", (event) => {
    show(false);
    if (event.code === 4403) return;
    poll ??= setInterval(() => hear("*"), POLL_MS);
    setTimeout(connect, delay + Math.random() * 250);
    delay = Math.min(delay * 2, 15_000);
  });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) hear("*");
});

// The counts of the navigation follow the fragment that carries them.
document.addEventListener("htmx:afterSwap", () => {
  const carrier = document.querySelector("[data-waiting]");
  if (!carrier) return;
  for (const name of ["waiting", "unknown"]) {
    for (const badge of document.querySelectorAll(`[data-count="${name}"]`)) {
      badge.textContent = carrier.dataset[name];
      badge.hidden = carrier.dataset[name] === "0";
    }
  }
});

// A fragment must not take away a dialog, a selection or the focus from whoever is reading.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (document.querySelector("dialog[open]")) event.detail.shouldSwap = false;
});

if (tenant) connect();
