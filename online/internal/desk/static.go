package desk

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

//go:embed templates static
var files embed.FS

// asset is a file that pages name.
type asset struct {
	body []byte
	hash string // of its content, in its address: browsers keep it for ever
	kind string
}

func readAssets() (map[string]asset, error) {
	list := map[string]asset{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		list[name[len("static/"):]] = asset{b, hex.EncodeToString(sum[:8]), kind(name)}
		return nil
	})
	return list, err
}

// kind is the media type: not the machine's opinion of it where we have one.
func kind(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// address is where a static file is.
func (d *Desk) address(name string) (string, error) {
	a, ok := d.assets[name]
	if !ok {
		return "", fault.New("desk.asset", "", "there is no static file %s", quote.Line(name))
	}
	return "/desk/static/" + name + "?" + a.hash, nil
}

// static serves the files to anybody: there is nothing in them.
func (d *Desk) static(w http.ResponseWriter, r *http.Request) {
	a, ok := d.assets[r.PathValue("name")]
	if !ok {
		refuse(w, http.StatusNotFound, text("error.missing"))
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("ETag", `"`+a.hash+`"`)
	w.Header().Set("Cache-Control", "no-cache") // modules import each other by name: ask, and be told 304
	if r.URL.RawQuery == a.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
