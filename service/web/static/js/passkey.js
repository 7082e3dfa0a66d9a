/* Passkeys: what the browser's WebAuthn takes and gives, as JSON with base64url. Without this script (or an
   authenticator) officers sign in with password and code. */
(() => {
  "use strict";
  if (!window.PublicKeyCredential || !window.isSecureContext) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const opened = (options) => {
    const read = { ...options, challenge: bytes(options.challenge) };
    if (read.user) read.user = { ...read.user, id: bytes(read.user.id) };
    for (const list of ["allowCredentials", "excludeCredentials"])
      if (read[list]) read[list] = read[list].map((one) => ({ ...one, id: bytes(one.id) }));
    return read;
  };
  const written = (made) => {
    const answer = made.response;
    const response = { clientDataJSON: text(answer.clientDataJSON) };
    if (answer.attestationObject) response.attestationObject = text(answer.attestationObject);
    else {
      response.authenticatorData = text(answer.authenticatorData);
      response.signature = text(answer.signature);
      response.userHandle = answer.userHandle ? text(answer.userHandle) : null;
    }
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} });
  };
  const ask = async (address, form) => {
    const answer = await fetch(address, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const shown = (place, visible) => { const note = place.querySelector("[data-passkey-error]"); if (note) note.hidden = !visible; };

  /* Signing in and unlocking: the form says where its challenge is. Once the authenticator has signed, the form goes
     its usual way; the lock may be put over a page later (tonglu.js says so). */
  const offer = () => { for (const form of document.querySelectorAll("form[data-passkey]")) form.hidden = false; };
  offer();
  document.addEventListener("tonglu:lock", offer);
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.passkey) return;
    if (form.elements.credential.value) return;
    event.preventDefault();
    event.stopPropagation();
    shown(form, false);
    try {
      const { step, options } = await ask(form.dataset.passkey, form);
      const made = await navigator.credentials.get({ publicKey: opened(options) });
      form.elements.step.value = step;
      form.elements.credential.value = written(made);
      form.requestSubmit();
    } catch { shown(form, true); }
  }, true);
  const place = document.querySelector("[data-passkey='enrol']");
  if (place) {
    place.hidden = false;
    place.querySelector("[data-passkey-enrol]").addEventListener("click", async (event) => {
      event.preventDefault();
      shown(place, false);
      const form = place.closest("form");
      try {
        const { step, options } = await ask("/account/passkeys/options", form);
        const made = await navigator.credentials.create({ publicKey: opened(options) });
        for (const [name, value] of [["step", step], ["credential", written(made)]]) {
          const field = document.createElement("input");
          field.type = "hidden"; field.name = name; field.value = value;
          form.append(field);
        }
        form.action = "/account/passkeys";
        HTMLFormElement.prototype.submit.call(form);
      } catch { shown(place, true); }
    });
  }
})();
