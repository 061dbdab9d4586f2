package evm

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// What parse reads is what go-ethereum reads.
func TestParse(t *testing.T) {
	key, err := crypto.HexToECDSA("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
	if err != nil {
		t.Fatal(err)
	}
	to := common.HexToAddress("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
	for _, id := range []int64{1, 137, 11155111, 1 << 40} {
		for nonce := range uint64(300) {
			chain := big.NewInt(id)
			for _, data := range []types.TxData{
				&types.LegacyTx{Nonce: nonce, GasPrice: big.NewInt(1e9), Gas: 21000, To: &to, Value: big.NewInt(int64(nonce))},
				&types.AccessListTx{ChainID: chain, Nonce: nonce, GasPrice: big.NewInt(1e9), Gas: 50000, To: &to, Value: big.NewInt(1),
					AccessList: types.AccessList{{Address: to, StorageKeys: []common.Hash{{1}, {2}}}}},
				&types.DynamicFeeTx{ChainID: chain, Nonce: nonce, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2e9), Gas: 21000, Data: []byte{1, 2, 3}},
			} {
				tx, err := types.SignNewTx(key, types.LatestSignerForChainID(chain), data)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := tx.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				got, err := parse(raw)
				if want := (signed{tx.Hash(), crypto.PubkeyToAddress(key.PublicKey), nonce}); err != nil || got != want {
					t.Fatalf("type %d, chain %d, nonce %d: %+v, %v", tx.Type(), id, nonce, got, err)
				}
				if nonce > 2 {
					continue
				}
				for i := range raw {
					if _, err := parse(raw[:i]); err == nil {
						t.Fatalf("type %d: cut at %d", tx.Type(), i)
					}
				}
				if _, err := parse(append(raw, 0)); err == nil {
					t.Fatalf("type %d: a byte too many", tx.Type())
				}
			}
		}
	}
	for _, raw := range [][]byte{nil, {0}, {3, 0xc0}, {4, 0xc0}, {0xc0}, {2, 0xc0}} {
		if _, err := parse(raw); err == nil {
			t.Errorf("%x was read", raw)
		}
	}
}
