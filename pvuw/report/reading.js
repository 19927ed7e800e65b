// What all scripts of the page share, and reading a video's block: it is text until it is opened.
const byId = (id) => document.getElementById(id);
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const tables = ["videos", "objects"].map((name) => byId(`${name}-table`)).filter(Boolean);
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
  const { pictures } = shown.data;
  if (pictures[pick] === null) return null; // the file was damaged
  const image = new Image();
  image.src = `data:image/webp;base64,${pictures[pick]}`;
  await image.decode();
  return image;
});
const mask = (side, pick) => once(shown.masks, `${side} ${pick}`, () => {
  const text = shown.data.sides[side].masks[pick];
  return text === null ? null : inflate(text);
});
