// Package strictjson reads JSON that can be read in one way only.
//
//	v, err := strictjson.Parse(body)
//	o := v.Object("chain", "index") // the members that may be there
//	index, ok := o["index"].Uint(32)
//
// encoding/json takes the last of two equal keys, matches keys in any case,
// mends broken UTF-8, and turns numbers into floats unless told otherwise: two
// readers of one document then see two payments. Parse refuses all of that, and
// keeps numbers as their text. It takes RFC 8259 documents in UTF-8 without a
// byte order mark, and nothing before or after.
package strictjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"coldsign/shared/fault"
)

// Kind is the kind of a value. The zero Kind is a value that is not there.
type Kind uint8

// The kinds.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Value is one JSON value.
type Value struct {
	Kind  Kind
	Text  string   // of a String its characters, of a Number or Bool its text
	Names []string // of an Object, in the document's order
	Items []Value  // of an Array its elements, of an Object its members' values
}

// Parse reads one document. Error: json.malformed, with the offset.
func Parse(b []byte) (Value, error) {
	p := &parser{b: b}
	if !utf8.Valid(b) {
		return Value{}, p.fail("it is not valid UTF-8")
	}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.at != len(b) {
		return Value{}, p.fail("something follows the document")
	}
	return v, nil
}

type parser struct {
	b      []byte
	at     int
	values int
}

func (p *parser) fail(what string) error {
	return fault.New("json.malformed", "", "not strict JSON at byte %d: %s", p.at, what)
}

// peek gives the next byte, 0 at the end: no token starts with 0.
func (p *parser) peek() byte {
	if p.at < len(p.b) {
		return p.b[p.at]
	}
	return 0
}

func (p *parser) space() {
	for c := p.peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = p.peek() {
		p.at++
	}
}

func (p *parser) value(depth int) (Value, error) {
	if p.values++; p.values > maxValues {
		return Value{}, p.fail("it has too many values")
	}
	p.space()
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == Depth {
			return Value{}, p.fail("it is nested too deeply")
		}
		p.at++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		s, err := p.string()
		return Value{Kind: String, Text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, k := range map[string]Kind{"null": Null, "true": Bool, "false": Bool} {
		if rest := p.b[p.at:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			p.at += len(word)
			return Value{Kind: k, Text: word}, nil
		}
	}
	return Value{}, p.fail("a value is missing")
}

// next takes the comma or the closing bracket after an element.
func (p *parser) next(end byte) (more bool, err error) {
	p.space()
	c := p.peek()
	if c != ',' && c != end {
		return false, p.fail("a comma or a closing bracket is missing")
	}
	p.at++
	return c == ',', nil
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	if p.space(); p.peek() == ']' {
		p.at++
		return v, nil
	}
	for more := true; more; {
		item, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, item)
		if more, err = p.next(']'); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: Object}
	if p.space(); p.peek() == '}' {
		p.at++
		return v, nil
	}
	for more := true; more; {
		p.space()
		name, err := p.string()
		if err != nil {
			return Value{}, err
		}
		for _, n := range v.Names {
			if n == name {
				return Value{}, p.fail("a name stands twice in one object")
			}
		}
		if len(v.Names) == maxMembers {
			return Value{}, p.fail("an object has too many members")
		}
		if p.space(); p.peek() != ':' {
			return Value{}, p.fail("a colon is missing")
		}
		p.at++
		item, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Names, v.Items = append(v.Names, name), append(v.Items, item)
		if more, err = p.next('}'); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

// number reads -? int frac? exp? and keeps the text.
func (p *parser) number() (Value, error) {
	start := p.at
	digits := func() bool {
		from := p.at
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.at++
		}
		return p.at > from
	}
	if p.peek() == '-' {
		p.at++
	}
	zero := p.peek() == '0'
	if from := p.at; !digits() || zero && p.at > from+1 {
		return Value{}, p.fail("a number is malformed")
	}
	if p.peek() == '.' {
		if p.at++; !digits() {
			return Value{}, p.fail("a number is malformed")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !digits() {
			return Value{}, p.fail("a number is malformed")
		}
	}
	if p.at-start > maxNumber {
		return Value{}, p.fail("a number is too long")
	}
	return Value{Kind: Number, Text: string(p.b[start:p.at])}, nil
}

// string reads a string and its escapes. A surrogate must have its pair.
func (p *parser) string() (string, error) {
	if p.peek() != '"' {
		return "", p.fail("a string is missing")
	}
	p.at++
	start := p.at
	for c := p.peek(); c >= 0x20 && c != '"' && c != '\\'; c = p.peek() {
		p.at++
	}
	s := p.b[start:p.at:p.at]
	for {
		switch c := p.peek(); {
		case c == '"':
			p.at++
			return string(s), nil
		case c < 0x20:
			return "", p.fail("a string is not closed, or holds a control character")
		case c != '\\':
			s = append(s, c)
			p.at++
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, r)
		}
	}
}

func (p *parser) escape() (rune, error) {
	p.at++
	c := p.peek()
	p.at++
	if plain, ok := map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[c]; ok {
		return plain, nil
	}
	if c != 'u' {
		return 0, p.fail("an escape is unknown")
	}
	r, ok := p.hex4()
	if ok && utf16.IsSurrogate(r) {
		ok = p.peek() == '\\'
		p.at++
		ok = ok && p.peek() == 'u'
		p.at++
		low, is := p.hex4()
		r = utf16.DecodeRune(r, low)
		ok = ok && is && r != utf8.RuneError
	}
	if !ok {
		return 0, p.fail("an escape is malformed, or half a surrogate pair")
	}
	return r, nil
}

func (p *parser) hex4() (rune, bool) {
	if len(p.b)-p.at < 4 {
		return 0, false
	}
	for _, c := range p.b[p.at : p.at+4] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(p.b[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(n), err == nil
}
