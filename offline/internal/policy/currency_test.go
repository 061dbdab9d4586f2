package policy

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

// A fee that a token pays (CIP-64) takes of a rule for that token, or is refused: caps
// in coins say nothing of it. One gwei of a token with six decimals is 1,000 of it.
func TestATT78FeeInToken(t *testing.T) {
	const celo = chain.ID("eip155:42220")
	w := World{Chains: registry.New().All()}
	rule := func(name, asset, most string) string {
		return fmt.Sprintf("[[rule]]\nname = %q\nwallets = [\"any\"]\nasset = %q\nto = [\"any\"]\ntransaction = %q\n", name, asset, most)
	}
	head := "version = 1\nname = \"p\"\npreset = \"compat\"\n" + rule("coins", "CELO mainnet", "10 CELO")
	token := string(celo) + "/erc20:0x0000000000000000000000000000000000000000"
	fields := evm.Fields{Type: evm.FeeCurrency, ChainID: 42220, GasLimit: 100_000, MaxFee: big.NewInt(5_000_000), MaxPriority: big.NewInt(1),
		To: &[20]byte{1}, Value: big.NewInt(9e18)}
	for i := range fields.Currency {
		fields.Currency[i] = 0x11
	}
	token = token[:len(token)-40] + fmt.Sprintf("%x", fields.Currency)
	key, err := chain.NewPublicKey(chain.Secp256k1, secp256k1.PrivKeyFromBytes(bytes.Repeat([]byte{1}, 32)).PubKey().SerializeCompressed())
	if err != nil {
		t.Fatal(err)
	}
	ch, n, ok := registry.New().ByNetwork(celo)
	if !ok {
		t.Fatal("no Celo")
	}
	judge := func(text string, f evm.Fields) Verdict {
		t.Helper()
		p, err := Parse([]byte(text), w)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := ch.Codec.Decode(chain.Unsigned{Network: celo, Signers: []chain.PublicKey{key}, Payload: f.Encode()})
		if err != nil {
			t.Fatal(err)
		}
		return p.Court(nil, nil, Clock{}).Judge(Case{Review: tx.Review(), Network: n, Wallets: []string{signers["hot1"]}})
	}
	fee := "500000000000 base units"
	tx, err := ch.Codec.Decode(chain.Unsigned{Network: celo, Signers: []chain.PublicKey{key}, Payload: fields.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	for preset, code := range map[string]string{"strict": "policy.opaque", "compat": "policy.fee-asset"} {
		p, err := Preset(preset)
		if err != nil {
			t.Fatal(err)
		}
		if v := p.Judge(tx.Review(), n, func(int) bool { return false }); v.Allow || v.Code != code {
			t.Errorf("%s: %+v", preset, v)
		}
	}
	if v := judge(head, fields); v.Allow || v.Code != "policy.no-rule" {
		t.Errorf("a fee of half a million of a token that no rule lets leave: %+v", v)
	}
	if v := judge(head+rule("tokens", token, "499999999999 base units"), fields); v.Allow || v.Code != "policy.transaction" {
		t.Errorf("a fee above what the rule lets leave: %+v", v)
	}
	v := judge(head+rule("tokens", token, fee), fields)
	if !v.Allow || len(v.Spends) != 2 || v.Spends[1].Asset != token || v.Spends[1].Amount.Cmp(big.NewInt(5e11)) != 0 {
		t.Errorf("a fee that a rule lets leave: %+v", v)
	}
	coin := fields
	coin.Type, coin.Currency = evm.Dynamic, [20]byte{}
	if v := judge(head, coin); !v.Allow || len(v.Spends) != 1 {
		t.Errorf("the same with its fee in coins: %+v", v)
	}
}
