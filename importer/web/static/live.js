// Shows the progress of a load as it comes; without this script the page reloads itself.
"use strict";
const PAUSE = 10000; // milliseconds between two announcements to a screen reader
const live = document.getElementById("live");
const source = new EventSource(live.dataset.events);
let said = 0;
source.onmessage = (message) => {
  const state = JSON.parse(message.data);
  const bar = document.getElementById("bar");
  bar.max = state.of || 1;
  bar.value = state.done;
  document.getElementById("sentence").textContent = state.sentence;
  document.getElementById("note").textContent = state.note;
  if (Date.now() - said > PAUSE) {
    said = Date.now();
    document.getElementById("said").textContent = state.sentence;
  }
  if (!state.running) {
    source.close();
    location.replace(live.dataset.done);
  }
};
