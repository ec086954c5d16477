// Shows the progress of a load as it comes; without this script the page reloads itself.
import { at, unanswered } from "./api.js";
import { arrive } from "./place.js";

const QUIET = 30000; // milliseconds between two announcements to a screen reader
const live = at("live");
const source = new EventSource(live.dataset.events);
let state = live.dataset.state;
let said = Date.now();
let last = Date.now(); // when the server said something, which it does twice a second

const silent = setInterval(() => unanswered(last), 1000);

source.onmessage = (/** @type {MessageEvent<string>} */ message) => {
  const now = JSON.parse(message.data);
  last = Date.now();
  if (at("silent")) location.reload(); // it was only asleep
  if (!now.running || (now.state !== state && (now.state !== "running" || state === "working"))) {
    source.close();
    clearInterval(silent);
    arrive(live.dataset.done).then((done) => done || location.replace(live.dataset.done)); // other buttons
    return;
  }
  live.innerHTML = now.html; // escaped by the server
  at("heading").textContent = now.heading;
  document.title = `${now.heading} – Alma patron loads`;
  if (now.state !== state || Date.now() - said > QUIET) {
    at("said").textContent = now.sentence;
    [state, said] = [now.state, Date.now()];
  }
};
