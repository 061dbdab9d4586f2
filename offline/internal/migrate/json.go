package migrate

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a JSON value is.
type kind byte

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

// value is a JSON value. Its text lies in the bytes that were parsed, so that a
// secret in it is nowhere else; whoever clears those has cleared it.
type value struct {
	kind    kind
	text    []byte // of a number as written, of a text unescaped; "true" or "false"
	names   [][]byte
	members []value // of an array or object
}

// member finds a member of an object by its name, exactly; null when there is none.
func (v *value) member(name string) *value {
	for i, n := range v.names {
		if string(n) == name {
			return &v.members[i]
		}
	}
	return &value{}
}

// number gives a whole number of 0 to limit.
func (v *value) number(limit uint64) (uint64, bool) {
	n, err := strconv.ParseUint(string(v.text), 10, 64)
	return n, v.kind == number && err == nil && n <= limit
}

// parser reads JSON (RFC 8259) strictly and in place: names are unique, text is
// UTF-8 without half surrogates. What it does not take it does not explain: the text
// is, or may be, a secret.
type parser struct {
	b  []byte // what is still to be read
	ok bool   // nothing was wrong so far
}

// parse reads one value and nothing behind it. The outermost object or array has at
// most limit members. It changes b.
func parse(b []byte, limit int) (*value, bool) {
	p := parser{b: b, ok: true}
	v := p.value(0, limit)
	p.space()
	return &v, p.ok && len(p.b) == 0
}

func (p *parser) space() { p.b = bytes.TrimLeft(p.b, " \t\r\n") }

// next takes c, with white space before it.
func (p *parser) next(c byte) bool {
	p.space()
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}

func (p *parser) value(depth, limit int) (v value) {
	p.space()
	switch {
	case depth > maxDepth || len(p.b) == 0:
		p.ok = false
	case p.b[0] == '"':
		v.kind, v.text = text, p.string()
	case p.next('{'):
		v.kind = object
		p.list(&v, '}', depth, limit)
		p.ok = p.ok && unique(v.names)
	case p.next('['):
		v.kind = array
		p.list(&v, ']', depth, limit)
	default:
		v.kind, v.text = p.literal()
	}
	return v
}

// list reads the members of an array or object, and its end.
func (p *parser) list(v *value, end byte, depth, limit int) {
	for first := true; p.ok; first = false {
		if first && p.next(end) || !first && !p.next(',') {
			p.ok = first || p.next(end)
			return
		}
		if p.ok = len(v.members) < limit; !p.ok {
			return
		}
		if v.kind == object {
			p.space()
			v.names = append(v.names, p.string())
			p.ok = p.ok && p.next(':')
		}
		if p.ok {
			v.members = append(v.members, p.value(depth+1, maxMembers))
		}
	}
}

func unique(names [][]byte) bool {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		seen[string(n)] = true
	}
	return len(seen) == len(names)
}

// literal reads a number, true, false or null.
func (p *parser) literal() (kind, []byte) {
	n := bytes.IndexAny(p.b, " \t\r\n,]}")
	if n < 0 {
		n = len(p.b)
	}
	word := p.b[:n]
	p.b = p.b[n:]
	switch string(word) {
	case "null":
		return null, word
	case "true", "false":
		return boolean, word
	}
	p.ok = p.ok && isNumber(word)
	return number, word
}

// isNumber is the grammar of RFC 8259, section 6.
func isNumber(b []byte) bool {
	digits := func() bool {
		rest := bytes.TrimLeft(b, "0123456789")
		some := len(rest) < len(b)
		b = rest
		return some
	}
	b = bytes.TrimPrefix(b, []byte("-"))
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' || !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; !digits() {
			return false
		}
	}
	if len(b) > 0 && b[0]|0x20 == 'e' {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// string reads a text and unescapes it where it stands: no escape is shorter than
// what it means.
func (p *parser) string() []byte {
	if len(p.b) == 0 || p.b[0] != '"' {
		p.ok = false
		return nil
	}
	in := p.b[1:]
	out := in[:0]
	for p.ok && len(in) > 0 && in[0] != '"' {
		if in[0] == '\\' {
			r, n := unescape(in)
			if p.ok = n > 0; p.ok {
				out, in = utf8.AppendRune(out, r), in[n:]
			}
			continue
		}
		r, n := utf8.DecodeRune(in)
		p.ok = in[0] >= 0x20 && (r != utf8.RuneError || n > 1)
		out, in = append(out, in[:n]...), in[n:]
	}
	if p.ok = p.ok && len(in) > 0; !p.ok {
		return nil
	}
	p.b = in[1:]
	return out[:len(out):len(out)]
}

// unescape reads one escape and tells its length, 0 for none.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	if at := bytes.IndexByte([]byte(`"\/bfnrt`), b[1]); at >= 0 {
		return rune("\"\\/\b\f\n\r\t"[at]), 2
	}
	r, ok := unit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unit(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// unit reads \uXXXX.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}
