// Leaves the rows that contain each word typed. Without this script there is no box to type in.
const box = document.querySelector(".search");
const rows = [...document.querySelectorAll("#rows tbody tr")];
const bare = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
let texts;
// the number of a row that shares its line with others, as 14 or 2:14
const within = (row, word) => {
  const [first, last] = [row.cells[0].dataset.first, row.cells[0].dataset.last];
  const number = text => Number(text.split(":").pop());
  const roster = first?.includes(":") && word.includes(":") ? first.split(":")[0] : "";
  return first && word.startsWith(roster) && number(first) <= number(word) && number(word) <= number(last);
};
box.hidden = false;
box.addEventListener("input", event => {
  const words = bare(event.target.value).split(/\s+/).filter(Boolean);
  texts ??= rows.map(row => bare(row.textContent));
  rows.forEach((row, at) => {
    row.hidden = !words.every(word => texts[at].includes(word) || within(row, word));
  });
  const found = rows.filter(row => !row.hidden).length;
  box.querySelector("output").textContent = words.length ? `${found} of ${rows.length} lines` : "";
});
