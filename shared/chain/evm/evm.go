// Package evm reads the unsigned transactions of Ethereum and its kin.
//
//	payload := evm.Fields{Type: evm.Dynamic, ChainID: 1, ...}.Encode()
//	tx, err := evm.New().Decode(chain.Unsigned{
//		Network: "eip155:1", Signers: []chain.PublicKey{key}, Payload: payload,
//	})
//
// Legacy transactions with EIP-155, EIP-2930 and EIP-1559 are read, and on Celo
// CIP-64; blob and set-code transactions are refused. Native transfers, ERC-20 transfers and
// contract creations become effects; whatever else a call does is opaque.
package evm

import (
	"math/big"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Codec reads transactions for the networks of its tables. The zero Codec knows
// none.
type Codec struct {
	ids  []chain.ID
	nets map[chain.ID]network
}

type network struct {
	chainID uint64
	asset   chain.Asset
	celo    bool // takes CIP-64
}

// New takes the tables of networks to read, NetworkTable if none are given. An
// id that is not eip155 is left out; of two equal ids the first holds.
func New(tables ...[]chain.Network) Codec {
	if len(tables) == 0 {
		tables = [][]chain.Network{NetworkTable()}
	}
	c := Codec{nets: map[chain.ID]network{}}
	for _, table := range tables {
		for _, n := range table {
			id, ok := ChainID(n.ID)
			if _, known := c.nets[n.ID]; !ok || known {
				continue
			}
			c.ids = append(c.ids, n.ID)
			c.nets[n.ID] = network{id, n.Asset, n.Chain == "CELO"}
		}
	}
	return c
}

// Networks lists the networks in the tables' order.
func (c Codec) Networks() []chain.ID { return append([]chain.ID(nil), c.ids...) }

// tx is a decoded transaction. Its fields are never handed out.
type tx struct {
	Fields
	id     chain.ID
	net    network
	signer chain.PublicKey
	from   [20]byte
	fee    *big.Int // wei
}

// Decode reads one transaction of one signer. Evidence has no meaning here and
// must be empty.
func (c Codec) Decode(u chain.Unsigned) (chain.Tx, error) {
	t := &tx{id: u.Network}
	var ok bool
	if t.net, ok = c.nets[u.Network]; !ok {
		return nil, fault.New("evm.network", "", "unknown network %s", quote.String(string(u.Network)))
	}
	if len(u.Signers) != 1 {
		return nil, fault.New("evm.signers", "name the one account that sends", "%d signers, want one", len(u.Signers))
	}
	t.signer = u.Signers[0]
	if t.from, ok = addressOf(t.signer); !ok {
		return nil, fault.New("evm.signers", "", "the signer is no secp256k1 key")
	}
	if len(u.Evidence) != 0 {
		return nil, fault.New("evm.evidence", "", "an EVM transaction takes no evidence, %d bytes given", len(u.Evidence))
	}
	var err error
	if t.Fields, err = parse(u.Payload, t.net.celo); err != nil {
		return nil, err
	}
	if err := t.judge(); err != nil {
		return nil, err
	}
	return t, nil
}

// judge refuses what is well-formed but can never be right.
func (t *tx) judge() error {
	price := t.GasPrice
	if t.dynamic() {
		price = t.MaxFee
	}
	t.fee = new(big.Int).Mul(price, new(big.Int).SetUint64(t.GasLimit))
	switch {
	case t.ChainID != t.net.chainID:
		return fault.New("evm.chain-id", "make the transaction for the network that it is sent to",
			"the transaction is for chain id %d, the request for %s", t.ChainID, t.id)
	case t.Nonce == 1<<64-1:
		return fault.New("evm.nonce", "", "nonce 2^64-1 can never be used (EIP-2681)")
	case t.GasLimit == 0 || t.GasLimit > maxGas:
		return fault.New("evm.gas-limit", "", "gas limit %d, want 1 to 2^63-1", t.GasLimit)
	case t.dynamic() && t.MaxPriority.Cmp(t.MaxFee) > 0:
		return fault.New("evm.priority", "", "priority fee is higher than the fee that it is part of (EIP-1559)")
	case new(big.Int).Add(t.fee, t.Value).BitLen() > 256:
		return fault.New("evm.range", "", "value and fee together have more than 256 bits")
	case t.To == nil && len(t.Data) == 0:
		return fault.New("evm.destination", "say where it goes", "no destination and no code: whatever it sends is lost")
	}
	return t.checkTransfer()
}

// ToSign is one digest: the keccak of the payload.
func (t *tx) ToSign() []chain.SignRequest {
	h := keccak(t.Encode())
	return []chain.SignRequest{{Key: t.signer, Scheme: chain.ECDSA, Message: h[:]}}
}
