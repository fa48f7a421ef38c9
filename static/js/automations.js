/* The canvas: it stays where it was scrolled to while the panel changes, and Ctrl Z takes back a change. */
(function () {
  const canvas = document.querySelector("[data-keep-scroll]");
  if (canvas) {
    const key = `scroll ${location.pathname}`;
    const [left, top] = JSON.parse(sessionStorage.getItem(key) || "[null, 0]");
    canvas.scrollLeft = left ?? (canvas.scrollWidth - canvas.clientWidth) / 2;
    canvas.scrollTop = top;
    addEventListener("pagehide", () => sessionStorage.setItem(key, JSON.stringify([canvas.scrollLeft, canvas.scrollTop])));
    canvas.querySelector(".is-current")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  // Below the canvas, on a narrow screen, the panel comes into view when something is chosen.
  const panel = document.getElementById("panel");
  if (panel && /[?&](step|part|add)=/.test(location.search) && panel.offsetTop > canvas.offsetTop + 40) panel.scrollIntoView();

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    const undo = document.querySelector("[data-undo]:not(:disabled)");
    if (!undo) return;
    event.preventDefault();
    undo.click();
  });
})();
