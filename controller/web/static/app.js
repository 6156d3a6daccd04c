// Small behaviour of the pages. No framework: htmx swaps tables, Bootstrap opens menus.
"use strict";

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  if (target.closest("[data-print]")) window.print();
  const copy = target.closest("[data-copy]");
  if (copy) copyText(copy);
});

// One dialog asks before anything that cannot be taken back; the button says what and where to.
document.addEventListener("show.bs.modal", (event) => {
  const button = event.relatedTarget;
  if (event.target.id !== "confirm" || !button) return;
  const dialog = event.target;
  dialog.querySelector("form").action = button.dataset.confirmAction;
  dialog.querySelector("[data-confirm-title]").textContent = button.dataset.confirmTitle;
  dialog.querySelector("[data-confirm-text]").textContent = button.dataset.confirmText;
  dialog.querySelector("button[type=submit]").textContent = button.dataset.confirmVerb;
});

// A dialog named in the address opens with the page: the button of an empty page leads there.
document.addEventListener("DOMContentLoaded", () => {
  const wanted = document.querySelector(".modal[data-open]");
  if (wanted) window.tabler.bootstrap.Modal.getOrCreateInstance(wanted).show();
});

document.addEventListener("change", (event) => {
  const field = event.target;
  // The box in a table's head ticks every box of its name that the page shows.
  if (field instanceof HTMLInputElement && field.dataset.ticks) {
    const boxes = field.closest("table").querySelectorAll(`tbody input[name="${field.dataset.ticks}"]`);
    boxes.forEach((box) => (box.checked = field.checked));
  }
  if (!(field instanceof HTMLSelectElement)) return;
  // The unit of a user or token is asked for only where the role is bound to one.
  if (field.matches("[data-bound-roles]")) showUnitField(field);
});
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-bound-roles]").forEach(showUnitField);
});

function showUnitField(field) {
  const row = field.form.querySelector("[data-unit-field]");
  if (row) row.hidden = !field.dataset.boundRoles.split(" ").includes(field.value);
}

function copyText(button) {
  const source = document.querySelector(button.dataset.copy);
  const done = () => {
    const label = button.querySelector("[data-copy-label]");
    if (label) label.textContent = button.dataset.copyDone;
  };
  if (navigator.clipboard && window.isSecureContext) {
    navigator.clipboard.writeText(source.textContent.trim()).then(done);
    return;
  }
  // Plain http on an inner network: select the text and use the older way.
  const range = document.createRange();
  range.selectNodeContents(source);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  if (document.execCommand("copy")) done();
}

// Fields that belong to some choices of a list only: data-part names those choices.
function showParts(field) {
  field.form.querySelectorAll("[data-part]").forEach((part) => {
    part.hidden = !part.dataset.part.split(" ").includes(field.value);
  });
}
document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement && event.target.matches("[data-parts]")) showParts(event.target);
});
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-parts]").forEach(showParts);
});
