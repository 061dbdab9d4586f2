package hd

import (
	"strconv"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// ParsePath reads "m/44'/0'/0'/0/7"; "m" is the empty path. Hardened levels end
// in ' or h. Signs, spaces, leading zeros, empty levels and more than 255 of
// them are refused with hd.path. chain.PathString writes the form with '.
func ParsePath(text string) ([]uint32, error) {
	bad := func() ([]uint32, error) {
		return nil, fault.New("hd.path", "write it like m/44'/0'/0'/0/7", "%s is not a derivation path", quote.String(text))
	}
	if len(text) > maxPathText {
		return bad()
	}
	levels := strings.Split(text, "/")
	if levels[0] != "m" || len(levels)-1 > maxDepth {
		return bad()
	}
	path := make([]uint32, 0, len(levels)-1)
	for _, level := range levels[1:] {
		digits := strings.TrimSuffix(level, "'")
		if digits == level {
			digits = strings.TrimSuffix(level, "h")
		}
		i, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || strconv.FormatUint(i, 10) != digits {
			return bad()
		}
		if digits != level {
			i |= uint64(chain.Hardened)
		}
		path = append(path, uint32(i))
	}
	return path, nil
}
