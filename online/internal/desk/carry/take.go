package carry

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/crossing"
	"coldsign/online/internal/store"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/link"
	"coldsign/shared/frame/picture"
)

// begun is what a page asks for when it begins to scan.
type begun struct {
	Kind    string `json:"kind"`    // "answers", "keys" or "pairing"
	Testnet bool   `json:"testnet"` // keys of another wallet are for test networks
}

func whole(m frame.Message) *Whole {
	return &Whole{m.String(), len(m.Data), link.Words(m.Data)}
}

// begin starts a scan.
func (g *Gap) begin(w http.ResponseWriter, r *http.Request) error {
	var b begun
	if err := input(w, r, &b); err != nil {
		return err
	}
	s, err := newScan(b.Kind, crossing.Of{Testnet: b.Testnet})
	if err != nil {
		return err
	}
	g.put(s)
	reply(w, http.StatusOK, s.seen(nil, nil))
	return nil
}

// state is what a page that was loaded again goes on from.
func (g *Gap) state(w http.ResponseWriter, r *http.Request) error {
	s, err := g.scan(r.PathValue("scan"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	v := s.seen(nil, s.notes)
	s.mu.Unlock()
	reply(w, http.StatusOK, v)
	return nil
}

// picture reads one picture of a camera: grey pixels row by row, or a JPEG. Its bytes
// have a place before they are read, so that those who send slowly fill no memory, and
// another while they are looked at, so that they keep nobody else's picture waiting.
func (g *Gap) picture(w http.ResponseWriter, r *http.Request) error {
	s, err := g.scan(r.PathValue("scan"))
	if err != nil {
		return err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	q, size := r.URL.Query(), maxPicture
	width, err1 := strconv.Atoi(q.Get("width"))
	height, err2 := strconv.Atoi(q.Get("height"))
	if kind != jpegType {
		if err1 != nil || err2 != nil || width < 16 || height < 16 || width > maxPixels/height {
			return wrong("the picture has no size that is read")
		}
		size = width * height
	}
	leave, err := enter(r.Context(), g.held)
	if err != nil {
		return err
	}
	defer leave()
	raw, err := body(w, r, size)
	if err != nil {
		return err
	}
	done, err := enter(r.Context(), g.readers)
	if err != nil {
		return err
	}
	defer done()
	p := &picture.Plane{Width: width, Height: height, Stride: width, Pix: raw}
	if kind == jpegType {
		if p, err = picture.JPEG(raw); err == nil && p.Width*p.Height > maxPixels {
			err = wrong("the picture is too large")
		}
	} else if len(raw) != size {
		err = wrong("the picture is not whole")
	}
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, s.see(p))
	return nil
}

const jpegType = "image/jpeg"

// enter waits for one of a number of places, not for ever.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, fault.New("carry.busy", "", "the server has too many pictures to look at")
	}
}

// body reads a picture's bytes, at most size of them, and not slower than any camera
// page sends.
func body(w http.ResponseWriter, r *http.Request, size int) ([]byte, error) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(pictureTime)) // a writer of a test has none
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(size)))
	_ = c.SetReadDeadline(time.Now().Add(restTime)) // that one must not end the request while it is answered
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, wrong("the picture is too large")
	}
	if err != nil {
		return nil, wrong("the picture did not arrive in time")
	}
	return raw, nil
}

// text takes what a hand-held scanner has typed: one code a line.
func (g *Gap) text(w http.ResponseWriter, r *http.Request) error {
	s, err := g.scan(r.PathValue("scan"))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return wrong("these are more lines than are taken at once")
	}
	notes, err := s.lines(r.Context(), raw)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, s.told(notes))
	return nil
}

// word is what an operator says to a message that is whole.
type word struct {
	Confirm string `json:"confirm"` // of a pairing: the six words, compared on both screens
	Replace bool   `json:"replace"` // of a pairing: the one before is lost
}

// Taken is what became of a message.
type Taken struct {
	Kind string `json:"kind"`

	Sequence    uint64    `json:"sequence,omitempty"`
	Repeat      bool      `json:"repeat"` // imported before: nothing changed
	Items       []Outcome `json:"items,omitempty"`
	Signed      int       `json:"signed"`
	Refused     int       `json:"refused"`
	Deferred    int       `json:"deferred"`
	Quarantined int       `json:"quarantined"`
	Waived      []string  `json:"waived,omitempty"` // what the offline half was told to overlook

	Wallets int      `json:"wallets,omitempty"`
	Foreign []Wallet `json:"foreign,omitempty"` // of another wallet

	Words  string `json:"words,omitempty"` // of a pairing
	Paired bool   `json:"paired,omitempty"`
}

// Outcome is what became of one transaction.
type Outcome struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	TxID   string `json:"txId,omitempty"`
	Policy string `json:"policy,omitempty"`

	Requote bool `json:"requote,omitempty"` // it came too late: the payment may be quoted anew
}

// Wallet is a public key of another wallet. Its address is compared with that
// wallet's own screen.
type Wallet struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Path        string `json:"path"`
	Address     string `json:"address"`
}

// wholeScan gives a scan of which all is there, locked.
func (g *Gap) wholeScan(r *http.Request) (*scan, error) {
	s, err := g.scan(r.PathValue("scan"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.message == nil {
		s.mu.Unlock()
		return nil, fault.New("carry.early", "go on scanning", "pieces of the message are missing")
	}
	return s, nil
}

// take does with a whole message what it is for. Doing it again changes nothing: an
// answer is a repeat then.
func (g *Gap) take(w http.ResponseWriter, r *http.Request) error {
	s, err := g.wholeScan(r)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	t := Taken{Kind: s.kind}
	switch s.kind {
	case kindAnswers:
		err = g.answers(r.Context(), s, &t)
	case kindKeys:
		err = g.keys(r.Context(), s, &t)
	default:
		err = wrong("a pairing is taken elsewhere")
	}
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, t)
	return nil
}

func (g *Gap) answers(ctx context.Context, s *scan, t *Taken) error {
	r, err := g.TakeAnswers(ctx, *s.message)
	if err != nil {
		return err
	}
	t.Sequence, t.Repeat, t.Items, t.Waived = r.Sequence, r.Repeat, make([]Outcome, len(r.Items)), r.Waived.Words()
	counts := map[string]*int{"signed": &t.Signed, "refused": &t.Refused, "deferred": &t.Deferred, "quarantined": &t.Quarantined}
	s.ids = nil
	for i, o := range r.Items {
		t.Items[i] = Outcome{ID: o.ID.String(), Status: o.Status, Code: o.Code, Reason: o.Reason, TxID: o.TxID, Requote: store.Stale(o.Code)}
		if i < len(r.Policies) {
			t.Items[i].Policy = r.Policies[i]
		}
		if n := counts[o.Status]; n != nil {
			*n++
		}
		s.ids = append(s.ids, o.ID.String())
	}
	return nil
}

func (g *Gap) keys(ctx context.Context, s *scan, t *Taken) error {
	k, err := g.TakeKeys(ctx, *s.message, s.of)
	if err != nil {
		return err
	}
	t.Sequence, t.Repeat, t.Wallets = k.Sequence, k.Repeat, k.Wallets
	for _, w := range k.Foreign {
		t.Foreign = append(t.Foreign, Wallet{w.SignatureID.String(), w.Chain, chain.PathString(w.Path), g.FirstAddress(w)})
	}
	return nil
}

// pair gives the six words of a pairing, and pairs once an operator has said that
// they are those on the other screen.
func (g *Gap) pair(w http.ResponseWriter, r *http.Request) error {
	var say word
	if err := input(w, r, &say); err != nil {
		return err
	}
	s, err := g.wholeScan(r)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.kind != kindPairing {
		return wrong("this is no pairing")
	}
	raw, err := s.message.Bundle()
	if err != nil {
		return err
	}
	list, confirm, err := courier.PairIn(r.Context(), g.Store, g.Device, raw, say.Replace)
	if err != nil {
		return err
	}
	t := Taken{Kind: s.kind, Words: strings.Join(list, " ")}
	if say.Confirm != "" {
		if strings.Join(strings.Fields(strings.ToLower(say.Confirm)), " ") != t.Words {
			return fault.New("pair.words", "stop: the codes may have been swapped on the way", "these are not the words: here they are %q", t.Words)
		}
		if err := confirm(r.Context()); err != nil {
			return err
		}
		t.Paired = true
	}
	reply(w, http.StatusOK, t)
	return nil
}
