// Shows the progress of a load as it comes; without this script the page reloads itself.
"use strict";
const live = document.getElementById("live");
const source = new EventSource(live.dataset.events);
source.onmessage = (message) => {
  const state = JSON.parse(message.data);
  const bar = document.getElementById("bar");
  bar.max = state.of || 1;
  bar.value = state.done;
  document.getElementById("sentence").textContent = state.sentence;
  document.getElementById("note").textContent = state.note;
  if (!state.running) {
    source.close();
    location.replace(live.dataset.done);
  }
};
