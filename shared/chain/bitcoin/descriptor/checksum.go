package descriptor

import (
	"encoding/hex"
	"strconv"
	"strings"

	"coldsign/shared/chain"
)

// The characters of a descriptor in their three groups of 32, and those of a checksum
// (BIP-380).
const (
	charset = "0123456789()[],'/*abcdefgh@:$%{}" +
		"IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" +
		"ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
	sumset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// Checksum gives the eight characters that follow an expression after # (BIP-380).
func Checksum(body string) (string, error) {
	sum, group, held := uint64(1), 0, 0
	for i := range len(body) {
		at := strings.IndexByte(charset, body[i])
		if at < 0 {
			return "", malformed("it has a character that no descriptor has")
		}
		sum = polymod(sum, uint64(at&31))
		group = group*3 + at>>5
		if held++; held == 3 {
			sum, group, held = polymod(sum, uint64(group)), 0, 0
		}
	}
	if held > 0 {
		sum = polymod(sum, uint64(group))
	}
	for range 8 {
		sum = polymod(sum, 0)
	}
	sum ^= 1
	var b [8]byte
	for i := range b {
		b[i] = sumset[sum>>(5*(7-i))&31]
	}
	return string(b[:]), nil
}

func polymod(sum, value uint64) uint64 {
	top := sum >> 35
	sum = sum&(1<<35-1)<<5 ^ value
	for i, g := range [5]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd} {
		if top>>i&1 != 0 {
			sum ^= g
		}
	}
	return sum
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// OriginString writes where a key derives from: "d34db33f/48h/0h/0h/2h".
func OriginString(fp [4]byte, path []uint32) string {
	return hex.EncodeToString(fp[:]) + strings.ReplaceAll(strings.TrimPrefix(chain.PathString(path), "m"), "'", "h")
}
