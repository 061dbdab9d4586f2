package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/scripts/optics"
	"coldsign/scripts/rig"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/reader"
)

// BenchmarkScan is how long it takes from the click on "scan" to the result of 1, 20
// and 200 payments: grade B, 720p, 30 % of the pictures lost, 12 codes a second.
func BenchmarkScan(b *testing.B) {
	w := begin(b)
	w.allow()
	w.pairs()
	w.keys()
	ok(b, w.eth.Fund(b.Context(), big.NewInt(9e18), w.wallet.Address))
	for _, n := range []int{1, 20, 200} {
		w.pay(b.Context(), n)
		_, err := w.Export(b.Context(), "bench.cbor")
		ok(b, err)
		r, err := w.Review(b.Context(), "bench.cbor")
		ok(b, err)
		answer := w.frames("sign", "bench.cbor", "--approve", r.Digest, "--profile", "default")
		took := w.scan("/take", answer)
		b.ReportMetric(took.Seconds(), fmt.Sprintf("s/scan-of-%d", n))
		b.ReportMetric(float64(len(answer)), fmt.Sprintf("codes-of-%d", n))
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkReaders reads the same 720p pictures of a film in Chromium by the server, as
// the desk does, and by the same reader compiled to WebAssembly: from the grey pixels in
// the page to the codes, median.
func BenchmarkReaders(b *testing.B) {
	w := &world{TB: b, Browser: Start(b)}
	symbols := make([]qr.Matrix, 12)
	for i := range symbols {
		symbols[i] = optics.Symbol(27, i%qr.Masks, optics.Random(optics.Capacity(27), uint64(i)))
	}
	var film bytes.Buffer
	const pictures = 60
	camera := w.camera(symbols, 1000)
	for range pictures {
		p, err := camera.Next()
		ok(b, err)
		film.Write(p.Pix)
	}
	page := httptest.NewServer(pages(b, film.Bytes()))
	defer page.Close()
	w.Open(Options{})
	w.Goto(page.URL)
	var figures struct{ Server, Wasm, Start, Read, WasmRead float64 }
	w.Eval(fmt.Sprintf("measure(%d, 1280, 720)", pictures), &figures)
	b.ReportMetric(figures.Server, "ms/server-picture")
	b.ReportMetric(figures.Wasm, "ms/wasm-picture")
	b.ReportMetric(figures.Start, "ms/wasm-start")
	b.ReportMetric(figures.Read, "read-by-server")
	b.ReportMetric(figures.WasmRead, "read-by-wasm")
	b.ReportMetric(0, "ns/op")
}

// stubs stand in for what opens files, which a browser has no use for and does not build.
var stubs = map[string]string{
	"shared/durable/durable.go":      "package durable\n\nimport \"os\"\n\nfunc Open(string) (*os.File, int64, error) { return nil, 0, os.ErrInvalid }\n",
	"shared/frame/picture/folder.go": "package picture\n\nimport \"os\"\n\ntype folder struct{ Source }\n\nfunc (*folder) Close() error { return nil }\n\nfunc newFolder(string) (*folder, error) { return nil, os.ErrInvalid }\n",
}

// compiled is the reader as WebAssembly.
func compiled(b *testing.B) []byte {
	b.Helper()
	root, err := rig.Root()
	ok(b, err)
	dir := b.TempDir()
	replace := map[string]string{}
	for name, text := range stubs {
		replace[filepath.Join(root, name)] = filepath.Join(dir, filepath.Base(name))
		ok(b, os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	ok(b, err)
	ok(b, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	out := filepath.Join(dir, "reader.wasm")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-trimpath", "-ldflags=-s -w", "-o", out, "./scripts/desk/wasm")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOEXPERIMENT=")
	text, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	wasm, err := os.ReadFile(out)
	ok(b, err)
	return wasm
}

const measure = `<!doctype html><html lang="en"><title>x</title><script src="/wasm_exec.js"></script><script>
async function measure(pictures, width, height) {
  const film = new Uint8Array(await (await fetch("/film")).arrayBuffer()), size = width * height, f = { Read: 0, WasmRead: 0 };
  const each = (i) => film.subarray(i * size, (i + 1) * size);
  const ask = async (i) => (await (await fetch("/read", { method: "POST", body: each(i) })).json());
  // middle of the times: other programs of the machine spoil single ones
  const middle = async (read) => {
    const times = [];
    for (let i = 0; i < pictures; i++) {
      const t = performance.now();
      await read(i);
      times.push(performance.now() - t);
    }
    return times.sort((a, b) => a - b)[pictures >> 1];
  };
  await ask(0);
  f.Server = await middle(async (i) => (f.Read += await ask(i)));
  const t = performance.now();
  const go = new Go(), { instance } = await WebAssembly.instantiateStreaming(fetch("/reader.wasm"), go.importObject);
  go.run(instance);
  while (!window.readCodes) await new Promise((ok) => setTimeout(ok, 1));
  f.Start = performance.now() - t;
  window.readCodes(each(0), width, height);
  f.Wasm = await middle((i) => (f.WasmRead += window.readCodes(each(i), width, height)));
  return f;
}
</script>`

// pages serves what is measured. The server reads as package carry does.
func pages(b *testing.B, film []byte) http.Handler {
	b.Helper()
	wasm := compiled(b)
	b.ReportMetric(float64(len(wasm))/1000, "kB/wasm")
	root, err := exec.Command("go", "env", "GOROOT").Output()
	ok(b, err)
	glue, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	ok(b, err)
	r := reader.New()
	mux := http.NewServeMux()
	give := func(path, kind string, body []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		})
	}
	give("/{$}", "text/html", []byte(measure))
	give("/wasm_exec.js", "text/javascript", glue)
	give("/reader.wasm", "application/wasm", wasm)
	give("/film", "application/octet-stream", film)
	mux.HandleFunc("POST /read", func(w http.ResponseWriter, q *http.Request) {
		pix := make([]byte, 1280*720)
		if _, err := io.ReadFull(q.Body, pix); err != nil {
			http.Error(w, "short", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, len(r.Read(&picture.Plane{Width: 1280, Height: 720, Stride: 1280, Pix: pix})))
	})
	return mux
}
