// Package desk drives the operator's desk in a real browser: Debian's Chromium by
// playwright-core, with a camera that sees a film (package optics) in place of a
// laptop's screen.
//
//	b := desk.Start(t)                        // install.sh has put playwright into .cache
//	b.Open(desk.Options{Film: path})          // a browser that nothing was done with
//	b.Goto(url)
//	b.Click("#scan")
//	b.Wait("#result")
//	b.Shot("result")                          // kept in a folder that the test names
//	b.Clean()                                 // axe-core finds nothing, no script failed
package desk

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/scripts/rig"
)

// Browser is a running one. It is for one goroutine. Whatever it cannot do ends the
// test.
type Browser struct {
	t     testing.TB
	in    io.Writer
	out   *bufio.Reader
	shots string
}

// Options are those of a browser that is opened.
type Options struct {
	Film          string // what its camera sees, .y4m or .mjpeg, read when the camera starts; "" for no camera
	Width, Height int    // of the page; 0 is 1280 by 720
	Dark, Phone   bool
	Flags         string // more of the browser's own, with line breaks between them
}

// Here is the folder of this package.
func Here() (string, error) {
	root, err := rig.Root()
	return filepath.Join(root, "scripts/desk"), err
}

// Start starts node. It ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	here, err := Here()
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("COLDSIGN_CACHE")
	if cache == "" {
		cache = filepath.Join(here, "../../.cache")
	}
	modules, err := filepath.Abs(filepath.Join(cache, "desk"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "installed")); err != nil {
		t.Fatal("what drives a browser is not installed; run scripts/desk/install.sh")
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(here, "drive.mjs"))
	cmd.Env, cmd.Stderr = append(os.Environ(), "MODULES="+modules), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	shots, err := os.MkdirTemp("", "coldsign-desk-")
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // it ends when its input does; how is of no account
	})
	t.Logf("screenshots are in %s", shots)
	return &Browser{t, in, bufio.NewReaderSize(out, 1<<20), shots}
}

// Try asks for one thing, and gives the error; into may be nil.
func (b *Browser) Try(do string, with map[string]any, into any) error {
	q := map[string]any{"do": do}
	for k, v := range with {
		q[k] = v
	}
	line, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		return err
	}
	raw, err := b.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	var a struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if a.Error != "" {
		return errors.New(do + ": " + a.Error)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.Value, into)
}

// Do is Try; what fails ends the test, with a picture of the page.
func (b *Browser) Do(do string, with map[string]any, into any) {
	b.t.Helper()
	if err := b.Try(do, with, into); err != nil {
		path := filepath.Join(b.shots, "failed.png")
		var words string
		_ = b.Try("shot", map[string]any{"path": path}, nil)
		_ = b.Try("text", map[string]any{"at": "main"}, &words)
		b.t.Fatalf("%v\nthe page is in %s and says %q", err, path, words)
	}
}

// Open starts a browser that knows nothing.
func (b *Browser) Open(o Options) {
	b.t.Helper()
	with := map[string]any{"dark": o.Dark, "phone": o.Phone, "flags": strings.FieldsFunc(o.Flags, func(r rune) bool { return r == '\n' })}
	if o.Film != "" {
		with["film"] = o.Film
	}
	if o.Width > 0 {
		with["width"], with["height"] = o.Width, o.Height
	}
	b.Do("open", with, nil)
}

// Goto gives the status of the page.
func (b *Browser) Goto(url string) (status int) {
	b.t.Helper()
	b.Do("goto", map[string]any{"url": url}, &status)
	return status
}

// URL is that of the page.
func (b *Browser) URL() (url string) {
	b.t.Helper()
	b.Do("url", nil, &url)
	return url
}

// Reload loads the page again.
func (b *Browser) Reload() { b.t.Helper(); b.Do("reload", nil, nil) }

// Click clicks on the element that a CSS selector finds, once it can be clicked on.
func (b *Browser) Click(at string) { b.t.Helper(); b.Do("click", map[string]any{"at": at}, nil) }

// Fill types into a field.
func (b *Browser) Fill(at, text string) {
	b.t.Helper()
	b.Do("fill", map[string]any{"at": at, "text": text}, nil)
}

// Choose chooses from a list.
func (b *Browser) Choose(at, value string) {
	b.t.Helper()
	b.Do("choose", map[string]any{"at": at, "value": value}, nil)
}

// Press presses a key, "Tab".
func (b *Browser) Press(key string) { b.t.Helper(); b.Do("press", map[string]any{"key": key}, nil) }

// Type presses the keys of a text one after the other, where the focus is.
func (b *Browser) Type(text string) { b.t.Helper(); b.Do("type", map[string]any{"text": text}, nil) }

// Drop lets files go over an element, as a person does who drags them there.
func (b *Browser) Drop(at string, paths ...string) {
	b.t.Helper()
	b.Do("drop", map[string]any{"at": at, "paths": paths}, nil)
}

// Files puts files into a field.
func (b *Browser) Files(at string, paths ...string) {
	b.t.Helper()
	b.Do("files", map[string]any{"at": at, "paths": paths}, nil)
}

// Text gives what is to be read in the elements.
func (b *Browser) Text(at string) (text string) {
	b.t.Helper()
	b.Do("text", map[string]any{"at": at}, &text)
	return strings.TrimSpace(text)
}

// Wait waits for an element to be seen.
func (b *Browser) Wait(at string) { b.t.Helper(); b.Do("wait", map[string]any{"at": at}, nil) }

// Until waits for a JavaScript expression to become true.
func (b *Browser) Until(code string) { b.t.Helper(); b.Do("until", map[string]any{"code": code}, nil) }

// Eval gives the value of a JavaScript expression.
func (b *Browser) Eval(code string, into any) {
	b.t.Helper()
	b.Do("eval", map[string]any{"code": code}, into)
}

// Download clicks, and gives the name and the bytes of the file that comes.
func (b *Browser) Download(at string) (name string, body []byte) {
	b.t.Helper()
	path := filepath.Join(b.shots, "download")
	b.Do("download", map[string]any{"at": at, "path": path}, &name)
	body, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return name, body
}

// Seen keeps a picture of an element, and gives its path.
func (b *Browser) Seen(at string) (path string) {
	b.t.Helper()
	path = filepath.Join(b.shots, "seen.png")
	b.Do("shot", map[string]any{"at": at, "path": path}, nil)
	return path
}

// Shot keeps a picture of the page.
func (b *Browser) Shot(name string) {
	b.t.Helper()
	b.Do("shot", map[string]any{"path": filepath.Join(b.shots, name+".png")}, nil)
}

// Clean wants no finding of axe-core and no complaint of a script or a policy on the
// page since the last time.
func (b *Browser) Clean() {
	b.t.Helper()
	var found, complaints []string
	b.Do("axe", nil, &found)
	b.Do("errors", nil, &complaints)
	for _, f := range found {
		b.t.Errorf("%s: axe: %s", b.URL(), f)
	}
	for _, c := range complaints {
		b.t.Errorf("%s: %s", b.URL(), c)
	}
}
