// Accuracy, precisions, exporters, conversions, failures and environments.

const number = (label, unit, value, cell = (v) => `${v ?? ""}`, more = {}) => ({ label, unit, numeric: true, value, cell: (row) => cell(value(row)), ...more });
const text = (label, value, more = {}) => ({ label, value, cell: (row) => `${value(row) ?? ""}`, ...more });
const environmentColumns = () => (SEVERAL_ENVIRONMENTS ? [environmentColumn] : []);
const folded = (title, ...content) => el("details", null, el("summary", null, title), content);
const exporterLabel = (name) => name.replace("torch.onnx.export ", "");

function accuracySection() {
  const measured = ROWS.filter((row) => !missing(row.accuracy_measured_top1_percent));
  const reasons = reasonsTable();
  if (!measured.length) {
    const why = OK_ROWS.some((row) => row.weights === "probe") ? " It cannot be measured for seeded weights, which some networks have." : "";
    return [el("p", null, `No accuracy was measured with images in these runs, so there is nothing to compare with the published figures.${why}`), reasons];
  }
  const rows = measured.filter((row) => !missing(row.accuracy_published_top1_percent));
  const difference = (row) => (missing(row.accuracy_published_top1_percent) ? null : row.accuracy_measured_top1_percent - row.accuracy_published_top1_percent);
  const inside = (row) => row.accuracy_published_top1_percent >= row.accuracy_measured_top1_low_percent && row.accuracy_published_top1_percent <= row.accuracy_measured_top1_high_percent;
  const drawn = rows.filter((row) => row.comparable);
  const chart = scatter({
    id: "accuracy-chart", name: "Measured minus published top-1 accuracy", zeroLine: true, xLog: false,
    xLabel: "Published top-1 accuracy, %", yLabel: "Measured minus published, points",
    tips: (row) => [["published", `${fixed(row.accuracy_published_top1_percent, 2)} %`], ["measured", `${fixed(row.accuracy_measured_top1_percent, 2)} %`],
      ["difference", `${signed(difference(row))} points`], ["precision", row.precision], ["environment", environmentName(row.environment_id)]],
    points: drawn.map((row) => ({
      row, x: row.accuracy_published_top1_percent, y: difference(row), yLow: row.accuracy_measured_top1_low_percent - row.accuracy_published_top1_percent,
      yHigh: row.accuracy_measured_top1_high_percent - row.accuracy_published_top1_percent, colour: SOURCES.get(row.source).colour,
      marker: SOURCES.get(row.source).marker, strong: !inside(row), label: "",
    })),
  });
  onFilter((kept) => chart.keep(new Set(kept)));
  const percent = (value) => (missing(value) ? "" : fixed(value, 2));
  const table = dataTable({
    id: "accuracy", caption: "Published and measured accuracy, largest difference first", rows: [...measured].sort((a, b) => Math.abs(difference(b)) - Math.abs(difference(a))),
    columns: [
      { ...MODEL_COLUMN, cell: modelCell }, ...environmentColumns(), text("precision", (row) => row.precision),
      number("published", "%", (row) => row.accuracy_published_top1_percent, percent),
      number("measured", "%", (row) => row.accuracy_measured_top1_percent, percent),
      { label: "95 % interval", unit: "%", numeric: true, value: (row) => row.accuracy_measured_top1_low_percent,
        cell: (row) => `${fixed(row.accuracy_measured_top1_low_percent, 2)} to ${fixed(row.accuracy_measured_top1_high_percent, 2)}` },
      number("difference", "points", difference, (value) => (value === null ? "" : signed(value))),
      text("published figure", (row) => (difference(row) === null ? "" : inside(row) ? "inside" : "outside"), { title: "whether it is within the interval of the measured one" }),
      number("top-5", "%", (row) => row.accuracy_measured_top5_percent, percent),
      number("images", "", (row) => row.accuracy_images_count),
      number("unreadable", "", (row) => row.accuracy_unreadable_count),
      ...(measured.some((row) => row.accuracy_computed_in) ? [text("computed in", (row) => row.accuracy_computed_in, { class: "text" })] : []),
    ],
  });
  const told = rows.length ? `${rows.filter(inside).length} of ${plural(rows.length, "published figure")} are within the 95 % interval of the measured one; the others are filled.`
    : "None of the networks that were measured with images has a published accuracy.";
  return [el("p", null, told), drawn.length ? el("figure", { class: "narrow" }, chart.element) : null, table.element, reasons];
}

// Why requested accuracy was not measured.
function reasonsTable() {
  const reasons = new Map();
  for (const row of ROWS.filter((candidate) => candidate.accuracy_measured_reason)) {
    reasons.set(row.accuracy_measured_reason, [...(reasons.get(row.accuracy_measured_reason) ?? []), row]);
  }
  if (!reasons.size) return null;
  return dataTable({
    id: "accuracy-reasons", caption: "No accuracy measured", rows: [...reasons].map(([reason, members]) => ({ reason, members })),
    columns: [
      text("reason", (entry) => entry.reason, { class: "text" }), number("rows", "", (entry) => entry.members.length),
      text("models", (entry) => distinct(entry.members.map((row) => row.model)).join(", "), { class: "text" }),
    ],
  }).element;
}

const ROW_OF = new Map(OK_ROWS.map((row) => [`${row.environment_id}|${row.model}`, row]));
const effectModel = { ...MODEL_COLUMN, cell: (effect) => { const row = ROW_OF.get(`${effect.environment_id}|${effect.model}`); return row ? modelCell(row) : effect.model; } };

function effectsSection(varying, none) {
  const [found, summaries] = [DATA.effects[varying], DATA.summaries[varying]];
  if (!found.length) return [el("p", null, none)];
  const versions = (entry) => `${exporterLabel(entry.base)} → ${exporterLabel(entry.other)}`;
  const apart = (entry) => (entry.told_apart === null ? "no interval" : entry.told_apart ? "yes" : "no");
  const withAccuracy = found.some((effect) => effect.accuracy_change_percent !== null);
  return [
    el("p", { class: "muted" }, "Speed-up is the latency before the arrow divided by the latency after it: above 1 the second is faster. It uses the ratio to the reference network if both have one, which varies less on a shared machine. The error is the relative L2 error of the artifact’s logits against the native model’s."),
    dataTable({
      id: `${varying}-summary`, caption: "By source", rows: summaries, columns: [
        text("source", (s) => s.source, { heading: true }), ...environmentColumns(), text(varying.replace("int8_", ""), versions), number("models", "", (s) => s.count),
        number("mean speed-up", "×", (s) => s.mean_speedup, (v) => significant(v, 3), { title: "geometric mean" }),
        { label: "least to largest", unit: "×", numeric: true, value: (s) => s.largest_speedup, cell: (s) => `${significant(s.least_speedup, 3)} to ${significant(s.largest_speedup, 3)}` },
        number("largest error", "", (s) => s.largest_error, small),
      ],
    }).element,
    folded(`Every model (${plural(found.length, "pair")})`, dataTable({
      id: `${varying}-effects`, caption: "Model by model", rows: [...found].sort((a, b) => b.speedup - a.speedup), columns: [
        effectModel, ...environmentColumns(), text(varying.replace("int8_", ""), versions),
        number("before", "ms", (e) => e.base_ms, significant), number("after", "ms", (e) => e.other_ms, significant),
        number("speed-up", "×", (e) => e.speedup, (v) => significant(v, 3), { descending: true }),
        number("by ratio", "×", (e) => e.speedup_by_ratio, (v) => significant(v, 3), { descending: true, title: "by the ratio to the reference network" }),
        text("intervals apart", apart, { title: "whether the 95 % intervals of the two latencies do not overlap" }),
        number("error before", "", (e) => e.base_error, small), number("error after", "", (e) => e.other_error, small),
        ...(withAccuracy ? [number("top-1 change", "points", (e) => e.accuracy_change_percent, signed)] : []),
      ],
    }).element),
  ];
}

const counted = (operators) => Object.entries(operators).map(([name, count]) => `${name} ${count}`).join(", ");
const nodes = (conversion) => Object.values(conversion.operators).reduce((sum, count) => sum + count, 0) || null;
const median = (values) => { const s = [...values].sort((a, b) => a - b); return s.length ? (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2 : null; };

function exporterSummaries() {
  const families = new Map();
  for (const conversion of DATA.conversions) {
    const name = `${conversion.exporter}|${conversion.precision}`;
    families.set(name, [...(families.get(name) ?? []), conversion]);
  }
  return [...families.values()].map((members) => {
    const seconds = members.map((m) => m.seconds).filter((v) => !missing(v));
    return { exporter: members[0].exporter, precision: members[0].precision, count: members.length, nodes: median(members.map(nodes).filter((v) => v)),
      median_s: median(seconds), total_s: seconds.reduce((a, b) => a + b, 0), error: Math.max(...members.map((m) => m.error ?? 0)) };
  }).sort((a, b) => a.exporter.localeCompare(b.exporter) || a.precision.localeCompare(b.precision));
}

function operatorTables(varying) {
  const families = new Map();
  for (const total of DATA.operators[varying]) {
    const name = `${exporterLabel(total.base)} → ${exporterLabel(total.other)}`;
    families.set(name, [...(families.get(name) ?? []), total]);
  }
  const all = [...families].map(([name, totals]) => dataTable({
    caption: `${name}: operators whose number differs, summed over the models that both have`, rows: totals, columns: [
      text("operator", (t) => t.operator, { heading: true }), number("models that differ", "", (t) => t.models),
      number("nodes before", "", (t) => t.base_nodes), number("nodes after", "", (t) => t.other_nodes),
      number("difference", "", (t) => t.other_nodes - t.base_nodes, (v) => (v === 0 ? "0" : signed(v, 0))),
      text("what it did", (t) => (t.base_nodes === 0 ? "added" : t.other_nodes === 0 ? "dropped or merged" : t.other_nodes > t.base_nodes ? "more of them" : t.other_nodes < t.base_nodes ? "some dropped or merged" : "moved between models")),
    ],
  }).element);
  const found = DATA.differences[varying];
  if (!found.length) return [];
  return [el("h3", null, varying === "exporter" ? "What one exporter adds, drops or merges compared with the other" : "What a precision adds, drops or merges"), all,
    folded(`Model by model (${found.length})`, dataTable({
      caption: "Graphs of the same model", rows: found, columns: [
        MODEL_COLUMN, text(varying, (d) => `${exporterLabel(d.base)} → ${exporterLabel(d.other)}`),
        number("nodes before", "", (d) => d.base_nodes), number("nodes after", "", (d) => d.other_nodes),
        text("added", (d) => counted(d.more), { class: "text" }), text("dropped or merged", (d) => counted(d.fewer), { class: "text" }),
      ],
    }).element)];
}

function auditSection() {
  const found = DATA.conversions;
  if (!found.length) {
    const failed = ROWS.some((row) => row.source !== "onnx");
    return [el("p", null, failed ? "No artifact was made in these runs: see the failures." : "Nothing in these runs was converted: the networks came as ONNX files.")];
  }
  const known = found.filter((conversion) => nodes(conversion)).length;
  return [
    el("p", null, known ? `The provenance beside the artifacts lists the operators of ${known} of ${plural(found.length, "artifact")}.`
      : "There is no provenance beside the artifacts on the machine that made this report, so the operators are not known. Times and errors come from results.csv."),
    dataTable({
      id: "exporters", caption: "By exporter", rows: exporterSummaries(), columns: [
        text("exporter", (s) => s.exporter, { heading: true, class: "text" }), text("precision", (s) => s.precision), number("artifacts", "", (s) => s.count), number("nodes", "median", (s) => s.nodes, (v) => (v === null ? "" : `${Math.round(v)}`)),
        number("conversion", "s, median", (s) => s.median_s, (v) => significant(v, 3)), number("total", "s", (s) => s.total_s, (v) => significant(v, 3)),
        number("largest error", "", (s) => s.error, small, { title: "largest relative L2 error of the logits against the native model's" }),
      ],
    }).element,
    operatorTables("exporter"), operatorTables("precision"),
    folded(`Every artifact (${found.length})`, dataTable({
      id: "conversions", caption: "Artifacts", rows: found, columns: [
        MODEL_COLUMN, text("exporter", (c) => exporterLabel(c.exporter)), text("precision", (c) => c.precision),
        number("nodes", "", nodes), number("conversion", "s", (c) => c.seconds, (v) => significant(v, 3)),
        text("of which", (c) => Object.entries(c.phases_s).map(([name, s]) => `${name.replace(/_s$/, "")} ${significant(s, 2)} s`).join(", ")),
        number("error", "", (c) => c.error, small), number("size", "MiB", (c) => c.artifact_mib, (v) => significant(v, 3)),
        text("operators", (c) => counted(c.operators), { class: "text" }),
      ],
    }).element),
  ];
}

function reasonTable(caption, rows, column, id, more = []) {
  return rows.length ? dataTable({ id, caption, rows, columns: [
    { ...MODEL_COLUMN, cell: modelCell }, ...environmentColumns(), text("backend", (row) => row.backend), text("precision", (row) => row.precision),
    number("batch", "", (row) => row.batch), ...more, text("status", (row) => row.status.replaceAll("_", " ")), text(column, (row) => row[column], { class: "text" }),
  ] }).element : null;
}

function failuresSection() {
  const untimed = ROWS.filter((row) => row.status !== "ok");
  const isEvaluated = (row) => !missing(row.accuracy_measured_top1_percent);
  const top1 = number("top-1", "%", (row) => row.accuracy_measured_top1_percent, (value) => fixed(value, 2));
  const tables = [
    reasonTable("Evaluated with images, not timed", untimed.filter(isEvaluated), "reason", "evaluated", [top1]),
    reasonTable("Not measured", untimed.filter((row) => !isEvaluated(row)), "reason", "failures"),
    reasonTable("Measured, with failed trials", OK_ROWS.filter((row) => row.reason), "reason"),
    reasonTable("With warnings", ROWS.filter((row) => row.warnings), "warnings"),
    reasonTable("Measured on stated inputs", ROWS.filter((row) => row.inputs), "inputs"),
  ].filter((table) => table);
  return tables.length ? tables : [el("p", null, "Every planned row was measured, and no trial failed.")];
}

function environmentsSection() {
  return [
    DATA.notes.map((note) => el("p", { class: "caution" }, el("b", null, "Merged: "), note)),
    el("div", { class: "cards" }, [...ENVIRONMENTS.values()].map((environment) => el("article", { class: "card" },
      el("h3", null, environmentName(environment.id)),
      facts([
        ...Object.entries(environment.facts),
        ...environment.runs.map((run) => ["run", `${run.name}, started ${run.created_at.slice(0, 16).replace("T", " ")} UTC, ${plural(run.rows, "row")}`]),
      ]),
      Object.keys(environment.all_facts).length ? folded("All facts of the environment and the run", facts(Object.entries(environment.all_facts))) : null))),
  ];
}
