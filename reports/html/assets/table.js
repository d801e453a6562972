// A table that sorts by any column: header buttons, `aria-sort`, missing values last.

let tables = 0;

// columns: {label, unit, numeric, value(row) to sort by, cell(row) to show, descending: first direction}.
// together: rows with different values stay apart, in order of the value, however the rows are sorted.
function dataTable({ id = `table-${(tables += 1)}`, caption, columns, rows, sorted = null, together = () => 0, rowClass = () => null }) {
  let order = sorted === null ? null : { column: columns.find((column) => column.label === sorted), descending: false };
  let shown = rows;
  const body = el("tbody");
  const headers = columns.map((column) => {
    const button = el("button", { type: "button", title: column.title, onclick: () => sortBy(column) },
      column.label, el("span", { class: "arrow", "aria-hidden": "true" }), el("span", { class: "unit" }, column.unit));
    return el("th", { scope: "col", class: column.numeric ? "number" : column.class }, button);
  });

  function sortBy(column) {
    const descending = order?.column === column ? !order.descending : Boolean(column.descending);
    order = { column, descending };
    draw();
  }

  function compare(a, b) {
    if (together(a) !== together(b)) return together(a) - together(b);
    if (!order) return 0;
    const [x, y] = [order.column.value(a), order.column.value(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const difference = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
    return order.descending ? -difference : difference;
  }

  function draw() {
    columns.forEach((column, position) => {
      if (order?.column === column) headers[position].setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      else headers[position].removeAttribute("aria-sort");
    });
    const lines = [...shown].sort(compare).map((row) => el("tr", { class: rowClass(row) }, columns.map((column) => {
      const attributes = { class: column.numeric ? "number" : column.class };
      const content = column.cell ? column.cell(row) : column.value(row) ?? "";
      return column.heading ? el("th", { ...attributes, scope: "row" }, content) : el("td", attributes, content);
    })));
    body.replaceChildren(...lines);
    if (!lines.length) body.append(el("tr", null, el("td", { class: "empty", colspan: columns.length }, "No row matches.")));
  }

  draw();
  const element = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { id }, el("caption", null, caption), el("thead", null, el("tr", null, headers)), body));
  return { element, show(subset) { shown = subset; draw(); } };
}

const MODEL_COLUMN = { label: "model", class: "name", heading: true, value: (row) => row.model, cell: (row) => row.cell ?? row.model };
const environmentColumn = { label: "env.", title: "environment", value: (row) => row.environment_id, cell: (row) => badge(row.environment_id) };
