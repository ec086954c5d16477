
// Leaves the rows that contain each word typed. Without this script there is no box to type in.
const box = document.querySelector(".search");
const rows = [...document.querySelectorAll("#rows tbody tr")];
const bare = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
let texts;
box.hidden = false;
box.addEventListener("input", event => {
  const words = bare(event.target.value).split(/\s+/).filter(Boolean);
  texts ??= rows.map(row => bare(row.textContent));
  rows.forEach((row, at) => { row.hidden = !words.every(word => texts[at].includes(word)); });
  const found = rows.filter(row => !row.hidden).length;
  box.querySelector("output").textContent = words.length ? `${found} of ${rows.length} rows` : "";
});
