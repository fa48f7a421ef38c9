/* Light or dark, before the first paint: what the reader chose here, else what the system says. */
(function () {
  const KEY = "retargeting-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be closed to us; then the system decides
    }
  };
  const apply = () => {
    const theme = chosen() || (system.matches ? "dark" : "light");
    document.documentElement.dataset.bsTheme = theme;
    document.documentElement.dataset.theme = theme; // the name by which Django's admin knows it
  };
  apply();
  document.documentElement.classList.add("js");
  system.addEventListener("change", apply);
  addEventListener("storage", apply); // the other open pages follow
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) button.hidden = false;
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, next);
    } catch {
      /* not remembered, but switched */
    }
    document.documentElement.dataset.bsTheme = next;
    document.documentElement.dataset.theme = next;
  });
})();
