package replace

import (
	"bytes"
	"math/big"

	"github.com/ethereum/go-ethereum/rlp"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

const (
	plainGas = 21_000  // of a transfer to an account
	mostGas  = 100_000 // where a network charges more for one
)

// evmTx is an unsigned transaction with its fields by place.
type evmTx struct {
	kind     byte // 0 legacy
	items    []rlp.RawValue
	chainID  uint64
	nonce    uint64
	fee, tip *big.Int // wei for each gas; tip only of type 2
	gas      uint64
}

// readEVM reads what the codec has accepted: legacy [nonce, gasPrice, gas, ...,
// chainId, 0, 0], type 1 [chainId, nonce, gasPrice, gas, ...], type 2 [chainId,
// nonce, tip, fee, gas, ...].
func readEVM(payload []byte) (t evmTx, err error) {
	bad := func(err error) (evmTx, error) {
		return evmTx{}, fault.New("replace.form", "", "the stored transaction cannot be read: %w", err)
	}
	if len(payload) == 0 {
		return bad(rlp.ErrExpectedList)
	}
	body := payload
	if payload[0] < 0x80 {
		t.kind, body = payload[0], payload[1:]
	}
	if err := rlp.DecodeBytes(body, &t.items); err != nil {
		return bad(err)
	}
	at, want := map[byte]int{0: 0, 1: 1, 2: 1}[t.kind], map[byte]int{0: 9, 1: 8, 2: 9}[t.kind]
	if want == 0 || len(t.items) != want {
		return bad(rlp.ErrExpectedList)
	}
	id := 0
	if t.kind == evm.Legacy {
		id = 6
	}
	t.fee, t.tip = new(big.Int), new(big.Int)
	read := []any{&t.chainID, &t.nonce, t.fee, &t.gas}
	places := []int{id, at, t.feeAt(), t.gasAt()}
	if t.kind == evm.Dynamic {
		read, places = append(read, t.tip), append(places, at+1)
	}
	for i, to := range read {
		if err := rlp.DecodeBytes(t.items[places[i]], to); err != nil {
			return bad(err)
		}
	}
	return t, nil
}

func (t *evmTx) feeAt() int { return int(t.kind) + 1 } // 1, 2, 3
func (t *evmTx) gasAt() int { return t.feeAt() + 1 }

func (t *evmTx) nonceAt() int { return min(int(t.kind), 1) }

// at gives the transaction another nonce.
func (t *evmTx) at(nonce uint64) (err error) {
	t.nonce = nonce
	t.items[t.nonceAt()], err = rlp.EncodeToBytes(nonce)
	return err
}

// with gives the transaction with other fees and all else as it is.
func (t *evmTx) with(fee, tip *big.Int) ([]byte, error) {
	var err error
	if t.items[t.feeAt()], err = rlp.EncodeToBytes(fee); err != nil {
		return nil, err
	}
	if t.kind == evm.Dynamic {
		if t.items[t.feeAt()-1], err = rlp.EncodeToBytes(tip); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	if t.kind != evm.Legacy {
		out.WriteByte(t.kind)
	}
	err = rlp.Encode(&out, t.items)
	return out.Bytes(), err
}

// evm makes a transaction with the same nonce and fees an eighth higher than the
// highest of the set, which every client takes in its place. One that cancels sends
// nothing to the account itself.
func (s *set) evm(r *bundle.Request) error {
	t, err := readEVM(r.Payload)
	if err != nil {
		return err
	}
	fee, tip, err := s.highest()
	if err != nil {
		return err
	}
	fee, tip = raise(fee, 8), raise(tip, 8)
	if want := s.option.Fee; want != nil {
		if want.Cmp(fee) < 0 {
			return tooLow(fee, "wei for each gas")
		}
		fee = want
	}
	if tip.Cmp(fee) > 0 {
		tip = fee
	}
	if !s.option.Cancel {
		r.Payload, err = t.with(fee, tip)
		return err
	}
	u, err := r.Unsigned()
	if err != nil || len(u.Signers) != 1 {
		return fault.New("replace.form", "", "the stored transaction does not name its one signer")
	}
	own, err := evm.ParseAddress(evm.Address(u.Signers[0]))
	if err != nil {
		return err
	}
	f := evm.Fields{Type: t.kind, ChainID: t.chainID, Nonce: t.nonce, To: &own, Value: new(big.Int), GasLimit: min(max(t.gas, plainGas), mostGas)}
	if t.kind == evm.Dynamic {
		f.MaxFee, f.MaxPriority = fee, tip
	} else {
		f.GasPrice = fee
	}
	r.Payload, r.Evidence = f.Encode(), nil
	r.Keys = signers(r.Keys, u.Signers...)
	return nil
}

// highest gives the highest fee and tip of the set, in wei for each gas.
func (s *set) highest() (fee, tip *big.Int, err error) {
	fee, tip = new(big.Int), new(big.Int)
	for _, other := range s.all {
		o, err := readEVM(other.request.Payload)
		if err != nil {
			return nil, nil, err
		}
		fee = bigger(fee, o.fee)
		if o.kind == evm.Dynamic {
			tip = bigger(tip, o.tip)
		} else {
			tip = bigger(tip, o.fee) // of a gas price all is tip
		}
	}
	return fee, tip, nil
}

func bigger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// signers keeps those keys, and has them sign.
func signers(keys []bundle.KeyRef, wanted ...chain.PublicKey) (kept []bundle.KeyRef) {
	for _, w := range wanted {
		for _, k := range keys {
			if key, err := chain.NewPublicKey(k.Curve, k.Key); err == nil && key == w {
				k.Sign = true
				kept = append(kept, k)
				break
			}
		}
	}
	return kept
}
