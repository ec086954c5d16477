// Shows the result of a command when it has ended; without this script the page reloads itself.
import { at, unanswered } from "./api.js";
import { arrive } from "./place.js";

const part = at("running").dataset.part;
const POLL = 1000; // milliseconds
let last = Date.now(); // when the server answered
const ended = (/** @type {Document} */ page) => {
  last = Date.now();
  if (at("silent")) location.reload(); // it was only asleep
  const now = page.getElementById("progress");
  if (now) at("progress").replaceChildren(...now.childNodes);
  return !page.getElementById("running");
};
const look = async () => {
  if (await arrive(location.href, ended, part)) return;
  unanswered(last);
  setTimeout(look, POLL);
};
setTimeout(look, POLL);
