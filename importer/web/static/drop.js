// A roster is dropped anywhere on the page, or chosen; it is sent at once.
const form = document.querySelector("form.drop");
const input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
const send = () => form.requestSubmit();

input.addEventListener("change", send);
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const files = event.dataTransfer?.types.includes("Files");
    if (!files) return;
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      if (!input.files.length) return;
      send();
    }
  });
}
if (input.files.length) send(); // chosen before this script was there
