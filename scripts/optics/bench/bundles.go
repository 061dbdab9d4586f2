package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

type signer struct{ ed25519.PrivateKey }

func (s signer) Public() ed25519.PublicKey { return s.PrivateKey.Public().(ed25519.PublicKey) }

func (s signer) Sign(m []byte) ([]byte, error) { return ed25519.Sign(s.PrivateKey, m), nil }

// requests makes a sealed bundle of n payments of one wallet, as the online half
// makes them: Ether transfers, or single-input PSBTs.
func requests(name string, n int) ([]byte, error) {
	seed := sha256.Sum256([]byte("optical bench " + name))
	ch, ok := registry.New().ByName(name)
	if !ok {
		return nil, fmt.Errorf("no chain %s", name)
	}
	d := ch.Wallet.Derivation()
	raw := secp256k1.PrivKeyFromBytes(seed[:]).PubKey().SerializeCompressed()
	pub, err := chain.NewPublicKey(d.Curve, raw)
	if err != nil {
		return nil, err
	}
	ref := bundle.KeyRef{SignatureID: bundle.SignatureID(seed[:16]), Path: d.Path(true, 0), Curve: d.Curve, Key: raw, Sign: true}
	items := make([][]byte, n)
	for i := range items {
		id := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, i))
		r := bundle.Request{ID: bundle.ID(id[:12]), Keys: []bundle.KeyRef{ref}}
		if name == "ETH" {
			r.Network, r.Payload = "eip155:11155111", etherTransfer(i, id)
		} else {
			r.Network = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
			r.Payload, err = psbt(ch, r.Network, pub, id)
		}
		if err != nil {
			return nil, err
		}
		if items[i], err = bundle.EncodeItem(r); err != nil {
			return nil, err
		}
	}
	key := signer{ed25519.NewKeyFromSeed(seed[:])}
	return bundle.Seal(bundle.Header{Kind: bundle.Requests, Recipient: bundle.DeviceID(seed[16:]), Sequence: 1, Created: 1_800_000_000}, items, key)
}

// etherTransfer pays amounts that look like amounts.
func etherTransfer(i int, id [32]byte) []byte {
	to := [20]byte(id[:20])
	amount := new(big.Int).Mul(big.NewInt(1e12), new(big.Int).SetUint64(uint64(binary.BigEndian.Uint32(id[20:]))))
	f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, Nonce: uint64(i), MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(30e9), GasLimit: 21000, To: &to, Value: amount}
	return f.Encode()
}

// psbt spends the only output of a made-up previous transaction.
func psbt(ch chain.Chain, network chain.ID, pub chain.PublicKey, id [32]byte) ([]byte, error) {
	own, err := bitcoin.ScriptFor(network, ch.Wallet.Addresses(network, pub, true)[0])
	if err != nil {
		return nil, err
	}
	amount := uint64(binary.BigEndian.Uint32(id[20:])) + 100_000
	prev := binary.LittleEndian.AppendUint32(nil, 2)
	prev = append(append(append(prev, 1), id[:]...), 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1)
	prev = binary.LittleEndian.AppendUint64(prev, amount)
	prev = append(append(append(prev, byte(len(own))), own...), 0, 0, 0, 0)
	first := sha256.Sum256(prev)
	in := bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash(sha256.Sum256(first[:]))}, Sequence: 0xfffffffd, Previous: prev}
	to := append([]byte{0, 20}, id[:20]...)
	return bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in},
		[]bitcoin.Output{{Script: to, Amount: amount / 2}, {Script: own, Amount: amount/2 - 10_000}})
}
