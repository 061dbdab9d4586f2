package strictjson

import (
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Fields are the members of an object by name. A member that is null is left
// out, so that null and absence are one.
type Fields map[string]Value

// Object splits an object into the members that may be there and the names of
// those that may not. Names match to the letter, in their own case.
func (v Value) Object(known ...string) (fields Fields, unknown []string) {
	fields = Fields{}
	for i, name := range v.Names {
		switch {
		case !slices.Contains(known, name):
			unknown = append(unknown, name)
		case v.Items[i].Kind != Null:
			fields[name] = v.Items[i]
		}
	}
	return fields, unknown
}

// MaxSafe is the largest integer that every JSON reader keeps exactly (RFC 7493
// section 2.2): another reader of a larger one may see another number.
const MaxSafe = 1<<53 - 1

// Uint reads a JSON number that is an integer from 0 to max, written without
// fraction or exponent. It refuses numbers above MaxSafe.
func (v Value) Uint(max uint64) (uint64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	n, err := strconv.ParseUint(v.Text, 10, 64)
	return n, err == nil && n <= min(max, MaxSafe)
}

// Big reads a non-negative integer of at most 256 bits: a JSON number as Uint
// reads it, or a string of decimal digits or of 0x and hex digits.
func (v Value) Big() (*big.Int, bool) {
	if v.Kind == Number {
		n, ok := v.Uint(MaxSafe)
		return new(big.Int).SetUint64(n), ok
	}
	digits, base := v.Text, 10
	if len(digits) > 2 && digits[:2] == "0x" {
		digits, base = digits[2:], 16
	}
	if v.Kind != String || digits == "" || len(digits) > maxNumber {
		return nil, false
	}
	for _, c := range []byte(digits) {
		hex := base == 16 && (c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
		if (c < '0' || c > '9') && !hex {
			return nil, false
		}
	}
	n, ok := new(big.Int).SetString(digits, base)
	return n, ok && n.BitLen() <= 256
}

// Append writes the value as compact JSON, in the document's order.
func (v Value) Append(b []byte) []byte {
	switch v.Kind {
	case Absent:
		return append(b, "null"...)
	case Array, Object:
		open := "[]"
		if v.Kind == Object {
			open = "{}"
		}
		b = append(b, open[0])
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			if v.Kind == Object {
				b = append(Quote(b, v.Names[i]), ':')
			}
			b = item.Append(b)
		}
		return append(b, open[1])
	case String:
		return Quote(b, v.Text)
	}
	return append(b, v.Text...)
}

// Quote writes a JSON string in ASCII: what is not printable ASCII becomes
// \uXXXX.
func Quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	unit := func(r rune) {
		b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20 && r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff && r <= utf8.MaxRune:
			r -= 0x10000
			unit(0xd800 + r>>10)
			unit(0xdc00 + r&0x3ff)
		default:
			unit(r)
		}
	}
	return append(b, '"')
}
