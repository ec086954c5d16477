// Keys of the decisions: 1 to 9 choose, Enter saves, A the same for all alike, J and K move.
import { at } from "./api.js";

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
  const key = event.key.toLowerCase();
  const off = document.body.dataset.keys === "off"; // in Settings
  if (typing || event.altKey || (off && !event.ctrlKey && !event.metaKey)) return;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") at("undo")?.click();
    return;
  }
  const radios = document.querySelectorAll("#question input[type=radio]");
  if (radios[Number(key) - 1]) {
    radios[Number(key) - 1].click();
    radios[Number(key) - 1].focus();
  } else if (key === "a") at("same")?.click();
  else if (key === "j" || key === "s") at("after")?.click();
  else if (key === "k") at("before")?.click();
  else return;
  event.preventDefault();
});
