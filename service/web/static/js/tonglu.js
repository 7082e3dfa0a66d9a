/* The keyboard and the line: what pages gain from a script. Everything works without it.

   Keys: an element with data-key="F2" is focused (a field) or pressed (a link, a button) by that key. Enter while an
   input method composes never submits. Forms are sent once, and sent again with the same Idempotency-Key while the
   line is down; what comes back replaces the page's content, so nothing that was typed is lost. After ten idle minutes
   the page is covered until the password is given; the form below stays as it is. Nothing is stored in the browser. */
(() => {
  "use strict";
  const texts = JSON.parse(document.body.dataset.texts || "{}");
  const SOON_MS = 300, SLOW_MS = 3000, RETRY_MS = 4000, IDLE_MS = 10 * 60 * 1000;

  /* Keys */
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) {
      event.stopPropagation();
      return;
    }
    if (!/^F\d+$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]")) return;
    const target = document.querySelector(`[data-key="${event.key}"]`);
    if (!target) {
      // A new record from anywhere but a form that is being filled in: that one is put aside first (F8).
      const place = document.body.dataset.newRecord;
      if (event.key === "F4" && place && !document.getElementById("register")) { event.preventDefault(); window.location.assign(place); }
      return;
    }
    event.preventDefault();
    if (target.matches("input, textarea, select")) { target.focus(); if (target.select) target.select(); }
    else target.click();
  }, true);
  /* The hits of a search: down from the box into the list, up and down in it, Escape back to the box */
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!["ArrowDown", "ArrowUp", "Escape"].includes(event.key)) return;
    const box = document.querySelector("[data-hits]");
    const hits = box ? [...document.querySelectorAll("[data-hit]")] : [];
    const at = hits.indexOf(document.activeElement);
    if (!box || (at < 0 && document.activeElement !== box)) return;
    if (event.key === "Escape") {
      if (at < 0) box.value = "";
    } else if (!hits.length) return;
    const next = event.key === "ArrowDown" ? hits[Math.min(at + 1, hits.length - 1)] : hits[at - 1];
    event.preventDefault();
    if (event.key !== "Escape" && next) next.focus();
    else { box.focus(); box.select(); }
  });
  /* On a narrow screen the navigation is longer than it: where one is shows all the same */
  const here = document.querySelector(".tl-nav [aria-current]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-print]");
    if (button) { event.preventDefault(); window.print(); }
  });

  /* The line */
  const line = (connected) => {
    const shown = document.getElementById("connection");
    if (!shown) return;
    shown.classList.toggle("tl-line--off", !connected);
    document.getElementById("connection-text").textContent = connected ? texts.connected : texts.disconnected;
  };
  const offline = (message) => {
    const shown = document.getElementById("offline");
    shown.textContent = message || "";
    shown.hidden = !message;
    line(!message);
  };
  window.addEventListener("offline", () => line(false));
  window.addEventListener("online", () => line(true));
  /* Parts of a page that renew themselves show it, too, and go on by themselves once the line is there again. */
  document.addEventListener("htmx:error", () => line(false));
  document.addEventListener("htmx:before:response", () => line(true));

  /* One form, sent once */
  const sending = new WeakSet();
  const wait = (ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    window.addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
  const busy = (form, button) => {
    const shown = button || form.querySelector("button");
    if (!shown) return () => {};
    shown.style.setProperty("min-width", `${shown.offsetWidth}px`);
    shown.setAttribute("aria-disabled", "true");
    const note = document.createElement("span");
    note.className = "tl-working";
    note.setAttribute("role", "status");
    // While the line is down nothing is done yet: going on would lose it.
    const say = (text) => { note.textContent = document.getElementById("offline").hidden ? text : texts.disconnected; };
    const soon = setTimeout(() => { say(texts.working); shown.parentElement.append(note); }, SOON_MS);
    const slow = setTimeout(() => say(texts.slow), SLOW_MS);
    return () => {
      clearTimeout(soon); clearTimeout(slow); note.remove();
      shown.removeAttribute("aria-disabled");
    };
  };
  const ask = async (url, body, key) => {
    for (;;) {
      try {
        const answer = await fetch(url, {
          method: "POST", body, credentials: "same-origin", redirect: "follow",
          headers: { "Accept": "text/html", "X-Tonglu-Fetch": "1", "Idempotency-Key": key },
        });
        offline("");
        return answer;
      } catch {
        offline(texts.offline);
        await wait(RETRY_MS);
      }
    }
  };
  /* What did not work is told above the form, which keeps what was typed */
  const tell = (nodes) => {
    const before = document.getElementById("beside");
    if (before) before.remove();
    const box = document.createElement("div");
    box.id = "beside";
    box.className = "govuk-error-summary tl-error-beside";
    box.tabIndex = -1;
    box.setAttribute("role", "alert");
    box.append(...nodes);
    document.querySelector("main").prepend(box);
    box.focus();
    window.scrollTo(0, 0);
  };
  /* Another session has other tokens: the page of whoever is signed in now gives them, if it is the same officer. */
  let stale = false;
  const freshen = async () => {
    const answer = await fetch(window.location.href, { headers: { "Accept": "text/html" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector("input[name=form_token]");
    const who = (place) => { const shown = place.querySelector(".tl-officer"); return shown ? shown.textContent : ""; };
    if (!token || who(page) !== who(document)) return;
    for (const field of document.querySelectorAll("input[name=form_token]")) field.value = token.value;
    stale = false;
  };
  const ended = () => {
    stale = true;
    const link = document.createElement("a");
    link.className = "govuk-link";
    link.href = "/signin";
    link.target = "_blank";
    link.textContent = texts.signin;
    const words = document.createElement("p");
    words.className = "govuk-body";
    words.append(texts.ended, " ", link);
    tell([words]);
  };
  const show = (html, form) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.querySelector("main");
    const old = document.querySelector("main");
    if (!fresh || !old) return;
    const told = fresh.querySelector("[data-beside]");
    if (told && form.isConnected) {
      stale = true;
      const title = document.createElement("h2");
      title.className = "govuk-error-summary__title";
      title.textContent = told.querySelector("h1").textContent;
      const rest = [...told.querySelectorAll("p")].map((one) => document.importNode(one, true));
      for (const link of rest.flatMap((one) => [...one.querySelectorAll("[data-leaves]")])) link.remove();
      tell([title, ...rest]);
      return;
    }
    document.title = page.title;
    old.replaceWith(document.importNode(fresh, true));
    const main = document.querySelector("main");
    if (window.htmx) window.htmx.process(main);
    const summary = document.getElementById("error-summary");
    (summary || main).focus();
    window.scrollTo(0, 0);
  };
  const send = async (form, button) => {
    if (stale) await freshen();
    const body = new FormData(form, button || undefined);
    const key = form.elements.form_key ? form.elements.form_key.value : crypto.randomUUID();
    const encoded = form.enctype === "multipart/form-data" ? body : new URLSearchParams(body);
    const done = busy(form, button);
    const url = button && button.hasAttribute("formaction") ? button.formAction : form.action;
    try {
      for (;;) {
        const answer = await ask(url, encoded, key);
        if (answer.status === 204 && answer.headers.has("X-Tonglu-Location")) {
          const next = answer.headers.get("X-Tonglu-Location");
          if (next.startsWith("/signin?") && document.body.dataset.idleLock) ended();
          else window.location.assign(next);
          return;
        }
        if (answer.headers.has("X-Tonglu-Locked")) { await lock(true); continue; }
        if (answer.redirected) { window.location.assign(answer.url); return; }
        show(await answer.text(), form);
        return;
      }
    } finally {
      done();
      sending.delete(form);
    }
  };
  /* A form that is being filled in stays under the lock; any other page is left, and holds no name any more. */
  const isFilledIn = () => [...document.querySelectorAll("main form[method=post] :is(input:not([type=hidden]), textarea)")].some(
    (field) => (["checkbox", "radio"].includes(field.type) ? field.checked !== field.defaultChecked : field.value && field.name !== "q"),
  );
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.querySelector("[data-lock]") && isFilledIn()) { event.preventDefault(); lock(false); return; }
    if (sending.has(form)) { event.preventDefault(); return; }
    sending.add(form);
    if ("plain" in form.dataset || form.closest("[data-own-lock]")) return;
    event.preventDefault();
    send(form, event.submitter);
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });

  /* The lock: the page is covered, the form stays */
  let covering = null;
  const lock = (already) => {
    if (covering) return covering;
    const path = document.body.dataset.idleLock;
    if (!path) { window.location.reload(); return new Promise(() => {}); }
    covering = (async () => {
      const token = document.querySelector("input[name=form_token]");
      if (!already) {
        const body = new URLSearchParams({ form_token: token ? token.value : "" });
        await fetch(path, { method: "POST", body, headers: { "X-Tonglu-Fetch": "1" } }).catch(() => {});
      }
      const answer = await fetch(path, { headers: { "Accept": "text/html" } }).catch(() => null);
      if (!answer) { window.location.assign(path); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const box = page.querySelector("[data-unlock]");
      if (!box) { window.location.assign(answer.url); return; }
      const dialog = document.createElement("dialog");
      dialog.className = "tl-lock";
      dialog.setAttribute("data-own-lock", "");
      dialog.setAttribute("aria-label", page.title);
      dialog.append(document.importNode(box, true));
      dialog.addEventListener("cancel", (event) => event.preventDefault());
      document.body.append(dialog);
      dialog.showModal();
      document.dispatchEvent(new Event("tonglu:lock"));
      await new Promise((resolve) => {
        dialog.addEventListener("submit", async (event) => {
          event.preventDefault();
          const form = event.target;
          const reply = await fetch(form.action, {
            method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "Accept": "text/html", "X-Tonglu-Fetch": "1" },
          }).catch(() => null);
          if (!reply) return;
          /* Another officer signs in next: what lies under the lock is not theirs to see. */
          if (form.action.endsWith("/signout")) { window.location.assign(reply.headers.get("X-Tonglu-Location") || "/signin"); return; }
          if (reply.status === 204) { dialog.close(); dialog.remove(); resolve(); return; }
          const again = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("[data-unlock]");
          if (!again) { window.location.assign("/signin"); return; }
          dialog.replaceChildren(document.importNode(again, true));
          document.dispatchEvent(new Event("tonglu:lock"));
          const field = dialog.querySelector("input[type=password]");
          if (field) field.focus();
        });
      });
      covering = null;
      rest();
    })();
    return covering;
  };
  let idle = 0;
  const rest = () => {
    if (!document.body.dataset.idleLock) return;
    clearTimeout(idle);
    idle = setTimeout(() => lock(false), IDLE_MS);
  };
  for (const kind of ["keydown", "pointerdown", "input"]) document.addEventListener(kind, rest, { passive: true });
  rest();

  /* An error summary is what a reader meets first */
  const summary = document.getElementById("error-summary");
  if (summary) summary.focus();
})();
