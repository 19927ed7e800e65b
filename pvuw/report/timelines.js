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
const clickable = (drawing) => {
  drawing.append(svg("line", { class: "cursor", y1: 0, y2: 100 }));
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    goTo(((event.clientX - box.left) / box.width) * shown.data.count - 0.5);
  });
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
  clickable(drawing);
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
