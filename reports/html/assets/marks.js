// How a point is drawn: the marker of its source, strong or weak; of a frontier's picture pale where dominated, and hollow
// if the network learned from other data; or, without an accuracy, a tick at the foot of the picture.

const TICK_PX = 10;

function markerPath(marker, r) {
  const [t, d] = [r * 1.2, r * 1.3];
  const a = r * 0.42;
  const plus = [[-a, -d], [a, -d], [a, -a], [d, -a], [d, a], [a, a], [a, d], [-a, d], [-a, a], [-d, a], [-d, -a], [-a, -a]];
  const turned = plus.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]);
  const corners = {
    s: [[-r, -r], [r, -r], [r, r], [-r, r]], "^": [[0, -t], [t, r], [-t, r]], v: [[0, t], [t, -r], [-t, -r]],
    "<": [[-t, 0], [r, -t], [r, t]], ">": [[t, 0], [-r, -t], [-r, t]], D: [[0, -d], [d, 0], [0, d], [-d, 0]], P: plus, X: turned,
  }[marker];
  if (!corners) return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  return `M${corners.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}Z`;
}

const markClass = (point) => `mark ${point.strong ? "strong" : point.pale ? "pale" : "weak"}${point.hollow ? " hollow" : ""}`;

const key = ({ colour, marker }, kind = { strong: true }) => svg("svg", { class: "key", viewBox: "-8 -8 16 16", "aria-hidden": "true" },
  kind.tick ? svg("line", { class: "tick-mark", "--colour": colour, x1: 0, x2: 0, y1: -TICK_PX / 2, y2: TICK_PX / 2 })
    : svg("path", { class: markClass(kind), "--colour": colour, d: markerPath(marker, 5) }));

// The group of a point whose place in pixels is (px, py); x and y are the scales.
function markNode(point, x, y) {
  if (point.tick) {
    return svg("g", { "data-model": point.row.model },
      svg("line", { class: "tick-mark", "--colour": point.colour, x1: point.px, x2: point.px, y1: point.py - TICK_PX / 2, y2: point.py + TICK_PX / 2 }));
  }
  const whiskers = [];
  if (!missing(point.xLow)) whiskers.push({ x1: x(point.xLow), x2: x(point.xHigh), y1: point.py, y2: point.py });
  if (!missing(point.yLow)) whiskers.push({ x1: point.px, x2: point.px, y1: y(point.yLow), y2: y(point.yHigh) });
  return svg("g", { "data-model": point.row.model },
    whiskers.map((ends) => svg("line", { class: "whisker", "--colour": point.colour, ...ends })),
    svg("path", { class: markClass(point), "--colour": point.colour,
      d: markerPath(point.marker, point.strong ? 5 : 4), transform: `translate(${point.px.toFixed(2)} ${point.py.toFixed(2)})` }));
}
