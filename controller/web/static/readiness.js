// A run's progress as it goes: each event of the server fetches the moving part anew. Without this
// script, or without the stream, the button 刷新 does the same.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-run-events]");
  if (!place || !window.EventSource || !window.htmx) return;
  let fetching = false;
  let again = false;
  const fetchPiece = () => {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    window.htmx
      .ajax("GET", place.dataset.runPiece, { target: place, swap: "innerHTML" })
      .finally(() => {
        fetching = false;
        if (again) {
          again = false;
          fetchPiece();
        }
      });
  };
  const source = new EventSource(place.dataset.runEvents);
  source.addEventListener("progress", fetchPiece);
  source.addEventListener("end", () => {
    source.close();
    // The whole page: the result stands above the progress.
    window.location.reload();
  });
  window.addEventListener("pagehide", () => source.close());
});
