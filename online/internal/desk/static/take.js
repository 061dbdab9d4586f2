// The page "Take back": what comes in, from a camera, a file or a scanner.
import { Camera } from "./camera.js";
import { call, el, field, say, sentence } from "./dom.js";
import { result } from "./result.js";
import { words } from "./words.js";

const slow = 5000; // milliseconds that a thing which is not of use stays told
const calm = 250; // milliseconds without a key: a scanner has typed its lines

export function take(box, base, kind, links = {}) {
  new Taker(box, base, kind, links).begin();
}

class Taker {
  constructor(box, base, kind, links) {
    Object.assign(this, { box, base, kind, links, scan: null, over: false, turn: Promise.resolve() });
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
    this.file = el("input", { type: "file", id: "file", multiple: true, "aria-describedby": "file-help", onchange: () => {
      const files = [...this.file.files];
      this.file.value = ""; // so that the same one can be chosen again
      this.after(() => this.bring(files));
    } });
    const zone = el("div", { className: "zone", id: "zone" }, field(words.drop, this.file, el("p", { className: "dim", id: "file-help" }, words.dropHelp)));
    // The whole page takes a file: a browser leaves the page for one that is dropped beside.
    const text = (e) => !e.dataTransfer.types.includes("Files") && e.target.closest?.("textarea");
    document.addEventListener("dragover", (e) => {
      if (text(e)) return;
      e.preventDefault();
      zone.classList.add("over");
    });
    document.addEventListener("dragleave", (e) => e.relatedTarget || zone.classList.remove("over"));
    document.addEventListener("drop", (e) => {
      if (text(e)) return;
      e.preventDefault();
      zone.classList.remove("over");
      const files = [...e.dataTransfer.files];
      if (zone.isConnected) this.after(() => this.bring(files));
    });
    return el("div", { className: "ways" }, this.start, zone);
  }

  // after does one thing that comes in after the other.
  after(does) {
    this.turn = this.turn.then(does).catch((e) => this.wrong(e));
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
    text.addEventListener("keydown", (e) => {
      clearTimeout(this.typing);
      if (e.key === "Enter") this.typing = setTimeout(() => this.after(() => this.typed(text, text.value.lastIndexOf("\n") + 1)), calm);
    });
    const form = el("form", { onsubmit: (e) => { e.preventDefault(); this.after(() => this.typed(text, text.value.length)); } },
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
    } catch (e) {
      if (e.code === "carry.missing") this.anew();
      else this.wrong(e);
    }
  }

  // anew forgets the scan: the next thing that comes in begins another.
  anew() {
    Object.assign(this, { scan: null, over: false, first: undefined, codes: 0 });
    this.progress.hidden = true;
    this.head.textContent = words.kind[this.kind] + ".";
    this.start.textContent = words.scan;
    history.replaceState(null, "", location.pathname + location.search);
  }

  // wrong tells what the server refused.
  wrong(e) {
    if (e.code === "carry.missing") this.anew();
    say(this.alarm, e);
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
    if (this.over) this.anew();
    this.alarm.hidden = true;
    try {
      await this.opened();
      if (this.over) return; // a file was faster
      this.began = performance.now();
      this.first = undefined;
      if (!(await this.camera.start(this.pick.value))) return;
    } catch (e) {
      return this.failed(e);
    }
    this.finder.hidden = false;
    if (this.progress.hidden) this.head.textContent = words.looking;
    this.start.replaceWith((this.start = el("button", { type: "button", id: "scan", onclick: () => this.halt() }, words.stop)));
    this.torch.checked = false;
    this.lighting.hidden = !this.camera.hasLight;
    const list = await Camera.list().catch(() => []);
    const now = this.camera.track?.getSettings?.().deviceId;
    this.pick.replaceChildren(...list.map((d, i) => el("option", { value: d.deviceId, selected: d.deviceId === now }, d.label || `${words.camera} ${i + 1}`)));
    this.picking.hidden = list.length < 2;
  }

  // halt stops the camera; what was read is kept.
  halt(text = words.resume) {
    this.camera.stop();
    this.finder.hidden = this.lighting.hidden = true;
    this.start.replaceWith((this.start = el("button", { type: "button", className: "main", id: "scan", onclick: () => this.look() }, text)));
  }

  failed(e) {
    this.halt(words.again);
    if (e.code) return this.wrong(e);
    const [what, cure] = words.cameras[e.name] || words.cameras[e.name === "SecurityError" ? "NotAllowedError" : "other"];
    say(this.alarm, { message: what, cure });
    this.alarm.dataset.camera = e.name;
  }

  // picture gives one to the server, and shows what it saw in it.
  async picture(body, kind, { width, height }) {
    if (this.over) return;
    const scan = this.scan;
    try {
      const seen = await call(this.base, `/in/${scan}/picture`, { body, kind, query: { width, height } });
      if (scan !== this.scan) return;
      this.outline(seen.outlines || [], width, height);
      this.show(seen);
    } catch (e) {
      if (this.over || scan !== this.scan) return;
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
    this.codes = seen.codes;
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
    if (seen.whole) this.finish(seen.whole);
  }

  // tell names what is in view and of no use, for a while.
  tell(note) {
    this.heard = [...(this.note.hidden ? [] : this.heard), sentence(note)].slice(-3);
    this.note.replaceChildren(el("p", { className: "big" }, words.wrong), ...this.heard.map((n) => el("p", {}, n)));
    this.note.hidden = false;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => (this.note.hidden = true), slow);
  }

  // bring takes files: one message, or pictures of its codes.
  async bring(files) {
    this.alarm.hidden = true;
    if (!files.length) return say(this.alarm, words.files.none);
    if (files.length > 1 && !files.every((f) => f.type.startsWith("image/"))) return say(this.alarm, words.files.many(files.length));
    if (this.over) this.anew();
    for (const f of files) {
      if (f.size > Number(this.box.dataset.most)) return say(this.alarm, words.files.large);
      if (!(await f.slice(0, 1).arrayBuffer().catch(() => null))) return say(this.alarm, words.files.unreadable); // a folder, or gone
      const query = { kind: this.kind, testnet: this.testnet.checked };
      if (this.scan) query.scan = this.scan;
      const seen = await call(this.base, "/in/file", { body: f, kind: "application/octet-stream", query });
      this.keep(seen.scan);
      this.show(seen);
      if (this.over) return;
    }
  }

  // typed gives the first so many letters to the server; what a scanner types meanwhile
  // stays.
  async typed(text, most) {
    const lines = text.value.slice(0, most);
    if (!lines.trim()) return;
    text.value = text.value.slice(most);
    this.alarm.hidden = true;
    try {
      if (this.over) this.anew();
      await this.opened();
      const before = this.codes || 0, seen = await call(this.base, `/in/${this.scan}/text`, { body: lines, kind: "text/plain" });
      if (!seen.whole && !seen.notes?.length && seen.codes === before) this.tell(words.nothing);
      this.show(seen);
    } catch (e) {
      text.value = lines + text.value;
      throw e;
    }
  }

  // finish does with the whole message what it is for.
  async finish(whole) {
    if (this.over) return;
    Object.assign(this, { over: true, whole });
    this.halt(words.again);
    this.head.textContent = words.taking;
    this.note.hidden = true;
    await result(this);
  }
}
