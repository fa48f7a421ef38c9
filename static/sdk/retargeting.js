/* Retargeting web SDK, version 1: shows in-app messages, reports what becomes of them, registers Web Push.
 *
 * <script src="HOST/static/sdk/retargeting.js" data-key="pk_…" data-user="ID" data-hash="HMAC" defer></script>
 *
 * HOST is the address of your server. Without data-user, call retargeting.identify(ID, HMAC). Needs in a content
 * security policy: script-src and connect-src with HOST. Runs no text as code and sets no inline style. Types are in
 * retargeting.d.ts.
 */
(() => {
  "use strict";
  const tag = document.currentScript;
  const options = { ...(tag ? tag.dataset : {}) };
  let host = tag && tag.src ? new URL(tag.src).origin : location.origin;
  let who = null;
  let shown = null;
  let asked = 0;
  let pushKey = null;
  const listeners = {};

  const CSS = `
    :host { all: initial; }
    .card { box-sizing: border-box; font: 15px/1.45 system-ui, sans-serif; color: #16181d; background: #fff; border: 1px solid #dcdfe6;
      border-radius: 12px; box-shadow: 0 8px 32px rgb(16 24 40 / .18); padding: 16px; width: min(400px, calc(100vw - 32px)); overflow-wrap: anywhere; }
    div.card { position: fixed; inset: auto 16px 16px auto; z-index: 2147483000; }
    dialog.card { margin: auto; width: min(460px, calc(100vw - 32px)); padding: 24px; max-height: calc(100vh - 48px); overflow: auto; }
    dialog::backdrop { background: rgb(16 24 40 / .45); }
    img { display: block; width: 100%; max-height: 240px; object-fit: cover; border-radius: 8px; margin-bottom: 12px; }
    h2 { margin: 0 40px 4px 0; font-size: 16px; line-height: 1.35; }
    p { margin: 0; white-space: pre-line; }
    .go { display: inline-block; margin-top: 12px; padding: 10px 18px; border: 0; border-radius: 8px; background: #1d4ed8; color: #fff; font: inherit;
      font-weight: 600; text-decoration: none; cursor: pointer; }
    .close { position: absolute; top: 8px; right: 8px; width: 36px; height: 36px; border: 0; border-radius: 8px; background: #fff; color: #475067;
      font: 22px/1 system-ui, sans-serif; cursor: pointer; }
    .go:focus-visible, .close:focus-visible { outline: 3px solid #7aa2ff; outline-offset: 2px; }
    @media (prefers-color-scheme: dark) {
      .card, .close { background: #1d2027; color: #eceef2; } .card { border-color: #363b47; } .go { background: #8fb0ff; color: #10131a; }
    }`;

  const id = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const remembered = (name, make) => {
    try {
      const key = "retargeting." + name;
      const value = localStorage.getItem(key) || make();
      localStorage.setItem(key, value);
      return value;
    } catch {
      return make(); // no storage here: a new one on each page
    }
  };

  const tell = (name, detail) => (listeners[name] || []).forEach((listener) => listener(detail));

  async function call(path, data) {
    if (!who) throw new Error("retargeting: identify the visitor first");
    const response = await fetch(`${host}/sdk/v1/${options.key}/${path}/`, {
      method: "POST",
      mode: "cors",
      credentials: "omit",
      keepalive: true,
      headers: { "Content-Type": "text/plain" },
      body: JSON.stringify({ ...who, ...data }),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw Object.assign(new Error("retargeting: " + (answer.detail || response.status)), { status: response.status });
    return answer;
  }

  async function identify(user, hash, more = {}) {
    who = { user: String(user), hash };
    const zone = more.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
    const known = await call("identify", {
      installation: remembered("installation", id),
      language: more.language || navigator.language,
      time_zone: zone,
      attributes: more.attributes,
    });
    pushKey = known.push_key;
    if (options.show !== "no") await refresh();
    return known;
  }

  const track = (event, properties = {}) => call("track", { events: [{ id: id(), event, properties, occurred_at: new Date().toISOString() }] });

  const messages = async () => (await call("messages")).messages;

  const report = (message, event) => {
    tell(event, message);
    return call("reports", { reports: [{ message: message.id, event, id: id() }] });
  };

  async function refresh() {
    asked = Date.now();
    const waiting = await messages();
    if (!shown && waiting.length) show(waiting);
  }

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  const leads = (link) => {
    try {
      return /^(javascript|data|vbscript|file|blob|about):$/.test(new URL(link, location.href).protocol) ? "" : link;
    } catch {
      return "";
    }
  };

  function show([message, ...later]) {
    const modal = message.layout === "modal";
    const around = (shown = element("div"));
    around.dataset.retargeting = message.layout;
    const root = around.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    const card = element(modal ? "dialog" : "div", "card");
    if (!modal) card.setAttribute("role", "region");
    card.setAttribute("aria-label", message.title);

    let over = false;
    const finish = (event) => {
      if (over) return;
      over = true;
      report(message, event).catch(() => {});
      around.remove();
      shown = null;
      if (later.length) show(later);
    };

    if (message.image) {
      const image = element("img");
      image.alt = "";
      image.src = message.image;
      card.append(image);
    }
    card.append(element("h2", "", message.title), element("p", "", message.body));
    const link = leads(message.link || "");
    if (message.button || link) {
      const go = element(link ? "a" : "button", "go", message.button || options.open || "Open");
      if (link) go.href = link;
      go.addEventListener("click", () => finish("clicked"));
      card.append(go);
    }
    const close = element("button", "close", "\u00d7");
    close.setAttribute("aria-label", options.close || "Close");
    close.addEventListener("click", () => finish("dismissed"));
    card.append(close);
    card.addEventListener("cancel", () => finish("dismissed"));
    card.addEventListener("keydown", (event) => event.key === "Escape" && finish("dismissed"));
    root.append(card);
    document.body.append(around);
    if (modal) card.showModal();
    report(message, "displayed").catch(() => {});
  }

  /* The page's own service worker is one line: importScripts("https://HOST/static/sdk/retargeting-sw.js") */
  async function registerPush(worker = "/retargeting-sw.js") {
    if (!pushKey || !("serviceWorker" in navigator) || !("PushManager" in window)) return "unsupported";
    if ((await Notification.requestPermission()) !== "granted") return "denied";
    await navigator.serviceWorker.register(worker);
    const registration = await navigator.serviceWorker.ready;
    const bytes = Uint8Array.from(atob(pushKey.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes });
    await call("push", { subscription: subscription.toJSON() });
    return "subscribed";
  }

  async function unregisterPush() {
    const registration = "serviceWorker" in navigator && (await navigator.serviceWorker.getRegistration());
    const subscription = registration && (await registration.pushManager.getSubscription());
    if (!subscription) return false;
    await call("push", { subscription: subscription.toJSON(), subscribed: false });
    return subscription.unsubscribe();
  }

  function init(given) {
    Object.assign(options, given);
    if (given.host) host = given.host.replace(/\/+$/, "");
  }

  function reset() {
    who = pushKey = null;
    if (shown) shown.remove();
    shown = null;
  }

  function on(name, listener) {
    (listeners[name] = listeners[name] || []).push(listener);
    return () => (listeners[name] = listeners[name].filter((other) => other !== listener));
  }

  document.addEventListener("visibilitychange", () => {
    if (who && options.show !== "no" && document.visibilityState === "visible" && Date.now() - asked > 60000) refresh().catch(() => {});
  });

  window.retargeting = { init, identify, track, messages, report, refresh, registerPush, unregisterPush, reset, on };
  if (options.user && options.hash) {
    const start = () => identify(options.user, options.hash).catch((error) => console.warn(error.message));
    if (document.body) start();
    else document.addEventListener("DOMContentLoaded", start);
  }
})();
