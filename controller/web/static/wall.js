// The wall fetches itself anew (htmx); this says so when that no longer succeeds.
"use strict";

(() => {
  let fresh = Date.now();
  const late = document.getElementById("late");
  document.addEventListener("htmx:afterSwap", () => {
    fresh = Date.now();
  });
  // A page that another address answered (a login, an error) is no wall: leave the old one standing.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.serverResponse || "";
    if (!answer.includes('id="wall"')) event.detail.shouldSwap = false;
  });
  setInterval(() => {
    late.hidden = Date.now() - fresh < Number(late.dataset.after) * 1000;
  }, 1000);
})();
