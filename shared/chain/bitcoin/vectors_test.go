package bitcoin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

const vectors = "../../../testdata/bitcoin/"

func load(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type psbtVector struct{ Name, Kind, Hex string }

func psbtVectors(t testing.TB) []psbtVector {
	var a, b []psbtVector
	load(t, vectors+"bip174.json", &a)
	load(t, vectors+"bip371.json", &b)
	if len(a) != 45 || len(b) != 17 {
		t.Fatalf("%d and %d vectors, want 45 and 17", len(a), len(b))
	}
	return append(a, b...)
}

// Valid PSBTs parse and come out byte for byte; invalid ones are refused.
func TestBIP174AndBIP371(t *testing.T) {
	count := map[string]int{}
	for _, v := range psbtVectors(t) {
		b := unhex(t, v.Hex)
		if !strings.HasPrefix(v.Hex, "70736274ff") && v.Kind == "workflow" {
			continue // the extracted transaction
		}
		count[v.Kind]++
		p, err := parsePacket(b)
		if v.Kind == "invalid" {
			if err == nil {
				t.Errorf("parsed: %s", v.Name)
			} else if fault.Code(err) == "internal" {
				t.Errorf("%s: no code: %v", v.Name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if !bytes.Equal(p.encode(), b) {
			t.Errorf("%s: encoded differently", v.Name)
		}
	}
	for kind, want := range map[string]int{"invalid": 31, "valid": 16, "signer": 4, "workflow": 10} {
		if count[kind] != want {
			t.Errorf("%d vectors of kind %s, want %d", count[kind], kind, want)
		}
	}
}

// What the vectors' PSBTs come to when one wants to sign them. The last two of
// kind signer spend bare P2SH multisig first, which we do not sign.
func TestBIP174Decode(t *testing.T) {
	want := map[string]string{
		"PSBT with one P2PKH input. Outputs are empty":                                                                                          "psbt.signers",
		"PSBT with one P2PKH input and one P2SH-P2WPKH input. First input is signed and finalized. Outputs are empty":                           "psbt.final",
		"PSBT with one P2PKH input which has a non-final scriptSig and has a sighash type specified. Outputs are empty":                         "psbt.signers",
		"PSBT with one P2SH-P2WSH input of a 2-of-2 multisig, redeemScript, witnessScript, and keypaths are available. Contains one signature.": "psbt.signers",
		"PSBT with unknown types in the inputs.":                                                                                                "psbt.previous-transaction",
		"PSBT with global unsigned tx that has 0 inputs and 0 outputs":                                                                          "bitcoin.version",
		"PSBT with 0 inputs": "bitcoin.empty",
		"redeemScript with non-witness UTXO does not match the scriptPubKey":                                                                    "psbt.redeem-script",
		"redeemScript with witness UTXO does not match the scriptPubKey":                                                                        "psbt.input-type",
		"witnessScript with witness UTXO does not match the redeemScript":                                                                       "psbt.input-type",
		"PSBT with one P2TR key only input with internal key and its derivation path":                                                           "psbt.signers",
		"PSBT with one P2TR key only input with internal key, its derivation path, and signature":                                               "psbt.signers",
		"PSBT with one P2TR script path only input with dummy internal key, scripts, derivation paths for keys in the scripts, and merkle root": "psbt.taproot-script",
	}
	for _, v := range psbtVectors(t) {
		code, ok := want[v.Name]
		if !ok {
			continue
		}
		delete(want, v.Name)
		_, err := New().Decode(chain.Unsigned{Network: testnet3, Payload: unhex(t, v.Hex)})
		if !fault.Is(err, code) {
			t.Errorf("%s: %v (%s), want %s", v.Name, err, fault.Code(err), code)
		}
	}
	for name := range want {
		t.Errorf("no vector %q", name)
	}
}

// The signature that a BIP-371 vector carries is right for our digest.
func TestBIP371Signature(t *testing.T) {
	for _, v := range psbtVectors(t) {
		if v.Name != "PSBT with one P2TR key only input with internal key, its derivation path, and signature" {
			continue
		}
		p, err := parsePacket(unhex(t, v.Hex))
		if err != nil {
			t.Fatal(err)
		}
		ring, err := newKeyring(nil)
		if err != nil {
			t.Fatal(err)
		}
		x := &tx{unsigned: p.tx}
		if err := x.readInputs(p, ring); err != nil {
			t.Fatal(err)
		}
		have, err := x.in[0].present(0, p.in[0])
		if err != nil || len(have) != 1 {
			t.Fatalf("%d signatures: %v", len(have), err)
		}
		x.in[0].digest[0] ^= 1
		if _, err := x.in[0].present(0, p.in[0]); !fault.Is(err, "psbt.partial-signature") {
			t.Errorf("verified over another digest: %v", err)
		}
		return
	}
	t.Fatal("no such vector")
}

func TestBIP143Digests(t *testing.T) {
	var cases []struct {
		Name, Tx, ScriptCode, Sighash string
		Index                         int
		Amount                        uint64
	}
	load(t, vectors+"bip143.json", &cases)
	if len(cases) != 4 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		r := &reader{b: unhex(t, c.Tx)}
		unsigned := r.transaction(false)
		if !r.done() {
			t.Fatalf("%s: transaction does not parse", c.Name)
		}
		got := newSighasher(unsigned, nil).segwit(c.Index, unhex(t, c.ScriptCode), c.Amount, sighashAll)
		if hex.EncodeToString(got[:]) != c.Sighash {
			t.Errorf("%s: %x, want %s", c.Name, got, c.Sighash)
		}
	}
}

func TestBIP341Wallet(t *testing.T) {
	var v struct {
		ScriptPubKey []struct {
			Given        struct{ InternalPubkey string }
			Intermediary struct{ MerkleRoot, TweakedPubkey string }
			Expected     struct{ ScriptPubKey, Bip350Address string }
		}
		KeyPathSpending []struct {
			Given struct {
				RawUnsignedTx string
				UtxosSpent    []struct {
					ScriptPubKey string
					AmountSats   uint64
				}
			}
			InputSpending []struct {
				Given struct {
					TxinIndex                   int
					InternalPrivkey, MerkleRoot string
					HashType                    byte
				}
				Intermediary struct{ SigHash string }
				Expected     struct{ Witness []string }
			}
		}
	}
	load(t, vectors+"bip341.json", &v)
	for _, c := range v.ScriptPubKey {
		key, ok := outputKey(unhex(t, c.Given.InternalPubkey), unhex(t, c.Intermediary.MerkleRoot))
		if !ok || hex.EncodeToString(key[:]) != c.Intermediary.TweakedPubkey {
			t.Errorf("output key %x, want %s", key, c.Intermediary.TweakedPubkey)
		}
		address, ok := AddressFor(mainnet, unhex(t, c.Expected.ScriptPubKey))
		if !ok || address != c.Expected.Bip350Address {
			t.Errorf("address %s, want %s", address, c.Expected.Bip350Address)
		}
	}
	digests := 0
	for _, c := range v.KeyPathSpending {
		r := &reader{b: unhex(t, c.Given.RawUnsignedTx)}
		unsigned := r.transaction(false)
		var spent []Output
		for _, u := range c.Given.UtxosSpent {
			spent = append(spent, Output{Amount: u.AmountSats, Script: unhex(t, u.ScriptPubKey)})
		}
		s := newSighasher(unsigned, spent)
		for _, in := range c.InputSpending {
			if in.Given.HashType > sighashAll {
				continue // we refuse to sign it
			}
			digests++
			digest := s.taproot(in.Given.TxinIndex, in.Given.HashType)
			if hex.EncodeToString(digest[:]) != in.Intermediary.SigHash {
				t.Errorf("input %d: digest %x, want %s", in.Given.TxinIndex, digest, in.Intermediary.SigHash)
			}
			secret := unhex(t, in.Given.InternalPrivkey)
			key := chaintest.Secp256k1Key(secret).Even()
			sig := chaintest.Signer(map[chain.PublicKey][]byte{key: secret})(chain.SignRequest{
				Key: key, Scheme: chain.Taproot, Message: digest[:], Tweak: unhex(t, in.Given.MerkleRoot)})
			i := &input{kind: p2tr, hashType: in.Given.HashType, digest: digest}
			i.output, _ = outputKey(key.Bytes()[1:], unhex(t, in.Given.MerkleRoot))
			wire, ok := i.wireSignature(key, sig.Bytes)
			if !ok || hex.EncodeToString(wire) != in.Expected.Witness[0] {
				t.Errorf("input %d: witness %x, want %s", in.Given.TxinIndex, wire, in.Expected.Witness[0])
			}
		}
	}
	if len(v.ScriptPubKey) != 7 || digests != 2 {
		t.Errorf("%d scripts and %d digests", len(v.ScriptPubKey), digests)
	}
}
