package evm

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/gagliardetto/solana-go/bip39"
)

type tatumKey struct {
	PrivateKey, Mnemonic string
	Testnet              bool
}

type tatumFile struct {
	Addresses []struct {
		Mnemonic string
		Testnet  bool
		Xpub     string
		Keys     []struct {
			Index               uint32
			Address, PrivateKey string
		}
	}
	Cases []struct {
		Name    string
		Pending struct {
			SerializedTransaction string
			Hashes                []string
			Index                 uint32
		}
		KeyMaterial    map[string]tatumKey
		NetworkLookups []struct {
			Path     string
			Body     struct{ Method string }
			Response json.RawMessage
		}
		Expected struct {
			Request   struct{ Body struct{ TxData string } }
			Txid      string
			Signature struct{ From string }
		}
	}
	TypedTransactionExtras struct {
		Cases []struct {
			Name, PrivateKey, TxData, Txid, Sender string
			Tx                                     map[string]any
		}
	}
}

func tatum(t *testing.T) (f tatumFile) {
	b, err := os.ReadFile("../../../testdata/tatum/eth.json")
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil || len(f.Cases) != 13 || len(f.Addresses) != 4 || len(f.TypedTransactionExtras.Cases) != 4 {
		t.Fatalf("vectors: %v, %d cases", err, len(f.Cases))
	}
	return f
}

// derive is BIP-39 and BIP-32 of other people's making.
func derive(t *testing.T, mnemonic string, path []uint32) *hdkeychain.ExtendedKey {
	k, err := hdkeychain.NewMaster(bip39.NewSeed(mnemonic, ""), &chaincfg.MainNetParams)
	for _, i := range path {
		if err == nil {
			k, err = k.Derive(i)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k tatumKey) secret(t *testing.T, index uint32) []byte {
	if k.Mnemonic == "" {
		b, err := Wallet{}.ParseKey(k.PrivateKey, k.Testnet)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	priv, err := derive(t, k.Mnemonic, Wallet{}.Derivation().Path(k.Testnet, index)).ECPrivKey()
	if err != nil {
		t.Fatal(err)
	}
	return priv.Serialize()
}

// amount reads a number as web3 does: JSON number, decimal or 0x text.
func amount(t *testing.T, v any) *big.Int {
	if n, ok := v.(float64); ok {
		return big.NewInt(int64(n))
	}
	s, _ := v.(string)
	n, ok := new(big.Int).SetString(s, 0)
	if v == nil {
		return new(big.Int)
	} else if !ok {
		t.Fatalf("amount %v", v)
	}
	return n
}

// web3Fields reads a web3 transaction object; what is missing is zero.
func web3Fields(t *testing.T, m map[string]any) Fields {
	f := Fields{
		ChainID: amount(t, m["chainId"]).Uint64(), Nonce: amount(t, m["nonce"]).Uint64(),
		GasLimit: amount(t, m["gas"]).Uint64(), Value: amount(t, m["value"]), Type: uint8(amount(t, m["type"]).Uint64()),
	}
	if f.Type == Dynamic {
		f.MaxFee, f.MaxPriority = amount(t, m["maxFeePerGas"]), amount(t, m["maxPriorityFeePerGas"])
	} else {
		f.GasPrice = amount(t, m["gasPrice"])
	}
	if to, ok := m["to"].(string); ok {
		a := addr(to)
		f.To = &a
	}
	if data, ok := m["data"].(string); ok {
		f.Data = unhex(data)
	}
	list, _ := m["accessList"].([]any)
	for _, e := range list {
		e := e.(map[string]any)
		entry := AccessEntry{Address: addr(e["address"].(string))}
		for _, k := range e["storageKeys"].([]any) {
			entry.Keys = append(entry.Keys, [32]byte(unhex(k.(string))))
		}
		f.AccessList = append(f.AccessList, entry)
	}
	return f
}

// check seals f with the secret and compares with what tatum-kms made.
func check(t *testing.T, f Fields, secret []byte, txData, txid, sender string) {
	t.Helper()
	key := chaintest.Secp256k1Key(secret)
	id := chain.ID("eip155:" + strconv.FormatUint(f.ChainID, 10))
	tx, err := New().Decode(chain.Unsigned{Network: id, Signers: []chain.PublicKey{key}, Payload: f.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := tx.Seal([]chain.Signature{chaintest.Signer(map[chain.PublicKey][]byte{key: secret})(tx.ToSign()[0])})
	if err != nil || !bytes.Equal(s.Raw, unhex(txData)) {
		t.Fatalf("raw %x, %v\nwant %s", s.Raw, err, txData)
	}
	if txid != "" && s.TxID != txid || Address(key) != sender {
		t.Errorf("txid %s, want %s; sender %s, want %s", s.TxID, txid, Address(key), sender)
	}
}

func TestTatum(t *testing.T) {
	for _, c := range tatum(t).Cases {
		t.Run(c.Name, func(t *testing.T) {
			var m map[string]any
			if err := json.Unmarshal([]byte(c.Pending.SerializedTransaction), &m); err != nil {
				t.Fatal(err)
			}
			for _, l := range c.NetworkLookups { // what the network said, as the record did not
				var n json.Number
				var r struct{ Result string }
				switch {
				case strings.Contains(l.Path, "/transaction/count/") && json.Unmarshal(l.Response, &n) == nil:
					m["nonce"] = n.String()
				case json.Unmarshal(l.Response, &r) == nil && l.Body.Method == "eth_chainId":
					m["chainId"] = r.Result
				case l.Body.Method == "eth_estimateGas":
					m["gas"] = r.Result
				default:
					t.Fatalf("look-up %+v", l)
				}
			}
			secret := c.KeyMaterial[c.Pending.Hashes[0]].secret(t, c.Pending.Index)
			check(t, web3Fields(t, m), secret, c.Expected.Request.Body.TxData, c.Expected.Txid, c.Expected.Signature.From)
		})
	}
	for _, c := range tatum(t).TypedTransactionExtras.Cases {
		t.Run(c.Name, func(t *testing.T) {
			check(t, web3Fields(t, c.Tx), unhex(c.PrivateKey), c.TxData, c.Txid, c.Sender)
		})
	}
}

// TestTatumAddresses: paths, keys and addresses of the wallets, in EIP-55 where
// tatum-kms writes lower case.
func TestTatumAddresses(t *testing.T) {
	for _, w := range tatum(t).Addresses {
		d := Wallet{}.Derivation()
		account, err := derive(t, w.Mnemonic, d.Account(w.Testnet)).Neuter()
		if err != nil || account.String() != w.Xpub {
			t.Errorf("xpub %v, want %s", account, w.Xpub)
		}
		for _, k := range w.Keys {
			secret := tatumKey{Mnemonic: w.Mnemonic, Testnet: w.Testnet}.secret(t, k.Index)
			if !bytes.Equal(secret, unhex(k.PrivateKey)) {
				t.Errorf("key %d of %q differs", k.Index, w.Mnemonic)
			}
			for _, derived := range []bool{true, false} {
				a := Wallet{}.Addresses("eip155:1", chaintest.Secp256k1Key(secret), derived)
				if len(a) != 1 || strings.ToLower(a[0]) != k.Address || addr(a[0]) != addr(k.Address) {
					t.Errorf("addresses %v, want %s", a, k.Address)
				}
			}
		}
		if len(w.Keys) == 0 {
			t.Error("no keys")
		}
	}
}
