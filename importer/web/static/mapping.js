// Columns are dragged to a field of the patron card; a list beside each column does the same.

/** @type {HTMLElement | null} the column that is dragged */
let dragged = null;

const over = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest?.("[data-target]"));

/** Choose a field for a column. */
function put(/** @type {HTMLSelectElement} */ list, /** @type {string} */ field) {
  list.value = field;
  if (list.selectedIndex >= 0) list.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("click", (/** @type {any} */ { target }) => {
  const button = target.closest("[data-likely]");
  if (button) put(/** @type {any} */ (document).getElementById(button.dataset.likely), button.value);
});

document.addEventListener("dragstart", (event) => {
  dragged = /** @type {HTMLElement} */ (event.target).closest?.(".cols > li") ?? null;
  if (!dragged || !event.dataTransfer) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.letter ?? "");
  document.querySelector(".add")?.removeAttribute("hidden");
});

document.addEventListener("dragover", (event) => {
  const field = dragged && over(event);
  document.querySelector(".dropping")?.classList.remove("dropping");
  if (!field) return;
  event.preventDefault();
  field.classList.add("dropping");
});

document.addEventListener("drop", (event) => {
  const field = dragged && over(event), list = dragged?.querySelector("select");
  if (!field || !list) return;
  event.preventDefault();
  put(list, field.dataset.target ?? "");
});

document.addEventListener("dragend", () => {
  dragged = null;
  document.querySelector(".dropping")?.classList.remove("dropping");
  document.querySelector(".add")?.setAttribute("hidden", "");
});

// One list sets all fields of a rule; those under it set one each.
document.addEventListener("change", (event) => {
  const all = /** @type {HTMLSelectElement} */ (event.target);
  if (!all.closest("[data-all]")) return;
  for (const one of all.closest(".inner")?.querySelectorAll("[data-each] select") ?? []) {
    if (/** @type {HTMLSelectElement} */ (one).value === all.value) continue;
    /** @type {HTMLSelectElement} */ (one).value = all.value;
    one.dispatchEvent(new Event("change", { bubbles: true }));
  }
});
