// What the page shows, read from its own JSON.

const DATA = JSON.parse(document.getElementById("data").textContent);

const ROWS = DATA.rows.values.map((values, index) => {
  const row = { index };
  DATA.rows.names.forEach((name, position) => { row[name] = values[position]; });
  return row;
});
const OK_ROWS = ROWS.filter((row) => row.status === "ok");

const SOURCES = new Map(DATA.sources.map((source) => [source.name, source]));
const ENVIRONMENTS = new Map(
  DATA.environments.map((environment, position) => [environment.id, { ...environment, letter: String.fromCharCode(65 + (position % 26)) + (position < 26 ? "" : Math.floor(position / 26)) }]),
);
const SEVERAL_ENVIRONMENTS = ENVIRONMENTS.size > 1;
const environmentName = (id) => {
  const environment = ENVIRONMENTS.get(id);
  return SEVERAL_ENVIRONMENTS ? `${environment.letter}: ${environment.device}` : environment.device;
};
const badge = (id) => el("span", { class: "badge", title: environmentName(id) }, ENVIRONMENTS.get(id).letter);
const short = (model) => DATA.short[model] ?? model;
// Whether a column differs between rows.
const varies = (name, rows = ROWS) => distinct(rows.map((row) => row[name])).length > 1;

function accuracyText(row) {
  if (!row.accuracy_kind) return "";
  const dagger = row.weights === "probe" ? "†" : "";
  return `${row.accuracy_percent.toFixed(2)} ${row.accuracy_kind[0]}${dagger}`;
}

function classesNote(row) {
  const usual = DATA.groups[row.group]?.classes;
  return row.accuracy_kind && row.classes !== usual ? `${row.classes ?? "unknown"} classes: not ranked` : "";
}
