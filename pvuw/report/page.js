// The viewer of one video, and the filters of both tables. The tables read the same without it.
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const tables = ["videos", "objects"].map((name) => byId(`${name}-table`));
  const viewer = byId("viewer");
  const slider = byId("slider");
  let shown = null; // the open video; nothing of the others is read or decoded

  // --- Reading: a video's block is text until it is opened. ---
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const inflate = async (text) => {
    const plain = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  };
  const once = (store, key, load) => {
    if (!store.has(key)) store.set(key, load());
    return store.get(key);
  };
  const picture = (pick) => once(shown.pictures, pick, async () => {
    if (shown.data.pictures[pick] === null) return null; // the file was damaged
    const image = new Image();
    image.src = `data:image/webp;base64,${shown.data.pictures[pick]}`;
    await image.decode();
    return image;
  });
  const mask = (side, pick) => once(shown.masks, `${side} ${pick}`, () => {
    const text = shown.data.sides[side].masks[pick];
    return text === null ? null : inflate(text);
  });

  // --- Drawing. ---
  const colours = () => {
    const table = new Uint32Array(256);
    const alpha = Math.round(2.55 * byId("opacity").value);
    for (const object of shown.data.objects) {
      const value = parseInt(object.colour.slice(1), 16);
      const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255];
      if (!shown.hidden.has(object.id)) {
        table[object.id] = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
      }
    }
    return table;
  };
  const tint = (ids, height, width, table) => {
    const layer = new ImageData(width, height);
    const pixels = new Uint32Array(layer.data.buffer);
    const on = (id) => !shown.hidden.has(id) && id > 0;
    for (let place = 0; place < ids.length; place += 1) {
      const id = ids[place];
      pixels[place] = table[id];
      const column = place % width;
      const left = column ? ids[place - 1] : id;
      const above = place >= width ? ids[place - width] : id;
      if ((left !== id && (on(left) || on(id))) || (above !== id && (on(above) || on(id)))) {
        pixels[place] = 0xaaffffff; // let through: on a small object it would hide the colour
      }
    }
    return layer;
  };
  const draw = async () => {
    const video = shown;
    const pick = Number(slider.value);
    const turn = (video.turn += 1);
    const { data } = video;
    const [height, width] = data.size;
    const [image, ...masks] = await Promise.all(
      [picture(pick), ...data.sides.map((_, side) => mask(side, pick))],
    );
    if (video !== shown || turn !== video.turn) return; // something newer is on its way
    const table = colours();
    const layer = make("canvas", { width, height });
    video.canvases.forEach((canvas, side) => {
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, width, height);
      if (image !== null) context.drawImage(image, 0, 0, width, height);
      if (masks[side] === null) return;
      layer.getContext("2d").putImageData(tint(masks[side], height, width, table), 0, 0);
      context.drawImage(layer, 0, 0);
    });
    describe(pick);
    viewer.dataset.drawn = data.names[pick];
    viewer.dataset.turn = turn;
  };

  const mean = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  const fixed = (value) => (value === null ? "–" : (value / 1000).toFixed(3));
  const visibleRows = () => shown.data.objects.map((_, row) => row)
    .filter((row) => !shown.hidden.has(shown.data.objects[row].id));
  const describe = (pick) => {
    const { data } = shown;
    const position = data.picks[pick];
    byId("frame").textContent = `${data.names[pick]}, ${position + 1} of ${data.count}`;
    data.sides.forEach((side, number) => {
      let words = side.label;
      if (side.j) {
        const [j, f] = [side.j, side.f].map(
          (curves) => mean(visibleRows().map((row) => curves[row][position])),
        );
        words += j === null ? " · not scored here" : ` · J ${fixed(j)} F ${fixed(f)}`;
      }
      if (side.masks[pick] === null) words += " · no mask of this frame";
      shown.captions[number].textContent = words;
    });
    for (const cursor of viewer.querySelectorAll(".cursor")) {
      cursor.setAttribute("x1", position + 0.5);
      cursor.setAttribute("x2", position + 0.5);
    }
  };

  // --- Timelines: one line per object, each side with its own dashes. ---
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const trace = (values, top) => {
    let path = "";
    let pen = "M";
    values.forEach((value, position) => {
      if (value === null) pen = "M";
      else {
        path += `${pen}${position + 0.5} ${(100 - (98 * value) / top).toFixed(2)}`;
        // A frame alone between gaps would not show as a line.
        if (pen === "M") path += "h0.01";
        pen = "L";
      }
    });
    return path;
  };
  const timeline = (title, key, top, dashes) => {
    const { data } = shown;
    const drawing = svg("svg", {
      viewBox: `0 0 ${data.count} 100`, preserveAspectRatio: "none", "data-curve": key,
    });
    data.sides.forEach((side, number) => {
      if (!side[key]) return;
      side[key].forEach((values, row) => {
        const object = data.objects[row];
        const line = svg("path", {
          d: trace(values, top), stroke: object.colour, class: dashes[number],
          "data-object": object.id,
        });
        line.append(svg("title", {}));
        line.firstChild.textContent = `${side.label}, object ${object.id}`;
        drawing.append(line);
      });
    });
    drawing.append(svg("line", { class: "cursor", y1: 0, y2: 100 }));
    drawing.addEventListener("click", (event) => {
      const box = drawing.getBoundingClientRect();
      goTo(((event.clientX - box.left) / box.width) * data.count - 0.5);
    });
    return make("figure", {}, make("figcaption", { textContent: title }), drawing);
  };
  const timelines = () => {
    const { data } = shown;
    const second = data.sides[1]?.j ? "second" : "third";
    const dashes = ["first", second, "third"];
    const style = { first: "solid", second: "dashed", third: "dotted" };
    const key = data.sides.map((side, number) => `${side.label} ${style[dashes[number]]}`).join(", ");
    const most = Math.max(1, ...data.sides.flatMap((side) => side.area.flatMap(
      (values) => values.reduce((high, value) => Math.max(high, value ?? 0), 0),
    )));
    const share = ((100 * most) / data.pixels).toPrecision(2);
    const figures = [timeline(`area, 0 to ${share} % of the frame`, "area", most, dashes)];
    if (data.sides.some((side) => side.j)) {
      figures.unshift(
        timeline("J, 0 to 1", "j", 1000, dashes), timeline("F, 0 to 1", "f", 1000, dashes),
      );
    }
    byId("legend").textContent = `lines: ${key}; a click goes to the nearest picture`;
    byId("timelines").replaceChildren(...figures);
  };
  const goTo = (position) => {
    const distances = shown.data.picks.map((pick) => Math.abs(pick - position));
    slider.value = distances.indexOf(Math.min(...distances));
    draw();
  };

  // --- Objects on and off. ---
  const refresh = () => {
    for (const line of viewer.querySelectorAll("path[data-object]")) {
      line.style.display = shown.hidden.has(Number(line.dataset.object)) ? "none" : "";
    }
    for (const box of byId("toggles").querySelectorAll("input")) {
      box.checked = !shown.hidden.has(Number(box.dataset.object));
    }
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
    for (const row of document.querySelectorAll("tr.open")) row.classList.remove("open");
  };
  const open = (name, block) => {
    close();
    const data = JSON.parse(block.textContent);
    const [height, width] = data.size;
    shown = {
      name, data, turn: 0, clock: null, hidden: new Set(), pictures: new Map(), masks: new Map(),
      canvases: data.sides.map(() => make("canvas", { width, height })),
      captions: data.sides.map(() => make("figcaption")),
    };
    byId("title").textContent = data.id;
    byId("panels").replaceChildren(...shown.canvases.map(
      (canvas, side) => make("figure", {}, shown.captions[side], canvas),
    ));
    byId("notes").replaceChildren(...data.notes.map((note) => make("li", { textContent: note })));
    slider.max = data.picks.length - 1;
    slider.value = 0;
    toggles();
    timelines();
    viewer.hidden = false;
    for (const row of document.querySelectorAll("tr[data-video]")) {
      row.classList.toggle("open", row.dataset.video === name);
    }
    viewer.scrollIntoView({ block: "start" });
    return draw();
  };
  const route = () => {
    const name = location.hash.slice(1);
    const block = name.startsWith("video=") ? byId(name) : null;
    if (block) open(name, block);
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
  const search = make("input", { type: "search", id: "search", placeholder: "video contains …" });
  const below = make("input", {
    type: "number", id: "below", min: 0, max: 1, step: 0.05, placeholder: "1",
  });
  const leaves = make("input", { type: "checkbox", id: "leaves" });
  const { other } = byId("filters").dataset;
  const [worse, better] = [`worse than ${other}`, `better than ${other}`];
  const compared = chooser(`any difference to ${other}`, [worse, better]);
  compared.id = "compared";
  const count = make("output", { id: "count" });
  const filter = () => {
    const text = search.value.trim().toLowerCase();
    const fewer = { "videos-table": 0, "objects-table": 0 };
    rows.forEach((row, place) => {
      const { jf, diff } = row.dataset;
      row.hidden = !words[place].includes(text)
        || (below.value !== "" && !(Number(jf ?? NaN) < Number(below.value)))
        || (leaves.checked && row.dataset.leaves !== "1")
        || (compared.value === worse && !(Number(diff ?? NaN) < 0))
        || (compared.value === better && !(Number(diff ?? NaN) > 0));
      if (!row.hidden) fewer[row.closest("table").id] += 1;
    });
    count.textContent = `${fewer["videos-table"].toLocaleString("en")} videos, `
      + `${fewer["objects-table"].toLocaleString("en")} objects`;
  };
  const bar = byId("filters");
  bar.append(search);
  if (rows.some((row) => row.dataset.jf)) {
    bar.append(make("label", {}, "J&F below ", below));
  }
  bar.append(make("label", {}, leaves, " leaves and comes back"));
  if (rows.some((row) => row.dataset.diff)) bar.append(compared);
  bar.append(count);
  bar.addEventListener("input", filter);
  bar.hidden = false;
  filter();
  route();
})();
