// Keys of the decisions: 1 to 9 choose, Enter saves, A the same for all alike, J and K move. An answer is put in place (place.js).
import { at } from "./api.js";

document.addEventListener("keydown", (event) => {
  const typing = /** @type {HTMLElement} */ (event.target).matches("input:not([type=radio], [type=checkbox]), textarea, select");
  const key = event.key.toLowerCase();
  const off = document.body.dataset.keys === "off"; // in Settings
  if (typing || off || event.altKey || event.ctrlKey || event.metaKey) return;
  const radios = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#question input[type=radio]"));
  const radio = radios[Number(key) - 1];
  if (radio) {
    radio.click();
    radio.focus();
  } else if (key === "a") at("same")?.click();
  else if (key === "j" || key === "s") at("after")?.click();
  else if (key === "k") at("before")?.click();
  else return;
  event.preventDefault();
});
