package carry

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/crossing"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/show"
	"coldsign/shared/frame/ur"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What pages are told as internal alone, the log hears.
func TestInternalIsHeard(t *testing.T) {
	for _, err := range []error{errors.New("secret detail"), fault.New("store.failed", "", "secret detail")} {
		var heard error
		g := New(Config{Failed: func(_ context.Context, err error) { heard = err }})
		w := httptest.NewRecorder()
		g.answered(func(http.ResponseWriter, *http.Request) error { return err })(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || heard != err {
			t.Errorf("%d %s, heard %v", w.Code, w.Body, heard)
		}
		g.answered(func(http.ResponseWriter, *http.Request) error { heard = nil; return wrong("it") })(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if heard != nil {
			t.Error("a refusal is no failure")
		}
	}
}

// desk is a gap behind a server, and the other half's key.
type desk struct {
	*testing.T
	gap  *Gap
	url  string
	key  ed25519.PrivateKey
	last [32]byte // digest of the last bundle from there
	sent uint64
}

func newDesk(t *testing.T) *desk {
	home := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(home, "kms.db"), time.Now)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	dev, err := courier.LoadOrCreateDevice(home)
	ok(t, err)
	d := &desk{T: t, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)),
		gap: New(Config{Half: crossing.Half{Store: s, Device: dev, Chains: registry.New()}, Depth: map[chain.ID]uint64{"eip155:1": 12}})}
	mux := http.NewServeMux()
	for _, r := range d.gap.Routes("/x") {
		mux.HandleFunc(r.Pattern, r.Do)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	d.url = server.URL + "/x"
	return d
}

func (d *desk) Public() ed25519.PublicKey     { return d.key.Public().(ed25519.PublicKey) }
func (d *desk) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.key, m), nil }

func (d *desk) pairing() []byte {
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(d.Public()), Half: "offline"})
	ok(d, err)
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing}, [][]byte{item}, d)
	ok(d, err)
	return raw
}

// call gives the body and the status; body nil is a GET.
func (d *desk) call(path string, body any) ([]byte, int) {
	d.Helper()
	method, raw := http.MethodGet, []byte(nil)
	switch b := body.(type) {
	case nil:
	case []byte:
		method, raw = http.MethodPost, b
	default:
		var err error
		method = http.MethodPost
		raw, err = json.Marshal(b)
		ok(d, err)
	}
	r, err := http.NewRequestWithContext(d.Context(), method, d.url+path, bytes.NewReader(raw))
	ok(d, err)
	a, err := http.DefaultClient.Do(r)
	ok(d, err)
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	ok(d, err)
	return got, a.StatusCode
}

// get wants an answer of type T.
func get[T any](d *desk, path string, body any) (v T) {
	d.Helper()
	raw, status := d.call(path, body)
	if status != http.StatusOK {
		d.Fatalf("%s: %d %s", path, status, raw)
	}
	ok(d, json.Unmarshal(raw, &v))
	return v
}

// refused wants a code.
func (d *desk) refused(code, path string, body any) Problem {
	d.Helper()
	raw, status := d.call(path, body)
	var p Problem
	ok(d, json.Unmarshal(raw, &p))
	if status < 400 || p.Code != code {
		d.Errorf("%s: %d %s, want %s", path, status, raw, code)
	}
	return p
}

// pictures gives one pass of a message as a camera sees it that is held very still.
func pictures(t testing.TB, m frame.Message, shape frame.Shape) (list [][]byte, side int) {
	t.Helper()
	m, err := m.As(shape.Format)
	ok(t, err)
	s, err := frame.NewStream(m, shape)
	ok(t, err)
	for n := range s.Pass {
		matrix, err := s.Frame(n)
		ok(t, err)
		img := show.Picture([]qr.Matrix{matrix}, 1, 4)
		pix := make([]byte, len(img.Pix))
		for i, p := range img.Pix {
			pix[i] = 255 * (1 - p)
		}
		list, side = append(list, pix), img.Stride
	}
	return list, side
}

// scan shows a message to a new scan, and gives the last that was seen of it.
func (d *desk) scan(kind string, m frame.Message, shape frame.Shape) (seen Seen) {
	d.Helper()
	seen = get[Seen](d, "/in", begun{Kind: kind})
	list, side := pictures(d, m, shape)
	for i, pix := range list {
		seen = get[Seen](d, fmt.Sprintf("/in/%s/picture?width=%d&height=%d", seen.Scan, side, len(pix)/side), pix)
		if p := seen.Progress; len(seen.Outlines) == 0 || p != nil && shape.Format != frame.UR && p.Have != min(i+1, p.Need) {
			d.Errorf("picture %d: %+v", i, seen)
		}
	}
	return seen
}

var shapes = []frame.Shape{{Format: frame.Native, Version: 7}, {Format: frame.UR, Version: 12}, {Format: frame.BBQr, Version: 7}}

func TestPairing(t *testing.T) {
	d := newDesk(t)
	out := get[Outgoing](d, "/out/pairing", nil)
	if out.Kind != "pairing" || len(out.Formats) != 3 || len(strings.Fields(out.Screen[frame.Native])) != 8 || len(out.Profiles) < 10 {
		t.Errorf("%+v", out)
	}
	ours, _ := d.call("/out/pairing/file", nil)
	for _, shape := range shapes {
		theirs := d.scan(kindPairing, frame.Message{Format: frame.Native, Data: d.pairing()}, shape)
		if theirs.Whole == nil {
			t.Fatalf("%s: %+v", shape.Format, theirs)
		}
		// The page names the words that a reader of these codes shows, which are of what they hold.
		mine := d.scan(kindPairing, frame.Message{Format: frame.Native, Data: ours}, shape)
		if want := out.Screen[shape.Format]; mine.Whole == nil || want == "" || mine.Whole.Words != want {
			t.Errorf("%s: the reader shows %+v, the page names %q", shape.Format, mine.Whole, want)
		}
		if shape.Format != frame.Native { // the words take their time
			continue
		}
		asked := get[Taken](d, "/in/"+theirs.Scan+"/pair", word{})
		if len(strings.Fields(asked.Words)) != 6 || asked.Paired {
			t.Errorf("%+v", asked)
		}
		d.refused("pair.words", "/in/"+theirs.Scan+"/pair", word{Confirm: "one two three four five six"})
		if _, paired, err := d.gap.Store.Pairing(t.Context()); err != nil || paired {
			t.Errorf("paired before the words were confirmed: %v", err)
		}
		if done := get[Taken](d, "/in/"+theirs.Scan+"/pair", word{Confirm: "  " + strings.ToUpper(asked.Words)}); !done.Paired {
			t.Errorf("%+v", done)
		}
	}
	mine := get[Seen](d, "/in/file?kind=pairing", ours)
	d.refused("pair.half", "/in/"+mine.Scan+"/pair", word{})
	d.refused("carry.missing", "/out/bundle-0x1", nil) // no number
}

// pay stores a payment.
func (d *desk) pay(n uint64) bundle.ID {
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: n, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(3e10), GasLimit: 21000, To: &[20]byte{1, 2, 3}, Value: big.NewInt(1e15)}
	r := bundle.Request{ID: store.NewID(), Network: "eip155:1", Payload: f.Encode(),
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: append([]byte{2}, bytes.Repeat([]byte{byte(n + 1)}, 32)...), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(d, err)
	_, err = d.gap.Store.Create(d.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: "ETH", Network: r.Network, Request: raw}, store.Idempotency{})
	ok(d, err)
	return r.ID
}

// refusal answers a bundle: no to all of it.
func (d *desk) refusal(raw []byte) []byte {
	b, err := bundle.Open(raw, d.gap.Device.Public())
	ok(d, err)
	h := bundle.Header{Kind: bundle.Receipts, Recipient: bundle.IDOf(d.gap.Device.Public()), Answers: sha256.Sum256(raw), Sequence: d.sent + 1, Previous: d.last, Created: time.Now().Unix()}
	var items [][]byte
	for i := range b.Len() {
		r, digest, err := b.Request(i)
		ok(d, err)
		item, err := bundle.EncodeItem(bundle.Receipt{ID: r.ID, Digest: digest, Status: bundle.Refused, Code: "policy.denied", Reason: "not in the book"})
		ok(d, err)
		items = append(items, item)
	}
	answer, err := bundle.Seal(h, items, d)
	ok(d, err)
	return answer
}

func (d *desk) pair() {
	s := get[Seen](d, "/in/file?kind=pairing", d.pairing())
	words := get[Taken](d, "/in/"+s.Scan+"/pair", word{}).Words
	get[Taken](d, "/in/"+s.Scan+"/pair", word{Confirm: words})
	d.refused("carry.input", "/in/"+s.Scan+"/take", word{})
}

// What goes out as codes is what the file holds, also when only some are asked for,
// and what comes back as codes is taken in once.
func TestThereAndBack(t *testing.T) {
	d := newDesk(t)
	d.refused("pair.missing", "/out", choice{})
	d.pair()
	d.refused("export.empty", "/out", choice{})
	var ids []string
	for n := range uint64(12) {
		ids = append(ids, d.pay(n).String())
	}
	out := get[Outgoing](d, "/out", choice{IDs: ids[:11]})
	if again := get[Outgoing](d, "/out", choice{IDs: ids[:11]}); !again.Repeat || again.Digest != out.Digest || again.Name != "bundle-1" {
		t.Errorf("%+v, then %+v", out, again)
	}
	raw, _ := d.call("/out/bundle-1/file", nil)
	if out.Items != 11 || out.Repeat || fmt.Sprintf("%x", sha256.Sum256(raw)) != out.Digest || len(raw) != out.Bytes {
		t.Errorf("%+v of %d bytes", out, len(raw))
	}
	for _, shape := range append(shapes, frame.Shape{Format: frame.Native, Version: 7, Only: "1,3"}) {
		m, err := frame.Message{Format: frame.Native, Data: raw}.As(shape.Format)
		ok(t, err)
		want, err := frame.NewStream(m, shape)
		ok(t, err)
		path := fmt.Sprintf("/out/bundle-1/codes?format=%s&version=%d&only=%s&from=2&count=3", shape.Format, shape.Version, shape.Only)
		got, status := d.call(path, nil)
		if status != http.StatusOK || len(got) < 8 || binary.BigEndian.Uint32(got[4:]) != uint32(want.Pass) {
			t.Fatalf("%+v: %d %.80q", shape, status, got)
		}
		for i := range uint64(3) {
			matrix, err := want.Frame(2 + i)
			ok(t, err)
			size := (len(matrix.Dark) + 7) / 8
			if bits := got[8+int(i)*size:][:size]; !bytes.Equal(bits, appendBits(nil, matrix)) || binary.BigEndian.Uint16(got) != uint16(matrix.Size) {
				t.Errorf("%+v: code %d differs", shape, 2+i)
			}
		}
	}
	d.refused("frame.list", "/out/bundle-1/codes?format=native&version=7&only=1-9999&from=0&count=3", nil)

	answer := d.refusal(raw)
	seen := d.scan(kindAnswers, frame.Message{Format: frame.Native, Data: answer}, shapes[1])
	if again := get[Seen](d, "/in/"+seen.Scan, nil); seen.Whole == nil || again.Whole == nil || *again.Whole != *seen.Whole {
		t.Fatalf("%+v, then %+v", seen, again)
	}
	done := get[Taken](d, "/in/"+seen.Scan+"/take", word{})
	if done.Refused != 11 || done.Repeat || done.Items[0].Reason != "not in the book" {
		t.Errorf("%+v", done)
	}
	if again := get[Taken](d, "/in/"+seen.Scan+"/take", word{}); !again.Repeat || again.Refused != 11 {
		t.Errorf("%+v", again)
	}
	events, _ := d.call("/in/"+seen.Scan+"/events", nil)
	if text := string(events); strings.Count(text, `"state":"refused"`) != 11 || !strings.HasSuffix(text, "event: over\ndata: null\n\n") || !strings.Contains(text, `"depth":12`) {
		t.Errorf("%s", text)
	}
}

// Half of a scan is there after the page was loaded again.
func TestGoesOn(t *testing.T) {
	d := newDesk(t)
	list, side := pictures(t, frame.Message{Format: frame.Native, Data: d.pairing()}, shapes[0])
	if len(list) < 2 {
		t.Fatal("one code holds all")
	}
	s := get[Seen](d, "/in", begun{Kind: kindPairing})
	path := fmt.Sprintf("/in/%s/picture?width=%d&height=%d", s.Scan, side, side)
	get[Seen](d, path, list[0])
	d.refused("carry.early", "/in/"+s.Scan+"/take", word{})
	half := get[Seen](d, "/in/"+s.Scan, nil)
	if half.Whole != nil || half.Progress.Have != 1 || half.Progress.Need != len(list) || !strings.HasPrefix(half.Progress.Missing, "1") {
		t.Errorf("%+v", half)
	}
	if twice := get[Seen](d, path, list[0]); twice.Progress.Have != 1 || twice.Codes != 2 {
		t.Errorf("the same code again: %+v", twice)
	}
	for _, pix := range list[1:] {
		s = get[Seen](d, path, pix)
	}
	if s.Whole == nil {
		t.Errorf("%+v", s)
	}
}

// What is in view and of no use is named.
func TestWrongCodes(t *testing.T) {
	d := newDesk(t)
	for text, want := range map[string]string{
		strings.ToUpper(ur.Encode("crypto-account", []byte{0xa0})):                      "a UR of type crypto-account",
		"ur:bytes/hdcxlkahssqzwfvslofzoxwkrewngotktbmwjkwdcmnefsaaehrlolkskncnktlbaypk": "",
		"https://example.org/":             "a web address",
		"B$2U0100AEBAGBA":                  "",
		"bitcoin:bc1qexample":              "a code that begins \"bitcoin:\"",
		"\u202etxt.exe <script>x</script>": "a text",
	} {
		s := get[Seen](d, "/in", begun{Kind: kindAnswers})
		s = get[Seen](d, "/in/"+s.Scan+"/text", []byte(text+"\n"))
		if want != "" && (len(s.Notes) != 1 || !strings.Contains(s.Notes[0], want)) || s.Whole != nil || strings.Contains(fmt.Sprint(s.Notes), "\u202e") {
			t.Errorf("%q: %+v", text, s)
		}
	}
	// Of another pairing: told when it is whole, since only its signature shows it.
	d.pair()
	raw := func() []byte {
		d.pay(0)
		get[Outgoing](d, "/out", choice{})
		b, _ := d.call("/out/bundle-1/file", nil)
		return b
	}()
	own := d.key
	d.key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	stranger := d.refusal(raw)
	d.key = own
	s := d.scan(kindAnswers, frame.Message{Format: frame.Native, Data: stranger}, shapes[0])
	if p := d.refused("bundle.sender", "/in/"+s.Scan+"/take", word{}); p.Cure == "" {
		t.Errorf("%+v", p)
	}
	d.refused("frame.kind", "/in/file?kind=keys", []byte("cHNidP8BAA=="))
}

// Whatever a page sends, what it takes is bounded, and told with a code.
func TestBounds(t *testing.T) {
	d := newDesk(t)
	s := get[Seen](d, "/in", begun{Kind: kindAnswers})
	for _, c := range []struct {
		code, path string
		body       any
	}{
		{"carry.input", "/in", begun{Kind: "money"}},
		{"carry.input", "/in", []byte(`{"kind":"keys","more":1}`)},
		{"carry.input", "/in", []byte(`{"kind":"keys"} {}`)},
		{"carry.input", "/in/file?kind=money", []byte("x")},
		{"carry.input", "/in/" + s.Scan + "/picture?width=4000&height=4000", []byte("x")},
		{"carry.input", "/in/" + s.Scan + "/picture?width=-1&height=-1", []byte("x")},
		{"carry.input", "/in/" + s.Scan + "/picture?width=640&height=480", []byte("too short")},
		{"carry.missing", "/in/ffff/picture?width=640&height=480", []byte("x")},
		{"carry.missing", "/in/ffff/take", word{}},
		{"carry.missing", "/out/nothing", nil},
		{"carry.input", "/out/pairing/codes?format=native&version=7&from=0&count=1000", nil},
		{"carry.input", "/out/pairing/codes?format=native&version=x&from=0&count=1", nil},
		{"qr.version", "/out/pairing/codes?format=native&version=41&from=0&count=1", nil},
		{"frame.format", "/out/pairing/codes?format=plain&version=40&from=0&count=1", nil},
		{"carry.input", "/out", choice{Expires: 10_000}},
		{"chain.unknown", "/out", choice{Chain: "NONE"}},
		{"kms.missing", "/out/ask-000000000000000000000000", nil},
	} {
		d.refused(c.code, c.path, c.body)
	}
	for range maxScans {
		get[Seen](d, "/in", begun{Kind: kindKeys})
	}
	d.refused("carry.missing", "/in/"+s.Scan, nil) // it made room
	for v := range maxStreams + 3 {
		if _, status := d.call(fmt.Sprintf("/out/pairing/codes?format=native&version=%d&from=0&count=1", 7+v), nil); status != http.StatusOK {
			t.Errorf("version %d: %d", 7+v, status)
		}
	}
	if len(d.gap.streams) != maxStreams || len(d.gap.scans) != maxScans {
		t.Errorf("%d streams and %d scans are held", len(d.gap.streams), len(d.gap.scans))
	}
}
