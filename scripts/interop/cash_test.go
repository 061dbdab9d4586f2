package interop

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	shared "coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
)

// TestCashIsTaken: libauth's VM of Bitcoin Cash takes what we seal, with two inputs of
// one key, too, and refuses it with a bit or an amount changed; and it reads our
// addresses.
func TestCashIsTaken(t *testing.T) {
	o := start(t)
	var bch shared.Chain
	for _, c := range bitcoin.Chains() {
		if c.Name == "BCH" {
			bch = c
		}
	}
	secrets := map[shared.PublicKey][]byte{}
	key := func(n int) shared.PublicKey {
		secret := bytes.Repeat([]byte{byte(n + 1)}, 32)
		k := chaintest.Secp256k1Key(secret)
		secrets[k] = secret
		return k
	}
	for _, n := range bch.Networks {
		script := func(k shared.PublicKey) []byte {
			t.Helper()
			address := bch.Wallet.Addresses(n.ID, k, true)[0]
			script, err := bitcoin.ScriptFor(n.ID, address)
			if err != nil {
				t.Fatal(err)
			}
			var pays []string
			if err := o.Ask(Question{"do": "pays", "address": address}, &pays); err != nil || len(pays) != 2 || pays[1] != hex.EncodeToString(script) {
				t.Errorf("%s pays %v, not %x: %v", address, pays, script, err)
			}
			return script
		}
		for name, keys := range map[string][]int{"one input": {1}, "two keys": {1, 2}, "one key twice": {1, 1}, "many": {1, 2, 3, 1, 4, 5, 1, 6, 7, 8}} {
			var in []bitcoin.Input
			var spent [][2]string
			signers := map[shared.PublicKey]bool{}
			for i, k := range keys {
				out := bitcoin.Output{Amount: uint64(100_000 + i), Script: script(key(k))}
				in = append(in, bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash{byte(i), 7}, Index: uint32(i)}, Sequence: 0xffffffff, Claimed: &out, HashType: bitcoin.ForkID})
				spent = append(spent, [2]string{fmt.Sprint(out.Amount), hex.EncodeToString(out.Script)})
				signers[key(k)] = true
			}
			payload, err := bitcoin.BuildPSBT(2, 0, in, []bitcoin.Output{{Amount: 60_000, Script: script(key(20))}, {Amount: 1_000, Script: script(key(1))}})
			if err != nil {
				t.Fatal(err)
			}
			u := shared.Unsigned{Network: n.ID, Payload: payload}
			for k := range signers {
				u.Signers = append(u.Signers, k)
			}
			tx, err := bch.Codec.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			var sigs []shared.Signature
			for _, r := range tx.ToSign() {
				sigs = append(sigs, chaintest.Signer(secrets)(r))
			}
			sealed, err := tx.Seal(sigs)
			if err != nil {
				t.Fatal(err)
			}
			var taken bool
			if err := o.Ask(Question{"do": "spend", "tx": hex.EncodeToString(sealed.Raw), "outputs": spent}, &taken); err != nil || !taken {
				t.Errorf("%s, %s: %v", n.Name, name, err)
			}
			var refusal Refusal
			wrong := bytes.Clone(sealed.Raw)
			wrong[4+1+36+1+1+40] ^= 1 // in the first signature's s
			if err := o.Ask(Question{"do": "spend", "tx": hex.EncodeToString(wrong), "outputs": spent}, &taken); !errors.As(err, &refusal) {
				t.Errorf("%s, %s: a wrong signature: %v", n.Name, name, err)
			}
			spent[len(spent)-1][0] = "99999"
			if err := o.Ask(Question{"do": "spend", "tx": hex.EncodeToString(sealed.Raw), "outputs": spent}, &taken); !errors.As(err, &refusal) {
				t.Errorf("%s, %s: another amount: %v", n.Name, name, err)
			}
		}
	}
}
