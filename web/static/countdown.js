// Counts the seconds that the server said are left. Never reads the clock of the device, which may be wrong.
// Starts at the moment the page was asked for, so that a slow line shows too little time rather than too much.
(() => {
  "use strict";
  const pageAsked = performance.getEntriesByType("navigation")[0]?.requestStart ?? 0;
  const known = new WeakMap();
  const voice = document.createElement("p");
  voice.className = "unseen";
  voice.setAttribute("aria-live", "assertive");
  document.body.append(voice);

  function clockText(seconds) {
    const pad = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor((seconds % 3600) / 60);
    return (hours ? `${hours}:${pad(minutes)}` : `${minutes}`) + `:${pad(seconds % 60)}`;
  }

  function read(element, asked) {
    const left = Number(element.dataset.countdown);
    const before = known.get(element);
    known.set(element, { end: asked + left * 1000, last: before?.last ?? left });
  }

  function tick() {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      if (!known.has(element)) read(element, element.closest("[data-live-src]")?.nrmAsked ?? performance.now());
      const state = known.get(element);
      const left = Math.max(0, Math.ceil((state.end - performance.now()) / 1000));
      const passed = (mark) => state.last > mark && left <= mark;
      const say = element.dataset;
      const place = element.querySelector("[data-countdown-left]");
      // Days are in the words of the server, which come again with the part they stand in.
      const text = left >= 86_400 ? place.textContent : left ? say.left.replace("{t}", clockText(left)) : say.over;
      if (place.textContent !== text) place.textContent = text;
      element.classList.toggle("countdown--soon", left > 0 && left <= 300);
      element.classList.toggle("countdown--over", left === 0);
      if (passed(0)) voice.textContent = say.sayOver;
      else if (passed(60)) voice.textContent = say.sayOne;
      else if (passed(300)) voice.textContent = say.say.replace("{n}", "5");
      if (passed(0)) element.dispatchEvent(new CustomEvent("nrm:over", { bubbles: true }));
      state.last = left;
    }
  }

  for (const element of document.querySelectorAll("[data-countdown]")) read(element, pageAsked);
  document.addEventListener("nrm:swapped", ({ target }) => {
    for (const element of target.querySelectorAll("[data-countdown]")) read(element, target.nrmAsked ?? performance.now());
    tick();
  });
  setInterval(tick, 1000);
  tick();
})();
