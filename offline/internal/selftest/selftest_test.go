package selftest

import (
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

func TestAll(t *testing.T) {
	checks := All(registry.New())
	if want := 5 + len(registry.New().All()); len(checks) != want || want < 8 {
		t.Fatalf("%d checks, want %d", len(checks), want)
	}
	for _, c := range checks {
		if err := c.Do(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// Each kind of check must be able to fail.
func TestChecksCanFail(t *testing.T) {
	one := "0000000000000000000000000000000000000000000000000000000000000001"
	for name, err := range map[string]error{
		"signature": signs(chain.Secp256k1, chain.ECDSA, one, one, one+one),
		"codec":     refusesGarbage(chain.Chain{Codec: gullible{}, Networks: []chain.Network{{ID: "eip155:1"}}}),
	} {
		if !fault.Is(err, "selftest.failed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if signs(chain.Secp256k1, chain.EdDSA, one, one, one+one) == nil || signs(0, chain.ECDSA, one, one, one+one) == nil {
		t.Error("a scheme of another curve signs")
	}
}

type gullible struct{}

func (gullible) Networks() []chain.ID                    { return nil }
func (gullible) Decode(chain.Unsigned) (chain.Tx, error) { return nil, nil }
