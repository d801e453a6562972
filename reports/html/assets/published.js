// Latencies that the releases state beside the measured ones, and whether networks searched for one device are on the frontier of another.

const MOST_LABELS = 10;
const LINE_PIECES = 30;

const configurationKey = (c) => JSON.stringify([c.environment_id, c.latency_kind, c.backend, c.graph, c.precision, c.batch]);
const measuredWith = (c) => (SEVERAL_ENVIRONMENTS ? configurationName(c) : `${c.backend} ${form(c)}, batch ${c.batch}`);
const moved = (place) => place.measured_rank - place.published_rank;
const isMoved = (place) => Math.abs(moved(place)) >= 1;

// The fastest row of each model, as the comparison has it.
const FASTEST = new Map();
for (const row of OK_ROWS) {
  const key = `${configurationKey(row)} ${row.model}`;
  if (!FASTEST.has(key) || row.latency_median_ms < FASTEST.get(key).latency_median_ms) FASTEST.set(key, row);
}

function mostMoved(entry) {
  const [first] = [...entry.places].sort((a, b) => Math.abs(moved(b)) - Math.abs(moved(a)));
  return missing(entry.kendall_tau) || !isMoved(first) ? "" : `${short(first.model)}: published ${first.published_rank}, measured ${first.measured_rank}`;
}

function orderTable(entries) {
  return dataTable({
    id: "published-orders", caption: "The order of the networks, there and here", rows: entries,
    columns: [
      text("release", (e) => e.source), text("published on", (e) => e.published_on, { heading: true, class: "text" }),
      number("networks", "", (e) => e.places.length), number("Kendall’s τ", "", (e) => e.kendall_tau, (v) => fixed(v, 2).replace("-", "−")),
      text("most out of place", mostMoved, { class: "text" }),
    ],
  }).element;
}

function placesTable(entries) {
  const rows = entries.flatMap((entry) => entry.places.map((place) => ({ ...place, published_on: entry.published_on })));
  return dataTable({
    id: "published-latencies", caption: "Every published figure of a measured network", rows,
    columns: [
      MODEL_COLUMN, text("published on", (p) => p.published_on, { class: "text" }),
      number("published", "ms", (p) => p.published_ms), number("rank", "published", (p) => p.published_rank),
      number("measured", "ms", (p) => p.measured_ms, significant), number("rank", "measured", (p) => p.measured_rank),
      number("change", "places", moved, (v) => (v === 0 ? "0" : signed(v, v % 1 ? 1 : 0))),
    ],
  }).element;
}

// Points above the line are slower here than the others of the table would have it.
function publishedPanel(entry) {
  const ratio = Math.exp(entry.places.reduce((sum, p) => sum + Math.log(p.measured_ms / p.published_ms), 0) / entry.places.length);
  const [low, high] = [Math.min, Math.max].map((choose) => choose(...entry.places.map((p) => p.published_ms)));
  // In short pieces, which labels can be placed beside.
  const corners = Array.from({ length: LINE_PIECES + 1 }, (_, i) => low * (high / low) ** (i / LINE_PIECES)).map((x) => [x, x * ratio]);
  const source = sourceOf(entry.places[0].model);
  const byRow = new Map(entry.places.map((p) => [FASTEST.get(`${configurationKey(entry.measured)} ${p.model}`), p]));
  const chart = scatter({
    name: `Measured against published latency, ${entry.published_on}`, xLog: true, yLog: true, xLabel: "Published, ms", yLabel: "Measured, ms",
    line: () => corners, yAlso: [low * ratio, high * ratio],
    tips: (row) => [["published", `${byRow.get(row).published_ms} ms`], ["measured", `${significant(byRow.get(row).measured_ms)} ms`],
      ["rank", `published ${byRow.get(row).published_rank}, measured ${byRow.get(row).measured_rank}`]],
    points: [...byRow].map(([row, p]) => ({
      row, x: p.published_ms, y: p.measured_ms, colour: source.colour, marker: source.marker, strong: isMoved(p),
      label: isMoved(p) || entry.places.length <= MOST_LABELS ? short(p.model) : "",
    })),
  });
  return el("figure", null, chart.element, el("figcaption", null, el("h3", null, `${entry.source}: ${entry.published_on}`),
    el("p", { class: "muted" }, missing(entry.kendall_tau) ? "" : `τ ${entry.kendall_tau.toFixed(2).replace("-", "−")}, ${plural(entry.places.length, "network")}`)));
}

function searchedTable(key) {
  const rows = DATA.searched[training].filter((group) => configurationKey(group.measured) === key);
  if (!rows.length) return [];
  return [
    el("h3", null, "Networks searched for one device, on the frontier here"),
    el("p", null, "The frontier is among all networks measured with the same runtime and precision whose accuracy is comparable. “Above it” is the median of a group’s other networks: how much slower each is than the fastest network that is at least as accurate."),
    dataTable({
      id: "searched", caption: "By what the release searched for", rows,
      columns: [
        text("searched for", (g) => g.target || "no target stated", { heading: true, class: "text" }), text("release", (g) => g.source),
        number("networks", "", (g) => g.networks), number("on the frontier", "", (g) => g.on_frontier.length),
        number("above it", "%, median", (g) => g.excess_percent, (v) => fixed(v, 0)),
        text("which", (g) => g.on_frontier.map(short).join(", "), { class: "text" }),
      ],
    }).element,
  ];
}

function comparedWith(key) {
  const entries = DATA.published.filter((entry) => configurationKey(entry.measured) === key);
  const drawn = entries.filter((entry) => !missing(entry.kendall_tau));
  return entries.length ? [
    el("p", null, "The releases state these latencies for their own devices, runtimes and precisions: only the order can be compared. Ranks count from 1, the fastest, among the networks of a line; equal figures share the mean. τ is 1 if both orders are the same and −1 if one is reversed; it takes three networks. The order of networks whose intervals overlap may be chance."),
    orderTable(entries),
    ...(drawn.length ? [folded(`Pictures (${drawn.length})`,
      el("p", { class: "muted" }, "Along the line the measured latency is the same multiple of the published one. Filled: a rank or more from the published place."),
      el("div", { class: "panels small" }, drawn.map(publishedPanel)))] : []),
    folded(`Every figure (${entries.reduce((sum, entry) => sum + entry.places.length, 0)})`, placesTable(entries)),
  ] : [];
}

function publishedSection() {
  const measured = new Map([...DATA.published, ...DATA.searched.any].map((entry) => [configurationKey(entry.measured), entry.measured]));
  if (!measured.size) return null;
  const compared = el("div", { id: "published-comparison" });
  const searched = el("div");
  let shown = null;
  const showSearched = () => searched.replaceChildren(...searchedTable(shown));
  const show = (key) => {
    shown = key;
    compared.replaceChildren(...comparedWith(key));
    showSearched();
  };
  onTraining(showSearched);
  const select = el("select", { id: "published-measured", onchange: (event) => show(event.target.value) },
    [...measured].map(([key, c]) => el("option", { value: key }, measuredWith(c))));
  show([...measured.keys()][0]);
  return [measured.size > 1 ? el("p", { class: "screen" }, el("label", null, "Measured with ", select)) : null, compared, searched];
}
