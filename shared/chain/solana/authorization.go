package solana

import (
	"encoding/binary"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// authorize finds the message's deadline and what a person must know of it first.
//
// A durable nonce keeps a signed message valid beyond the life of a recent blockhash:
// the first instruction advances a nonce account, and the place of the blockhash holds
// the value stored in it. The message is valid until somebody advances that account, be
// it in ten years.
func authorize(m *message) (chain.Deadline, []chain.Warning, error) {
	account, authority := "", ""
	for i, x := range m.instructions {
		if m.program(x) != SystemProgram || len(x.data) < 4 || binary.LittleEndian.Uint32(x.data) != advanceNonceTag {
			continue
		}
		// The runtime ignores trailing bytes here, so the shape is checked before
		// anything could take such an instruction for something else.
		if len(x.data) != 4 || m.match(x, advanceNonceRoles()) != nil {
			return chain.Deadline{}, nil, fault.New("solana.nonce", "", "instruction %d advances a nonce account in a form that cannot be explained", i+1)
		}
		if i != 0 {
			return chain.Deadline{}, nil, fault.New("solana.nonce", "advance one nonce account, in the first instruction",
				"instruction %d advances a nonce account, which only the first may do", i+1)
		}
		account, authority = text(m.keys[x.accounts[0]]), text(m.keys[x.accounts[2]])
	}
	if account == "" {
		return chain.Deadline{Kind: chain.ByBlockhash,
			Text: "about 150 blocks, a minute or so, after blockhash " + text(m.blockhash)}, nil, nil
	}
	return chain.Deadline{Kind: chain.NeverExpires,
			Text: "NEVER EXPIRES: durable nonce account " + account + ", authority " + authority + ", value " + text(m.blockhash)},
		[]chain.Warning{{Code: "solana.never-expires",
			Text: "once signed, this can be sent at any time, until nonce account " + account + " is advanced"}}, nil
}
