package evm

import (
	"encoding/binary"
	"math/big"

	"coldsign/shared/fault"
)

// RLP as in the Yellow Paper, appendix B, in its one canonical form: shortest
// lengths, integers without leading zeros, nothing after the end.

// split takes the first item off b: its content, and what follows it.
func split(b []byte) (list bool, body, rest []byte, err error) {
	if len(b) == 0 {
		return false, nil, nil, malformed("an item is missing")
	}
	t := b[0]
	if t < 0x80 { // the byte is its own encoding
		return false, b[:1], b[1:], nil
	}
	list = t >= 0xc0
	short := t & 0x3f // both kinds lie 64 apart; 0 to 55 is the length itself
	if short <= 55 {
		body, rest, err = cut(b[1:], uint64(short))
	} else {
		body, rest, err = long(b[1:], int(short-55))
	}
	if err == nil && !list && len(body) == 1 && body[0] < 0x80 {
		err = malformed("a single byte is written with a length")
	}
	return list, body, rest, err
}

// long reads a length of n bytes and as many bytes of content.
func long(b []byte, n int) (body, rest []byte, err error) {
	if len(b) < n {
		return nil, nil, malformed("a length is cut short")
	}
	var wide [8]byte
	copy(wide[8-n:], b[:n])
	size := binary.BigEndian.Uint64(wide[:])
	if b[0] == 0 || size <= 55 {
		return nil, nil, malformed("a length is longer than need be")
	}
	return cut(b[n:], size)
}

func cut(b []byte, n uint64) (body, rest []byte, err error) {
	if uint64(len(b)) < n {
		return nil, nil, malformed("an item is cut short")
	}
	return b[:n:n], b[n:], nil
}

// retiredItems is how many items the legacy transaction had that Celo's network no
// longer takes: three more than Ethereum's.
const retiredItems = 12

// itemsOf counts the items of the list that b is; 0 when it is none.
func itemsOf(b []byte) (n int) {
	list, rest, after, err := split(b)
	for err == nil && list && len(after) == 0 && len(rest) > 0 {
		_, _, rest, err = split(rest)
		n++
	}
	if err != nil {
		return 0
	}
	return n
}

func malformed(what string) error {
	return fault.New("evm.rlp", "", "not a canonical RLP transaction: %s", what)
}

// reader takes the items of one list in turn. A list inside shares the error,
// after which every reader gives zero values.
type reader struct {
	rest []byte
	err  *error
}

// more reports whether items are left and none was bad.
func (r *reader) more() bool { return *r.err == nil && len(r.rest) > 0 }

// fail keeps the first error.
func (r *reader) fail(err error) {
	if *r.err == nil {
		*r.err = err
	}
}

func (r *reader) item(list bool) []byte {
	if *r.err != nil {
		return nil
	}
	isList, body, rest, err := split(r.rest)
	if err == nil && isList != list {
		err = malformed("a list stands where bytes belong, or the reverse")
	}
	if err != nil {
		r.fail(err)
		return nil
	}
	r.rest = rest
	return body
}

func (r *reader) bytes() []byte { return r.item(false) }

func (r *reader) list() *reader { return &reader{r.item(true), r.err} }

// fixed fills dst, whole.
func (r *reader) fixed(dst []byte) {
	b := r.bytes()
	if len(b) != len(dst) {
		r.fail(malformed("an address or storage key has a wrong length"))
	}
	copy(dst, b)
}

// uint reads an integer of at most the given bits.
func (r *reader) uint(bits int) *big.Int {
	b := r.bytes()
	if len(b) > 0 && b[0] == 0 {
		r.fail(malformed("an integer has a leading zero"))
	} else if len(b) > bits/8 {
		r.fail(fault.New("evm.range", "", "an integer of the transaction has more than %d bits", bits))
		return new(big.Int)
	}
	return new(big.Int).SetBytes(b)
}

func (r *reader) uint64() uint64 { return r.uint(64).Uint64() }

// end refuses what follows the last item.
func (r *reader) end() {
	if r.more() {
		r.fail(malformed("bytes follow the last item"))
	}
}

// appendHead writes the prefix of n bytes of content; base is 0x80 or 0xc0.
func appendHead(dst []byte, base byte, n int) []byte {
	if n <= 55 {
		return append(dst, base+byte(n))
	}
	size := new(big.Int).SetUint64(uint64(n)).Bytes()
	return append(append(dst, base+55+byte(len(size))), size...)
}

func appendBytes(dst, b []byte) []byte {
	if len(b) == 1 && b[0] < 0x80 {
		return append(dst, b[0])
	}
	return append(appendHead(dst, 0x80, len(b)), b...)
}

func appendBig(dst []byte, n *big.Int) []byte {
	if n == nil {
		return append(dst, 0x80)
	}
	return appendBytes(dst, n.Bytes())
}

func appendUint(dst []byte, n uint64) []byte { return appendBig(dst, new(big.Int).SetUint64(n)) }

func appendList(dst, body []byte) []byte {
	return append(appendHead(dst, 0xc0, len(body)), body...)
}
