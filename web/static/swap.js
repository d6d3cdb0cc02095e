// Brings the children of one element to a new state while keeping the nodes themselves, so that focus, scroll,
// open <details> and half-typed text survive. Children with an id (or data-key) are recognised and moved, not rewritten:
// a finger on the button of one row never ends up on the button of another.
(() => {
  "use strict";
  const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  const FIELDS = "input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea";

  function isDirty(field) {
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (field.matches("select")) {
      const options = [...field.options];
      const first = options.some((option) => option.defaultSelected);
      return options.some((option, at) => option.selected !== (first ? option.defaultSelected : at === 0));
    }
    return field.value !== field.defaultValue;
  }

  // Whether something was filled in here and not sent yet, or came back to go on with. A password is typed again in no time.
  const isTyped = (form) =>
    form.matches("[data-holds]") || form.querySelector("[aria-invalid]") !== null || [...form.querySelectorAll(FIELDS)].some((field) => field.type !== "password" && isDirty(field));

  // Whether something was typed on this page and not sent yet, or came back to go on with.
  const holdsTyped = () => document.querySelector("[data-focus], [data-holds]") !== null || [...document.querySelectorAll(FIELDS)].some(isDirty);

  // Whether somebody is busy in here: a field has the focus or holds something not sent yet, or a form is on its way.
  function isBusy(root) {
    const fields = [...root.querySelectorAll(FIELDS)];
    return root.querySelector("[data-sent]") !== null || fields.some((field) => field === document.activeElement || isDirty(field));
  }

  function patch(have, want) {
    if (have.nodeType !== 1) {
      if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
      return;
    }
    const typed = have.matches(FIELDS) && isDirty(have);
    const ours = (name) => name.startsWith("data-htmx") || (name === "open" && have.tagName === "DETAILS");
    for (const { name } of [...have.attributes]) {
      if (!want.hasAttribute(name) && !ours(name)) have.removeAttribute(name);
    }
    for (const { name, value } of want.attributes) {
      if (have.getAttribute(name) !== value && !ours(name)) have.setAttribute(name, value);
    }
    if (have.tagName !== "TEXTAREA") children(have, want);
    else have.defaultValue = want.defaultValue;
    if (typed || !have.matches(FIELDS) || have.type === "file") return;
    if (have.value !== want.value) have.value = want.value;
    if (have.checked !== want.checked) have.checked = want.checked;
  }

  function children(old, fresh) {
    const wanted = new Set([...fresh.children].map(keyOf));
    const kept = new Map([...old.children].filter(keyOf).map((node) => [keyOf(node), node]));
    let at = old.firstChild;
    const drop = () => { const next = at.nextSibling; at.remove(); at = next; };
    for (const want of [...fresh.childNodes]) {
      while (at && keyOf(at) && !wanted.has(keyOf(at))) drop();
      const key = keyOf(want);
      const candidate = key ? kept.get(key) : at && !keyOf(at) ? at : null;
      const same = candidate && candidate.nodeName === want.nodeName && candidate.type === want.type;
      if (!same) {
        old.insertBefore(want, at);
        continue;
      }
      if (candidate === at) at = at.nextSibling;
      else old.insertBefore(candidate, at);
      patch(candidate, want);
    }
    while (at) drop();
  }

  // Swap the content of `root` for `html`.
  function swap(root, html) {
    const focused = document.activeElement;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    children(root, fresh.content);
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
    // The row that had the focus is gone: stay near, so that the keyboard does not fall back to the top of the page.
    if (focused && !focused.isConnected) {
      root.tabIndex = -1;
      root.focus({ preventScroll: true });
    }
    if (window.htmx) window.htmx.process(root);
    root.dispatchEvent(new CustomEvent("nrm:swapped", { bubbles: true }));
  }

  window.nrm = Object.assign(window.nrm ?? {}, { swap, isBusy, isTyped, holdsTyped });
})();
