// Latency against accuracy, one picture for each environment and batch size, and the table of all rows.

const LEAST_TRIALS = 3; // Student's interval of two trials would hide everything else.
const OWN_SOURCES = new Set(["own", "onnx"]);

function frontierPoint(row) {
  const source = SOURCES.get(row.source);
  const telling = row.trials_count >= LEAST_TRIALS;
  return {
    row, x: row.latency_median_ms, y: row.accuracy_percent, strong: row.frontier, colour: source.colour, marker: source.marker,
    xLow: telling ? row.latency_low_ms : null, xHigh: telling ? row.latency_high_ms : null,
    yLow: row.accuracy_measured_top1_low_percent, yHigh: row.accuracy_measured_top1_high_percent,
    label: row.label, first: OWN_SOURCES.has(row.source),
  };
}

// The best accuracy available within a latency.
function steps(points) {
  const best = points.filter((p) => p.strong).sort((a, b) => a.x - b.x || a.y - b.y);
  return best.flatMap((p, i) => (i === 0 ? [[p.x, p.y]] : [[p.x, best[i - 1].y], [p.x, p.y]]));
}

function groupTitle(group) {
  const several = DATA.groups.filter((other) => other.environment_id === group.environment_id).length > 1;
  return several ? `${environmentName(group.environment_id)}, batch ${group.batch}` : environmentName(group.environment_id);
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
  group.accuracy_note ? el("p", { class: "muted" }, group.accuracy_note) : null,
];

function panel(group, position) {
  const rows = OK_ROWS.filter((row) => row.group === position);
  const ranked = rows.filter((row) => row.comparable);
  const points = ranked.map((row) => frontierPoint(row));
  const heading = el("figcaption", null,
    el("h3", null, groupTitle(group)),
    el("p", { class: "muted" }, `${drawnText(ranked.length ? ranked : rows)}: ${groupCaption(group, rows)}`));
  if (!points.length) return el("figure", null, heading, cautionNotes(group));
  const chart = scatter({
    id: `frontier-${position}`, name: `Latency against accuracy on ${groupTitle(group)}`, points, line: steps(points), xLog: true,
    xLabel: `${group.latency_axis} (log scale)`, yLabel: `${group.accuracy_axis}, %`,
    yAlso: OK_ROWS.filter((row) => row.comparable && row.classes === group.classes)
      .flatMap((row) => [row.accuracy_percent, row.accuracy_measured_top1_low_percent, row.accuracy_measured_top1_high_percent])
      .filter((value) => !missing(value)),
  });
  onFilter((kept) => chart.keep(new Set(kept)));
  return el("figure", null, heading, chart.element, cautionNotes(group));
}

function legend() {
  const buttons = DATA.sources.map((source) => el("li", null,
    el("button", { type: "button", "aria-pressed": "false", "data-source": source.name, onclick: () => chooseSource(source.name) }, key(source), source.name)));
  onFilter(() => buttons.forEach((item) => {
    const button = item.firstChild;
    button.setAttribute("aria-pressed", String(choices.get("source").value === button.dataset.source));
  }));
  const sample = { colour: "#777777", marker: "o" };
  const weak = key(sample);
  weak.firstChild.setAttribute("class", "mark weak");
  return el("ul", { class: "legend", "aria-label": "Sources; press one to see only that one" }, buttons,
    el("li", null, el("span", { class: "muted" }, key(sample), "on the frontier")),
    el("li", null, el("span", { class: "muted" }, weak, "dominated")));
}

const trialsText = (row) =>
  `${row.trials_count}${row.trials_failed_count ? ` (${row.trials_failed_count} failed)` : ""}${row.measured_as ? " ≡" : ""}${row.disturbed ? " ⚠" : ""}`;

// A column that distinguishes several rows of one model.
const tellingColumn = (name) => {
  const label = name.replace("_sha256", "");
  return { label, numeric: name === "opset", value: (row) => row[name], cell: (row) => `${row[name] ?? ""}`.slice(0, label === name ? undefined : 8) };
};

function mainTable() {
  const varying = (names) => names.filter(([name]) => varies(name))
    .map(([name, label]) => ({ label, numeric: name === "batch", value: (row) => row[name], cell: (row) => `${row[name] ?? ""}`.replaceAll("_", " ").replace("torch.onnx.export ", "") }));
  const number = (label, unit, name, text, more = {}) => ({ label, unit, numeric: true, value: (row) => row[name], cell: (row) => text(row[name]), ...more });
  const energy = varies("gpu_energy_mj") ? [number("energy", "mJ", "gpu_energy_mj", (value) => significant(value, 3))] : [];
  const columns = [
    number("#", "", "rank", (value) => `${value ?? ""}`, { title: "rank by latency within its environment and batch size; ★ on the frontier",
      cell: (row) => `${row.frontier ? "★ " : ""}${row.rank ?? ""}` }),
    { ...MODEL_COLUMN, cell: modelCell },
    ...(SEVERAL_ENVIRONMENTS ? [environmentColumn] : []),
    ...varying([["precision", "precision"], ["batch", "batch"]]),
    number("latency", "ms", "latency_median_ms", significant),
    { label: "95 % interval", unit: "ms", numeric: true, title: "sorts by its width relative to the latency",
      value: (row) => (missing(row.latency_low_ms) ? null : (row.latency_high_ms - row.latency_low_ms) / row.latency_median_ms),
      cell: (row) => (row.status === "ok" ? interval(row.latency_low_ms, row.latency_high_ms) : "") },
    number("× reference", "", "ratio_to_reference", significant),
    { label: "top-1", unit: "%", numeric: true, descending: true, value: (row) => row.accuracy_percent,
      cell: (row) => [accuracyText(row), classesNote(row) ? el("small", { class: "muted" }, classesNote(row)) : null] },
    number("params", "M", "parameters", (value) => scaled(value, 1e6)),
    number("MACs", "G", "macs", (value) => scaled(value, 1e9)),
    ...energy,
    { label: "trials", title: "≡: those of another model with the same artifact, which measured_as names", numeric: true, value: (row) => row.trials_count, cell: (row) => (row.status === "ok" ? trialsText(row) : "") },
    ...varying([["backend", "backend"], [DATA.telling.includes("exporter") ? "exporter" : "exporter_name", "exporter"]]),
    ...DATA.telling.filter((name) => name !== "exporter").map(tellingColumn),
    ...(OK_ROWS.length < ROWS.length ? [{ label: "status", value: (row) => row.status, cell: (row) => row.status.replaceAll("_", " ") }] : []),
  ];
  const table = dataTable({
    id: "results", caption: SEVERAL_ENVIRONMENTS ? "All rows; each environment is kept together" : "All rows", columns, rows: ROWS, sorted: "latency",
    together: (row) => row.group ?? DATA.groups.length, rowClass: (row) => (row.frontier ? "frontier" : null),
  });
  onFilter((rows) => table.show(rows));
  return table.element;
}
