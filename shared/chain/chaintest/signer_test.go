package chaintest

import (
	"encoding/hex"
	"testing"
)

// TestTweak: private keys from BIP-341's wallet test vectors, keyPathSpending.
func TestTweak(t *testing.T) {
	for _, v := range []struct{ internal, root, tweaked string }{
		{"6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa", "",
			"2405b971772ad26915c8dcdf10f238753a9b837e5f8e6a86fd7c0cce5b7296d9"},
		{"1e4da49f6aaf4e5cd175fe08a32bb5cb4863d963921255f33d3bc31e1343907f",
			"5b75adecf53548f3ec6ad7d78383bf84cc57b55a3127c72b9a2481752dd88b21",
			"ea260c3b10e60f6de018455cd0278f2f5b7e454be1999572789e6a9565d26080"},
	} {
		secret, root := must(hex.DecodeString(v.internal)), must(hex.DecodeString(v.root))
		if got := hex.EncodeToString(tweaked(secret, root).Serialize()); got != v.tweaked {
			t.Errorf("tweaked key %s, want %s", got, v.tweaked)
		}
	}
}
