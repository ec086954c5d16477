// Shows the result of a command when it has ended; without this script the page reloads itself.
import { at } from "./api.js";
import { arrive } from "./place.js";

const part = at("running").dataset.part;
const POLL = 1000; // milliseconds
const look = async () => {
  if (!await arrive(location.href, (page) => !page.getElementById("running"), part)) setTimeout(look, POLL);
};
setTimeout(look, POLL);
