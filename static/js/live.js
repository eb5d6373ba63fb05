// News by socket: a frame says which run, or what of the whole tenant, has something new; the page then fetches with
// its own rights. When the socket is lost the page says so and asks every ten seconds; when it comes back it catches
// up once. A hidden tab neither reads frames nor asks; it catches up once when it is shown.
const GATHER_MS = 150;
const POLL_MS = 10_000;
const TICK_MS = 10_000; // what no news tells, such as workers that went away, is asked for this often
const tenant = document.body.dataset.tenant;
const mark = document.getElementById("live-mark");
const again = document.getElementById("live-ask");
const asked = new Map(); // element's id -> when it was asked for last
const later = new Map(); // element's id -> the one timer that asks for it later
const asking = new WeakSet(); // elements with a question by news under way
const missed = new Map(); // element's id -> what it would have heard meanwhile: the answer may be older than that
let topics = new Set();
let timer = null;
let poll = null;
let delay = 500;
let socket = null;

function show(live) {
  if (!mark) return;
  if (live) delete mark.dataset.live;
  else mark.dataset.live = "paused";
  mark.textContent = live ? "Live" : "Live paused";
  mark.title = live ? "News arrives as it happens" : "Asking every 10 seconds. Decisions work.";
  if (again) again.hidden = live;
}

// Elements that want news carry data-news: a run's id, "run" for any run, "approval" for any request, "stops",
// "flags", "members", or "tick". data-news-every is the least time between two questions, in milliseconds.
function deliver() {
  timer = null;
  if (document.hidden) return;
  const heard = topics;
  topics = new Set();
  for (const element of document.querySelectorAll("[data-news]")) {
    const wanted = element.dataset.news.split(" ");
    if (heard.has("*") || wanted.some((topic) => heard.has(topic))) ask(element, wanted);
  }
}

function ask(element, wanted) {
  if (asking.has(element)) return void missed.set(element.id, wanted);
  const wait = (asked.get(element.id) ?? 0) + Number(element.dataset.newsEvery ?? 0) - Date.now();
  if (wait > 0) {
    if (!later.has(element.id)) later.set(element.id, setTimeout(() => askLater(element.id, wanted), wait));
    return;
  }
  asked.set(element.id, Date.now());
  for (const moment of ["htmx:beforeSend", "htmx:beforeOnLoad", "htmx:afterRequest"]) element.addEventListener(moment, track);
  window.htmx?.trigger(element, "news");
}

// The way of a question, on the element itself: one that was replaced meanwhile is in no document. An answer to it has
// no place any more, and the new one asks.
function track(event) {
  const { currentTarget: element, type, detail } = event;
  if (type === "htmx:beforeOnLoad" && !element.isConnected) {
    event.preventDefault();
    hear("*");
  }
  if (detail.requestConfig?.elt !== element || !byNews(detail)) return;
  if (type === "htmx:beforeSend") asking.add(element);
  if (type !== "htmx:afterRequest") return;
  asking.delete(element);
  const wanted = missed.get(element.id);
  missed.delete(element.id);
  if (wanted) hear(...wanted);
}

function askLater(id, wanted) {
  later.delete(id);
  const element = document.getElementById(id);
  if (element && !document.hidden) ask(element, wanted);
}

// Say that something is new. What comes within a moment is one round of questions.
export function hear(...heard) {
  if (document.hidden) return;
  for (const topic of heard) topics.add(topic);
  timer ??= setTimeout(deliver, GATHER_MS);
}

// Whether a request was made because of news, and not by a person.
export const byNews = (detail) => detail.requestConfig?.triggeringEvent?.type === "news";

function opened() {
  delay = 500;
  clearInterval(poll);
  poll = null;
  show(true);
  document.dispatchEvent(new Event("live:open"));
  hear("*");
}

function read(event) {
  if (document.hidden) return;
  const news = JSON.parse(event.data);
  if (news.hello) return;
  if (news.run) hear(news.run, "run", ...news.about);
  else hear(...(news.about.includes("everything") ? ["*"] : news.about));
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/${tenant}/`);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", read);
  socket.addEventListener("close", (event) => {
    show(false);
    if (event.code === 4403) return hear("*"); // signed out, or the right is gone: the answers say which
    poll ??= setInterval(() => hear("*"), POLL_MS);
    setTimeout(connect, delay + Math.random() * 250);
    delay = Math.min(delay * 2, 15_000);
  });
}

document.addEventListener("visibilitychange", () => hear("*"));
again?.addEventListener("click", () => hear("*"));
window.addEventListener("offline", () => show(false));
window.addEventListener("online", () => show(socket?.readyState === WebSocket.OPEN));

if (tenant) {
  connect();
  setInterval(() => hear("tick"), TICK_MS);
}
