package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/chain/solana"
)

// request makes payment number i of round: all different.
func request(w wallet, i int, round uint32) (bundle.Request, error) {
	reg := registry.New()
	ch, ok := reg.ByName(w.Chain)
	if !ok {
		return bundle.Request{}, fmt.Errorf("no chain %s", w.Chain)
	}
	d := ch.Wallet.Derivation()
	ref, pub, err := w.ref(d.Path(true, 0), d.Curve)
	if err != nil {
		return bundle.Request{}, err
	}
	r := bundle.Request{Keys: []bundle.KeyRef{ref}}
	id := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", w.Chain, i, round))
	copy(r.ID[:], id[:])
	switch w.Chain {
	case "BTC":
		r.Network = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
		r.Payload, err = psbt(ch, r.Network, pub, id)
	case "ETH":
		r.Network = "eip155:11155111"
		to := [20]byte(id[:20])
		f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, Nonce: uint64(i), MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(30e9), GasLimit: 21000, To: &to, Value: big.NewInt(1e18)}
		r.Payload = f.Encode()
	case "SOL":
		r.Network = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"
		from := [32]byte(pub.Bytes())
		r.Payload, err = solana.Compile(from, id, solana.SystemTransfer(from, sha256.Sum256(id[:]), 1_000_000_000))
	}
	return r, err
}

// psbt spends the only output of a made-up previous transaction.
func psbt(ch chain.Chain, network chain.ID, pub chain.PublicKey, id [32]byte) ([]byte, error) {
	own, err := bitcoin.ScriptFor(network, ch.Wallet.Addresses(network, pub, true)[0])
	if err != nil {
		return nil, err
	}
	prev := binary.LittleEndian.AppendUint32(nil, 2)
	prev = append(append(append(prev, 1), id[:]...), 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1)
	prev = binary.LittleEndian.AppendUint64(prev, 100_000_000)
	prev = append(append(append(prev, byte(len(own))), own...), 0, 0, 0, 0)
	first := sha256.Sum256(prev)
	txid := bitcoin.Hash(sha256.Sum256(first[:]))
	to := append([]byte{0, 20}, id[:20]...)
	return bitcoin.BuildPSBT(2, 0, []bitcoin.Input{{Outpoint: bitcoin.Outpoint{TxID: txid}, Sequence: 0xfffffffd, Previous: prev}},
		[]bitcoin.Output{{Script: to, Amount: 60_000_000}, {Script: own, Amount: 39_990_000}})
}
