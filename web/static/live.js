// The live line. The server sends hints ("requests changed, number 812"), never data; this page then fetches again what
// it may see. Nothing may be missed: a hint marks an element as wanted, and only a fetch that started later clears that.
(() => {
  "use strict";
  const { body } = document;
  if (!body.dataset.liveSeq) return;
  const { swap, isBusy, holdsTyped } = window.nrm;
  const silenceMax = Number(body.dataset.liveSilence ?? 45) * 1000; // longer without any frame: the line is dead
  const refreshEvery = Number(body.dataset.liveEvery ?? 60) * 1000; // ages in words grow old without any event
  const title = document.title;
  const states = new WeakMap();
  let seq = Number(body.dataset.liveSeq);
  let socket = null;
  let failures = 0;
  let heard = 0;
  let lastGood = performance.now();
  let lostSince = null;
  let redial = 0;

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const backoff = (n, max) => Math.min(max, 500 * 2 ** Math.min(n, 10)) * (0.5 + Math.random() / 2);
  const regions = () => document.querySelectorAll("[data-live-src]");

  // --- fetching: per element one fetch in flight and one queued -------------------------------------------------
  async function refresh(region) {
    const state = states.get(region) ?? states.set(region, { wanted: false, running: false, html: null, tries: 0 }).get(region);
    state.wanted = true;
    if (state.running) return void state.nudge?.();
    state.running = true;
    while (state.wanted && region.isConnected) {
      if (state.tries) await Promise.race([pause(backoff(state.tries, 30_000)), new Promise((done) => { state.nudge = done; })]);
      else await pause(Math.random() * 150);
      state.nudge = null;
      state.wanted = false; // a hint from here on means: once more
      if (!(await load(region, state))) state.wanted = true;
    }
    state.running = false;
  }

  async function load(region, state) {
    const asked = performance.now();
    try {
      const answer = await fetch(region.dataset.liveSrc, {
        headers: { "X-Fragment": "1" }, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(15_000),
      });
      const login = body.dataset.login;
      if (answer.status === 401 || (answer.redirected && new URL(answer.url).pathname === login)) {
        // Leaving would throw away what was typed: sending it leads to the login as well, and takes it along.
        if (holdsTyped()) throw new Error("logged out");
        location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
        return true;
      }
      if (answer.status === 403 || answer.status === 404) { // no longer ours to see: never leave it standing
        offer(region, state, `<p class="hint">${body.dataset.liveGone}</p>`, asked);
        return true;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const html = await answer.text();
      state.tries = 0;
      lastGood = performance.now();
      offer(region, state, html, asked);
      return true;
    } catch (problem) {
      state.tries += 1;
      console.warn("live:", region.dataset.liveSrc, problem.message);
      return false;
    }
  }

  // --- swapping: never under a finger, never over half-typed input ----------------------------------------------
  let pressed = false;
  const released = (_, wait = 50) => setTimeout(() => { pressed = false; regions().forEach((region) => settle(region)); }, wait);
  addEventListener("pointerdown", () => { pressed = true; released(null, 3000); }, true);
  addEventListener("pointerup", released, true);
  addEventListener("pointercancel", released, true);
  addEventListener("focusout", () => setTimeout(() => regions().forEach((region) => settle(region))));
  addEventListener("reset", () => setTimeout(() => regions().forEach((region) => settle(region))));

  function offer(region, state, html, asked) {
    if (html === state.html && !state.held) return;
    state.held = { html, asked };
    settle(region);
  }

  function settle(region, force = false) {
    const state = states.get(region);
    if (!state?.held || (pressed && !force)) return;
    if (!force && isBusy(region)) {
      if (!state.note) region.before((state.note = noteFor(region)));
      return;
    }
    const { html, asked } = state.held;
    state.note?.remove();
    state.note = state.held = null;
    state.html = html;
    region.nrmAsked = asked;
    swap(region, html);
    // What was said after a tap a while ago may not be so any more: "asked" above a house that has said no.
    if (performance.now() > Number(body.dataset.liveSaid ?? 10) * 1000) document.querySelectorAll(".flash.utrecht-alert--ok").forEach((said) => said.remove());
    countWaiting();
  }

  function noteFor(region) {
    const note = document.createElement("button");
    note.type = "button";
    note.className = "news";
    note.textContent = body.dataset.liveNews;
    note.addEventListener("click", () => settle(region, true));
    return note;
  }

  function countWaiting() {
    const counts = [...document.querySelectorAll("[data-live-count]")].map((one) => Number(one.dataset.liveCount) || 0);
    const waiting = counts.reduce((sum, count) => sum + count, 0);
    document.title = waiting ? `(${waiting}) ${title}` : title;
  }

  // --- the line ---------------------------------------------------------------------------------------------------
  function hear(text) {
    heard = performance.now();
    failures = 0;
    let frame = { type: "resync" };
    try { frame = JSON.parse(text); } catch { /* unreadable: fetch everything rather than miss something */ }
    if (frame.type === "ping") return;
    if (Number.isSafeInteger(frame.seq)) seq = Math.max(seq, frame.seq);
    const topics = frame.type === "hint" && Array.isArray(frame.topics) ? frame.topics : null;
    for (const region of regions()) {
      const own = (region.dataset.liveTopics ?? "").split(/\s+/);
      if (!topics || own.some((topic) => topics.includes(topic))) refresh(region);
    }
  }

  function dial() {
    clearTimeout(redial);
    if (socket) return;
    const line = new WebSocket(`${location.origin.replace(/^http/, "ws")}${body.dataset.liveLine}?after=${seq}`);
    let opened = false;
    socket = line;
    heard = performance.now();
    line.onopen = () => {
      opened = true;
      heard = performance.now();
      regions().forEach((region) => states.get(region)?.nudge?.()); // what could not be fetched can be now
      show("on");
    };
    line.onmessage = ({ data }) => { if (socket === line) hear(data); };
    line.onclose = ({ code }) => {
      if (socket !== line) return;
      socket = null;
      if (!opened || code === 4401 || code === 1008) regions().forEach((region) => refresh(region)); // logged out, perhaps: a fetch will tell
      redial = setTimeout(dial, backoff(failures, 30_000));
      failures += 1;
      lostSince ??= performance.now();
    };
  }

  function hangUp() {
    const line = socket;
    if (!line) return;
    line.close(); // its close event may take minutes on a dead line, so act as if it came
    line.onclose({ code: 1006 });
  }

  function wake() {
    if (document.visibilityState === "hidden") return;
    if (socket && performance.now() - heard > silenceMax) hangUp();
    failures = 0;
    dial();
    regions().forEach((region) => refresh(region));
  }

  // --- what the person sees of it -----------------------------------------------------------------------------------
  function show(state) {
    const sign = document.querySelector("[data-live-state]");
    if (state === "on") { lostSince = null; lastGood = performance.now(); }
    body.classList.toggle("is-lost", state === "lost");
    if (!sign) return;
    sign.dataset.liveState = state;
    const minutes = Math.floor((performance.now() - lastGood) / 60_000);
    const age = state !== "lost" || !minutes ? "" : minutes === 1 ? sign.dataset.ageOne : sign.dataset.ageMany.replace("{n}", minutes);
    const text = `${sign.dataset[state]} ${age}`.trim();
    const place = sign.querySelector("[data-live-text]");
    if (place.textContent !== text) place.textContent = text;
  }

  setInterval(() => {
    if (socket && performance.now() - heard > silenceMax) hangUp();
    if (lostSince !== null && performance.now() - lostSince > 1500) show("lost"); // a blink is not worth a word
    else if (socket?.readyState === WebSocket.OPEN) lastGood = Math.max(lastGood, heard);
  }, 1000);
  setInterval(() => { if (document.visibilityState === "visible") regions().forEach((region) => refresh(region)); }, refreshEvery);
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("offline", hangUp);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) wake(); });
  document.addEventListener("nrm:over", ({ target }) => { const region = target.closest("[data-live-src]"); if (region) refresh(region); });
  countWaiting();
  dial();
})();
