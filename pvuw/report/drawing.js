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
  const [image, members, ...masks] = await Promise.all(
    [picture(pick), memberMasks(pick), ...data.sides.map((_, side) => mask(side, pick))],
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
  if (members) drawMembers({ image, answer: masks[0], members, table });
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
  if (data.ensemble) describeMembers(pick);
  for (const cursor of viewer.querySelectorAll(".cursor")) {
    cursor.setAttribute("x1", position + 0.5);
    cursor.setAttribute("x2", position + 0.5);
  }
};
