// The sound of the night. A browser lets nothing sound until a person pressed something here, so that silence is an
// alarm of its own: it says so in words until it is put on. A tone plays for every alarm that was not there before.
(() => {
  "use strict";
  const panel = document.querySelector("[data-sound]");
  if (!panel) return;
  const RINGING = ".alarm[data-live-count], [data-rings]";
  const MUTE_MS = 10 * 60 * 1000;
  const text = panel.querySelector("[data-sound-text]");
  const on = panel.querySelector("[data-sound-on]");
  const mute = panel.querySelector("[data-sound-mute]");
  const say = panel.dataset;
  let context = null;
  let mutedUntil = 0;
  let shown = "";

  const keys = () => new Set([...document.querySelectorAll(RINGING)].map((one) => one.id || one.dataset.key));
  let known = keys();

  function tone() {
    if (!context || context.state !== "running") return;
    const begin = context.currentTime;
    for (const [at, hertz] of [[0, 660], [0.25, 880], [0.5, 660]]) {
      const source = context.createOscillator();
      const volume = context.createGain();
      source.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, begin + at);
      volume.gain.exponentialRampToValueAtTime(0.4, begin + at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, begin + at + 0.22);
      source.connect(volume).connect(context.destination);
      source.start(begin + at);
      source.stop(begin + at + 0.24);
    }
    panel.dataset.played = String(Number(panel.dataset.played ?? 0) + 1);
  }

  function show() {
    const running = context?.state === "running";
    const muted = running && performance.now() < mutedUntil;
    const now = muted ? "muted" : running ? "on" : "off";
    if (now === shown) return;
    shown = now;
    panel.dataset.state = now;
    text.textContent = { on: say.on, off: say.off, muted: say.muted }[now];
    mute.hidden = now === "off";
    mute.textContent = muted ? say.unmute : say.mute;
    on.textContent = running ? say.again : say.start;
  }

  async function start() {
    context ??= new AudioContext();
    context.onstatechange = show;
    await context.resume();
    mutedUntil = 0;
    show();
    tone();
  }

  on.addEventListener("click", start);
  mute.addEventListener("click", () => {
    mutedUntil = performance.now() < mutedUntil ? 0 : performance.now() + MUTE_MS;
    show();
  });
  new MutationObserver(() => {
    const there = keys();
    const fresh = [...there].some((key) => !known.has(key));
    known = there;
    if (fresh && performance.now() >= mutedUntil) tone();
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-live-count", "data-rings"] });
  setInterval(() => { // what still rings is said again, and a mute ends by itself
    show();
  }, 1000);
  setInterval(() => {
    if (known.size && performance.now() >= mutedUntil) tone();
  }, 60_000);

  // A shift begins with a tone that was heard: the first press plays it, the second says what was heard.
  if (say.sound === "begin") {
    const begin = document.querySelector('form[action="/piket/begin"]');
    begin?.addEventListener("submit", (event) => {
      if (panel.dataset.asked) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      panel.dataset.asked = "yes";
      start();
      const ask = document.createElement("p");
      ask.setAttribute("role", "status");
      ask.textContent = say.heard;
      begin.prepend(ask);
      const button = begin.querySelector("button");
      button.textContent = say.yes;
      const mute = document.createElement("button");
      mute.className = "nl-button nl-button--secondary wide";
      mute.textContent = say.no;
      begin.append(mute);
    }, { capture: true });
  }

  // Where a press came before this page, some browsers let it sound at once.
  try {
    context = new AudioContext();
    context.onstatechange = show;
  } catch {
    context = null;
  }
  show();
})();
