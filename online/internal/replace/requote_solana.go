package replace

import (
	"bytes"
	"encoding/binary"

	sol "github.com/gagliardetto/solana-go"

	offer "coldsign/online/internal/create/solana"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// mostUnits is the most compute that one transaction may ask for, less what new quotes
// of it need to differ.
const mostUnits, unitsEach = 1_400_000 - 64, 200_000

// solana names a blockhash that blocks take now. Two payments with recent blockhashes do
// not conflict: the first must be proven dead. With a durable nonce they do, while its
// value is the same.
func (q *quote) solana(r *bundle.Request) error {
	var m sol.Message
	if err := m.UnmarshalBase64(base64Of(r.Payload)); err != nil {
		return fault.New("replace.form", "", "the stored message cannot be read: %w", err)
	}
	if len(m.Instructions) == 0 {
		return fault.New("replace.form", "", "the stored message has no instructions")
	}
	var err error
	if durable(m) {
		err = q.durable(&m)
	} else {
		err = q.recent(&m, r)
	}
	if err != nil {
		return err
	}
	r.Payload, err = m.MarshalBinary()
	return err
}

// recent has the newest blockhash in the place of one that no block takes any more.
func (q *quote) recent(m *sol.Message, r *bundle.Request) error {
	if q.alive {
		cure := "import its answer, so that it can be looked for; when its blockhash has expired, quote it anew"
		if q.of.row.TxID != "" {
			cure = "have it looked for, by serve or by broadcast, and quote it anew when it has ended: some minutes after its blockhash"
		}
		return fault.New("requote.live", cure, "transaction %s may be signed and may still land", q.of.row.ID)
	}
	if s := q.of.row.State; s != pending.Expired && s != pending.Failed { // of which it is proven
		over, err := q.over(m)
		if err != nil {
			return err
		}
		if !over {
			return fault.New("requote.early", "export it, or ask again in two minutes", "the blockhash of transaction %s is good still, or not known to be over", q.of.row.ID)
		}
		if row := &q.of.row; !row.Left() { // a hot signer puts in a blockhash of its own
			if err := q.apart("its blockhash is over", store.ScopeSign); err != nil {
				return err
			}
		}
	}
	hash, deadline, err := offer.Recent(q.ctx, q.node, q.maker.now)
	if err != nil {
		return nodeError(err)
	}
	m.RecentBlockhash = sol.Hash(hash)
	if r.Deadline == 0 || deadline < r.Deadline {
		r.Deadline = deadline
	}
	return nil
}

// over reports whether as many nodes as must agree say that no block takes the blockhash.
// They are asked with a transaction that nobody has signed.
func (q *quote) over(m *sol.Message) (bool, error) {
	tx := sol.Transaction{Message: *m, Signatures: make([]sol.Signature, m.Header.NumRequiredSignatures)}
	raw, err := tx.MarshalBinary()
	if err != nil || len(tx.Signatures) == 0 {
		return false, fault.New("replace.form", "", "the stored message cannot be read: %w", err)
	}
	saw, err := q.node.Look(q.ctx, chain.Sealed{TxID: tx.Signatures[0].String(), Raw: raw})
	if err != nil {
		return false, nodeError(err)
	}
	return saw.Expired && !saw.Seen && !saw.Few, nil
}

// durable keeps the value of the nonce while the first may land, and asks for a number of
// compute units that the first does not ask for, so that it is another transaction: of
// the two one lands. Else it takes the present value.
func (q *quote) durable(m *sol.Message) error {
	first := m.Instructions[0].Accounts
	if int(first[0]) >= len(m.AccountKeys) {
		return fault.New("replace.form", "", "the nonce account of the message is in a lookup table")
	}
	value, err := offer.NonceValue(q.ctx, q.node, [32]byte(m.AccountKeys[first[0]]))
	if err != nil {
		return nodeError(err)
	}
	if !q.alive {
		m.RecentBlockhash = sol.Hash(value)
		return nil
	}
	if sol.Hash(value) != m.RecentBlockhash {
		return q.errTaken("the nonce value")
	}
	if m.IsVersioned() && len(m.GetAddressTableLookups()) > 0 {
		return fault.New("replace.chain", "cancel it, and submit a payment with the new nonce", "a payment with lookup tables is not quoted anew while the first may land")
	}
	return differ(m)
}

// differ asks for one compute unit more than before, or for as many as the transaction
// gets unasked.
func differ(m *sol.Message) error {
	key, err := solana.ParseAddress(solana.BudgetProgram)
	if err != nil {
		return err
	}
	program := sol.PublicKey(key)
	at := -1
	for i, k := range m.AccountKeys {
		if k == program {
			at = i
		}
	}
	for i := range m.Instructions {
		x := &m.Instructions[i]
		if int(x.ProgramIDIndex) != at || len(x.Data) != 5 || x.Data[0] != 2 {
			continue
		}
		data := bytes.Clone(x.Data)
		binary.LittleEndian.PutUint32(data[1:], binary.LittleEndian.Uint32(data[1:])+1)
		x.Data = data
		return nil
	}
	if at < 0 {
		at = len(m.AccountKeys)
		m.AccountKeys = append(m.AccountKeys, program)
		m.Header.NumReadonlyUnsignedAccounts++
	}
	units := solana.ComputeUnitLimit(uint32(min(unitsEach*len(m.Instructions), mostUnits)))
	budget := sol.CompiledInstruction{ProgramIDIndex: uint16(at), Accounts: []uint16{}, Data: units.Data}
	rest := append([]sol.CompiledInstruction{budget}, m.Instructions[1:]...)
	m.Instructions = append(m.Instructions[:1:1], rest...)
	return nil
}
