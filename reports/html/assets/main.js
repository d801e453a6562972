// The page: its sections in order, each with an entry in the contents.

function section(id, title, content) {
  if (content === null) return;
  document.getElementById("main").append(el("section", { id }, el("h2", null, title), content));
  document.getElementById("contents").append(el("a", { href: `#${id}` }, title));
}

const counts = [
  plural(distinct(ROWS.map((row) => row.model)).length, "network"),
  plural(distinct(ROWS.map((row) => row.source)).length, "source"),
  plural(ENVIRONMENTS.size, "environment"),
  `${OK_ROWS.length} of ${plural(ROWS.length, "row")} measured`,
];
document.getElementById("summary").textContent = `${counts.join(", ")}.`;

const nothing = el("p", null, "No row has a latency, so there is no picture. The failures below say why.");
section("frontier", "Frontier", [filterForm(), legend(), OK_ROWS.length ? el("div", { class: "panels" }, DATA.groups.map(panel)) : nothing]);
section("table", "Table", [mainTable()]);
section("ranks", "Rank changes", ranksSection());
section("accuracy-section", "Published and measured", accuracySection());
section("published-section", "Published latency", publishedSection());
section("precision", "Precisions", effectsSection("precision", "No model was measured in two precisions in one environment."));
section("int8_scheme", "Placements of INT8", DATA.effects.int8_scheme.length ? effectsSection("int8_scheme") : null);
section("graph", "Graphs: native and fused", DATA.effects.graph.length ? effectsSection("graph") : null);
section("exporter", "Exporters", effectsSection("exporter", "No model was measured from two exporters in one environment."));
section("audit", "Conversions", auditSection());
section("failures-section", "Failures and warnings", failuresSection());
section("environments", "Environments", environmentsSection());
document.getElementById("contents").append(el("a", { href: "#reading" }, "How to read it"));
applyFilters();
