// Points on two axes: intervals, a line, labels if there is room, hover, touch and arrow keys.

const FONT_PX = 11;
const measuring = document.createElement("canvas").getContext("2d");
const textWidth = (text) => {
  measuring.font = `${FONT_PX}px system-ui, sans-serif`;
  return measuring.measureText(text).width;
};

const AXIS_FONT_PX = 11.5;
const tickText = (value) => `${value}`.replace("-", "−");
const fittedSize = (text, room) => `${Math.min(AXIS_FONT_PX, (FONT_PX * room) / textWidth(text)).toFixed(2)}px`;

const DIRECTIONS = [135, 150, 120, 165, 105, 178, 92, 75, -45, -30, -60, 45, 15, -10, -85, 200, 225];
const DISTANCES = [7, 12, 18, 26, 36, 50, 68];

// Greedy: each label takes the first free place of a fixed fan of directions; [] of {text, x, y, anchor, px, py, far}.
function placeLabels(labels, taken, segments, [left, top, right, bottom]) {
  const boxes = taken.map(([x, y, r]) => [x - r, y - r, x + r, y + r]);
  const overlaps = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
  // The frontier's steps are vertical or horizontal, so a segment is a thin box.
  const lines = segments.map(([[x1, y1], [x2, y2]]) => [Math.min(x1, x2) - 1, Math.min(y1, y2) - 1, Math.max(x1, x2) + 1, Math.max(y1, y2) + 1]);
  const [placed, texts, leaders] = [[], [], []];
  for (const { text, x: px, y: py } of labels) {
    const width = textWidth(text);
    place: for (const distance of DISTANCES) {
      for (const degrees of DIRECTIONS) {
        const x = px + distance * Math.cos((degrees * Math.PI) / 180);
        const y = py - distance * Math.sin((degrees * Math.PI) / 180);
        const start = x >= px ? x : x - width;
        const box = [start - 2, y - FONT_PX * 0.62 - 1, start + width + 2, y + FONT_PX * 0.5 + 1];
        if (box[0] < left || box[1] < top || box[2] > right || box[3] > bottom) continue;
        if (boxes.some((other) => overlaps(box, other)) || lines.some((line) => overlaps(box, line))) continue;
        const near = x >= px ? start - 1 : start + width + 1;
        const far = distance > DISTANCES[0];
        // A thin line leads from a more distant label to its point; it must not cross other labels.
        const leader = far ? [0, 0.15, 0.3, 0.45, 0.6, 0.75].map((share) => [near + share * (px - near), y + share * (py - y)]) : [];
        const inside = ([a, b], other) => a > other[0] && a < other[2] && b > other[1] && b < other[3];
        if (leader.some((spot) => texts.some((other) => inside(spot, other))) || leaders.some((spot) => inside(spot, box))) continue;
        boxes.push(box);
        texts.push(box);
        leaders.push(...leader);
        placed.push({ text, x: start, y: y + FONT_PX * 0.34, px, py, near, middle: y, far });
        break place;
      }
    }
  }
  return placed;
}

const charts = [];

// Rings around a model in every chart, to find it on another device.
function ringModel(model) {
  for (const chart of charts) chart.ring(model);
}

// points: {x, y, xLow, xHigh, yLow, yHigh, colour, marker, strong, pale, hollow, tick (no y: stands on the axis), label, first (its label before others'), row};
// line: returns corners in data units; yAlso: values that the vertical axis must reach, as for pictures side by side that share it.
function scatter({ id, name, xLabel, yLabel, xLog, yLog = false, points, line = () => [], zeroLine = false, yAlso = [], tips = tooltipFacts }) {
  const root = svg("svg", { id, role: "group", tabindex: "0", "aria-label":
    `${name}. ${plural(points.length, "point")}. Left and right arrow keys move through them, Enter shows all facts; the table has the same figures.` });
  const byX = [...points].sort((a, b) => a.x - b.x);
  let kept = null;
  let at = null;
  let marks = [];
  let rings = null;
  let drawnWidth = 0;

  function draw(width) {
    drawnWidth = width;
    const height = Math.round(Math.min(Math.max(width * 0.7, 300), 470));
    const frame = [48, 10, width - 12, height - 44];
    const x = scale(points.flatMap((p) => [p.x, p.xLow ?? p.x, p.xHigh ?? p.x]), [frame[0], frame[2]], { log: xLog, ticks: width < 480 ? 5 : 9 });
    const heights = points.filter((p) => !p.tick).flatMap((p) => [p.y, p.yLow ?? p.y, p.yHigh ?? p.y]);
    const y = scale([...heights, ...yAlso, ...(zeroLine ? [0] : [])], [frame[3], frame[1]], { log: yLog, ticks: 6, margin: 0.08 });
    const corners = line().map(([a, b]) => [x(a), y(b)]);
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    rings = svg("g");
    marks = byX.map((p) => {
      p.px = x(p.x);
      p.py = p.tick ? frame[3] - TICK_PX / 2 : y(p.y);
      return { node: markNode(p, x, y), point: p };
    });
    const order = [...marks].sort((a, b) => a.point.strong - b.point.strong);
    const labels = placeLabels(
      byX.filter((p) => p.label).sort((a, b) => Boolean(b.first) - Boolean(a.first)).map((p) => ({ text: p.label, x: p.px, y: p.py })),
      points.map((p) => [p.px, p.py, p.strong ? 7 : 5]),
      corners.slice(1).map((corner, i) => [corners[i], corner]),
      frame,
    );
    root.replaceChildren(
      ...axes(x, y, frame, height),
      ...(zeroLine ? [svg("line", { class: "zero", x1: frame[0], x2: frame[2], y1: y(0), y2: y(0) })] : []),
      ...(corners.length > 1 ? [svg("polyline", { class: "line", points: corners.map((c) => c.join(",")).join(" ") })] : []),
      ...order.map((m) => m.node), rings,
      ...labels.flatMap((l) => [
        l.far ? svg("line", { class: "leader", x1: l.near, y1: l.middle, x2: l.px, y2: l.py }) : null,
        svg("text", { class: "label", x: l.x, y: l.y }, l.text)].filter((n) => n)),
    );
    applyFilter();
  }

  function axes(x, y, [left, top, right, bottom], height) {
    return [
      ...x.ticks.flatMap((tick) => [
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: top, y2: bottom }),
        svg("text", { class: "tick", x: x(tick), y: bottom + 16, "text-anchor": "middle" }, tickText(tick))]),
      ...y.ticks.flatMap((tick) => [
        svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick))]),
      svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
      svg("line", { class: "axis", x1: left, x2: left, y1: top, y2: bottom }),
      svg("text", { x: (left + right) / 2, y: height - 8, "text-anchor": "middle", "--size": fittedSize(xLabel, right - left + 40) }, xLabel),
      svg("text", { x: 12, y: (top + bottom) / 2, "text-anchor": "middle", "--size": fittedSize(yLabel, bottom - top + 8),
        transform: `rotate(-90 12 ${(top + bottom) / 2})` }, yLabel),
    ];
  }

  const applyFilter = () => marks.forEach(({ node, point }) => node.classList.toggle("out", kept !== null && !kept.has(point.row)));
  const shown = () => byX.filter((p) => kept === null || kept.has(p.row));

  function toClient(point) {
    const box = root.getBoundingClientRect();
    const zoom = box.width / root.viewBox.baseVal.width;
    return [box.left + point.px * zoom, box.top + point.py * zoom];
  }

  function nearest(event) {
    const reach = event.pointerType === "touch" ? 30 : 18;
    let best = null;
    for (const point of shown()) {
      const [x, y] = toClient(point);
      const distance = Math.hypot(event.clientX - x, event.clientY - y) - (point.strong ? 2 : 0);
      if (distance < reach && (best === null || distance < best.distance)) best = { point, distance };
    }
    return best?.point ?? null;
  }

  function look(point) {
    if (point === at && (point === null || !tooltip.hidden)) return;
    at = point;
    if (point === null) return leave();
    ringModel(point.row.model);
    showTooltip(point.row, ...toClient(point), tips(point.row));
  }

  function leave() {
    at = null;
    hideTooltip();
    ringModel(null);
  }

  let touched = null;
  root.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") look(nearest(event)); });
  root.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") leave(); });
  root.addEventListener("click", (event) => {
    const point = nearest(event);
    // A touch screen has no hover: the first touch shows the small box, the second all facts.
    const again = event.pointerType !== "touch" || (point !== null && point === touched);
    touched = point;
    if (point !== null && again) showFacts(point.row);
    else look(point);
  });
  root.addEventListener("blur", leave);
  root.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const among = shown();
    if (event.key in steps && among.length) {
      event.preventDefault();
      const from = among.indexOf(at);
      look(among[from < 0 ? 0 : (from + steps[event.key] + among.length) % among.length]);
    } else if (event.key === "Enter" && at) {
      // Otherwise the same key would press the dialog's button at once.
      event.preventDefault();
      showFacts(at.row);
    }
    if (event.key === "Escape") leave();
  });

  charts.push({ ring(model) {
    const found = model === null ? [] : shown().filter((p) => p.row.model === model);
    rings?.replaceChildren(...found.map((p) => svg("circle", { class: "ring", cx: p.px, cy: p.py, r: 9 })));
  } });
  atWidth(root, draw);
  return { element: root, keep(rows) { kept = rows; applyFilter(); }, redraw() { if (drawnWidth) draw(drawnWidth); } };
}

// Draws at the width that the element has, again when it changes: text keeps its size on a phone.
function atWidth(root, draw) {
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width > 0 && width !== last) {
      last = width;
      draw(width);
    }
  }).observe(root);
}

window.addEventListener("scroll", hideTooltip, { passive: true, capture: true });
