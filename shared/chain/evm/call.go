package evm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"coldsign/shared/quote"
)

// method is a call that has emptied accounts: it is opaque under its own code,
// and its arguments are told in words when they parse exactly.
type method struct {
	selector  [4]byte // start of keccak(signature)
	code      string
	signature string   // Solidity's canonical form
	args      []string // one name for each word or bytes, tuples flattened; nil: not told
}

// describe names what data asks of a contract: the opaque code and the words.
func describe(data []byte) (code, what string) {
	if len(data) < 4 {
		return "evm.data", fmt.Sprintf("%d bytes of data that are no call", len(data)) + asText(data)
	}
	m, known := find([4]byte(data))
	switch {
	case known:
		words, ok := m.words(data[4:])
		if !ok {
			words = "arguments not in the exact form, see the bytes"
		}
		code, what = m.code, m.signature+": "+words
		if m.code == "evm.safe-exec" || m.code == "evm.safe-module" {
			return safe(code, data[4:], what)
		}
		return code, what
	case len(data)%32 != 4:
		return "evm.data", fmt.Sprintf("%d bytes of data; a contract could take them for a call of method 0x%x", len(data), data[:4]) + asText(data)
	}
	return "evm.call", fmt.Sprintf("call of unknown method 0x%x", data[:4])
}

func asText(data []byte) string {
	if s := string(data); quote.Plain(s) {
		return ", as text " + quote.String(s)
	}
	return ""
}

// safe names what a Safe does beyond a plain call, asked by its owners or by a module.
// It looks at the words where they stand, whether or not the rest parses: a Safe is
// laxer about the arguments than we are.
func safe(code string, args []byte, what string) (string, string) {
	word := func(i int) []byte {
		if len(args) < 32*(i+1) {
			return nil
		}
		return bytes.TrimLeft(args[32*i:32*(i+1)], "\x00")
	}
	refund := code == "evm.safe-exec" && len(word(6))+len(word(7))+len(word(8)) > 0
	if len(word(3)) > 0 {
		code, what = "evm.delegatecall", "DELEGATECALL, foreign code runs as the Safe itself: "+what
	}
	if refund {
		what = "REFUND of gas set, paid out of the Safe: " + what
	}
	return code, what
}

// words tells the arguments; ok is false unless they are exactly the ABI's
// canonical encoding, or the method's arguments are not told at all.
func (m method) words(args []byte) (text string, ok bool) {
	if m.args == nil {
		return "arguments not told, see the bytes", true
	}
	types := m.types()
	head := 32 * len(types)
	if len(args) < head {
		return "", false
	}
	tail, out := uint64(head), make([]string, len(types))
	for i, typ := range types {
		word := args[32*i : 32*i+32]
		value, ok := "", false
		if typ == "bytes" {
			value, tail, ok = dynamic(args, word, tail)
		} else {
			value, ok = static(typ, word)
		}
		if !ok {
			return "", false
		}
		out[i] = m.args[i] + " " + value
	}
	return strings.Join(out, ", "), tail == uint64(len(args))
}

// types lists the argument types. Tuples are flattened, which is how static
// ones lie in the data; a method with arrays has nil args and never gets here.
func (m method) types() []string {
	_, list, _ := strings.Cut(m.signature, "(")
	list = strings.NewReplacer("(", "", ")", "").Replace(list)
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// static tells one 32-byte word; ok is false when it holds more than its type.
func static(typ string, word []byte) (value string, ok bool) {
	n := new(big.Int).SetBytes(word)
	bits := 256
	switch {
	case typ == "bytes32":
		return "0x" + hex.EncodeToString(word), true
	case typ == "address":
		return Checksum([20]byte(word[12:])), n.BitLen() <= 160
	case typ == "bool":
		return fmt.Sprint(n.Sign() > 0), n.BitLen() <= 1
	}
	if _, err := fmt.Sscanf(typ, "uint%d", &bits); err != nil || n.BitLen() > bits {
		return "", false
	}
	if all := new(big.Int).Add(n, big.NewInt(1)); bits > 8 && all.BitLen() == bits+1 {
		return fmt.Sprintf("unlimited (2^%d-1)", bits), true
	}
	return n.String(), true
}

// dynamic tells a bytes argument: its word must point at tail, where length,
// content and zero padding stand; next is where they end.
func dynamic(args, word []byte, tail uint64) (value string, next uint64, ok bool) {
	small := func(w []byte) (uint64, bool) {
		return binary.BigEndian.Uint64(w[24:]), [24]byte(w) == [24]byte{}
	}
	at, ok := small(word)
	if !ok || at != tail || uint64(len(args)) < tail+32 {
		return "", tail, false
	}
	size, ok := small(args[tail : tail+32])
	body := args[tail+32:]
	if !ok || size > uint64(len(body)) {
		return "", tail, false
	}
	padded := (size + 31) / 32 * 32
	if padded > uint64(len(body)) || len(bytes.TrimLeft(body[size:padded], "\x00")) > 0 {
		return "", tail, false
	}
	value = fmt.Sprintf("%d bytes", size)
	if size >= 4 {
		value += fmt.Sprintf(" starting 0x%x", body[:4])
	}
	return value, tail + 32 + padded, true
}
