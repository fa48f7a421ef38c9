/* Retargeting web SDK, version 1: the service worker. Shows push messages and reports what becomes of them.
 *
 * A browser takes a service worker from the site itself only. So the site serves a file of one line:
 * importScripts("https://HOST/static/sdk/retargeting-sw.js");
 */
"use strict";

const told = (report, event) =>
  report ? fetch(`${report}?event=${event}`, { method: "POST", mode: "no-cors", credentials: "omit", keepalive: true }).catch(() => {}) : null;

const read = (data) => {
  try {
    return data.json();
  } catch {
    return { title: data ? data.text() : "" };
  }
};

const leads = (link) => {
  try {
    const url = new URL(link, self.registration.scope);
    return ["http:", "https:"].includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
};

self.addEventListener("push", (event) => {
  const message = read(event.data);
  const actions = message.actions || [];
  const shown = self.registration.showNotification(message.title || "", {
    body: message.body || "",
    image: message.image,
    data: { link: message.link, report: message.report, actions },
    actions: actions.map((action, index) => ({ action: String(index), title: action.title })),
  });
  event.waitUntil(Promise.all([shown, told(message.report, "delivered")]));
});

self.addEventListener("notificationclick", (event) => {
  const { link, report, actions } = event.notification.data || {};
  const chosen = event.action === "" ? null : (actions || [])[Number(event.action)];
  event.notification.close();
  const target = leads((chosen && chosen.link) || link || "");
  const open = async () => {
    if (!target) return;
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = pages.find((page) => page.url === target);
    await (there ? there.focus() : self.clients.openWindow(target));
  };
  event.waitUntil(Promise.all([open(), told(report, chosen ? "clicked" : "opened")]));
});
