package desk

import "strings"

// lacking takes from pages what local storage names, and gives the camera a light.
const lacking = `try {
	for (const name of (localStorage.without || "").split(",").filter(Boolean)) {
		if (name === "requestVideoFrameCallback") delete HTMLVideoElement.prototype[name];
		else if (name === "mediaDevices") delete Navigator.prototype[name];
		else if (name === "getUserMedia") delete MediaDevices.prototype[name];
		else if (name === "isSecureContext") Object.defineProperty(window, name, { value: false });
		else if (name === "silence") window.MediaStreamTrackProcessor = class { readable = new ReadableStream({}); };
		else if (name === "fullscreenEnabled") Object.defineProperty(Document.prototype, name, { get: () => false });
		else delete window[name];
	}
	if (localStorage.torch) {
		window.lit = [];
		const able = MediaStreamTrack.prototype.getCapabilities;
		MediaStreamTrack.prototype.getCapabilities = function () { return { ...able.call(this), torch: true }; };
		MediaStreamTrack.prototype.applyConstraints = async (c) => { lit.push(c.advanced[0].torch); };
	}
} catch { /* a page without storage */ }`

// lacks has the pages from now on lack things; none gives all back.
func (w *world) lacks(torch bool, names ...string) {
	w.Helper()
	light := ""
	if torch {
		light = "1"
	}
	w.Eval(`(localStorage.without = "`+strings.Join(names, ",")+`", localStorage.torch = "`+light+`", true)`, nil)
}

// without scans in browsers that have less, with a light, and with a camera that is
// pulled out.
func (w *world) without() {
	w.Helper()
	w.Do("init", map[string]any{"code": lacking}, nil)
	w.pay(w.Context(), 1)
	_, err := w.Export(w.Context(), "less.cbor")
	ok(w, err)
	r, err := w.Review(w.Context(), "less.cbor")
	ok(w, err)
	answer := w.frames("sign", "less.cbor", "--approve", r.Digest)
	w.lacks(true, "MediaStreamTrackProcessor", "OffscreenCanvas", "createImageBitmap", "ImageCapture", "requestVideoFrameCallback")
	w.sees(symbols(w, "hello"), 6)
	w.Goto(w.base + "/take")
	var light bool
	if w.Eval(`document.getElementById("torch").offsetParent !== null`, &light); light {
		w.Error("a light is offered without a camera")
	}
	w.Click("#scan")
	w.says("[role=status].alarm", `A text "hello"`)
	w.Eval(`document.getElementById("torch").click()`, nil)
	w.Until(`lit.join() === "true"`)
	w.Shot("light")
	w.Clean()
	w.Eval(`document.querySelector("video").srcObject.getTracks()[0].dispatchEvent(new Event("ended"))`, nil) // it was pulled out
	w.Wait("[data-camera=ended]")
	w.says(".alarm[role=alert]", "The camera is gone.")
	w.Until(`document.getElementById("torch").offsetParent === null && document.querySelector("video").srcObject === null`)
	w.sees(answer, 6)
	w.Click("#scan")
	w.says("#result", "1 signed")
	w.lacks(false, "silence") // a browser that gives the pictures of no track
	w.sees(symbols(w, "hello"), 6)
	w.Goto(w.base + "/take")
	w.Click("#scan")
	w.says("[role=status].alarm", `A text "hello"`)
	w.lacks(false, "getUserMedia")
	w.Goto(w.base + "/take")
	w.Click("#scan")
	w.says(".alarm[role=alert]", "This browser gives pages no camera.")
	w.lacks(false, "mediaDevices", "isSecureContext")
	w.Goto(w.base + "/take")
	w.Click("#scan")
	w.says(".alarm[role=alert]", "A browser gives a camera to https and to 127.0.0.1 alone.")
	w.Shot("insecure")
	w.Clean()
	w.lacks(false, "fullscreenEnabled")
	w.Goto(w.base + "/send/bundle-1")
	w.Until(`document.querySelector("canvas").dataset.shown`)
	w.Press("f")
	var full bool
	if w.Eval(`document.getElementById("full").offsetParent !== null || document.fullscreenElement !== null`, &full); full || strings.Contains(w.Text("main"), "F fills") {
		w.Error("a full screen is offered where there is none")
	}
	w.Clean()
	w.lacks(false)
}
