package migrate

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gethkeys "github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/crypto"

	"coldsign/shared/fault"
)

const anvilKey = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

func geth(file []byte, pass string) (plain, error) {
	got, err := read(func(give func(Entry) error) error { return Geth(bytes.Clone(file), []byte(pass), give) })
	if len(got) != 1 {
		return plain{}, err
	}
	return got[0], err
}

func TestGethGolden(t *testing.T) {
	var vectors map[string]struct {
		JSON           json.RawMessage
		Password, Priv string
	}
	if err := json.Unmarshal(golden(t, "web3.json"), &vectors); err != nil || len(vectors) != 2 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for name, v := range vectors {
		if got, err := geth(v.JSON, v.Password); err != nil || got.key != v.Priv || got.address != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got, err := geth(v.JSON, v.Password+" "); !fault.Is(err, "wallet.passphrase") || got.key != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := geth(golden(t, "ethers.json"), "geth passphrase"); err != nil || got.key != anvilKey || got.address != "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266" {
		t.Errorf("ethers: %+v, %v", got, err)
	}
}

// sealed is what geth itself writes for a key, with little work.
func sealed(t testing.TB, secret []byte, pass string) []byte {
	t.Helper()
	ec, err := crypto.ToECDSA(secret)
	if err != nil {
		t.Fatal(err)
	}
	b, err := gethkeys.EncryptKey(&gethkeys.Key{Address: crypto.PubkeyToAddress(ec.PublicKey), PrivateKey: ec}, pass, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What geth writes is read, and what is read geth reads too.
func TestGethDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		secret := make([]byte, 32)
		for j := i % 3; j < 32; j++ { // leading zeros too
			secret[j] = byte(r.Uint32())
		}
		pass := fmt.Sprintf("pass %d é", i)
		file := sealed(t, secret, pass)
		got, err := geth(file, pass)
		if err != nil || got.key != hex.EncodeToString(secret) {
			t.Fatalf("%x: %+v, %v", secret, got, err)
		}
		k, err := gethkeys.DecryptKey(file, pass)
		if err != nil || hex.EncodeToString(crypto.FromECDSA(k.PrivateKey)) != got.key || !strings.EqualFold(k.Address.Hex(), got.address) {
			t.Fatalf("geth reads it otherwise: %v", err)
		}
	}
}

// Old versions of geth left leading zeros away.
func TestGethShort(t *testing.T) {
	for size := 1; size <= 33; size++ {
		secret := bytes.Repeat([]byte{7}, size)
		box, err := gethkeys.EncryptDataV3(secret, []byte("p"), 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		file, err := json.Marshal(map[string]any{"version": 3, "crypto": box})
		if err != nil {
			t.Fatal(err)
		}
		got, err := geth(file, "p")
		if want := fmt.Sprintf("%064x", secret); size <= 32 && (err != nil || got.key != want) || size > 32 && !fault.Is(err, "wallet.corrupt") {
			t.Errorf("%d bytes: %s, want %s: %v", size, got.key, want, err)
		}
	}
}

// Any one flipped bit: refused, or the same key and address, or a file that names
// another address or none, which the caller compares or says.
func TestGethFlipped(t *testing.T) {
	secret, _ := hex.DecodeString(anvilKey)
	file := sealed(t, secret, "p")
	right, err := geth(file, "p")
	if err != nil {
		t.Fatal(err)
	}
	refused, same, other := 0, 0, 0
	for bit := range 8 * len(file) {
		file[bit/8] ^= 1 << (bit % 8)
		got, err := geth(file, "p")
		file[bit/8] ^= 1 << (bit % 8)
		switch {
		case err != nil:
			refused++
			hides(t, err, anvilKey)
		case got.key == right.key:
			same++
		default:
			// The counter is not covered by the MAC: the address tells.
			if other++; got.address != right.address {
				t.Errorf("bit %d: another key and another address", bit)
			}
		}
	}
	t.Logf("%d refused, %d change nothing, %d give a key that is not of the address", refused, same, other)
	if other < 50 || refused < 3000 {
		t.Errorf("too few: %d flips of the counter, %d refused", other, refused)
	}
	for n := range file {
		if _, err := geth(file[:n], "p"); !fault.Is(err, "wallet.corrupt") {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// ATT-65: what a hostile file asks for is refused at once.
func TestGethBounds(t *testing.T) {
	good := string(golden(t, "ethers.json"))
	scrypt := `"kdfparams":{"salt":"aa98c7c254d627e4c19d96056753e3767800ddc401e0ba9d1ea87d930368b05b","n":4096,"dklen":32,"p":1,"r":8}`
	if !strings.Contains(good, scrypt) {
		t.Fatal("the file is another")
	}
	params := func(n, r, p, size, salt string) string {
		return fmt.Sprintf(`"kdfparams":{"salt":%s,"n":%s,"dklen":%s,"p":%s,"r":%s}`, salt, n, size, p, r)
	}
	const salt = `"aa98c7c254d627e4"`
	kdf := func(with string) string { return strings.Replace(good, scrypt, with, 1) }
	pbkdf := func(c, prf string) string {
		return strings.Replace(kdf(`"kdfparams":{"salt":`+salt+`,"c":`+c+`,"dklen":32,"prf":"`+prf+`"}`), `"scrypt"`, `"pbkdf2"`, 1)
	}
	for name, c := range map[string]struct{ file, code string }{
		"a tebibyte":             {kdf(params("4294967296", "2", "1", "32", salt)), "wallet.kdf"},
		"2 GiB":                  {kdf(params("2097152", "8", "1", "32", salt)), "wallet.kdf"},
		"r":                      {kdf(params("2", "4294967295", "1", "32", salt)), "wallet.kdf"},
		"p":                      {kdf(params("2", "1", "1073741823", "32", salt)), "wallet.kdf"},
		"work":                   {kdf(params("1048576", "8", "64", "32", salt)), "wallet.kdf"},
		"overflow":               {kdf(params("18446744073709551616", "8", "1", "32", salt)), "wallet.kdf"},
		"n of 1":                 {kdf(params("1", "8", "1", "32", salt)), "wallet.kdf"},
		"n of 0":                 {kdf(params("0", "8", "1", "32", salt)), "wallet.kdf"},
		"n of no power":          {kdf(params("4097", "8", "1", "32", salt)), "wallet.kdf"},
		"r of 0":                 {kdf(params("4096", "0", "1", "32", salt)), "wallet.kdf"},
		"p of 0":                 {kdf(params("4096", "8", "0", "32", salt)), "wallet.kdf"},
		"p below 0":              {kdf(params("4096", "8", "-1", "32", salt)), "wallet.kdf"},
		"n as text":              {kdf(params(`"4096"`, "8", "1", "32", salt)), "wallet.kdf"},
		"n with a fraction":      {kdf(params("4096.0", "8", "1", "32", salt)), "wallet.kdf"},
		"a short key":            {kdf(params("4096", "8", "1", "31", salt)), "wallet.kdf"},
		"a long key":             {kdf(params("4096", "8", "1", "4294967295", salt)), "wallet.kdf"},
		"no salt":                {kdf(params("4096", "8", "1", "32", `""`)), "wallet.kdf"},
		"a long salt":            {kdf(params("4096", "8", "1", "32", `"`+strings.Repeat("00", maxSalt+1)+`"`)), "wallet.kdf"},
		"odd salt":               {kdf(params("4096", "8", "1", "32", `"abc"`)), "wallet.kdf"},
		"unknown":                {strings.Replace(good, `"scrypt"`, `"argon2id"`, 1), "wallet.kdf"},
		"no parameters":          {kdf(`"x":1`), "wallet.kdf"},
		"parameters as a number": {kdf(`"kdfparams":1`), "wallet.kdf"},
		"rounds":                 {pbkdf("4294967295", "hmac-sha256"), "wallet.kdf"},
		"no rounds":              {pbkdf("0", "hmac-sha256"), "wallet.kdf"},
		"another hash":           {pbkdf("1", "hmac-sha1"), "wallet.kdf"},
		"weak but sound":         {pbkdf("1", "hmac-sha256"), "wallet.passphrase"},
		"version 1":              {strings.Replace(good, `"version":3`, `"version":1`, 1), "wallet.version"},
		"version as text":        {strings.Replace(good, `"version":3`, `"version":"3"`, 1), "wallet.version"},
		"another cipher":         {strings.Replace(good, "aes-128-ctr", "aes-128-cbc", 1), "wallet.cipher"},
		"two keys":               {strings.Replace(good, `"Crypto":`, `"crypto":{},"Crypto":`, 1), "wallet.corrupt"},
		"no key":                 {strings.Replace(good, `"Crypto":`, `"CRYPTO":`, 1), "wallet.cipher"},
		"a short counter":        {strings.Replace(good, `"iv":"6d`, `"iv":"`, 1), "wallet.corrupt"},
		"a short MAC":            {strings.Replace(good, `"mac":"e9`, `"mac":"`, 1), "wallet.corrupt"},
		"a long key text":        {strings.Replace(good, `"ciphertext":"`, `"ciphertext":"00`, 1), "wallet.corrupt"},
		"no address":             {strings.Replace(good, `"address":"f39f`, `"address":"39f`, 1), "wallet.corrupt"},
		"an empty address":       {strings.Replace(good, `f39fd6e51aad88f6f4ce6ab8827279cfffb92266`, ``, 1), "wallet.corrupt"},
		"an array":               {"[" + good + "]", "wallet.corrupt"},
		"a member twice":         {strings.Replace(good, `"version":3`, `"version":3,"version":3`, 1), "wallet.corrupt"},
		"too large":              {good + strings.Repeat(" ", MaxFile), "wallet.corrupt"},
	} {
		begin := time.Now()
		got, err := geth([]byte(c.file), "geth passphrase")
		if c.file == good || !fault.Is(err, c.code) || got != (plain{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if d := time.Since(begin); d > 100*time.Millisecond {
			t.Errorf("%s: refused after %v", name, d)
		}
	}
}

func FuzzGeth(f *testing.F) {
	f.Add(sealed(f, bytes.Repeat([]byte{1}, 32), "p"), "p")
	f.Add(golden(f, "ethers.json"), "p")
	f.Fuzz(func(t *testing.T, file []byte, pass string) {
		if len(file) > 4096 || bytes.Contains(file, []byte("000")) {
			return // work that is allowed, but takes seconds
		}
		if got, err := geth(file, pass); err != nil && got != (plain{}) {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func solana(file []byte) (plain, error) {
	got, err := read(func(give func(Entry) error) error { return Solana(bytes.Clone(file), give) })
	if len(got) != 1 {
		return plain{}, err
	}
	return got[0], err
}

func TestSolana(t *testing.T) {
	good := string(golden(t, "keypair.json"))
	var want []byte
	for n := range strings.SplitSeq(strings.Trim(good, "[]"), ",") {
		var b byte
		if _, err := fmt.Sscan(n, &b); err != nil {
			t.Fatal(err)
		}
		want = append(want, b)
	}
	if got, err := solana([]byte(good + "\n")); err != nil || got.key != hex.EncodeToString(want) || len(want) != 64 {
		t.Errorf("%+v, %v", got, err)
	}
	sixty := strings.Repeat("1,", 60)
	for name, file := range map[string]string{
		"nothing": "", "an object": "{}", "32 numbers": "[" + strings.Repeat("1,", 31) + "1]", "63": "[" + sixty + "1,1,1]", "65": "[" + sixty + "1,1,1,1,1]",
		"256": "[" + sixty + "1,1,1,256]", "-1": "[" + sixty + "1,1,1,-1]", "a fraction": "[" + sixty + "1,1,1,1.0]", "a text": "[" + sixty + `1,1,1,"1"]`, "an array": "[" + sixty + "1,1,1,[1]]",
		"something behind": good + "1", "too large": good + strings.Repeat(" ", MaxFile),
	} {
		if got, err := solana([]byte(file)); !fault.Is(err, "wallet.corrupt") || got != (plain{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for n := range good {
		if _, err := solana([]byte(good[:n])); !fault.Is(err, "wallet.corrupt") {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	file := []byte(good)
	if err := Solana(file, func(Entry) error { return nil }); err != nil || len(bytes.Trim(file, "\x00")) != 0 {
		t.Errorf("the file is left: %v", err)
	}
}

func FuzzSolana(f *testing.F) {
	f.Add(golden(f, "keypair.json"))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := solana(file)
		if err != nil {
			return
		}
		var want []uint16
		if err := json.Unmarshal(file, &want); err != nil || len(want) != 64 {
			t.Fatalf("%q was taken: %v", file, err)
		}
		for i, n := range want {
			if fmt.Sprintf("%02x", n) != got.key[2*i:2*i+2] {
				t.Fatalf("%q gives %s", file, got.key)
			}
		}
	})
}
