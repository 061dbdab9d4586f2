// The one place where text becomes HTML or the address of a script: only what this
// server itself sent or serves (Trusted Types; the policy refuses other addresses).
const own = (url) => {
  if (new URL(url, location.href).origin !== location.origin) throw new TypeError("a script from elsewhere");
  return url;
};
const policy = globalThis.trustedTypes?.createPolicy("desk", { createHTML: (s) => s, createScriptURL: own });

// parse makes a document of HTML that this server answered with.
export const parse = (html) => new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");

// script gives an address of ours as Worker and import take it.
export const script = (url) => (policy ? policy.createScriptURL(url) : own(url));
