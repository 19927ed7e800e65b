// Sorting and filtering of the table of all videos. The page reads the same without it.
(() => {
  const table = document.getElementById("videos");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const words = rows.map((row) => row.textContent.toLowerCase());
  const cell = (row, column) => row.cells[column].textContent;

  // The largest difference: the first number in bold of its cell.
  const key = (row, column) => {
    if (column === 6) {
      const first = row.cells[column].querySelector("b");
      return first ? numeric(first.textContent) : null;
    }
    const head = table.tHead.rows[0].cells[column];
    return head.classList.contains("n") ? numeric(cell(row, column)) : cell(row, column);
  };

  sortable(table, key);

  const distinct = (values) => [...new Set(values)].filter(Boolean);
  const decision = chooser("all decisions", distinct(rows.map((row) => cell(row, 0))));
  const source = chooser("all sources", distinct(rows.map((row) => cell(row, 1))));
  const group = chooser("all reasons", distinct(rows.map((row) => row.dataset.group)));
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "id, trait or reason contains …";
  search.setAttribute("aria-label", "text in the row");
  const count = document.createElement("output");

  const filter = () => {
    const text = search.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = (!decision.value || cell(row, 0) === decision.value)
        && (!source.value || cell(row, 1) === source.value)
        && (!group.value || row.dataset.group === group.value)
        && words[place].includes(text);
      row.hidden = !fits;
      shown += fits;
    });
    count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} videos`;
  };
  for (const control of [decision, source, group, search]) {
    control.addEventListener("input", filter);
  }
  const bar = document.getElementById("filters");
  bar.append(decision, source, group, search, count);
  bar.hidden = false;
  filter();

  // A link to a row that the filters hide clears them first.
  window.addEventListener("hashchange", () => {
    const row = document.getElementById(location.hash.slice(1));
    if (!row || !row.hidden) return;
    for (const control of [decision, source, group, search]) control.value = "";
    filter();
    row.scrollIntoView();
  });
})();
