package solana

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"coldsign/shared/fault"
)

// AccountMeta is an account of an instruction, and what the instruction needs
// of it.
type AccountMeta struct {
	Key      [32]byte
	Signer   bool
	Writable bool
}

// Instruction is one call of a program, before it is compiled into a message.
type Instruction struct {
	Program  [32]byte
	Accounts []AccountMeta
	Data     []byte
}

// rank orders accounts as a message wants them.
func (a AccountMeta) rank() int {
	switch {
	case a.Signer && a.Writable:
		return 0
	case a.Signer:
		return 1
	case a.Writable:
		return 2
	}
	return 3
}

// Compile makes a legacy message. The blockhash is a recent one, or the value of
// the nonce account that the first instruction advances. Accounts of one rank
// are in the order of their bytes, as the chain's own SDK has them.
func Compile(payer, blockhash [32]byte, instructions ...Instruction) ([]byte, error) {
	metas := []AccountMeta{{payer, true, true}}
	index := func(k address) int {
		return slices.IndexFunc(metas, func(a AccountMeta) bool { return a.Key == k })
	}
	for _, x := range instructions {
		for _, a := range append([]AccountMeta{{Key: x.Program}}, x.Accounts...) {
			if i := index(a.Key); i < 0 {
				metas = append(metas, a)
			} else {
				metas[i].Signer, metas[i].Writable = metas[i].Signer || a.Signer, metas[i].Writable || a.Writable
			}
		}
	}
	if len(metas) > maxTransaction/32 {
		return nil, fault.New("solana.message", "split it into several transactions", "transaction names %d accounts", len(metas))
	}
	slices.SortFunc(metas[1:], func(a, b AccountMeta) int {
		return cmp.Or(a.rank()-b.rank(), bytes.Compare(a.Key[:], b.Key[:]))
	})
	m := message{blockhash: blockhash}
	for _, a := range metas {
		m.keys = append(m.keys, a.Key)
		switch a.rank() {
		case 0:
			m.required++
		case 1:
			m.required++
			m.readonlySigned++
		case 3:
			m.readonlyUnsigned++
		}
	}
	for _, x := range instructions {
		c := instruction{program: index(x.Program), data: x.Data}
		for _, a := range x.Accounts {
			c.accounts = append(c.accounts, byte(index(a.Key)))
		}
		m.instructions = append(m.instructions, c)
	}
	b := m.encode()
	if _, err := parse(b); err != nil {
		return nil, err
	}
	return b, nil
}

// SystemTransfer moves lamports.
func SystemTransfer(from, to [32]byte, lamports uint64) Instruction {
	return Instruction{known(SystemProgram), []AccountMeta{{from, true, true}, {to, false, true}},
		binary.LittleEndian.AppendUint64([]byte{2, 0, 0, 0}, lamports)}
}

// AdvanceNonce makes a message durable: it goes first, and the message's
// blockhash is the value that the nonce account holds.
func AdvanceNonce(account, authority [32]byte) Instruction {
	return Instruction{known(SystemProgram),
		[]AccountMeta{{account, false, true}, {known(RecentBlockhashes), false, false}, {authority, true, false}},
		[]byte{advanceNonceTag, 0, 0, 0}}
}

// TokenTransferChecked moves tokens between token accounts of one mint, amount
// in base units. Program is TokenProgram or Token2022Program, as the mint is.
func TokenTransferChecked(program, source, mint, destination, authority [32]byte, amount uint64, decimals uint8) Instruction {
	return Instruction{program,
		[]AccountMeta{{source, false, true}, {mint, false, false}, {destination, false, true}, {authority, true, false}},
		append(binary.LittleEndian.AppendUint64([]byte{12}, amount), decimals)}
}

// CreateATA creates the owner's associated token account unless it exists, at
// the payer's cost (CreateIdempotent).
func CreateATA(payer, owner, program, mint [32]byte) (Instruction, error) {
	account, err := ATA(owner, program, mint)
	return Instruction{known(AssociatedProgram), []AccountMeta{{payer, true, true}, {account, false, true},
		{owner, false, false}, {mint, false, false}, {known(SystemProgram), false, false}, {program, false, false}}, []byte{1}}, err
}

// Memo attaches text, which the signers, if any, sign for.
func Memo(utf8 string, signers ...[32]byte) Instruction {
	x := Instruction{Program: known(MemoProgram), Data: []byte(utf8)}
	for _, s := range signers {
		x.Accounts = append(x.Accounts, AccountMeta{s, true, false})
	}
	return x
}

// ComputeUnitLimit asks for at most that many compute units.
func ComputeUnitLimit(units uint32) Instruction {
	return Instruction{Program: known(BudgetProgram), Data: binary.LittleEndian.AppendUint32([]byte{2}, units)}
}

// ComputeUnitPrice offers that many micro-lamports for each compute unit.
func ComputeUnitPrice(microLamports uint64) Instruction {
	return Instruction{Program: known(BudgetProgram), Data: binary.LittleEndian.AppendUint64([]byte{3}, microLamports)}
}

// encode writes the message anew from its fields.
func (m *message) encode() []byte {
	var b []byte
	if m.v0 {
		b = append(b, v0Prefix)
	}
	b = append(b, byte(m.required), byte(m.readonlySigned), byte(m.readonlyUnsigned))
	b = appendCompact(b, len(m.keys))
	for _, k := range m.keys {
		b = append(b, k[:]...)
	}
	b = append(b, m.blockhash[:]...)
	b = appendCompact(b, len(m.instructions))
	for _, x := range m.instructions {
		b = append(b, byte(x.program))
		b = append(appendCompact(b, len(x.accounts)), x.accounts...)
		b = append(appendCompact(b, len(x.data)), x.data...)
	}
	if m.v0 {
		b = append(b, 0)
	}
	return b
}

// WithBlockhash gives the message with another recent blockhash (or nonce value)
// and nothing else changed. It refuses what Decode would refuse as a message.
func WithBlockhash(message []byte, blockhash [32]byte) ([]byte, error) {
	m, err := parse(message)
	if err != nil {
		return nil, err
	}
	copy(m.raw[m.blockhashAt:], blockhash[:])
	return m.raw, nil
}
