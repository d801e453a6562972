// One row in full: the small box at a point, and the dialog with every column.

const tooltip = document.getElementById("tooltip");
const dialog = document.getElementById("facts");

// Columns of energy, and what each is the energy of.
const ENERGIES = [["gpu_energy_mj", "GPU"], ["cpu_energy_mj", "CPU"], ["module_energy_mj", "module"]];
const ENERGY_NOTE = "of one inference; informative: idle power and what other programs use are part of it";

function tooltipFacts(row) {
  return [
    ["environment", environmentName(row.environment_id)],
    ["latency", `${significant(row.latency_median_ms)} ms`],
    ["95 % interval", missing(row.latency_low_ms) ? "none: single trial" : `${interval(row.latency_low_ms, row.latency_high_ms)} ms`],
    ["× reference", missing(row.ratio_to_reference) ? "" : significant(row.ratio_to_reference)],
    ["top-1", missing(row.accuracy_percent) ? "neither stated nor measured" : `${row.accuracy_percent.toFixed(2)} %, ${row.accuracy_kind}`],
    ["", classesNote(row)],
    ["trained on", trainedOn(row)],
    ["teacher", row.training_data ? row.accuracy_published_teacher : ""],
    ["parameters", missing(row.parameters) ? "" : `${scaled(row.parameters, 1e6)} M`],
    ["multiply-adds", missing(row.macs) ? "" : `${scaled(row.macs, 1e9)} G`],
    ["input", missing(row.resolution) ? "" : `${row.resolution} pixels, batch ${row.batch}`],
    ["inputs held", row.inputs],
    ["precision", row.precision_effective === row.precision ? row.precision : `${row.precision} requested, ${row.precision_effective} ran`],
    ["runtime", [row.runtime, row.provider].filter((text) => text).join(", ")],
    ["exporter", row.exporter],
    ["weights", { probe: "seeded, not released (†)", own: "the user's own" }[row.weights] ?? row.weights],
    ...ENERGIES.map(([name, what]) => [`${what} energy`, missing(row[name]) ? "" : `${significant(row[name], 3)} mJ per inference`]),
    ["memory", missing(row.memory_peak_mib) ? "" : `${significant(row.memory_peak_mib, 3)} MiB at most`],
    ["trials", `${row.trials_count}${row.trials_failed_count ? `, ${row.trials_failed_count} failed` : ""}`],
    ["measured as", row.measured_as],
    ["frontier", frontierText(row)],
    ["⚠", row.disturbed ? "disturbed by other programs or a slow machine" : ""],
  ].filter(([, value]) => !missing(value));
}

function showTooltip(row, x, y, pairs = tooltipFacts(row)) {
  tooltip.replaceChildren(
    el("b", null, row.model),
    el("dl", null, pairs.map(([name, value]) => [el("dt", null, name), el("dd", null, value)])),
  );
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const [width, height] = [document.documentElement.clientWidth, window.innerHeight];
  const left = x + 16 + box.width < width ? x + 16 : Math.max(x - 16 - box.width, 6);
  const below = y + 16 + box.height < height;
  const top = left < x && left + box.width > x ? (below ? y + 16 : y - 16 - box.height) : y - box.height / 2;
  tooltip.style.left = `${Math.min(left, width - box.width - 6)}px`;
  tooltip.style.top = `${Math.max(6, Math.min(top, height - box.height - 6))}px`;
}

const hideTooltip = () => { tooltip.hidden = true; };

function showFacts(row) {
  hideTooltip();
  const shown = DATA.columns.filter((column) => !missing(row[column.name]));
  dialog.replaceChildren(
    el("div", { class: "bar" },
      el("h2", { id: "facts-title" }, row.model),
      el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")),
    el("dl", null, shown.map((column) => [
      el("dt", null, column.name),
      el("dd", null, `${row[column.name]}${column.unit ? ` ${column.unit}` : ""}`, el("small", null, column.description.replaceAll("`", ""))),
    ])),
  );
  dialog.showModal();
  dialog.scrollTop = 0;
}

dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function modelCell(row) {
  const slash = row.model.indexOf("/") + 1;
  const source = SOURCES.get(row.source);
  return el("span", { class: "model" },
    source ? key(source) : null,
    el("button", { type: "button", class: "link", onclick: () => showFacts(row) },
      el("span", { class: "source" }, row.model.slice(0, slash)), el("wbr"), row.model.slice(slash)));
}
