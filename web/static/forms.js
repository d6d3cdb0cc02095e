// A form marked data-once is sent once, however often an impatient thumb taps. What holds something typed is sent from
// here, because what a browser cannot send it throws away: the page stays as it is until the server has answered.
// Nothing of it is kept anywhere else. And focus goes to what went wrong.
(() => {
  "use strict";
  const ANSWER_MS = 20_000;
  const FILE_MS = 180_000;

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

  async function send(form, button) {
    const typed = new FormData(form, button);
    const file = form.enctype === "multipart/form-data";
    form.querySelector("[data-unsent]")?.remove();
    hold(form);
    try {
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST", body: file ? typed : new URLSearchParams(typed), headers: { "X-Form": "1" },
        cache: "no-store", signal: AbortSignal.timeout(file ? FILE_MS : ANSWER_MS),
      });
      const page = await answer.text();
      if (answer.status === 429 || answer.status >= 500) throw new Error(`status ${answer.status}`);
      const next = answer.headers.get("X-Go");
      if (next) leave(new URL(next, location));
      else show(new DOMParser().parseFromString(page, "text/html"));
    } catch (problem) {
      console.warn("form:", problem.message);
      free(form);
      sayUnsent(form, button);
    }
  }

  function sayUnsent(form, button) {
    const said = document.createElement("p");
    said.dataset.unsent = "";
    said.className = "field__error";
    said.setAttribute("role", "alert");
    said.textContent = document.body.dataset.unsent;
    // The button that Enter presses may be out of sight.
    (button?.matches(".unseen") ? [...form.querySelectorAll("button")].pop() : button)?.before(said);
    button?.focus();
  }

  function leave(next) {
    if (!next.hash || next.pathname + next.search !== location.pathname + location.search) return void location.assign(next);
    // To another spot on this page a browser would only scroll.
    history.scrollRestoration = "manual";
    history.replaceState(null, "", next);
    location.reload();
  }

  // The server's page is about what was sent: the form with what is wrong or a row more, or the login that takes it along.
  function show(page) {
    document.title = page.title;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    const head = page.querySelector("header");
    if (!head.querySelector("[data-live-state]")) document.querySelector("header").replaceWith(head); // no line of its own to tell of
    document.querySelectorAll("main form[data-once]").forEach((form) => { form.dataset.holds = "yes"; });
    scrollTo(0, 0);
    prepare();
    if (!document.querySelector("[data-focus]")) (document.querySelector("main [autofocus]") ?? document.querySelector("main")).focus();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]") || event.defaultPrevented) return;
    // It takes a while to notice that a line is lost: what holds something typed never goes without this page behind it.
    const lost = !navigator.onLine || document.body.classList.contains("is-lost");
    if (form.dataset.sent || lost || window.nrm.isTyped(form)) {
      event.preventDefault();
      if (!form.dataset.sent) send(form, event.submitter);
      return;
    }
    hold(form);
  });
  // Coming back with the browser's back button must give a usable form again.
  window.addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach(free));
  function prepare() {
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
  }
  prepare();
  document.addEventListener("click", async ({ target }) => {
    if (target.closest("[data-print]")) window.print();
    const button = target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    document.querySelector("[data-copy-said]").textContent = button.dataset.copied;
  });
})();
