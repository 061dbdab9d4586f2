// Passkeys: asks the server what to ask the authenticator, and brings its answer back.
// Forms with data-passkey name the address that begins and finishes.
const to = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const from = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(url, body) {
  const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw new Error([said.what, said.cure].filter(Boolean).join("; "));
  return said;
}

async function create(o) {
  o.challenge = to(o.challenge);
  o.user.id = to(o.user.id);
  for (const c of o.excludeCredentials ?? []) c.id = to(c.id);
  const c = await navigator.credentials.create({ publicKey: o });
  return { id: c.id, rawId: from(c.rawId), type: c.type, response: { clientDataJSON: from(c.response.clientDataJSON), attestationObject: from(c.response.attestationObject), transports: c.response.getTransports?.() ?? [] } };
}

async function get(o) {
  o.challenge = to(o.challenge);
  for (const c of o.allowCredentials ?? []) c.id = to(c.id);
  const c = await navigator.credentials.get({ publicKey: o });
  const r = c.response;
  return { id: c.id, rawId: from(c.rawId), type: c.type, response: { clientDataJSON: from(r.clientDataJSON), authenticatorData: from(r.authenticatorData), signature: from(r.signature), userHandle: r.userHandle ? from(r.userHandle) : null } };
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const said = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    said.hidden = true;
    button.disabled = true;
    const at = form.dataset.passkey;
    const more = { code: form.elements.code?.value ?? "", name: form.elements.name?.value ?? "" };
    try {
      const begun = await post(at + "/begin", more);
      const answer = await (begun.options.user ? create : get)(begun.options);
      const done = await post(at + "/finish", { ...more, ticket: begun.ticket, answer });
      location.assign(done.to);
    } catch (error) {
      said.textContent = error.message;
      said.hidden = false;
      button.disabled = false;
    }
  });
}
