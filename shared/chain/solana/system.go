package solana

import (
	"encoding/binary"
	"unicode/utf8"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const advanceNonceTag = 4

func advanceNonceRoles() []role {
	return []role{{"nonce account", writes, ""}, {"recent blockhashes", 0, RecentBlockhashes}, {"authority", signs, ""}}
}

// system reads the system program (solana-system-interface, SystemInstruction):
// bincode, a little-endian u32 that names the instruction, then its fields.
func (c *call) system() error {
	if len(c.data) < 4 {
		return nil
	}
	tag := binary.LittleEndian.Uint32(c.data)
	switch tag {
	case 0:
		c.name = "System CreateAccount"
		if c.accept(52, role{"from", signs | writes, ""}, role{"new account", signs | writes, ""}) {
			c.create(c.u64(4), c.u64(12), c.address(20), "")
		}
	case 2:
		c.name = "System Transfer"
		if c.accept(12, role{"from", signs | writes, ""}, role{"to", writes, ""}) {
			c.lamports(chain.Transfer, c.u64(4), c.key(0), c.key(1), "")
		}
	case 3:
		c.name = "System CreateAccountWithSeed"
		return c.createWithSeed()
	case advanceNonceTag:
		c.name = "System AdvanceNonceAccount"
		c.accept(4, advanceNonceRoles()...)
	case 5:
		c.name = "System WithdrawNonceAccount"
		if c.accept(12, role{"nonce account", writes, ""}, role{"to", writes, ""},
			role{"recent blockhashes", 0, RecentBlockhashes}, role{"rent", 0, RentSysvar}, role{"authority", signs, ""}) {
			c.lamports(chain.Transfer, c.u64(4), c.key(0), c.key(1), "from a nonce account")
		}
	case 6:
		c.name = "System InitializeNonceAccount"
		if c.accept(36, role{"nonce account", writes, ""}, role{"recent blockhashes", 0, RecentBlockhashes}, role{"rent", 0, RentSysvar}) {
			c.note("authority %s", c.address(4))
			c.initializes(c.key(0), c.address(4))
		}
	case 11:
		c.name = "System TransferWithSeed"
		return c.transferWithSeed()
	default:
		c.systemOpaque(tag)
	}
	return nil
}

// systemOpaque names what moves control rather than value. Allocate is among
// them: an account with data can never again be the source of a transfer.
func (c *call) systemOpaque(tag uint32) {
	switch tag {
	case 1:
		c.name, c.code = "System Assign, gives an account to a program", "solana.assign"
	case 7:
		c.name, c.code = "System AuthorizeNonceAccount, gives a nonce account away", "solana.nonce-authorize"
	case 8:
		c.name, c.code = "System Allocate, locks the lamports of an account", "solana.allocate"
	case 9:
		c.name, c.code = "System AllocateWithSeed, gives an account to a program", "solana.assign"
	case 10:
		c.name, c.code = "System AssignWithSeed, gives an account to a program", "solana.assign"
	case 12:
		c.name = "System UpgradeNonceAccount"
	}
}

// seed reads bincode's string at an offset: u64 length, then UTF-8.
func (c *call) seed(at int) ([]byte, bool) {
	if len(c.data) < at+8 || c.u64(at) > maxSeed || uint64(len(c.data)-at-8) < c.u64(at) {
		c.why = "no UTF-8 seed of up to 32 bytes"
		return nil, false
	}
	s := c.data[at+8 : at+8+int(c.u64(at))]
	return s, utf8.Valid(s)
}

// createWithSeed: data is base, seed, lamports, space, owner. The base is the
// third account, left out by some builders when it is the first.
func (c *call) createWithSeed() error {
	seed, ok := c.seed(36)
	if !ok {
		return nil
	}
	roles := []role{{"from", signs | writes, ""}, {"new account", writes, ""}, {"base", signs, c.address(4)}}
	if len(c.accounts) == 2 {
		roles = roles[:2]
		roles[0].is = c.address(4)
	}
	if !c.accept(92+len(seed), roles...) {
		return nil
	}
	at := 44 + len(seed)
	c.note("seed %s", quote.String(string(seed)))
	c.create(c.u64(at), c.u64(at+8), c.address(at+16), c.address(4))
	return c.seeded(c.key(1), address(c.data[4:36]), seed, address(c.data[at+16:]))
}

// transferWithSeed: data is lamports, seed, owner of the source account.
func (c *call) transferWithSeed() error {
	seed, ok := c.seed(12)
	if !ok || !c.accept(52+len(seed), role{"from", writes, ""}, role{"base", signs, ""}, role{"to", writes, ""}) {
		return nil
	}
	c.note("seed %s of program %s", quote.String(string(seed)), c.address(20+len(seed)))
	c.lamports(chain.Transfer, c.u64(4), c.key(0), c.key(2), "from an account derived from "+text(c.key(1)))
	return c.seeded(c.key(0), c.key(1), seed, address(c.data[20+len(seed):]))
}

// seeded checks that an account derives from its base, as the program will.
func (c *call) seeded(account, base address, seed []byte, owner address) error {
	if a, ok := withSeed(base, seed, owner); !ok || a != account {
		return fault.New("solana.seed", "", "instruction %d names account %s, which does not derive from its base and seed", c.n, text(account))
	}
	return nil
}
