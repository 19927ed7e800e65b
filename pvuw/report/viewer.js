// --- Objects on and off. ---
const refresh = () => {
  for (const line of viewer.querySelectorAll("path[data-object]")) {
    line.style.display = shown.hidden.has(Number(line.dataset.object)) ? "none" : "";
  }
  for (const box of byId("toggles").querySelectorAll("input")) {
    box.checked = !shown.hidden.has(Number(box.dataset.object));
  }
  if (shown.data.ensemble) memberLines();
  draw();
};
const toggles = () => {
  const { objects, sides } = shown.data;
  const score = (row) => (sides[0].j
    ? mean([mean(sides[0].j[row]), mean(sides[0].f[row])]) : null);
  const order = objects.map((_, row) => row)
    .sort((a, b) => (score(a) ?? 2000) - (score(b) ?? 2000) || a - b);
  const chips = order.map((row) => {
    const { id, colour } = objects[row];
    const box = make("input", { type: "checkbox", checked: true });
    box.dataset.object = id;
    box.addEventListener("input", () => {
      if (box.checked) shown.hidden.delete(id);
      else shown.hidden.add(id);
      refresh();
    });
    const swatch = make("i", { className: "key" });
    swatch.style.background = colour;
    const value = score(row);
    return make(
      "label", { className: "chip" }, box, swatch, `${id}${value === null ? "" : ` · ${fixed(value)}`}`,
    );
  });
  const all = make("button", { id: "all", textContent: "all" });
  const none = make("button", { id: "none", textContent: "none" });
  all.addEventListener("click", () => { shown.hidden.clear(); refresh(); });
  none.addEventListener("click", () => {
    for (const { id } of objects) shown.hidden.add(id);
    refresh();
  });
  byId("toggles").replaceChildren("objects:", ...chips, all, none);
};

// --- Opening and closing; the address says which video is open. ---
const stop = () => {
  clearInterval(shown?.clock);
  if (shown) shown.clock = null;
  byId("play").textContent = "▶";
};
const close = () => {
  stop();
  shown = null; // pictures and masks of the video go with it
  viewer.hidden = true;
  delete viewer.dataset.drawn;
  byId("panels").replaceChildren();
  byId("timelines").replaceChildren();
  closeMembers();
  for (const row of document.querySelectorAll("tr.open")) row.classList.remove("open");
};
const open = (name, block, position) => {
  close();
  const data = JSON.parse(block.textContent);
  data.pictures ??= JSON.parse(byId(data.frames).textContent); // sentences about a video share them
  const [height, width] = data.size;
  shown = {
    name, data, turn: 0, clock: null, hidden: new Set(), pictures: new Map(), masks: new Map(),
    canvases: data.sides.map(() => make("canvas", { width, height })),
    captions: data.sides.map(() => make("figcaption")),
  };
  byId("title").textContent = data.id;
  byId("sentence").textContent = data.sentence ?? "";
  byId("toggles").hidden = data.sentence !== null; // it means one target
  byId("panels").replaceChildren(...shown.canvases.map(
    (canvas, side) => make("figure", {}, shown.captions[side], canvas),
  ));
  byId("notes").replaceChildren(...data.notes.map((note) => make("li", { textContent: note })));
  slider.max = data.picks.length - 1;
  const near = data.picks.map((pick) => Math.abs(pick - position));
  slider.value = near.indexOf(Math.min(...near));
  toggles();
  timelines();
  if (data.ensemble) openMembers();
  viewer.hidden = false;
  for (const row of document.querySelectorAll("tr[data-video]")) {
    row.classList.toggle("open", row.dataset.video === name);
  }
  viewer.scrollIntoView({ block: "start" });
  return draw();
};
const route = () => {
  const [name, position] = location.hash.slice(1).split("@"); // none in a name: they are quoted
  const block = name.startsWith("video=") ? byId(name) : null;
  if (block) open(name, block, Number(position ?? 0));
  else close();
};
const step = (by) => {
  const rows = [...tables[0].tBodies[0].rows].filter((row) => !row.hidden && byId(row.dataset.video));
  const place = rows.findIndex((row) => row.dataset.video === shown.name);
  const next = rows[place + by];
  if (next) location.hash = next.dataset.video;
};
slider.addEventListener("input", draw);
byId("opacity").addEventListener("input", draw);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => { location.hash = ""; });
byId("play").addEventListener("click", () => {
  if (shown.clock) return stop();
  byId("play").textContent = "❚❚";
  shown.clock = setInterval(() => {
    slider.value = (Number(slider.value) + 1) % shown.data.picks.length;
    draw();
  }, 160);
  return null;
});
window.addEventListener("hashchange", route);
