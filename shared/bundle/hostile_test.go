package bundle

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

// The helpers here write CBOR by hand, so that they can write it wrongly.

func cborHead(major byte, n int) string { return string(appendHead(nil, major, uint64(n))) }
func cborBytes(s string) string         { return cborHead(2, len(s)) + s }

func protectedFor(id DeviceID) string {
	return "\xa3\x01\x27\x03\x78\x1bapplication/coldsign-bundle\x04\x50" + string(id[:])
}

// signEnvelope makes an envelope with any parts and a good signature over them.
func signEnvelope(protected, unprotected, payload, aad string, d device) []byte {
	signed := "\x84\x6aSignature1" + cborBytes(protected) + cborBytes(aad) + cborBytes(payload)
	return []byte("\xd2\x84" + cborBytes(protected) + unprotected + cborBytes(payload) +
		cborBytes(string(ed25519.Sign(d.key, []byte(signed)))))
}

// sealAny signs any payload.
func sealAny(_ testing.TB, payload string, d device) []byte {
	return signEnvelope(protectedFor(d.id()), "\xa0", payload, "coldsign bundle v1", d)
}

// payloadOf encodes a payload without any check.
func payloadOf(t testing.TB, h Header, items [][]byte) string {
	t.Helper()
	before, after, err := around(h)
	if err != nil {
		t.Fatal(err)
	}
	list := cborHead(4, len(items))
	for _, i := range items {
		list += cborBytes(string(i))
	}
	return string(before) + list + string(after)
}

// TestDamage: every truncation, every bit flip and every added byte is refused.
func TestDamage(t *testing.T) {
	tried := 0
	for name, v := range vectors(t) {
		raw, pub := read(t, name), v.signer.Public()
		refused := func(what string, bad []byte) {
			tried++
			if _, err := Open(bad, pub); err == nil {
				t.Errorf("%s: opened with %s", name, what)
			}
			if v.header.Kind == Pairing {
				if _, _, err := OpenPairing(bad); err == nil {
					t.Errorf("%s: opened as a pairing with %s", name, what)
				}
			}
		}
		for n := range raw {
			refused(fmt.Sprintf("%d bytes", n), raw[:n])
		}
		for bit := range 8 * len(raw) {
			bad := bytes.Clone(raw)
			bad[bit/8] ^= 1 << (bit % 8)
			refused(fmt.Sprintf("bit %d flipped", bit), bad)
		}
		for _, extra := range []string{"\x00", "\xf6", "\xff", string(raw)} {
			refused("trailing bytes", append(bytes.Clone(raw), extra...))
			refused("leading bytes", append([]byte(extra), raw...))
		}
	}
	if tried < 10000 {
		t.Errorf("only %d kinds of damage tried", tried)
	}
}

// envelopes with a good signature that are still not bundles.
func TestATT47Envelope(t *testing.T) {
	d := onlineDevice(t)
	raw := string(read(t, "requests.cbor"))
	e, err := split([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	payload, p, id := string(e.payload), protectedFor(d.id()), d.id()
	const aad = "coldsign bundle v1"
	if string(signEnvelope(p, "\xa0", payload, aad, d)) != raw {
		t.Fatal("the test's own encoder is wrong")
	}
	kid := "\x04\x50" + string(id[:])
	ct := "\x03\x78\x1bapplication/coldsign-bundle"
	other := offlineDevice(t).id()
	sig := string(e.signature)
	plain := cborBytes(p) + "\xa0" + cborBytes(payload)
	for name, c := range map[string]struct{ raw, code string }{
		"crit":                      {string(signEnvelope("\xa4\x01\x27\x02\x81\x03"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"unknown protected":         {string(signEnvelope("\xa4\x01\x27"+ct+kid+"\x18\x63\x01", "\xa0", payload, aad, d)), "bundle.format"},
		"duplicate alg":             {string(signEnvelope("\xa4\x01\x27\x01\x27"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"unsorted":                  {string(signEnvelope("\xa3"+ct+"\x01\x27"+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"no kid":                    {string(signEnvelope("\xa2\x01\x27"+ct, "\xa0", payload, aad, d)), "bundle.format"},
		"no alg":                    {string(signEnvelope("\xa2"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"no protected header":       {string(signEnvelope("", "\xa0", payload, aad, d)), "bundle.format"},
		"alg ES256":                 {string(signEnvelope("\xa3\x01\x26"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"alg Ed25519":               {string(signEnvelope("\xa3\x01\x32"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"alg not shortest":          {string(signEnvelope("\xa3\x01\x38\x07"+ct+kid, "\xa0", payload, aad, d)), "bundle.format"},
		"content type":              {string(signEnvelope(strings.Replace(p, "bundle", "bundls", 1), "\xa0", payload, aad, d)), "bundle.format"},
		"short kid":                 {string(signEnvelope("\xa3\x01\x27"+ct+"\x04\x4f"+string(id[:15]), "\xa0", payload, aad, d)), "bundle.format"},
		"foreign kid":               {string(signEnvelope(protectedFor(other), "\xa0", payload, aad, d)), "bundle.sender"},
		"unprotected kid":           {string(signEnvelope(p, "\xa1"+kid, payload, aad, d)), "bundle.format"},
		"unprotected text":          {string(signEnvelope(p, "\xa1\x61a\x01", payload, aad, d)), "bundle.format"},
		"unprotected indefinite":    {string(signEnvelope(p, "\xbf\xff", payload, aad, d)), "bundle.format"},
		"unprotected null":          {string(signEnvelope(p, "\xf6", payload, aad, d)), "bundle.format"},
		"other domain":              {string(signEnvelope(p, "\xa0", payload, "coldsign bundle v2", d)), "bundle.signature"},
		"no domain":                 {string(signEnvelope(p, "\xa0", payload, "", d)), "bundle.signature"},
		"other key":                 {string(signEnvelope(p, "\xa0", payload, aad, offlineDevice(t))), "bundle.signature"},
		"no tag":                    {raw[1:], "bundle.format"},
		"two tags":                  {"\xd2" + raw, "bundle.format"},
		"long tag":                  {"\xd8\x12" + raw[1:], "bundle.format"},
		"COSE_Sign tag":             {"\xd8\x62" + raw[1:], "bundle.format"},
		"self-described CBOR":       {"\xd9\xd9\xf7" + raw, "bundle.format"},
		"indefinite array":          {"\xd2\x9f" + plain + cborBytes(sig) + "\xff", "bundle.format"},
		"array of 5":                {"\xd2\x85" + plain + cborBytes(sig) + "\xf6", "bundle.format"},
		"array of 3":                {"\xd2\x83" + plain, "bundle.format"},
		"long array":                {"\xd2\x98\x04" + plain + cborBytes(sig), "bundle.format"},
		"long payload head":         {"\xd2\x84" + cborBytes(p) + "\xa0\x5a\x00\x00" + cborBytes(payload)[1:] + cborBytes(sig), "bundle.format"},
		"indefinite payload":        {"\xd2\x84" + cborBytes(p) + "\xa0\x5f" + cborBytes(payload) + "\xff" + cborBytes(sig), "bundle.format"},
		"long protected head":       {"\xd2\x84\x59\x00\x33" + p + "\xa0" + cborBytes(payload) + cborBytes(sig), "bundle.format"},
		"detached payload":          {"\xd2\x84" + cborBytes(p) + "\xa0\xf6" + cborBytes(sig), "bundle.format"},
		"text payload":              {"\xd2\x84" + cborBytes(p) + "\xa0\x79" + cborBytes(payload)[1:] + cborBytes(sig), "bundle.format"},
		"long signature head":       {"\xd2\x84" + plain + "\x59\x00\x40" + sig, "bundle.format"},
		"signature of 63":           {"\xd2\x84" + plain + cborBytes(sig[:63]), "bundle.format"},
		"signature of 65":           {"\xd2\x84" + plain + cborBytes(sig+"\x00"), "bundle.format"},
		"no signature":              {"\xd2\x84" + plain + "\x40", "bundle.format"},
		"S + L":                     {"\xd2\x84" + plain + cborBytes(addL(sig)), "bundle.signature"},
		"signature of zeros":        {"\xd2\x84" + plain + cborBytes(strings.Repeat("\x00", 64)), "bundle.signature"},
		"payload of 2^63":           {"\xd2\x84" + cborBytes(p) + "\xa0\x5b\x80\x00\x00\x00\x00\x00\x00\x00" + raw[90:], "bundle.format"},
		"payload of 2^40":           {"\xd2\x84" + cborBytes(p) + "\xa0\x5b\x00\x00\x01\x00\x00\x00\x00\x00" + raw[90:], "bundle.format"},
		"payload of 2^64-1":         {"\xd2\x84" + cborBytes(p) + "\xa0\x5b" + strings.Repeat("\xff", 8) + raw[90:], "bundle.format"},
		"million arrays":            {strings.Repeat("\x81", 1_000_000), "bundle.format"},
		"million tags":              {strings.Repeat("\xd2", 1_000_000), "bundle.format"},
		"million arrays in a start": {raw[:90] + strings.Repeat("\x81", 1_000_000), "bundle.format"},
		"empty":                     {"", "bundle.format"},
	} {
		if _, err := Open([]byte(c.raw), d.Public()); !fault.Is(err, c.code) {
			t.Errorf("%s: want %s, got %s: %v", name, c.code, fault.Code(err), err)
		}
	}
	if _, err := Open(make([]byte, MaxFile+1), d.Public()); !fault.Is(err, "bundle.size") {
		t.Errorf("a file over the limit: %v", err)
	}
}

// addL adds the order of the group to the S half of a signature: the same
// signature to a verifier that does not check the range (RFC 8032 section 8.4).
func addL(sig string) string {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := []byte(sig[32:])
	slices.Reverse(s)
	sum := l.Add(l, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return sig[:32] + string(sum)
}

// rightly signed payloads that are still not bundles.
func TestATT41ATT47Payload(t *testing.T) {
	d, to := onlineDevice(t), offlineDevice(t).id()
	good := Header{Kind: Requests, Sender: d.id(), Recipient: to, Sequence: 1, Created: 1000, Expires: 2000}
	item := encode(t, sampleRequest(t))
	p := payloadOf(t, good, item)
	if _, err := Open(sealAny(t, p, d), d.Public()); err != nil {
		t.Fatal(err)
	}
	list := cborHead(4, 1) + cborBytes(string(item[0]))
	body := p[1 : len(p)-len(list)-1] // keys 1 to 8
	swap := func(old, repl string) string {
		if strings.Count(p, old) != 1 {
			t.Fatalf("%x stands %d times in the payload", old, strings.Count(p, old))
		}
		return strings.Replace(p, old, repl, 1)
	}
	// In swap, the pieces are key and value: 7 created 1000, 8 expires 2000.
	created, expires := "\x07\x19\x03\xe8", "\x08\x19\x07\xd0"
	hash := "\x58\x20" + strings.Repeat("\x01", 32)
	if _, err := Open(sealAny(t, "\xaa"+p[1:]+"\x0b\x82\x09"+hash, d), d.Public()); err != nil {
		t.Fatal(err) // the sound neighbour of the bad heads below
	}
	for name, c := range map[string]struct{ payload, code string }{
		"empty":                  {"", "bundle.format"},
		"null":                   {"\xf6", "bundle.format"},
		"empty map":              {"\xa0", "bundle.format"},
		"version 0":              {"\xa9\x01\x00" + p[3:], "bundle.version"},
		"version 2":              {"\xa9\x01\x02" + p[3:], "bundle.version"},
		"version 2, more keys":   {"\xb8\x20\x01\x02" + p[3:], "bundle.version"},
		"version -1":             {"\xa9\x01\x20" + p[3:], "bundle.format"},
		"version 1 long":         {"\xa9\x01\x18\x01" + p[3:], "bundle.format"},
		"version 1.0":            {"\xa9\x01\xf9\x3c\x00" + p[3:], "bundle.format"},
		"kind 0":                 {"\xa9\x01\x01\x02\x00" + p[5:], "bundle.kind"},
		"kind 5":                 {"\xa9\x01\x01\x02\x05" + p[5:], "bundle.kind"},
		"kind 259":               {"\xa9\x01\x01\x02\x19\x01\x03" + p[5:], "bundle.kind"},
		"long map head":          {"\xb8\x09" + p[1:], "bundle.format"},
		"indefinite map":         {"\xbf" + p[1:] + "\xff", "bundle.format"},
		"tagged map":             {"\xd9\xd9\xf7" + p, "bundle.format"},
		"unknown key":            {"\xaa" + p[1:] + "\x0b\x00", "bundle.format"},
		"answers out of place":   {"\xaa" + p[1:] + "\x0a\x58\x20" + strings.Repeat("\x01", 32), "bundle.format"},
		"head null":              {"\xaa" + p[1:] + "\x0b\xf6", "bundle.format"},
		"head of one":            {"\xaa" + p[1:] + "\x0b\x81\x09", "bundle.format"},
		"head of three":          {"\xaa" + p[1:] + "\x0b\x83\x09" + hash + "\x00", "bundle.format"},
		"head of entry 0":        {"\xaa" + p[1:] + "\x0b\x82\x00" + hash, "bundle.format"},
		"head of no entry":       {"\xaa" + p[1:] + "\x0b\x82\x00\x58\x20" + strings.Repeat("\x00", 32), "bundle.format"},
		"head long number":       {"\xaa" + p[1:] + "\x0b\x82\x18\x09" + hash, "bundle.format"},
		"head 2^63":              {"\xaa" + p[1:] + "\x0b\x82\x1b\x80" + strings.Repeat("\x00", 7) + hash, "bundle.format"},
		"head of 31":             {"\xaa" + p[1:] + "\x0b\x82\x09\x58\x1f" + hash[3:], "bundle.format"},
		"head of zeros":          {"\xaa" + p[1:] + "\x0b\x82\x09\x58\x20" + strings.Repeat("\x00", 32), "bundle.format"},
		"head indefinite":        {"\xaa" + p[1:] + "\x0b\x9f\x09" + hash + "\xff", "bundle.format"},
		"head under key 12":      {"\xaa" + p[1:] + "\x0c\x82\x09" + hash, "bundle.format"},
		"two heads":              {"\xab" + p[1:] + strings.Repeat("\x0b\x82\x09"+hash, 2), "bundle.format"},
		"too few in the head":    {"\xa8" + p[1:], "bundle.format"},
		"too many in the head":   {"\xaa" + p[1:], "bundle.format"},
		"trailing":               {p + "\x00", "bundle.format"},
		"duplicate key":          {"\xaa" + body + expires + "\x09" + list, "bundle.format"},
		"duplicate first key":    {"\xaa\x01\x01" + p[1:], "bundle.format"},
		"unsorted":               {swap(created+expires, expires+created), "bundle.format"},
		"missing key":            {"\xa8" + strings.Replace(p[1:], created, "", 1), "bundle.format"},
		"created float":          {swap(created, "\x07\xfb\x40\x8f\x40\x00\x00\x00\x00\x00"), "bundle.format"},
		"created half float":     {swap(created, "\x07\xf9\x63\xd0"), "bundle.format"},
		"created NaN":            {swap(created, "\x07\xf9\x7e\x00"), "bundle.format"},
		"created long":           {swap(created, "\x07\x1a\x00\x00\x03\xe8"), "bundle.format"},
		"created very long":      {swap(created, "\x07\x1b\x00\x00\x00\x00\x00\x00\x03\xe8"), "bundle.format"},
		"created tagged":         {swap(created, "\x07\xc1\x19\x03\xe8"), "bundle.format"},
		"created bignum":         {swap(created, "\x07\xc2\x42\x03\xe8"), "bundle.format"},
		"created negative":       {swap(created, "\x07\x20"), "bundle.format"},
		"created null":           {swap(created, "\x07\xf6"), "bundle.format"},
		"created reserved head":  {swap(created, "\x07\x1c"), "bundle.format"},
		"created 2^64-1":         {swap(created, "\x07\x1b"+strings.Repeat("\xff", 8)), "bundle.format"},
		"created past 9999":      {swap(created, "\x07\x1b\x00\x00\x00\x3a\xff\xf4\x41\x80"), "bundle.format"},
		"sender of 15":           {swap("\x03\x50"+string(good.Sender[:]), "\x03\x4f"+string(good.Sender[:15])), "bundle.format"},
		"sender text":            {swap("\x03\x50"+string(good.Sender[:]), "\x03\x70"+strings.Repeat("a", 16)), "bundle.format"},
		"sender of 2^40":         {swap("\x03\x50", "\x03\x5b\x00\x00\x01\x00\x00\x00\x00\x00"), "bundle.format"},
		"another sender":         {swap(string(good.Sender[:]), strings.Repeat("a", 16)), "bundle.format"},
		"no items":               {"\xa9" + body + "\x09\x80", "bundle.format"},
		"items indefinite":       {"\xa9" + body + "\x09\x9f" + list[1:] + "\xff", "bundle.format"},
		"items long head":        {"\xa9" + body + "\x09\x98\x01" + list[1:], "bundle.format"},
		"items map":              {"\xa9" + body + "\x09\xa0", "bundle.format"},
		"items null":             {"\xa9" + body + "\x09\xf6", "bundle.format"},
		"item text":              {"\xa9" + body + "\x09\x81\x61a", "bundle.format"},
		"item embedded":          {"\xa9" + body + "\x09\x81" + string(item[0]), "bundle.format"},
		"item long head":         {"\xa9" + body + "\x09\x81\x5a\x00\x00" + list[2:], "bundle.format"},
		"item indefinite":        {"\xa9" + body + "\x09\x81\x5f" + list[1:] + "\xff", "bundle.format"},
		"item of 2^40":           {"\xa9" + body + "\x09\x81\x5b\x00\x00\x01\x00\x00\x00\x00\x00", "bundle.format"},
		"item of 2^64-1":         {"\xa9" + body + "\x09\x81\x5b" + strings.Repeat("\xff", 8), "bundle.format"},
		"200,000 items not here": {"\xa9" + body + "\x09\x9a\x00\x03\x0d\x40\x40\x40", "bundle.format"},
		"200,001 items":          {"\xa9" + body + "\x09\x9a\x00\x03\x0d\x41" + strings.Repeat("\x40", 200_001), "bundle.size"},
		"2^63 items":             {"\xa9" + body + "\x09\x9b\x80\x00\x00\x00\x00\x00\x00\x00", "bundle.size"},
		"million arrays":         {"\xa9" + body + "\x09" + strings.Repeat("\x81", 1_000_000), "bundle.format"},
		"million maps":           {strings.Repeat("\xa1", 1_000_000), "bundle.format"},
	} {
		if _, err := Open(sealAny(t, c.payload, d), d.Public()); !fault.Is(err, c.code) {
			t.Errorf("%s: want %s, got %s: %v", name, c.code, fault.Code(err), err)
		}
	}
	for i, h := range badHeaders(good, d.id()) {
		h.Created, h.Expires = max(h.Created, 0), max(h.Expires, 0) // the encoding has no negative ones
		if h.check() == nil || h.Kind != Receipts && h.Answers != [32]byte{} {
			continue // no such bytes: see "answers out of place" above
		}
		if _, err := Open(sealAny(t, payloadOf(t, h, item), d), d.Public()); err == nil {
			t.Errorf("opened bad header %d: %+v", i, h)
		}
	}
	two := Header{Kind: Pairing, Sender: d.id()}
	dev := encode(t, Device{Key: [32]byte(d.Public()), Half: "online"})
	if _, _, err := OpenPairing(sealAny(t, payloadOf(t, two, append(dev, dev...)), d)); !fault.Is(err, "bundle.format") {
		t.Errorf("a pairing of two devices: %v", err)
	}
}
