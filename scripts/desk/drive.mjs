// Drives Debian's Chromium for browser.go: one JSON document a line comes in, {do, ...},
// and one goes out, {value} or {error}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const require = createRequire(process.env.MODULES + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const slow = 20_000; // milliseconds for what should be there at once

let browser, context, page, errors = [], bytes = 0, requests = 0, cdp;

// run goes over the debugger, which no Content-Security-Policy and no Trusted Types hold up.
async function run(expression) {
  const r = await cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception?.description || r.exceptionDetails.text);
  return r.result.value;
}

const does = {
  // open starts a browser that nothing was done with. film is what its camera sees.
  async open({ film, width = 1280, height = 720, dark = false, phone = false, flags: more = [] }) {
    await browser?.close();
    const camera = film ? ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`] : [];
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: [...flags, ...camera, ...more] });
    context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", isMobile: phone, hasTouch: phone, acceptDownloads: true });
    context.setDefaultTimeout(slow);
    page = await context.newPage();
    page.on("pageerror", (e) => errors.push(String(e)));
    const left = /VideoFrame was garbage collected/; // a page was left while it read a picture
    page.on("console", (m) => m.type() === "error" && !left.test(m.text()) && errors.push(m.text()));
    page.on("requestfinished", () => requests++);
    cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    cdp.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
  },
  // authenticator puts a security key in that knows its owner and says yes.
  async authenticator() {
    await cdp.send("WebAuthn.enable");
    await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  },
  async grant({ what, origin }) { await context.grantPermissions(what, { origin }); },
  // deny says no to the camera, as a person does who clicks "block".
  async deny({ origin }) {
    const c = await browser.newBrowserCDPSession();
    const ids = (await c.send("Target.getBrowserContexts")).browserContextIds;
    for (const browserContextId of ids) await c.send("Browser.setPermission", { permission: { name: "camera" }, setting: "denied", origin, browserContextId });
  },
  async goto({ url }) { const r = await page.goto(url); return r?.status() ?? 0; },
  // init runs code in every page from the next on, before its own.
  async init({ code }) { await context.addInitScript(code); },
  async reload() { await page.reload(); },
  async url() { return page.url(); },
  async click({ at, most = slow }) { await page.click(at, { timeout: most }); },
  async press({ key }) { await page.keyboard.press(key); },
  // type presses the keys of a text one after the other, as a scanner does that is a keyboard.
  async type({ text, delay = 0 }) { await page.keyboard.type(text, { delay }); },
  // insert types a text at once.
  async insert({ text }) { await page.keyboard.insertText(text); },
  // drop lets go of files over an element, as a person does who drags them from a window.
  async drop({ at, paths }) {
    const b = await page.locator(at).boundingBox(), x = b.x + b.width / 2, y = b.y + b.height / 2;
    for (const type of ["dragEnter", "dragOver", "drop"]) await cdp.send("Input.dispatchDragEvent", { type, x, y, data: { items: [], files: paths, dragOperationsMask: 1 } });
  },
  async fill({ at, text }) { await page.fill(at, text); },
  async choose({ at, value }) { await page.selectOption(at, value); },
  async files({ at, paths }) { await page.setInputFiles(at, paths); },
  async text({ at }) { return run(`[...document.querySelectorAll(${JSON.stringify(at)})].map((e) => e.innerText).join("\\n")`); },
  async wait({ at, state = "visible", most = slow }) { await page.waitForSelector(at, { state, timeout: most }); },
  async until({ code, most = slow }) {
    for (const end = Date.now() + most; ; await new Promise((f) => setTimeout(f, 20))) {
      const v = await run(code).catch((e) => { if (Date.now() > end) throw e; });
      if (v) return v;
      if (Date.now() > end) throw new Error(`not within ${most} ms: ${code}`);
    }
  },
  async eval({ code }) { return (await run(code)) ?? null; },
  async download({ at, path }) {
    const [d] = await Promise.all([page.waitForEvent("download"), page.click(at)]);
    await d.saveAs(path);
    return d.suggestedFilename();
  },
  async shot({ path, full = false, at }) { await (at ? page.locator(at) : page).screenshot({ path, ...(at ? {} : { fullPage: full }) }); },
  // axe gives what the accessibility rules of WCAG 2.1 A and AA find.
  async axe() {
    await run(axe + ";0");
    return run(`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }).then((r) =>
      r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " (" + n.any.concat(n.all, n.none).map((c) => c.message).join("; ") + ")").join(" | ")))`);
  },
  // errors gives what pages complained about since the last time.
  async errors() { return errors.splice(0); },
  // traffic gives requests and bytes since the last time.
  async traffic() { const t = { requests, bytes }; requests = bytes = 0; return t; },
  async close() { await browser?.close(); browser = undefined; },
};

for await (const line of createInterface({ input: process.stdin })) {
  const q = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await does[q.do](q)) ?? null };
  } catch (e) {
    answer = { error: String(e.message || e).slice(0, 2000) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser?.close();
