// What the page says of its own line to the server: offline, no answer, signed out, refused. Nothing typed is lost.
import { byNews, hear } from "./live.js";

const line = document.getElementById("line");
const problem = document.getElementById("problem");

function tell(what) {
  if (!line) return;
  line.hidden = what === "";
  for (const part of line.querySelectorAll("[data-when]")) part.hidden = !part.dataset.when.split(" ").includes(what);
}

const away = () => (navigator.onLine ? "unreachable" : "offline");

window.addEventListener("offline", () => tell("offline"));
window.addEventListener("online", () => hear("*"));
document.addEventListener("live:open", () => tell(""));
document.addEventListener("htmx:sendError", () => tell(away()));
document.addEventListener("htmx:timeout", () => tell(away()));
line?.querySelector("[data-line-again]")?.addEventListener("click", () => hear("*"));

// An expired sign-in answers with the sign-in page: it must not be put into this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  const from = new URL(detail.xhr.responseURL || location.href, location.href).pathname;
  if (from.startsWith("/accounts/login")) {
    detail.shouldSwap = false;
    return tell("signed-out");
  }
  if (detail.xhr.status < 400) tell("");
}, true);

document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (byNews(event.detail)) return tell(xhr.status < 500 ? "refused" : "broken");
  if (!problem || !xhr.responseText.includes('class="notice"')) return tell("broken");
  const words = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".notice");
  problem.replaceChildren(document.importNode(words, true));
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (problem && !byNews(event.detail)) problem.hidden = true;
});

// The form's own token is of the sign-in with which the page came; the cookie's is of the present one.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (token && event.detail.verb === "post") event.detail.parameters.csrfmiddlewaretoken = token;
});

// A form that would leave the page without a line stays, with its text.
document.addEventListener("submit", (event) => {
  if (navigator.onLine || event.target.method !== "post" || event.target.matches("[hx-post]")) return;
  event.preventDefault();
  tell("offline");
});

// A page that was loaded offline says so at once.
if (!navigator.onLine) tell("offline");
