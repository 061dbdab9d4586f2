package replace

import (
	"encoding/binary"

	sol "github.com/gagliardetto/solana-go"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// solana makes a transaction that advances the durable nonce and does nothing
// else. The payment with the old value can then never land.
func (s *set) solana(r *bundle.Request, fill bool) error {
	var m sol.Message
	if err := m.UnmarshalBase64(base64Of(r.Payload)); err != nil {
		return fault.New("replace.form", "", "the stored message cannot be read: %w", err)
	}
	keys := m.AccountKeys
	if len(m.Instructions) == 0 || !durable(m) {
		return fault.New("replace.expires", "wait until it has expired, then submit it anew; a durable nonce can be cancelled",
			"transaction %s ends by itself: its blockhash is good for a minute or two", s.of.row.ID)
	}
	if !s.option.Cancel || fill {
		return fault.New("replace.chain", "cancel it, and submit a payment with the new nonce", "a payment with a durable nonce is not replaced")
	}
	first := m.Instructions[0].Accounts
	for _, i := range []uint16{first[0], first[2]} {
		if int(i) >= len(keys) {
			return fault.New("replace.form", "", "the nonce account of the message is in a lookup table")
		}
	}
	account, authority := [32]byte(keys[first[0]]), [32]byte(keys[first[2]])
	payer := [32]byte(keys[0])
	var err error
	if r.Payload, err = solana.Compile(payer, [32]byte(m.RecentBlockhash), solana.AdvanceNonce(account, authority)); err != nil {
		return err
	}
	r.Evidence = nil
	var wanted []chain.PublicKey
	for _, b := range [][32]byte{payer, authority} {
		key, err := chain.NewPublicKey(chain.Ed25519, b[:])
		if err != nil {
			return err
		}
		if len(wanted) == 0 || wanted[0] != key {
			wanted = append(wanted, key)
		}
	}
	if r.Keys = signers(r.Keys, wanted...); len(r.Keys) != len(wanted) {
		return fault.New("replace.signers", "advance the nonce with the wallet of its authority", "transaction %s was not signed here for payer and nonce authority alike", s.of.row.ID)
	}
	return nil
}

// durable reports whether a message begins with AdvanceNonceAccount (4).
func durable(m sol.Message) bool {
	first := m.Instructions[0]
	return int(first.ProgramIDIndex) < len(m.AccountKeys) && m.AccountKeys[first.ProgramIDIndex] == sol.SystemProgramID &&
		len(first.Data) >= 4 && binary.LittleEndian.Uint32(first.Data) == 4 && len(first.Accounts) >= 3
}
