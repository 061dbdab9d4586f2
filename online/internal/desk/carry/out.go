package carry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/link"
	"coldsign/shared/frame/show"
)

// Names of what goes out.
const (
	pairing      = "pairing"
	bundlePrefix = "bundle-"
	askPrefix    = "ask-"
)

// choice is what a page wants to send across.
type choice struct {
	IDs     []string `json:"ids"`   // none is all
	Chain   string   `json:"chain"` // "" for every chain
	Limit   int      `json:"limit"` // most of them; 0 as many as one bundle holds
	Expires int      `json:"hours"` // after which the offline half refuses it; 0 is 72
}

// Outgoing says what a message is that goes out.
type Outgoing struct {
	Name     string         `json:"name"`
	Kind     string         `json:"kind"`               // "requests", "ask" or "pairing"
	Sequence uint64         `json:"sequence,omitempty"` // of a bundle of requests
	Items    int            `json:"items"`
	Repeat   bool           `json:"repeat"` // nothing new was there: the bytes of an earlier time
	Digest   string         `json:"digest"` // SHA-256 of the file, hex
	Bytes    int            `json:"bytes"`
	File     string         `json:"file"` // its name on a stick
	Formats  []frame.Format `json:"formats"`

	// Screen has, for each format, the words that the other screen shows when it has
	// read all: they are of what the codes hold.
	Screen map[frame.Format]string `json:"screen"`

	Profiles []Profile `json:"profiles"`
}

// Profile is a preset: how dense and fast codes are shown to a device.
type Profile struct {
	Name      string  `json:"name"`
	About     string  `json:"about"`
	Format    string  `json:"format,omitempty"` // the only one that it reads
	Version   int     `json:"version"`
	Fragment  int     `json:"fragment"`
	Columns   int     `json:"columns"`
	Rows      int     `json:"rows"`
	PerSecond float64 `json:"perSecond"`
}

// send makes the next bundle of requests, or what another wallet scans, and says
// what it is. The same choice gives the same bytes as long as nothing new is there.
func (g *Gap) send(w http.ResponseWriter, r *http.Request) error {
	var c choice
	if err := input(w, r, &c); err != nil {
		return err
	}
	if c.Limit < 0 || c.Expires < 0 || c.Expires > 31*24 {
		return wrong("a bundle is of at least one transaction, and of use for at most 31 days")
	}
	sel := store.Selection{Chain: strings.ToUpper(c.Chain), Limit: c.Limit}
	if _, ok := g.Chains.ByName(sel.Chain); sel.Chain != "" && !ok {
		return fault.New("chain.unknown", "", "chain %q is unknown", c.Chain)
	}
	for _, text := range c.IDs {
		id, err := bundle.ParseID(text)
		if err != nil {
			return err
		}
		sel.IDs = append(sel.IDs, id)
	}
	o, err := g.export(r.Context(), sel, time.Duration(c.Expires)*time.Hour)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, o)
	return nil
}

// Send is what the page's own form asks for: the chosen transactions, or all that it
// has shown.
func (g *Gap) Send(ctx context.Context, sel store.Selection) (Outgoing, error) {
	return g.export(ctx, sel, 0)
}

func (g *Gap) export(ctx context.Context, sel store.Selection, expires time.Duration) (o Outgoing, err error) {
	foreign, err := g.Foreign(ctx, sel.IDs)
	if err != nil {
		return o, err
	}
	if foreign {
		return g.ask(ctx, sel.IDs)
	}
	if expires == 0 {
		expires = bundleTime
	}
	x, err := courier.Export(ctx, g.Store, g.Device, sel, g.Store.Now().Add(expires))
	if err != nil {
		return o, err
	}
	o, err = g.outgoing(ctx, bundlePrefix+strconv.FormatUint(x.Sequence, 10))
	o.Repeat = x.Repeat
	return o, err
}

// ask marks what another wallet signs as shown to it.
func (g *Gap) ask(ctx context.Context, ids []bundle.ID) (o Outgoing, err error) {
	if _, _, err := g.Ask(ctx, ids, "", nil); err != nil {
		return o, err
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return g.outgoing(ctx, askPrefix+strings.Join(names, "."))
}

// message gives what a name stands for. Nothing changes: what another wallet signs
// must have been shown to it before.
func (g *Gap) message(ctx context.Context, name string) (m frame.Message, err error) {
	m.Format = frame.Native
	if name == pairing {
		m.Data, err = courier.PairOut(g.Device)
		return m, err
	}
	if text, ok := strings.CutPrefix(name, askPrefix); ok {
		return g.asked(ctx, strings.Split(text, "."))
	}
	text, ok := strings.CutPrefix(name, bundlePrefix)
	n, err := strconv.ParseUint(text, 10, 63)
	if !ok || err != nil {
		return m, missing("nothing goes out by that name")
	}
	m.Data, err = g.Store.Bundle(ctx, n)
	return m, err
}

func (g *Gap) asked(ctx context.Context, texts []string) (m frame.Message, err error) {
	ids := make([]bundle.ID, len(texts))
	for i, text := range texts {
		if ids[i], err = bundle.ParseID(text); err != nil {
			return m, err
		}
		row, err := g.Store.Get(ctx, store.Any, ids[i])
		if err != nil {
			return m, err
		}
		if !row.Left() {
			return m, missing("transaction " + row.ID.String() + " was not shown to another wallet")
		}
	}
	m, _, err = g.Ask(ctx, ids, "", nil)
	return m, err
}

func missing(what string) error {
	return fault.New("carry.missing", "go back to the queue, and send it again", "%s", what)
}

// outgoing says what a name stands for.
func (g *Gap) outgoing(ctx context.Context, name string) (Outgoing, error) {
	m, err := g.message(ctx, name)
	if err != nil {
		return Outgoing{}, err
	}
	raw := link.FileForm(m)
	digest := sha256.Sum256(raw)
	o := Outgoing{Name: name, Kind: "requests", Items: 1, Digest: hex.EncodeToString(digest[:]),
		Screen: map[frame.Format]string{}, Bytes: len(raw), File: fileName(name, m)}
	if text, ok := strings.CutPrefix(name, bundlePrefix); ok {
		o.Sequence, _ = strconv.ParseUint(text, 10, 63)
		b, err := bundle.Open(m.Data, g.Device.Public())
		if err != nil {
			return o, err
		}
		o.Items = b.Len()
	} else if o.Kind = pairing; name != pairing {
		o.Kind, o.Items = "ask", 1+strings.Count(name, ".")
	}
	for _, f := range []frame.Format{frame.Native, frame.UR, frame.BBQr} {
		if c, err := m.As(f); err == nil {
			o.Formats = append(o.Formats, f)
			o.Screen[f] = link.Words(c.Data)
		}
	}
	for _, p := range show.Profiles() {
		if p.Name != "terminal" && (p.Format == "" || o.carries(p.Format)) {
			o.Profiles = append(o.Profiles, Profile{p.Name, p.About, p.Format, p.Version, p.Fragment, p.Columns, p.Rows, p.PerSecond})
		}
	}
	return o, nil
}

func (o Outgoing) carries(format string) bool {
	for _, f := range o.Formats {
		if string(f) == format {
			return true
		}
	}
	return false
}

func fileName(name string, m frame.Message) string {
	kind := ".cbor"
	if _, ok := m.PSBT(); ok {
		kind = ".psbt"
	} else if m.Format == frame.UR {
		kind = ".ur.txt"
	}
	if len(name) > 40 { // of many transactions: the first names them
		name = name[:len(askPrefix)+24] + "-and-more"
	}
	return "coldsign-" + name + kind
}

func (g *Gap) describe(w http.ResponseWriter, r *http.Request) error {
	o, err := g.outgoing(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, o)
	return nil
}

// file gives the message as a file for a stick.
func (g *Gap) file(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	m, err := g.message(r.Context(), name)
	if err != nil {
		return err
	}
	raw := link.FileForm(m)
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(name, m)}))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", fmt.Sprint(len(raw)))
	_, _ = w.Write(raw)
	return nil
}
