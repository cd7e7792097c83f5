"use strict";
// How old the page is; and once nothing newer has come for too long, that the training is not heard of.
(() => {
  const written = document.getElementById("written");
  const stale = document.getElementById("stale");
  const at = Number(written.dataset.written), late = Number(written.dataset.late);
  if (!late) return;

  function words(seconds) {
    if (seconds < 100) return seconds + " s ago";
    if (seconds < 6000) return Math.round(seconds / 60) + " min ago";
    return seconds < 172800 ? Math.round(seconds / 3600) + " h ago" : Math.round(seconds / 86400) + " days ago";
  }

  function tell() {
    const age = Math.max(0, Math.round(Date.now() / 1000 - at));
    document.getElementById("ago").textContent = ", " + words(age);
    if (age > late && stale.hidden) {
      stale.hidden = false;
      document.body.classList.add("unheard");
      document.querySelector(".word").textContent = "Not heard of";
    }
  }

  tell();
  setInterval(tell, 1000);
})();
