package native

import (
	"strconv"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// ranges writes ascending numbers as "0-3,7".
func ranges(numbers []uint32) string {
	var b []byte
	for i := 0; i < len(numbers); {
		first := i
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; i++ {
		}
		if first > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(numbers[first]), 10)
		if i-first > 1 {
			b = strconv.AppendUint(append(b, '-'), uint64(numbers[i-1]), 10)
		}
	}
	return string(b)
}

// parseRanges reads what ranges writes. The numbers must ascend, so that no
// list is longer than k, the number above the highest.
func parseRanges(list string, k int) (numbers []uint32, err error) {
	bad := func(part string) error {
		return fault.New("frame.list", `write it like "0-3,7"`, "%s is no list of pieces from 0 to %d, each named once, in their order", quote.String(part), k-1)
	}
	if len(list) > maxList {
		return nil, bad(list)
	}
	next := uint64(0)
	for part := range strings.SplitSeq(list, ",") {
		from, to, many := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.ParseUint(from, 10, 32)
		last := first
		if err == nil && many {
			last, err = strconv.ParseUint(to, 10, 32)
		}
		if err != nil || first < next || last < first || last >= uint64(k) {
			return nil, bad(part)
		}
		for next = first; next <= last; next++ {
			numbers = append(numbers, uint32(next))
		}
	}
	return numbers, nil
}
