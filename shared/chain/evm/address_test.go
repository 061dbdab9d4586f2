package evm

import (
	"bytes"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

// TestEIP55 holds the test cases of the EIP.
func TestEIP55(t *testing.T) {
	for _, s := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		a, err := ParseAddress(s)
		if err != nil || Checksum(a) != s {
			t.Errorf("%s: %s, %v", s, Checksum(a), err)
		}
		for _, plain := range []string{strings.ToLower(s), "0x" + strings.ToUpper(s[2:])} {
			if b, err := ParseAddress(plain); err != nil || b != a {
				t.Errorf("%s: %v", plain, err)
			}
		}
	}
	for s, code := range map[string]string{
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD": "evm.checksum",
		"0x5AAEB6053f3E94C9b9A09f33669435E7Ef1BeAed": "evm.checksum",
		"":   "evm.address",
		"0x": "evm.address",
		"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":             "evm.address",
		"0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":           "evm.address",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe":            "evm.address",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd":          "evm.address",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg":           "evm.address",
		" 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":          "evm.address",
		"XE7338O073KYGTWWZN0F2WZ0R8PX5ZPPZS":                   "evm.address",
		"vitalik.eth":                                          "evm.address",
		"xdc5aaeb6053f3e94c9b9a09f33669435e7ef1beaed":          "evm.address",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea\u202e\u0435": "evm.address",
	} {
		if a, err := ParseAddress(s); !fault.Is(err, code) || a != [20]byte{} {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestWallet(t *testing.T) {
	d := Wallet{}.Derivation()
	if got := chain.PathString(d.Path(false, 5)) + " " + chain.PathString(d.Path(true, 0)); got != "m/44'/60'/0'/0/5 m/44'/1'/0'/0/0" {
		t.Error(got)
	}
	for _, k := range []chain.PublicKey{{}, chaintest.Ed25519Key(secret), chain.XOnly([32]byte{31: 5})} {
		if a := (Wallet{}).Addresses("eip155:1", k, true); a != nil {
			t.Errorf("addresses %v of no key", a)
		}
	}
	digits := "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
	for _, s := range []string{digits, "0x" + digits, strings.ToUpper(digits)} {
		if b, err := (Wallet{}).ParseKey(s, false); err != nil || !bytes.Equal(b, secret) {
			t.Errorf("%s: %v", s, err)
		}
	}
	order := "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for _, s := range []string{
		"", "0x", digits[1:], digits + "0", "0x0x" + digits, "0X" + digits, digits + "\n", strings.Repeat("z", 64),
		strings.Repeat("0", 64), order, "0x" + strings.Repeat("f", 64),
	} {
		_, err := Wallet{}.ParseKey(s, false)
		if !fault.Is(err, "evm.key") || len(s) > 8 && strings.Contains(err.Error(), s[:8]) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := (Wallet{}).ParseKey(order[:63]+"0", false); err != nil {
		t.Errorf("the order less one is a key: %v", err)
	}
}

// A private key given for an address does not come back in the error.
func TestKeyIsNotRepeated(t *testing.T) {
	key := strings.Repeat("46", 32)
	for _, s := range []string{key, "0x" + key} {
		if _, err := ParseAddressOf("ETH", s); !fault.Is(err, "evm.address") || strings.Contains(err.Error(), "4646") {
			t.Errorf("%v", err)
		}
	}
	if _, err := ParseAddressOf("ETH", "0x46"); err == nil || !strings.Contains(err.Error(), "0x46") {
		t.Errorf("%v", err)
	}
}
