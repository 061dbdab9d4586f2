package solana

import (
	"math/big"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// token reads the SPL Token program and Token-2022 (TokenInstruction): one byte
// that names the instruction, then its fields. Accounts after the documented
// ones are the signers of a multisig authority or belong to a transfer hook, so
// that any count but the exact one is opaque.
func (c *call) token() error {
	if len(c.data) == 0 {
		return nil
	}
	c.name += " "
	account := role{"account", writes, ""}
	source, destination := role{"source", writes, ""}, role{"destination", writes, ""}
	mint, authority, rent := role{"mint", 0, ""}, role{"authority", signs, ""}, role{"rent", 0, RentSysvar}
	switch tag := c.data[0]; tag {
	case 1:
		c.name += "InitializeAccount"
		if c.accept(1, account, mint, role{"owner", 0, ""}, rent) {
			c.initializes(c.key(0), text(c.key(2)))
		}
	case 3:
		c.name += "Transfer"
		if c.accept(9, source, destination, authority) {
			c.unchecked()
		}
	case 12:
		c.name += "TransferChecked"
		if c.accept(10, source, mint, destination, authority) {
			if text(c.key(1)) == NativeMint && c.data[9] != nativeDecimals {
				return fault.New("solana.decimals", "", "instruction %d says that wrapped SOL has %d decimals, it has %d",
					c.n, c.data[9], nativeDecimals)
			}
			c.note("decimals %d", c.data[9])
			c.tokens(c.asset(c.key(1), int(c.data[9])), c.key(0), c.key(2))
		}
	case 16:
		c.name += "InitializeAccount2"
		if c.accept(33, account, mint, rent) {
			c.initialized()
		}
	case 17:
		c.name += "SyncNative"
		c.accept(1, account)
	case 18:
		c.name += "InitializeAccount3"
		if c.accept(33, account, mint) {
			c.initialized()
		}
	default:
		c.tokenOpaque(tag)
	}
	return nil
}

// tokenOpaque names what moves control, or value in a way not told here.
func (c *call) tokenOpaque(tag byte) {
	names := []struct {
		tag        byte
		name, code string
	}{
		{0, "InitializeMint", ""}, {2, "InitializeMultisig", ""},
		{4, "Approve, lets another spend the tokens", "solana.approve"},
		{5, "Revoke", "solana.revoke"},
		{6, "SetAuthority, gives an account or a mint away", "solana.set-authority"},
		{7, "MintTo", "solana.mint-to"},
		{8, "Burn", "solana.burn"},
		{9, "CloseAccount, gives away all its lamports", "solana.close-account"},
		{10, "FreezeAccount", ""}, {11, "ThawAccount", ""},
		{13, "ApproveChecked, lets another spend the tokens", "solana.approve"},
		{14, "MintToChecked", "solana.mint-to"},
		{15, "BurnChecked", "solana.burn"},
		{19, "InitializeMultisig2", ""}, {20, "InitializeMint2", ""},
		{26, "transfer fee extension", "solana.transfer-fee"},
	}
	for _, n := range names {
		if n.tag == tag && (tag < 26 || programName(c.m.program(c.instruction)) == "Token-2022") {
			c.name += n.name
			if n.code != "" {
				c.code = n.code
			}
			if len(c.data) > 1 && tag == 26 && c.data[1] == 1 {
				c.name += ", TransferCheckedWithFee"
			}
			return
		}
	}
	c.name += "unknown instruction"
}

// initialized tells the owner that InitializeAccount2 and 3 carry in their data.
func (c *call) initialized() {
	c.note("owner %s", c.address(1))
	c.initializes(c.key(0), c.address(1))
}

const nativeDecimals = 9

// asset is a token by its mint. Decimals are what the message itself asserts:
// the transfer fails where the mint has others. Those of wrapped SOL are known,
// and so is its name.
func (c *call) asset(mint address, decimals int) chain.Asset {
	a := chain.Asset{ID: tokenID(c.network.ID, text(mint)), Decimals: decimals}
	if text(mint) == NativeMint {
		a.Symbol, a.Decimals = "wSOL", nativeDecimals
	}
	return a
}

// unchecked tells a Transfer, which names no mint. Both of its accounts are of
// one mint, so that either of them proves it, if proven itself. If neither is,
// it may be any token, and is opaque.
func (c *call) unchecked() {
	proven := false
	asset := chain.Asset{ID: string(c.network.ID) + "/token-account:" + text(c.key(0)), Decimals: -1}
	for _, k := range []address{c.key(1), c.key(0)} {
		if f, ok := c.proven[k]; ok && text(f.Program) == c.m.program(c.instruction) {
			asset, proven = c.asset(f.Mint, -1), true
			break
		}
	}
	if !proven {
		c.deny("solana.unchecked-transfer", "it names no mint and nothing proves which token it moves")
	}
	c.tokens(asset, c.key(0), c.key(1))
}

// tokens tells a movement of tokens between two token accounts.
func (c *call) tokens(asset chain.Asset, from, to address) {
	e := chain.Effect{Kind: chain.Transfer, Asset: asset, Amount: new(big.Int).SetUint64(c.u64(1)),
		From: text(from), To: text(to), Note: "token account, owner not proven"}
	program := c.m.program(c.instruction)
	if f, ok := c.proven[to]; ok && text(f.Program) == program && c.asset(f.Mint, 0).ID == asset.ID {
		e.Owner, e.Note = text(f.Owner), "associated token account of its owner"
	} else {
		c.warn("solana.owner", "who owns token account %s is not proven", e.To)
	}
	if program == Token2022Program {
		c.warn("solana.token-2022", "the mint's extensions may take a fee from a transfer, or let others move or freeze the tokens")
	}
	c.effects = append(c.effects, e)
}
