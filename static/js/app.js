/* What pages need beyond HTMX: dialogs, menus that close, failures that are said aloud, the search key. */
(function () {
  const dialog = () => document.getElementById("dialog");

  // A page fetched into the dialog opens it.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog" && !dialog().open) dialog().showModal();
  });
  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-close-dialog]");
    if (closer && dialog().contains(closer)) {
      event.preventDefault();
      dialog().close();
    }
    if (event.target === dialog()) dialog().close(); // the backdrop
    const notice = event.target.closest("[data-dismiss]")?.closest(".notice");
    if (notice) notice.remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector(".sidebar-search input");
      if (search && search.offsetParent) {
        event.preventDefault();
        search.focus();
      }
    }
  });

  function toast(text) {
    const copy = document.getElementById("failure-toast").content.cloneNode(true);
    copy.querySelector("[data-text]").textContent = text;
    document.getElementById("toasts").replaceChildren(copy);
  }
  const REASONS = {
    401: "You are logged out. Log in again.",
    403: "You may not do that.",
    404: "That is not there any more. Reload the page.",
    413: "That is too large.",
    429: "Too much at once. Wait a moment and try again.",
  };
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    toast(REASONS[status] || `The server could not do that (${status}). Nothing was changed on this page; try again.`);
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => toast("The server does not answer. Check your connection and try again."));
  }
  // The next thing that goes well takes an old failure away.
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status < 400) document.getElementById("toasts").replaceChildren();
  });

  // A form that asks for it sends itself when one of its controls changes.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.hasAttribute("data-submit-on-change")) form.requestSubmit();
  });
})();
