/* Registering quickly: one line that fills the form, regions picked from a list, Enter that goes on. Without a script
   the same page works by its buttons; nothing is decided here that the node does not decide again. */
(() => {
  "use strict";
  const composing = (event) => event.isComposing || event.keyCode === 229;
  const FILLED = ["name", "document_type", "document_number", "date_of_birth", "phone"];

  /* What a card reader types, a paste, or a typed line: the node takes it apart */
  const goOn = () => {
    const empty = ["name", "region", "moved_on"].map((id) => document.getElementById(id)).find((one) => one && !one.value.trim());
    const ways = [...document.querySelectorAll("input[name=notice_way]")];
    const next = empty || (ways.some((one) => one.checked) ? null : ways[0]);
    if (next) next.focus();
  };
  const fill = async (line, onward) => {
    const form = line.form;
    if (!line.value.trim()) { if (onward) goOn(); return; }
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, {
      method: "POST", body, credentials: "same-origin", headers: { "Accept": "text/html", "X-Tonglu-Fetch": "1" },
    }).catch(() => null);
    if (!answer || !answer.ok) { form.submit(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of FILLED) {
      const got = page.getElementById(id);
      const here = document.getElementById(id);
      if (got && here && got.value) here.value = got.value;
    }
    line.value = "";
    const name = document.getElementById("name");
    if (name) name.dispatchEvent(new Event("change", { bubbles: true }));
    if (onward) goOn();
  };
  document.addEventListener("keydown", (event) => {
    if (composing(event) || event.key !== "Enter") return;
    if (event.target.matches("[data-intake]")) { event.preventDefault(); fill(event.target, true); }
    else if (event.target.matches("select") && event.target.form && event.target.form.id === "register") {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  /* A resident ID tells the date of birth (GB 11643); one that was typed stays */
  document.addEventListener("change", (event) => {
    if (event.target.id !== "document_number" || !document.getElementById("line")) return;
    const born = document.getElementById("date_of_birth");
    const number = event.target.value.normalize("NFKC").replace(/\s/g, "");
    if (born && !born.value && /^\d{17}[\dXx]$/.test(number)) born.value = number.slice(6, 14);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-intake]")) { event.stopPropagation(); fill(event.target, false); }
  });

  /* The region picker: a list under the field, the first one chosen by Enter or Tab */
  const pickers = new WeakSet();
  const picker = (field) => {
    const source = document.getElementById(field.getAttribute("list"));
    if (!source) return;
    field.removeAttribute("list");
    const box = document.createElement("ul");
    box.className = "tl-options";
    box.id = `${field.id}-list`;
    box.setAttribute("role", "listbox");
    box.setAttribute("aria-label", field.labels.length ? field.labels[0].textContent.trim() : "");
    box.hidden = true;
    field.after(box);
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", box.id);
    // `current`: the list is of what stands in the field; a hand that types on is faster than the node's answer.
    let active = 0, waiting = false, current = false, settled = field.value;
    const options = () => [...box.children];
    const close = () => {
      box.hidden = true;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    };
    const mark = (place) => {
      active = Math.max(-1, Math.min(place, options().length - 1));
      options().forEach((one, at) => one.setAttribute("aria-selected", at === active ? "true" : "false"));
      if (active < 0) field.removeAttribute("aria-activedescendant");
      else if (options()[active]) {
        field.setAttribute("aria-activedescendant", options()[active].id);
        options()[active].scrollIntoView({ block: "nearest" });
      }
    };
    const pick = () => {
      const chosen = options()[active];
      waiting = false;
      if (chosen) { field.value = chosen.textContent; settled = field.value; }
      close();
    };
    // Opened by a mouse nothing is marked: going on by Tab then takes nothing that nobody chose.
    const open = (first = 0) => {
      box.replaceChildren(...[...source.querySelectorAll("option")].map((option, at) => {
        const one = document.createElement("li");
        one.id = `${box.id}-${at}`;
        one.setAttribute("role", "option");
        one.textContent = option.value;
        one.addEventListener("mousedown", (event) => { event.preventDefault(); active = at; pick(); });
        return one;
      }));
      if (!options().length) { close(); return; }
      box.hidden = false;
      current = true;
      field.setAttribute("aria-expanded", "true");
      mark(first);
    };
    close();
    new MutationObserver(() => {
      // Each option holds what it was asked for: an answer to less than was typed meanwhile offers nothing.
      const first = source.querySelector("option");
      if (first && first.textContent.trim() !== field.value.trim()) return;
      if (waiting && !first) return;
      if (waiting) { open(); pick(); }
      else if (document.activeElement === field && field.value.trim() && field.value !== settled) open();
    }).observe(source, { childList: true });
    field.addEventListener("keydown", (event) => {
      if (composing(event)) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (box.hidden) open(); else mark(Math.max(0, active + (event.key === "ArrowDown" ? 1 : -1)));
      } else if (event.key === "Escape" && !box.hidden) { event.preventDefault(); close(); }
      else if (event.key === "Enter" || event.key === "Tab") {
        const undecided = field.value.trim() && field.value !== settled;
        const marked = !box.hidden && current && active >= 0;
        if (marked) pick();
        else if (undecided) { waiting = true; close(); }
        if (event.key === "Enter" && (undecided || marked)) event.preventDefault();
      }
    });
    field.addEventListener("input", () => { current = false; waiting = false; });
    field.addEventListener("click", () => { if (box.hidden && !field.value.trim()) open(-1); });
    field.addEventListener("blur", () => { if (!waiting) close(); });
  };
  const attach = (field) => {
    if (field && field.matches && field.matches("input[data-regions]") && !pickers.has(field)) { pickers.add(field); picker(field); }
  };
  document.addEventListener("focusin", (event) => attach(event.target));
  // A field may have been given the focus before this script ran.
  attach(document.activeElement);
})();
