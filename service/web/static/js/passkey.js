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

  const signIn = document.querySelector("form[data-passkey='sign-in']");
  if (signIn) {
    signIn.hidden = false;
    signIn.addEventListener("submit", async (event) => {
      event.preventDefault();
      shown(signIn, false);
      try {
        const { step, options } = await ask("/signin/passkey/options", signIn);
        const made = await navigator.credentials.get({ publicKey: opened(options) });
        signIn.elements.step.value = step;
        signIn.elements.credential.value = written(made);
        HTMLFormElement.prototype.submit.call(signIn);
      } catch { shown(signIn, true); }
    });
  }
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
