package chaintest

import (
	"bytes"
	"errors"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Case is one unsigned transaction that the codec reads and can seal.
type Case struct {
	Name     string
	Unsigned chain.Unsigned
	Sign     func(chain.SignRequest) chain.Signature
	Text     string // golden Review.Text(), path of a testdata file
}

// Run holds the codec to the contract of package chain with every case.
func Run(t *testing.T, c chain.Codec, cases []Case) {
	if len(cases) == 0 {
		t.Fatal("no cases: a suite without cases proves nothing")
	}
	testNetworks(t, c)
	for _, k := range cases {
		t.Run(k.Name, func(t *testing.T) {
			before := clone(k.Unsigned)
			tx, err := c.Decode(k.Unsigned)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			testReview(t, k, tx)
			testStable(t, c, k, tx)
			testForeign(t, c, k, tx)
			testMutations(t, c, k, tx)
			testSeal(t, k, tx)
			if !reflect.DeepEqual(before, k.Unsigned) {
				t.Error("the codec changed its input")
			}
		})
	}
}

func testNetworks(t *testing.T, c chain.Codec) {
	ids := c.Networks()
	seen := map[chain.ID]bool{}
	for _, id := range ids {
		if id == "" || seen[id] {
			t.Errorf("network %q is empty or listed twice", id)
		}
		seen[id] = true
	}
	if len(ids) == 0 {
		t.Fatal("the codec lists no network")
	}
	want := ids[0]
	ids[0] = "nosuch:0"
	if c.Networks()[0] != want {
		t.Error("Networks returns the codec's own slice")
	}
}

func testReview(t *testing.T, k Case, tx chain.Tx) {
	r := tx.Review()
	golden, err := os.ReadFile(k.Text)
	if err != nil {
		t.Errorf("golden review: %v\nthe review is:\n%s", err, r.Text())
	} else if got := r.Text(); got != string(golden) {
		t.Errorf("review differs from %s\ngot:\n%s\nwant:\n%s", k.Text, got, golden)
	}
	if err := sound(r, k.Unsigned.Network); err != nil {
		t.Error(err)
	}
	if len(tx.ToSign()) == 0 {
		t.Fatal("nothing to sign")
	}
	for i, q := range tx.ToSign() {
		if q.Scheme == 0 || q.Key.Curve() == 0 || len(q.Message) == 0 {
			t.Errorf("request %d has no scheme, key or message", i)
		}
	}
}

// sound checks what holds of every review, golden or not.
func sound(r chain.Review, network chain.ID) error {
	if r.Network != network {
		return errors.New("review names network " + quote.String(string(r.Network)))
	}
	if r.Kind == "" || r.Deadline.Kind == 0 || r.Deadline.Text == "" || r.Fee.Asset.ID == "" {
		return errors.New("review lacks its kind, deadline or fee asset")
	}
	for _, e := range r.Effects {
		if e.Kind.String() == "invalid" || e.Asset.ID == "" || e.Asset.Decimals < -1 || e.To == "" {
			return errors.New("effect lacks its kind, asset or destination")
		}
	}
	for _, o := range r.Opaque {
		if o.Code == "" || o.What == "" {
			return errors.New("opaque part lacks its code or name")
		}
	}
	if !quote.Plain(strings.ReplaceAll(r.Text(), "\n", "")) {
		return errors.New("rendered review is not printable ASCII")
	}
	return walk(reflect.ValueOf(r), "review")
}

// walk finds strings that are not printable ASCII, and nil or negative amounts.
func walk(v reflect.Value, path string) error {
	if v.Type() == reflect.TypeFor[*big.Int]() {
		if n := v.Interface().(*big.Int); n == nil || n.Sign() < 0 {
			return errors.New(path + ": amount is nil or negative")
		}
		return nil
	}
	var errs []error
	switch v.Kind() {
	case reflect.String:
		if !quote.Plain(v.String()) {
			return errors.New(path + ": not printable ASCII: " + quote.String(v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			errs = append(errs, walk(v.Field(i), path+"."+v.Type().Field(i).Name))
		}
	case reflect.Slice:
		for i := range v.Len() {
			errs = append(errs, walk(v.Index(i), path))
		}
	}
	return errors.Join(errs...)
}

// testStable: decoding twice is equal, and nothing the caller does to the bytes
// or to the results changes a decoded transaction.
func testStable(t *testing.T, c chain.Codec, k Case, tx chain.Tx) {
	text, signs := tx.Review().Text(), tx.ToSign()
	u := clone(k.Unsigned)
	again, err := c.Decode(u)
	if err != nil {
		t.Fatalf("second decode: %v", err)
	}
	spoil(u.Payload)
	spoil(u.Evidence)
	clear(u.Signers)
	for _, e := range again.Review().Effects {
		e.Amount.SetInt64(-7)
	}
	clear(again.Review().Effects)
	again.Review().Fee.Amount.SetInt64(-7)
	for _, q := range again.ToSign() {
		spoil(q.Message)
		spoil(q.Tweak)
	}
	clear(again.ToSign())
	if !reflect.DeepEqual(again.ToSign(), signs) || again.Review().Text() != text {
		t.Errorf("a decoded transaction changed with its input or its results:\n%s\nwas:\n%s", again.Review().Text(), text)
	}
}

// testForeign: other networks and other signers.
func testForeign(t *testing.T, c chain.Codec, k Case, tx chain.Tx) {
	for _, id := range append(c.Networks(), "", "nosuch:0") {
		u := clone(k.Unsigned)
		u.Network = id
		got, err := c.Decode(u)
		switch {
		case id == k.Unsigned.Network:
		case err != nil:
			refused(t, "network "+string(id), err)
		case !slices.Contains(c.Networks(), id):
			t.Errorf("decoded on network %q, which is not listed", id)
		case got.Review().Text() == tx.Review().Text():
			t.Errorf("network %q gives the same review", id)
		}
	}
	other := clone(k.Unsigned)
	for i, s := range other.Signers {
		if s.Curve() == chain.Ed25519 {
			other.Signers[i] = Ed25519Key(bytes.Repeat([]byte{byte(i), 0x5e}, 16))
		} else {
			other.Signers[i] = Secp256k1Key(bytes.Repeat([]byte{byte(i), 0x5e}, 16))
		}
	}
	compare(t, c, k, tx, other, "other signers")
	none, zero := clone(k.Unsigned), clone(k.Unsigned)
	none.Signers, zero.Signers = nil, make([]chain.PublicKey, len(zero.Signers))
	for _, u := range []chain.Unsigned{none, zero} {
		if got, err := c.Decode(u); err != nil {
			refused(t, "no signers", err)
		} else if len(got.ToSign()) != 0 {
			t.Error("signatures are wanted that nobody asked for")
		}
	}
}

func testMutations(t *testing.T, c chain.Codec, k Case, tx chain.Tx) {
	longer := clone(k.Unsigned)
	longer.Payload = append(longer.Payload, 0)
	if _, err := c.Decode(longer); err == nil {
		t.Error("a trailing byte is accepted")
	}
	fields := []struct {
		name string
		of   func(*chain.Unsigned) *[]byte
	}{
		{"payload", func(u *chain.Unsigned) *[]byte { return &u.Payload }},
		{"evidence", func(u *chain.Unsigned) *[]byte { return &u.Evidence }},
	}
	for _, f := range fields {
		u := clone(k.Unsigned)
		b := f.of(&u)
		whole := *b
		for n := range whole {
			*b = whole[:n:n]
			compare(t, c, k, tx, u, f.name+" truncated")
		}
		*b = whole
		for i := range len(whole) * 8 {
			whole[i/8] ^= 1 << (i % 8)
			compare(t, c, k, tx, u, f.name+" with a flipped bit")
			whole[i/8] ^= 1 << (i % 8)
		}
	}
}

// compare: u fails to decode, or its review tells it from the case whenever its
// messages differ.
func compare(t *testing.T, c chain.Codec, k Case, tx chain.Tx, u chain.Unsigned, what string) {
	t.Helper()
	got, err := c.Decode(u)
	if err != nil {
		refused(t, what, err)
		return
	}
	r := got.Review()
	if err := sound(r, u.Network); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for _, q := range got.ToSign() {
		if !slices.ContainsFunc(u.Signers, func(s chain.PublicKey) bool { return s == q.Key || s.Even() == q.Key }) {
			t.Errorf("%s: %v is asked to sign but not among the signers", what, q.Key)
		}
	}
	if !reflect.DeepEqual(got.ToSign(), tx.ToSign()) && r.Text() == tx.Review().Text() {
		t.Errorf("%s: the messages to sign changed, the review did not: payload %x", what, u.Payload)
	}
}

// refused checks that a refusal is one a person can act on.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	if code := fault.Code(err); code == "internal" || code == "" || !quote.Plain(err.Error()) {
		t.Errorf("%s: refused with code %q, text %q", what, code, err.Error())
	}
}

func clone(u chain.Unsigned) chain.Unsigned {
	u.Signers, u.Payload, u.Evidence = slices.Clone(u.Signers), bytes.Clone(u.Payload), bytes.Clone(u.Evidence)
	return u
}

func spoil(b []byte) {
	for i := range b {
		b[i] ^= 0x55
	}
}
