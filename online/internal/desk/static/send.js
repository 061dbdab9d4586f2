// The page "Send across": what goes out, as a file or as codes.
import { Codes } from "./codes.js";
import { call, el, field, say } from "./dom.js";
import { words } from "./words.js";

export async function send(box, base, name) {
  const wrong = el("div", { className: "alarm", role: "alert", hidden: true });
  box.replaceChildren(wrong);
  let out;
  try {
    out = await call(base, `/out/${name}`);
  } catch (e) {
    return say(wrong, e);
  }
  new Sender(box, base, out, wrong);
}

class Sender {
  constructor(box, base, out, wrong) {
    Object.assign(this, { base, out, wrong });
    this.canvas = el("canvas", { role: "img", "aria-label": words.sendTitle });
    this.stage = el("div", { className: "stage" }, this.canvas);
    this.codes = new Codes(this.canvas, base, out.name, () => this.tell());
    this.status = el("p", { className: "dim", role: "status" });
    this.shape = { ...this.preset(out.profiles[0]), only: "" };
    box.replaceChildren(wrong, el("div", { className: "carry" }, el("div", { className: "paper" }, this.stage), el("div", { className: "side" },
      this.what(), this.buttons(), this.settings(), this.still(), this.status, el("p", { className: "dim" }, document.fullscreenEnabled ? words.keys : words.fewKeys))));
    document.addEventListener("keydown", (e) => this.key(e));
    document.addEventListener("fullscreenchange", () => {
      this.full.textContent = document.fullscreenElement ? words.small : words.full;
      this.codes.paint();
      if (!document.fullscreenElement) this.full.focus();
    });
    new ResizeObserver(() => this.codes.side && this.codes.paint()).observe(this.stage);
    this.begin();
  }

  // what names the message as the other screen does.
  what() {
    const o = this.out;
    this.words = el("p", { className: "words", id: "digest-words" });
    const title = o.kind === "pairing" ? words.pairing : (o.kind === "ask" ? words.ask : words.items)(o.items);
    return el("div", {},
      el("p", { className: "big" }, title),
      o.repeat ? el("p", {}, words.repeat) : null,
      el("p", { className: "dim" }, (o.sequence ? words.bundle(o.sequence) + ", " : "") + words.size(o.bytes)),
      el("p", {}, o.kind === "pairing" ? words.sendPairing : words.sendWords),
      this.words);
  }

  buttons() {
    const button = (text, onclick, props = {}) => el("button", { type: "button", onclick, ...props }, text);
    this.pause = button(words.pause, () => this.play(!this.codes.playing), { className: "main", id: "pause" });
    this.full = button(words.full, () => this.fill(), { id: "full", hidden: !document.fullscreenEnabled }); // a telephone may offer none
    return el("div", { className: "buttons" }, this.pause, button(words.back, () => this.step(-1), { id: "back" }), button(words.step, () => this.step(1), { id: "step" }),
      this.full, el("a", { className: "button", id: "file", href: `${this.base}/out/${this.out.name}/file`, download: this.out.file }, words.download));
  }

  preset(p) {
    const format = p.format || this.out.formats[0];
    return { format, version: p.version, fragment: p.fragment, columns: p.columns, rows: p.rows, perSecond: p.perSecond };
  }

  settings() {
    const o = this.out;
    this.presets = el("select", { id: "preset", onchange: () => this.choose(this.presets.value) },
      ...o.profiles.map((p) => el("option", { value: p.name }, p.about)), el("option", { value: "" }, words.own));
    this.formats = el("select", { id: "format", onchange: () => this.own({ format: this.formats.value, only: "" }) },
      ...o.formats.map((f) => el("option", { value: f }, words.formats[f] || f)));
    const slide = (id, min, max, step, set) => {
      const text = el("output", { htmlFor: id });
      return [el("input", { type: "range", id, min, max, step, oninput: (e) => set(Number(e.target.value)) }), text];
    };
    [this.density, this.densityText] = slide("density", 5, 40, 1, (n) => this.own({ version: n, fragment: 0 }));
    [this.speed, this.speedText] = slide("speed", 1, 30, 1, (n) => this.own({ perSecond: n }));
    return el("div", { className: "settings" }, field(words.reader, this.presets), field(words.format, this.formats),
      field(words.density, this.density, this.densityText), field(words.speed, this.speed, this.speedText));
  }

  // still shows only the pieces that the other side lists.
  still() {
    this.list = el("input", { type: "text", id: "still", autocomplete: "off", spellcheck: false, "aria-describedby": "still-help" });
    const form = el("form", { onsubmit: (e) => { e.preventDefault(); this.own({ only: tidy(this.list.value) }); } },
      field(words.still, this.list, el("p", { className: "dim", id: "still-help" }, words.stillHelp)),
      el("div", { className: "buttons" }, el("button", { id: "only" }, words.only),
        el("button", { type: "button", id: "all", onclick: () => { this.list.value = ""; this.own({ only: "" }); } }, words.all)));
    this.stillBox = el("details", { id: "still-box" }, el("summary", {}, words.still), form);
    return this.stillBox;
  }

  choose(name) {
    const p = this.out.profiles.find((p) => p.name === name);
    if (p) this.change(this.preset(p));
  }

  own(part) {
    if (!("only" in part)) this.presets.value = "";
    this.change(part);
  }

  async change(part) {
    const before = this.shape;
    this.shape = { ...this.shape, ...part };
    const cut = ["format", "version", "fragment"].some((k) => this.shape[k] !== before[k]);
    if (cut && !("only" in part)) this.shape.only = ""; // pieces of another size have other numbers
    const again = Object.keys(this.shape).some((k) => k !== "perSecond" && this.shape[k] !== before[k]);
    this.wrong.hidden = true;
    if (!again) {
      this.codes.shape = this.shape;
      return this.tell();
    }
    try {
      await this.codes.show(this.shape);
    } catch (e) {
      say(this.wrong, e);
      this.shape = before;
      this.codes.shape && this.codes.show(before).catch(() => {});
    }
  }

  async begin() {
    try {
      await this.codes.show(this.shape);
      this.play(true);
    } catch (e) {
      say(this.wrong, e);
    }
  }

  // tell says what is shown, in words.
  tell() {
    const s = this.shape, c = this.codes, pictures = Math.ceil(c.pass / (s.columns * s.rows));
    this.formats.value = s.format;
    const list = (this.out.screen[s.format] || "").split(" ");
    this.words.replaceChildren(...list.map((w, i) => el("span", {}, w + (i < list.length - 1 ? " " : ""))));
    this.density.value = Math.round((c.side - 17) / 4);
    this.densityText.value = words.densityAt(Math.round((c.side - 17) / 4), c.side);
    this.speed.value = s.perSecond;
    this.speedText.value = words.speedAt(s.perSecond);
    this.stillBox.hidden = c.pass < 2 && !s.only;
    const seconds = (pictures / s.perSecond).toFixed(pictures / s.perSecond < 10 ? 1 : 0);
    this.status.textContent = s.only ? words.onlyNow(s.only) : c.pass < 2 ? words.oneCode : (s.format === "bbqr" ? words.loops : words.passes)(c.pass, seconds);
    this.canvas.setAttribute("aria-label", words.codeLabel(c.pass));
    this.canvas.dataset.pass = c.pass;
  }

  play(yes) {
    this.codes.play(yes);
    this.pause.textContent = yes ? words.pause : words.play;
  }

  step(by) {
    this.play(false);
    this.codes.step(by);
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (document.fullscreenEnabled) this.stage.requestFullscreen().then(() => document.activeElement.blur(), () => {}); // else Space would press the button
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey || e.target.closest("input, select, textarea") || e.key === " " && e.target.closest("button, a, summary")) return;
    const does = { " ": () => this.play(!this.codes.playing), ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), f: () => this.fill() }[e.key];
    if (does) {
      e.preventDefault();
      does();
    }
  }
}

// tidy writes a list as it was typed by hand in the form that the server reads.
const tidy = (list) => list.replace(/[\u2010-\u2015]/g, "-").replace(/(\.\.\.|\u2026)\s*$/, "").replace(/\s*-\s*/g, "-").split(/[\s,;]+/).filter(Boolean).join(",");
