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

  // What was typed last is saved before anything leads away from the page.
  const form = document.getElementById("step-form");
  let typed = 0;
  let sent = 0;
  let saved = 0;
  let then = null;
  form?.addEventListener("input", () => { typed += 1; });
  form?.addEventListener("htmx:beforeRequest", () => { sent = typed; });
  form?.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.xhr.status) return; // another one has taken its place
    saved = sent;
    if (then && saved === typed) then();
  });
  function afterSaving(event, go) {
    if (!form || !form.hasAttribute("hx-post") || saved === typed) return;
    event.preventDefault();
    event.stopPropagation();
    then = go;
    window.htmx.trigger(form, "change");
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || link.target || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    afterSaving(event, () => { location.href = link.href; });
  }, true);
  document.addEventListener("submit", (event) => {
    if (event.target === form) return;
    const button = event.submitter;
    afterSaving(event, () => { saved = typed; event.target.requestSubmit(button); });
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    const undo = document.querySelector("[data-undo]:not(:disabled)");
    if (!undo) return;
    event.preventDefault();
    undo.click();
  });
})();
