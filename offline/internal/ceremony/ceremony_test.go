package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

type device struct{ key ed25519.PrivateKey }

func (d device) Public() ed25519.PublicKey     { return d.key.Public().(ed25519.PublicKey) }
func (d device) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.key, m), nil }

// The commitments are what FORMAT.md says, worked out without crypto/hkdf.
func TestCommitments(t *testing.T) {
	part := bytes.Repeat([]byte{1, 2}, 32)
	if got, want := Machine(part), sha256.Sum256(append([]byte("coldsign ceremony machine\x00"), part...)); got != want {
		t.Errorf("%x", got)
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	seed := bytes.Repeat([]byte{7}, 32)
	key := mac(mac(make([]byte, 32), string(seed)), "coldsign ceremony dice\x01")
	got, err := CommitDice(seed, []byte("123"))
	if want := mac(key, "123"); err != nil || !bytes.Equal(got[:], want) {
		t.Errorf("%x, want %x: %v", got, want, err)
	}
	if other, _ := CommitDice(seed, []byte("124")); other == got {
		t.Error("other rolls, the same commitment")
	}
}

// A transcript is the text of FORMAT.md, to the byte, and the signature is over it.
func TestEncode(t *testing.T) {
	d := device{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
	tr := Transcript{
		Time: time.Unix(1767225600, 0), Program: "ab", Overlooked: []string{"swap was on"}, Rehearsal: true, Entries: 3, Head: [32]byte{1},
		How: Mixed, Machine: [32]byte{2}, Rolls: 99, Dice: [32]byte{3}, Words: Confirmed, Passphrase: true,
		Wallets: []Wallet{
			{Chain: "BTC", Network: "bip122:0", Testnet: true, Master: []byte{2, 2}, Fingerprint: [4]byte{0xd9}, Path: "m/44'", XPub: "tpub", Keys: []Key{{"m/44'/0", []byte{3}, "tb1"}}},
			{Chain: "SOL", Network: "solana:0", Master: []byte{2}},
		},
	}
	raw, err := tr.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("00", 31)
	want := strings.Join([]string{
		"coldsign ceremony 1", "time 2026-01-01T00:00:00Z", "device " + hex.EncodeToString(d.Public()), "program ab", "overlooked swap was on", "rehearsal yes",
		"journal 3 01" + zeros, "how os+dice", "machine 02" + zeros, "rolls 99", "dice 03" + zeros, "words confirmed", "passphrase yes",
		"wallet 00000000-0000-0000-0000-000000000000", "chain BTC testnet bip122:0", "fingerprint d9000000", "master 0202", "account m/44' tpub", "key m/44'/0 03 tb1",
		"wallet 00000000-0000-0000-0000-000000000000", "chain SOL mainnet solana:0", "fingerprint 00000000", "master 02", "",
	}, "\n")
	text, line, _ := strings.Cut(string(raw), "signature ")
	sig, err := hex.DecodeString(strings.TrimSuffix(line, "\n"))
	sum := sha256.Sum256([]byte(text))
	if text != want || err != nil || !ed25519.Verify(d.Public(), append([]byte("coldsign ceremony transcript\x00"), sum[:]...), sig) {
		t.Errorf("%s\nwant\n%s\n%v", raw, want, err)
	}
	// What was not there is not told of.
	bare, err := Transcript{How: System, Words: Unseen}.Encode(d)
	for _, word := range []string{"overlooked", "rehearsal", "machine", "rolls", "dice", "account"} {
		if err != nil || bytes.Contains(bare, []byte("\n"+word+" ")) {
			t.Errorf("%s in %s, %v", word, bare, err)
		}
	}
}
