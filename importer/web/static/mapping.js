// Columns are dragged to a field of the patron card; a list beside each column does the same.

const columns = () => document.querySelector(".cols");
/** @type {HTMLElement | null} the column that is dragged */
let dragged = null;

/** Make the columns draggable, after the page was put in place too. */
function prepare() {
  for (const one of columns()?.querySelectorAll("li") ?? []) one.draggable = Boolean(one.querySelector("select"));
  for (const one of document.querySelectorAll("[data-all]")) one.removeAttribute("hidden");
  const hint = document.getElementById("drag");
  if (hint && matchMedia("(pointer: fine)").matches) hint.hidden = false;
}

const over = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest?.("[data-target]"));

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
  list.value = field.dataset.target ?? "";
  if (list.selectedIndex >= 0) list.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("dragend", () => {
  dragged = null;
  document.querySelector(".dropping")?.classList.remove("dropping");
  document.querySelector(".add")?.setAttribute("hidden", "");
});

// The card's field and the column that gives it are marked together.
document.addEventListener("focusin", (event) => mark(/** @type {HTMLElement} */ (event.target)));
document.addEventListener("mouseover", (event) => mark(/** @type {HTMLElement} */ (event.target)));

function mark(/** @type {HTMLElement} */ at) {
  const list = at.closest?.(".cols > li")?.querySelector("select");
  for (const one of document.querySelectorAll(".pcard [data-target]")) {
    one.classList.toggle("same", Boolean(list?.value) && /** @type {HTMLElement} */ (one).dataset.target === list?.value);
  }
}

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

document.addEventListener("placed", prepare);
prepare();
