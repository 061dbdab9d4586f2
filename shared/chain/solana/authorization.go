package solana

import (
	"encoding/binary"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// authorization is a way to keep a signed message valid beyond the life of a
// recent blockhash. Durable nonces are the only one today. Their removal has
// been announced (SIMD discussion 415): what replaces them is a second
// implementation, listed in authorizations, and nothing else changes.
type authorization interface {
	// recognise looks for the authorization in the message, and refuses one that
	// is not exactly as the runtime wants it.
	recognise(m *message) (found bool, err error)
	// deadline and warning are asked only after recognise has found it.
	deadline() chain.Deadline
	warning() chain.Warning
}

func authorizations() []authorization { return []authorization{&durableNonce{}} }

// durableNonce: the first instruction advances a nonce account, and the place of
// the recent blockhash holds the value stored in it. The message is valid until
// somebody advances that account, be it in ten years.
type durableNonce struct{ account, authority, value string }

func (d *durableNonce) recognise(m *message) (bool, error) {
	for i, x := range m.instructions {
		if !isAdvanceNonce(m, x) {
			continue
		}
		// The runtime ignores trailing bytes here, so the shape is checked before
		// anything could take such an instruction for something else.
		if len(x.data) != 4 || m.match(x, advanceNonceRoles()) != nil {
			return false, fault.New("solana.nonce", "", "instruction %d advances a nonce account in a form that cannot be explained", i+1)
		}
		if i != 0 {
			return false, fault.New("solana.nonce", "advance one nonce account, in the first instruction",
				"instruction %d advances a nonce account, which only the first may do", i+1)
		}
		d.account, d.authority = text(m.keys[x.accounts[0]]), text(m.keys[x.accounts[2]])
		d.value = text(m.blockhash)
	}
	return d.account != "", nil
}

func (d *durableNonce) deadline() chain.Deadline {
	return chain.Deadline{Kind: chain.NeverExpires,
		Text: "NEVER EXPIRES: durable nonce account " + d.account + ", authority " + d.authority + ", value " + d.value}
}

func (d *durableNonce) warning() chain.Warning {
	return chain.Warning{Code: "solana.never-expires",
		Text: "once signed, this can be sent at any time, until nonce account " + d.account + " is advanced"}
}

func isAdvanceNonce(m *message, x instruction) bool {
	return m.program(x) == SystemProgram && len(x.data) >= 4 && binary.LittleEndian.Uint32(x.data) == advanceNonceTag
}

// authorize finds the message's deadline and what a person must know of it first.
func authorize(m *message) (chain.Deadline, []chain.Warning, error) {
	for _, a := range authorizations() {
		if found, err := a.recognise(m); err != nil {
			return chain.Deadline{}, nil, err
		} else if found {
			return a.deadline(), []chain.Warning{a.warning()}, nil
		}
	}
	return chain.Deadline{Kind: chain.ByBlockhash,
		Text: "about 150 blocks, a minute or so, after blockhash " + text(m.blockhash)}, nil, nil
}
