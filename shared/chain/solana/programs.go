package solana

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"unicode/utf8"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// read finds the program of an instruction and has it read.
func (c *call) read() error {
	program := c.m.program(c.instruction)
	c.name, c.code = programName(program)+" instruction", "solana.instruction"
	switch program {
	case SystemProgram:
		return c.system()
	case TokenProgram, Token2022Program:
		c.name = programName(program)
		return c.token()
	case AssociatedProgram:
		c.associated()
	case BudgetProgram:
		return c.computeBudget()
	case MemoProgram, MemoV1Program:
		c.memo()
	default:
		c.name, c.code = "call of unknown program "+program, "solana.program"
	}
	return nil
}

// isCreate tells Create (no data, or 0) and CreateIdempotent (1) of the
// associated token program, with or without the rent sysvar of old builders.
func isCreate(x instruction) bool {
	return (len(x.data) == 0 || len(x.data) == 1 && x.data[0] < 2) && (len(x.accounts) == 6 || len(x.accounts) == 7)
}

// associated reads the associated token program. That the new account is the
// owner's own was checked before (message.prove).
func (c *call) associated() {
	if !isCreate(c.instruction) {
		if len(c.data) == 1 && c.data[0] == 2 {
			c.name = "Associated Token RecoverNested"
		}
		return
	}
	// The old form has no data and the new one has a 0: both are covered by the
	// signature, so their names differ here.
	c.name = "Associated Token Create"
	if len(c.data) == 1 {
		c.name = []string{"Associated Token Create (0)", "Associated Token CreateIdempotent"}[c.data[0]]
	}
	program := text(c.key(5))
	if program != Token2022Program {
		program = TokenProgram
	}
	roles := []role{{"payer", signs | writes, ""}, {"account", writes, ""}, {"owner", 0, ""}, {"mint", 0, ""},
		{"system program", 0, SystemProgram}, {"token program", 0, program}, {"rent", 0, RentSysvar}}
	if c.accept(len(c.data), roles[:len(c.accounts)]...) {
		size := uint64(tokenAccountSize)
		if program == Token2022Program {
			size = token2022AccountSize
		}
		c.rent += rentOf(size)
		c.warn("solana.rent", "%s also pays the rent of token account %s unless it exists, at most %d lamports",
			text(c.key(0)), text(c.key(1)), rentOf(size))
	}
}

// budget is what the message asks of the runtime, each at most once.
type budget struct {
	asked [5]bool // by instruction
	limit uint32  // compute units
	price uint64  // micro-lamports per compute unit
}

// computeBudget reads the compute budget program (ComputeBudgetInstruction): one
// byte, then a u32 or, for the price, a u64. The runtime heeds these even with
// trailing bytes or accounts, and they set the fee: what is not exact is refused,
// never opaque.
func (c *call) computeBudget() error {
	names := []string{1: "RequestHeapFrame", "SetComputeUnitLimit", "SetComputeUnitPrice", "SetLoadedAccountsDataSizeLimit"}
	if len(c.data) == 0 || c.data[0] == 0 || int(c.data[0]) >= len(names) {
		return fault.New("solana.compute-budget", "", "instruction %d asks the compute budget program for what cannot be explained", c.n)
	}
	tag := c.data[0]
	size, unit := 5, "bytes"
	if tag == 3 {
		size = 9
	}
	c.name = "Compute Budget " + names[tag]
	if !c.accept(size) {
		return fault.New("solana.compute-budget", "", "instruction %d, %s, is malformed: %s", c.n, c.name, c.why)
	}
	if c.budget.asked[tag] {
		return fault.New("solana.compute-budget", "ask once", "instruction %d, %s, repeats an earlier one", c.n, c.name)
	}
	c.budget.asked[tag] = true
	if tag == 3 {
		c.budget.price = c.u64(1)
		c.note("%d micro-lamports a unit", c.budget.price)
		return nil
	}
	n := binary.LittleEndian.Uint32(c.data[1:])
	if tag == 2 {
		c.budget.limit, unit = n, "units"
	}
	c.note("%d %s", n, unit)
	return nil
}

// memo reads both memo programs: the data is UTF-8 text, every account signs it.
// A long text is shown whole, on several lines.
func (c *call) memo() {
	c.name = programName(c.m.program(c.instruction))
	if !utf8.Valid(c.data) {
		c.why = "no UTF-8"
		return
	}
	roles := make([]role, len(c.accounts))
	for i := range roles {
		roles[i] = role{"signer", signs, ""}
	}
	if !c.accept(len(c.data), roles...) {
		return
	}
	rest := c.data
	for len(rest) > memoLine {
		cut := memoLine
		for !utf8.RuneStart(rest[cut]) {
			cut--
		}
		c.note("text %s and", quote.String(string(rest[:cut])))
		rest = rest[cut:]
	}
	c.note("text %s", quote.String(string(rest)))
}

const (
	lamportsPerSignature = 5000
	unitsPerInstruction  = 200_000 // what an instruction may use when no limit is set
	unitsPerBuiltin      = 3_000   // the same for a compute budget instruction (SIMD-0170)
)

// What an account must hold to be exempt from rent: 6960 lamports for each byte
// and for 128 bytes of overhead, as on every public network since its genesis.
const (
	rentPerByte  = 6_960
	rentOverhead = 128

	nonceAccountSize = 80
	tokenAccountSize = 165
	// The largest associated account that a Token-2022 mint is taken to force. The
	// extensions that mints force today (ImmutableOwner, TransferFeeAmount,
	// NonTransferableAccount, TransferHookAccount, PausableAccount) make 195 bytes:
	// 166, 4 of header for each, and their data, 8 and 1. The rest is room for more.
	token2022AccountSize = 500
)

// rentOf is the rent-exempt balance, in lamports, of an account of some bytes.
func rentOf(size uint64) uint64 { return (rentOverhead + size) * rentPerByte }

// fee is the most that the message can cost: 5000 lamports per signature, those
// inside instructions included, price times limit, rounded up, and the rent of
// each token account that the associated token program may create, which no
// effect tells. The runtime grants some builtin programs fewer units by default
// than is assumed here. The signer who pays a rent need not be the fee payer.
func (in *interpreter) fee() chain.Fee {
	signatures, limit := int64(in.m.required), int64(0)
	for _, x := range in.m.instructions {
		switch in.m.program(x) {
		case BudgetProgram:
			limit += unitsPerBuiltin
			continue
		case secp256k1Verify, ed25519Verify, secp256r1Verify:
			if len(x.data) > 0 {
				signatures += int64(x.data[0])
			}
		}
		limit += unitsPerInstruction
	}
	if in.budget.asked[2] {
		limit = int64(in.budget.limit)
	}
	limit = min(limit, maxUnits)
	amount := new(big.Int).SetUint64(in.budget.price)
	amount.Mul(amount, big.NewInt(limit))
	amount.Add(amount, big.NewInt(999_999)).Div(amount, big.NewInt(1_000_000))
	amount.Add(amount, big.NewInt(signatures*lamportsPerSignature))
	rate := fmt.Sprintf("%d lamports a signature", lamportsPerSignature)
	if in.budget.price > 0 {
		rate += fmt.Sprintf(", %d micro-lamports a compute unit for %d units", in.budget.price, limit)
	}
	if in.rent > 0 {
		amount.Add(amount, new(big.Int).SetUint64(in.rent))
		rate += fmt.Sprintf(", and at most %d lamports of rent for new token accounts", in.rent)
	}
	return chain.Fee{Asset: in.network.Asset, Amount: amount, Payer: text(in.m.keys[0]), Rate: rate, Priority: new(big.Int)}
}
