package broadcast

import (
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"coldsign/online/internal/chain/clients"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/scripts/rig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

var _ Store = (*store.Store)(nil)

// Two payments with one nonce, on a real node: one is completed, the other
// fails, and only once the first is deep.
func TestRealNode(t *testing.T) {
	const local chain.ID = "eip155:31337"
	url := rig.Anvil(t).URL
	client, err := clients.New(transport.Config{Network: local, URL: url, Depth: 3})
	if err != nil {
		t.Fatal(err)
	}
	anvil, err := rpc.DialContext(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	call := func(method string, params ...any) {
		t.Helper()
		if err := anvil.CallContext(t.Context(), nil, method, params...); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	key, err := crypto.ToECDSA(common.LeftPadBytes([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	call("anvil_setBalance", crypto.PubkeyToAddress(key.PublicKey), "0xde0b6b3a7640000")
	call("evm_setAutomine", false)
	var rows []pending.Transaction
	for i := range byte(2) {
		tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(31337)), &types.LegacyTx{
			GasPrice: big.NewInt(2e9), Gas: 21000, To: &common.Address{7}, Value: big.NewInt(int64(i) + 1),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := row(i, local, time.Now())
		r.TxID = tx.Hash().Hex()
		if r.Raw, err = tx.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	s := newStore(time.Now, rows...)
	loop := &Loop{
		Store: s, Nodes: map[chain.ID]node.Node{local: client}, Depth: map[chain.ID]uint64{local: 3},
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Settle: time.Nanosecond,
	}
	step := func(first, second pending.State, confirmations uint64) {
		t.Helper()
		if _, err := loop.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantState(t, s, 0, first)
		wantState(t, s, 1, second)
		if got := s.rows[bundle.ID{0}].Confirmations; got != confirmations {
			t.Fatalf("%d confirmations, want %d", got, confirmations)
		}
	}
	step(pending.Broadcast, pending.Broadcasting, 0)
	call("evm_mine")
	step(pending.Broadcast, pending.Broadcasting, 1)
	call("evm_mine")
	step(pending.Broadcast, pending.Broadcasting, 2)
	call("evm_mine")
	step(pending.Complete, pending.Broadcasting, 3) // one answer is not enough
	step(pending.Complete, pending.Failed, 3)
	if got := s.get(1).Code; got != "chain.conflict" {
		t.Errorf("code %q", got)
	}
}
