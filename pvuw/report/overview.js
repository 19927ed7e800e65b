// --- Sorting and filtering. ---
for (const table of tables) {
  const numbers = [...table.tHead.rows[0].cells].map((head) => head.classList.contains("n"));
  sortable(table, (row, column) => {
    const text = row.cells[column].textContent;
    return numbers[column] ? numeric(text) : text;
  });
}
const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
const words = rows.map((row) => row.cells[0].textContent.toLowerCase());
const { other, members: named, noun } = byId("filters").dataset;
const search = make("input", { type: "search", id: "search", placeholder: `${noun.slice(0, -1)} contains …` });
const below = make("input", {
  type: "number", id: "below", min: 0, max: 1, step: 0.05, placeholder: "1",
});
const leaves = make("input", { type: "checkbox", id: "leaves" });
const members = named.split("|").filter(Boolean);
const leader = chooser("any member", members);
leader.id = "leader";
const [worse, better] = [`worse than ${other}`, `better than ${other}`];
const compared = chooser(`any difference to ${other}`, [worse, better]);
compared.id = "compared";
const kinds = [...new Set(rows.flatMap((row) => row.dataset.buckets?.split("|") ?? []))].sort();
const bucket = chooser("any kind", kinds);
bucket.id = "bucket";
const count = make("output", { id: "count" });
const filter = () => {
  const text = search.value.trim().toLowerCase();
  const fewer = Object.fromEntries(tables.map((table) => [table.id, 0]));
  rows.forEach((row, place) => {
    const { jf, diff } = row.dataset;
    row.hidden = !words[place].includes(text)
      || (below.value !== "" && !(Number(jf ?? NaN) < Number(below.value)))
      || (leaves.checked && row.dataset.leaves !== "1")
      || (bucket.value !== "" && !(row.dataset.buckets ?? "").split("|").includes(bucket.value))
      || (leader.value !== "" && !(row.dataset.leader ?? "").includes(`${leader.value}|`))
      || (compared.value === worse && !(Number(diff ?? NaN) < 0))
      || (compared.value === better && !(Number(diff ?? NaN) > 0));
    if (!row.hidden) fewer[row.closest("table").id] += 1;
  });
  const names = { "videos-table": noun, "objects-table": "objects" };
  count.textContent = tables.map(
    ({ id }) => `${fewer[id].toLocaleString("en")} ${names[id]}`,
  ).join(", ");
};
const bar = byId("filters");
bar.append(search);
if (rows.some((row) => row.dataset.jf)) {
  bar.append(make("label", {}, "J&F below ", below));
}
if (kinds.length) bar.append(bucket);
else bar.append(make("label", {}, leaves, " leaves and comes back"));
if (rows.some((row) => row.dataset.diff)) bar.append(compared);
if (members.length) bar.append(leader);
bar.append(count);
bar.addEventListener("input", filter);
bar.hidden = false;
filter();
route();
