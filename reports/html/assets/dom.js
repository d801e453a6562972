// Elements and numbers. Every text is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

const missing = (value) => value === null || value === undefined || value === "";

// A number with this many significant digits and no exponent.
function significant(value, digits = 4) {
  if (missing(value)) return "";
  if (value === 0) return "0";
  return value.toFixed(Math.min(Math.max(digits - 1 - Math.floor(Math.log10(Math.abs(value))), 0), 20));
}

const interval = (low, high) => (missing(low) || missing(high) ? "–" : `${significant(low)} to ${significant(high)}`);
const scaled = (value, unit) => (missing(value) ? "" : significant(value / unit, 3));
const fixed = (value, places) => (missing(value) ? "" : value.toFixed(places));
const small = (value) => (missing(value) ? "" : value === 0 ? "0" : value.toExponential(1));
const signed = (value, places = 2) => (missing(value) ? "" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(places)}`);
const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const distinct = (values) => [...new Set(values.filter((value) => !missing(value)))];
const facts = (pairs) =>
  el("dl", { class: "facts" }, pairs.filter(([, value]) => !missing(value)).map(([name, value]) => [el("dt", null, name), el("dd", null, value)]));
