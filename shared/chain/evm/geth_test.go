package evm

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// gethTx is the same transaction as go-ethereum builds it.
func gethTx(f Fields) *types.Transaction {
	var to *common.Address
	if f.To != nil {
		a := common.Address(*f.To)
		to = &a
	}
	var list types.AccessList
	for _, e := range f.AccessList {
		t := types.AccessTuple{Address: e.Address}
		for _, k := range e.Keys {
			t.StorageKeys = append(t.StorageKeys, k)
		}
		list = append(list, t)
	}
	id := newInt(f.ChainID)
	switch f.Type {
	case Legacy:
		return types.NewTx(&types.LegacyTx{Nonce: f.Nonce, GasPrice: f.GasPrice, Gas: f.GasLimit, To: to, Value: f.Value, Data: f.Data})
	case Access:
		return types.NewTx(&types.AccessListTx{ChainID: id, Nonce: f.Nonce, GasPrice: f.GasPrice, Gas: f.GasLimit, To: to, Value: f.Value, Data: f.Data, AccessList: list})
	}
	return types.NewTx(&types.DynamicFeeTx{ChainID: id, Nonce: f.Nonce, GasTipCap: f.MaxPriority, GasFeeCap: f.MaxFee, Gas: f.GasLimit, To: to, Value: f.Value, Data: f.Data, AccessList: list})
}

func newInt(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

// randomInt has up to the given bits, every bit length as likely.
func randomInt(r *rand.Rand, bits int) *big.Int {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return new(big.Int).Rsh(new(big.Int).SetBytes(b), uint(256-r.IntN(bits+1)))
}

func randomFields(r *rand.Rand, chainID uint64) Fields {
	f := Fields{
		Type: uint8(r.IntN(3)), ChainID: chainID,
		Nonce: randomInt(r, 63).Uint64(), GasLimit: randomInt(r, 62).Uint64() + 1, Value: randomInt(r, 255),
	}
	if f.Type == Dynamic {
		f.MaxFee = randomInt(r, 180)
		f.MaxPriority = new(big.Int).Rsh(f.MaxFee, uint(r.IntN(9)))
	} else {
		f.GasPrice = randomInt(r, 180)
	}
	if r.IntN(3) > 0 {
		f.Data = make([]byte, 1+randomInt(r, 10).Uint64())
		for i := range f.Data {
			f.Data[i] = byte(r.Uint32())
		}
	}
	if r.IntN(8) > 0 || len(f.Data) == 0 {
		f.To = (*[20]byte)(randomInt(r, 256).FillBytes(make([]byte, 32))[12:])
	}
	if f.Type != Legacy {
		for range r.IntN(4) {
			e := AccessEntry{Address: [20]byte(randomInt(r, 256).FillBytes(make([]byte, 32)))}
			for range r.IntN(4) {
				e.Keys = append(e.Keys, [32]byte(randomInt(r, 256).FillBytes(make([]byte, 32))))
			}
			f.AccessList = append(f.AccessList, e)
		}
	}
	return f
}

// TestGeth: payload, digest, signed bytes, id and sender are go-ethereum's own,
// over thousands of random transactions of the three types.
func TestGeth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	codec, seen := New(), [3]int{}
	for i := range 6000 {
		network := codec.Networks()[r.IntN(6)]
		chainID, _ := ChainID(network)
		f := randomFields(r, chainID)
		secret := crypto.Keccak256(fmt.Append(nil, i%50))
		key := chaintest.Secp256k1Key(secret)
		u := chain.Unsigned{Network: network, Signers: []chain.PublicKey{key}, Payload: f.Encode()}
		tx, err := codec.Decode(u)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		priv, _ := crypto.ToECDSA(secret)
		signer := types.LatestSignerForChainID(newInt(chainID))
		if f.Type == Legacy {
			signer = types.NewEIP155Signer(newInt(chainID))
		}
		want := gethTx(f)
		digest := signer.Hash(want)
		want, err = types.SignTx(want, signer, priv)
		if err != nil {
			t.Fatal(err)
		}
		if got := tx.ToSign()[0].Message; !bytes.Equal(got, digest[:]) {
			t.Fatalf("%+v: digest %x, want %x", f, got, digest)
		}
		sealed, err := tx.Seal([]chain.Signature{chaintest.Signer(map[chain.PublicKey][]byte{key: secret})(tx.ToSign()[0])})
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := want.MarshalBinary()
		if !bytes.Equal(sealed.Raw, raw) || sealed.TxID != want.Hash().Hex() {
			t.Fatalf("%+v:\nraw  %x\nwant %x", f, sealed.Raw, raw)
		}
		sender := crypto.PubkeyToAddress(priv.PublicKey)
		if got := tx.Review().Fee.Payer; got != sender.Hex() || Address(key) != got {
			t.Fatalf("sender %s, want %s", got, sender.Hex())
		}
		if f.To == nil {
			if got := tx.Review().Effects[0].To; got != crypto.CreateAddress(sender, f.Nonce).Hex() {
				t.Fatalf("created contract %s", got)
			}
		}
		seen[f.Type]++
	}
	for typ, n := range seen {
		if n < 1500 {
			t.Errorf("type %d: only %d cases", typ, n)
		}
	}
}

// TestEIP155 is the example of the EIP.
func TestEIP155(t *testing.T) {
	secret := bytes.Repeat([]byte{0x46}, 32)
	key := chaintest.Secp256k1Key(secret)
	to := addr("0x3535353535353535353535353535353535353535")
	f := Fields{ChainID: 1, Nonce: 9, GasPrice: gweis(20), GasLimit: 21000, To: &to, Value: gweis(1_000_000_000)}
	want := "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"
	if got := f.Encode(); !bytes.Equal(got, unhex(want)) {
		t.Fatalf("payload %x", got)
	}
	tx, err := New().Decode(chain.Unsigned{Network: "eip155:1", Signers: []chain.PublicKey{key}, Payload: unhex(want)})
	if err != nil {
		t.Fatal(err)
	}
	q := tx.ToSign()[0]
	if !bytes.Equal(q.Message, unhex("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53")) {
		t.Fatalf("digest %x", q.Message)
	}
	s, err := tx.Seal([]chain.Signature{chaintest.Signer(map[chain.PublicKey][]byte{key: secret})(q)})
	raw := "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025" +
		"a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
	if err != nil || !bytes.Equal(s.Raw, unhex(raw)) {
		t.Fatalf("raw %x, %v", s.Raw, err)
	}
}
