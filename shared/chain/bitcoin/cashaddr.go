package bitcoin

import (
	"slices"
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"

	"coldsign/shared/fault"
)

// Version bytes of CashAddr that we pay to: its type of address, and the size of the
// hash. Those for holders of tokens are left out: they are second spellings.
const (
	cashP2PKH  = 0x00
	cashP2SH   = 0x08
	cashP2SH32 = 0x0b
)

// cashLetters are the digits of base 32, those of BIP-173.
const cashLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// cashScript gives the script of a CashAddr address, with its prefix or without. A
// base58 address is refused: it is spelt as Bitcoin's own, so that nobody can tell
// for which of the two coins it was given.
func (n network) cashScript(address string, bad, foreign error) ([]byte, error) {
	if _, version, err := base58.CheckDecode(address); err == nil && (version == n.p2pkh || version == n.p2sh) {
		return nil, fault.New("bitcoin.address", "give it as CashAddr, "+n.hrp+":...", "the address %.100q is spelt as one of Bitcoin, and may be one: coins sent there are lost", address)
	}
	for _, m := range networksOf(n.coin.name) {
		version, hash, ok := cashDecode(m.hrp, address)
		switch {
		case !ok:
			continue
		case m.id != n.id:
			return nil, foreign
		case version == cashP2PKH && len(hash) == 20:
			return p2pkhScript(hash), nil
		case version == cashP2SH && len(hash) == 20:
			return p2shScript(hash), nil
		case version == cashP2SH32 && len(hash) == 32:
			return p2sh32Script(hash), nil
		}
	}
	return nil, bad
}

func (n network) cashAddress(script []byte) (string, bool) {
	if hash, ok := p2pkhHash(script); ok {
		return cashEncode(n.hrp, cashP2PKH, hash), true
	}
	if hash, ok := p2shHash(script); ok {
		return cashEncode(n.hrp, cashP2SH, hash), true
	}
	if len(script) == 35 && slices.Equal(script, p2sh32Script(script[2:34])) {
		return cashEncode(n.hrp, cashP2SH32, script[2:34]), true
	}
	return "", false
}

// cashEncode writes an address of CashAddr, prefix included.
func cashEncode(prefix string, version byte, hash []byte) string {
	data, err := bech32.ConvertBits(append([]byte{version}, hash...), 8, 5, true)
	if err != nil {
		return ""
	}
	sum := cashSum(prefix, data)
	for i := range 8 {
		data = append(data, byte(sum>>(5*(7-i)))&31)
	}
	for i, digit := range data {
		data[i] = cashLetters[digit]
	}
	return prefix + ":" + string(data)
}

// cashDecode reads what cashEncode writes, also in upper case and without the prefix.
// It writes it again to compare, checksum and all, so that there is no other spelling.
func cashDecode(prefix, text string) (version byte, hash []byte, ok bool) {
	body := strings.TrimPrefix(strings.ToLower(text), prefix+":")
	digits := make([]byte, 0, len(body))
	for _, letter := range body {
		digit := strings.IndexRune(cashLetters, letter)
		if digit < 0 {
			return 0, nil, false
		}
		digits = append(digits, byte(digit))
	}
	if len(digits) < 8+2 {
		return 0, nil, false
	}
	data, err := bech32.ConvertBits(digits[:len(digits)-8], 5, 8, false)
	if err != nil || len(data) == 0 {
		return 0, nil, false
	}
	whole := cashEncode(prefix, data[0], data[1:])
	bare := whole[len(prefix)+1:]
	return data[0], data[1:], slices.Contains([]string{whole, bare, strings.ToUpper(whole), strings.ToUpper(bare)}, text)
}

// cashSum is the checksum of CashAddr: 40 bits over the prefix and the data, each in
// digits of 5 bits.
func cashSum(prefix string, data []byte) uint64 {
	digits := []byte(prefix)
	for i := range digits {
		digits[i] &= 31
	}
	digits = slices.Concat(digits, []byte{0}, data, make([]byte, 8))
	sum := uint64(1)
	for _, digit := range digits {
		top := sum >> 35
		sum = sum&(1<<35-1)<<5 ^ uint64(digit)
		for i, generator := range [5]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470} {
			if top>>i&1 == 1 {
				sum ^= generator
			}
		}
	}
	return sum ^ 1
}
