package create

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Fields reads one JSON object and collects all that is wrong with it. What is absent
// or null reads as the zero value.
type Fields struct {
	object strictjson.Value
	f      strictjson.Fields
	prefix string // "fee." of a member's members
	errs   *intake.FieldErrors
}

// Parse reads a body. Call Only next.
func Parse(body []byte) (*Fields, error) {
	v, err := strictjson.Parse(body)
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*fault.Error](err); ok {
			text = e.What
		}
		return nil, intake.FieldErrors{{Property: "body", Code: "isJson", Message: text}}
	}
	if v.Kind != strictjson.Object {
		return nil, intake.FieldErrors{{Property: "body", Code: "isObject", Message: "the body must be a JSON object"}}
	}
	return &Fields{object: v, errs: &intake.FieldErrors{}}, nil
}

// Bad is one bad field; the message goes on from its name.
func Bad(property, code, message string) error {
	return intake.FieldErrors{{Property: property, Code: code, Message: property + " " + message}}
}

func (f *Fields) reset() { *f.errs = nil }

// Only splits the object into the members of these names. Others are wrong.
func (f *Fields) Only(names ...string) *Fields {
	var unknown []string
	f.f, unknown = f.object.Object(names...)
	for _, name := range unknown {
		*f.errs = append(*f.errs, intake.FieldError{Property: f.prefix + name, Code: "whitelistValidation", Message: "property " + quote.Line(f.prefix+name) + " should not exist"})
	}
	return f
}

// Err gives all that is wrong, or nil.
func (f *Fields) Err() error {
	if len(*f.errs) == 0 {
		return nil
	}
	return *f.errs
}

// Fail notes a bad field; the message goes on from its name. Its value is shown only
// where it is a short scalar.
func (f *Fields) Fail(name, code, message string) {
	e := intake.FieldError{Property: f.prefix + name, Code: code, Message: f.prefix + name + " " + message}
	if v := f.f[name]; v.Kind > strictjson.Null && v.Kind < strictjson.Array && len(v.Text) <= maxShown {
		e.Value = v.Text
	}
	*f.errs = append(*f.errs, e)
}

// Has reports whether the member is there and not null.
func (f *Fields) Has(name string) bool { return f.f[name].Kind > strictjson.Null }

// Value gives the member as it is.
func (f *Fields) Value(name string) strictjson.Value { return f.f[name] }

// Need notes each of the members that is not there.
func (f *Fields) Need(names ...string) *Fields {
	for _, name := range names {
		if !f.Has(name) {
			f.Fail(name, "isDefined", "must be given")
		}
	}
	return f
}

// Text reads a string that is not empty and of at most that many bytes.
func (f *Fields) Text(name string, most int) string {
	v := f.f[name]
	switch {
	case !f.Has(name):
	case v.Kind != strictjson.String:
		f.Fail(name, "isString", "must be a string")
	case v.Text == "":
		f.Fail(name, "isNotEmpty", "must not be empty")
	case len(v.Text) > most:
		f.Fail(name, "maxLength", fmt.Sprintf("must have at most %d bytes", most))
	default:
		return v.Text
	}
	return ""
}

// Number reads an integer from least to most, nil where there is none.
func (f *Fields) Number(name string, least, most uint64) *uint64 {
	if !f.Has(name) {
		return nil
	}
	n, ok := f.f[name].Uint(most)
	if !ok || n < least {
		f.Fail(name, "isInt", fmt.Sprintf("must be an integer from %d to %d", least, most))
		return nil
	}
	return &n
}

// Index reads a derivation index.
func (f *Fields) Index(name string) *uint32 {
	n := f.Number(name, 0, uint64(chain.Hardened)-1)
	if n == nil {
		return nil
	}
	index := uint32(*n)
	return &index
}

// Bool reads true or false, false where there is none.
func (f *Fields) Bool(name string) bool {
	v := f.f[name]
	if f.Has(name) && v.Kind != strictjson.Bool {
		f.Fail(name, "isBoolean", "must be true or false")
	}
	return v.Kind == strictjson.Bool && v.Text == "true"
}

// Amount reads a string of a decimal number and gives it times 10^decimals, exactly;
// nil where there is none. Digits beyond that must be zeros.
func (f *Fields) Amount(name string, decimals int) *big.Int {
	v := f.f[name]
	if !f.Has(name) {
		return nil
	}
	n, ok := Decimal(v.Text, decimals)
	if v.Kind != strictjson.String || !ok {
		f.Fail(name, "isNumberString", fmt.Sprintf("must be a string of a decimal number with at most %d decimals", decimals))
		return nil
	}
	return n
}

// AmountNumber is Amount of what the documentation has as a JSON number, which may be
// a string too. The number's own text is read: no digit is lost.
func (f *Fields) AmountNumber(name string, decimals int) *big.Int {
	v := f.f[name]
	if !f.Has(name) {
		return nil
	}
	n, ok := Decimal(v.Text, decimals)
	if v.Kind != strictjson.Number && v.Kind != strictjson.String || !ok {
		f.Fail(name, "isNumber", fmt.Sprintf("must be a decimal number with at most %d decimals, without exponent", decimals))
		return nil
	}
	return n
}

// Decimal reads a decimal number, "+"?, digits with a point among them or none, and
// gives it times 10^decimals; ok is false for what is no such whole number of at most
// 256 bits.
func Decimal(text string, decimals int) (n *big.Int, ok bool) {
	whole, part, _ := strings.Cut(strings.TrimPrefix(text, "+"), ".")
	if len(part) > decimals {
		if strings.Trim(part[decimals:], "0") != "" {
			return nil, false
		}
		part = part[:decimals]
	}
	if digits := whole + part; digits == "" && !strings.Contains(text, "0") || len(text) > maxNumber || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	n, ok = new(big.Int).SetString("0"+whole+part+strings.Repeat("0", decimals-len(part)), 10)
	return n, ok && n.BitLen() <= 256
}

// Items reads an array of at most that many.
func (f *Fields) Items(name string, most int) []strictjson.Value {
	v := f.f[name]
	switch {
	case !f.Has(name):
	case v.Kind != strictjson.Array:
		f.Fail(name, "isArray", "must be an array")
	case len(v.Items) > most:
		f.Fail(name, "arrayMaxSize", fmt.Sprintf("must contain at most %d elements", most))
	default:
		return v.Items
	}
	return nil
}

// Member reads a member that is an object of the members named, nil where there is
// none.
func (f *Fields) Member(name string, names ...string) *Fields {
	if !f.Has(name) {
		return nil
	}
	return f.Item(name, f.f[name], names...)
}

// Item reads an element of an array, or any value, as an object of the members named.
// Property is its name in errors. What is no object has no members.
func (f *Fields) Item(property string, v strictjson.Value, names ...string) *Fields {
	m := &Fields{object: v, prefix: f.prefix + property + ".", errs: f.errs}
	if v.Kind != strictjson.Object {
		*f.errs = append(*f.errs, intake.FieldError{Property: f.prefix + property, Code: "isObject", Message: f.prefix + property + " must be an object"})
		m.f = strictjson.Fields{}
		return m
	}
	return m.Only(names...)
}

// Note joins what the named members say into the words that the operator reads beside
// the payment.
func Note(f *Fields, names ...string) string {
	var words []string
	for _, name := range names {
		if text := f.Text(name, maxNote); text != "" {
			words = append(words, name+" "+text)
		}
	}
	note := strings.Join(words, ", ")
	cut := min(len(note), bundle.MaxNote)
	for cut < len(note) && cut > 0 && !utf8.RuneStart(note[cut]) {
		cut--
	}
	return note[:cut]
}

// value gives a member of the object before Only.
func (f *Fields) value(name string) strictjson.Value {
	if at := slices.Index(f.object.Names, name); at >= 0 {
		return f.object.Items[at]
	}
	return strictjson.Value{}
}

// signatureIDs gives the text of every "signatureId" in the body, in order.
func (f *Fields) signatureIDs() (ids []string) {
	walk(f.object, func(name string, v strictjson.Value) {
		if name == "signatureId" && v.Kind != strictjson.Null {
			ids = append(ids, v.Text)
		}
	})
	return ids
}

// secrets refuses a body with a private key in it, which is not repeated.
func (f *Fields) secrets() error {
	var found intake.FieldErrors
	walk(f.object, func(name string, v strictjson.Value) {
		if slices.Contains([]string{"fromPrivateKey", "privateKey", "mnemonic", "fromSecret", "secret", "feePayerPrivateKey"}, name) && v.Kind != strictjson.Null && found == nil {
			found = intake.FieldErrors{{Property: name, Code: "isSecret",
				Message: name + " must not be sent: keys stay on the offline half. Give signatureId, and treat the key as known to others"}}
		}
	})
	if found == nil {
		return nil
	}
	return found
}

// walk gives every member of every object, at any depth; strictjson bounds both.
func walk(v strictjson.Value, do func(name string, v strictjson.Value)) {
	for i, item := range v.Items {
		if v.Kind == strictjson.Object {
			do(v.Names[i], item)
		}
		walk(item, do)
	}
}
