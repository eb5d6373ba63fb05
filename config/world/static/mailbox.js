// Samples fill the textarea without a new page, and a form goes out once. Without this file both still work by the server.

const samples = new Set([...document.querySelectorAll("a[data-fill]")].map((link) => link.dataset.fill));

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-fill]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const area = link.closest("form").elements.text;
  const own = area.value.trim();
  area.value = own && !samples.has(own) ? `${own}\n\n${link.dataset.fill}` : link.dataset.fill;
  area.focus();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-disabled", "true");
});

// A page that comes back from the browser's memory may send again: the server knows the form.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("button[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});
