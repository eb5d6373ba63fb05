// One sentence for whoever listens instead of looking.
export function say(words) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = words;
}
