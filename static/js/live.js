// News by socket: a frame says which run has something new; the page then fetches with its own rights.
// When the socket is lost the page says so and asks every ten seconds; when it comes back it catches up once.
const GATHER_MS = 150;
const POLL_MS = 10_000;
const tenant = document.body.dataset.tenant;
const mark = document.getElementById("live-mark");
const heldBack = new Map(); // element -> when it may ask again
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
// data-news-every gives the least time between two questions, in milliseconds.
function deliver() {
  timer = null;
  if (document.hidden) return;
  const topics = waiting;
  waiting = new Set();
  for (const element of document.querySelectorAll("[data-news]")) {
    const wanted = element.dataset.news.split(" ");
    if (topics.has("*") || wanted.some((topic) => topics.has(topic))) ask(element, wanted);
  }
}

function ask(element, wanted) {
  const every = Number(element.dataset.newsEvery ?? 0);
  const wait = (heldBack.get(element.id) ?? 0) - Date.now();
  if (every && wait > 0) {
    setTimeout(() => hear(...wanted), wait);
    return;
  }
  if (every) heldBack.set(element.id, Date.now() + every);
  window.htmx?.trigger(element, "news");
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

// A fragment must not take a dialog, a selection or the place in a text away from whoever is reading.
// What could not be shown then is asked for again once they are done.
const reading = (target) => {
  const selected = document.getSelection();
  const inside = selected && !selected.isCollapsed && target.contains(selected.anchorNode);
  return inside || document.querySelector("dialog[open]") !== null;
};
let place = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig.triggeringEvent?.type === "news" && reading(target)) {
    event.detail.shouldSwap = false;
    if (!document.querySelector("dialog[open]")) setTimeout(() => hear("*"), 2000);
    return;
  }
  const text = target.querySelector?.("#step .step-detail-body");
  place = text && { label: text.ariaLabel, top: text.scrollTop };
});
document.addEventListener("close", () => hear("*"), true);

document.addEventListener("htmx:afterSwap", () => {
  const text = document.querySelector("#step .step-detail-body");
  if (place && text && text.ariaLabel === place.label) text.scrollTop = place.top;
  place = null;
  const counts = document.getElementById("counts");
  for (const badge of document.querySelectorAll("[data-count]")) {
    const number = counts?.dataset[badge.dataset.count];
    if (number === undefined) continue;
    badge.textContent = number;
    badge.hidden = number === "0";
  }
});

if (tenant) connect();
