/* The campaign pages: ticking all rows, putting an attribute where the text cursor is, "saved 4 s ago". */
(function () {
  function showTickAll() {
    for (const box of document.querySelectorAll("[data-check-all]")) box.hidden = false;
  }
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.checkAll;
    if (!name) return;
    for (const box of document.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
  });

  // Filters change the address without loading the page; the way back leads to what is shown now.
  document.addEventListener("submit", (event) => {
    if (event.target.id === "bulk") event.target.elements.back.value = location.search.slice(1);
  });

  let lastField = null;
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("#step-form fieldset input, #step-form fieldset textarea")) lastField = event.target;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    const field = lastField?.isConnected ? lastField : document.querySelector("#step-form fieldset textarea, #step-form fieldset input");
    field.focus();
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  function ago(moment) {
    const seconds = Math.max(0, Math.round((Date.now() - new Date(moment)) / 1000));
    if (seconds < 2) return "just now";
    if (seconds < 60) return `${seconds} s ago`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ago`;
    const hours = Math.floor(minutes / 60);
    return hours < 24 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`;
  }
  function tell() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const words = ago(time.dateTime);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  document.addEventListener("htmx:afterSettle", showTickAll);
  showTickAll();
  tell();
  setInterval(tell, 1000);
})();
