package migrate

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

// seal is the other direction: a wallet.dat of any plain text and padding.
func seal(t testing.TB, body, pass string) []byte {
	t.Helper()
	pad := aes.BlockSize - len(body)%aes.BlockSize
	return sealBlocks(t, body+strings.Repeat(string(rune(pad)), pad), pass)
}

func sealBlocks(t testing.TB, blocks, pass string) []byte {
	t.Helper()
	salt := []byte("saltsalt")
	key := evpBytesToKey([]byte(pass), salt)
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		t.Fatal(err)
	}
	b := []byte(blocks)
	cipher.NewCBCEncrypter(block, key[32:]).CryptBlocks(b, b)
	return []byte(base64.StdEncoding.EncodeToString(append(append([]byte("Salted__"), salt...), b...)))
}

// What crypto-js and openssl wrote, with the keys of every chain that the real
// tatum-kms signed with.
func TestTatumGolden(t *testing.T) {
	for file, from := range map[string]string{"mainnet.dat": "mainnet.json", "testnet.dat": "testnet.json", "shapes.dat": "shapes.json", "openssl.dat": "mainnet.json"} {
		got, err := tatum(golden(t, file), passphrase(t))
		want := wanted(t, from)
		if err != nil || len(got) != len(want) || len(want) < 10 {
			t.Errorf("%s: %d of %d wallets, %v", file, len(got), len(want), err)
		}
		for _, p := range got {
			w := want[p.id]
			if p.odd = p.odd && w.odd; p.id != w.id || w.odd && !p.odd || !w.odd && p != w {
				t.Errorf("%s: %+v, want %+v", file, p, w)
			}
		}
	}
	if got, err := tatum(golden(t, "empty.dat"), passphrase(t)); err != nil || len(got) != 0 {
		t.Errorf("an empty one: %v, %v", got, err)
	}
}

// ATT-67: a wrong passphrase and a damaged file are told apart.
func TestTatumPassphrase(t *testing.T) {
	file, right := golden(t, "mainnet.dat"), passphrase(t)
	for i := range 1000 {
		if got, err := tatum(file, fmt.Appendf(nil, "guess %d", i)); !fault.Is(err, "wallet.passphrase") || got != nil {
			t.Fatalf("guess %d: %d wallets, %v", i, len(got), err)
		}
	}
	for _, p := range [][]byte{nil, right[:len(right)-1], append(bytes.Clone(right), ' '), bytes.ToUpper(right)} {
		if _, err := tatum(file, p); !fault.Is(err, "wallet.passphrase") {
			t.Errorf("%q: %v", p, err)
		}
	}
	// The smallest one has no two blocks to read.
	if _, err := tatum(golden(t, "empty.dat"), []byte("wrong")); !fault.Is(err, "wallet.passphrase") {
		t.Errorf("an empty one: %v", err)
	}
}

// Cut anywhere it is corrupt, under the right passphrase: a cut before the second
// readable block alone looks like a wrong one.
func TestTatumTruncated(t *testing.T) {
	file, pass := golden(t, "mainnet.dat"), passphrase(t)
	for n := range file {
		got, err := tatum(file[:n], pass)
		early := n < (saltedLen+2*aes.BlockSize)*4/3
		if got != nil || !fault.Is(err, "wallet.corrupt") && !(early && fault.Is(err, "wallet.passphrase")) {
			t.Fatalf("cut to %d of %d bytes: %d wallets, %v", n, len(file), len(got), err)
		}
	}
}

// The format has no MAC. A flipped bit of the cipher text garbles 16 bytes of plain
// text and flips one bit of the next 16: here none of them passes, since what is
// garbled is no UTF-8 or no JSON. That is likely, not sure.
func TestTatumFlipped(t *testing.T) {
	file, pass := golden(t, "mainnet.dat"), passphrase(t)
	raw, err := base64.StdEncoding.DecodeString(string(file))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		got, err := tatum([]byte(base64.StdEncoding.EncodeToString(raw)), pass)
		raw[bit/8] ^= 1 << (bit % 8)
		if err == nil {
			t.Errorf("bit %d: %d wallets", bit, len(got))
		}
		salt := bit/8 >= 8 && bit/8 < saltedLen
		if code := fault.Code(err); code != "wallet.corrupt" && !(salt && code == "wallet.passphrase") {
			t.Errorf("bit %d: %v", bit, err)
		}
		codes[fault.Code(err)]++
	}
	t.Logf("%d bits: %v", 8*len(raw), codes)
	for _, c := range []byte{'!', '=', '\n', 'A', 0, 0xff} {
		for i := range file {
			bad := bytes.Clone(file)
			if bad[i] == c {
				continue
			}
			bad[i] = c
			if got, err := tatum(bad, pass); err == nil || got != nil {
				t.Fatalf("byte %d as %q: %d wallets, %v", i, c, len(got), err)
			}
		}
	}
}

// What the right passphrase opens but tatum-kms does not write is corrupt.
func TestTatumRefuses(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", n) }
	w := `{"privateKey":"0x11","chain":"ETH","testnet":true}`
	good := `{"` + id(1) + `":` + w + `}`
	if got, err := tatum(seal(t, good, "p"), []byte("p")); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, space := range []string{"\n", "\r\n\r\n", " \t"} { // of editors
		if got, err := tatum(append(seal(t, good, "p"), space...), []byte("p")); err != nil || len(got) != 1 {
			t.Errorf("%q behind it: %v, %v", space, got, err)
		}
	}
	for name, body := range map[string]string{
		"a wallet twice":    `{"` + id(1) + `":` + w + `,"` + id(1) + `":` + w + `}`,
		"a member twice":    `{"` + id(1) + `":{"privateKey":"0x11","privateKey":"0x22","chain":"ETH","testnet":true}}`,
		"escaped twice":     `{"` + id(1) + `":{"privateKey":"0x11","private\u004bey":"0x22","chain":"ETH","testnet":true}}`,
		"something behind":  good + `{}`,
		"an array":          `["` + id(1) + `",` + w + `]`,
		"a text":            `"` + id(1) + id(2) + `"`,
		"a trailing comma":  `{"` + id(1) + `":` + w + `,}`,
		"a half surrogate":  `{"` + id(1) + `":{"mnemonic":"\ud800","chain":"ETH","testnet":true}}`,
		"a newline in text": `{"` + id(1) + `":{"mnemonic":"a` + "\n" + `b","chain":"ETH","testnet":true}}`,
		"no UTF-8":          `{"` + id(1) + `":{"mnemonic":"` + "\xff" + `","chain":"ETH","testnet":true}}`,
		"too deep":          `{"` + id(1) + `":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
		"too many members":  `{"` + id(1) + `":{"a0":0` + strings.Repeat(`,"a":0`, maxMembers) + `}}`,
	} {
		got, err := tatum(seal(t, body, "p"), []byte("p"))
		if !fault.Is(err, "wallet.corrupt") || got != nil {
			t.Errorf("%s: %d wallets, %v", name, len(got), err)
			continue
		}
		hides(t, err, "privateKey", id(1))
	}
	for name, blocks := range map[string]string{
		"padding of zero":     good + strings.Repeat("\x00", 32-len(good)%16),
		"padding of 17":       good + strings.Repeat("\x11", 32-len(good)%16),
		"padding of two ends": good[:80] + strings.Repeat("x", 13) + "\x02\x01\x03",
	} {
		if _, err := tatum(sealBlocks(t, blocks[:len(blocks)/16*16], "p"), []byte("p")); !fault.Is(err, "wallet.corrupt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string]string{
		"nothing": "", "no base64": "{}", "another base64": base64.StdEncoding.EncodeToString(make([]byte, 64)),
		"nothing inside": base64.StdEncoding.EncodeToString([]byte("Salted__saltsalt")), "raw": "Salted__saltsalt0123456789abcdef",
	} {
		if _, err := tatum([]byte(file), []byte("p")); !fault.Is(err, "wallet.corrupt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tatum(bytes.Repeat([]byte("A"), MaxTatum+1), []byte("p")); !fault.Is(err, "wallet.corrupt") {
		t.Errorf("too large: %v", err)
	}
}

// 25,001 wallets, one more than tatum-kms asks its API for, and more than a keystore
// holds.
func TestTatumMany(t *testing.T) {
	var body strings.Builder
	for i := range maxEntries + 1 {
		fmt.Fprintf(&body, `%c"%08d-0000-4000-8000-000000000000":{}`, "{,"[min(i, 1)], i)
		if i == 25_000 {
			if got, err := tatum(seal(t, body.String()+"}", "p"), []byte("p")); err != nil || len(got) != 25_001 {
				t.Errorf("%d wallets, %v", len(got), err)
			}
		}
	}
	if got, err := tatum(seal(t, body.String()+"}", "p"), []byte("p")); !fault.Is(err, "wallet.corrupt") || got != nil {
		t.Errorf("%d wallets, %v", len(got), err)
	}
}

// What was decrypted is gone once it was given.
func TestTatumClears(t *testing.T) {
	file := golden(t, "mainnet.dat")
	var kept [][]byte
	err := Tatum(file, passphrase(t), func(e Entry) error { kept = append(kept, e.ID, e.Words, e.Key); return nil })
	if err != nil || len(kept) < 90 || len(bytes.Trim(file, "\x00")) != 0 {
		t.Fatalf("%d, %v", len(kept), err)
	}
	for _, b := range kept {
		if len(bytes.Trim(b, "\x00")) != 0 {
			t.Errorf("%q is left", b)
		}
	}
	file = golden(t, "mainnet.dat")
	if err := Tatum(file, []byte("wrong"), nil); err == nil || len(bytes.Trim(file, "\x00")) != 0 {
		t.Errorf("after a wrong passphrase: %v", err)
	}
	stop := fault.New("test.stop", "", "stop")
	if err := Tatum(golden(t, "mainnet.dat"), passphrase(t), func(Entry) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
}

func FuzzTatum(f *testing.F) {
	f.Add(golden(f, "empty.dat"), passphrase(f))
	f.Add(seal(f, `{"a":{}}`, "p"), []byte("p"))
	f.Fuzz(func(t *testing.T, file, pass []byte) {
		got, err := tatum(file, pass)
		if err != nil && (got != nil || !fault.Is(err, "wallet.corrupt") && !fault.Is(err, "wallet.passphrase")) {
			t.Fatalf("%d wallets, %v", len(got), err)
		}
	})
}

// FuzzTatumText fuzzes what is inside.
func FuzzTatumText(f *testing.F) {
	f.Add(`{"00000000-0000-4000-8000-000000000001":{"mnemonic":"a","xpub":"x","chain":"BTC","testnet":true}}`)
	f.Add(`{"00000000-0000-4000-8000-000000000002":{"address":"a","secret":"s","chain":"XRP","testnet":null}}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := tatum(seal(t, body, "p"), []byte("p"))
		if err != nil && (got != nil || !fault.Is(err, "wallet.corrupt") && !fault.Is(err, "wallet.passphrase")) {
			t.Fatalf("%d wallets, %v", len(got), err)
		}
	})
}
