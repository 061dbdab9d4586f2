// A stream of QR codes on a canvas. The server makes the codes, in lots: there is
// no end to them.
import { call } from "./dom.js";

const quiet = 4; // modules of white around each code, which readers count on
const lot = 60; // codes that are fetched at once, about

export class Codes {
  constructor(canvas, base, name, told) {
    Object.assign(this, { canvas, base, name, told, shape: null, lots: new Map(), at: 0, due: 0, playing: false, round: 0, pass: 0 });
    this.draw = this.draw.bind(this);
  }

  // show begins anew with a shape: format, version, fragment, only, columns, rows, perSecond.
  async show(shape) {
    Object.assign(this, { shape, lots: new Map(), at: 0, drawn: -1 });
    delete this.canvas.dataset.shown;
    this.each = shape.columns * shape.rows;
    this.size = this.each * Math.ceil(lot / this.each);
    const round = ++this.round;
    await this.fetch(0);
    if (round !== this.round) return; // another shape was chosen meanwhile
    this.told();
    this.paint();
  }

  fetch(n) {
    if (!this.lots.has(n)) {
      const { format, version, fragment, only } = this.shape;
      const query = { format, version, from: n * this.size, count: this.size };
      if (fragment) query.fragment = fragment;
      if (only) query.only = only;
      const got = call(this.base, `/out/${this.name}/codes`, { query }).then((b) => {
        const v = new DataView(b);
        this.side = v.getUint16(0);
        this.pass = v.getUint32(4);
        got.bits = new Uint8Array(b, 8);
      });
      got.catch(() => this.lots.delete(n));
      this.lots.set(n, got);
      for (const old of this.lots.keys()) if (old < n - 2) this.lots.delete(old);
    }
    return this.lots.get(n);
  }

  play(yes) {
    if (yes === this.playing) return;
    this.playing = yes;
    this.due = performance.now();
    if (yes) requestAnimationFrame(this.draw);
  }

  step(by) {
    this.play(false);
    this.at = Math.max(0, Number(this.canvas.dataset.shown || 0) + by);
    this.paint();
  }

  draw(now) {
    if (!this.playing) return;
    const each = 1000 / this.shape.perSecond;
    if (now >= this.due && this.paint()) {
      this.at++;
      this.due = Math.max(this.due + each, now - each);
    }
    requestAnimationFrame(this.draw);
  }

  // paint draws picture this.at, if its codes are here.
  paint() {
    const { columns, rows } = this.shape, first = this.at * this.each, n = Math.floor(first / this.size), got = this.fetch(n);
    if (first % this.size > this.size / 2) this.fetch(n + 1);
    if (!got.bits) {
      const round = this.round;
      got.then(() => round === this.round && !this.playing && this.paint(), () => {});
      return false;
    }
    const cell = this.side + 2 * quiet, bytes = (this.side * this.side + 7) >> 3;
    const box = this.canvas.parentElement.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    const px = Math.max(1, Math.floor(Math.min((box.width * ratio) / (cell * columns), (box.height * ratio) / (cell * rows))));
    const w = cell * columns * px, h = cell * rows * px;
    if (this.canvas.width !== w || this.canvas.height !== h) {
      Object.assign(this.canvas, { width: w, height: h });
      this.canvas.style.width = `${w / ratio}px`;
      this.canvas.style.height = `${h / ratio}px`;
    }
    const g = this.canvas.getContext("2d", { alpha: false });
    g.fillStyle = "#fff"; // in dark mode too: readers look for black on white
    g.fillRect(0, 0, w, h);
    g.fillStyle = "#000";
    for (let k = 0; k < this.each; k++) {
      const bits = got.bits.subarray(((first % this.size) + k) * bytes);
      const left = ((k % columns) * cell + quiet) * px, top = (Math.floor(k / columns) * cell + quiet) * px;
      for (let y = 0, i = 0; y < this.side; y++) {
        for (let x = 0, run = 0; x <= this.side; x++) {
          const dark = x < this.side && (bits[i >> 3] >> (7 - (i & 7))) & 1;
          if (x < this.side) i++;
          if (dark) run++;
          else if (run) {
            g.fillRect(left + (x - run) * px, top + y * px, run * px, px);
            run = 0;
          }
        }
      }
    }
    this.canvas.dataset.shown = this.at;
    return true;
  }
}
