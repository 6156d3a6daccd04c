// Which columns of a table (data-columns="name") a reader wants to see: kept in this browser. The
// first column stays; what is away stays in the page and in every export.
"use strict";

(() => {
  const key = (table) => `yunxun.columns.${table.dataset.columns}`;

  function away(table) {
    try {
      return new Set(JSON.parse(window.localStorage.getItem(key(table)) || "[]"));
    } catch {
      return new Set(); // no storage, or not ours
    }
  }
  function keep(table, names) {
    try {
      if (names.size) window.localStorage.setItem(key(table), JSON.stringify([...names]));
      else window.localStorage.removeItem(key(table));
    } catch {
      // The choice then lasts as long as the page.
    }
  }
  // A head may stand over several cells: [head, first cell, cells].
  function heads(table) {
    let at = 0;
    return [...table.tHead.rows[0].cells].map((head) => {
      const found = [head, at, head.colSpan];
      at += head.colSpan;
      return found;
    });
  }
  const nameOf = (head) => head.textContent.trim();

  function apply(table, hidden) {
    for (const [head, first, count] of heads(table).slice(1)) {
      const gone = hidden.has(nameOf(head));
      head.classList.toggle("yx-column-away", gone);
      for (const row of [...table.tBodies].flatMap((body) => [...body.rows])) {
        if (row.cells.length === 1) continue; // the line that says there is nothing
        for (let at = first; at < first + count; at += 1) row.cells[at]?.classList.toggle("yx-column-away", gone);
      }
    }
  }
  function choice(table, hidden) {
    const box = document.createElement("details");
    box.className = "yx-columns yx-noprint";
    const title = document.createElement("summary");
    title.textContent = table.dataset.columnsWord;
    const list = document.createElement("div");
    for (const [head] of heads(table).slice(1)) {
      const name = nameOf(head);
      if (!name) continue;
      const label = document.createElement("label");
      const tick = document.createElement("input");
      tick.type = "checkbox";
      tick.checked = !hidden.has(name);
      tick.addEventListener("change", () => {
        if (tick.checked) hidden.delete(name);
        else hidden.add(name);
        keep(table, hidden);
        apply(table, hidden);
      });
      label.append(tick, name);
      list.append(label);
    }
    box.append(title, list);
    return box;
  }
  function start() {
    for (const table of document.querySelectorAll("table[data-columns]:not([data-ready])")) {
      table.dataset.ready = "yes";
      const hidden = away(table);
      apply(table, hidden);
      const head = table.closest(".card")?.querySelector(".card-header");
      (head || table.parentElement).append(choice(table, hidden));
    }
  }
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll(".yx-columns[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSwap", start);
})();
