// The filter above table and pictures: all of them show the rows that pass it.

const FILTERED = [
  ["environment_id", "environment", environmentName],
  ["source", "source"],
  ["precision", "precision"],
  ["backend", "backend"],
  ["exporter_name", "exporter"],
  ["training_data", "trained on"],
  ["status", "status", (status) => status.replaceAll("_", " ")],
];
// Omitted if there is nothing to choose.
const OPTIONAL = new Set(["environment_id", "exporter_name", "training_data"]);

const watchers = [];
const onFilter = (watcher) => watchers.push(watcher);
const choices = new Map();
let search = null;
let frontierOnly = null;
let among = null;
let count = null;

function select(column, label, text = (value) => value) {
  const values = distinct(ROWS.map((row) => row[column])).sort((a, b) => text(a).localeCompare(text(b), "en", { numeric: true }));
  if (OPTIONAL.has(column) && values.length < 2) return null;
  const element = el("select", { id: `filter-${label.replace(" ", "-")}`, onchange: applyFilters },
    el("option", { value: "" }, "all"), values.map((value) => el("option", { value }, text(value))));
  choices.set(column, element);
  return el("label", null, label, element);
}

function passes(row) {
  const words = search.value.toLowerCase().split(/\s+/).filter((word) => word);
  return words.every((word) => row.model.toLowerCase().includes(word))
    && (!frontierOnly.checked || onFrontier(row))
    && [...choices].every(([column, element]) => element.value === "" || row[column] === element.value);
}

function applyFilters() {
  if (among) chooseTraining(among.value);
  const rows = ROWS.filter(passes);
  count.textContent = `${rows.length} of ${plural(ROWS.length, "row")} shown`;
  for (const watcher of watchers) watcher(rows);
}

function chooseSource(name) {
  const element = choices.get("source");
  element.value = element.value === name ? "" : name;
  applyFilters();
}

function filterForm() {
  search = el("input", { id: "filter-text", type: "search", placeholder: "part of a name", autocomplete: "off", oninput: applyFilters });
  frontierOnly = el("input", { id: "filter-frontier", type: "checkbox", onchange: applyFilters });
  among = trainingSelect(applyFilters);
  count = el("p", { id: "filter-count", class: "muted", role: "status" });
  const form = el("form", { class: "filter", role: "search", "aria-label": "Filter rows", onsubmit: (event) => event.preventDefault() },
    el("label", { class: "search" }, "model", search),
    FILTERED.map(([column, label, text]) => select(column, label, text)),
    among ? el("label", { class: "wide" }, "frontier among networks", among) : null,
    el("label", { class: "check" }, frontierOnly, "frontier only"),
    el("button", { type: "reset" }, "Reset"));
  // The fields have their initial values only after the event.
  form.addEventListener("reset", () => setTimeout(applyFilters));
  return [form, count];
}
