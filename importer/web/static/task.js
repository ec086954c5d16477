// Shows the result of a command when it has ended; without this script the page reloads itself.
"use strict";
const POLL = 1000; // milliseconds
const look = async () => {
  const answer = await fetch(location.href, { redirect: "manual" }).catch(() => null);
  const ended = answer?.type === "opaqueredirect" || (answer?.ok && !(await answer.text()).includes('id="running"'));
  if (ended) {
    location.reload();
  } else {
    setTimeout(look, POLL);
  }
};
setTimeout(look, POLL);
