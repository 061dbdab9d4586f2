// The page "Take back": what comes in, from a camera, a file or a scanner.
import { Camera } from "./camera.js";
import { call, el, field, say, sentence } from "./dom.js";
import { result } from "./result.js";
import { words } from "./words.js";

const slow = 5000; // milliseconds that a thing which is not of use stays told

export function take(box, base, kind, links = {}) {
  new Taker(box, base, kind, links).begin();
}

class Taker {
  constructor(box, base, kind, links) {
    Object.assign(this, { box, base, kind, links, scan: null, over: false });
    this.view = document.createElement("video");
    Object.assign(this.view, { muted: true, playsInline: true });
    this.view.setAttribute("aria-label", words.view);
    this.over2d = el("canvas", { "aria-hidden": "true" });
    this.camera = new Camera(this.view, (body, kind, size) => this.picture(body, kind, size), () => this.failed({ name: "ended" }));
    this.alarm = el("div", { className: "alarm", role: "alert", hidden: true });
    this.note = el("div", { className: "alarm", role: "status", hidden: true });
    this.head = el("p", { className: "big", role: "status", id: "say" }, words.kind[kind] + ".");
    this.bar = el("progress", { max: 1, value: 0, id: "progress", "aria-label": words.pieces(0, 0) });
    this.count = el("p", { className: "huge", id: "count" });
    this.rest = el("p", { className: "dim", id: "rest" });
    this.progress = el("div", { hidden: true }, this.count, this.bar, this.rest);
    this.finder = el("div", { className: "finder", hidden: true }, this.view, this.over2d);
    box.replaceChildren(el("div", { className: "carry take" }, el("div", {}, this.finder, this.ways()),
      el("div", { className: "side" }, this.head, this.progress, this.note, this.alarm, this.more())));
  }

  // ways are those in, beside the camera's picture.
  ways() {
    this.start = el("button", { type: "button", className: "main", id: "scan", onclick: () => this.look() }, words.scan);
    this.file = el("input", { type: "file", id: "file", onchange: () => this.file.files[0] && this.read(this.file.files[0]) });
    const zone = el("div", { className: "zone", id: "zone" }, field(words.drop, this.file));
    zone.addEventListener("dragover", (e) => { e.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (e) => {
      e.preventDefault();
      zone.classList.remove("over");
      if (e.dataTransfer.files[0]) this.read(e.dataTransfer.files[0]);
    });
    return el("div", { className: "ways" }, this.start, zone);
  }

  more() {
    this.pick = el("select", { id: "camera", onchange: () => this.look() });
    this.picking = field(words.camera, this.pick);
    this.torch = el("input", { type: "checkbox", id: "torch", onchange: () => this.camera.light(this.torch.checked).catch(() => {}) });
    this.lighting = field(words.light, this.torch);
    this.picking.hidden = this.lighting.hidden = true;
    this.testnet = el("input", { type: "checkbox", id: "testnet" });
    const keys = el("div", { hidden: this.kind !== "keys" }, field(words.testnet, this.testnet));
    const text = el("textarea", { id: "typed", rows: 4, spellcheck: false, autocomplete: "off", "aria-describedby": "typed-help" });
    const form = el("form", { onsubmit: (e) => { e.preventDefault(); this.typed(text); } },
      field(words.typed, text, el("p", { className: "dim", id: "typed-help" }, words.typedHelp)), el("button", {}, words.read));
    return el("div", {}, this.picking, this.lighting, keys, el("details", {}, el("summary", {}, words.typed), form));
  }

  // begin goes on with the scan that the address names.
  async begin() {
    const id = new URLSearchParams(location.hash.slice(1)).get("scan");
    if (!id) return;
    try {
      const seen = await call(this.base, `/in/${id}`);
      if (seen.kind !== this.kind) return;
      this.scan = id;
      this.show(seen);
      if (seen.whole || !seen.progress) return;
      this.head.textContent = words.going(seen.progress.have, seen.progress.need);
      this.start.textContent = words.resume;
      this.look();
    } catch {
      history.replaceState(null, "", location.pathname + location.search); // it is over
    }
  }

  // opened makes the scan on the server, once.
  async opened() {
    if (this.scan) return this.scan;
    const seen = await call(this.base, "/in", { body: { kind: this.kind, testnet: this.testnet.checked } });
    return this.keep(seen.scan);
  }

  keep(id) {
    this.scan = id;
    history.replaceState(null, "", `${location.pathname}${location.search}#scan=${id}`);
    return id;
  }

  async look() {
    if (this.over) return this.afresh();
    this.alarm.hidden = true;
    try {
      await this.opened();
      this.began = performance.now();
      await this.camera.start(this.pick.value);
    } catch (e) {
      return this.failed(e);
    }
    this.finder.hidden = false;
    if (this.progress.hidden) this.head.textContent = words.looking;
    this.start.replaceWith((this.start = el("button", { type: "button", id: "scan", onclick: () => this.halt() }, words.stop)));
    this.lighting.hidden = !this.camera.hasLight;
    const list = await Camera.list().catch(() => []);
    const now = this.camera.track?.getSettings?.().deviceId;
    this.pick.replaceChildren(...list.map((d, i) => el("option", { value: d.deviceId, selected: d.deviceId === now }, d.label || `${words.camera} ${i + 1}`)));
    this.picking.hidden = list.length < 2;
  }

  // halt stops the camera; what was read is kept.
  halt(text = words.resume) {
    this.camera.stop();
    this.finder.hidden = true;
    this.start.replaceWith((this.start = el("button", { type: "button", className: "main", id: "scan", onclick: () => this.look() }, text)));
  }

  afresh() {
    location.hash = "";
    location.reload();
  }

  failed(e) {
    this.halt(words.again);
    if (e.code) return say(this.alarm, e);
    const [what, cure] = words.cameras[e.name] || words.cameras[e.name === "SecurityError" ? "NotAllowedError" : "other"];
    say(this.alarm, { message: what, cure });
    this.alarm.dataset.camera = e.name;
  }

  // picture gives one to the server, and shows what it saw in it.
  async picture(body, kind, { width, height }) {
    if (this.over) return;
    try {
      const seen = await call(this.base, `/in/${this.scan}/picture`, { body, kind, query: { width, height } });
      this.outline(seen.outlines || [], width, height);
      this.show(seen);
    } catch (e) {
      if (this.over) return;
      if (e.code !== "carry.busy") return this.failed(e);
      this.head.textContent = words.busy; // the picture is lost, the scan goes on
    }
  }

  outline(list, width, height) {
    const c = this.over2d, g = c.getContext("2d");
    if (c.width !== width || c.height !== height) Object.assign(c, { width, height });
    g.clearRect(0, 0, width, height);
    g.lineWidth = Math.max(4, width / 200);
    g.strokeStyle = "#00e676";
    for (const corners of list) {
      g.beginPath();
      corners.forEach(([x, y]) => g.lineTo(x, y));
      g.closePath();
      g.stroke();
    }
    if (list.length) c.dataset.seen = Number(c.dataset.seen || 0) + list.length;
  }

  show(seen) {
    if (this.over) return;
    const p = seen.progress;
    if (p) {
      this.progress.hidden = false;
      this.count.textContent = words.pieces(p.have, p.need);
      Object.assign(this.bar, { max: p.need, value: p.have });
      this.bar.setAttribute("aria-label", words.pieces(p.have, p.need));
      const rate = (p.have - (this.first ??= p.have)) / ((performance.now() - this.began) / 1000);
      const rest = [rate > 0 && p.have < p.need ? words.left(Math.ceil((p.need - p.have) / rate)) : "",
        p.missing && p.have < p.need ? words.missing(p.missing) : "", p.resets ? words.resets : ""];
      this.rest.textContent = rest.filter(Boolean).join(". ");
      if (!seen.whole && this.camera.stream && seen.outlines?.length) this.head.textContent = words.seeing;
    }
    for (const n of seen.notes || []) this.tell(n);
    if (seen.whole) this.finish();
  }

  // tell names what is in view and of no use, for a while.
  tell(note) {
    this.heard = [...(this.note.hidden ? [] : this.heard), sentence(note)].slice(-3);
    this.note.replaceChildren(el("p", { className: "big" }, words.wrong), ...this.heard.map((n) => el("p", {}, n)));
    this.note.hidden = false;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => (this.note.hidden = true), slow);
  }

  async read(file) {
    this.alarm.hidden = true;
    try {
      const seen = await call(this.base, "/in/file", { body: file, kind: "application/octet-stream", query: { kind: this.kind, testnet: this.testnet.checked } });
      this.keep(seen.scan);
      this.show(seen);
    } catch (e) {
      say(this.alarm, e);
    }
    this.file.value = "";
  }

  async typed(text) {
    this.alarm.hidden = true;
    try {
      await this.opened();
      this.show(await call(this.base, `/in/${this.scan}/text`, { body: text.value, kind: "text/plain" }));
      text.value = "";
    } catch (e) {
      say(this.alarm, e);
    }
  }

  // finish does with the whole message what it is for.
  async finish() {
    if (this.over) return;
    this.over = true;
    this.halt(words.again);
    this.head.textContent = words.taking;
    this.note.hidden = true;
    await result(this);
  }
}
