// Package dialect says in our words what another wallet asks (a Sparrow, a
// MetaMask): which transaction, for which key; and gives the signatures back in
// the form that it waits for.
//
//	r, err := dialect.ReadRequest(message)
//	message, err := r.Answer(signed)
//	message, err := dialect.Keys("crypto-account", wallet, account) // what such a wallet watches
//
// Nothing that is read is believed: who asks is nobody, and keys are derived and
// compared.
package dialect

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
)

// Key is what a request says of a key that shall sign.
type Key struct {
	Fingerprint [4]byte // of the master key; zero when it is not told
	Path        []uint32
	Address     string // as the chain's tools print it; "" when it is not told
}

// Ask is one transaction that a wallet wants signed.
type Ask struct {
	Chain   string   // KMS chain name: "BTC", "ETH", "SOL"
	Network chain.ID // "" where the form does not say
	Payload []byte   // as chain.Unsigned has it
	Key     *Key     // nil for a PSBT, which names its own

	id urtypes.UUID
}

// Request is what one message asks for.
type Request struct {
	Form string // for people: "UR crypto-psbt"
	From string // what the asker calls itself: hostile
	Asks []Ask

	message frame.Message
}

// The types of UR that ask.
const (
	psbtV1, psbtV2 = "crypto-psbt", "psbt"
	ethAsk         = "eth-sign-request"
	ethBatchAsk    = "eth-batch-sign-request"
	solAsk         = "sol-sign-request"
)

// IsRequest says, as an error, what has not the form of a request.
func IsRequest(m frame.Message) error {
	switch {
	case m.Format == frame.UR && strings.Contains(" "+psbtV1+" "+psbtV2+" "+ethAsk+" "+ethBatchAsk+" "+solAsk+" ", " "+m.Type+" "),
		m.Format == frame.BBQr && m.Type == "P", m.Format == frame.Parts, m.Format == frame.Plain:
		return nil
	}
	return fault.New("frame.kind", "show the codes that ask for a signature", "%s asks for no signature", m)
}

// ReadRequest reads what asks for signatures. What no codec of ours could explain
// (messages, typed data) is request.kind.
func ReadRequest(m frame.Message) (Request, error) {
	r := Request{Form: string(m.Format) + " PSBT", message: m}
	if err := IsRequest(m); err != nil {
		return r, err
	}
	if m.Format != frame.UR {
		r.Asks = []Ask{{Chain: "BTC", Payload: m.Data}}
		return r, nil
	}
	r.Form = "UR " + m.Type
	item, err := urtypes.Decode(m.Type, m.Data)
	if err != nil {
		return r, err
	}
	switch v := item.(type) {
	case urtypes.PSBT:
		r.Asks = []Ask{{Chain: "BTC", Payload: v}}
		return r, nil
	case urtypes.EthSignRequest:
		return r, r.ethereum(v)
	case urtypes.EthBatchSignRequest:
		return r, r.ethereum(v...)
	case urtypes.SolSignRequest:
		return r, r.solana(v)
	}
	return r, IsRequest(frame.Message{})
}

func (r *Request) ethereum(list ...urtypes.EthSignRequest) error {
	for _, q := range list {
		if q.Type != urtypes.EthTransaction && q.Type != urtypes.EthTypedTransaction {
			return fault.New("request.kind", "only transactions are signed", "it asks to sign a message or typed data, which could be an order in disguise")
		}
		k, err := keyOf(q.Path)
		if err != nil {
			return err
		}
		if q.Address != [20]byte{} {
			k.Address = fmt.Sprintf("0x%x", q.Address)
		}
		id := q.ChainID
		if id == 0 {
			id = 1 // ERC-4527: the main net when it is not told
		}
		r.From = q.Origin
		r.Asks = append(r.Asks, Ask{Chain: "ETH", Network: chain.ID(fmt.Sprintf("eip155:%d", id)), Payload: q.Data, Key: k, id: q.ID})
	}
	return nil
}

func (r *Request) solana(q urtypes.SolSignRequest) error {
	if q.Type == urtypes.SolMessage {
		return fault.New("request.kind", "only transactions are signed", "it asks to sign a message, which could be an order in disguise")
	}
	k, err := keyOf(q.Path)
	if err != nil {
		return err
	}
	r.From = q.Origin
	r.Asks = []Ask{{Chain: "SOL", Payload: q.Data, Key: k, id: q.ID}}
	return nil
}

func keyOf(p urtypes.KeyPath) (*Key, error) {
	indexes, ok := p.Indexes()
	if !ok {
		return nil, fault.New("request.path", "", "it does not name one key")
	}
	k := &Key{Path: indexes}
	binary.BigEndian.PutUint32(k.Fingerprint[:], p.Fingerprint)
	return k, nil
}

// Signed is what goes back for one ask: a PSBT with signatures in it, or one
// signature as package chain has it. The zero Signed is a refusal.
type Signed struct {
	PSBT      []byte
	Signature []byte
}

// Answer gives the message that the asker waits for. The order is that of Asks. A
// refusal has no form of its own: it is left out of a batch, and where nothing is
// signed there is no answer.
func (r Request) Answer(signed []Signed) (frame.Message, error) {
	m := r.message
	if m.Format != frame.UR {
		m.Data = signed[0].PSBT
		return m, nil
	}
	var item urtypes.Item
	switch m.Type {
	case ethAsk, ethBatchAsk:
		var list urtypes.EthBatchSignature
		for i, a := range r.Asks {
			if len(signed[i].Signature) == 65 {
				list = append(list, urtypes.EthSignature{ID: a.id, Signature: ethereumForm(a, signed[i].Signature), Origin: "coldsign"})
			}
		}
		m.Type, item = "eth-batch-signature", list
		if r.message.Type == ethAsk && len(list) == 1 {
			m.Type, item = "eth-signature", list[0]
		}
	case solAsk:
		m.Type, item = "sol-signature", urtypes.SolSignature{ID: r.Asks[0].id, Signature: [64]byte(signed[0].Signature)}
	default:
		item = urtypes.PSBT(signed[0].PSBT)
	}
	var err error
	m.Data, err = urtypes.Encode(m.Type, item)
	return m, err
}

// ethereumForm writes v as wallets expect it: EIP-155 for a legacy transaction, 0
// or 1 for a typed one.
func ethereumForm(a Ask, sig []byte) []byte {
	out := append([]byte(nil), sig[:64]...)
	if a.Payload[0] < 0xc0 { // EIP-2718
		return append(out, sig[64])
	}
	v, _ := new(big.Int).SetString(strings.TrimPrefix(string(a.Network), "eip155:"), 10)
	v.Add(v.Lsh(v, 1), big.NewInt(35+int64(sig[64])))
	return append(out, v.Bytes()...)
}
