// Package carry is the desk's side of the air gap: it gives a page the codes to
// show, and reads what the page's camera sees.
//
//	gap := carry.New(carry.Config{Half: half, Done: ctx.Done()})
//	for _, r := range gap.Routes("/desk/carry") {
//		mux.Handle(r.Pattern, loggedIn(r))
//	}
//
// What goes out has a name of its own ("bundle-12", "pairing", or "ask-" and the
// ids of transactions that another wallet signs), so that a page that is loaded
// again shows the same codes. What comes in is a scan that lives here, so that a
// page that is loaded again goes on with it. Who calls, and whether they may, is
// for the caller to find out; changes are written to the audit log as
// store.WithActor says.
//
// Pictures are read here and not in the page: see README.md beside this file for
// the figures.
package carry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"coldsign/online/internal/crossing"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Config is what the handlers work with.
type Config struct {
	crossing.Half
	Done  <-chan struct{}     // closed when the process stops: live answers end
	Depth map[chain.ID]uint64 // confirmations after which a payment is complete; may be nil

	Failed func(context.Context, error) // hears what pages are told as "internal" alone; may be nil
}

// Gap is the air gap as pages see it. It can be used by several goroutines at once.
type Gap struct {
	Config
	mu      sync.Mutex
	scans   map[string]*scan
	streams map[string]*stream
	files   chan struct{} // places for files that are here or on their way
	held    chan struct{} // places for pictures whose bytes are here or on their way
	readers chan struct{} // places for pictures that are looked at at once
	watches chan struct{}
	uses    uint64
}

// New makes a Gap.
func New(c Config) *Gap {
	return &Gap{Config: c, scans: map[string]*scan{}, streams: map[string]*stream{},
		files: make(chan struct{}, maxFiles), held: make(chan struct{}, maxHeld), readers: make(chan struct{}, readersAtOnce()), watches: make(chan struct{}, maxWatches)}
}

// Route is one call of a page.
type Route struct {
	Pattern string // of net/http.ServeMux
	Most    int64  // bytes of its body
	Pairs   bool   // it decides whom this machine trusts
	Often   bool   // many times a second
	Live    bool   // its answer goes on until there is no more to tell
	Long    bool   // of very many transactions it takes minutes
	Do      http.HandlerFunc
}

// Routes gives every call, its path behind prefix.
func (g *Gap) Routes(prefix string) []Route {
	get := func(path string, do func(http.ResponseWriter, *http.Request) error) Route {
		return Route{Pattern: "GET " + prefix + path, Do: g.answered(do)}
	}
	post := func(path string, most int64, do func(http.ResponseWriter, *http.Request) error) Route {
		return Route{Pattern: "POST " + prefix + path, Most: most, Do: g.answered(do)}
	}
	pair := post("/in/{scan}/pair", maxBody, g.pair)
	picture := post("/in/{scan}/picture", maxPixels, g.picture)
	live := get("/in/{scan}/events", g.watch)
	out, take, file := post("/out", maxBody, g.send), post("/in/{scan}/take", maxBody, g.take), post("/in/file", MaxFile, g.fromFile)
	pair.Pairs, picture.Often, live.Live, out.Long, take.Long, file.Long = true, true, true, true, true, true
	return []Route{
		out,
		get("/out/{name}", g.describe),
		get("/out/{name}/file", g.file),
		get("/out/{name}/codes", g.codes),
		post("/in", maxBody, g.begin),
		file,
		get("/in/{scan}", g.state),
		picture,
		post("/in/{scan}/text", maxBody, g.text),
		take,
		pair,
		live,
	}
}

// Problem is an error as scripts of the desk get it.
type Problem struct {
	Code string `json:"code"`
	What string `json:"what"`
	Cure string `json:"cure,omitempty"`
}

// answered writes the error of a handler. What is not a refusal is told as
// internal, without detail.
func (g *Gap) answered(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := do(w, r)
		if err == nil {
			return
		}
		status, p := http.StatusInternalServerError, internal()
		if f, ok := errors.AsType[*fault.Error](err); ok {
			status, p = http.StatusConflict, Problem{f.Code, f.What, f.Cure}
			switch f.Code {
			case "carry.missing", "export.missing", "kms.missing":
				status = http.StatusNotFound
			case "carry.input":
				status = http.StatusBadRequest
			case "carry.busy":
				status = http.StatusServiceUnavailable
			case "store.failed", "intake.row":
				status, p = http.StatusInternalServerError, internal()
			}
		}
		if status == http.StatusInternalServerError && g.Failed != nil {
			g.Failed(r.Context(), err)
		}
		reply(w, status, p)
	}
}

func internal() Problem {
	return Problem{"internal", "something failed here", "see the log of the server"}
}

func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // every answer is of strings and numbers
		status, b = http.StatusInternalServerError, []byte(`{"code":"internal","what":"something failed here"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a page that is gone is no error of ours
}

// input reads a JSON body strictly.
func input(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return wrong("the page sent what this version does not know")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrong("the page sent more than one document")
	}
	return nil
}

func wrong(what string) error {
	return fault.New("carry.input", "load the page again", "%s", what)
}
