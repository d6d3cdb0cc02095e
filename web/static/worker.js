// Shows what was pushed although no page is open. The message holds a code and no facts; pressing it opens the site.
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data.json();
  } catch {
    said = {};
  }
  event.waitUntil(self.registration.showNotification(said.subject ?? "NRM", { tag: said.id, requireInteraction: true }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow("/"));
});
