// A camera in the page. Each picture goes to the server, which reads the codes in
// it; at most two are on their way, what comes meanwhile is dropped.
const flying = 2;
const silent = 1500; // milliseconds without a picture, after which the video is drawn instead

// local says whether the server is this machine: then pictures go as they are.
const local = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);

export class Camera {
  // sink(body, kind, size, taken) takes one picture and gives a promise.
  constructor(video, sink, ended) {
    Object.assign(this, { video, sink, ended, under: 0, taken: 0, dropped: 0, stream: null, grabbing: 0, asked: 0 });
  }

  // start gives whether the camera is on: not when it was stopped, or asked for again,
  // while a person was asked.
  async start(device) {
    if (!navigator.mediaDevices?.getUserMedia) throw Object.assign(new Error(), { name: window.isSecureContext ? "unable" : "insecure" });
    this.stop();
    const round = this.asked;
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false, video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...(device ? { deviceId: { exact: device } } : { facingMode: "environment" }) },
    });
    if (round !== this.asked) {
      stream.getTracks().forEach((t) => t.stop());
      return false;
    }
    this.stream = stream;
    this.track = stream.getVideoTracks()[0];
    this.track.addEventListener("ended", () => this.lost(stream));
    this.permission(stream);
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    this.pump(stream);
    return this.stream === stream;
  }

  // permission notices that the operator, or a policy, takes the camera away.
  async permission(stream) {
    try {
      const p = await navigator.permissions.query({ name: "camera" });
      p.onchange = () => p.state === "denied" && this.lost(stream);
    } catch { /* this browser does not tell: the track ends all the same */ }
  }

  lost(stream) {
    if (this.stream !== stream) return;
    this.stop();
    this.ended();
  }

  stop() {
    this.asked++;
    this.stream?.getTracks().forEach((t) => t.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  // light gives whether there is one, and turns it.
  get hasLight() {
    return Boolean(this.stream && this.track.getCapabilities?.().torch);
  }

  light(on) {
    return this.track.applyConstraints({ advanced: [{ torch: on }] });
  }

  static async list() {
    return (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "videoinput");
  }

  async pump(stream) {
    if (!local || !("MediaStreamTrackProcessor" in window)) return this.follow(stream);
    const before = this.taken;
    setTimeout(() => this.taken === before && this.follow(stream), silent); // some give nothing, or nothing that can be copied
    return this.direct(stream);
  }

  // follow draws each picture that the video shows.
  follow(stream) {
    const next = () => {
      if (this.stream !== stream) return;
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(look);
      else setTimeout(look, 33);
    };
    const look = async () => {
      if (this.video.videoWidth) await this.offer(() => this.drawn()).catch(() => {});
      next();
    };
    next();
  }

  // direct takes the luma of each picture as the camera gives it.
  async direct(stream) {
    const reader = new MediaStreamTrackProcessor({ track: this.track, maxBufferSize: 2 }).readable.getReader();
    while (this.stream === stream) {
      const { value: frame, done } = await reader.read().catch(() => ({ done: true }));
      if (done) break;
      await this.offer(() => luma(frame)).catch(() => {});
      frame.close();
    }
    for (let last; !(last = await reader.read().catch(() => ({ done: true }))).done; ) last.value.close(); // those under way when the track was stopped
  }

  // offer takes a picture if there is room for it.
  async offer(take) {
    if (this.under >= flying) {
      this.dropped++;
      return;
    }
    this.under++;
    const began = performance.now();
    try {
      const p = await take();
      this.grabbing += performance.now() - began;
      this.taken++;
      this.sink(p.body, p.kind, p).catch(() => {}).finally(() => this.under--);
    } catch (e) {
      this.under--;
      throw e;
    }
  }

  // drawn takes what the video shows: slower, and everywhere.
  async drawn() {
    const { videoWidth: width, videoHeight: height } = this.video;
    this.canvas ||= document.createElement("canvas");
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const g = this.canvas.getContext("2d", { willReadFrequently: local, alpha: false });
    g.drawImage(this.video, 0, 0);
    if (!local) {
      const body = await new Promise((ok) => this.canvas.toBlob(ok, "image/jpeg", 0.85));
      return { body, kind: "image/jpeg", width, height };
    }
    return { body: grey(g.getImageData(0, 0, width, height).data, width * height, 0, 2), kind: "application/octet-stream", width, height };
  }
}

// luma gives the grey plane of a VideoFrame.
async function luma(frame) {
  const { width, height } = frame.visibleRect, kind = "application/octet-stream";
  const all = new Uint8Array(frame.allocationSize());
  const [plane] = await frame.copyTo(all);
  if (/^(I4|NV)/.test(frame.format)) {
    if (plane.stride === width) return { body: all.subarray(plane.offset, plane.offset + width * height), kind, width, height };
    const body = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) body.set(all.subarray(plane.offset + y * plane.stride, plane.offset + y * plane.stride + width), y * width);
    return { body, kind, width, height };
  }
  return { body: grey(all, width * height, ...(frame.format.startsWith("B") ? [2, 0] : [0, 2])), kind, width, height };
}

// grey weighs colours (ITU-R BT.601), four bytes to a pixel.
function grey(rgb, n, red, blue) {
  const out = new Uint8Array(n);
  for (let i = 0, k = 0; i < n; i++, k += 4) out[i] = (77 * rgb[k + red] + 150 * rgb[k + 1] + 29 * rgb[k + blue]) >> 8;
  return out;
}
