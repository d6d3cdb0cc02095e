// A form marked data-once is sent once, however often an impatient thumb taps. And focus goes to what went wrong.
(() => {
  "use strict";
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]") || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
  // Coming back with the browser's back button must give a usable form again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
      form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
    }
  });
  // A list that follows another field offers only what belongs to it; what belonged to another is no answer any more.
  for (const list of document.querySelectorAll("select[data-follows]")) {
    const leader = document.getElementById(list.dataset.follows);
    const groups = [...list.querySelectorAll("optgroup")];
    const follow = () => {
      const chosen = list.value;
      groups.forEach((group) => group.remove());
      const own = groups.find((group) => group.dataset.group === leader.value);
      if (own) list.append(own);
      list.value = own?.querySelector(`option[value="${CSS.escape(chosen)}"]`) ? chosen : "";
    };
    leader.addEventListener("change", follow);
    window.addEventListener("pageshow", follow);
    follow();
  }
  document.querySelector("[data-focus]")?.focus();
  // Copying and printing need a script: without one the text stands there to be copied by hand.
  for (const part of document.querySelectorAll("[data-with-script]")) part.hidden = false;
  document.addEventListener("click", async ({ target }) => {
    if (target.closest("[data-print]")) window.print();
    const button = target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    document.querySelector("[data-copy-said]").textContent = button.dataset.copied;
  });
})();
