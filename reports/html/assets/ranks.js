// How the order changes from one environment to another: Kendall's tau, a slope chart, who enters or leaves the frontier.

// On which frontier of the common models a model is, with the training data that are chosen.
const onFirst = (rank) => rank.first_frontiers.includes(training);
const onSecond = (rank) => rank.second_frontiers.includes(training);
const MOST_CHANGED = 10;
const MOST_SLOPES = 26;
const SLOPE_ROW_PX = 17;

// An environment's name has the runtime where several were measured on one device.
const form = (c) => (c.graph === "native" ? c.precision : `${c.precision} ${c.graph}`);
const configurationName = (c) => {
  const name = environmentName(c.environment_id);
  return `${name}, ${name.includes(c.backend) ? "" : `${c.backend} `}${form(c)}, batch ${c.batch}`;
};
const isSideBySide = (entry) => !missing(entry.mean_ratio);
// Both configurations in a word: runtimes that were measured side by side, else environments.
function configurationWords(entry) {
  const sides = [entry.first, entry.second];
  if (!isSideBySide(entry)) return sides.map((c) => `${ENVIRONMENTS.get(c.environment_id).letter} (${form(c)})`);
  return sides.map((c) => (form(entry.first) === form(entry.second) ? c.backend : `${c.backend} ${form(c)}`));
}
const change = (rank) => rank.second - rank.first;
const byChange = (a, b) => Math.abs(change(b)) - Math.abs(change(a));
const sourceOf = (model) => SOURCES.get(model.split("/")[0]) ?? { colour: "#777777", marker: "o" };

function comparisonName(entry) {
  if (!isSideBySide(entry)) return `${configurationName(entry.first)} → ${configurationName(entry.second)}`;
  const shared = form(entry.first) === form(entry.second) ? `${form(entry.first)}, ` : "";
  return `${configurationWords(entry).join(" → ")}, ${shared}batch ${entry.first.batch}`;
}

function chosenSlopes(ranks) {
  const onFrontier = ranks.filter((rank) => onFirst(rank) || onSecond(rank));
  const most = [...ranks].sort(byChange).slice(0, MOST_CHANGED);
  return distinct([...most, ...onFrontier]).slice(0, MOST_SLOPES);
}

// The chosen models at even distances, in the order of their ranks on each side; their ranks are written beside them.
function slopeChart(entry) {
  const chosen = chosenSlopes(entry.ranks);
  const most = new Set([...entry.ranks].sort(byChange).slice(0, MOST_CHANGED));
  const place = (side) => new Map([...chosen].sort((a, b) => a[side] - b[side]).map((rank, position) => [rank, position]));
  const [first, second] = [place("first"), place("second")];
  const height = chosen.length * SLOPE_ROW_PX + 44;
  const y = (position) => 40 + position * SLOPE_ROW_PX;
  const [a, b] = configurationWords(entry);
  const root = svg("svg", { role: "img", "aria-label": `Ranks of ${chosen.length} models on both; the table below has the figures.` });
  atWidth(root, (width) => {
    const narrow = width < 560;
    const side = narrow ? 165 : Math.min(240, width * 0.32);
    const [left, right] = [narrow ? 38 : side, width - side];
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    root.replaceChildren(
      svg("text", { x: narrow ? 0 : left, y: 14, "text-anchor": narrow ? "start" : "end" }, `rank on ${a}`),
      svg("text", { x: right, y: 14 }, `rank on ${b}`),
      ...chosen.flatMap((rank) => {
        const source = sourceOf(rank.model);
        const [y1, y2] = [y(first.get(rank)), y(second.get(rank))];
        const end = (x, at, strong) => svg("path", { class: `mark ${strong ? "strong" : "weak"}`, "--colour": source.colour,
          d: markerPath(source.marker, 4), transform: `translate(${x} ${at})` });
        return [
          svg("line", { class: most.has(rank) ? "slope most" : "slope", "--colour": source.colour, x1: left, y1, x2: right, y2 }),
          end(left, y1, onFirst(rank)), end(right, y2, onSecond(rank)),
          svg("text", { x: left - 10, y: y1 + 4, "text-anchor": "end" }, narrow ? `${rank.first}` : `${fitted(short(rank.model), side - 50)} ${rank.first}`),
          svg("text", { x: right + 10, y: y2 + 4 }, `${rank.second} ${fitted(short(rank.model), side - 44)}`),
        ];
      }),
    );
  });
  return el("figure", null, root, el("figcaption", { class: "muted" },
    `Rank 1 is the fastest of ${entry.ranks.length} common models. Shown at even distances: the ${Math.min(MOST_CHANGED, entry.ranks.length)} largest changes (thick) and models on either frontier, filled where they are on it.`));
}

function fitted(text, width) {
  if (textWidth(text) <= width) return text;
  let length = text.length;
  while (length > 4 && textWidth(`${text.slice(0, length)}…`) > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

function frontierLists(entry) {
  const [a, b] = configurationWords(entry);
  const kinds = [
    [`On the frontier of ${a} only`, (r) => onFirst(r) && !onSecond(r)],
    [`On the frontier of ${b} only`, (r) => !onFirst(r) && onSecond(r)],
    ["On both frontiers", (r) => onFirst(r) && onSecond(r)],
  ];
  return el("div", { class: "lists" }, kinds.map(([title, is]) => {
    const names = entry.ranks.filter(is).map((rank) => short(rank.model));
    return el("div", null, el("h3", null, `${title} (${names.length})`), names.length ? el("ul", null, names.map((name) => el("li", null, name))) : el("p", { class: "muted" }, "none"));
  }));
}

function rankTable(entry) {
  const [a, b] = configurationWords(entry);
  const number = (label, unit, value, cell = (v) => `${v}`) => ({ label, unit, numeric: true, value, cell: (rank) => cell(value(rank)) });
  return dataTable({
    id: "rank-table", caption: "Ranks of every common model, largest changes first", rows: [...entry.ranks].sort(byChange),
    columns: [
      MODEL_COLUMN,
      number(`rank ${a}`, "", (r) => r.first), number(`rank ${b}`, "", (r) => r.second),
      { ...number("change", "places", change, (v) => (v === 0 ? "0" : signed(v, 0))), title: "places lost (+) or won (−) from the first to the second" },
      number(`latency ${a}`, "ms", (r) => r.first_ms, significant), number(`latency ${b}`, "ms", (r) => r.second_ms, significant),
      ...(!isSideBySide(entry) ? [] : [
        { ...number("ratio", "×", (r) => r.ratio, (v) => significant(v, 3)), title: "latency on the second divided by that on the first" },
        { label: "95 % interval", unit: "×", numeric: true, value: (r) => r.ratio_high, cell: (r) => interval(r.ratio_low, r.ratio_high) },
      ]),
      { label: "frontier", value: (r) => (onFirst(r) ? 0 : 2) + (onSecond(r) ? 0 : 1), cell: (r) => (onFirst(r) ? (onSecond(r) ? "★ both" : `★ ${a}`) : onSecond(r) ? `★ ${b}` : "") },
    ],
  }).element;
}

function comparison(entry) {
  const tau = missing(entry.kendall_tau) ? "not defined: all latencies of one are equal" : entry.kendall_tau.toFixed(3);
  return [
    facts([["from", configurationName(entry.first)], ["to", configurationName(entry.second)], ["common models", `${entry.ranks.length}`], ["Kendall’s τ", tau],
      ["mean ratio", !isSideBySide(entry) ? "" : `${significant(entry.mean_ratio, 3)} (geometric mean of the second over the first)`]]),
    el("p", { class: "muted" }, "τ is 1 if both environments put the models in the same order and −1 if the order is reversed. Ranks and frontiers here are those of the common models; the order of models whose intervals overlap may be chance."),
    !isSideBySide(entry) ? null : el("p", { class: "muted" }, "One run measured both runtimes in the same rounds: the ratio is the latency on the second divided by that on the first, trials paired by round, with its 95 % interval over the rounds."),
    slopeChart(entry), frontierLists(entry), rankTable(entry),
  ];
}

function ranksSection() {
  if (!SEVERAL_ENVIRONMENTS) return null;
  if (!DATA.ranks.length) return [el("p", null, "No two environments have three models of one batch size in common.")];
  const place = el("div", { id: "rank-comparison" });
  let shown = 0;
  const show = (position) => {
    shown = position;
    place.replaceChildren(...comparison(DATA.ranks[position]));
  };
  onTraining(() => show(shown));
  const select = el("select", { id: "rank-pair", onchange: (event) => show(event.target.value) },
    DATA.ranks.map((entry, position) => el("option", { value: position }, comparisonName(entry))));
  show(0);
  return [DATA.ranks.length > 1 ? el("p", { class: "screen" }, el("label", null, "Compare ", select)) : null, place];
}
