package evm

import (
	"testing"

	codec "coldsign/shared/chain/evm"
)

// TestTokens: the table spells every contract as EIP-55 says, so that a slip in it does
// not go unseen.
func TestTokens(t *testing.T) {
	for name, row := range tokens() {
		address, err := codec.ParseAddress(row.contract)
		if err != nil || codec.Checksum(address) != row.contract || row.digits < 1 || row.digits > 18 {
			t.Errorf("%s: %+v, %v", name, row, err)
		}
	}
}
