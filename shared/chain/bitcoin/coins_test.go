package bitcoin

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

func coinOf(t *testing.T, name string) chain.Chain {
	t.Helper()
	for _, c := range Chains() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no %s", name)
	return chain.Chain{}
}

// TestCoinTable: no id, and no spelling of an address, is two networks' at once where
// a person could take one for the other.
func TestCoinTable(t *testing.T) {
	seen := map[chain.ID]bool{}
	for _, c := range Chains() {
		for i, n := range c.Networks {
			if seen[n.ID] || n.Testnet != (i > 0) || n.Depth == 0 || n.FeeCap.Sign() <= 0 || n.Chain != c.Name || (i == 0) != (n.Explorer != "") {
				t.Errorf("%+v", n)
			}
			seen[n.ID] = true
		}
	}
	if len(seen) != 13 {
		t.Errorf("%d networks", len(seen))
	}
}

// TestMainnetAddresses: those of one coin are refused by every other.
func TestMainnetAddresses(t *testing.T) {
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{7}, 32))
	for _, from := range Chains() {
		for _, address := range from.Wallet.Addresses(from.Networks[0].ID, key, true) {
			for _, to := range Chains() {
				got, err := to.Wallet.ParseAddress(to.Networks[0].ID, address)
				if (err == nil) != (from.Name == to.Name) || err == nil && got != address {
					t.Errorf("%s of %s on %s: %q, %v", address, from.Name, to.Name, got, err)
				}
			}
		}
	}
	if a := coinOf(t, "DOGE").Wallet.Addresses("bip122:1a91e3dace36e2be3bf030a65679fe82", key, true); len(a) != 1 || !strings.HasPrefix(a[0], "D") {
		t.Errorf("Dogecoin: %v", a)
	}
	// A Bitcoin address with Litecoin's prefix, or Litecoin's former P2SH, is none.
	for _, address := range []string{"ltc1", "", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"} {
		if _, err := coinOf(t, "LTC").Wallet.ParseAddress("bip122:12a765e31ffd4059bada1e25190f6e98", address); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

// payment builds a PSBT of one input of the kind of script, and one output.
func payment(t *testing.T, script []byte, in, out uint64, version uint32) []byte {
	t.Helper()
	claimed := Output{Amount: in, Script: script}
	raw, err := BuildPSBT(version, 0, []Input{{Outpoint: Outpoint{TxID: Hash{1}}, Sequence: 0xffffffff, Claimed: &claimed}},
		[]Output{{Amount: out, Script: script}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestCoins: each codec takes its own networks, kinds of input and amounts, and the
// smallest step beyond is refused.
func TestCoins(t *testing.T) {
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{7}, 32))
	hash := hash160(key.Bytes())
	old, segwit := p2pkhScript(hash), witnessScript(0, hash)
	for name, c := range map[string]struct {
		coin, network string
		payload       []byte
		code          string
	}{
		"doge":                  {"DOGE", "bip122:1a91e3dace36e2be3bf030a65679fe82", payment(t, old, 10_000_000_000, 9_900_000_000, 1), ""},
		"doge, all that it can": {"DOGE", "bip122:1a91e3dace36e2be3bf030a65679fe82", payment(t, old, maxDoge, maxDoge-1, 1), ""},
		"doge, more":            {"DOGE", "bip122:1a91e3dace36e2be3bf030a65679fe82", payment(t, old, maxDoge+1, 1, 1), "bitcoin.amount"},
		"doge, SegWit":          {"DOGE", "bip122:1a91e3dace36e2be3bf030a65679fe82", payment(t, segwit, 10_000_000_000, 9_900_000_000, 1), "psbt.input-type"},
		"ltc":                   {"LTC", "bip122:12a765e31ffd4059bada1e25190f6e98", payment(t, old, 1e8, 9e7, 2), ""},
		"ltc, SegWit":           {"LTC", "bip122:12a765e31ffd4059bada1e25190f6e98", payment(t, segwit, 1e8, 9e7, 2), ""},
		"ltc, all that it can":  {"LTC", "bip122:12a765e31ffd4059bada1e25190f6e98", payment(t, segwit, 4*maxMoney, 1, 2), ""},
		"ltc, more":             {"LTC", "bip122:12a765e31ffd4059bada1e25190f6e98", payment(t, segwit, 4*maxMoney+1, 1, 2), "bitcoin.amount"},
		"ltc with btc's codec":  {"BTC", "bip122:12a765e31ffd4059bada1e25190f6e98", payment(t, segwit, 1e8, 9e7, 2), "bitcoin.network"},
		"btc with ltc's codec":  {"LTC", "bip122:000000000019d6689c085ae165831e93", payment(t, segwit, 1e8, 9e7, 2), "bitcoin.network"},
		"btc, more":             {"BTC", "bip122:000000000019d6689c085ae165831e93", payment(t, segwit, maxMoney+1, 1, 2), "bitcoin.amount"},
		"btc, all that it can":  {"BTC", "bip122:000000000019d6689c085ae165831e93", payment(t, segwit, maxMoney, 1, 2), ""},
	} {
		tx, err := coinOf(t, c.coin).Codec.Decode(chain.Unsigned{Network: chain.ID(c.network), Signers: []chain.PublicKey{key}, Payload: c.payload})
		if c.code != "" && !fault.Is(err, c.code) || c.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if err == nil {
			if r := tx.Review(); r.Fee.Asset.Symbol != c.coin || r.Effects[0].Asset.Symbol != c.coin {
				t.Errorf("%s: in %s and %s", name, r.Fee.Asset.Symbol, r.Effects[0].Asset.Symbol)
			}
		}
	}
}

// TestWitnessOutputOfDoge: where nothing knows of witnesses, a program is no address:
// whoever comes first can take what it holds, so the script is shown as it is.
func TestWitnessOutputOfDoge(t *testing.T) {
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{7}, 32))
	hash := hash160(key.Bytes())
	claimed := Output{Amount: 1e10, Script: p2pkhScript(hash)}
	raw, err := BuildPSBT(1, 0, []Input{{Outpoint: Outpoint{TxID: Hash{1}}, Sequence: 0xffffffff, Claimed: &claimed}},
		[]Output{{Amount: 9e9, Script: witnessScript(0, hash)}})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := coinOf(t, "DOGE").Codec.Decode(chain.Unsigned{Network: "bip122:1a91e3dace36e2be3bf030a65679fe82", Signers: []chain.PublicKey{key}, Payload: raw})
	if err != nil {
		t.Fatal(err)
	}
	r := tx.Review()
	if !strings.Contains(r.Effects[0].To, hex.EncodeToString(hash)) || len(r.Warnings)+len(r.Opaque) == 0 {
		t.Errorf("%s", r.Text())
	}
}
