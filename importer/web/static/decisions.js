// Keys of the decisions, while the question has the focus, as it has at first: 1 to 9 choose, Enter saves, A the same for all
// alike, J and K move. An answer is put in place (place.js).
import { at } from "./api.js";

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase(), question = /** @type {HTMLElement} */ (event.target).closest("#question");
  if (!question || event.altKey || event.ctrlKey || event.metaKey) return;
  const radio = /** @type {HTMLInputElement | undefined} */ (question.querySelectorAll("input[type=radio]")[Number(key) - 1]);
  if (radio) {
    radio.click();
    radio.focus();
  } else if (key === "a") at("same")?.click();
  else if (key === "j" || key === "s") at("after")?.click();
  else if (key === "k") at("before")?.click();
  else return;
  event.preventDefault();
});
