package keystore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// rolled are 99 throws of a die.
const rolled = "446664544414436215215634353434445115416213135614316661544636542111541464116134255213422214432553442"

// BIP-39's own vectors, whose passphrase is TREZOR: the seed, and the master key by
// btcd's hdkeychain.
func TestPassphraseVectors(t *testing.T) {
	var vectors struct{ English [][4]string }
	if err := json.Unmarshal(read(t, "../../../testdata/hd/bip39.json"), &vectors); err != nil || len(vectors.English) != 24 {
		t.Fatalf("%d vectors: %v", len(vectors.English), err)
	}
	ks := quick(t)
	check := func(ks *Keystore, i int, v [4]string) {
		t.Helper()
		info := ks.List()[2*i]
		want, err := hdkeychain.NewKeyFromString(v[3])
		if err != nil {
			t.Fatal(err)
		}
		pub, err := want.ECPubKey()
		if err != nil {
			t.Fatal(err)
		}
		p, err := ks.Public(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		key, err := p.MasterKey()
		if err != nil || !bytes.Equal(key.Bytes(), pub.SerializeCompressed()) || !info.Passphrase {
			t.Errorf("vector %d: %s, %v", i, key, err)
		}
		if seed, err := ks.seed(&ks.c.Entries[2*i+1]); err != nil || hex.EncodeToString(seed) != v[2] {
			t.Errorf("vector %d: seed %x, %v", i, seed, err)
		}
	}
	for i, v := range vectors.English {
		for _, name := range []string{"BTC", "SOL"} {
			if _, err := ks.ImportWith([]byte("TREZOR"), newID(t), name, false, []byte(v[1]), now); err != nil {
				t.Fatal(err)
			}
		}
		check(ks, i, v)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, ks)
	defer again.Close()
	for i, v := range vectors.English {
		check(again, i, v)
	}
	// Without it each is another wallet.
	plain := imported(t, ks, "SOL", false, vectors.English[0][1])
	if seed, err := ks.seed(&ks.c.Entries[ks.c.at[plain.ID]]); err != nil || hex.EncodeToString(seed) == vectors.English[0][2] || plain.Passphrase {
		t.Errorf("without a passphrase: %v", err)
	}
}

// An entry without a passphrase is what it was before there were any; what has one in a
// form that none has is refused.
func TestPassphraseFormat(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	imported(t, ks, "ETH", true, hexKey)
	written := func() map[uint64]any {
		t.Helper()
		plain, err := ks.c.encode()
		if err != nil {
			t.Fatal(err)
		}
		var m map[uint64]any
		if err := cbor.Unmarshal(plain, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i, e := range written()[6].([]any) {
		if m := e.(map[any]any); len(m) != 7 {
			t.Errorf("entry %d has %d fields", i, len(m))
		}
	}
	for passphrase, good := range map[string]bool{"TREZOR": true, "cafe\u0301": true, "caf\u00e9": false, "a ": false, "a\x00": false, strings.Repeat("a", 1025): false} {
		ks.c.Entries[0].Passphrase, ks.c.Entries[1].Passphrase = []byte(passphrase), nil
		plain, err := ks.c.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(plain); (err == nil) != good || err != nil && !fault.Is(err, "keystore.format") {
			t.Errorf("%.20q: %v", passphrase, err)
		}
		ks.c.Entries[0].Passphrase, ks.c.Entries[1].Passphrase = nil, []byte(passphrase)
		if plain, err = ks.c.encode(); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(plain); !fault.Is(err, "keystore.format") {
			t.Errorf("%.20q of a single key: %v", passphrase, err)
		}
	}
	if _, err := quick(t).ImportWith([]byte("TREZOR"), newID(t), "ETH", true, []byte(hexKey), now); !fault.Is(err, "mnemonic.passphrase") {
		t.Errorf("imported with a single key: %v", err)
	}
}

// ATT-64: dice alone give the words that any tool gives of SHA-256 of the digits.
func TestATT64DiceAlone(t *testing.T) {
	ks := quick(t)
	for range 2 {
		info, err := ks.Make(Recipe{Chain: "BTC", Dice: []byte(rolled), DiceAlone: true}, now)
		if err != nil {
			t.Fatal(err)
		}
		// printf DIGITS | sha256sum, and BIP-39 worked out in Python.
		const want = "goat rubber teach ocean forest joke broccoli gloom network play dizzy hour trap text kid print fee skill bulk damp shoot monkey daring bar"
		if got, err := ks.Words(info.ID); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, dice := range []string{"", rolled[:49], rolled[:98], strings.Repeat("1", 99), strings.Repeat("123456", 17)} {
		for _, alone := range []bool{true, false} {
			if !alone && (dice == "" || dice == rolled[:98]) {
				continue // no dice, no complaint; beside the machine's part 50 will do
			}
			if _, err := ks.Make(Recipe{Chain: "BTC", Dice: []byte(dice), DiceAlone: alone}, now); !fault.Is(err, "entropy.dice") {
				t.Errorf("%.10q: %v", dice, err)
			}
		}
	}
	if len(ks.List()) != 2 {
		t.Error("a refused wallet was kept")
	}
	if _, err := ks.Words(imported(t, ks, "ETH", true, hexKey).ID); !fault.Is(err, "key.single") {
		t.Errorf("the words of a single key: %v", err)
	}
}

// The machine's part and the dice both enter, and what was drawn is what is used.
func TestATT64MixedByHand(t *testing.T) {
	ks := quick(t)
	seen := map[string]bool{}
	for range 3 {
		machine, err := ks.Draw()
		if err != nil {
			t.Fatal(err)
		}
		for _, dice := range []string{"", rolled, rolled + "1"} {
			info, err := ks.Make(Recipe{Chain: "ETH", Machine: machine, Dice: []byte(dice)}, now)
			if err != nil {
				t.Fatal(err)
			}
			entropy, err := hd.Mix(machine, dice)
			if err != nil {
				t.Fatal(err)
			}
			m, err := hd.NewMnemonic(entropy)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ks.Words(info.ID)
			if err != nil || !bytes.Equal(got, m.Text()) || seen[string(got)] {
				t.Errorf("%d rolls: repeated, or not what was drawn: %v", len(dice), err)
			}
			seen[string(got)] = true
		}
	}
}

// Thousands of wallets, each with its own mnemonic, id and first key.
func TestATT64Wallets(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds")
	}
	ks, seen := quick(t), map[string]bool{}
	const count = 1000
	for i := range count {
		info, err := ks.NewWallet("ETH", true, "", now)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ks.Key(info.ID, ks.path0(&ks.c.Entries[i]))
		if err != nil {
			t.Fatal(err)
		}
		words, err := ks.Words(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(info.ID)], seen[k.Public().String()], seen[string(words)] = true, true, true
	}
	if len(seen) != 3*count {
		t.Errorf("%d values of %d wallets", len(seen), count)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
}
