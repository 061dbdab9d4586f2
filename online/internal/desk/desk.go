// Package desk is the operator's desk: the online half as web pages under /desk/,
// beside the API on the same listener.
//
//	d, err := desk.New(desk.Config{Store: s, Intake: in, ...})
//	mux.Handle("/desk/", d)
//
// # How a page is made
//
// A route is a pattern, the least role that may, and a handler:
//
//	func sendRoutes() []route {
//		return []route{
//			{pattern: "GET /desk/send", need: account.Operator, do: sendPage},
//			{pattern: "POST /desk/send/export", need: account.Operator, do: sendExport},
//		}
//	}
//
//	func sendPage(r *request) error {
//		rows, err := r.Store.List(r.Context(), ...)
//		if err != nil {
//			return err // a fault becomes a page that says it, or JSON where that is accepted
//		}
//		return r.page("send", rows) // templates/send.html within templates/layout.html
//	}
//
// and the list stands in routes(). Before a handler runs, the session, the role,
// the origin and the CSRF token have been checked, and the body is bounded: by
// maxForm, or by most of the route. A handler that changes something passes r.ctx()
// to the store, which names the user in the audit, and ends with r.redirect(path)
// or r.json(value). route.allow names what a page may do beyond the others: "wasm"
// (WebAssembly), "camera".
//
// # Templates, text, scripts
//
// templates/NAME.html defines "body" and, if it likes, "head"; it sees .Data, which
// the handler gave, and .User, .Role, .CSRF, .Path. Forms that POST hold {{csrf .}}.
// English stands in english.txt: {{t "queue.title"}}. What comes from outside is shown by
// {{line X}}: printable ASCII as it is, anything else quoted. html/template escapes.
// static/NAME.css and static/NAME.js are served as /desk/static/NAME: ES modules, as
// they are, with no build. {{asset "NAME.js"}} is the address with the content's hash
// in it. The Content-Security-Policy forbids inline scripts and styles, and everything
// from elsewhere. A script that changes something sends the header X-CSRF-Token with
// what document.querySelector("meta[name=csrf]").content says. desk.css names the
// colours as variables, for light and dark: take those.
package desk

import (
	"context"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/courier"
	"coldsign/online/internal/desk/carry"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/metrics"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/tips"
	"coldsign/online/internal/webhook"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
)

// Config is what the desk works with.
type Config struct {
	Store    *store.Store
	Intake   *intake.Intake
	Replacer *replace.Maker
	Creator  Creator // nil: there is the form of native bytes only
	Hooks    *webhook.Sender
	Chains   *registry.Registry
	Device   *courier.Device
	Doctor   func(context.Context) ([]doctor.Finding, error) // what "coldsign-online doctor" finds
	Nodes    func(context.Context) ([]tips.Seen, error)      // may be nil: none is configured
	Numbers  func() ([]metrics.Reading, error)               // what Prometheus would get
	Scrape   string                                          // where it gets them, or ""
	Now      func() time.Time
	Log      *slog.Logger
	Version  string

	// URL is where people open the desk, when that is not the listener itself:
	// "https://desk.example", behind a proxy or with TLS.
	URL    *url.URL
	Listen string // host:port of the listener
	TLS    bool   // of the listener

	Rehearsal bool // test networks alone

	Done  <-chan struct{}     // closed when the process stops: what is live ends
	Depth map[chain.ID]uint64 // confirmations after which a payment is complete
}

// Desk serves the pages.
type Desk struct {
	Config
	mux    *http.ServeMux
	pages  map[string]*template.Template
	assets map[string]asset
	limit  *limiter
	hashes chan struct{} // a place for each password that is being looked at
	feed   *feed
	gap    *carry.Gap
	totals totals
	index  *index
}

// route is one page or action.
type route struct {
	pattern string       // of net/http.ServeMux
	need    account.Role // the least that may; the zero value is open to nobody
	public  bool         // before login: need does not count
	most    int64        // bytes of the body; 0 is maxForm
	allow   string       // "camera", "wasm": what this page may do and others not
	often   bool         // many times a second: no line in the log for each that goes well
	live    bool         // it ends when there is no more to tell, not after a time
	long    bool         // of very many transactions it takes minutes
	do      func(*request) error
}

func (d *Desk) routes() []route {
	return slices.Concat(loginRoutes(), feedRoutes(), queueRoutes(), detailRoutes(), requoteRoutes(), createRoutes(), manageRoutes(), hookRoutes(), bookRoutes(), meRoutes(), healthRoutes(), passkeyRoutes(), d.carrying())
}

// New makes the desk.
func New(c Config) (*Desk, error) {
	d := &Desk{Config: c, mux: http.NewServeMux(), limit: newLimiter(c.Now), hashes: make(chan struct{}, atOnce)}
	d.feed, d.index = newFeed(d), &index{Desk: d}
	var err error
	if d.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if d.pages, err = d.readPages(); err != nil {
		return nil, err
	}
	for _, x := range d.routes() {
		d.mux.HandleFunc(x.pattern, func(w http.ResponseWriter, r *http.Request) { d.serve(x, w, r) })
	}
	d.mux.HandleFunc("GET /desk/static/{name...}", d.static)
	d.mux.HandleFunc("/desk/", func(w http.ResponseWriter, r *http.Request) {
		d.serve(route{public: true, do: func(*request) error { return errMissing() }}, w, r)
	})
	return d, nil
}

// ServeHTTP answers what is under /desk/.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.headers(w, "")
	if !d.ours(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, text("host.wrong"))
		return
	}
	d.mux.ServeHTTP(w, r)
}

// readPages parses every template within the layout.
func (d *Desk) readPages() (map[string]*template.Template, error) {
	base, err := template.New("layout.html").Funcs(d.functions()).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(files, path)
		}
		if err != nil {
			return nil, err
		}
		pages[name] = page
	}
	return pages, nil
}
