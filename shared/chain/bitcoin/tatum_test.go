package bitcoin

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
)

type tatum struct {
	Addresses []struct {
		Mnemonic string
		Testnet  bool
		Keys     []struct {
			Index                                      uint32
			Address, PrivateKey, AddressFromPrivateKey string
		}
	}
	Cases []struct {
		Name, Network string
		Pending       struct{ SerializedTransaction string }
		KeyMaterial   map[string]struct {
			PrivateKey, Mnemonic string
			Testnet              bool
		}
		SignedWith []string
		Expected   struct{ TxData, TxID string }
	}
}

// record is the bitcore form that the KMS sends.
type record struct {
	Version uint32
	Inputs  []struct {
		PrevTxID       string
		OutputIndex    uint32
		SequenceNumber uint32
		Output         struct {
			Satoshis uint64
			Script   string
		}
	}
	Outputs []struct {
		Satoshis uint64
		Script   string
	}
	NLockTime uint32
}

func loadTatum(t testing.TB) tatum {
	var v tatum
	load(t, "../../../testdata/tatum/btc.json", &v)
	if len(v.Cases) != 8 || len(v.Addresses) != 4 {
		t.Fatalf("%d cases and %d address sets, want 8 and 4", len(v.Cases), len(v.Addresses))
	}
	return v
}

// What tatum-kms signed, we sign, byte for byte. The records only claim their
// amounts.
func TestTatumTransactions(t *testing.T) {
	for _, c := range loadTatum(t).Cases {
		t.Run(c.Name+" "+c.Network, func(t *testing.T) {
			network, test := mainnet, c.Network != "mainnet"
			if test {
				network = testnet3
			}
			secrets := map[chain.PublicKey][]byte{}
			for _, m := range c.KeyMaterial {
				if m.PrivateKey == "" {
					for _, index := range []uint32{1, 7} { // as signedWith says
						s := derive(t, m.Mnemonic, m.Testnet, index)
						secrets[chaintest.Secp256k1Key(s)] = s
					}
					continue
				}
				s, err := Wallet{}.ParseKey(m.PrivateKey, test)
				if err != nil {
					t.Fatal(err)
				}
				secrets[chaintest.Secp256k1Key(s)] = s
			}
			u := chain.Unsigned{Network: network, Payload: translate(t, c.Pending.SerializedTransaction)}
			for k := range secrets {
				u.Signers = append(u.Signers, k)
			}
			x, err := New().Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			if r := x.Review(); !r.Unproven || len(r.Warnings) < len(x.(*tx).in) {
				t.Error("claimed amounts are not said to be unproven")
			}
			var sigs []chain.Signature
			for _, r := range x.ToSign() {
				sigs = append(sigs, chaintest.Signer(secrets)(r))
			}
			sealed, err := x.Seal(sigs)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(sealed.Raw); got != c.Expected.TxData || sealed.TxID != c.Expected.TxID {
				t.Errorf("sealed %s\n%s, want %s\n%s", sealed.TxID, got, c.Expected.TxID, c.Expected.TxData)
			}
		})
	}
}

func translate(t testing.TB, text string) []byte {
	var r record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	var in []Input
	for _, i := range r.Inputs {
		id, err := ParseHash(i.PrevTxID)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, Input{Outpoint: Outpoint{id, i.OutputIndex}, Sequence: i.SequenceNumber,
			Claimed: &Output{i.Output.Satoshis, unhex(t, i.Output.Script)}})
	}
	var out []Output
	for _, o := range r.Outputs {
		out = append(out, Output{o.Satoshis, unhex(t, o.Script)})
	}
	return build(t, r.Version, r.NLockTime, in, out)
}

func TestTatumAddresses(t *testing.T) {
	keys := 0
	for _, a := range loadTatum(t).Addresses {
		network := mainnet
		if a.Testnet {
			network = testnet3
		}
		for _, k := range a.Keys {
			keys++
			secret, err := Wallet{}.ParseKey(k.PrivateKey, a.Testnet)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(secret, derive(t, a.Mnemonic, a.Testnet, k.Index)) {
				t.Errorf("key %d of %q derives otherwise", k.Index, a.Mnemonic)
			}
			pub := chaintest.Secp256k1Key(secret)
			derived, imported := Wallet{}.Addresses(network, pub, true), Wallet{}.Addresses(network, pub, false)
			if len(derived) != 4 || derived[0] != k.Address {
				t.Errorf("derived: %v, want %s first", derived, k.Address)
			}
			if len(imported) != 4 || imported[0] != k.AddressFromPrivateKey {
				t.Errorf("imported: %v, want %s first", imported, k.AddressFromPrivateKey)
			}
			if _, err := (Wallet{}).ParseKey(k.PrivateKey, !a.Testnet); err == nil {
				t.Error("a key of the other network is accepted")
			}
		}
	}
	if keys != 8 {
		t.Errorf("%d keys", keys)
	}
}

// derive is BIP-39 and BIP-32 at the wallet's own path.
func derive(t testing.TB, mnemonic string, testnet bool, index uint32) []byte {
	t.Helper()
	seed, err := pbkdf2.Key(sha512.New, mnemonic, []byte("mnemonic"), 2048, 64)
	if err != nil {
		t.Fatal(err)
	}
	step := func(key, data []byte) (left, code []byte) {
		h := hmac.New(sha512.New, key)
		h.Write(data)
		sum := h.Sum(nil)
		return sum[:32], sum[32:]
	}
	k, code := step([]byte("Bitcoin seed"), seed)
	for _, i := range (Wallet{}).Derivation().Path(testnet, index) {
		data := append([]byte{0}, k...)
		if i < chain.Hardened {
			data = chaintest.Secp256k1Key(k).Bytes()
		}
		var parent, left btcec.ModNScalar
		parent.SetByteSlice(k)
		k, code = step(code, binary.BigEndian.AppendUint32(data, i))
		left.SetByteSlice(k)
		sum := left.Add(&parent).Bytes()
		k = sum[:]
	}
	return k
}
