package solana

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/base58"
)

type tatumFile struct {
	Addresses []struct {
		Keys []struct{ Address, PrivateKey string }
	}
	Cases []struct {
		Name, Network string
		Pending       struct{ SerializedTransaction string }
		KeyMaterial   map[string]struct{ PrivateKey string }
		Expected      struct {
			TxID      string
			Signature struct {
				SignedTransactionBase64, MessageHex string
			}
		}
		NetworkLookups []struct {
			Body     struct{ Method string }
			Response struct{ Result json.RawMessage }
		}
	}
}

func tatum(t *testing.T) tatumFile {
	t.Helper()
	b, err := os.ReadFile("../../../testdata/tatum/sol.json")
	if err != nil {
		t.Fatal(err)
	}
	var f tatumFile
	if err := json.Unmarshal(b, &f); err != nil || len(f.Cases) != 6 || len(f.Addresses) != 2 {
		t.Fatalf("%d cases, %d wallets: %v", len(f.Cases), len(f.Addresses), err)
	}
	return f
}

// TestTatum: every record that the real tatum-kms signed is decoded and sealed to
// the very bytes that it sent. Only the account of 82 bytes that is created and
// left for anybody to make a mint of is opaque.
func TestTatum(t *testing.T) {
	for _, c := range tatum(t).Cases {
		t.Run(c.Network+"/"+c.Name, func(t *testing.T) {
			var record struct{ TxData, MintPK string }
			if err := json.Unmarshal([]byte(c.Pending.SerializedTransaction), &record); err != nil {
				t.Fatal(err)
			}
			dummy, err := hex.DecodeString(record.TxData)
			if err != nil {
				t.Fatal(err)
			}
			var hash address
			for _, l := range c.NetworkLookups {
				var result struct{ Value struct{ Blockhash string } }
				if l.Body.Method != "getLatestBlockhash" {
					continue
				}
				if err := json.Unmarshal(l.Response.Result, &result); err != nil {
					t.Fatal(err)
				}
				if hash, err = ParseAddress(result.Value.Blockhash); err != nil {
					t.Fatal(err)
				}
			}
			payload, err := WithBlockhash(dummy, hash)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(payload); got != c.Expected.Signature.MessageHex {
				t.Fatalf("message %s, want %s", got, c.Expected.Signature.MessageHex)
			}
			texts := []string{record.MintPK}
			for _, k := range c.KeyMaterial {
				texts = append(texts, k.PrivateKey)
			}
			u := request(t, payload)
			if c.Network == "testnet" {
				u.Network = NetworkTable()[2].ID
			}
			tx, err := New().Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			r, unowned := tx.Review(), c.Name == "create-account-with-mintPK"
			if len(r.Effects) != 1 || (len(r.Opaque) == 1 && r.Opaque[0].Code == "solana.create-account") != unowned || !unowned && len(r.Opaque) != 0 {
				t.Errorf("review:\n%s", r.Text())
			}
			sealed, err := tx.Seal(signWith(t, tx, texts))
			if err != nil {
				t.Fatal(err)
			}
			if got := base64.StdEncoding.EncodeToString(sealed.Raw); got != c.Expected.Signature.SignedTransactionBase64 || sealed.TxID != c.Expected.TxID {
				t.Errorf("sealed %s as %s", got, sealed.TxID)
			}
		})
	}
}

// signWith signs with keys in their text form, matched to the requests.
func signWith(t *testing.T, tx chain.Tx, texts []string) (sigs []chain.Signature) {
	t.Helper()
	keys := map[chain.PublicKey]ed25519.PrivateKey{}
	for _, s := range texts {
		if s == "" {
			continue
		}
		b, err := Wallet{}.ParseKey(s, false)
		if err != nil {
			t.Fatal(err)
		}
		k := ed25519.NewKeyFromSeed(b)
		keys[pub(address(k.Public().(ed25519.PublicKey)))] = k
	}
	for _, q := range tx.ToSign() {
		sigs = append(sigs, chain.Signature{Key: q.Key, Scheme: q.Scheme, Bytes: ed25519.Sign(keys[q.Key], q.Message)})
	}
	return sigs
}

// TestWalletKeys: every text form gives the seed of tatum's address; what is no
// key, or half another's, is refused without a word of it in the error.
func TestWalletKeys(t *testing.T) {
	for _, w := range tatum(t).Addresses {
		for _, k := range w.Keys {
			secret, err := base58.Decode(k.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			other := append([]byte(nil), secret...)
			other[63] ^= 1
			for _, s := range []string{k.PrivateKey, hex.EncodeToString(secret)} {
				b, err := Wallet{}.ParseKey(s, true)
				if err != nil {
					t.Fatal(err)
				}
				key := pub(address(ed25519.NewKeyFromSeed(b).Public().(ed25519.PublicKey)))
				if got := (Wallet{}).Addresses(mainnet, key, true); len(got) != 1 || got[0] != k.Address {
					t.Errorf("addresses %v, want %s", got, k.Address)
				}
			}
			for _, s := range []string{"", "1", base58.Encode(other), hex.EncodeToString(other), hex.EncodeToString(secret)[1:] + "x",
				base58.Encode(secret[:31]), base58.Encode(secret[:32]), k.Address, base58.Encode(secret[:33]), base58.Encode(append(secret, 1)), k.PrivateKey + " ", hex.EncodeToString(secret[:32])} {
				b, err := Wallet{}.ParseKey(s, false)
				if !fault.Is(err, "key.private") {
					t.Errorf("%d characters gave %d bytes, %v", len(s), len(b), err)
				}
			}
		}
	}
	if got := (Wallet{}).Addresses("eip155:1", pub(alice), true); got != nil {
		t.Errorf("addresses %v on another chain", got)
	}
	if got := chain.PathString((Wallet{}).Derivation().Path(true, 3)); got != "m/44'/501'/0'/0'/3'" {
		t.Errorf("path %s", got)
	}
}
