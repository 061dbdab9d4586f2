package solana

import "coldsign/shared/chain"

// newAccount is an account that the message creates. Until its program has
// initialised it, it is anybody's: whoever does so first controls it and the
// lamports in it.
type newAccount struct {
	call    *call
	account string
	program string // the program that it belongs to
	space   uint64 // bytes
	settled bool   // it is known who controls it
	owner   string // who that is; "" for its own key
}

// create tells of a new account, the second of the instruction, its size in
// bytes and its program. A system account without data is its own key's or, if
// derived from a base and a seed, the base's.
func (c *call) create(amount, space uint64, program, base string) {
	n := &newAccount{call: c, account: text(c.key(1)), program: program, space: space}
	if program == SystemProgram && space == 0 {
		n.settled, n.owner = true, base
	}
	c.made = append(c.made, n)
	c.lamports(chain.Create, amount, c.key(0), c.key(1), "account of program "+titled(program))
	c.note("space %d bytes", space)
}

// initializes notes to whom this instruction, a program's initialisation of an
// account, gives it, if the message has created it before, for that program and
// in a size that the program takes. Of an account that was there before it tells
// nothing: that needs no signature and moves nothing.
func (c *call) initializes(account address, owner string) {
	program := c.m.program(c.instruction)
	for _, n := range c.made {
		if n.account != text(account) || n.program != program || n.settled {
			continue
		}
		switch program {
		case SystemProgram:
			n.settled = n.space == nonceAccountSize
		case TokenProgram:
			n.settled = n.space == tokenAccountSize
		case Token2022Program:
			n.settled = n.space >= tokenAccountSize
		}
		if n.settled {
			n.owner = owner
		}
	}
}

// settle tells, after the last instruction, who controls what goes to each new
// account. A create that leaves this open is opaque.
func (in *interpreter) settle() {
	for _, n := range in.made {
		if !n.settled {
			n.call.deny("solana.create-account", "an account of %d bytes of program %s: who will control it is not known", n.space, titled(n.program))
			if in.signs(n.account) {
				n.call.warn("solana.key-account", "%s, which signs, becomes an account that nobody is known to control", n.account)
			}
			continue
		}
		for i, e := range in.effects {
			if e.To == n.account && e.Asset == in.network.Asset && n.owner != n.account {
				in.effects[i].Owner = n.owner
			}
		}
		if n.owner != "" && in.signs(n.account) && !in.signs(n.owner) {
			n.call.warn("solana.key-account", "%s, which signs, becomes an account that %s controls, with all that it receives",
				n.account, n.owner)
		}
	}
}

// signs tells whether the message needs an address's signature.
func (in *interpreter) signs(a string) bool {
	for i, k := range in.m.keys {
		if text(k) == a {
			return in.m.signer(i)
		}
	}
	return false
}

// titled is a program's address with its name, if it has one.
func titled(program string) string {
	if n := programName(program); n != "" {
		return program + " (" + n + ")"
	}
	return program
}
