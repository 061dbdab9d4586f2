package bundle

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// TestItemRules: for each rule an item that breaks it. Neither side takes it.
func TestItemRules(t *testing.T) {
	request := func(f func(*Request)) Request {
		r := sampleRequest2(t)
		f(&r)
		return r
	}
	receipt := func(i int, f func(*Receipt)) Receipt {
		r := sampleReceipts(t)[i].(Receipt)
		f(&r)
		return r
	}
	wallet := func(f func(*Wallet)) Wallet {
		w := sampleWallets(t)[0].(Wallet)
		f(&w)
		return w
	}
	nets := func(ids ...chain.ID) (out []any) {
		for _, id := range ids {
			out = append(out, request(func(r *Request) { r.Network = id }))
		}
		return out
	}
	bad := append([]any{
		Request{}, Receipt{}, Wallet{}, Device{},
		request(func(r *Request) { r.ID = ID{} }),
		request(func(r *Request) { r.Payload = nil }),
		request(func(r *Request) { r.Payload = make([]byte, MaxPayload+1) }),
		request(func(r *Request) { r.Evidence = make([]byte, MaxItem) }), // too large with the rest
		request(func(r *Request) { r.Deadline = -1 }),
		request(func(r *Request) { r.Deadline = MaxTime + 1 }),
		request(func(r *Request) { r.Note = strings.Repeat("n", MaxNote+1) }),
		request(func(r *Request) { r.Note = "\xff" }),
		request(func(r *Request) { r.Requester = strings.Repeat("n", MaxRequester+1) }),
		request(func(r *Request) { r.Requester = "pay\nroll" }),
		request(func(r *Request) { r.Requester = "payr\u00f6ll" }),
		request(func(r *Request) { r.Keys = nil }),
		request(func(r *Request) { r.Keys[0].Sign = false }),
		request(func(r *Request) { slices.Reverse(r.Keys) }),
		request(func(r *Request) { r.Keys = slices.Concat(r.Keys, r.Keys[:1]) }), // a signer after another
		request(func(r *Request) { r.Keys = slices.Repeat(r.Keys[:1], MaxKeys+1) }),
		request(func(r *Request) { r.Keys[1].SignatureID = SignatureID{} }),
		request(func(r *Request) { r.Keys[1].Path = make([]uint32, MaxPath+1) }),
		request(func(r *Request) { r.Keys[1].Curve = 0 }),
		request(func(r *Request) { r.Keys[1].Curve = 3 }),
		request(func(r *Request) { r.Keys[1].Curve = chain.Secp256k1 }), // 32 bytes
		request(func(r *Request) { r.Keys[1].Key = nil }),
		request(func(r *Request) { r.Keys[1].Key = make([]byte, 33) }),
		receipt(0, func(r *Receipt) { r.ID = ID{} }),
		receipt(0, func(r *Receipt) { r.Digest = [32]byte{} }),
		receipt(0, func(r *Receipt) { r.Status = 0 }),
		receipt(0, func(r *Receipt) { r.Status = 4 }),
		receipt(0, func(r *Receipt) { r.Status = Refused }),
		receipt(0, func(r *Receipt) { r.Signatures = nil }),
		receipt(0, func(r *Receipt) { r.Signatures[0] = r.Signatures[0][:63] }),
		receipt(0, func(r *Receipt) { r.Signatures[0] = make([]byte, 66) }),
		receipt(0, func(r *Receipt) { r.Signatures = slices.Repeat(r.Signatures, MaxSignatures+1) }),
		receipt(0, func(r *Receipt) { r.Code = "x" }),
		receipt(0, func(r *Receipt) { r.Reason = "x" }),
		receipt(1, func(r *Receipt) { r.Status = Signed }),
		receipt(1, func(r *Receipt) { r.Signatures = [][]byte{make([]byte, 64)} }),
		receipt(1, func(r *Receipt) { r.Status = Deferred; r.Signatures = [][]byte{make([]byte, 64)} }),
		receipt(1, func(r *Receipt) { r.Code = "" }),
		receipt(1, func(r *Receipt) { r.Code = "Policy" }),
		receipt(1, func(r *Receipt) { r.Code = "policy limit" }),
		receipt(1, func(r *Receipt) { r.Code = strings.Repeat("c", 65) }),
		receipt(1, func(r *Receipt) { r.Reason = "two\nlines" }),
		receipt(1, func(r *Receipt) { r.Reason = "é" }),
		receipt(1, func(r *Receipt) { r.Reason = strings.Repeat("r", MaxReason+1) }),
		receipt(0, func(r *Receipt) { r.Policy = "two\nlines" }),
		receipt(0, func(r *Receipt) { r.Policy = "\u202e" }),
		receipt(0, func(r *Receipt) { r.Policy = strings.Repeat("p", MaxPolicy+1) }),
		receipt(0, func(r *Receipt) { r.Waived = 8 }),
		wallet(func(w *Wallet) { w.SignatureID = SignatureID{} }),
		wallet(func(w *Wallet) { w.Chain = "" }),
		wallet(func(w *Wallet) { w.Chain = "eth" }),
		wallet(func(w *Wallet) { w.Chain = strings.Repeat("E", 17) }),
		wallet(func(w *Wallet) { w.Curve = 0 }),
		wallet(func(w *Wallet) { w.Curve = chain.Ed25519 }),
		wallet(func(w *Wallet) { w.Key = nil }),
		wallet(func(w *Wallet) { w.Key = w.Key[:32] }),
		wallet(func(w *Wallet) { w.Key[0] = 4 }),
		wallet(func(w *Wallet) { w.Key, w.Keys = nil, [][]byte{w.Key} }), // chain code without key
		wallet(func(w *Wallet) { w.ChainCode = w.ChainCode[:31] }),
		wallet(func(w *Wallet) { w.Fingerprint = w.Fingerprint[:3] }),
		wallet(func(w *Wallet) { w.Path = make([]uint32, MaxPath+1) }),
		wallet(func(w *Wallet) { w.Keys = [][]byte{{1}} }),
		wallet(func(w *Wallet) { w.Keys = slices.Repeat([][]byte{w.Key}, MaxChildren+1) }),
		Device{Key: [32]byte(onlineDevice(t).Public()), Half: "both"},
		Device{Key: [32]byte(onlineDevice(t).Public())},
	}, nets("", "eip155", "eip155:", ":1", "ei:1", "eip155155:1", "EIP155:1", "eip155:1:2", "eip155:a.b", "eip155:a b",
		chain.ID("eip155:"+strings.Repeat("1", 33)), "eip155:1\n", "еip155:1")...)
	for i, v := range bad {
		if _, err := EncodeItem(v); err == nil {
			t.Errorf("encoded bad item %d: %+v", i, v)
		}
		raw, err := enc.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeLike(v, raw); err == nil {
			t.Errorf("decoded bad item %d: %+v", i, v)
		}
	}
}

func decodeLike(v any, raw []byte) error {
	var err error
	switch v.(type) {
	case Request:
		_, err = decode[Request](raw)
	case Receipt:
		_, err = decode[Receipt](raw)
	case Wallet:
		_, err = decode[Wallet](raw)
	case Device:
		_, err = decode[Device](raw)
	}
	return err
}

// TestItemLargest: what stands at every limit is taken.
func TestItemLargest(t *testing.T) {
	r := sampleRequest2(t)
	r.Payload = make([]byte, MaxPayload)
	r.Evidence = make([]byte, MaxItem-MaxPayload-300_000)
	r.Keys = slices.Repeat(r.Keys[:1], MaxKeys)
	r.Keys[5].Path = slices.Repeat([]uint32{1<<32 - 1}, MaxPath)
	r.Note = strings.Repeat("é", MaxNote/2)
	r.Network = chain.ID(strings.Repeat("n", 8) + ":" + strings.Repeat("R", 32))
	r.Deadline = MaxTime
	r.Requester = strings.Repeat("n", MaxRequester)
	c := Receipt{ID: r.ID, Digest: [32]byte{1}, Status: Signed, Signatures: slices.Repeat([][]byte{make([]byte, 65)}, MaxSignatures),
		Waived: WaivedNetwork | WaivedSwap | WaivedClock, Policy: strings.Repeat("~", MaxPolicy)}
	f := Receipt{ID: r.ID, Digest: [32]byte{1}, Status: Deferred, Code: strings.Repeat("c", 64), Reason: strings.Repeat("~", MaxReason)}
	w := sampleWallets(t)[1].(Wallet)
	w.Keys = slices.Repeat(w.Keys[:1], MaxChildren)
	for _, v := range []any{r, c, f, w} {
		if err := decodeLike(v, encode(t, v)[0]); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// TestItemEncoding: other encodings of a good item are refused.
func TestItemEncoding(t *testing.T) {
	good := string(encode(t, sampleRequest2(t))[0])
	swap := func(old, repl string) string {
		if strings.Count(good, old) != 1 {
			t.Fatalf("%x stands %d times in the item", old, strings.Count(good, old))
		}
		return strings.Replace(good, old, repl, 1)
	}
	payload, evidence := "\x04\x42\x01\x00", "\x05\x41\xa0"
	id := good[3:15]
	e1 := string(unhex(t, keyE1))
	for name, raw := range map[string]string{
		"empty":              "",
		"trailing":           good + "\x00",
		"indefinite map":     "\xbf" + good[1:] + "\xff",
		"long map head":      "\xb8\x05" + good[1:],
		"tagged":             "\xd9\xd9\xf7" + good,
		"unknown key":        "\xa6" + good[1:] + "\x08\x00",
		"text key":           "\xa6" + good[1:] + "\x62ID\x00",
		"duplicate key":      "\xa6" + good[1:] + evidence,
		"unsorted":           swap(payload+evidence, evidence+payload),
		"missing payload":    "\xa4" + swap(payload, "")[1:],
		"explicit zero":      "\xa6" + good[1:] + "\x06\x00",
		"explicit empty":     "\xa6" + good[1:] + "\x07\x60",
		"empty evidence":     swap(evidence, "\x05\x40"),
		"null evidence":      swap(evidence, "\x05\xf6"),
		"payload as array":   swap(payload, "\x04\x82\x01\x00"),
		"payload as text":    swap(payload, "\x04\x62\x01\x00"),
		"payload indefinite": swap(payload, "\x04\x5f\x42\x01\x00\xff"),
		"payload long":       swap(payload, "\x04\x58\x02\x01\x00"),
		"payload tagged":     swap(payload, "\x04\xd8\x18\x42\x01\x00"),
		"id of 11":           swap("\x4c"+id, "\x4b"+id[:11]),
		"id of 13":           swap("\x4c"+id, "\x4d"+id+"\x01"),
		"id as array":        swap("\x4c"+id, "\x8c"+strings.Repeat("\x01", 12)),
		"path null":          swap("\x80\x02\x58\x20"+e1, "\xf6\x02\x58\x20"+e1),
		"path float":         swap("\x80\x02\x58\x20"+e1, "\x81\xf9\x3c\x00\x02\x58\x20"+e1),
		"path too big":       swap("\x80\x02\x58\x20"+e1, "\x81\x1b\x00\x00\x00\x01\x00\x00\x00\x00\x02\x58\x20"+e1),
		"path nested":        swap("\x80\x02\x58\x20"+e1, "\x81\x81\x01\x02\x58\x20"+e1),
		"path of 2^63":       swap("\x80\x02\x58\x20"+e1, "\x9b\x80\x00\x00\x00\x00\x00\x00\x00\x02\x58\x20"+e1),
		"curve 258":          swap("\x80\x02\x58\x20"+e1, "\x80\x19\x01\x02\x58\x20"+e1),
		"sign as integer":    swap(e1+"\xf5", e1+"\x01"),
		"key of four":        swap("\x85\x50"+"\x55\x0e\x84\x00\xe2\x9b\x41\xd4\xa7\x16\x44\x66\x55\x44\x00\x00\x80\x02\x58\x20"+e1+"\xf5", "\x80"),
		"network bytes":      swap("\x78\x27solana", "\x58\x27solana"),
		"million arrays":     strings.Repeat("\x81", 1_000_000),
		"million in a note":  "\xa6" + good[1:] + "\x07" + strings.Repeat("\x81", 1_000_000),
		"map of 2^63":        "\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
		"payload of 2^40":    swap(payload, "\x04\x5b\x00\x00\x01\x00\x00\x00\x00\x00"),
	} {
		if _, err := decode[Request]([]byte(raw)); !fault.Is(err, "bundle.item") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good {
		if _, err := decode[Request]([]byte(good[:n])); err == nil {
			t.Errorf("read an item of %d bytes", n)
		}
	}
}

// TestBadItem: one bad item among good ones is found by its number, and the
// others can still be read.
func TestBadItem(t *testing.T) {
	d := onlineDevice(t)
	h := Header{Kind: Requests, Sender: d.id(), Recipient: offlineDevice(t).id(), Sequence: 1}
	good := encode(t, sampleRequest(t))[0]
	b, err := Open(sealAny(t, payloadOf(t, h, [][]byte{good, bytes.ToUpper([]byte("bad")), good}), d), d.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if _, _, err := b.Request(i); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := b.Request(1); !fault.Is(err, "bundle.item") || !strings.Contains(err.Error(), "item 2 of 3") {
		t.Error(err)
	}
}
