// Lets this browser be pushed to: asks its person, subscribes, and sends what the browser gave along with a form.
(() => {
  "use strict";
  const form = document.querySelector("[data-push-key]");
  if (!form) return;
  const text = form.querySelector("[data-push-text]");
  const button = form.querySelector("button");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    text.textContent = form.dataset.cannot;
    button.disabled = true;
    return;
  }
  const bytes = (encoded) => Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  form.addEventListener("submit", async (event) => {
    if (form.elements.address.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if ((await Notification.requestPermission()) !== "granted") {
      text.textContent = form.dataset.refused;
      return;
    }
    try {
      const worker = await navigator.serviceWorker.register("/meldingen.js");
      await navigator.serviceWorker.ready;
      const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(form.dataset.pushKey) });
      form.elements.address.value = JSON.stringify(subscription);
      form.requestSubmit();
    } catch {
      text.textContent = form.dataset.cannot;
    }
  }, { capture: true });
})();
