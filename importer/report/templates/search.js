// Leaves the rows that contain each word typed. Without this script there is no box to type in.
const box = document.querySelector(".search");
const rows = [...document.querySelectorAll("#rows tbody tr")];
const bare = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
let texts;
// a row as people write it, 14 or 2:14: its roster, blank if none is written, and its number
const parts = label => [label.split(":").slice(0, -1).join(), Number(label.split(":").pop())];
// the number of a row that shares its line with others
const within = (row, word) => {
  const { first, last } = row.cells[0].dataset;
  if (!first) return false;
  const [roster, number] = parts(word);
  const ours = !word.includes(":") || roster === parts(first)[0];
  return ours && parts(first)[1] <= number && number <= parts(last)[1];
};
// 2:14 is no part of 22:14
const contains = (text, word) =>
  /^\d+:\d+$/.test(word) ? new RegExp(`(?<!\\d)${word}(?!\\d)`).test(text) : text.includes(word);
box.hidden = false;
box.addEventListener("input", event => {
  const words = bare(event.target.value).split(/\s+/).filter(Boolean);
  texts ??= rows.map(row => bare(row.textContent));
  rows.forEach((row, at) => {
    row.hidden = !words.every(word => contains(texts[at], word) || within(row, word));
  });
  const found = rows.filter(row => !row.hidden).length;
  box.querySelector("output").textContent = words.length ? `${found} of ${rows.length} lines` : "";
});
