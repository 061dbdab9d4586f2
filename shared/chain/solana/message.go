package solana

import (
	"bytes"
	"slices"

	"coldsign/shared/fault"
)

// message is a legacy or v0 message as its bytes say: header, account keys,
// recent blockhash, instructions and, in v0, an empty list of lookup tables.
//
// Keys are ordered: signers that may be written, signers that may only be read,
// then the same two kinds of non-signers. The first pays the fee.
type message struct {
	v0               bool
	required         int // keys that must sign
	readonlySigned   int // of these, the last ones, read-only
	readonlyUnsigned int // of the other keys, the last ones, read-only
	keys             []address
	blockhash        address
	blockhashAt      int // its offset in raw
	instructions     []instruction
	raw              []byte // the whole message: what every signer signs
}

// instruction is one call of a program. Programs and accounts are indexes of
// the message's keys.
type instruction struct {
	program  int
	accounts []byte
	data     []byte
	raw      []byte // its bytes in the message
}

func (m *message) signer(i int) bool { return i < m.required }

func (m *message) writable(i int) bool {
	if i < m.required {
		return i < m.required-m.readonlySigned
	}
	return i < len(m.keys)-m.readonlyUnsigned
}

func (m *message) program(x instruction) string { return text(m.keys[x.program]) }

const v0Prefix = 0x80 // the high bit marks a version, the rest is its number

// parse reads a message and copies it. Every length is written in its shortest
// form and nothing follows, so that what parses has exactly these bytes.
func parse(b []byte) (*message, error) {
	if len(b) > maxTransaction {
		return nil, fault.New("solana.message", "", "message of %d bytes, the limit is %d with its signatures", len(b), maxTransaction)
	}
	r := reader{b: bytes.Clone(b)}
	m := &message{raw: r.b}
	if len(b) > 0 && b[0] >= v0Prefix {
		if r.byte() != v0Prefix {
			return nil, fault.New("solana.version", "build a legacy or a v0 message", "message version %d is not supported", b[0]&0x7f)
		}
		m.v0 = true
	}
	m.required, m.readonlySigned, m.readonlyUnsigned = int(r.byte()), int(r.byte()), int(r.byte())
	for n := r.compact(); n > 0 && r.err == nil; n-- {
		m.keys = append(m.keys, r.address())
	}
	m.blockhashAt = r.at
	m.blockhash = r.address()
	for n := r.compact(); n > 0 && r.err == nil; n-- {
		m.instructions = append(m.instructions, r.instruction())
	}
	if m.v0 && r.compact() != 0 && r.err == nil {
		return nil, fault.New("solana.lookup-table", "build the message without lookup tables",
			"message takes accounts from a lookup table: what they are cannot be seen here")
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.at != len(b) {
		return nil, fault.New("solana.message", "", "%d bytes follow the message", len(b)-r.at)
	}
	return m, m.sane()
}

// sane checks the header and indexes as a validator does before it runs a
// transaction, and refuses what one would refuse.
func (m *message) sane() error {
	switch {
	case m.required < 1 || m.required > len(m.keys):
		return fault.New("solana.header", "", "message wants %d signatures and has %d accounts", m.required, len(m.keys))
	case m.readonlySigned >= m.required:
		return fault.New("solana.header", "", "message has no writable signer to pay the fee")
	case m.required+m.readonlyUnsigned > len(m.keys):
		return fault.New("solana.header", "", "message header counts more accounts than the %d it has", len(m.keys))
	case 1+64*m.required+len(m.raw) > maxTransaction:
		return fault.New("solana.message", "split it into several transactions",
			"message of %d bytes with %d signatures is over the limit of %d", len(m.raw), m.required, maxTransaction)
	}
	for i, k := range m.keys {
		if slices.Contains(m.keys[:i], k) {
			return fault.New("solana.accounts", "", "account %s is listed twice", text(k))
		}
	}
	for i, x := range m.instructions {
		if x.program == 0 || x.program >= len(m.keys) {
			return fault.New("solana.accounts", "", "instruction %d names account %d as its program", i+1, x.program)
		}
		for _, a := range x.accounts {
			if int(a) >= len(m.keys) {
				return fault.New("solana.accounts", "", "instruction %d names account %d of %d", i+1, a, len(m.keys))
			}
		}
	}
	return nil
}

// reader takes a message apart. After the first error it yields zeros.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail("message ends early, at byte %d", len(r.b))
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fault.New("solana.message", "", format, args...)
	}
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) address() address {
	if b := r.take(32); b != nil {
		return address(b)
	}
	return address{}
}

// compact reads a compact-u16: seven bits a byte, lowest first, at most 16 bits
// in all, and no byte more than needed.
func (r *reader) compact() int {
	n := 0
	for i := range 3 {
		b := r.byte()
		n |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 || n > 0xffff {
				break
			}
			return n
		}
	}
	r.fail("length before byte %d is not a compact-u16 in its shortest form", r.at)
	return 0
}

func (r *reader) instruction() (x instruction) {
	start := r.at
	x.program = int(r.byte())
	x.accounts = r.take(r.compact())
	x.data = r.take(r.compact())
	x.raw = r.b[start:r.at]
	return x
}

func appendCompact(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
