// The legend of the pictures: sources, which are buttons, and what else a mark says.

function markKinds() {
  const isTick = (row) => missing(row.accuracy_percent) && DATA.groups[row.group].classes !== null;
  return [
    [{ strong: true }, "on the frontier"],
    [{ pale: true }, "dominated"],
    ...(OTHER_DATA ? [[{ pale: true, hollow: true }, `hollow: ${OTHER_DATA}`]] : []),
    ...(OK_ROWS.some(isTick) ? [[{ tick: true }, "without an accuracy, at its latency"]] : []),
  ];
}

function legend() {
  const buttons = DATA.sources.map((source) => el("li", null,
    el("button", { type: "button", "aria-pressed": "false", "data-source": source.name, onclick: () => chooseSource(source.name) }, key(source), source.name)));
  onFilter(() => buttons.forEach((item) => {
    const button = item.firstChild;
    button.setAttribute("aria-pressed", String(choices.get("source").value === button.dataset.source));
  }));
  // Grey, as no source is.
  const sample = { colour: "#777777", marker: "o" };
  return el("ul", { class: "legend", "aria-label": "Sources; press one to see only that one" }, buttons,
    markKinds().map(([kind, label]) => el("li", null, el("span", { class: "muted" }, key(sample, kind), label))));
}
