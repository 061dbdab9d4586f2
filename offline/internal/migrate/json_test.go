package migrate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// again writes a value as encoding/json would have it.
func again(v *value) any {
	switch v.kind {
	case text:
		return string(v.text)
	case number:
		return json.Number(v.text)
	case boolean:
		return string(v.text) == "true"
	case array:
		list := []any{}
		for i := range v.members {
			list = append(list, again(&v.members[i]))
		}
		return list
	case object:
		m := map[string]any{}
		for i := range v.members {
			m[string(v.names[i])] = again(&v.members[i])
		}
		return m
	}
	return nil
}

// other reads JSON with the standard library.
func other(t *testing.T, text []byte) (string, bool) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return "", false
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), true
}

// FuzzJSON holds the parser against the standard library: what it takes means the
// same there.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\n\"\\\/"],"b":{}}`, ` [ ] `, `0`, `""`, `"\u0000"`, `[1,]`, `{"a":1,"a":2}`, `01`, `1.`, `-`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, ok := parse(bytes.Clone(text), maxMembers)
		if !ok {
			return
		}
		want, ok := other(t, text)
		if !ok || !utf8.Valid(text) {
			t.Fatalf("%q was taken", text)
		}
		got, err := json.Marshal(again(v))
		if err != nil || string(got) != want {
			t.Fatalf("%q: %s, want %s: %v", text, got, want, err)
		}
	})
}

func TestJSON(t *testing.T) {
	for _, s := range []string{
		`{}`, `[]`, `null`, `true`, `-0`, `0`, `10`, `1e5`, `1E-5`, `0.25`, `" "`, `"é"`, "\t[\r\n1 , 2\t]\n", `"\b\f\n\r\t\"\/\\"`, `"\u00E9\u65e5\ud83d\ude00"`,
		`{"":{"a":[[[[[1]]]]]}}`, `[` + strings.Repeat("0,", maxMembers-1) + `0]`,
	} {
		v, ok := parse([]byte(s), maxMembers)
		want, fine := other(t, []byte(s))
		got, err := json.Marshal(again(v))
		if !ok || !fine || err != nil || string(got) != want {
			t.Errorf("%s: %v, %s, want %s", s, ok, got, want)
		}
	}
	for _, s := range []string{
		``, ` `, `{`, `}`, `[`, `]`, `"`, `"a`, `"\`, `"\u12"`, `"\u12g4"`, `"\x41"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\x7f\xff\"", "\"\xc0\x80\"", "\"\x1f\"", "\"\n\"",
		`[1,]`, `[,1]`, `[1 2]`, `[1`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1,"a":1}`, `{"a":1,"\u0061":1}`,
		`01`, `+1`, `1.`, `.5`, `1e`, `1e+`, `--1`, `0x1`, `-`, `NaN`, `True`, `nul`, `truefalse`, `1 1`, `{} {}`, "\ufeff{}", `[` + strings.Repeat("0,", maxMembers) + `0]`,
		strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2), `'a'`, `[1]//`, "\v1",
	} {
		if _, ok := parse([]byte(s), maxMembers); ok {
			t.Errorf("%q was taken", s)
		}
	}
}
