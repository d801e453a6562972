// Latency against accuracy, one picture for each environment and batch size.

const LEAST_TRIALS = 3; // Student's interval of two trials would hide everything else.
const OWN_SOURCES = new Set(["own", "onnx"]);

function frontierPoint(row) {
  const source = SOURCES.get(row.source);
  const telling = row.trials_count >= LEAST_TRIALS;
  return {
    row, x: row.latency_median_ms, y: row.accuracy_percent, pale: true, hollow: isHollow(row), colour: source.colour, marker: source.marker,
    xLow: telling ? row.latency_low_ms : null, xHigh: telling ? row.latency_high_ms : null,
    yLow: row.accuracy_measured_top1_low_percent, yHigh: row.accuracy_measured_top1_high_percent,
    first: OWN_SOURCES.has(row.source),
  };
}

// Only the latency is known.
const tickPoint = (row) => ({ row, x: row.latency_median_ms, tick: true, colour: SOURCES.get(row.source).colour, first: OWN_SOURCES.has(row.source) });

// What depends on the choice of training data.
function markFrontier(point) {
  point.strong = onFrontier(point.row);
  point.label = point.strong || point.first ? point.row.label : "";
}

// The best accuracy available within a latency.
function steps(points) {
  const best = points.filter((p) => p.strong).sort((a, b) => a.x - b.x || a.y - b.y);
  return best.flatMap((p, i) => (i === 0 ? [[p.x, p.y]] : [[p.x, best[i - 1].y], [p.x, p.y]]));
}

function groupTitle(group) {
  const several = DATA.groups.filter((other) => other.environment_id === group.environment_id).length > 1;
  if (!several) return environmentName(group.environment_id);
  return [environmentName(group.environment_id), ...group.apart, `batch ${group.batch}`].join(", ");
}

function groupCaption(group, rows) {
  const dates = rows.map((row) => row.measured_at).filter((time) => time).sort();
  return [
    ...distinct(rows.map((row) => row.runtime)), ...distinct(rows.map((row) => row.precision_effective)), `batch ${group.batch}`,
    rows.some((row) => row.weights === "probe") ? "seeded weights" : "", dates.length ? dates.at(-1).slice(0, 10) : "",
    `environment ${group.environment_id}`,
  ].filter((text) => text).join(", ");
}

function drawnText(rows) {
  const networks = distinct(rows.map((row) => row.model)).length;
  return networks === rows.length ? plural(networks, "network") : `${plural(networks, "network")} in ${rows.length} rows`;
}

const cautionNotes = (group) => [
  ...group.cautions.map((text) => el("p", { class: "caution" }, el("b", null, "Warning: "), text.replaceAll("`", ""))),
  ...group.frontier_notes[training].map((text) => el("p", { class: "muted" }, text.replaceAll("`", ""))),
];

function panel(group, position) {
  const rows = OK_ROWS.filter((row) => row.group === position);
  const ranked = rows.filter((row) => row.comparable);
  const ticks = rows.filter((row) => missing(row.accuracy_percent));
  const points = [...ranked.map((row) => frontierPoint(row)), ...ticks.map((row) => tickPoint(row))];
  points.forEach(markFrontier);
  const notes = el("div", null, cautionNotes(group));
  const heading = el("figcaption", null,
    el("h3", null, groupTitle(group)),
    el("p", { class: "muted" }, `${drawnText(ranked.length ? ranked : rows)}: ${groupCaption(group, rows)}`));
  if (!ranked.length) return el("figure", null, heading, notes);
  const chart = scatter({
    id: `frontier-${position}`, name: `Latency against accuracy on ${groupTitle(group)}`, points, line: () => steps(points), xLog: true,
    xLabel: `${group.latency_axis} (log scale)`, yLabel: `${group.accuracy_axis}, %`,
    yAlso: OK_ROWS.filter((row) => row.comparable && row.classes === group.classes)
      .flatMap((row) => [row.accuracy_percent, row.accuracy_measured_top1_low_percent, row.accuracy_measured_top1_high_percent])
      .filter((value) => !missing(value)),
  });
  onFilter((kept) => chart.keep(new Set(kept)));
  onTraining(() => {
    points.forEach(markFrontier);
    chart.redraw();
    notes.replaceChildren(...cautionNotes(group).filter((note) => note));
  });
  return el("figure", null, heading, chart.element, notes);
}
