// --- Members of an ensemble: pictures, agreement map, who is followed when, and why. ---
const memberMasks = (pick) => {
  const { ensemble } = shown.data;
  if (!ensemble) return null;
  const load = (key, text) => once(shown.masks, `${key} ${pick}`, () => (
    text === null ? null : inflate(text)
  ));
  return Promise.all([
    load("agreement", ensemble.agreement[pick]),
    ...ensemble.members.map((member, place) => load(`member ${place}`, member.masks[pick])),
  ]);
};
const memberClass = (place) => `m${place % 8}`;

// Lighter is more disputed, from a dimmed picture (all agree) to almost white (nobody agrees).
const ANCHORS = [[70, 38, 140], [158, 42, 130], [225, 82, 74], [250, 160, 60], [255, 246, 180]];
const disputed = (share) => {
  const at = share * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(at), ANCHORS.length - 2);
  return ANCHORS[low].map((value, i) => Math.round(
    value + (at - low) * (ANCHORS[low + 1][i] - value),
  ));
};
const voicesAt = (pick) => shown.data.ensemble.members
  .filter((member) => member.masks[pick] !== null).length;
const drawAgreement = ({ image, answer, agree, voices }) => {
  const [height, width] = shown.data.size;
  const context = shown.members.agreement.getContext("2d", { willReadFrequently: true });
  context.clearRect(0, 0, width, height);
  if (image !== null) context.drawImage(image, 0, 0, width, height);
  if (agree === null) return;
  const layer = context.getImageData(0, 0, width, height);
  const pixels = layer.data;
  for (let place = 0; place < agree.length; place += 1) {
    const here = 4 * place;
    const light = 0.3 * pixels[here] + 0.59 * pixels[here + 1] + 0.11 * pixels[here + 2];
    let colour = [0.42 * light, 0.42 * light, 0.42 * light];
    if (agree[place] < voices) colour = disputed(1 - agree[place] / voices);
    const column = place % width;
    const id = answer[place];
    const edge = (column && answer[place - 1] !== id) || (place >= width && answer[place - width] !== id);
    if (edge) colour = colour.map((value) => 0.35 * value + 0.65 * 255);
    [pixels[here], pixels[here + 1], pixels[here + 2]] = colour;
    pixels[here + 3] = 255;
  }
  context.putImageData(layer, 0, 0);
};
const drawMembers = ({ image, answer, members: [agree, ...masks], table }) => {
  const pick = Number(slider.value);
  const [height, width] = shown.data.ensemble.size;
  drawAgreement({ image, answer, agree, voices: voicesAt(pick) });
  const layer = make("canvas", { width, height });
  shown.members.canvases.forEach((canvas, place) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (image !== null) context.drawImage(image, 0, 0, width, height);
    if (masks[place] === null) return;
    layer.getContext("2d").putImageData(tint(masks[place], height, width, table), 0, 0);
    context.drawImage(layer, 0, 0);
  });
};

// --- Words beside the pictures of one frame. ---
const leaderOf = (band, position) => {
  const run = band.runs.find(([first, end]) => first <= position && position < end);
  return run ? run[2] : null;
};
const tagsOf = (place, pick) => {
  const { ensemble, objects, picks } = shown.data;
  const position = picks[pick];
  const leads = ensemble.bands.filter((band) => leaderOf(band, position) === place);
  const lost = objects.filter((_, row) => {
    const iou = ensemble.members[place].iou[row][position];
    return iou !== null && iou < ensemble.overruled;
  });
  const tags = [];
  if (leads.length) {
    const which = leads.map((band) => band.object).filter((object) => object !== null);
    const word = ensemble.followed ? "followed" : "nearest";
    tags.push(["followed", which.length ? `${word} on ${which.join(", ")}` : word]);
  }
  if (ensemble.members[place].masks[pick] === null) return [...tags, ["silent", "silent"]];
  if (lost.length) {
    tags.push(["overruled", `overruled on ${lost.map((object) => object.id).join(", ")}`]);
  }
  for (const [who, one, other, first, end] of ensemble.exchanged) {
    if (who === place && first <= position && position < end) {
      tags.push(["exchanged", `${one} and ${other} exchanged, put right`]);
    }
  }
  return tags;
};
const meanIou = (place, position) => mean(
  visibleRows().map((row) => shown.data.ensemble.members[place].iou[row][position]),
);
const describeMembers = (pick) => {
  const { ensemble, picks } = shown.data;
  const position = picks[pick];
  ensemble.members.forEach((member, place) => {
    const { figure, iou, tags } = shown.members.figures[place];
    const found = tagsOf(place, pick);
    iou.textContent = `IoU ${fixed(meanIou(place, position))}`;
    tags.replaceChildren(...found.map(
      ([className, textContent]) => make("span", { className: `tag ${className}`, textContent }),
    ));
    for (const name of ["followed", "silent"]) {
      figure.classList.toggle(name, found.some(([kind]) => kind === name));
    }
  });
  const share = ensemble.contested[position];
  shown.members.caption.textContent = share === null
    ? "agreement · nothing to compare" : `agreement · contested ${(share / 1000).toFixed(2)} %`;
  const voices = voicesAt(pick);
  const steps = Array.from({ length: voices }, (_, agree) => agree).reverse();
  shown.members.scale.replaceChildren("agree: ", ...[voices, ...steps].map((agree) => {
    const key = make("i", { className: "key" });
    if (agree < voices) key.style.background = `rgb(${disputed(1 - agree / voices)})`;
    return make("span", {}, key, agree === voices ? `all ${voices}` : String(agree));
  }));
  shown.members.bands.forEach((label, place) => {
    const leader = leaderOf(ensemble.bands[place], position);
    label.textContent = leader === null ? "–" : ensemble.members[leader].name;
  });
};

// --- Timelines: agreement of each member, whom the answer follows, how much is contested. ---
const memberLines = () => {
  const { ensemble, count } = shown.data;
  const rows = visibleRows();
  ensemble.members.forEach((member, place) => {
    const values = Array.from({ length: count }, (_, position) => mean(
      rows.map((row) => member.iou[row][position]),
    ));
    shown.members.lines[place].setAttribute("d", trace(values, 1000));
    shown.members.means[place].textContent = `${member.name} ${fixed(mean(values))}`;
  });
};
const plot = (height, attributes = {}) => svg("svg", {
  viewBox: `0 0 ${shown.data.count} 100`, preserveAspectRatio: "none",
  style: `height:${height}px`, ...attributes,
});
const titled = (element, text) => {
  element.append(svg("title", {}));
  element.firstChild.textContent = text;
  return element;
};
const agreementPlot = () => {
  const { ensemble, count } = shown.data;
  const drawing = plot(130, { "data-curve": "agreement" });
  const level = 100 - (98 * ensemble.overruled) / 1000;
  drawing.append(svg("line", { class: "level", x1: 0, x2: count, y1: level, y2: level }));
  shown.members.lines = ensemble.members.map((member, place) => titled(
    svg("path", { class: `line ${memberClass(place)}${place > 7 ? " second" : ""}` }), member.name,
  ));
  drawing.append(...shown.members.lines);
  clickable(drawing);
  return drawing;
};
const bandPlot = (band) => {
  const { ensemble, names, picks } = shown.data;
  const drawing = plot(16, { class: "band" });
  for (const [first, end, place] of band.runs) {
    drawing.append(titled(svg("rect", {
      class: memberClass(place), x: first, width: end - first, y: 0, height: 100,
    }), `${ensemble.members[place].name}, frames ${first + 1} to ${end}`));
  }
  clickable(drawing);
  return drawing;
};
const contestedPlot = (most) => {
  const drawing = plot(44, { "data-curve": "contested" });
  const { contested } = shown.data.ensemble;
  const steps = contested.map((share, x) => (share === null ? "" : `M${x} 100V${100 - (98 * share) / most}h1V100z`));
  drawing.append(svg("path", { class: "area", d: steps.join("") }));
  clickable(drawing);
  return drawing;
};
const label = (...children) => make("div", { className: "label" }, ...children);
const following = () => {
  const { ensemble, objects } = shown.data;
  const word = ensemble.followed ? "followed" : "nearest";
  const most = Math.max(1, ...ensemble.contested.map((share) => share ?? 0));
  shown.members.means = ensemble.members.map(() => make("span"));
  const legend = make("div", { className: "legend" }, ...shown.members.means.map(
    (text, place) => make("span", { className: memberClass(place) }, make("i", { className: "key" }), text),
  ));
  shown.members.bands = ensemble.bands.map(() => make("b"));
  const bands = ensemble.bands.flatMap((band, place) => {
    const object = objects.find(({ id }) => id === band.object);
    const key = make("i", { className: "key" });
    if (object) key.style.background = object.colour;
    const what = band.object === null ? [`${word}: `] : [key, `${band.object}, ${word}: `];
    return [label(...what, shown.members.bands[place]), bandPlot(band)];
  });
  byId("following").replaceChildren(
    legend, label("IoU with the answer, 0 to 1"), agreementPlot(), ...bands,
    label(`contested, 0 to ${(most / 1000).toPrecision(2)} %`), contestedPlot(most),
  );
};

// --- What is said of the whole video. ---
const scoreTable = ({ words, rows }) => {
  const { objects } = shown.data;
  byId("scores").querySelector("p").textContent = words;
  const heads = ["", "J&F", "J", "F", ...objects.map(({ id }) => String(id))];
  const best = heads.map((_, column) => Math.max(
    ...rows.slice(1).map((row) => parseFloat(row[column])).filter((value) => !Number.isNaN(value)),
  ));
  const head = make("tr", {}, ...heads.map((text, column) => {
    const cell = make("th", { className: column ? "n" : "" }, text);
    if (column > 3) {
      const key = make("i", { className: "key" });
      key.style.background = objects[column - 4].colour;
      cell.prepend(key);
    }
    return cell;
  }));
  const body = rows.map((row, place) => make("tr", { className: place ? "" : "answer" }, ...row.map(
    (text, column) => make(column ? "td" : "th", {
      className: `${column ? "n" : ""}${place && column && parseFloat(text) === best[column] ? " best" : ""}`,
    }, text),
  )));
  byId("scores").querySelector("table").replaceChildren(
    make("thead", {}, head), make("tbody", {}, ...body),
  );
};
const tell = () => {
  const { ensemble, objects } = shown.data;
  byId("told").querySelector("h3").textContent = ensemble.method;
  byId("choices").replaceChildren(...ensemble.choices.map(({ object, what, member, reason }) => {
    const key = make("i", { className: "key" });
    const place = ensemble.members.findIndex(({ name }) => name === member);
    const own = make("i", { className: "key" });
    if (object !== null) {
      key.style.background = objects.find(({ id }) => id === object)?.colour;
    }
    return make(
      "tr", {}, make("td", {}, ...(object === null ? [] : [key]), what),
      make("td", { className: memberClass(place) }, own, make("b", { textContent: member })),
      make("td", { textContent: reason }),
    );
  }));
  byId("words").replaceChildren(...ensemble.words.map((line) => make("li", { textContent: line })));
  byId("regions").hidden = !ensemble.regions.length;
  byId("regions").querySelector("ol").replaceChildren(...ensemble.regions.map(({ frame, words }) => {
    const button = make("button", { textContent: "show" });
    button.addEventListener("click", () => goTo(frame));
    return make("li", {}, `${words} `, button);
  }));
  byId("scores").hidden = !ensemble.scores;
  if (ensemble.scores) scoreTable(ensemble.scores);
};
const memberFigure = (member, place, canvas) => {
  const iou = make("span", { className: "n" });
  const tags = make("div", { className: "tags" });
  const caption = make(
    "figcaption", {}, make("i", { className: "key" }), make("b", { textContent: member.name }), iou,
  );
  const figure = make("figure", { className: memberClass(place) }, caption, canvas, tags);
  return { figure, iou, tags };
};
const openMembers = () => {
  const { ensemble, size } = shown.data;
  const [height, width] = ensemble.size;
  const canvases = ensemble.members.map(() => make("canvas", { width, height }));
  const agreement = make("canvas", { width: size[1], height: size[0] });
  const [caption, scale] = [make("figcaption"), make("div", { className: "scale" })];
  shown.members = {
    canvases, agreement, caption, scale,
    figures: ensemble.members.map((member, place) => memberFigure(member, place, canvases[place])),
  };
  byId("panels").append(make("figure", { id: "agreement" }, caption, agreement, scale));
  byId("strip").style.setProperty("--count", ensemble.members.length);
  byId("strip").replaceChildren(...shown.members.figures.map(({ figure }) => figure));
  byId("ensemble").hidden = false;
  following();
  memberLines();
  tell();
};
const closeMembers = () => {
  byId("strip").replaceChildren();
  byId("following").replaceChildren();
  byId("ensemble").hidden = true;
};
