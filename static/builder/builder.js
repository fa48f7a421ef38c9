// What the condition builder needs beyond HTMX: it is posted once for each change, and a late answer never takes
// back what was typed meanwhile. Without this script the builder's buttons submit the form.
(function () {
  const PAUSE = 300; // how long typing rests before the numbers are asked for
  const REFRESH = 10000; // how often they are asked for while nobody does anything: events go on arriving
  const timers = new WeakMap();
  const busy = new WeakSet(); // builders with a button's answer on its way
  const typed = new Set(); // controls changed since the last request

  const builderOf = (element) => element.closest?.("[data-builder]");
  const isTyped = (element) => element.matches("input:not([type=checkbox])");

  function later(builder, pause) {
    clearTimeout(timers.get(builder));
    timers.set(builder, setTimeout(() => ask(builder), pause));
  }
  function ask(builder) {
    timers.delete(builder);
    if (!builder.isConnected) return;
    if (busy.has(builder)) later(builder, 50);
    else htmx.trigger(builder, "builder-edit");
  }

  // Captured, since a search keeps its typing from the builder's own trigger.
  document.addEventListener(
    "input",
    (event) => {
      const builder = builderOf(event.target);
      if (!builder) return;
      typed.add(event.target);
      if (isTyped(event.target) && !event.target.matches("[data-search]")) later(builder, PAUSE);
    },
    true,
  );
  document.addEventListener("change", (event) => {
    const builder = builderOf(event.target);
    if (!builder || event.target.matches("[data-search]")) return;
    // A text field has told of its change while it was typed in; leaving it only spares the rest of the pause.
    if (!isTyped(event.target) || typed.has(event.target)) later(builder, 0);
  });

  setInterval(() => {
    if (document.hidden) return;
    for (const builder of document.querySelectorAll("[data-builder]"))
      if (!timers.has(builder) && !busy.has(builder) && !builder.classList.contains("htmx-request"))
        builder.querySelector("[data-refresh]").click();
  }, REFRESH);

  document.addEventListener("htmx:beforeRequest", (event) => {
    const builder = builderOf(event.detail.elt);
    if (!builder || event.detail.elt.matches("[data-search]")) return;
    clearTimeout(timers.get(builder));
    timers.delete(builder);
    typed.clear();
    if (event.detail.elt !== builder) busy.add(builder);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const builder = event.detail.target?.closest?.("[data-builder]");
    // An edit's request that a button's has replaced ends as well, but the button's answer is still on its way.
    if (builder && event.detail.elt !== builder) busy.delete(builder);
  });

  // An answer leaves alone what was typed since its question, and pop-overs as they are.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => {
    if (!builderOf(element)) return true;
    if (name === "open" && element.matches("details")) return false;
    const control = element.closest("select") || element;
    return !(["value", "checked", "selected"].includes(name) && typed.has(control));
  };

  // An answer that was asked for before the search was typed shows all options again: search once more.
  document.addEventListener("htmx:load", (event) => {
    if (!event.target.matches?.("[data-builder]")) return;
    for (const search of event.target.querySelectorAll("[data-search]"))
      if (typed.has(search) && search.value !== search.getAttribute("value"))
        search.dispatchEvent(new Event("search", { bubbles: true }));
  });
})();
