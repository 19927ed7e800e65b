// Sorting by a click on a column's title. Every page reads the same without it.
"use strict";

// The first number of a text, null where there is none.
const numeric = (text) => {
  const value = parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(value) ? null : value;
};

// Make a table's titles sort its rows; `key` gives the value of a row in a column, null goes last.
const sortable = (table, key) => {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const compare = (a, b) => {
    if (a === null || b === null) return a === b ? 0 : null;
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  };
  const sort = (head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row, place) => ({ row, place, value: key(row, column) }));
    keyed.sort((a, b) => {
      const order = compare(a.value, b.value);
      if (order === null) return a.value === null ? 1 : -1;
      return (down ? -order : order) || a.place - b.place;
    });
    body.append(...keyed.map((entry) => entry.row));
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });
};

// A list to choose one of `values` from, or nothing.
const chooser = (all, values) => {
  const select = document.createElement("select");
  select.setAttribute("aria-label", all);
  select.append(new Option(all, ""), ...values.map((value) => new Option(value, value)));
  return select;
};
