// Shows the result of a command when it has ended; without this script the page reloads itself.
import { arrive } from "./place.js";

const POLL = 1000; // milliseconds
const look = async () => {
  if (!await arrive(location.href, (page) => !page.getElementById("running"))) setTimeout(look, POLL);
};
setTimeout(look, POLL);
