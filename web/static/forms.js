// A form marked data-once is sent once, however often an impatient thumb taps, and not into a line that is not there:
// what a browser cannot send, it throws away. And focus goes to what went wrong.
(() => {
  "use strict";
  const PROBE_MS = 8000;

  function hold(form) {
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    setTimeout(() => { if (form.dataset.sent) form.querySelectorAll("button").forEach((button) => { button.disabled = true; }); });
  }

  function free(form) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  }

  // The browser's own word for being offline can be wrong, so somebody is asked.
  async function answers() {
    try {
      return (await fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) })).ok;
    } catch {
      return false;
    }
  }

  async function sendIfThere(form, button) {
    hold(form);
    const there = await answers();
    free(form);
    form.querySelector("[data-unsent]")?.remove();
    if (there) {
      form.dataset.there = "yes";
      form.requestSubmit(button);
      return;
    }
    const said = document.createElement("p");
    said.dataset.unsent = "";
    said.className = "field__error";
    said.setAttribute("role", "alert");
    said.textContent = document.body.dataset.unsent;
    // The button that Enter presses may be out of sight.
    (button?.matches(".unseen") ? [...form.querySelectorAll("button")].pop() : button)?.before(said);
    button?.focus();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]") || event.defaultPrevented) return;
    // It takes a while to notice that a line is lost, and what was typed would be gone: then somebody is asked first as well.
    const lost = !navigator.onLine || document.body.classList.contains("is-lost");
    if (form.dataset.sent || ((lost || window.nrm.isTyped(form)) && !form.dataset.there)) {
      event.preventDefault();
      if (!form.dataset.sent) sendIfThere(form, event.submitter);
      return;
    }
    delete form.dataset.there;
    hold(form);
  });
  // Coming back with the browser's back button must give a usable form again.
  window.addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach(free));
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
