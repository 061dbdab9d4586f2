package intake_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/solana"
)

const (
	theirBTC   = "aaaaaaaa-1111-4111-8111-111111111111" // m/84'/1'/0'/0
	theirNext  = "aaaaaaaa-2222-4222-8222-222222222222" // m/84'/1'/1'/0 of the same device
	theirETH   = "aaaaaaaa-3333-4333-8333-333333333333" // m/44'/60'/0'/0
	theirSOL   = "aaaaaaaa-4444-4444-8444-444444444444" // one key, m/44'/501'/0'
	otherBTC   = "bbbbbbbb-1111-4111-8111-111111111111" // of another device
	namelessID = "cccccccc-1111-4111-8111-111111111111" // one key, of a device that does not say which
	zerosID    = "cccccccc-2222-4222-8222-222222222222" // another, whose fingerprint is zeros
)

const h = chain.Hardened

func receive(account uint32) []uint32 { return []uint32{h + 84, h + 1, h + account, 0} }

// foreign adds other wallets to the fixture's: all of one seed, which two devices
// claim to have.
func foreign(t *testing.T) *intake.Intake {
	t.Helper()
	in := fixture(t)
	node := func(id, chainName string, path []uint32, print []byte) bundle.Wallet {
		pub := derive(t, path).Public()
		code := pub.ChainCode()
		return bundle.Wallet{SignatureID: sid(id), Chain: chainName, Testnet: true, Curve: chain.Secp256k1,
			Key: pub.Key().Bytes(), ChainCode: code[:], Fingerprint: print, Path: path}
	}
	own := master(t).Fingerprint()
	single := func(id string, i uint32, print []byte) bundle.Wallet {
		w := node(id, "BTC", append(receive(7), i), print)
		w.ChainCode = nil
		return w
	}
	for _, w := range []bundle.Wallet{
		node(theirBTC, "BTC", receive(0), own[:]), node(theirNext, "BTC", receive(1), own[:]), node(theirETH, "ETH", []uint32{h + 44, h + 60, h, 0}, own[:]),
		{SignatureID: sid(theirSOL), Chain: "SOL", Testnet: true, Curve: chain.Ed25519, Key: solKey(5).Bytes(), Fingerprint: own[:], Path: []uint32{h + 44, h + 501, h}},
		node(otherBTC, "BTC", receive(2), []byte{1, 2, 3, 4}), single(namelessID, 0, nil), single(zerosID, 1, make([]byte, 4)),
	} {
		in.Wallets.(wallets)[w.SignatureID] = pending.Wallet{Wallet: w, Signer: pending.Foreign}
	}
	return in
}

func originAt(t *testing.T, path []uint32) chain.Origin {
	return chain.Origin{Key: derive(t, path).Public().Key(), Fingerprint: master(t).Fingerprint(), Path: path}
}

// A PSBT of another wallet's account: its keys below the receive branch, beside
// it, and by index, each by its full path.
func TestForeignBitcoin(t *testing.T) {
	in := foreign(t)
	path := func(branch, i uint32) []uint32 { return []uint32{h + 84, h + 1, h, branch, i} }
	liar := originAt(t, path(0, 3))
	liar.Path = path(0, 4)
	for _, tt := range []struct {
		name   string
		from   chain.Origin
		change []uint32
		other  []chain.Origin
		index  *uint32
		signs  bool
		names  bool // its change as ours
	}{
		{"receive branch", originAt(t, path(0, 3)), path(0, 4), []chain.Origin{originAt(t, path(0, 3))}, nil, true, false},
		{"change branch", originAt(t, path(1, 3)), path(0, 4), []chain.Origin{originAt(t, path(1, 3))}, nil, true, false},
		{"change that is named", originAt(t, path(0, 3)), path(1, 9), []chain.Origin{originAt(t, path(0, 3)), originAt(t, path(1, 9))}, nil, true, true},
		{"by index", originAt(t, path(0, 5)), path(0, 4), nil, ptr(uint32(5)), true, false},
		{"default index", originAt(t, path(0, 0)), path(0, 4), nil, nil, true, false},
		{"no index and no origin", originAt(t, path(1, 3)), path(0, 4), nil, nil, false, false},
		{"an origin that lies", originAt(t, path(0, 3)), path(0, 4), []chain.Origin{liar}, nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := originAt(t, tt.change)
			s := intake.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{theirBTC}, Index: tt.index, Transaction: psbt(t, tt.from.Key, change.Key, tt.other...)}
			if !tt.signs {
				refused(t, in, s, "transaction", "psbt.signers")
				return
			}
			row, r, _ := accept(t, in, s)
			want := []bundle.KeyRef{{SignatureID: sid(theirBTC), Path: tt.from.Path, Curve: chain.Secp256k1, Key: tt.from.Key.Bytes(), Sign: true}}
			if tt.names {
				want = append(want, bundle.KeyRef{SignatureID: sid(theirBTC), Path: tt.change, Curve: chain.Secp256k1, Key: change.Key.Bytes()})
			}
			if fmt.Sprint(r.Keys) != fmt.Sprint(want) || row.Signer != pending.Foreign {
				t.Errorf("keys\n%v, want\n%v; signer %q", r.Keys, want, row.Signer)
			}
			reserves(t, row, "utxo:"+strings.Repeat("ab", 32)+":3")
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestForeignEthereum(t *testing.T) {
	in := foreign(t)
	f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, Nonce: 9, MaxPriority: big.NewInt(1), MaxFee: big.NewInt(2), GasLimit: 21000, To: &[20]byte{1}, Value: big.NewInt(3)}
	s := intake.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{theirETH}, Index: ptr(uint32(2)), Transaction: text("0x" + hex.EncodeToString(f.Encode()))}
	row, r, _ := accept(t, in, s)
	path := []uint32{h + 44, h + 60, h, 0, 2}
	if row.Signer != pending.Foreign || len(r.Keys) != 1 || !slices.Equal(r.Keys[0].Path, path) || !slices.Equal(r.Keys[0].Key, derive(t, path).Public().Key().Bytes()) {
		t.Errorf("%q %+v", row.Signer, r.Keys)
	}
	reserves(t, row, "nonce:"+evm.Address(derive(t, path).Public().Key())+":9")
	s.Hashes = []string{ethID}
	if row, _, _ := accept(t, in, s); row.Signer != "" {
		t.Errorf("the paired half's row is of %q", row.Signer)
	}
}

func TestForeignSolana(t *testing.T) {
	in := foreign(t)
	from := [32]byte(solKey(5).Bytes())
	b, err := solana.Compile(from, [32]byte{5}, solana.SystemTransfer(from, [32]byte{8}, 5))
	if err != nil {
		t.Fatal(err)
	}
	s := intake.Submission{Chain: "SOL", Hashes: []string{theirSOL}, Transaction: text(base64.StdEncoding.EncodeToString(b))}
	row, r, _ := accept(t, in, s)
	if row.Signer != pending.Foreign || len(r.Keys) != 1 || !r.Keys[0].Sign || !slices.Equal(r.Keys[0].Path, []uint32{h + 44, h + 501, h}) || r.Keys[0].Curve != chain.Ed25519 {
		t.Errorf("%q %+v", row.Signer, r.Keys)
	}
	// Two signers, of the offline half and of another wallet.
	b, err = solana.Compile(from, [32]byte{5}, solana.SystemTransfer([32]byte(solKey(0).Bytes()), [32]byte{8}, 5))
	if err != nil {
		t.Fatal(err)
	}
	s.Hashes, s.Transaction = []string{theirSOL, solID}, text(base64.StdEncoding.EncodeToString(b))
	refused(t, in, s, "hashes", "wallet.signer")
}

// Whoever signs, one of them signs: not two kinds, not two devices.
func TestOneSigner(t *testing.T) {
	in := foreign(t)
	ours := append(slices.Clone(bitcoin.Wallet{}.Derivation().Account(true)), 0)
	paths := map[string][]uint32{btcID: ours, theirBTC: append(receive(0), 0), theirNext: append(receive(1), 0), otherBTC: append(receive(2), 0),
		namelessID: append(receive(7), 0), zerosID: append(receive(7), 1)}
	spend := func(ids ...string) intake.Submission {
		var in []bitcoin.Input
		for i, id := range ids {
			in = append(in, bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash{1}, Index: uint32(i)}, Sequence: 0xfffffffd,
				Claimed: &bitcoin.Output{Amount: 100_000, Script: script(derive(t, paths[id]).Public().Key())}})
		}
		b, err := bitcoin.BuildPSBT(2, 0, in, []bitcoin.Output{{Amount: 50_000, Script: script(chaintest.Secp256k1Key([]byte(strings.Repeat("x", 32))))}})
		if err != nil {
			t.Fatal(err)
		}
		return intake.Submission{Chain: "BTC", Network: "regtest", Hashes: ids, Transaction: text(base64.StdEncoding.EncodeToString(b))}
	}
	for _, c := range []struct {
		ids    []string
		signer string // or refused
	}{
		{[]string{btcID}, ""}, {[]string{theirBTC}, pending.Foreign}, {[]string{theirBTC, theirNext}, pending.Foreign}, {[]string{namelessID}, pending.Foreign},
		{[]string{btcID, theirBTC}, "-"}, {[]string{theirBTC, btcID}, "-"}, {[]string{theirBTC, otherBTC}, "-"}, {[]string{theirBTC, theirNext, otherBTC}, "-"},
		{[]string{namelessID, zerosID}, "-"}, {[]string{theirBTC, namelessID}, "-"}, {[]string{btcID, zerosID}, "-"},
	} {
		s := spend(c.ids...)
		if c.signer == "-" {
			refused(t, in, s, "hashes", "wallet.signer")
			s.Hashes = nil
			for _, id := range c.ids {
				s.Signatures = append(s.Signatures, pending.KeyIndex{ID: id})
			}
			refused(t, in, s, "signatures", "wallet.signer")
			continue
		}
		if row, r, _ := accept(t, in, s); row.Signer != c.signer || len(r.Keys) != len(c.ids) {
			t.Errorf("%v: signer %q, %d keys", c.ids, row.Signer, len(r.Keys))
		}
	}
}

// Naming a wallet whose key does not sign is no mixture, and none of its keys is
// named to a signer that does not hold it: the offline half refuses what it cannot
// derive.
func TestOutputsOfAnotherSigner(t *testing.T) {
	in := foreign(t)
	own := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 0)).Public().Key()
	their := derive(t, append(receive(0), 0)).Public().Key()
	for _, c := range []struct {
		from, change chain.PublicKey
		signer, id   string
	}{{own, their, "", btcID}, {their, own, pending.Foreign, theirBTC}} {
		for _, ids := range [][]string{{btcID, theirBTC}, {theirBTC, btcID}} {
			row, r, _ := accept(t, in, intake.Submission{Chain: "BTC", Network: "regtest", Hashes: ids, Transaction: psbt(t, c.from, c.change)})
			if row.Signer != c.signer || len(r.Keys) != 1 || r.Keys[0].SignatureID != sid(c.id) {
				t.Errorf("signer %q, keys %+v", row.Signer, r.Keys)
			}
		}
	}
}
