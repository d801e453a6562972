// The table of all rows.

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
  const energies = ENERGIES.filter(([name]) => varies(name)).map(([name, what]) => number(`${what} energy`, "mJ", name, (value) => significant(value, 3), { title: ENERGY_NOTE }));
  const columns = [
    number("#", "", "rank", (value) => `${value ?? ""}`, { title: "rank by latency within its environment and batch size; ★ on the frontier",
      cell: (row) => `${onFrontier(row) ? "★ " : ""}${row.rank ?? ""}` }),
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
    ...(OTHER_DATA ? [{ label: "trained on", unit: `if not ${USUAL_DATA} alone`,
      value: (row) => (row.other_data ? row.training_data : null), cell: (row) => (row.other_data ? row.training_data : "") }] : []),
    number("params", "M", "parameters", (value) => scaled(value, 1e6)),
    number("MACs", "G", "macs", (value) => scaled(value, 1e9)),
    ...energies,
    { label: "trials", title: "≡: those of another model with the same artifact, which measured_as names", numeric: true, value: (row) => row.trials_count, cell: (row) => (row.status === "ok" ? trialsText(row) : "") },
    ...varying([["backend", "backend"], [DATA.telling.includes("exporter") ? "exporter" : "exporter_name", "exporter"]]),
    ...DATA.telling.filter((name) => name !== "exporter").map(tellingColumn),
    ...(OK_ROWS.length < ROWS.length ? [{ label: "status", value: (row) => row.status, cell: (row) => row.status.replaceAll("_", " ") }] : []),
  ];
  const table = dataTable({
    id: "results", caption: SEVERAL_ENVIRONMENTS ? "All rows; each environment and precision is kept together" : "All rows", columns, rows: ROWS, sorted: "latency",
    together: (row) => row.group ?? DATA.groups.length, rowClass: (row) => (onFrontier(row) ? "frontier" : null),
  });
  onFilter((rows) => table.show(rows));
  return table.element;
}
