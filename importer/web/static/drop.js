// A roster is dropped anywhere on the page, or chosen; it is sent at once.
const input = /** @type {HTMLInputElement & {files: FileList}} */ (document.querySelector("form.drop input[type=file]"));
const send = () => input.form?.requestSubmit();

input.addEventListener("change", send);
for (const kind of /** @type {const} */ (["dragover", "dragleave", "drop"])) {
  document.addEventListener(kind, (event) => {
    const dropped = event.dataTransfer;
    if (!dropped?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && dropped.files.length) {
      input.files = dropped.files;
      if (input.files.length) send();
    }
  });
}
if (input.files.length) send(); // chosen before this script was there
