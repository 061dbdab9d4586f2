package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"github.com/veraison/go-cose"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const golden = "../../testdata/bundle"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(golden, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// device is a Signer in memory.
type device struct{ key ed25519.PrivateKey }

func newDevice(t testing.TB, seed string) device {
	return device{ed25519.NewKeyFromSeed(unhex(t, seed))}
}

func (d device) Public() ed25519.PublicKey           { return d.key.Public().(ed25519.PublicKey) }
func (d device) Sign(message []byte) ([]byte, error) { return ed25519.Sign(d.key, message), nil }
func (d device) id() DeviceID                        { return IDOf(d.Public()) }

// The devices of RFC 8032 section 7.1, tests 1 and 2.
func onlineDevice(t testing.TB) device {
	return newDevice(t, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
}

func offlineDevice(t testing.TB) device {
	return newDevice(t, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
}

const (
	keyG  = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	keyE1 = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
	keyE2 = "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"
	hard  = chain.Hardened
)

var ethPath = []uint32{44 | hard, 60 | hard, hard, 0}

func sampleRequest(t testing.TB) Request {
	return Request{
		ID:      ID(unhex(t, "65f0c0ffee0123456789abcd")),
		Network: "eip155:1",
		Keys: []KeyRef{{SignatureID: SignatureID(unhex(t, "6ba7b8109dad41d180b400c04fd430c8")),
			Path: append(ethPath[:4:4], 7), Curve: chain.Secp256k1, Key: unhex(t, keyG), Sign: true}},
		Payload: unhex(t, "02f001 80 843b9aca00 8504a817c800 825208 94"+strings.Repeat("35", 20)+
			"880de0b6b3a764000080c0"),
		Deadline: 1767312000,
		Note:     "payout é 42",
	}
}

func sampleRequest2(t testing.TB) Request {
	id := SignatureID(unhex(t, "550e8400e29b41d4a716446655440000"))
	return Request{
		ID:      ID(unhex(t, "65f0c0ffee0123456789abce")),
		Network: "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
		Keys: []KeyRef{
			{SignatureID: id, Path: []uint32{}, Curve: chain.Ed25519, Key: unhex(t, keyE1), Sign: true},
			{SignatureID: id, Path: []uint32{}, Curve: chain.Ed25519, Key: unhex(t, keyE2)},
		},
		Payload:  []byte{1, 0},
		Evidence: []byte{0xa0},
	}
}

// sampleRequest3 says who asked for it.
func sampleRequest3(t testing.TB) Request {
	r := sampleRequest(t)
	r.ID[11] += 2
	r.Deadline, r.Note, r.Requester = 0, "", "payroll"
	return r
}

func sampleWallets(t testing.TB) []any {
	return []any{
		Wallet{SignatureID: SignatureID(unhex(t, "6ba7b8109dad41d180b400c04fd430c8")), Chain: "ETH",
			Curve: chain.Secp256k1, Key: unhex(t, keyG), ChainCode: bytes.Repeat([]byte{0x11}, 32),
			Fingerprint: unhex(t, "3442193e"), Path: ethPath},
		Wallet{SignatureID: SignatureID(unhex(t, "550e8400e29b41d4a716446655440000")), Chain: "SOL", Testnet: true,
			Curve: chain.Ed25519, Keys: [][]byte{unhex(t, keyE1), unhex(t, keyE2)}},
	}
}

func sampleReceipts(t testing.TB) []any {
	digest := func(r Request) [32]byte { return sha256.Sum256(encode(t, r)[0]) }
	return []any{
		Receipt{ID: sampleRequest(t).ID, Digest: digest(sampleRequest(t)), Status: Signed,
			Signatures: [][]byte{append(bytes.Repeat([]byte{0x5a}, 64), 1)}},
		Receipt{ID: sampleRequest2(t).ID, Digest: digest(sampleRequest2(t)), Status: Refused,
			Code: "policy.limit", Reason: "above the daily limit"},
	}
}

func encode(t testing.TB, items ...any) [][]byte {
	t.Helper()
	var out [][]byte
	for _, v := range items {
		raw, err := EncodeItem(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// vector is a golden bundle as Go values.
type vector struct {
	header Header
	items  []any
	signer device
}

func vectors(t testing.TB) map[string]vector {
	on, off := onlineDevice(t), offlineDevice(t)
	return map[string]vector{
		"pairing-online.cbor": {Header{Kind: Pairing, Created: 1767225600},
			[]any{Device{Key: [32]byte(on.Public()), Half: "online"}}, on},
		"pairing-offline.cbor": {Header{Kind: Pairing, Created: 1767225660},
			[]any{Device{Key: [32]byte(off.Public()), Half: "offline"}}, off},
		"keys.cbor": {Header{Kind: Keys, Recipient: on.id(), Sequence: 1, Created: 1767225700}, sampleWallets(t), off},
		"requests.cbor": {Header{Kind: Requests, Recipient: off.id(), Sequence: 1, Created: 1767225800, Expires: 1767312200},
			[]any{sampleRequest(t), sampleRequest2(t)}, on},
		"receipts.cbor": {Header{Kind: Receipts, Recipient: on.id(), Sequence: 2, Created: 1767225900,
			Previous: sha256.Sum256(read(t, "keys.cbor")), Answers: sha256.Sum256(read(t, "requests.cbor"))},
			sampleReceipts(t), off},
		"receipts-head.cbor": {Header{Kind: Receipts, Recipient: on.id(), Sequence: 3, Created: 1767226000, Head: sampleHead(),
			Previous: sha256.Sum256(read(t, "receipts.cbor")), Answers: sha256.Sum256(read(t, "requests.cbor"))},
			[]any{Receipt{ID: sampleRequest2(t).ID, Digest: sampleReceipts(t)[1].(Receipt).Digest, Status: Deferred, Code: "operator.later"}}, off},
		"requests-head.cbor": {Header{Kind: Requests, Recipient: off.id(), Sequence: 2, Created: 1767226100, Head: sampleHead(),
			Previous: sha256.Sum256(read(t, "requests.cbor"))}, []any{sampleRequest2(t)}, on},
		"requests-requester.cbor": {Header{Kind: Requests, Recipient: off.id(), Sequence: 3, Created: 1767226200,
			Previous: sha256.Sum256(read(t, "requests-head.cbor"))}, []any{sampleRequest3(t)}, on},
		"receipts-policy.cbor": {Header{Kind: Receipts, Recipient: on.id(), Sequence: 4, Created: 1767226300,
			Previous: sha256.Sum256(read(t, "receipts-head.cbor")), Answers: sha256.Sum256(read(t, "requests-requester.cbor"))},
			[]any{
				Receipt{ID: sampleRequest3(t).ID, Digest: sha256.Sum256(encode(t, sampleRequest3(t))[0]), Status: Signed, Waived: WaivedClock,
					Signatures: [][]byte{append(bytes.Repeat([]byte{0x5a}, 64), 1)}, Policy: "treasury 4: customers"},
				Receipt{ID: sampleRequest2(t).ID, Digest: sampleReceipts(t)[1].(Receipt).Digest, Status: Refused, Code: "policy.no-rule", Policy: "treasury 4"},
			}, off},
		"pairing-rehearsal.cbor": {Header{Kind: Pairing, Created: 1767225660, Rehearsal: true},
			[]any{Device{Key: [32]byte(off.Public()), Half: "offline"}}, off},
		"receipts-rehearsal.cbor": {Header{Kind: Receipts, Recipient: on.id(), Sequence: 3, Created: 1767226000, Head: sampleHead(), Rehearsal: true,
			Previous: sha256.Sum256(read(t, "receipts.cbor")), Answers: sha256.Sum256(read(t, "requests.cbor"))},
			[]any{Receipt{ID: sampleRequest2(t).ID, Digest: sampleReceipts(t)[1].(Receipt).Digest, Status: Deferred, Code: "operator.later"}}, off},
	}
}

func sampleHead() Head { return Head{Number: 9, Hash: sha256.Sum256([]byte("entry 9"))} }

// TestGolden holds for ever: what was once written must open, and say the same.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden, "*.cbor"))
	known := vectors(t)
	if err != nil || len(files) == 0 || len(files) != len(known) {
		t.Fatalf("%d golden bundles, %d expected: %v", len(files), len(known), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			raw := read(t, name)
			v, ok := known[name]
			if !ok {
				t.Fatal("no expectation for this file")
			}
			made, err := Seal(v.header, encode(t, v.items...), v.signer)
			if err != nil || !bytes.Equal(made, raw) {
				t.Fatalf("Seal made %x, %v", made, err)
			}
			b, err := Open(raw, v.signer.Public())
			if err != nil {
				t.Fatal(err)
			}
			v.header.Sender = v.signer.id()
			if b.Header != v.header || b.Len() != len(v.items) || b.Digest() != sha256.Sum256(raw) {
				t.Errorf("opened %+v with %d items", b.Header, b.Len())
			}
			for i, want := range v.items {
				if got := decodeAt(t, b, raw, i); !reflect.DeepEqual(got, want) {
					t.Errorf("item %d is %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

// decodeAt reads item i by the method of its kind, and tries the methods of the
// other kinds, which must refuse.
func decodeAt(t *testing.T, b *Bundle, raw []byte, i int) any {
	t.Helper()
	var out any
	note := func(kind Kind, v any, err error) {
		if b.Kind == kind && err == nil {
			out = v
		} else if b.Kind == kind || !fault.Is(err, "bundle.kind") {
			t.Errorf("reading a %s from a %s bundle: %v", kind, b.Kind, err)
		}
	}
	r, digest, err := b.Request(i)
	note(Requests, r, err)
	if err == nil && digest != sha256.Sum256(b.Item(i)) {
		t.Error("wrong digest of the request")
	}
	c, err := b.Receipt(i)
	note(Receipts, c, err)
	w, err := b.Wallet(i)
	note(Keys, w, err)
	_, d, err := OpenPairing(raw)
	note(Pairing, d, err)
	return out
}

// TestFormatVectors holds the bytes printed in FORMAT.md to the files.
func TestFormatVectors(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```cbor (\\S+)\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) != len(vectors(t)) {
		t.Fatalf("FORMAT.md prints %d vectors, and there are %d", len(blocks), len(vectors(t)))
	}
	for _, m := range blocks {
		text := regexp.MustCompile("--.*").ReplaceAllString(m[2], "")
		raw := read(t, m[1])
		if !bytes.Equal(unhex(t, text), raw) {
			t.Errorf("FORMAT.md prints other bytes than %s holds", m[1])
		}
		sum := sha256.Sum256(raw)
		if !strings.Contains(string(doc), hex.EncodeToString(sum[:])) {
			t.Errorf("FORMAT.md does not give the digest of %s", m[1])
		}
	}
	if !strings.Contains(string(doc), strings.TrimSpace(string(read(t, "pairing-words.hex")))) {
		t.Error("FORMAT.md does not give the digest behind the six words")
	}
}

// TestOtherReader has go-cose read what Seal wrote, as a stranger would.
func TestOtherReader(t *testing.T) {
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(read(t, "requests.cbor")); err != nil {
		t.Fatal(err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, onlineDevice(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify([]byte("coldsign bundle v1"), verifier); err != nil {
		t.Error(err)
	}
	if m.Verify(nil, verifier) == nil || m.Verify([]byte("coldsign bundle v2"), verifier) == nil {
		t.Error("the signature does not depend on the domain")
	}
	if len(m.Headers.Protected) != 3 || len(m.Headers.Unprotected) != 0 {
		t.Errorf("headers %v %v", m.Headers.Protected, m.Headers.Unprotected)
	}
}

func TestPairingWords(t *testing.T) {
	a, b := onlineDevice(t).Public(), offlineDevice(t).Public()
	want := [32]byte(unhex(t, string(read(t, "pairing-words.hex"))))
	if PairingWords(a, b) != want || PairingWords(b, a) != want {
		t.Error("not the words of the independent implementation")
	}
	if PairingWords(a, a) == want {
		t.Error("other keys, same words")
	}
}

func TestOpenPairing(t *testing.T) {
	on, off := onlineDevice(t), offlineDevice(t)
	mine := encode(t, Device{Key: [32]byte(on.Public()), Half: "online"})
	if _, err := Seal(Header{Kind: Pairing}, mine, off); !fault.Is(err, "bundle.item") {
		t.Errorf("sealed a pairing for another's key: %v", err)
	}
	// Signed by the offline device, bringing the online device's key.
	h := Header{Kind: Pairing, Sender: off.id()}
	foreign := sealAny(t, payloadOf(t, h, mine), off)
	if _, _, err := OpenPairing(foreign); !fault.Is(err, "bundle.sender") {
		t.Errorf("opened a pairing with another's key: %v", err)
	}
	// The same, claiming the online device's id.
	h.Sender = on.id()
	e := protectedFor(on.id())
	if _, _, err := OpenPairing(signEnvelope(e, "\xa0", payloadOf(t, h, mine), domain, off)); !fault.Is(err, "bundle.signature") {
		t.Errorf("opened a pairing signed by another: %v", err)
	}
	if _, _, err := OpenPairing(read(t, "requests.cbor")); !fault.Is(err, "bundle.kind") {
		t.Errorf("opened requests as a pairing: %v", err)
	}
	if _, _, err := OpenPairing(make([]byte, MaxPairing+1)); !fault.Is(err, "bundle.size") {
		t.Errorf("opened a large pairing: %v", err)
	}
}

// TestWeakKeys: keys under which anyone can sign, and second encodings of keys.
func TestWeakKeys(t *testing.T) {
	for name, key := range map[string]string{
		"identity":      "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":       "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":       "0000000000000000000000000000000000000000000000000000000000000000",
		"order 8":       "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"not canonical": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"not a point":   "0200000000000000000000000000000000000000000000000000000000000000",
		"short":         "0102",
		"none":          "",
	} {
		if _, err := Open(read(t, "requests.cbor"), unhex(t, key)); !fault.Is(err, "bundle.sender") {
			t.Errorf("%s: %v", name, err)
		}
		var k [32]byte
		copy(k[:], unhex(t, key))
		if name != "short" {
			if _, err := EncodeItem(Device{Key: k, Half: "online"}); !fault.Is(err, "bundle.sender") {
				t.Errorf("%s as an item: %v", name, err)
			}
		}
	}
}

// TestSecondEncodings: every y from p to 2^255-1, with both signs. Some are points
// of large order, which a plain Ed25519 verifier takes.
func TestSecondEncodings(t *testing.T) {
	points := 0
	for y := byte(0xed); y != 0; y++ {
		for _, sign := range []byte{0, 0x80} {
			key := bytes.Repeat([]byte{0xff}, 32)
			key[0], key[31] = y, 0x7f|sign
			if _, err := new(edwards25519.Point).SetBytes(key); err == nil {
				points++
			}
			if err := checkKey(key); !fault.Is(err, "bundle.sender") {
				t.Errorf("%x: %v", key, err)
			}
		}
	}
	if points < 10 {
		t.Errorf("only %d of them are points", points)
	}
}

func TestHeader(t *testing.T) {
	on, off := onlineDevice(t), offlineDevice(t)
	b, err := Open(read(t, "requests.cbor"), on.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.For(Requests, off.id()); err != nil {
		t.Error(err)
	}
	if err := b.For(Receipts, off.id()); !fault.Is(err, "bundle.kind") {
		t.Error(err)
	}
	if err := b.For(Requests, on.id()); !fault.Is(err, "bundle.recipient") {
		t.Error(err)
	}
	if err := b.Fresh(time.Unix(b.Expires, 0)); err != nil {
		t.Error(err)
	}
	if err := b.Fresh(time.Unix(b.Expires+1, 0)); !fault.Is(err, "bundle.expired") {
		t.Error(err)
	}
	if err := (Header{}).Fresh(time.Unix(1<<40, 0)); err != nil {
		t.Error("a bundle without an end has expired")
	}
	_, err = Open(read(t, "requests.cbor"), off.Public())
	if !fault.Is(err, "bundle.sender") || !strings.Contains(err.Error(), on.id().String()) ||
		!strings.Contains(err.Error(), off.id().String()) || !strings.Contains(err.Error(), "pair") {
		t.Errorf("an unpaired sender is answered with: %v", err)
	}
}

// TestSealRefuses: what Seal must not make. hostile_test.go has the same headers
// refused by Open.
func TestSealRefuses(t *testing.T) {
	off := offlineDevice(t)
	good := Header{Kind: Requests, Recipient: onlineDevice(t).id(), Sequence: 1}
	item := encode(t, sampleRequest(t))
	if _, err := Seal(good, item, off); err != nil {
		t.Fatal(err)
	}
	for i, h := range badHeaders(good, off.id()) {
		if _, err := Seal(h, item, off); err == nil {
			t.Errorf("sealed bad header %d: %+v", i, h)
		}
	}
	for name, items := range map[string][][]byte{
		"none":      nil,
		"too many":  make([][]byte, MaxItems+1),
		"empty":     {{}},
		"other":     encode(t, sampleWallets(t)[0]),
		"too large": {make([]byte, MaxItem+1)},
		"trailing":  {append(bytes.Clone(item[0]), 0)},
	} {
		if _, err := Seal(good, items, off); err == nil {
			t.Errorf("sealed items: %s", name)
		}
	}
	if _, err := Seal(good, item, badSigner{off}); !fault.Is(err, "bundle.signature") {
		t.Errorf("released a wrong signature: %v", err)
	}
	if _, err := EncodeItem("text"); !fault.Is(err, "bundle.item") {
		t.Error(err)
	}
	if _, err := EncodeItem(nil); !fault.Is(err, "bundle.item") {
		t.Error(err)
	}
}

// badSigner flips a bit, as failing memory would.
type badSigner struct{ device }

func (d badSigner) Sign(message []byte) ([]byte, error) {
	sig, err := d.device.Sign(message)
	sig[5] ^= 1
	return sig, err
}

func badHeaders(good Header, self DeviceID) []Header {
	edit := func(f func(*Header)) Header {
		h := good
		f(&h)
		return h
	}
	one := [32]byte{1}
	return []Header{
		edit(func(h *Header) { h.Kind = 0 }),
		edit(func(h *Header) { h.Kind = 5 }),
		edit(func(h *Header) { h.Kind = 255 }),
		edit(func(h *Header) { h.Kind = Pairing }), // with recipient and sequence
		edit(func(h *Header) { h.Kind, h.Recipient = Pairing, DeviceID{} }),
		edit(func(h *Header) { h.Recipient = DeviceID{} }),
		edit(func(h *Header) { h.Recipient = self }),
		edit(func(h *Header) { h.Sequence = 0 }),
		edit(func(h *Header) { h.Sequence = 2 }), // without a previous one
		edit(func(h *Header) { h.Previous = one }),
		edit(func(h *Header) { h.Sequence, h.Previous = 1<<63, one }),
		edit(func(h *Header) { h.Created = -1 }),
		edit(func(h *Header) { h.Created = MaxTime + 1 }),
		edit(func(h *Header) { h.Expires = -1 }),
		edit(func(h *Header) { h.Expires = MaxTime + 1 }),
		edit(func(h *Header) { h.Created, h.Expires = 5, 5 }),
		edit(func(h *Header) { h.Answers = one }),
		edit(func(h *Header) { h.Kind = Receipts }), // without an answer
		edit(func(h *Header) { h.Head.Number = 1 }), // without a hash
		edit(func(h *Header) { h.Head.Hash = one }), // of no entry
		edit(func(h *Header) { h.Head = Head{Number: 1 << 63, Hash: one} }),
		edit(func(h *Header) { h.Kind, h.Recipient, h.Sequence, h.Head = Pairing, DeviceID{}, 0, sampleHead() }),
	}
}

func TestNames(t *testing.T) {
	id, err := ParseID("65f0c0ffee0123456789abcd")
	if err != nil || id.String() != "65f0c0ffee0123456789abcd" {
		t.Error(id, err)
	}
	for _, s := range []string{"", "65F0C0FFEE0123456789ABCD", "65f0c0ffee0123456789abc", "65f0c0ffee0123456789abcdef",
		"65f0c0ffee0123456789abcg"} {
		if _, err := ParseID(s); !fault.Is(err, "id.format") {
			t.Errorf("%q: %v", s, err)
		}
	}
	const uuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
	for _, s := range []string{uuid, strings.ToUpper(uuid)} {
		if id, err := ParseSignatureID(s); err != nil || id.String() != uuid {
			t.Error(id, err)
		}
	}
	for _, s := range []string{"", uuid + "0", strings.ReplaceAll(uuid, "-", ""), "{" + uuid + "}", uuid[:35] + "g",
		"6ba7b810-9dad-41d1-80b400c04-fd430c8", "00000000-0000-0000-0000-000000000000"} {
		if _, err := ParseSignatureID(s); !fault.Is(err, "signatureid.format") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestUnsigned(t *testing.T) {
	r := sampleRequest2(t)
	u, err := r.Unsigned()
	if err != nil || u.Network != r.Network || len(u.Signers) != 1 || u.Signers[0].String() != keyE1 ||
		!bytes.Equal(u.Payload, r.Payload) || !bytes.Equal(u.Evidence, r.Evidence) {
		t.Errorf("%+v, %v", u, err)
	}
	r.Keys[0].Key = r.Keys[0].Key[:31]
	if _, err := r.Unsigned(); err == nil {
		t.Error("took a short key")
	}
}

// The head of the item list takes one, two, three or five bytes; a receipts
// bundle has a field behind the list, which the longer heads once overwrote.
func TestEveryLengthOfItemList(t *testing.T) {
	d := offlineDevice(t)
	r := sampleReceipts(t)[0].(Receipt)
	for _, n := range []int{1, 23, 24, 255, 256, 65_535, 65_536} {
		items := make([][]byte, n)
		for i := range items {
			r.ID[0], r.ID[1], r.ID[2] = byte(i), byte(i>>8), byte(i>>16)
			items[i] = encode(t, r)[0]
		}
		h := Header{Kind: Receipts, Recipient: onlineDevice(t).id(), Sequence: 1, Created: 1, Answers: [32]byte{7}, Head: Head{Number: uint64(n), Hash: [32]byte{9}}}
		raw, err := Seal(h, items, d)
		if err != nil {
			t.Fatalf("%d items: %v", n, err)
		}
		b, err := Open(raw, d.Public())
		if err != nil || b.Len() != n || b.Answers != h.Answers || b.Head != h.Head {
			t.Fatalf("%d items: %v", n, err)
		}
		if last, err := b.Receipt(n - 1); err != nil || last.ID != r.ID {
			t.Errorf("%d items: the last is %v, %v", n, last.ID, err)
		}
	}
}
