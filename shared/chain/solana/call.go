package solana

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"coldsign/shared/chain"
)

// What an account of an instruction must be: signs and writes are flags that
// the program needs, told by the message's header.
const (
	signs  = 1
	writes = 2
)

// role is one account of an instruction.
type role struct {
	name  string
	flags int
	is    string // the only account it may be, in base58; "" for any
}

// match says in what the accounts of an instruction differ from its roles, as
// many and in that order; nil if in nothing.
func (m *message) match(x instruction, roles []role) error {
	if len(x.accounts) != len(roles) {
		return fmt.Errorf("%d accounts, not %d", len(x.accounts), len(roles))
	}
	for i, r := range roles {
		at := int(x.accounts[i])
		switch {
		case r.is != "" && text(m.keys[at]) != r.is:
			return errors.New(r.name + " is another account")
		case r.flags&signs != 0 && !m.signer(at):
			return errors.New(r.name + " does not sign")
		case r.flags&writes != 0 && !m.writable(at):
			return errors.New(r.name + " is read-only")
		}
	}
	return nil
}

// call is one instruction while it is read. It is opaque until accept has found
// it to be exactly what its program documents.
type call struct {
	instruction
	*interpreter
	n        int    // from 1
	name     string // program and instruction, as far as known
	code     string // why policy should deny it, while it is opaque
	why      string // what is wrong with it, when its name is known
	accepted bool
	denied   bool     // accepted, told, and opaque all the same
	named    []string // the accounts, by role when it is accepted
	notes    []string
}

// accept takes the instruction as read when its data has exactly size bytes and
// its accounts fit the roles. Only then may effects be told.
func (c *call) accept(size int, roles ...role) bool {
	if len(c.data) != size {
		c.why = fmt.Sprintf("%d bytes of data, not %d", len(c.data), size)
		return false
	}
	if err := c.m.match(c.instruction, roles); err != nil {
		c.why = err.Error()
		return false
	}
	for i, r := range roles {
		c.named = append(c.named, fmt.Sprintf("%s #%d", r.name, c.accounts[i]))
		if r.flags&signs != 0 {
			c.acted[int(c.accounts[i])] = true
		}
	}
	c.accepted = true
	return true
}

func (c *call) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// key is the i-th account of the instruction.
func (c *call) key(i int) address { return c.m.keys[c.accounts[i]] }

// u64 and address read the data at an offset, which accept has shown to be there.
func (c *call) u64(at int) uint64     { return binary.LittleEndian.Uint64(c.data[at:]) }
func (c *call) address(at int) string { return text(address(c.data[at : at+32])) }

// lamports tells a movement of the native coin.
func (c *call) lamports(kind chain.EffectKind, amount uint64, from, to address, note string) {
	c.effects = append(c.effects, chain.Effect{Kind: kind, Asset: c.network.Asset,
		Amount: new(big.Int).SetUint64(amount), From: text(from), To: text(to), Note: note})
}

// deny makes an instruction opaque that could be read, and whose effects are
// told, but not who or what they concern.
func (c *call) deny(code, format string, args ...any) {
	c.denied, c.code, c.why = true, code, fmt.Sprintf(format, args...)
}

func (c *call) warn(code, format string, args ...any) {
	if w := (chain.Warning{Code: code, Text: fmt.Sprintf(format, args...)}); !slices.Contains(c.warnings, w) {
		c.warnings = append(c.warnings, w)
	}
}

// finish tells the instruction's line and, if nobody could read it, its bytes.
func (c *call) finish() {
	line := c.name
	if !c.accepted || c.denied {
		what := fmt.Sprintf("instruction %d, %s", c.n, c.name)
		if c.why != "" {
			what += " (" + c.why + ")"
		}
		for _, a := range c.accounts {
			if c.m.signer(int(a)) {
				what += ", with the signature of " + text(c.m.keys[a])
			}
			if !c.accepted {
				c.named = append(c.named, fmt.Sprintf("#%d", a))
			}
		}
		c.opaque = append(c.opaque, chain.Opaque{What: what, Code: c.code, Hex: hex.EncodeToString(c.raw),
			To: c.m.program(c.instruction), Method: "0x" + hex.EncodeToString(c.data[:min(8, len(c.data))])})
		line += " (opaque)"
	}
	if len(c.named) > 0 {
		line += ": " + strings.Join(c.named, ", ")
	}
	if len(c.notes) > 0 {
		line += "; " + strings.Join(c.notes, "; ")
	}
	c.details = append(c.details, chain.Detail{Name: fmt.Sprintf("instruction %d", c.n), Value: line})
}
